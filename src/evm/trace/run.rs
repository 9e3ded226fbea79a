//! Traces of transactions that were sealed, and of calls that are only made here.

use super::{
    CallTraceOptions, Replay, TraceError, TraceOptions,
    limit::Limit,
    options::Wanted,
    replay::{Turn, replay},
    script,
    tracer::{Finish, Place, Tracer},
};
use crate::{
    evm::{
        BlockState, CallError, CallRequest, EvmError, EvmSettings, Overrides,
        call::Setting,
        machine::{machine, transact},
    },
    spec::ChainSpec,
    state::StateView,
};
use alloy_consensus::Header;
use alloy_evm::{Evm, ToTxEnv, precompiles::PrecompilesMap};
use alloy_primitives::B256;
use alloy_rpc_types::BlockOverrides;
use revm::{context::TxEnv, precompile::Precompiles};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

/// What traces may cost, whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct TraceLimits {
    /// Most bytes of one answer.
    pub bytes: usize,
    /// The longest time that a caller may ask for, for one transaction.
    pub timeout: Duration,
}

/// The trace of one transaction of a block.
#[derive(Clone, Debug, Serialize)]
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
    After(Box<StateView>),
    /// In a block, before the transaction at this position.
    Inside(Box<Replay>, u64),
}

/// Calls that are made one after the other in the same block.
#[derive(Clone, Debug, Default)]
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
    limits: TraceLimits,
) -> Result<Vec<TracedTransaction>, TraceError> {
    let count = block.block.body.transactions.len();
    let job = Job::new(options, limits)?;
    job.run(spec, settings, count, move |job, spec, settings| {
        job.transactions(spec, settings, block, None)
    })
}

/// Traces the transaction at a position of a block. Those before it run without a tracer, those
/// after it do not run.
pub fn trace_transaction(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    index: usize,
    options: &TraceOptions,
    limits: TraceLimits,
) -> Result<Option<Box<RawValue>>, TraceError> {
    let job = Job::new(options, limits)?;
    job.run(spec, settings, 1, move |job, spec, settings| {
        let traced = job.transactions(spec, settings, block, Some(index))?;
        Ok(traced.into_iter().next().map(|traced| traced.result))
    })
}

/// Traces a call in the block of `header`; nothing is kept.
pub fn trace_call(
    spec: &ChainSpec,
    settings: &EvmSettings,
    base: CallBase,
    header: &Header,
    request: CallRequest,
    options: CallTraceOptions,
    limits: TraceLimits,
) -> Result<Box<RawValue>, TraceError> {
    let bundle = CallBundle { calls: vec![request], block: options.block_overrides.clone() };
    let traced = trace_calls(spec, settings, base, header, vec![bundle], options, limits)?;
    traced.into_iter().flatten().next().ok_or(TraceError::ScriptLost)
}

/// Traces calls that follow each other: each sees what the ones before it changed. State overrides
/// are laid before the first.
pub fn trace_calls(
    spec: &ChainSpec,
    settings: &EvmSettings,
    base: CallBase,
    header: &Header,
    bundles: Vec<CallBundle>,
    options: CallTraceOptions,
    limits: TraceLimits,
) -> Result<Vec<Vec<Box<RawValue>>>, TraceError> {
    let job = Job::new(&options.trace, limits)?;
    let (count, header) = (bundles.iter().map(|bundle| bundle.calls.len()).sum(), header.clone());
    job.run(spec, settings, count, move |job, spec, settings| {
        job.calls(spec, settings, base, &header, bundles, options)
    })
}

/// What is wanted, and what it may cost.
#[derive(Clone, Debug)]
struct Job {
    wanted: Wanted,
    timeout: Duration,
    limit: Arc<Limit>,
}

impl Job {
    fn new(options: &TraceOptions, limits: TraceLimits) -> Result<Self, TraceError> {
        let wanted = options.wanted()?;
        let timeout = options.timeout()?.min(limits.timeout);
        // A script may take long over a single instruction.
        let stride = if wanted.has_script() { 1 } else { 256 };
        let limit = Arc::new(Limit::new(timeout, limits.bytes, stride));
        Ok(Self { wanted, timeout, limit })
    }

