//! Traces of transactions that were sealed, and of calls that are only made here.

use super::{
    CallTraceOptions, ExplorerView, Replay, TraceError, TraceOptions,
    limit::Limit,
    options::Wanted,
    replay::{Turn, replay},
    script::{Replayed, ScriptHost, Task},
    tracer::{Finish, Place, Tracer},
};
use crate::{
    evm::{
        BlockState, CallError, CallRequest, EvmError, EvmSettings, InvalidTx, Overrides,
        StateSource,
        call::Setting,
        machine::{machine, transact},
    },
    spec::ChainSpec,
};
use alloy_consensus::Header;
use alloy_evm::{Evm, ToTxEnv, precompiles::PrecompilesMap};
use alloy_primitives::B256;
use alloy_rpc_types::BlockOverrides;
use revm::{context::TxEnv, precompile::Precompiles};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// Instructions between two looks at the clock.
const STRIDE: u64 = 256;

/// What traces may cost, whoever asks.
#[derive(Clone, Debug)]
pub struct TraceLimits {
    /// Most bytes of one answer.
    pub bytes: usize,
    /// The longest time that a caller may ask for: for one transaction, or for all calls together.
    pub timeout: Duration,
    /// Set when nobody wants the answer any more; the work stops then.
    pub stop: Arc<AtomicBool>,
    /// Where tracers in JavaScript run.
    pub scripts: ScriptHost,
}

/// The chain's rules, and the limits of this node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) spec: &'a ChainSpec,
    pub(super) settings: &'a EvmSettings,
}

/// The trace of one transaction of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TracedTransaction {
    /// Which one.
    pub tx_hash: B256,
    /// As the tracer writes it.
    pub result: Box<RawValue>,
}

/// Where calls are made.
#[derive(Debug)]
pub enum CallBase {
    /// After a block.
    After(Box<StateSource>),
    /// In a block, before the transaction at this position.
    Inside(Box<Replay>, u64),
}

/// Calls that are made one after the other in the same block.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CallBundle {
    /// The calls.
    pub calls: Vec<CallRequest>,
    /// What they pretend about the block.
    pub block: Option<Box<BlockOverrides>>,
}

/// Traces every transaction of a block, in one pass.
pub fn trace_block(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    options: &TraceOptions,
    limits: &TraceLimits,
) -> Result<Vec<TracedTransaction>, TraceError> {
    transactions(Rules { spec, settings }, block, None, options, limits)
}

/// Traces the transaction at a position of a block. Those before it run without a tracer, those
/// after it do not run.
pub fn trace_transaction(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    index: usize,
    options: &TraceOptions,
    limits: &TraceLimits,
) -> Result<Option<Box<RawValue>>, TraceError> {
    let traced = transactions(Rules { spec, settings }, block, Some(index), options, limits)?;
    Ok(traced.into_iter().next().map(|traced| traced.result))
}

/// What an explorer shows of the transaction at a position of a block.
pub fn trace_for_explorer(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    index: usize,
    view: ExplorerView,
    limits: &TraceLimits,
) -> Result<Option<Box<RawValue>>, TraceError> {
    let limit = Limit::new(limits.timeout, limits.bytes, STRIDE);
    let (wanted, limit) = (Wanted::Explorer(view), Arc::new(limit));
    let job = Job { wanted, timeout: limits.timeout, limit }.until(&limits.stop);
    let traced = job.transactions(Rules { spec, settings }, block, Some(index))?;
    Ok(traced.into_iter().next().map(|traced| traced.result))
}

/// Here, or in a process of its own if that runs a script.
fn transactions(
    rules: Rules<'_>,
    block: Replay,
    only: Option<usize>,
    options: &TraceOptions,
    limits: &TraceLimits,
) -> Result<Vec<TracedTransaction>, TraceError> {
    let job = Job::new(options, limits.bytes, limits.timeout)?.until(&limits.stop);
    if !job.wanted.has_script() {
        return job.transactions(rules, block, only);
    }
    let Replay { source, edits, block } = block;
    let count = if only.is_some() { 1 } else { block.body.transactions.len() };
    let time = job.timeout.saturating_mul(u32::try_from(count.max(1)).unwrap_or(u32::MAX));
    let over = Replayed::new(&block, edits);
    let task = Task::Transactions { over, only, options: options.clone() };
    limits.scripts.run(rules, &source, task, time, limits)
}

