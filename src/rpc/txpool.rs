//! `txpool_*`: what waits?

use super::{Answer, Api, RpcContext, convert};
use crate::{pool::Content, primitives::Transaction};
use alloy_primitives::Address;
use alloy_rpc_types::{
    Transaction as RpcTransaction,
    txpool::{TxpoolContent, TxpoolContentFrom, TxpoolInspect, TxpoolInspectSummary, TxpoolStatus},
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use std::collections::BTreeMap;

/// Bytes that a transaction takes in an answer at least.
const LEAST_SHOWN: usize = 600;

/// More waits than one answer can hold.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "{transactions} transactions do not fit into an answer of {bytes} bytes; ask for those of one sender \
     with txpool_contentFrom, or for a line each with txpool_inspect"
)]
pub struct PoolTooLarge {
    /// That wait.
    transactions: usize,
    /// Bytes allowed.
    bytes: usize,
}

/// One half of what waits, by sender and nonce.
type Half<T> = BTreeMap<Address, BTreeMap<String, T>>;

/// The pool: `pending` can run, `queued` waits for a nonce before it.
#[rpc(server, namespace = "txpool")]
pub trait Txpool {
    /// Every transaction.
    #[method(name = "content")]
    async fn content(&self) -> Answer<TxpoolContent<RpcTransaction>>;

    /// Every transaction of one sender.
    #[method(name = "contentFrom")]
    fn content_from(&self, sender: Address) -> Answer<TxpoolContentFrom<RpcTransaction>>;

    /// Every transaction in a line of words.
    #[method(name = "inspect")]
    async fn inspect(&self) -> Answer<TxpoolInspect>;

    /// How many.
    #[method(name = "status")]
    fn status(&self) -> Answer<TxpoolStatus>;
}

#[async_trait]
impl TxpoolServer for Api {
    async fn content(&self) -> Answer<TxpoolContent<RpcTransaction>> {
        self.blocking(|node| {
            check_fits(node)?;
            let Content { pending, queued } = node.pool.content();
            let (pending, queued) =
                (half(pending, convert::waiting), half(queued, convert::waiting));
            Ok(TxpoolContent { pending, queued })
        })
        .await
    }

    fn content_from(&self, sender: Address) -> Answer<TxpoolContentFrom<RpcTransaction>> {
        let Content { pending, queued } = self.pool.content_of(sender);
        let of_sender = |waiting| half(waiting, convert::waiting).remove(&sender);
        Ok(TxpoolContentFrom {
            pending: of_sender(pending).unwrap_or_default(),
            queued: of_sender(queued).unwrap_or_default(),
        })
    }

    async fn inspect(&self) -> Answer<TxpoolInspect> {
        self.blocking(|node| {
            let Content { pending, queued } = node.pool.content();
            Ok(TxpoolInspect { pending: half(pending, summary), queued: half(queued, summary) })
        })
        .await
    }

    fn status(&self) -> Answer<TxpoolStatus> {
        let (pending, queued) = (self.pool.pending_len() as u64, self.pool.queued_len() as u64);
        Ok(TxpoolStatus { pending, queued })
    }
}

/// Refuses what cannot fit into an answer before it takes memory.
pub(super) fn check_fits(node: &RpcContext) -> Answer<()> {
    let (transactions, bytes) = (node.pool.len(), node.limits.response_bytes as usize);
    match transactions > bytes / LEAST_SHOWN {
        true => Err(PoolTooLarge { transactions, bytes }.into()),
        false => Ok(()),
    }
}

fn summary(tx: &Transaction) -> TxpoolInspectSummary {
    TxpoolInspectSummary::from_tx(tx.envelope().clone())
}

fn half<T>(
    waiting: BTreeMap<Address, BTreeMap<u64, Transaction>>,
    show: impl Fn(&Transaction) -> T,
) -> Half<T> {
    let of_sender = |(sender, queue): (Address, BTreeMap<u64, Transaction>)| {
        (sender, queue.iter().map(|(nonce, tx)| (nonce.to_string(), show(tx))).collect())
    };
    waiting.into_iter().map(of_sender).collect()
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
