//! How is a stored block, or a call, run once more so that what it did is recorded?

use super::{
    Replay, TraceError, TraceLimits,
    limit::Limit,
    record::RecordedCall,
    replay::{Turn, replay},
    tracer::{Finish, Tracer},
};
use crate::{
    artifacts::Library,
    evm::{
        CallRequest, EvmError, EvmSettings, Overrides, StateSource,
        call::Setting,
        machine::{machine, transact},
    },
    spec::ChainSpec,
};
use alloy_consensus::Header;
use alloy_evm::{Evm, ToTxEnv};
use revm::context::TxEnv;
use std::{cell::Cell, sync::Arc};

/// Under which limits it is recorded, and which contracts are known.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// What it may cost.
    pub limits: &'a TraceLimits,
    /// For the names of what runs, and of its functions.
    pub library: &'a Arc<Library>,
}

/// Runs a block once more and hands what its transactions did to `told`, one by one, until it answers
/// false. Those of which `is_wanted` says no run unseen; after the last that is wanted nothing runs. Each
/// transaction has the time of [`TraceLimits::timeout`].
pub fn record_transactions(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    is_wanted: impl Fn(usize) -> bool,
    watch: Watch<'_>,
    mut told: impl FnMut(usize, RecordedCall) -> bool,
) -> Result<(), TraceError> {
    let limit = limit(watch.limits);
    let last = (0..block.block.body.transactions.len()).rev().find(|index| is_wanted(*index));
    let Some(last) = last else { return Ok(()) };
    let is_enough = Cell::new(false);
    let ran = replay(
        spec,
        settings,
        block,
        |index, _tx, _logs| {
            limit.check_wanted()?;
            if index > last || is_enough.get() {
                return Ok(Turn::Stop);
            }
            limit.start();
            let is_wanted = is_wanted(index);
            Ok(if is_wanted {
                Turn::Inspect(Tracer::recorder(&limit, watch.library))
            } else {
                Turn::Pass
            })
        },
        |done| {
            let Some(tracer) = done.inspector else { return Ok(()) };
            let tx: TxEnv = done.tx.recovered().to_tx_env();
            let (outcome, state, env) = (done.outcome, done.state, done.env);
            let finish = Finish { tx: &tx, outcome, state, env, place: Default::default() };
            if let Some(recorded) = tracer.recorded(&finish) {
                is_enough.set(!told(done.index, recorded));
            }
            limit.excess().map_or(Ok(()), Err)
        },
    );
    ran.map(drop).map_err(|error| limit.blame(error))
}

/// Makes a call as [`crate::evm::run`] does, and records it. Nothing is kept.
pub fn record_call(
    spec: &ChainSpec,
    settings: &EvmSettings,
    source: impl Into<StateSource>,
    header: &Header,
    request: CallRequest,
    overrides: Overrides,
    watch: Watch<'_>,
) -> Result<RecordedCall, TraceError> {
    let limit = limit(watch.limits);
    limit.start();
    let mut setting = Setting::new(spec, settings, source, header, overrides)?;
    let tx = setting.transaction(request)?;
    let Setting { state, env, fork, precompiles, .. } = setting;
    let tracer = Tracer::recorder(&limit, watch.library);
    let mut evm = machine(state, env, fork, Some(precompiles), tracer, true);
    let ran = transact::<_, TraceError>(&mut evm, tx.clone());
    let outcome = ran.map_err(|error| limit.blame(error))?;
    let around = evm.block().clone();
    let (state, tracer, _) = evm.components_mut();
    let place = Default::default();
    let finish = Finish { tx: &tx, outcome: &outcome, state, env: &around, place };
    std::mem::take(tracer).recorded(&finish).ok_or(TraceError::NoTrace)
}

fn limit(limits: &TraceLimits) -> Arc<Limit> {
    let mut limit = Limit::new(limits.timeout, limits.bytes, 256);
    limit.until(limits.stop.clone());
    Arc::new(limit)
}

impl From<crate::evm::InvalidTx> for TraceError {
    fn from(invalid: crate::evm::InvalidTx) -> Self {
        Self::Call(invalid.into())
    }
}

impl Limit {
    /// A machine that stopped because of a limit says which.
    pub(super) fn blame(&self, error: TraceError) -> TraceError {
        match error {
            TraceError::Evm(EvmError::Machine(_))
            | TraceError::Call(crate::evm::CallError::Evm(EvmError::Machine(_))) => {
                self.excess().unwrap_or(error)
            }
            error => error,
        }
    }
}
