//! What is new? News of the chain and the pool, pushed over WebSocket.
//!
//! A subscriber is a place in the history of the chain: it is read on whenever the client has taken
//! what was sent, so that a slow client holds up nobody, costs no more memory than a fast one, and
//! still hears of every block once and in order. A client that takes nothing for
//! [`RpcLimits::patience`](crate::rpc::RpcLimits) is unsubscribed and told so.

#![expect(
    clippy::disallowed_methods,
    reason = "jsonrpsee's macro starts the refusal of a subscription"
)]

use super::error::WatchError;
use super::news::{LogWatch, News, Topic};
use crate::{
    chain::Cursor,
    rpc::{
        Api, RpcError,
        push::{Ended, Subscriber, ended},
    },
};
use alloy_rpc_types::{Filter, pubsub::TransactionReceiptsParams};
use jsonrpsee::{
    Extensions, Methods, PendingSubscriptionSink,
    core::{SubscriptionResult, async_trait},
    proc_macros::rpc,
    types::{ErrorObjectOwned, error::INVALID_PARAMS_CODE},
};
use serde_json::Value;
use tokio::sync::watch;

/// Transactions that one subscription to receipts may name, as in geth.
const MAX_TRANSACTIONS: usize = 200;
/// Transactions read from the pool at a time.
const READ: usize = 256;

/// Subscriptions.
#[rpc(server, namespace = "eth")]
pub trait Subscribe {
    /// `newHeads`: a header for every new block. `logs`: every new event that matches the filter, and
    /// each again with `removed` when its block is gone. `newPendingTransactions`: the hash of every
    /// transaction that can run, or with `true` the whole of it. `transactionReceipts`: the receipts
    /// of every new block, or of the `transactionHashes` that are named. `syncing`: false, at once.
    #[subscription(
        name = "subscribe" => "subscription",
        unsubscribe = "unsubscribe",
        item = serde_json::Value,
        with_extensions
    )]
    async fn subscribe(&self, kind: Option<Value>, params: Option<Value>) -> SubscriptionResult;
}

#[async_trait]
impl SubscribeServer for Api {
    async fn subscribe(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
        kind: Option<Value>,
        params: Option<Value>,
    ) -> SubscriptionResult {
        let kind = kind.as_ref().and_then(Value::as_str);
        let wanted = match self.wanted(kind, params.unwrap_or_default()) {
            Ok(wanted) => wanted,
            Err(refusal) => {
                pending.reject(refusal).await;
                return Ok(());
            }
        };
        let _counted = self.subscription();
        ended(self.push_wanted(wanted, pending, extensions).await)
    }
}

/// What a subscriber asked for.
enum Wanted {
    Chain(Topic),
    Pool { full: bool },
    Syncing,
}

impl Api {
    fn wanted(&self, kind: Option<&str>, params: Value) -> Result<Wanted, ErrorObjectOwned> {
        let Some(kind) = kind else {
            let text = "expected subscription name as first argument";
            return Err(ErrorObjectOwned::owned(INVALID_PARAMS_CODE, text, None::<()>));
        };
        match kind {
            "newHeads" => Ok(Wanted::Chain(Topic::Heads)),
            "logs" => {
                let filter = read::<Filter>(params)?;
                Ok(Wanted::Chain(Topic::Logs(LogWatch::new(self, filter)?.into())))
            }
            "newPendingTransactions" => Ok(Wanted::Pool { full: read(params)? }),
            "transactionReceipts" => {
                let params = read::<TransactionReceiptsParams>(params)?;
                let hashes = params.transaction_hashes.unwrap_or_default();
                let (given, limit) = (hashes.len(), MAX_TRANSACTIONS);
                if given > limit {
                    return Err(refused(WatchError::TooManyHashes { given, limit }));
                }
                Ok(Wanted::Chain(Topic::Receipts(hashes.into_iter().collect())))
            }
            "syncing" => Ok(Wanted::Syncing),
            other => Err(refused(WatchError::NoSubscription(other.chars().take(80).collect()))),
        }
    }

    /// Everything is looked up before the client hears that it has subscribed: nothing is lost in between.
    async fn push_wanted(
        &self,
        wanted: Wanted,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
    ) -> Result<(), Ended> {
        let (cursor, arrivals) = (self.chain.follow(), self.pool.arrivals());
        let subscriber = Subscriber::accept(self, pending, extensions).await?;
        match wanted {
            Wanted::Chain(topic) => self.push_chain(&subscriber, &topic, cursor).await,
            Wanted::Pool { full } => self.push_pool(&subscriber, arrivals, full).await,
            Wanted::Syncing => push_syncing(&subscriber).await,
        }
    }

    async fn push_chain(
        &self,
        subscriber: &Subscriber,
        topic: &Topic,
        mut cursor: Cursor,
    ) -> Result<(), Ended> {
        let mut changes = self.chain.changes();
        loop {
            changes.mark_unchanged();
            while let Some(event) = self.next_event(&mut cursor).await? {
                for news in topic.news(self, &event) {
                    subscriber.push(&news).await?;
                }
            }
            tokio::select! {
                () = subscriber.closed() => return Ok(()),
                changed = changes.changed() => changed.map_err(|_chain_ended| Ended::Gone)?,
            }
        }
    }

    async fn push_pool(
        &self,
        subscriber: &Subscriber,
        mut arrivals: watch::Receiver<u64>,
        full: bool,
    ) -> Result<(), Ended> {
        let mut seen = *arrivals.borrow_and_update();
        loop {
            arrivals.mark_unchanged();
            let arrived = self.pool.arrived_after(seen, READ).map_err(WatchError::from)?;
            for tx in &arrived {
                subscriber.push(&News::transaction(tx, full)).await?;
            }
            seen += arrived.len() as u64;
            if !arrived.is_empty() {
                continue;
            }
            tokio::select! {
                () = subscriber.closed() => return Ok(()),
                changed = arrivals.changed() => changed.map_err(|_pool_ended| Ended::Gone)?,
            }
        }
    }
}

/// The node always has its whole chain: there is one thing to say.
async fn push_syncing(subscriber: &Subscriber) -> Result<(), Ended> {
    subscriber.push(&false).await?;
    subscriber.closed().await;
    Ok(())
}

fn refused(error: WatchError) -> ErrorObjectOwned {
    RpcError::from(error).into()
}

/// The second parameter; none, and an empty object, are what there is by default.
fn read<T: serde::de::DeserializeOwned + Default>(params: Value) -> Result<T, ErrorObjectOwned> {
    if params.is_null() || params.as_object().is_some_and(|fields| fields.is_empty()) {
        return Ok(T::default());
    }
    serde_json::from_value(params).map_err(|error| {
        let text = format!("invalid argument 1: {error}");
        ErrorObjectOwned::owned(INVALID_PARAMS_CODE, text, None::<()>)
    })
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
