//! `eth_call`: what would this transaction do?

use super::{
    BlockTemplate, EvmError, EvmSettings, InvalidTx, Overrides, StateSource, arguments,
    block_state::BlockState,
    env::{block_env, rules},
    error::ReadError,
    halt::HaltProbe,
    leaf::without_calls,
    machine::{machine, transact},
    overrides,
};
use crate::{
    spec::{CONSOLE_ADDRESS, ChainSpec, Fork},
    state::StateView,
};
use alloy_consensus::Header;
use alloy_eips::eip2930::AccessList;
use alloy_evm::{Evm, EvmEnv, eth::EthEvm, precompiles::PrecompilesMap};
use alloy_primitives::{Address, Bytes, Log, U256};
use revm::{
    context::{
        TxEnv,
        result::{ExecutionResult, ResultGas},
    },
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};
use revm_inspectors::access_list::AccessListInspector;

/// The arguments of a call, as `eth_call` takes them.
pub type CallRequest = alloy_rpc_types::TransactionRequest;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It returned.
    Success {
        /// What it returned; for a creation, the code.
        output: Bytes,
    },
    /// It reverted; see [`super::revert_message`].
    Revert {
        /// What it reverted with.
        output: Bytes,
    },
    /// It stopped with an error.
    Halt {
        /// In geth's words: `out of gas`, `invalid opcode: opcode 0xc not defined`.
        reason: String,
    },
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub result: CallResult,
    /// After refunds.
    pub gas_used: u64,
    /// Its events, in order.
    pub logs: Vec<Log>,
    /// May it have called `console.log`?
    pub may_have_logged: bool,
}

/// Why a call was not made, or has no estimate. The texts are geth's.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Not valid on top of the state.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// For another chain.
    #[error("chainId does not match node's (have={have}, want={want})")]
    ChainId {
        /// The request's.
        have: u64,
        /// Ours.
        want: u64,
    },
    /// Both ways to name a price.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    GasPriceAndFeeCaps,
    /// `data` and `input` differ.
    #[error(
        "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass \
         transaction call data"
    )]
    DataAndInput,
    /// An account override names both.
    #[error("account {0} has both 'state' and 'stateDiff'")]
    StateAndStateDiff(Address),
    /// `movePrecompileToAddress` of an account that is none.
    #[error("account {0} is not a precompile")]
    NotAPrecompile(Address),
    /// The target of `movePrecompileToAddress` has overrides of its own.
    #[error("account {0} is already overridden")]
    PrecompileTargetOverridden(Address),
    /// An estimate whose value is above the balance.
    #[error("insufficient funds for transfer: address {address} have {have} want {want}")]
    FundsForTransfer {
        /// The sender.
        address: Address,
        /// Its balance in wei.
        have: U256,
        /// The value in wei.
        want: U256,
    },
    /// No allowed gas limit is enough.
    #[error("gas required exceeds allowance ({allowance})")]
    GasRequiredExceedsAllowance {
        /// The highest gas limit that was tried.
        allowance: u64,
    },
    /// An estimate of a transaction that reverts.
    #[error("{}", super::revert_message(.output))]
    Reverted {
        /// What it reverted with.
        output: Bytes,
    },
    /// An estimate of a transaction that halts.
    #[error("{reason}")]
    Halted {
        /// In geth's words.
        reason: String,
    },
    /// Execution itself failed.
    #[error(transparent)]
    Evm(#[from] EvmError),
}

impl From<ReadError> for CallError {
    fn from(error: ReadError) -> Self {
        Self::Evm(error.into())
    }
}

/// Makes a call in the block of `header` over the state `view`; nothing is kept. It uses at most
/// [`EvmSettings::call_gas_cap`] gas, which is also what bounds its time.
pub fn run(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    request: CallRequest,
    overrides: Overrides,
) -> Result<CallOutcome, CallError> {
    let mut setting = Setting::new(spec, settings, view, header, overrides)?;
    let tx = setting.transaction(request)?;
    let mut machine = Machine::new(setting);
    let result = machine.transact(tx.clone())?;
    machine.outcome(tx, result)
}

/// Where a call happens.
pub(super) struct Setting {
    pub(super) state: BlockState,
    pub(super) env: EvmEnv,
    pub(super) fork: Fork,
    pub(super) precompiles: PrecompilesMap,
    pub(super) gas_cap: u64,
}

impl Setting {
    /// The block of `header` over a state, changed by the overrides, with the checks off that only a
    /// real transaction must pass: nonce, sender without code, block gas limit.
    pub(super) fn new(
        spec: &ChainSpec,
        settings: &EvmSettings,
        source: impl Into<StateSource>,
        header: &Header,
        overrides: Overrides,
    ) -> Result<Self, CallError> {
        let state = |rules| BlockState::new(source.into(), rules);
        Self::build(spec, settings, state, header, overrides)
    }

    /// The same over a state that is not a block's own.
    pub(super) fn over(
        spec: &ChainSpec,
        settings: &EvmSettings,
        state: BlockState,
        header: &Header,
        overrides: Overrides,
    ) -> Result<Self, CallError> {
        Self::build(spec, settings, |_rules| state, header, overrides)
    }

