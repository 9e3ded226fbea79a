//! The block loop: edits and system calls first, then one transaction after the other, then
//! withdrawals and requests.

use super::{
    BlockTemplate, EvmError, EvmSettings, InvalidTx,
    block_state::BlockState,
    env::{block_env, rules},
    error::split,
};
use crate::{
    primitives::{Block, Receipt, StateChanges, Transaction},
    spec::{ChainSpec, Fork},
    state::StateView,
};
use alloy_consensus::{Eip658Value, Transaction as _};
use alloy_eips::{eip4895::GWEI_TO_WEI, eip7685::Requests};
use alloy_evm::{
    Evm, ToTxEnv,
    eth::{EthEvm, EthEvmBuilder, EthEvmContext},
    precompiles::PrecompilesMap,
};
use alloy_primitives::{Address, Bytes, U256};
use revm::{
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
}

impl BlockExecutor {
    /// Starts a block over the parent's state: lays `edits` over it and makes the system calls that
    /// come before transactions.
    pub fn begin(
        spec: &ChainSpec,
        settings: &EvmSettings,
        view: StateView,
        edits: StateChanges,
        template: &BlockTemplate,
    ) -> Result<Self, EvmError> {
        Self::begin_inspected(spec, settings, view, edits, template, NoOpInspector, false)
    }
}

impl<I: Inspector<EthEvmContext<BlockState>>> BlockExecutor<I> {
    /// Like [`BlockExecutor::begin`], with an inspector that sees transactions while `inspect`.
    pub(super) fn begin_inspected(
        spec: &ChainSpec,
        settings: &EvmSettings,
        view: StateView,
        edits: StateChanges,
        template: &BlockTemplate,
        inspector: I,
        inspect: bool,
    ) -> Result<Self, EvmError> {
        let fork = spec.fork_of(template.number, template.timestamp, template.difficulty);
        if fork < Fork::Byzantium {
            return Err(EvmError::ForkTooOld { fork });
        }
        let mut state = BlockState::new(view, rules(fork));
        state.lay(edits)?;
        let env = block_env(spec, settings, fork, template);
        let mut executor = Self {
            evm: EthEvmBuilder::new(state, env).inspector(inspector).set_inspect(inspect).build(),
            fork,
            template: template.clone(),
            deposit_contract: spec.deposit_contract,
            receipts: Vec::new(),
            max_blob_gas: spec.blob_params_at(template.timestamp).max_blob_gas_per_block(),
            has_gas_limit: !settings.disable_block_gas_limit,
            gas_used: 0,
            blob_gas_used: 0,
        };
        executor.open()?;
        Ok(executor)
    }

    /// Runs one transaction. One that is not valid changes nothing, and the block goes on.
    pub fn apply(&mut self, tx: &Transaction) -> Result<Applied, ApplyError> {
        let outcome = self.step(tx)?;
        self.take(tx, outcome)
    }

    /// Runs one transaction over what the block did so far, without taking in what it changed.
    pub(super) fn step(&mut self, tx: &Transaction) -> Result<ResultAndState, ApplyError> {
        self.check_room(tx)?;
        let tx_env: TxEnv = tx.recovered().to_tx_env();
        self.evm.ctx_mut().cfg.disable_eip3607 = tx.is_impersonated();
        self.evm.transact_raw(tx_env).or_else(|error| {
            let invalid = split(error)?;
            let context = self.evm.ctx();
            Err(InvalidTx::new(&invalid, &context.tx, &context.block, &context.cfg).into())
        })
    }

    /// Takes in what [`BlockExecutor::step`] answered: the transaction is part of the block now.
    pub(super) fn take(
        &mut self,
        tx: &Transaction,
        outcome: ResultAndState,
    ) -> Result<Applied, ApplyError> {
        self.evm.db_mut().absorb(outcome.state).map_err(EvmError::from)?;
        let result = outcome.result;
        self.gas_used += result.tx_gas_used();
        self.blob_gas_used += tx.blob_gas_used().unwrap_or(0);
        Ok(self.record(tx, result))
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

    /// Ends the block: withdrawals, then requests.
    pub fn finish(self) -> Result<Executed, EvmError> {
        self.finish_over().map(|(executed, _view)| executed)
    }

    /// Like [`BlockExecutor::finish`], and gives the view of the parent's state back.
    pub(super) fn finish_over(mut self) -> Result<(Executed, StateView), EvmError> {
        self.credit_withdrawals()?;
        let requests = self.collect_requests()?;
        let (changes, view) = self.evm.into_db().into_parts();
        let executed = Executed {
            receipts: self.receipts,
            changes,
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
            requests,
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

    fn record(&mut self, tx: &Transaction, result: ExecutionResult) -> Applied {
        let (gas_used, success) = (result.tx_gas_used(), result.is_success());
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
            status: Eip658Value::Eip658(success),
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

/// Executes a block that exists over its parent's state. The beneficiary is the header's; see
/// [`execute_template`] for chains where it is not.
pub fn execute(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    edits: StateChanges,
    block: &Block,
) -> Result<Executed, EvmError> {
    let template = BlockTemplate::from_block(spec, block);
    execute_template(spec, settings, view, edits, &template, &block.body.transactions)
}

/// Executes transactions that must all be valid in the block of this template.
pub fn execute_template(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    edits: StateChanges,
    template: &BlockTemplate,
    transactions: &[Transaction],
) -> Result<Executed, EvmError> {
    let mut executor = BlockExecutor::begin(spec, settings, view, edits, template)?;
    for (index, tx) in transactions.iter().enumerate() {
        executor.apply(tx).map_err(|error| match error {
            ApplyError::Evm(error) => error,
            invalid => EvmError::Transaction { index, hash: tx.hash(), source: Box::new(invalid) },
        })?;
    }
    executor.finish()
}