    /// Does the work: here, or on a thread that can be given up if it runs scripts.
    fn run<T: Send + 'static>(
        self,
        spec: &ChainSpec,
        settings: &EvmSettings,
        transactions: usize,
        work: impl FnOnce(&Self, &ChainSpec, &EvmSettings) -> Result<T, TraceError> + Send + 'static,
    ) -> Result<T, TraceError> {
        if !self.wanted.has_script() {
            return work(&self, spec, settings);
        }
        let transactions = u32::try_from(transactions.max(1)).unwrap_or(u32::MAX);
        let time = self.timeout.saturating_mul(transactions);
        let (spec, settings) = (spec.clone(), settings.clone());
        script::apart(time, move || work(&self, &spec, &settings))
    }

    /// Traces all transactions, or one.
    fn transactions(
        &self,
        spec: &ChainSpec,
        settings: &EvmSettings,
        block: Replay,
        only: Option<usize>,
    ) -> Result<Vec<TracedTransaction>, TraceError> {
        let (block_hash, block_number) = (block.block.hash(), block.block.number());
        let mut traced = Vec::new();
        let ran = replay(
            spec,
            settings,
            block,
            |index, _tx, logs| match only {
                Some(only) if index < only => Ok(Turn::Pass),
                Some(only) if index > only => Ok(Turn::Stop),
                _ if !self.wanted.is_watching() => Ok(Turn::Tell),
                _ => Ok(Turn::Inspect(Tracer::new(&self.wanted, &self.limit, logs)?)),
            },
            |done| {
                let tracer = match done.inspector {
                    Some(tracer) => tracer,
                    None => Tracer::new(&self.wanted, &self.limit, 0)?,
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
        ran.map_err(|error| self.blame(error))?;
        Ok(traced)
    }

    fn calls(
        &self,
        spec: &ChainSpec,
        settings: &EvmSettings,
        base: CallBase,
        header: &Header,
        bundles: Vec<CallBundle>,
        options: CallTraceOptions,
    ) -> Result<Vec<Vec<Box<RawValue>>>, TraceError> {
        let mut of_state = options.state_overrides;
        let mut base = match base {
            CallBase::After(view) => Base::View(*view),
            CallBase::Inside(block, index) => {
                let turn = |at: usize, _: &_, _: usize| {
                    Ok(if at as u64 == index { Turn::Stop } else { Turn::Pass })
                };
                Base::State(replay::<Tracer, TraceError>(spec, settings, *block, turn, |_| Ok(()))?)
            }
        };
        let mut traced = Vec::new();
        for CallBundle { calls, block } in bundles {
            let overrides = Overrides { state: of_state.take(), block };
            let mut setting = match base {
                Base::View(view) => Setting::new(spec, settings, view, header, overrides)?,
                Base::State(state) => Setting::over(spec, settings, state, header, overrides)?,
            };
            let mut of_bundle = Vec::new();
            for call in calls {
                let (after, trace) = self.call(setting, call)?;
                setting = after;
                of_bundle.push(trace);
            }
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
        let env = setting.env.clone();
        let tx = setting.transaction(call)?;
        let tracer = Tracer::new(&self.wanted, &self.limit, 0)?;
        let Setting { state, env: own, fork, precompiles, gas_cap } = setting;
        let is_watching = self.wanted.is_watching();
        let mut evm = machine(state, own, fork, Some(precompiles), tracer, is_watching);
        let outcome = transact(&mut evm, tx.clone()).map_err(|error| match error {
            CallError::Evm(error) => self.blame(error.into()),
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
        state.absorb(outcome.state).map_err(EvmError::from)?;
        Ok((Setting { state, env, fork, precompiles, gas_cap }, trace))
    }

    /// A machine that stopped because of a limit says which.
    fn blame(&self, error: TraceError) -> TraceError {
        match error {
            TraceError::Evm(EvmError::Machine(_)) => self.limit.excess().unwrap_or(error),
            error => error,
        }
    }
}

enum Base {
    View(StateView),
    State(BlockState),
}
