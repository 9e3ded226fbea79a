//! What happened inside a transaction, a block, a call?

use crate::{
    evm::{
        CallRequest,
        trace::{
            self, CallBase, CallBundle, CallTraceOptions, Replay, TraceLimits, TraceOptions,
            TracedTransaction,
        },
    },
    primitives::{Block, SealedHeader},
    rpc::{Answer, Api, RpcContext, RpcError, debug::raw::found, params::At, resolve},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types::{Bundle, StateContext};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::value::RawValue;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The longest time that a caller may ask for, for one transaction or for all calls together.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// Execution once more under a tracer, each block in one pass: the default struct logs, the tracers
/// `callTracer`, `flatCallTracer`, `prestateTracer`, `4byteTracer`, `muxTracer`, `noopTracer`, and
/// tracers in JavaScript, with results in geth's form.
#[rpc(server, namespace = "debug")]
pub trait Trace {
    /// Traces a mined transaction.
    #[method(name = "traceTransaction")]
    async fn trace_transaction(
        &self,
        hash: B256,
        options: Option<TraceOptions>,
    ) -> Answer<Box<RawValue>>;

    /// Traces every transaction of a canonical block.
    #[method(name = "traceBlockByNumber")]
    async fn trace_block_by_number(
        &self,
        block: At,
        options: Option<TraceOptions>,
    ) -> Answer<Vec<TracedTransaction>>;

    /// Like [`Self::trace_block_by_number`], by the block's hash.
    #[method(name = "traceBlockByHash")]
    async fn trace_block_by_hash(
        &self,
        hash: B256,
        options: Option<TraceOptions>,
    ) -> Answer<Vec<TracedTransaction>>;

    /// Traces every transaction of a block that is handed in as RLP; its parent must be canonical.
    #[method(name = "traceBlock")]
    async fn trace_block(
        &self,
        block: Bytes,
        options: Option<TraceOptions>,
    ) -> Answer<Vec<TracedTransaction>>;

    /// Traces a call over the state after a block, or in the middle of it (`txIndex`).
    #[method(name = "traceCall")]
    async fn trace_call(
        &self,
        request: CallRequest,
        block: Option<At>,
        options: Option<CallTraceOptions>,
    ) -> Answer<Box<RawValue>>;

    /// Traces calls that follow each other over the same state, in bundles with a block each.
    #[method(name = "traceCallMany")]
    async fn trace_call_many(
        &self,
        bundles: Vec<Bundle>,
        state_context: Option<StateContext>,
        options: Option<CallTraceOptions>,
    ) -> Answer<Vec<Vec<Box<RawValue>>>>;
}

#[async_trait]
impl TraceServer for Api {
    async fn trace_transaction(
        &self,
        hash: B256,
        options: Option<TraceOptions>,
    ) -> Answer<Box<RawValue>> {
        let options = options.unwrap_or_default();
        let work = self.tracing(options.has_script()?, move |node, limits| {
            transaction(node, hash, &options, limits)
        });
        work.await
    }

    async fn trace_block_by_number(
        &self,
        block: At,
        options: Option<TraceOptions>,
    ) -> Answer<Vec<TracedTransaction>> {
        self.traced(options, move |node| found(node, block)).await
    }

    async fn trace_block_by_hash(
        &self,
        hash: B256,
        options: Option<TraceOptions>,
    ) -> Answer<Vec<TracedTransaction>> {
        self.traced(options, move |node| found(node, At(hash.into()))).await
    }

    async fn trace_block(
        &self,
        block: Bytes,
        options: Option<TraceOptions>,
    ) -> Answer<Vec<TracedTransaction>> {
        self.traced(options, move |node| {
            let block = Block::decode(&block)?;
            let checked = node.chain.check_rules(&block);
            checked.map_err(|error| RpcError::InvalidBlock(Box::new(error)))?;
            Ok(block)
        })
        .await
    }

    async fn trace_call(
        &self,
        request: CallRequest,
        block: Option<At>,
        options: Option<CallTraceOptions>,
    ) -> Answer<Box<RawValue>> {
        let options = options.unwrap_or_default();
        let work = self.tracing(options.trace.has_script()?, move |node, limits| {
            call(node, request, At::or_latest(block), options, limits)
        });
        work.await
    }

    async fn trace_call_many(
        &self,
        bundles: Vec<Bundle>,
        state_context: Option<StateContext>,
        options: Option<CallTraceOptions>,
    ) -> Answer<Vec<Vec<Box<RawValue>>>> {
        let (context, options) = (state_context.unwrap_or_default(), options.unwrap_or_default());
        let work = self.tracing(options.trace.has_script()?, move |node, limits| {
            calls(node, bundles, context, options, limits)
        });
        work.await
    }
}

/// Says, when it is dropped, that nobody waits any more: the answer is there, the caller hung up, or
/// the node stops.
#[derive(Default)]
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Api {
    /// Traces like other heavy work: scripts in their turn, and only while somebody waits.
    pub(in crate::rpc) async fn tracing<T: Send + 'static>(
        &self,
        has_script: bool,
        work: impl FnOnce(&RpcContext, &TraceLimits) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let waiting = Waiting::default();
        let turn = if has_script { Some(self.script_turn().await?) } else { None };
        let limits = TraceLimits {
            bytes: self.limits.response_bytes as usize,
            timeout: MAX_TIMEOUT,
            stop: waiting.0.clone(),
            scripts: self.scripts.clone(),
        };
        let work = self.blocking(move |node| {
            let _turn = turn;
            work(node, &limits)
        });
        work.await
    }

    /// Traces every transaction of a block.
    async fn traced(
        &self,
        options: Option<TraceOptions>,
        block: impl FnOnce(&RpcContext) -> Answer<Block> + Send + 'static,
    ) -> Answer<Vec<TracedTransaction>> {
        let options = options.unwrap_or_default();
        let work = self.tracing(options.has_script()?, move |node, limits| {
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            let block = replay_of(node, block(node)?)?;
            Ok(trace::trace_block(spec, settings, block, &options, limits)?)
        });
        work.await
    }
}

