//! What is new? News of the chain, pushed over WebSocket.

#![expect(
    clippy::disallowed_methods,
    reason = "jsonrpsee's macro starts the refusal of a subscription"
)]

use crate::{
    chain::ChainEvent,
    rpc::{Api, convert, error::SERVER_ERROR},
    storage::StoredBlock,
};
use alloy_rpc_types::{
    Filter, Log,
    pubsub::{Params, SubscriptionKind},
};
use jsonrpsee::{
    Methods, PendingSubscriptionSink, SubscriptionMessage,
    core::{SubscriptionResult, async_trait},
    proc_macros::rpc,
    types::{ErrorObjectOwned, error::INVALID_PARAMS_CODE},
};
use serde_json::value::RawValue;
use tokio::sync::broadcast::error::RecvError;

/// Subscriptions. A client that reads too slowly for the buffers is told so and unsubscribed.
#[rpc(server, namespace = "eth")]
pub trait Subscribe {
    /// `newHeads`: a header for every new block. `logs`: every new event that
    /// matches the filter, and each again with `removed` when its block is gone.
    #[subscription(name = "subscribe" => "subscription", unsubscribe = "unsubscribe", item = serde_json::Value)]
    async fn subscribe(&self, kind: SubscriptionKind, params: Option<Params>)
    -> SubscriptionResult;
}

#[async_trait]
impl SubscribeServer for Api {
    async fn subscribe(
        &self,
        pending: PendingSubscriptionSink,
        kind: SubscriptionKind,
        params: Option<Params>,
    ) -> SubscriptionResult {
        match Topic::of(kind, params) {
            Ok(topic) => self.publish(pending, topic).await,
            Err(refusal) => {
                pending.reject(refusal).await;
                Ok(())
            }
        }
    }
}

/// What a subscriber wants to hear of.
enum Topic {
    Heads,
    Logs(Box<Filter>),
}

impl Topic {
    fn of(kind: SubscriptionKind, params: Option<Params>) -> Result<Self, ErrorObjectOwned> {
        match (kind, params.unwrap_or_default()) {
            (SubscriptionKind::NewHeads, Params::None) => Ok(Self::Heads),
            (SubscriptionKind::Logs, Params::None) => Ok(Self::Logs(Box::default())),
            (SubscriptionKind::Logs, Params::Logs(filter)) => Ok(Self::Logs(filter)),
            (SubscriptionKind::NewHeads | SubscriptionKind::Logs, _) => {
                let text = "these parameters do not belong to this subscription";
                Err(ErrorObjectOwned::owned(INVALID_PARAMS_CODE, text, None::<()>))
            }
            (kind, _) => {
                let text = format!("no subscription of kind {kind:?}; there are newHeads and logs");
                Err(ErrorObjectOwned::owned(SERVER_ERROR, text, None::<()>))
            }
        }
    }

    /// What an event means to this subscriber.
    fn news(&self, event: &ChainEvent) -> serde_json::Result<Vec<Box<RawValue>>> {
        use serde_json::value::to_raw_value;
        match (self, event) {
            (Self::Heads, ChainEvent::NewHead(new)) => {
                Ok(vec![to_raw_value(&convert::header(&new.block.header))?])
            }
            (Self::Heads, ChainEvent::Unwound { .. }) => Ok(Vec::new()),
            (Self::Logs(filter), ChainEvent::NewHead(new)) => {
                matching(filter, new, false).iter().map(to_raw_value).collect()
            }
            (Self::Logs(filter), ChainEvent::Unwound { removed, .. }) => {
                let newest_first = removed.iter().rev();
                let gone = newest_first.flat_map(|block| matching(filter, block, true));
                gone.map(|log| to_raw_value(&log)).collect()
            }
        }
    }
}

/// The events of a block that the filter wants, marked if the block is gone.
fn matching(filter: &Filter, stored: &StoredBlock, removed: bool) -> Vec<Log> {
    let mut found =
        convert::logs(&stored.block, &stored.receipts, |event: &_| filter.matches(event));
    found.iter_mut().for_each(|log| log.removed = removed);
    found
}

impl Api {
    /// Sends news until the client leaves, or falls behind.
    async fn publish(&self, pending: PendingSubscriptionSink, topic: Topic) -> SubscriptionResult {
        let mut events = self.chain.subscribe();
        let sink = pending.accept().await?;
        loop {
            let event = tokio::select! {
                () = sink.closed() => return Ok(()),
                event = events.recv() => event,
            };
            match event {
                Ok(event) => {
                    for item in topic.news(&event)? {
                        sink.send(SubscriptionMessage::from(item)).await?;
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    return Err(format!("{missed} blocks were missed; subscribe again").into());
                }
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
