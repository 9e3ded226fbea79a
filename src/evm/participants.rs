//! Who takes part in a transaction besides its sender and its receiver?
//!
//! Noted by the instructions that call, create and destroy, as they hand a frame over: nothing watches
//! the others, so that a block costs the same with and without. Calls count also where they are
//! reverted, as in other explorers; a contract counts as created only if it stays. Precompiles do not
//! count.

use super::{
    ApplyError, BlockExecutor, BlockTemplate, EvmError, EvmSettings, machine::Context,
    trace::Replay,
};
use crate::{
    primitives::{Participant, Participants},
    spec::ChainSpec,
};
use alloy_primitives::{Address, map::AddressSet};
use revm::{
    bytecode::opcode::{CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, SELFDESTRUCT, STATICCALL},
    context::JournalTr,
    context_interface::ContextTr,
    interpreter::{
        FrameInput, Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        InterpreterAction, instructions, interpreter::EthInterpreter,
        interpreter_types::LoopControl,
    },
    state::EvmState,
};

/// What was noted of the transaction that runs, and of those before it in the block.
#[derive(Debug, Default)]
pub(super) struct Notes {
    called: AddressSet,
    /// Contract and creator.
    created: Vec<(Address, Address)>,
    taken: Participants,
}

impl Notes {
    /// A new transaction runs.
    pub(super) fn begin(&mut self) {
        self.called.clear();
        self.created.clear();
    }

    /// The transaction at `index` is part of the block, and these are the accounts it left.
    pub(super) fn take(
        &mut self,
        index: u32,
        creation: Option<(Address, Address)>,
        state: &EvmState,
    ) {
        let stays = |contract: &Address| state.get(contract).is_some_and(|it| it.is_created());
        self.created.extend(creation);
        self.created.retain(|(contract, _)| stays(contract));
        self.created.sort_unstable();
        self.created.dedup_by_key(|(contract, _)| *contract);
        let mut called: Vec<Address> = self.called.drain().collect();
        called.sort_unstable();
        let called = called.into_iter().map(|address| (address, None));
        let created = self.created.drain(..).map(|(address, by)| (address, Some(by)));
        let all = called.chain(created);
        self.taken.extend(all.map(|(address, creator)| Participant { index, address, creator }));
    }

    /// Everyone so far.
    pub(super) fn into_participants(self) -> Participants {
        self.taken
    }
}

/// Executes a block again and answers whom only that shows to take part in its transactions.
pub fn participants(
    spec: &ChainSpec,
    settings: &EvmSettings,
    replay: Replay,
) -> Result<Participants, EvmError> {
    let Replay { source, edits, block } = replay;
    let template = BlockTemplate::from_block(spec, &block);
    let executor = BlockExecutor::begin(spec, settings, source, edits, &template)?;
    let mut executor = executor.without_receipts().with_participants();
    for (index, tx) in block.body.transactions.iter().enumerate() {
        executor.apply(tx).map_err(|error| match error {
            ApplyError::Evm(error) => error,
            invalid => EvmError::Transaction { index, hash: tx.hash(), source: Box::new(invalid) },
        })?;
    }
    Ok(executor.into_participants())
}

/// The instructions that note, in place of revm's.
pub(super) fn watch(table: &mut [Instruction<EthInterpreter, Context>; 256]) {
    table[usize::from(CALL)] = Instruction::new(call::<CALL>);
    table[usize::from(CALLCODE)] = Instruction::new(call::<CALLCODE>);
    table[usize::from(DELEGATECALL)] = Instruction::new(call::<DELEGATECALL>);
    table[usize::from(STATICCALL)] = Instruction::new(call::<STATICCALL>);
    table[usize::from(CREATE)] = Instruction::new(create::<false>);
    table[usize::from(CREATE2)] = Instruction::new(create::<true>);
    table[usize::from(SELFDESTRUCT)] = Instruction::new(destroy);
}

fn call<const KIND: u8>(
    context: InstructionContext<'_, Context, EthInterpreter>,
) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let inner = InstructionContext { interpreter: &mut *interpreter, host: &mut *host };
    let done = instructions::contract::call::<KIND, _, _>(inner);
    if host.db_mut().notes().is_some()
        && let Some(InterpreterAction::NewFrame(FrameInput::Call(frame))) =
            interpreter.bytecode.action()
        && !is_precompile(host, frame.bytecode_address)
    {
        let callee = frame.bytecode_address;
        host.db_mut().notes().into_iter().for_each(|it| it.called.extend([callee]));
    }
    done
}

fn create<const BY_SALT: bool>(
    context: InstructionContext<'_, Context, EthInterpreter>,
) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let inner = InstructionContext { interpreter: &mut *interpreter, host: &mut *host };
    let done = instructions::contract::create::<BY_SALT, _, _>(inner);
    if host.db_mut().notes().is_some()
        && let Some(InterpreterAction::NewFrame(FrameInput::Create(frame))) =
            interpreter.bytecode.action()
    {
        let creator = frame.caller();
        // It runs: it was loaded.
        let nonce = host.journaled_state.state.get(&creator).map_or(0, |it| it.info.nonce);
        let contract = frame.created_address(nonce);
        host.db_mut().notes().into_iter().for_each(|it| it.created.push((contract, creator)));
    }
    done
}

fn destroy(context: InstructionContext<'_, Context, EthInterpreter>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let beneficiary = interpreter.stack.peek(0).unwrap_or_default();
    let inner = InstructionContext { interpreter: &mut *interpreter, host: &mut *host };
    let done = instructions::host::selfdestruct(inner);
    if done == Err(InstructionResult::SelfDestruct) {
        let beneficiary = Address::from_word(beneficiary.into());
        host.db_mut().notes().into_iter().for_each(|it| it.called.extend([beneficiary]));
    }
    done
}

/// Looked up only where it may be one.
fn is_precompile(host: &Context, address: Address) -> bool {
    address.starts_with(&[0; 18]) && host.journaled_state.precompile_addresses().contains(&address)
}
