//! What would whole blocks do?

use crate::{
    evm::{
        CallResult, revert_message,
        simulate::{SimulatedBlock, SimulatedCall, SimulationRequest, simulate},
    },
    primitives::Block,
    rpc::{Answer, Api, RpcContext, RpcError, convert, error::REVERTED, params::At, resolve},
};
use alloy_eips::BlockId;
use alloy_primitives::B256;
use alloy_rpc_types::{
    Block as RpcBlock, Log as RpcLog,
    simulate::{SimCallResult, SimulateError, SimulatedBlock as RpcSimulatedBlock},
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Code of a simulated call that stopped with an error.
const VM_ERROR: i32 = -32015;

/// Blocks that are executed on top of any block since genesis and never appended.
#[rpc(server, namespace = "eth")]
pub trait Simulate {
    /// Runs calls in blocks of their own, with accounts and blocks changed if wanted, and answers
    /// the blocks with what each call did.
    #[method(name = "simulateV1")]
    async fn simulate_v1(
        &self,
        request: SimulationRequest,
        block: Option<At>,
    ) -> Answer<Vec<RpcSimulatedBlock<RpcBlock>>>;
}

#[async_trait]
impl SimulateServer for Api {
    async fn simulate_v1(
        &self,
        request: SimulationRequest,
        block: Option<At>,
    ) -> Answer<Vec<RpcSimulatedBlock<RpcBlock>>> {
        self.blocking(move |node| run(node, request, At::or_latest(block))).await
    }
}

fn run(
    node: &RpcContext,
    request: SimulationRequest,
    base: BlockId,
) -> Answer<Vec<RpcSimulatedBlock<RpcBlock>>> {
    let full = request.return_full_transactions.unwrap_or(false);
    let header = resolve::canonical(&node.chain, base)?;
    let foundation = node.chain.foundation(header.number)?;
    if base.is_hash() && foundation.header.seal() != header.seal() {
        return Err(RpcError::NotCanonical);
    }
    let blocks = simulate(&node.chain.spec(), node.chain.evm_settings(), foundation, request)?;
    Ok(blocks.into_iter().map(|block| shown(block, full)).collect())
}

fn shown(simulated: SimulatedBlock, full: bool) -> RpcSimulatedBlock<RpcBlock> {
    let SimulatedBlock { block, calls } = simulated;
    let hashes = block.body.transactions.iter().map(|tx| tx.hash());
    let each = (0..).zip(hashes).zip(calls);
    let calls = each.map(|((index, hash), call)| shown_call(&block, index, hash, call)).collect();
    RpcSimulatedBlock { inner: convert::block(&block, full), calls }
}

fn shown_call(block: &Block, index: u64, hash: B256, call: SimulatedCall) -> SimCallResult {
    let log = |event: crate::evm::simulate::SimulatedEvent| RpcLog {
        inner: event.log,
        block_hash: Some(block.hash()),
        block_number: Some(block.number()),
        block_timestamp: Some(block.header.timestamp),
        transaction_hash: Some(hash),
        transaction_index: Some(index),
        log_index: Some(event.index),
        removed: false,
    };
    SimCallResult {
        return_data: call.return_data(),
        logs: call.events.into_iter().map(log).collect(),
        gas_used: call.gas_used,
        max_used_gas: Some(call.max_used_gas),
        status: matches!(call.result, CallResult::Success { .. }),
        error: failure(call.result),
    }
}

fn failure(result: CallResult) -> Option<SimulateError> {
    match result {
        CallResult::Success { .. } => None,
        CallResult::Revert { output } => Some(SimulateError {
            code: REVERTED,
            message: revert_message(&output),
            data: Some(output),
        }),
        CallResult::Halt { reason } => Some(SimulateError {
            code: VM_ERROR,
            message: format!("vm execution error: {reason}"),
            data: None,
        }),
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