/// Traces a call in the block of `header`; nothing is kept.
pub fn trace_call(
    spec: &ChainSpec,
    settings: &EvmSettings,
    base: CallBase,
    header: &Header,
    request: CallRequest,
    options: CallTraceOptions,
    limits: &TraceLimits,
) -> Result<Box<RawValue>, TraceError> {
    let bundle = CallBundle { calls: vec![request], block: options.block_overrides.clone() };
    let traced = trace_calls(spec, settings, base, header, vec![bundle], options, limits)?;
    traced.into_iter().flatten().next().ok_or(TraceError::NoTrace)
}

/// Traces calls that follow each other: each sees what the ones before it changed. State overrides
/// are laid before the first. All together they have the time of one, and the gas of one
/// ([`EvmSettings::call_gas_cap`]).
pub fn trace_calls(
    spec: &ChainSpec,
    settings: &EvmSettings,
    base: CallBase,
    header: &Header,
    bundles: Vec<CallBundle>,
    options: CallTraceOptions,
    limits: &TraceLimits,
) -> Result<Vec<Vec<Box<RawValue>>>, TraceError> {
    let rules = Rules { spec, settings };
    let job = Job::new(&options.trace, limits.bytes, limits.timeout)?.until(&limits.stop);
    if !job.wanted.has_script() {
        return job.calls(rules, base, header, bundles, options);
    }
    let header = Box::new(header.clone());
    let (source, task) = match base {
        CallBase::After(source) => (*source, Task::After { header, bundles, options }),
        CallBase::Inside(replay, index) => {
            let Replay { source, edits, block } = *replay;
            let over = Replayed::new(&block, edits);
            (source, Task::Inside { over, index, header, bundles, options })
        }
    };
    limits.scripts.run(rules, &source, task, job.timeout, limits)
}

/// What is wanted, and what it may cost.
#[derive(Clone, Debug)]
pub(super) struct Job {
    wanted: Wanted,
    timeout: Duration,
    limit: Arc<Limit>,
}

impl Job {
    pub(super) fn new(
        options: &TraceOptions,
        bytes: usize,
        longest: Duration,
    ) -> Result<Self, TraceError> {
        let wanted = options.wanted()?;
        let timeout = options.timeout()?.min(longest);
        // A script may take long over a single instruction.
        let stride = if wanted.has_script() { 1 } else { STRIDE };
        let limit = Arc::new(Limit::new(timeout, bytes, stride));
        Ok(Self { wanted, timeout, limit })
    }

    /// The job stops when somebody sets `stop`.
    fn until(mut self, stop: &Arc<AtomicBool>) -> Self {
        if let Some(limit) = Arc::get_mut(&mut self.limit) {
            limit.until(stop.clone());
        }
        self
    }

    /// Traces all transactions, or one.
    pub(super) fn transactions(
        &self,
        rules: Rules<'_>,
        block: Replay,
        only: Option<usize>,
    ) -> Result<Vec<TracedTransaction>, TraceError> {
        let (block_hash, block_number) = (block.block.hash(), block.block.number());
        let mut traced = Vec::new();
        let ran = replay(
            rules.spec,
            rules.settings,
            block,
            |index, _tx, logs| {
                self.limit.check_wanted()?;
                match only {
                    Some(only) if index < only => Ok(Turn::Pass),
                    Some(only) if index > only => Ok(Turn::Stop),
                    _ if !self.wanted.is_watching() => Ok(Turn::Tell),
                    _ => Ok(Turn::Inspect(self.tracer(logs)?)),
                }
            },
            |done| {
                let tracer = match done.inspector {
                    Some(tracer) => tracer,
                    None => self.tracer(0)?,
                };
                let (tx_hash, tx_index) = (done.tx.hash(), done.index);
                let tx: TxEnv = done.tx.recovered().to_tx_env();
                let place = Place {
                    block_hash: Some(block_hash),
                    block_number,
                    tx_hash: Some(tx_hash),
                    tx_index,
                };
                let (outcome, state, env) = (done.outcome, done.state, done.env);
                let finish = Finish { tx: &tx, outcome, state, env, place };
                let result = tracer.finish(finish)?;
                traced.push(TracedTransaction { tx_hash, result });
                Ok(())
            },
        );
        ran.map_err(|error| self.limit.blame(error))?;
        Ok(traced)
    }

