//! What did a transaction do, in words its author knows?

use super::{
    Answer, Api, RpcContext, RpcError,
    debug::trace::{mined, replay_of},
};
use crate::{
    evm::trace::{self, RecordedCall, TraceLimits},
    explain::{ConsoleLog, console_logs},
};
use alloy_primitives::B256;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Transactions executed once more and explained; nothing of it is stored.
#[rpc(server, namespace = "chain")]
pub trait Decoded {
    /// What a mined transaction handed to `console.log`, in order.
    #[method(name = "getConsoleLogs")]
    async fn console_logs(&self, hash: B256) -> Answer<Vec<ConsoleLog>>;
}

#[async_trait]
impl DecodedServer for Api {
    async fn console_logs(&self, hash: B256) -> Answer<Vec<ConsoleLog>> {
        let work = self
            .tracing(false, move |node, limits| Ok(console_logs(&recorded(node, hash, limits)?)));
        work.await
    }
}

fn recorded(node: &RpcContext, hash: B256, limits: &TraceLimits) -> Answer<RecordedCall> {
    let (block, index) = mined(node, hash)?;
    let (spec, settings) = (node.chain.spec(), node.chain.evm_settings());
    let block = replay_of(node, block)?;
    let mut recorded = None;
    let wanted = |at| at == index;
    let told = |_, call| {
        recorded = Some(call);
        false
    };
    trace::record_transactions(spec, settings, block, wanted, limits, told)?;
    recorded.ok_or(RpcError::TransactionNotFound)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
