//! What happened in a transaction, and what is at an address?

use crate::{
    evm::trace::{self, ExplorerView, TraceLimits},
    rpc::{
        Answer, Api, RpcContext, debug::trace::replay_of, eth::transactions::mined, params::At,
        resolve,
    },
};
use alloy_primitives::{Address, B256, Bytes};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::value::RawValue;

/// Transactions executed again. One that does not exist is null.
#[rpc(server, namespace = "ots")]
pub trait Inside {
    /// Wei that moved inside of a transaction (type 0), contracts that destroyed themselves (1) or were
    /// created (2, and 3 by CREATE2). What was taken back is left out.
    #[method(name = "getInternalOperations")]
    async fn internal_operations(&self, hash: B256) -> Answer<Option<Box<RawValue>>>;

    /// Every call of a transaction, outermost first.
    #[method(name = "traceTransaction")]
    async fn trace_transaction(&self, hash: B256) -> Answer<Option<Box<RawValue>>>;

    /// What a failed transaction reverted with; `0x` if it did not fail, or said nothing.
    #[method(name = "getTransactionError")]
    async fn transaction_error(&self, hash: B256) -> Answer<Option<Bytes>>;

    /// Is there code at an address?
    #[method(name = "hasCode")]
    fn has_code(&self, address: Address, block: Option<At>) -> Answer<bool>;
}

#[async_trait]
impl InsideServer for Api {
    async fn internal_operations(&self, hash: B256) -> Answer<Option<Box<RawValue>>> {
        self.tracing(false, move |node, limits| {
            traced(node, hash, ExplorerView::Operations, limits)
        })
        .await
    }

    async fn trace_transaction(&self, hash: B256) -> Answer<Option<Box<RawValue>>> {
        self.tracing(false, move |node, limits| traced(node, hash, ExplorerView::Calls, limits))
            .await
    }

    async fn transaction_error(&self, hash: B256) -> Answer<Option<Bytes>> {
        self.blocking(move |node| error_of(node, hash)).await
    }

    fn has_code(&self, address: Address, block: Option<At>) -> Answer<bool> {
        let (_, view) = resolve::state(&self.chain, At::or_latest(block))?;
        Ok(view.account(address)?.is_some_and(|account| account.has_code()))
    }
}

fn traced(
    node: &RpcContext,
    hash: B256,
    view: ExplorerView,
    limits: &TraceLimits,
) -> Answer<Option<Box<RawValue>>> {
    let Some((block, index)) = mined(node, hash)? else { return Ok(None) };
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let block = replay_of(node, block)?;
    Ok(trace::trace_for_explorer(spec, settings, block, index, view, limits)?)
}

fn error_of(node: &RpcContext, hash: B256) -> Answer<Option<Bytes>> {
    let Some((block, index)) = mined(node, hash)? else { return Ok(None) };
    let receipts = resolve::receipts(&node.chain, &block)?;
    let Some(receipts) = receipts else { return Ok(None) };
    // Before Byzantium a receipt does not say.
    let succeeded = receipts.get(index).is_some_and(|it| it.status.as_eip658() == Some(true));
    if succeeded {
        return Ok(Some(Bytes::new()));
    }
    Ok(node.chain.failure_in(&block, index)?)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
