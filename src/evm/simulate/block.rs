//! What does one simulated block do?

use super::{
    SimulatedBlock, SimulatedCall, SimulationError,
    call::{self, Defaults},
    check::check,
    events::Events,
    overrides,
    plan::PlannedBlock,
};
use crate::{
    consensus::rewards,
    evm::{
        BlockExecutor, BlockTemplate, CallError, CallRequest, CallResult, EvmError, EvmSettings,
        InvalidTx, assemble, halt::HaltProbe, machine::transact, overrides as call_overrides,
    },
    primitives::{Block, Body, SealedHeader, StateChanges, Transaction},
    spec::{ChainSpec, Fork},
    state::{StateTrie, StateView, StorageIds},
};
use alloy_consensus::{Header, Transaction as _};
use alloy_evm::{Evm, ToTxEnv};
use alloy_primitives::{B256, U256};
use revm::context::{
    TxEnv,
    result::{ExecutionResult, ResultAndState},
};
use std::sync::Arc;

/// The executor of a simulated block. The first inspector knows why a call halted.
type Executor = BlockExecutor<(HaltProbe, Events)>;

/// A simulation between two blocks.
pub(super) struct Simulation<'a> {
    pub(super) spec: &'a ChainSpec,
    pub(super) settings: &'a EvmSettings,
    pub(super) validates: bool,
    pub(super) traces_transfers: bool,
    /// What all further calls may use together.
    pub(super) gas_left: u64,
    pub(super) trie: StateTrie,
    pub(super) ids: StorageIds,
    pub(super) parent: Arc<SealedHeader>,
    /// Height and hash of the blocks so far.
    pub(super) hashes: Vec<(u64, B256)>,
}

