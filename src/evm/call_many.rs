//! `eth_callMany`: what would these calls do, one after the other?

use super::{
    BlockTemplate, CallError, CallRequest, CallResult, EvmSettings, InvalidTx, arguments,
    block_state::BlockState,
    call::{Setting, built_in, call_env},
    halt::HaltProbe,
    machine::{machine, transact},
    overrides::{self, Overrides},
    simulate::BLOCK_SECONDS,
};
use crate::{spec::ChainSpec, state::StateView};
use alloy_consensus::Header;
use alloy_evm::{Evm, eth::EthEvm, precompiles::PrecompilesMap};
use alloy_rpc_types::{Bundle, state::StateOverride};
use revm::context::{BlockEnv, TxEnv, result::ExecutionResult};

/// The machine of one bundle.
type BundleEvm = EthEvm<BlockState, HaltProbe, PrecompilesMap>;

/// Makes calls in bundles; each sees what those before it did, and nothing is kept. The first bundle
/// is in the block of `header`, each further one in a block of its own. All calls together use at
/// most [`EvmSettings::call_gas_cap`] gas.
pub fn run_many(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    bundles: Vec<Bundle>,
    state: Option<StateOverride>,
) -> Result<Vec<Vec<CallResult>>, CallError> {
    let moved = state.clone().unwrap_or_default();
    let first = Setting::new(spec, settings, view, header, Overrides { state, block: None })?;
    let Setting { mut state, mut gas_cap, .. } = first;
    let mut template = BlockTemplate::from_header(spec, header);
    let mut results = Vec::with_capacity(bundles.len());
    for bundle in bundles {
        let of_block = bundle.block_override.unwrap_or_default();
        template = overrides::template(template, &of_block);
        let (mut env, fork) = call_env(spec, settings, &template);
        overrides::block(&of_block, &mut env.block_env, &mut state);
        let mut precompiles = built_in(fork);
        overrides::precompiles(&moved, &mut precompiles)?;
        let block = env.block_env.clone();
        let probe = HaltProbe::default();
        let mut evm = machine(state, env, fork, Some(precompiles), probe, true);
        let calls = bundle.transactions.into_iter();
        let done = calls.map(|request| one(&mut evm, request, &block, &mut gas_cap));
        results.push(done.collect::<Result<_, _>>()?);
        (state, _) = evm.finish();
        template.number = template.number.saturating_add(1);
        template.timestamp = template.timestamp.saturating_add(BLOCK_SECONDS);
    }
    Ok(results)
}

fn one(
    evm: &mut BundleEvm,
    request: CallRequest,
    block: &BlockEnv,
    gas_left: &mut u64,
) -> Result<CallResult, CallError> {
    let mut block = block.clone();
    let is_short = request.gas.is_none_or(|wanted| wanted > *gas_left);
    let tx: TxEnv = arguments::transaction(request, *gas_left, &mut block, &evm.ctx().cfg)?;
    evm.ctx_mut().block = block;
    let outcome = match transact::<_, CallError>(evm, tx) {
        // Not the call's fault: those before it left it too little.
        Err(CallError::Invalid(
            InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorDataGas { .. },
        )) if is_short => {
            return Ok(CallResult::Halt { reason: "out of gas".to_owned() });
        }
        done => done?,
    };
    evm.db_mut().absorb(outcome.state)?;
    *gas_left = gas_left.saturating_sub(outcome.result.tx_gas_used());
    Ok(match outcome.result {
        ExecutionResult::Success { output, .. } => {
            CallResult::Success { output: output.into_data() }
        }
        ExecutionResult::Revert { output, .. } => CallResult::Revert { output },
        ExecutionResult::Halt { reason, .. } => {
            CallResult::Halt { reason: evm.inspector().describe(&reason) }
        }
    })
}