    fn build(
        spec: &ChainSpec,
        settings: &EvmSettings,
        state: impl FnOnce(SpecId) -> BlockState,
        header: &Header,
        overrides: Overrides,
    ) -> Result<Self, CallError> {
        let of_block = overrides.block.unwrap_or_default();
        let template = BlockTemplate::from_header(spec, header);
        let template = overrides::template(template, &of_block);
        let (mut env, fork) = call_env(spec, settings, &template);
        let mut state = state(rules(fork));
        overrides::block(&of_block, &mut env.block_env, &mut state);
        let mut precompiles = built_in(fork);
        if let Some(of_accounts) = overrides.state {
            overrides::accounts(of_accounts, &mut state, &mut precompiles)?;
        }
        let gas_cap = if settings.call_gas_cap == 0 { u64::MAX / 2 } else { settings.call_gas_cap };
        Ok(Self { state, env, fork, precompiles, gas_cap })
    }

    /// The transaction that `request` describes here.
    pub(super) fn transaction(&mut self, request: CallRequest) -> Result<TxEnv, CallError> {
        arguments::transaction(request, self.gas_cap, &mut self.env.block_env, &self.env.cfg_env)
    }
}

/// The precompiles of a fork.
pub(super) fn built_in(fork: Fork) -> PrecompilesMap {
    let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(rules(fork)));
    PrecompilesMap::from_static(precompiles)
}

/// The environment of a call in a block, with the checks off that only a real transaction must pass.
pub(super) fn call_env(
    spec: &ChainSpec,
    settings: &EvmSettings,
    template: &BlockTemplate,
) -> (EvmEnv, Fork) {
    let fork = spec.fork_of(template.number, template.timestamp, template.difficulty);
    let mut env = block_env(spec, settings, fork, template);
    env.cfg_env.disable_nonce_check = true;
    env.cfg_env.disable_eip3607 = true;
    env.cfg_env.disable_block_gas_limit = true;
    env.cfg_env.tx_gas_limit_cap = Some(u64::MAX);
    (env, fork)
}

/// Runs one transaction after the other over the same state and keeps nothing.
pub(super) struct Machine {
    evm: EthEvm<BlockState, (HaltProbe, AccessListInspector), PrecompilesMap>,
}

impl Machine {
    pub(super) fn new(setting: Setting) -> Self {
        let Setting { state, env, fork, precompiles, .. } = setting;
        Self { evm: machine(state, env, fork, Some(precompiles), Default::default(), false) }
    }

    /// For a call that makes no calls and does not look at its gas; see [`super::run_leaf`].
    pub(super) fn leaf(setting: Setting) -> Self {
        Self { evm: without_calls(Self::new(setting).evm) }
    }

    pub(super) fn state(&mut self) -> &mut BlockState {
        self.evm.db_mut()
    }

    /// May a transaction so far have called `console.log`?
    pub(super) fn may_have_logged(&self) -> bool {
        self.evm.db().has_seen(CONSOLE_ADDRESS)
    }

    /// Runs a transaction.
    pub(super) fn transact(&mut self, tx: TxEnv) -> Result<ExecutionResult, CallError> {
        transact(&mut self.evm, tx).map(|outcome| outcome.result)
    }

    /// Runs a transaction and adds to its access list what it touches.
    pub(super) fn touched(
        &mut self,
        tx: TxEnv,
    ) -> Result<(AccessList, ExecutionResult), CallError> {
        self.evm.inspector_mut().1 = AccessListInspector::new(tx.access_list.clone());
        self.evm.enable_inspector();
        let result = self.transact(tx);
        self.evm.disable_inspector();
        Ok((self.evm.inspector().1.access_list(), result?))
    }

    /// The result in words. `tx` runs a second time where geth's text names the instruction.
    pub(super) fn outcome(
        &mut self,
        tx: TxEnv,
        result: ExecutionResult,
    ) -> Result<CallOutcome, CallError> {
        let gas_used = gas_of(&result).tx_gas_used();
        let (result, logs) = match result {
            ExecutionResult::Success { output, logs, .. } => {
                (CallResult::Success { output: output.into_data() }, logs)
            }
            ExecutionResult::Revert { output, .. } => (CallResult::Revert { output }, Vec::new()),
            ExecutionResult::Halt { reason, .. } => {
                if HaltProbe::is_needed_for(&reason) {
                    self.evm.enable_inspector();
                    self.transact(tx)?;
                    self.evm.disable_inspector();
                }
                let reason = self.evm.inspector().0.describe(&reason);
                (CallResult::Halt { reason }, Vec::new())
            }
        };
        Ok(CallOutcome { result, gas_used, logs, may_have_logged: self.may_have_logged() })
    }
}

/// The gas of a result, however it ended.
pub(super) const fn gas_of(result: &ExecutionResult) -> &ResultGas {
    match result {
        ExecutionResult::Success { gas, .. }
        | ExecutionResult::Revert { gas, .. }
        | ExecutionResult::Halt { gas, .. } => gas,
    }
}
