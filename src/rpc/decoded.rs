//! What did a transaction do, in words its author knows?

use super::{
    Answer, Api, RpcContext, RpcError,
    debug::trace::{mined, replay_of},
};
use crate::{
    artifacts::Library,
    evm::trace::{self, RecordedCall, TraceError, TraceLimits, Watch},
    explain::{self, ConsoleLog, console_logs},
};
use alloy_primitives::B256;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Transactions executed once more and explained; nothing of it is stored.
#[rpc(server, namespace = "chain")]
pub trait Decoded {
    /// What a mined transaction handed to `console.log`, in order.
    #[method(name = "getConsoleLogs")]
    async fn console_logs(&self, hash: B256) -> Answer<Vec<ConsoleLog>>;

    /// What a mined transaction did: its calls with the names that `--artifacts` give them, and if it
    /// failed why and where, down to the line of the source.
    #[method(name = "traceDecoded")]
    async fn trace_decoded(&self, hash: B256) -> Answer<Box<RawValue>>;
}

#[async_trait]
impl DecodedServer for Api {
    async fn console_logs(&self, hash: B256) -> Answer<Vec<ConsoleLog>> {
        let work = self.tracing(false, move |node, limits| {
            let library = node.told.shelf.library();
            Ok(console_logs(&recorded(node, hash, limits, &library)?))
        });
        work.await
    }

    async fn trace_decoded(&self, hash: B256) -> Answer<Box<RawValue>> {
        let work = self.tracing(false, move |node, limits| {
            let library = node.told.shelf.library();
            let call = recorded(node, hash, limits, &library)?;
            let decoded =
                explain::decode(&library, &call, limits.bytes).map_err(TraceError::from)?;
            Ok(decoded.ok_or(TraceError::TooLarge { limit: limits.bytes })?)
        });
        work.await
    }
}

fn recorded(
    node: &RpcContext,
    hash: B256,
    limits: &TraceLimits,
    library: &Arc<Library>,
) -> Answer<RecordedCall> {
    let (block, index) = mined(node, hash)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let block = replay_of(node, block)?;
    let mut recorded = None;
    let wanted = |at| at == index;
    let told = |_, call| {
        recorded = Some(call);
        false
    };
    let watch = Watch { limits, library };
    trace::record_transactions(spec, settings, block, wanted, watch, told)?;
    recorded.ok_or(RpcError::TransactionNotFound)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
