//! How does news come to a subscriber? In its order, as fast as the client takes it and its share of
//! bytes lasts; whoever waits keeps one piece of news and a place, not what came since.

use super::{Api, RpcError, clients::Visitor, eth::error::WatchError};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::{SubscriptionResult, server::SendTimeoutError},
};
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::time::Duration;

/// One subscription of one client.
pub(super) struct Subscriber {
    sink: SubscriptionSink,
    /// `None` for who has no limits: a program that came over the Unix socket.
    visitor: Option<Visitor>,
    /// So long it may take nothing.
    patience: Duration,
}

/// Why a subscription is over.
pub(super) enum Ended {
    /// The client has left.
    Gone,
    /// It is told why.
    Because(RpcError),
}

impl<E: Into<RpcError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Because(error.into())
    }
}

/// What the client hears when a subscription is over.
pub(super) fn ended(done: Result<(), Ended>) -> SubscriptionResult {
    match done {
        Ok(()) | Err(Ended::Gone) => Ok(()),
        Err(Ended::Because(reason)) => Err(format!("{reason}; subscribe again").into()),
    }
}

impl Subscriber {
    /// Tells the client the id of its subscription. The extensions are those of its request.
    pub(super) async fn accept(
        api: &Api,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
    ) -> Result<Self, Ended> {
        let visitor = extensions.get::<Visitor>().cloned();
        let sink = pending.accept().await.map_err(|_client_left| Ended::Gone)?;
        Ok(Self { sink, visitor, patience: api.limits.patience })
    }

    /// Returns when the client has left, or wants no more news.
    pub(super) async fn closed(&self) {
        self.sink.closed().await;
    }

    /// Sends one piece of news, waiting for a slow client as long as it takes anything at all, and for one
    /// that has had its share of bytes until it may have more.
    pub(super) async fn push(&self, news: &impl Serialize) -> Result<(), Ended> {
        let message = to_raw_value(news).map_err(|_not_json| RpcError::WorkerLost)?;
        let bytes = message.get().len();
        self.wait_for_its_share().await?;
        let sent = self.sink.send_timeout(SubscriptionMessage::from(message), self.patience).await;
        match sent {
            Ok(()) => {
                self.visitor.iter().for_each(|visitor| visitor.spend(bytes));
                Ok(())
            }
            Err(SendTimeoutError::Closed(_)) => Err(Ended::Gone),
            Err(SendTimeoutError::Timeout(_)) => {
                Err(WatchError::SlowReader { patience: self.patience }.into())
            }
        }
    }

    async fn wait_for_its_share(&self) -> Result<(), Ended> {
        while let Some(wait) = self.visitor.as_ref().and_then(Visitor::overdrawn) {
            tokio::select! {
                () = self.sink.closed() => return Err(Ended::Gone),
                () = tokio::time::sleep(wait) => {}
            }
        }
        Ok(())
    }
}
