//! The block loop: edits and system calls first, then one transaction after the other, then
//! withdrawals and requests.

use super::{
    BlockTemplate, EvmError, EvmSettings, InvalidTx, StateSource,
    block_state::BlockState,
    dao,
    env::{block_env, rules},
    machine::{machine, transact},
    participants::Notes,
    roots::Roots,
};
use crate::{
    consensus::rewards,
    primitives::{Block, Participants, Receipt, StateChanges, StorageId, Transaction},
    spec::{CONSOLE_ADDRESS, ChainSpec, Fork},
    state::{StateTrie, StateView},
};
use alloy_consensus::{Eip658Value, Transaction as _};
use alloy_eips::{eip4895::GWEI_TO_WEI, eip7685::Requests};
use alloy_evm::{
    Evm, ToTxEnv,
    eth::{EthEvm, EthEvmContext},
    precompiles::PrecompilesMap,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    Database,
    context::{
        TxEnv,
        result::{ExecutionResult, Output, ResultAndState},
    },
    inspector::{Inspector, NoOpInspector},
};

/// A block in the making. An inspector `I` other than the default sees every instruction of its
/// transactions; the calls of the protocol itself are not inspected.
pub struct BlockExecutor<I = NoOpInspector> {
    pub(super) evm: EthEvm<BlockState, I, PrecompilesMap>,
    pub(super) fork: Fork,
    pub(super) template: BlockTemplate,
    pub(super) deposit_contract: Address,
    pub(super) receipts: Vec<Receipt>,
    max_blob_gas: u64,
    has_gas_limit: bool,
    gas_used: u64,
    blob_gas_used: u64,
    roots: Option<Roots>,
    has_receipts: bool,
}

impl<I> std::fmt::Debug for BlockExecutor<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockExecutor")
            .field("template", &self.template)
            .field("transactions", &self.receipts.len())
            .field("gas_used", &self.gas_used)
            .finish_non_exhaustive()
    }
}

/// What one transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// After refunds.
    pub gas_used: u64,
    /// Did it end without revert or halt?
    pub success: bool,
    /// The contract it created.
    pub contract_address: Option<Address>,
    /// What it returned, or reverted with.
    pub output: Bytes,
    /// Number of events.
    pub logs: usize,
}

/// Why a transaction did not enter the block. The block goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Not valid on top of the state.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// Its gas limit does not fit into what is left of the block.
    #[error("gas limit reached: transaction needs {needed}, block has {available} left")]
    BlockGasExceeded {
        /// Gas limit of the transaction.
        needed: u64,
        /// Gas that the block has left.
        available: u64,
    },
    /// Its blobs do not fit into what is left of the block.
    #[error("blob gas limit reached: transaction needs {needed}, block has {available} left")]
    BlobGasExceeded {
        /// Blob gas of the transaction.
        needed: u64,
        /// Blob gas that the block has left.
        available: u64,
    },
    /// Execution itself failed; the block cannot go on.
    #[error(transparent)]
    Evm(#[from] EvmError),
}

/// What a block did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// In block order.
    pub receipts: Vec<Receipt>,
    /// Everything that is different from before the block.
    pub changes: StateChanges,
    /// By all transactions.
    pub gas_used: u64,
    /// By all blobs.
    pub blob_gas_used: u64,
    /// [EIP-7685](https://eips.ethereum.org/EIPS/eip-7685) requests; `None` before Prague.
    pub requests: Option<Requests>,
    /// Whom only execution shows to take part; empty unless it was
    /// [`BlockExecutor::with_participants`].
    pub participants: Participants,
    /// May a transaction have called `console.log`?
    pub may_have_logged: bool,
}

impl BlockExecutor {
    /// Starts a block over the parent's state: lays `edits` over it and makes the system calls that
    /// come before transactions.
    pub fn begin(
        spec: &ChainSpec,
        settings: &EvmSettings,
        source: impl Into<StateSource>,
        edits: StateChanges,
        template: &BlockTemplate,
    ) -> Result<Self, EvmError> {
        Self::begin_inspected(spec, settings, source, edits, template, NoOpInspector, false)
    }
}

