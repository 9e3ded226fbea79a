//! What would happen?

use crate::{
    evm::{
        CallRequest, Overrides,
        trace::{self, TraceKinds},
    },
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, RpcError, eth::call::setting, params::At},
};
use alloy_primitives::Bytes;
use alloy_rpc_types::{BlockOverrides, state::StateOverride, trace::parity::TraceResults};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Calls and transactions that leave nothing behind, with the kinds of trace that are wanted
/// (`trace`, `vmTrace`, `stateDiff`).
#[rpc(server, namespace = "trace")]
pub trait Calls {
    /// A call.
    #[method(name = "call")]
    async fn call(
        &self,
        request: CallRequest,
        kinds: TraceKinds,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> Answer<TraceResults>;

    /// Calls, each on top of the one before, each with its own kinds of trace.
    #[method(name = "callMany")]
    async fn call_many(
        &self,
        calls: Vec<(CallRequest, TraceKinds)>,
        block: Option<At>,
    ) -> Answer<Vec<TraceResults>>;

    /// A signed transaction, as it would run in the block if it came last.
    #[method(name = "rawTransaction")]
    async fn raw_transaction(
        &self,
        raw: Bytes,
        kinds: TraceKinds,
        block: Option<At>,
    ) -> Answer<TraceResults>;
}

#[async_trait]
impl CallsServer for Api {
    async fn call(
        &self,
        request: CallRequest,
        kinds: TraceKinds,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> Answer<TraceResults> {
        let overrides = Overrides { state: state_overrides, block: block_overrides };
        self.blocking(move |node| {
            let mut traces = many(node, vec![(request, kinds)], block, overrides)?;
            traces.pop().ok_or(RpcError::WorkerLost)
        })
        .await
    }

    async fn call_many(
        &self,
        calls: Vec<(CallRequest, TraceKinds)>,
        block: Option<At>,
    ) -> Answer<Vec<TraceResults>> {
        let (asked, limit) = (calls.len(), self.limits.traced_calls);
        if asked > limit {
            return Err(RpcError::TooManyCalls { asked, limit });
        }
        self.blocking(move |node| many(node, calls, block, Overrides::default())).await
    }

    async fn raw_transaction(
        &self,
        raw: Bytes,
        kinds: TraceKinds,
        block: Option<At>,
    ) -> Answer<TraceResults> {
        self.blocking(move |node| {
            let tx = Transaction::decode(&raw)?;
            let (header, view, _) = setting(node, At::or_latest(block), Overrides::default())?;
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            Ok(trace::full_raw(spec, settings, view, &header, &tx, &kinds)?)
        })
        .await
    }
}

fn many(
    node: &RpcContext,
    calls: Vec<(CallRequest, TraceKinds)>,
    block: Option<At>,
    overrides: Overrides,
) -> Answer<Vec<TraceResults>> {
    let (header, view, overrides) = setting(node, At::or_latest(block), overrides)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    Ok(trace::full_calls(spec, settings, view, &header, calls, overrides)?)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
