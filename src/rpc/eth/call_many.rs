//! What would these calls do, one after the other?

use super::call::failure_text;
use crate::{
    evm::{CallResult, run_many},
    primitives::SealedHeader,
    rpc::{Answer, Api, RpcContext, RpcError, params::At, resolve},
    state::StateView,
};
use alloy_eips::BlockId;
use alloy_rpc_types::{
    Bundle, EthCallResponse, StateContext, TransactionIndex, state::StateOverride,
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use std::sync::Arc;

/// Calls in bundles, in the shape that erigon and reth share.
#[rpc(server, namespace = "eth")]
pub trait CallMany {
    /// Runs bundles of calls on the state of a block, or inside it before one of its transactions.
    /// Each call sees what those before it did; each bundle is in a block of its own.
    #[method(name = "callMany")]
    async fn call_many(
        &self,
        bundles: Vec<Bundle>,
        state_context: Option<StateContext>,
        state_overrides: Option<StateOverride>,
    ) -> Answer<Vec<Vec<EthCallResponse>>>;
}

#[async_trait]
impl CallManyServer for Api {
    async fn call_many(
        &self,
        bundles: Vec<Bundle>,
        state_context: Option<StateContext>,
        state_overrides: Option<StateOverride>,
    ) -> Answer<Vec<Vec<EthCallResponse>>> {
        let (asked, limit) =
            (bundles.iter().map(|it| it.transactions.len()).sum(), self.limits.traced_calls);
        if asked > limit {
            return Err(RpcError::TooManyCalls { asked, limit });
        }
        self.blocking(move |node| {
            let context = state_context.unwrap_or_default();
            let block = context.block_number.unwrap_or(At::LATEST.0);
            let (header, view) = setting(node, block, context.transaction_index)?;
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            let results = run_many(spec, settings, view, &header, bundles, state_overrides)?;
            Ok(results.into_iter().map(|calls| calls.into_iter().map(shown).collect()).collect())
        })
        .await
    }
}

/// A block with its state, or with the state before its transaction `index`.
fn setting(
    node: &RpcContext,
    block: BlockId,
    index: Option<TransactionIndex>,
) -> Answer<(Arc<SealedHeader>, StateView)> {
    let Some(TransactionIndex::Index(index)) = index else {
        return resolve::state(&node.chain, block);
    };
    let header = resolve::canonical(&node.chain, block)?;
    let found = node.chain.block(header.number)?.filter(|found| found.hash() == header.seal());
    let found = found.ok_or(RpcError::UnknownBlock)?;
    if index > found.body.transactions.len() {
        return Err(RpcError::TransactionIndex { index, block: found.hash() });
    }
    Ok((header, node.chain.state_within(&found, index)?))
}

fn shown(result: CallResult) -> EthCallResponse {
    match result {
        CallResult::Success { output } => EthCallResponse { value: Some(output), error: None },
        failed => EthCallResponse { value: None, error: failure_text(failed) },
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
