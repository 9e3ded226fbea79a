//! Is a call so small that it may run where requests are answered, and not on a thread of its own?
//!
//! Most calls read one contract and return: handing them to another thread costs more than they do. A
//! leaf gets little gas, and stops where it would see that, by asking for its gas or by calling or
//! creating another contract. One that returns or reverts before did the same as with all its gas.

use super::{
    CallError, CallRequest, CallResult, EvmSettings, Overrides,
    block_state::BlockState,
    call::{Machine, Setting},
    machine::Context,
};
use crate::{spec::ChainSpec, state::StateView};
use alloy_consensus::Header;
use alloy_evm::{eth::EthEvm, precompiles::PrecompilesMap};
use revm::{
    bytecode::opcode::{CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, GAS, STATICCALL},
    context::result::ExecutionResult,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        interpreter::EthInterpreter,
    },
};

/// Gas of a leaf: well under a millisecond, and some hundreds of kilobytes of memory.
const LEAF_GAS: u64 = 200_000;

/// Makes a call as [`super::run`] does, if it turns out to be a leaf. `None` says nothing about the
/// call but that it has to be run in full.
pub fn run_leaf(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    request: &CallRequest,
) -> Result<Option<CallResult>, CallError> {
    let mut setting = Setting::new(spec, settings, view, header, Overrides::default())?;
    let gas = request.gas.unwrap_or(LEAF_GAS).min(LEAF_GAS);
    let request = CallRequest { gas: Some(gas), ..request.clone() };
    // What is wrong with it, the full run says.
    let Ok(tx) = setting.transaction(request) else { return Ok(None) };
    let Ok(result) = Machine::leaf(setting).transact(tx) else { return Ok(None) };
    Ok(match result {
        ExecutionResult::Success { output, .. } => {
            Some(CallResult::Success { output: output.into_data() })
        }
        ExecutionResult::Revert { output, .. } => Some(CallResult::Revert { output }),
        ExecutionResult::Halt { .. } => None,
    })
}

/// Can a call be a leaf? Its price, where it names one, depends on how much gas it has.
pub fn may_be_leaf(request: &CallRequest, overrides: &Overrides) -> bool {
    let is_free = request.gas_price.is_none()
        && request.max_fee_per_gas.is_none()
        && request.max_priority_fee_per_gas.is_none()
        && request.max_fee_per_blob_gas.is_none();
    let is_plain = request.authorization_list.is_none()
        && request.blob_versioned_hashes.is_none()
        && request.sidecar.is_none();
    let is_call = request.to.is_some_and(|to| to.is_call());
    is_free && is_plain && is_call && overrides.state.is_none() && overrides.block.is_none()
}

/// The same machine, which stops at what a leaf does not do.
pub(super) fn without_calls<I>(
    evm: EthEvm<BlockState, I, PrecompilesMap>,
) -> EthEvm<BlockState, I, PrecompilesMap> {
    let mut inner = evm.into_inner();
    let table = inner.instruction.instruction_table_mut();
    for opcode in [GAS, CALL, CALLCODE, DELEGATECALL, STATICCALL, CREATE, CREATE2] {
        table[usize::from(opcode)] = Instruction::new(stop);
    }
    EthEvm::new(inner, false)
}

fn stop(_context: InstructionContext<'_, Context, EthInterpreter>) -> InstructionExecResult {
    Err(InstructionResult::OpcodeNotFound)
}