/// A mined transaction's block, and its place there.
pub(in crate::rpc) fn mined(node: &RpcContext, hash: B256) -> Answer<(Block, usize)> {
    let place = node.chain.locate(hash)?.ok_or(RpcError::TransactionNotFound)?;
    let block = node.chain.block(place.block)?.ok_or(RpcError::TransactionNotFound)?;
    let index = place.index as usize;
    // The block may have been replaced since it was located.
    if block.body.transactions.get(index).is_none_or(|tx| tx.hash() != hash) {
        return Err(RpcError::TransactionNotFound);
    }
    Ok((block, index))
}

fn transaction(
    node: &RpcContext,
    hash: B256,
    options: &TraceOptions,
    limits: &TraceLimits,
) -> Answer<Box<RawValue>> {
    let (block, index) = mined(node, hash)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let block = replay_of(node, block)?;
    let trace = trace::trace_transaction(spec, settings, block, index, options, limits)?;
    trace.ok_or(RpcError::TransactionNotFound)
}

fn call(
    node: &RpcContext,
    request: CallRequest,
    block: BlockId,
    options: CallTraceOptions,
    limits: &TraceLimits,
) -> Answer<Box<RawValue>> {
    let index = options.tx_index.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
    let (header, base) = base(node, block, index)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    Ok(trace::trace_call(spec, settings, base, &header, request, options, limits)?)
}

fn calls(
    node: &RpcContext,
    bundles: Vec<Bundle>,
    context: StateContext,
    options: CallTraceOptions,
    limits: &TraceLimits,
) -> Answer<Vec<Vec<Box<RawValue>>>> {
    let (asked, limit) =
        (bundles.iter().map(|it| it.transactions.len()).sum(), node.limits.traced_calls);
    if asked > limit {
        return Err(RpcError::TooManyCalls { asked, limit });
    }
    let block = context.block_number.unwrap_or(At::LATEST.0);
    let index = context.transaction_index.and_then(|index| index.index());
    let (header, base) = base(node, block, index)?;
    let bundles = bundles.into_iter().map(|bundle| CallBundle {
        calls: bundle.transactions,
        block: bundle.block_override.map(Box::new),
    });
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let bundles = bundles.collect();
    Ok(trace::trace_calls(spec, settings, base, &header, bundles, options, limits)?)
}

/// Where calls are made: after the block, or in it before the transaction at `index`.
fn base(
    node: &RpcContext,
    block: BlockId,
    index: Option<usize>,
) -> Answer<(Arc<SealedHeader>, CallBase)> {
    if block == BlockId::Number(BlockNumberOrTag::Pending) {
        return Err(RpcError::TraceOnPending);
    }
    let Some(index) = index else {
        let (header, view) = resolve::state(&node.chain, block)?;
        return Ok((header, CallBase::After(Box::new(view.into()))));
    };
    let block = found(node, At(block))?;
    let (header, count) = (block.header.clone(), block.body.transactions.len());
    // geth takes the first place of an empty block too.
    if index >= count.max(1) {
        return Err(RpcError::TransactionIndex { index, block: block.hash() });
    }
    Ok((header, CallBase::Inside(Box::new(replay_of(node, block)?), index as u64)))
}

pub(in crate::rpc) fn replay_of(node: &RpcContext, block: Block) -> Answer<Replay> {
    let (number, parent) = (block.number(), block.header.parent_hash);
    if number == resolve::number(&node.chain, BlockNumberOrTag::Earliest) {
        return Err(RpcError::GenesisTrace);
    }
    node.chain.replay_of(block)?.ok_or(RpcError::BlockNotFound(parent.into()))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