    /// A tracer for a transaction, whose time begins.
    fn tracer(&self, logs_before: usize) -> Result<Tracer, TraceError> {
        self.limit.start();
        Tracer::new(&self.wanted, &self.limit, logs_before)
    }

    pub(super) fn calls(
        &self,
        rules: Rules<'_>,
        base: CallBase,
        header: &Header,
        bundles: Vec<CallBundle>,
        options: CallTraceOptions,
    ) -> Result<Vec<Vec<Box<RawValue>>>, TraceError> {
        let Rules { spec, settings } = rules;
        self.limit.start();
        let mut of_state = options.state_overrides;
        let mut base = match base {
            CallBase::After(source) => Base::Block(*source),
            CallBase::Inside(block, index) => {
                let turn = |at: usize, _: &_, _: usize| {
                    self.limit.check_wanted()?;
                    Ok(if at as u64 == index { Turn::Stop } else { Turn::Pass })
                };
                Base::State(replay::<Tracer, TraceError>(spec, settings, *block, turn, |_| Ok(()))?)
            }
        };
        let mut gas_left = None;
        let mut traced = Vec::new();
        for CallBundle { calls, block } in bundles {
            let overrides = Overrides { state: of_state.take(), block };
            let mut setting = match base {
                Base::Block(source) => Setting::new(spec, settings, source, header, overrides)?,
                Base::State(state) => Setting::over(spec, settings, state, header, overrides)?,
            };
            // The gas of one call is that of all.
            setting.gas_cap = gas_left.unwrap_or(setting.gas_cap);
            let mut of_bundle = Vec::new();
            for call in calls {
                let (after, trace) = self.call(setting, call)?;
                setting = after;
                of_bundle.push(trace);
            }
            gas_left = Some(setting.gas_cap);
            base = Base::State(setting.state);
            traced.push(of_bundle);
        }
        Ok(traced)
    }

    /// Makes one call; the next one sees what it changed.
    fn call(
        &self,
        mut setting: Setting,
        call: CallRequest,
    ) -> Result<(Setting, Box<RawValue>), TraceError> {
        if let Some(excess) = self.limit.excess() {
            return Err(excess);
        }
        let env = setting.env.clone();
        let is_short = call.gas.is_none_or(|wanted| wanted > setting.gas_cap);
        let tx = setting.transaction(call)?;
        let tracer = Tracer::new(&self.wanted, &self.limit, 0)?;
        let Setting { state, env: own, fork, precompiles, gas_cap } = setting;
        let is_watching = self.wanted.is_watching();
        let mut evm = machine(state, own, fork, Some(precompiles), tracer, is_watching);
        let outcome =
            transact(&mut evm, tx.clone()).map_err(|error| match error {
                CallError::Evm(error) => self.limit.blame(error.into()),
                // Not the call's fault: those before it left it too little.
                CallError::Invalid(
                    InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorDataGas { .. },
                ) if is_short => TraceError::GasUsedUp,
                invalid => TraceError::Call(invalid),
            })?;
        let around = evm.block().clone();
        let (state, tracer, moved) = evm.components_mut();
        let precompiles =
            std::mem::replace(moved, PrecompilesMap::from_static(Precompiles::homestead()));
        let place = Place { block_number: around.number.saturating_to(), ..Default::default() };
        let finish = Finish { tx: &tx, outcome: &outcome, state, env: &around, place };
        let trace = std::mem::take(tracer).finish(finish)?;
        let (mut state, _) = evm.finish();
        let gas_cap = gas_cap.saturating_sub(outcome.result.tx_gas_used());
        state.absorb(outcome.state).map_err(EvmError::from)?;
        Ok((Setting { state, env, fork, precompiles, gas_cap }, trace))
    }
}

enum Base {
    Block(StateSource),
    State(BlockState),
}