impl<I: Inspector<EthEvmContext<BlockState>>> BlockExecutor<I> {
    /// Like [`BlockExecutor::begin`], with an inspector that sees transactions while `inspect`.
    pub(super) fn begin_inspected(
        spec: &ChainSpec,
        settings: &EvmSettings,
        source: impl Into<StateSource>,
        edits: StateChanges,
        template: &BlockTemplate,
        inspector: I,
        inspect: bool,
    ) -> Result<Self, EvmError> {
        let fork = spec.fork_of(template.number, template.timestamp, template.difficulty);
        let mut state = BlockState::new(source.into(), rules(fork));
        state.lay(edits)?;
        let env = block_env(spec, settings, fork, template);
        let mut executor = Self {
            evm: machine(state, env, fork, None, inspector, inspect),
            fork,
            template: template.clone(),
            deposit_contract: spec.deposit_contract,
            receipts: Vec::new(),
            max_blob_gas: spec.blob_params_at(template.timestamp).max_blob_gas_per_block(),
            has_gas_limit: !settings.disable_block_gas_limit,
            gas_used: 0,
            blob_gas_used: 0,
            roots: None,
            has_receipts: true,
        };
        if spec.dao_fork_block() == Some(template.number) {
            dao::refund(executor.evm.db_mut())?;
        }
        executor.open()?;
        Ok(executor)
    }

    /// Makes the state root after each transaction, which receipts before Byzantium carry. `trie` is
    /// the parent's, `next_storage_id` the first id that no contract has. To be called before the
    /// first transaction; it costs a trie update a transaction.
    pub fn with_roots(mut self, trie: StateTrie, next_storage_id: StorageId) -> Self {
        self.roots = Some(Roots::new(trie, next_storage_id, self.evm.db_mut()));
        self
    }

    /// Notes who takes part in the transactions.
    pub fn with_participants(mut self) -> Self {
        self.evm.db_mut().take_notes();
        self
    }

    /// Gives the block up and answers who took part in its transactions so far.
    pub fn into_participants(mut self) -> Participants {
        self.evm.db_mut().hand_over_notes().into_participants()
    }

    /// For a run whose receipts nobody looks at, so that those before Byzantium need no state root.
    pub fn without_receipts(mut self) -> Self {
        self.has_receipts = false;
        self
    }

    /// The state root after each transaction so far; empty unless the executor was given a trie.
    pub fn roots(&self) -> &[B256] {
        self.roots.as_ref().map_or(&[], Roots::made)
    }

    /// Runs one transaction. One that is not valid changes nothing, and the block goes on.
    ///
    /// # Errors
    /// Before Byzantium also [`EvmError::NoTrie`], unless there are [`BlockExecutor::with_roots`] or
    /// the run is [`BlockExecutor::without_receipts`].
    pub fn apply(&mut self, tx: &Transaction) -> Result<Applied, ApplyError> {
        if self.has_receipts && self.roots.is_none() && self.fork.has_roots_in_receipts() {
            return Err(EvmError::NoTrie { fork: self.fork }.into());
        }
        let outcome = self.step(tx)?;
        self.take(tx, outcome)
    }

    /// Runs one transaction over what the block did so far, without taking in what it changed.
    pub(super) fn step(&mut self, tx: &Transaction) -> Result<ResultAndState, ApplyError> {
        self.check_room(tx)?;
        self.evm.db_mut().notes().into_iter().for_each(Notes::begin);
        let tx_env: TxEnv = tx.recovered().to_tx_env();
        self.evm.ctx_mut().cfg.disable_eip3607 = tx.is_impersonated();
        transact(&mut self.evm, tx_env)
    }

    /// Takes in what [`BlockExecutor::step`] answered: the transaction is part of the block now.
    pub(super) fn take(
        &mut self,
        tx: &Transaction,
        outcome: ResultAndState,
    ) -> Result<Applied, ApplyError> {
        let state = self.evm.db_mut();
        if let Some(notes) = state.notes() {
            let creation = tx.is_create().then(|| (tx.sender().create(tx.nonce()), tx.sender()));
            notes.take(self.receipts.len() as u32, creation, &outcome.state);
        }
        state.absorb(outcome.state).map_err(EvmError::from)?;
        let number = self.template.number;
        let root = self.roots.as_mut().map(|roots| roots.next(state, number)).transpose()?;
        let result = outcome.result;
        self.gas_used += result.tx_gas_used();
        self.blob_gas_used += tx.blob_gas_used().unwrap_or(0);
        Ok(self.record(tx, result, root))
    }

