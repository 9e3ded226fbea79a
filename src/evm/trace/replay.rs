//! How is a stored block executed again, in one pass, with an inspector where one is wanted?

use crate::{
    evm::{
        ApplyError, BlockExecutor, BlockState, BlockTemplate, EvmError, EvmSettings, StateSource,
        error::ReadError,
    },
    primitives::{Block, StateChanges, Transaction},
    spec::ChainSpec,
};
use alloy_evm::{Evm, eth::EthEvmContext};
use alloy_primitives::{Address, B256, U256};
use revm::{
    Database, DatabaseRef, Inspector,
    context::{BlockEnv, result::ResultAndState},
    state::{AccountInfo, Bytecode},
};
use std::cell::RefCell;

/// A block, and the state on which it was executed.
#[derive(Debug)]
pub struct Replay {
    /// The state of the parent, exactly as its root says.
    pub source: StateSource,
    /// What a developer edited after the parent; part of this block.
    pub edits: StateChanges,
    /// The block.
    pub block: Block,
}

/// What shall be done with the next transaction?
#[derive(Debug)]
pub(in crate::evm) enum Turn<I> {
    /// Run it; nobody wants to know.
    Pass,
    /// Run it without an inspector and tell what it did.
    Tell,
    /// Run it under this inspector and tell what it did.
    Inspect(I),
    /// Do not run it, nor any after it.
    Stop,
}

/// A transaction that ran, before what it changed is taken in.
pub(in crate::evm) struct Replayed<'a, I> {
    /// Its position in the block.
    pub(in crate::evm) index: usize,
    pub(in crate::evm) tx: &'a Transaction,
    /// What watched it; `None` for [`Turn::Tell`].
    pub(in crate::evm) inspector: Option<I>,
    pub(in crate::evm) outcome: &'a ResultAndState,
    /// The state before the transaction.
    pub(in crate::evm) state: &'a mut BlockState,
    /// The block around it.
    pub(in crate::evm) env: &'a BlockEnv,
}

/// Executes a block over its parent's state, once, whatever is traced of it. Before each
/// transaction `turn` says what to do with it (its arguments: position, transaction, number of logs
/// in the block so far), after it `done` sees what came of it. Answers the state where it stopped,
/// without what comes after the transactions (rewards, withdrawals).
pub(in crate::evm) fn replay<I, E>(
    spec: &ChainSpec,
    settings: &EvmSettings,
    replay: Replay,
    mut turn: impl FnMut(usize, &Transaction, usize) -> Result<Turn<I>, E>,
    mut done: impl FnMut(Replayed<'_, I>) -> Result<(), E>,
) -> Result<BlockState, E>
where
    I: Inspector<EthEvmContext<BlockState>> + Default,
    E: From<EvmError>,
{
    let Replay { source, edits, block } = replay;
    let template = BlockTemplate::from_block(spec, &block);
    let mut executor = BlockExecutor::begin_inspected(
        spec,
        settings,
        source,
        edits,
        &template,
        I::default(),
        false,
    )?
    .without_receipts();
    let mut logs = 0;
    for (index, tx) in block.body.transactions.iter().enumerate() {
        let is_told = match turn(index, tx, logs)? {
            Turn::Stop => break,
            Turn::Pass => None,
            Turn::Tell => Some(false),
            Turn::Inspect(inspector) => {
                *executor.evm.inspector_mut() = inspector;
                Some(true)
            }
        };
        executor.evm.set_inspector_enabled(is_told == Some(true));
        let outcome = executor.step(tx).map_err(|error| blame(index, tx, error))?;
        if let Some(is_inspected) = is_told {
            let env = executor.evm.block().clone();
            let (state, inspector, _) = executor.evm.components_mut();
            let inspector = is_inspected.then(|| std::mem::take(inspector));
            done(Replayed { index, tx, inspector, outcome: &outcome, state, env: &env })?;
        }
        let applied = executor.take(tx, outcome).map_err(|error| blame(index, tx, error))?;
        logs += applied.logs;
    }
    let (state, _env) = executor.evm.finish();
    Ok(state)
}

/// A transaction of a stored block must run; whatever keeps it from that names it.
fn blame(index: usize, tx: &Transaction, error: ApplyError) -> EvmError {
    match error {
        ApplyError::Evm(error) => error,
        invalid => EvmError::Transaction { index, hash: tx.hash(), source: Box::new(invalid) },
    }
}

/// A state that revm-inspectors may read through a shared reference.
pub(in crate::evm) struct Shared<'a>(RefCell<&'a mut BlockState>);

impl<'a> Shared<'a> {
    pub(in crate::evm) fn new(state: &'a mut BlockState) -> Self {
        Self(RefCell::new(state))
    }
}

impl DatabaseRef for Shared<'_> {
    type Error = ReadError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        Database::basic(&mut **self.0.borrow_mut(), address)
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, ReadError> {
        Database::code_by_hash(&mut **self.0.borrow_mut(), hash)
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, ReadError> {
        Database::storage(&mut **self.0.borrow_mut(), address, key)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, ReadError> {
        Database::block_hash(&mut **self.0.borrow_mut(), number)
    }
}
