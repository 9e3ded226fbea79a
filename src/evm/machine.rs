//! Which virtual machine runs a block? revm's, with the rules that its list of forks leaves out:
//! net gas metering of Constantinople (EIP-1283) and creations over storage (EIP-7610).

use super::{EvmError, InvalidTx, block_state::BlockState, ecrecover, error::split, participants};
use crate::spec::Fork;
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_evm::{
    Evm, EvmEnv,
    eth::{EthEvm, EthEvmBuilder, EthEvmContext},
    precompiles::PrecompilesMap,
};
use alloy_primitives::U256;
use revm::{
    bytecode::opcode::{EXTCODEHASH, SSTORE},
    context::{TxEnv, result::ResultAndState},
    context_interface::{
        cfg::{GasId, GasParams},
        host::{Host, LoadError},
    },
    inspector::Inspector,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        instructions::host, interpreter::EthInterpreter,
    },
};

/// revm's context of a block.
pub(super) type Context = EthEvmContext<BlockState>;

/// Gas of a slot that costs no more than a look since
/// [EIP-1283](https://eips.ethereum.org/EIPS/eip-1283): a no-op, or a slot written before.
const NET_METERED_SLOT: u64 = 200;
/// Gas of a slot that gets its first value.
const SLOT_SET: u64 = 20_000;
/// Gas of a slot that had a value before the transaction.
const SLOT_RESET: u64 = 5_000;

/// The machine of a block of this fork. Without `precompiles` it has those of the fork.
pub(super) fn machine<I: Inspector<Context>>(
    mut state: BlockState,
    env: EvmEnv,
    fork: Fork,
    precompiles: Option<PrecompilesMap>,
    inspector: I,
    inspect: bool,
) -> EthEvm<BlockState, I, PrecompilesMap> {
    let is_told = ecrecover::is_told(&mut state);
    let mut builder = EthEvmBuilder::new(state, env).inspector(inspector);
    if let Some(precompiles) = precompiles {
        builder = builder.precompiles(precompiles);
    }
    let mut inner = builder.build().into_inner();
    if is_told {
        ecrecover::tell(&mut inner.precompiles);
    }
    let table = inner.instruction.instruction_table_mut();
    participants::watch(table);
    table[usize::from(EXTCODEHASH)] = Instruction::new(code_hash);
    if fork == Fork::Constantinople {
        table[usize::from(SSTORE)] = Instruction::new(net_metered_store);
    }
    EthEvm::new(inner, inspect)
}

/// Runs a transaction and takes nothing in. revm's refusal comes with the numbers of the transaction,
/// the block and the limits that it was made under.
pub(super) fn transact<I: Inspector<Context>, E: From<EvmError> + From<InvalidTx>>(
    evm: &mut EthEvm<BlockState, I, PrecompilesMap>,
    tx: TxEnv,
) -> Result<ResultAndState, E> {
    evm.db_mut().prefetch(&tx);
    evm.transact_raw(tx).or_else(|error| {
        let invalid = split(error)?;
        let context = evm.ctx();
        Err(InvalidTx::new(&invalid, &context.tx, &context.block, &context.cfg).into())
    })
}

/// The prices of SSTORE under EIP-1283, in the place where revm keeps those of EIP-2200: the rules
/// are the same but for the prices and the gas that must be left.
pub(super) fn net_metered(params: &mut GasParams) {
    params.override_gas([
        (GasId::sstore_static(), NET_METERED_SLOT),
        (GasId::sstore_set_without_load_cost(), SLOT_SET - NET_METERED_SLOT),
        (GasId::sstore_reset_without_cold_load_cost(), SLOT_RESET - NET_METERED_SLOT),
        (GasId::sstore_set_refund(), SLOT_SET - NET_METERED_SLOT),
        (GasId::sstore_reset_refund(), SLOT_RESET - NET_METERED_SLOT),
    ]);
}

/// SSTORE with net gas metering. revm's own starts with Istanbul.
fn net_metered_store(
    context: InstructionContext<'_, Context, EthInterpreter>,
) -> InstructionExecResult {
    host::sstore_with_gas_accounting(context, |context, _target, slot| {
        let params = context.host.gas_params();
        let cost = params.sstore_dynamic_gas(true, &slot.data, slot.is_cold);
        let refund = params.sstore_refund(true, &slot.data);
        if !context.interpreter.gas.record_regular_cost(cost) {
            return Err(InstructionResult::OutOfGas);
        }
        context.interpreter.gas.record_refund(refund);
        Ok(())
    })
}

/// EXTCODEHASH, which must not see the zero hash under which [`BlockState`] shows an account with
/// storage but without code: such an account, if it has wei, has the hash of no code.
fn code_hash(context: InstructionContext<'_, Context, EthInterpreter>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let word = interpreter.stack.peek(0).unwrap_or_default();
    host::extcodehash(InstructionContext { interpreter: &mut *interpreter, host: &mut *host })?;
    if interpreter.stack.peek(0)? != U256::ZERO {
        return Ok(());
    }
    let address = alloy_primitives::Address::from_word(word.into());
    // It was loaded just now.
    match host.load_account_info_skip_cold_load(address, false, false) {
        Ok(account) if account.is_empty => Ok(()),
        Ok(_) => interpreter.stack.set(0, KECCAK_EMPTY.into()),
        Err(LoadError::ColdLoadSkipped) => Err(InstructionResult::OutOfGas),
        Err(LoadError::DBError) => Err(InstructionResult::FatalExternalError),
    }
}
