//! What would a call, a list of calls or a signed transaction do, in the form of the `trace_` methods?

use super::{
    parity::{ParityError, Recorder, TraceKinds},
    replay::Shared,
};
use crate::{
    evm::{
        BlockState, CallError, CallRequest, EvmError, EvmSettings, Overrides, arguments,
        call::Setting,
        machine::{machine, transact},
    },
    primitives::Transaction,
    spec::ChainSpec,
    state::StateView,
};
use alloy_consensus::Header;
use alloy_evm::{Evm, ToTxEnv, eth::EthEvm, precompiles::PrecompilesMap};
use alloy_rpc_types::trace::parity::TraceResults;
use revm::context::TxEnv;
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};

/// Makes calls one on top of the other in the block of `header` over the state `view`; nothing is
/// kept. Together they use at most [`EvmSettings::call_gas_cap`] gas.
pub fn full_calls(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    calls: Vec<(CallRequest, TraceKinds)>,
    overrides: Overrides,
) -> Result<Vec<TraceResults>, ParityError> {
    let setting = Setting::new(spec, settings, view, header, overrides)?;
    let mut gas_left = setting.gas_cap;
    let none = TraceKinds::default();
    let mut recorder = Recorder::new(&none);
    let mut machine = Machine::new(setting);
    let block = machine.evm.block().clone();
    let mut found = Vec::new();
    for (index, (request, kinds)) in calls.iter().enumerate() {
        let fails = |source| ParityError::OneCall { index, source };
        recorder.wants(kinds);
        // A call without a price has a base fee of zero; the next may have a price.
        let mut block = block.clone();
        let cfg = machine.evm.ctx().cfg.clone();
        let tx = arguments::transaction(request.clone(), gas_left, &mut block, &cfg);
        machine.evm.ctx_mut().block = block;
        let done = machine.run(tx.map_err(fails)?, &mut recorder);
        let (results, gas_used) = done.map_err(|error| match error {
            ParityError::Call(source) => fails(source),
            other => other,
        })?;
        gas_left = gas_left.saturating_sub(gas_used);
        found.push(results);
    }
    Ok(found)
}

/// Runs a signed transaction in the block of `header` over the state `view`, with the checks that a
/// block would make; nothing is kept.
pub fn full_raw(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    tx: &Transaction,
    kinds: &TraceKinds,
) -> Result<TraceResults, ParityError> {
    let mut setting = Setting::new(spec, settings, view, header, Overrides::default())?;
    setting.env.cfg_env.disable_nonce_check = false;
    setting.env.cfg_env.disable_eip3607 = false;
    setting.env.cfg_env.disable_block_gas_limit = settings.disable_block_gas_limit;
    let tx = tx.recovered().to_tx_env();
    Ok(Machine::new(setting).run(tx, &mut Recorder::new(kinds))?.0)
}

/// Runs transactions under an inspector, each over what the ones before it did.
struct Machine {
    evm: EthEvm<BlockState, TracingInspector, PrecompilesMap>,
}

impl Machine {
    fn new(setting: Setting) -> Self {
        let Setting { state, env, fork, precompiles, .. } = setting;
        let inspector = TracingInspector::new(TracingInspectorConfig::none());
        Self { evm: machine(state, env, fork, Some(precompiles), inspector, true) }
    }

    /// What a transaction did, and its gas.
    fn run(
        &mut self,
        tx: TxEnv,
        recorder: &mut Recorder<'_>,
    ) -> Result<(TraceResults, u64), ParityError> {
        *self.evm.inspector_mut() = TracingInspector::new(recorder.config());
        let outcome = transact::<_, CallError>(&mut self.evm, tx)?;
        let (state, inspector, _) = self.evm.components_mut();
        let inspector = std::mem::take(inspector);
        let results = recorder.results(inspector, &outcome, Shared::new(state))?;
        let gas_used = outcome.result.tx_gas_used();
        self.evm.db_mut().absorb(outcome.state).map_err(EvmError::from)?;
        Ok((results, gas_used))
    }
}