impl Simulation<'_> {
    /// Simulates the next block over `view`. The answer comes with the state after it.
    pub(super) fn block(
        &mut self,
        view: StateView,
        mut changes: StateChanges,
        block: PlannedBlock,
    ) -> Result<(SimulatedBlock, StateView), SimulationError> {
        let template = self.template(&block)?;
        let state = block.state.unwrap_or_default();
        overrides::lay(&view, &mut changes, state.clone())?;
        let mut executor = self.executor(view, changes, &template)?;
        call_overrides::precompiles(&state, executor.evm.precompiles_mut())?;
        if let Some(fee) = block.overrides.blob_base_fee {
            set_blob_base_fee(&mut executor, fee.saturating_to());
        }
        let mut transactions = Vec::with_capacity(block.calls.len());
        let mut calls = Vec::with_capacity(block.calls.len());
        for request in block.calls {
            let (transaction, called) = self.call(&mut executor, request)?;
            transactions.push(transaction);
            calls.push(called);
        }
        let mined = Header {
            number: template.number,
            timestamp: template.timestamp,
            difficulty: template.difficulty,
            beneficiary: template.beneficiary,
            ..Default::default()
        };
        for (address, wei) in rewards(self.spec, &mined, &[]) {
            executor.credit(address, wei)?;
        }
        let (mut executed, view) = executor.finish_over()?;
        self.trie.apply(&mut executed.changes, template.number, view.reader(), &mut self.ids)?;
        let withdrawals = template.withdrawals.clone();
        let body = Body { transactions, ommers: Vec::new(), withdrawals };
        let header = assemble(&template, &body, &executed, self.trie.root());
        let block = Block::new(header, body);
        self.hashes.push((block.number(), block.hash()));
        self.parent = block.header.clone();
        let view = view.under(block.number(), Arc::new(executed.changes));
        Ok((SimulatedBlock { block, calls }, view))
    }

    /// What the block is before its calls. Gas limit, fee recipient and difficulty are the parent's.
    fn template(&self, block: &PlannedBlock) -> Result<BlockTemplate, SimulationError> {
        let (number, timestamp, overrides) = (block.number, block.timestamp, &block.overrides);
        let difficulty = overrides.difficulty.unwrap_or_else(|| self.difficulty(number, timestamp));
        let fork = self.spec.fork_of(number, timestamp, difficulty);
        let given = overrides.base_fee_per_gas.map(u64::try_from).transpose();
        let too_large = |_| SimulationError::TooLarge { field: "baseFeePerGas", block: number };
        let base_fee = match given.map_err(too_large)? {
            None if self.validates => self.spec.next_base_fee(&self.parent).unwrap_or(0),
            given => given.unwrap_or(0),
        };
        let has_withdrawals = fork >= Fork::Shanghai;
        let has_blobs = fork >= Fork::Cancun;
        let excess = self.spec.next_excess_blob_gas(&self.parent, timestamp).unwrap_or(0);
        Ok(BlockTemplate {
            parent_hash: self.parent.seal(),
            number,
            timestamp,
            gas_limit: overrides.gas_limit.unwrap_or(self.parent.gas_limit),
            base_fee: (fork >= Fork::London).then_some(base_fee),
            beneficiary: overrides.fee_recipient.unwrap_or(self.parent.beneficiary),
            prev_randao: overrides.prev_randao.map_or(B256::ZERO, |key| key.as_b256()),
            difficulty,
            excess_blob_gas: has_blobs.then_some(excess),
            parent_beacon_block_root: has_blobs.then(|| overrides.beacon_root.unwrap_or_default()),
            withdrawals: has_withdrawals.then(|| overrides.withdrawals.clone().unwrap_or_default()),
            ..Default::default()
        })
    }

    /// The parent's, until the chain is merged at this height or time.
    fn difficulty(&self, number: u64, timestamp: u64) -> U256 {
        let config = &self.spec.genesis.config;
        let is_merged = config.merge_netsplit_block.is_some_and(|from| number >= from)
            || config.shanghai_time.is_some_and(|from| timestamp >= from);
        if is_merged { U256::ZERO } else { self.parent.difficulty }
    }

    fn executor(
        &self,
        view: StateView,
        changes: StateChanges,
        template: &BlockTemplate,
    ) -> Result<Executor, EvmError> {
        let inspector = (HaltProbe::default(), Events::new(self.traces_transfers));
        let (spec, settings) = (self.spec, self.settings);
        let mut executor = BlockExecutor::begin_inspected(
            spec, settings, view, changes, template, inspector, true,
        )?;
        if executor.fork.has_roots_in_receipts() {
            executor = executor.with_roots(self.trie.clone(), self.ids.next());
        }
        let cfg = &mut executor.evm.ctx_mut().cfg;
        cfg.disable_nonce_check = !self.validates;
        cfg.disable_eip3607 = true;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        for (number, hash) in &self.hashes {
            executor.evm.db_mut().override_hash(*number, *hash);
        }
        Ok(executor)
    }

    fn call(
        &mut self,
        executor: &mut Executor,
        request: CallRequest,
    ) -> Result<(Transaction, SimulatedCall), SimulationError> {
        let sender = request.from.unwrap_or_default();
        let account = executor.evm.db_mut().account(sender)?.unwrap_or_default();
        let remaining = executor.gas_left();
        let required = request.gas.unwrap_or(remaining);
        if required > remaining {
            return Err(SimulationError::BlockGas { remaining, required });
        }
        let gas = required.min(self.gas_left);
        let defaults = Defaults {
            nonce: request.nonce.unwrap_or(account.nonce),
            gas,
            chain_id: self.spec.chain_ids.at(executor.template.number),
            has_base_fee: executor.template.base_fee.is_some(),
        };
        let transaction = call::transaction(request, defaults)?;
        check(&transaction, &account, executor.template.base_fee, self.validates)
            .map_err(|source| SimulationError::Invalid { source, gas })?;
        let outcome =
            self.run(executor, &transaction, account.nonce).map_err(|error| match error {
                CallError::Invalid(
                    InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorDataGas { .. },
                ) if gas < required => {
                    SimulationError::GasCap { cap: self.settings.call_gas_cap, left: gas }
                }
                CallError::Invalid(source) => SimulationError::Invalid { source, gas },
                other => other.into(),
            })?;
        let result = outcome.result.clone();
        self.gas_left = self.gas_left.saturating_sub(result.tx_gas_used());
        let taken = executor.take(&transaction, outcome);
        taken.map_err(|error| EvmError::Machine(error.to_string()))?;
        Ok((transaction, described(executor, result)))
    }

    /// Runs one transaction. A call that names no price pays none, whatever the base fee is.
    fn run(
        &self,
        executor: &mut Executor,
        tx: &Transaction,
        nonce_before: u64,
    ) -> Result<ResultAndState, CallError> {
        let mut tx_env: TxEnv = tx.recovered().to_tx_env();
        if !self.validates {
            // revm refuses the highest nonce even where it checks none.
            tx_env.nonce = tx_env.nonce.min(u64::MAX - 1);
        }
        let is_free = tx_env.gas_price == 0 && tx_env.gas_priority_fee.unwrap_or(0) == 0;
        let blobs_are_free = tx.is_eip4844() && tx_env.max_fee_per_blob_gas == 0;
        let context = executor.evm.ctx_mut();
        context.cfg.disable_base_fee = is_free && !self.validates;
        let blob_fee =
            context.block.blob_excess_gas_and_price.map_or(0, |blobs| blobs.blob_gasprice);
        if blobs_are_free && !self.validates {
            set_blob_base_fee(executor, 0);
        }
        let outcome = transact::<_, CallError>(&mut executor.evm, tx_env);
        set_blob_base_fee(executor, blob_fee);
        let mut outcome = outcome?;
        // Without checks the highest nonce is followed by the first, as in geth.
        if nonce_before == u64::MAX
            && !tx.is_create()
            && let Some(sender) = outcome.state.get_mut(&tx.sender())
        {
            sender.info.nonce = 0;
        }
        Ok(outcome)
    }
}

fn set_blob_base_fee(executor: &mut Executor, fee: u128) {
    if let Some(blobs) = &mut executor.evm.ctx_mut().block.blob_excess_gas_and_price {
        blobs.blob_gasprice = fee;
    }
}

/// What the call that ran last did.
fn described(executor: &mut Executor, result: ExecutionResult) -> SimulatedCall {
    let gas = *crate::evm::call::gas_of(&result);
    let (halts, events) = executor.evm.inspector_mut();
    let events = events.take();
    let result = match result {
        ExecutionResult::Success { output, .. } => {
            CallResult::Success { output: output.into_data() }
        }
        ExecutionResult::Revert { output, .. } => CallResult::Revert { output },
        ExecutionResult::Halt { reason, .. } => {
            CallResult::Halt { reason: halts.describe(&reason) }
        }
    };
    SimulatedCall {
        result,
        events,
        gas_used: gas.tx_gas_used(),
        max_used_gas: gas.total_gas_spent().max(gas.floor_gas()),
    }
}
