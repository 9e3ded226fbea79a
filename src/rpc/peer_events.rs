//! `admin_subscribe`: who comes and who goes? Peers, told over WebSocket or IPC as it happens.

#![expect(
    clippy::disallowed_methods,
    reason = "jsonrpsee's macro starts the refusal of a subscription"
)]

use super::{
    Api, RpcError,
    peers::PeersError,
    push::{Ended, Subscriber, ended},
};
use crate::network::{NetworkHandle, PeerChange, PeerEvent};
use jsonrpsee::{
    Extensions, Methods, PendingSubscriptionSink,
    core::{SubscriptionResult, async_trait},
    proc_macros::rpc,
};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// News of peers, as in geth.
#[rpc(server, namespace = "admin")]
pub trait PeerEvents {
    /// `peerEvents`: `add` when a peer is connected, `drop` with the reason when it is no more.
    #[subscription(
        name = "subscribe" => "subscription",
        unsubscribe = "unsubscribe",
        item = serde_json::Value,
        with_extensions
    )]
    async fn subscribe(&self, kind: String) -> SubscriptionResult;

    /// The same, under a name of its own, as in reth.
    #[subscription(
        name = "peerEvents",
        unsubscribe = "peerEvents_unsubscribe",
        item = serde_json::Value,
        with_extensions
    )]
    async fn peer_events(&self) -> SubscriptionResult;
}

/// One piece of news, with geth's names.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    peer: String,
    /// Why it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Where this node listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    remote: String,
}

impl Told {
    fn of(event: PeerEvent, network: &NetworkHandle) -> Self {
        let (kind, error) = match event.change {
            PeerChange::Came => ("add", None),
            PeerChange::Went { reason } => ("drop", Some(reason)),
        };
        let local = network.listen_addresses().first().map(ToString::to_string);
        let (peer, remote) = (event.peer.to_string(), event.address.to_string());
        Self { kind, peer, error, local, remote }
    }
}

#[async_trait]
impl PeerEventsServer for Api {
    async fn subscribe(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
        kind: String,
    ) -> SubscriptionResult {
        if kind == "peerEvents" {
            return self.push_peers(pending, extensions).await;
        }
        let kind = kind.chars().take(80).collect();
        pending.reject(RpcError::from(PeersError::NoSubscription(kind))).await;
        Ok(())
    }

    async fn peer_events(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
    ) -> SubscriptionResult {
        self.push_peers(pending, extensions).await
    }
}

impl Api {
    async fn push_peers(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
    ) -> SubscriptionResult {
        let Some(network) = &self.network else {
            pending.reject(RpcError::from(PeersError::NoNetwork)).await;
            return Ok(());
        };
        let _counted = self.subscription();
        // From before the client hears that it has subscribed: nothing is lost in between.
        let events = network.events();
        match Subscriber::accept(self, pending, extensions).await {
            Ok(subscriber) => ended(push_all(network, events, &subscriber).await),
            Err(gone) => ended(Err(gone)),
        }
    }
}

async fn push_all(
    network: &NetworkHandle,
    mut events: Receiver<PeerEvent>,
    subscriber: &Subscriber,
) -> Result<(), Ended> {
    loop {
        let next = tokio::select! {
            () = subscriber.closed() => return Ok(()),
            next = events.recv() => next,
        };
        match next {
            Ok(event) => subscriber.push(&Told::of(event, network)).await?,
            Err(RecvError::Lagged(missed)) => return Err(PeersError::Missed { missed }.into()),
            Err(RecvError::Closed) => return Err(PeersError::NetworkEnded.into()),
        }
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