    /// A slot as the block has left it so far. Without a slot, the root of the account's storage trie:
    /// `None` if the block has changed the storage.
    pub fn known_storage(
        &mut self,
        address: Address,
        slot: Option<U256>,
    ) -> Result<Option<B256>, EvmError> {
        let state = self.evm.db_mut();
        let read = match slot {
            Some(slot) => state.storage(address, slot).map(|value| Some(value.into())),
            None => state.storage_root(address),
        };
        Ok(read?)
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Gas that transactions may still ask for.
    pub const fn gas_left(&self) -> u64 {
        if self.has_gas_limit {
            self.template.gas_limit.saturating_sub(self.gas_used)
        } else {
            u64::MAX
        }
    }

    /// Adds wei to an account outside of any transaction: a block reward.
    pub fn credit(&mut self, address: Address, amount: U256) -> Result<(), EvmError> {
        Ok(self.evm.db_mut().credit(address, amount)?)
    }

    /// Gives the block up and answers what was changed so far.
    pub fn stop(self) -> StateChanges {
        self.evm.into_db().into_parts().0
    }

    /// Ends the block: withdrawals, then requests.
    pub fn finish(self) -> Result<Executed, EvmError> {
        self.finish_over().map(|(executed, _view)| executed)
    }

    /// Like [`BlockExecutor::finish`], and gives the view of the parent's state back.
    pub fn finish_over(mut self) -> Result<(Executed, StateView), EvmError> {
        self.credit_withdrawals()?;
        let requests = self.collect_requests()?;
        let participants = self.evm.db_mut().hand_over_notes().into_participants();
        let state = self.evm.into_db();
        let may_have_logged = state.has_seen(CONSOLE_ADDRESS);
        let (changes, source) = state.into_parts();
        let view = source.into_view()?;
        let executed = Executed {
            receipts: self.receipts,
            changes,
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
            requests,
            participants,
            may_have_logged,
        };
        Ok((executed, view))
    }

    fn check_room(&self, tx: &Transaction) -> Result<(), ApplyError> {
        let (needed, available) = (tx.gas_limit(), self.gas_left());
        if needed > available {
            return Err(ApplyError::BlockGasExceeded { needed, available });
        }
        let needed = tx.blob_gas_used().unwrap_or(0);
        let available = self.max_blob_gas.saturating_sub(self.blob_gas_used);
        if needed > available {
            return Err(ApplyError::BlobGasExceeded { needed, available });
        }
        Ok(())
    }

    fn record(&mut self, tx: &Transaction, result: ExecutionResult, root: Option<B256>) -> Applied {
        let (gas_used, success) = (result.tx_gas_used(), result.is_success());
        let status = match root {
            Some(root) if self.fork.has_roots_in_receipts() => Eip658Value::PostState(root),
            _ => Eip658Value::Eip658(success),
        };
        let (output, logs) = match result {
            ExecutionResult::Success { output, logs, .. } => (output, logs),
            ExecutionResult::Revert { output, logs, .. } => (Output::Call(output), logs),
            ExecutionResult::Halt { logs, .. } => (Output::Call(Bytes::new()), logs),
        };
        let applied = Applied {
            gas_used,
            success,
            contract_address: output.address().copied(),
            logs: logs.len(),
            output: output.into_data(),
        };
        self.receipts.push(Receipt {
            tx_type: tx.tx_type(),
            status,
            cumulative_gas_used: self.gas_used,
            logs,
        });
        applied
    }

    fn credit_withdrawals(&mut self) -> Result<(), EvmError> {
        for withdrawal in self.template.withdrawals.take().unwrap_or_default() {
            let amount = U256::from(withdrawal.amount) * U256::from(GWEI_TO_WEI);
            self.credit(withdrawal.address, amount)?;
        }
        Ok(())
    }
}

impl BlockExecutor {
    /// Runs transactions that must all be valid, pays `rewards`, and ends the block.
    pub fn run(
        mut self,
        transactions: &[Transaction],
        rewards: &[(Address, U256)],
    ) -> Result<Executed, EvmError> {
        for (index, tx) in transactions.iter().enumerate() {
            self.apply(tx).map_err(|error| match error {
                ApplyError::Evm(error) => error,
                invalid => {
                    EvmError::Transaction { index, hash: tx.hash(), source: Box::new(invalid) }
                }
            })?;
        }
        for (address, wei) in rewards {
            self.credit(*address, *wei)?;
        }
        self.finish()
    }
}

/// Executes a block that exists over its parent's state, and pays its rewards. The beneficiary is the
/// header's; where it is not, use [`BlockExecutor::run`]. `roots` is what
/// [`BlockExecutor::with_roots`] takes: the parent's trie and the next storage id, needed before
/// Byzantium. Who takes part is noted.
pub fn execute(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    edits: StateChanges,
    block: &Block,
    roots: Option<(StateTrie, StorageId)>,
) -> Result<Executed, EvmError> {
    let template = BlockTemplate::from_block(spec, block);
    execute_as(&template, spec, settings, view, edits, block, roots)
}

/// [`execute`], where the caller has the template that the block was made from.
pub fn execute_as(
    template: &BlockTemplate,
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    edits: StateChanges,
    block: &Block,
    roots: Option<(StateTrie, StorageId)>,
) -> Result<Executed, EvmError> {
    let executor = BlockExecutor::begin(spec, settings, view, edits, template)?;
    let mut executor = executor.with_participants();
    if let Some((trie, next_storage_id)) = roots {
        executor = executor.with_roots(trie, next_storage_id);
    }
    let rewards = rewards(spec, &block.header, &block.body.ommers);
    executor.run(&block.body.transactions, &rewards)
}
