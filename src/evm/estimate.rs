//! `eth_estimateGas`: which gas limit is enough?

use super::{
    CallError, CallRequest, EvmSettings, InvalidTx, Overrides,
    call::{CallResult, Machine, Setting, gas_of},
};
use crate::{
    spec::{ChainSpec, TRANSACTION_GAS_CAP},
    state::StateView,
};
use alloy_consensus::Header;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::U256;
use revm::context::{TxEnv, result::ExecutionResult, result::HaltReason};

/// What a plain transfer costs.
const TRANSFER_GAS: u64 = 21_000;

/// Gas that a call with value hands over for free.
const CALL_STIPEND: u64 = 2_300;

/// The search ends when the answer is at most this share above the least that works, as in geth.
const ERROR_RATIO: f64 = 0.015;

/// What an estimate found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// A gas limit with which the transaction succeeds.
    pub gas: u64,
    /// May the transaction have called `console.log`?
    pub may_have_logged: bool,
}

/// A gas limit with which the transaction succeeds in the block of `header`. It is exact where the
/// transaction needs what it spends; where it needs more (calls keep a 64th back, refunds come
/// late) it is at most 1.5 % too high.
pub fn estimate_gas(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    request: CallRequest,
    overrides: Overrides,
) -> Result<Estimate, CallError> {
    let mut setting = Setting::new(spec, settings, view, header, overrides)?;
    let gas = request.gas.filter(|gas| *gas >= TRANSFER_GAS);
    let mut highest = gas.unwrap_or(setting.env.block_env.gas_limit).min(setting.gas_cap);
    if settings.transaction_gas_cap {
        highest = highest.min(TRANSACTION_GAS_CAP);
    }
    let mut tx = setting.transaction(CallRequest { gas: None, ..request })?;
    let mut machine = Machine::new(setting);
    tx.gas_limit = affordable(&mut machine, &tx, highest)?;
    let gas = search(&mut machine, tx)?;
    Ok(Estimate { gas, may_have_logged: machine.may_have_logged() })
}

/// The gas limit that the sender can pay for, at most `highest`.
fn affordable(machine: &mut Machine, tx: &TxEnv, highest: u64) -> Result<u64, CallError> {
    if tx.gas_price == 0 {
        return Ok(highest);
    }
    let account = machine.state().account(tx.caller)?;
    let balance = account.map_or(U256::ZERO, |account| account.balance);
    let blob_gas = U256::from(tx.blob_hashes.len()) * U256::from(DATA_GAS_PER_BLOB);
    let blob_cost = blob_gas * U256::from(tx.max_fee_per_blob_gas);
    let fixed = tx.value.saturating_add(blob_cost);
    let Some(available) = balance.checked_sub(fixed) else {
        let (address, have, want) = (tx.caller, balance, fixed);
        return Err(CallError::FundsForTransfer { address, have, want });
    };
    let allowance = available / U256::from(tx.gas_price);
    Ok(u64::try_from(allowance).map_or(highest, |allowance| allowance.min(highest)))
}

fn search(machine: &mut Machine, tx: TxEnv) -> Result<u64, CallError> {
    if is_transfer(machine, &tx)? && try_with(machine, &tx, TRANSFER_GAS)?.is_success() {
        return Ok(TRANSFER_GAS);
    }
    let mut high = tx.gas_limit;
    let first = match try_with(machine, &tx, high)? {
        Tried::Ended(result) if result.is_success() => result,
        failed => return Err(refusal(machine, tx, failed)),
    };
    let gas = gas_of(&first);
    let spent = gas.total_gas_spent().max(gas.floor_gas());
    if spent >= high || try_with(machine, &tx, spent)?.is_success() {
        return Ok(spent.min(high));
    }
    let mut low = spent;
    let likely = spent.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
    if likely < high {
        narrow(machine, &tx, likely, &mut low, &mut high)?;
    }
    while low + 1 < high && (high - low) as f64 / high as f64 >= ERROR_RATIO {
        // Most transactions need little more than they spend, so the first steps stay low.
        let middle = (low + (high - low) / 2).min(low.saturating_mul(2));
        narrow(machine, &tx, middle, &mut low, &mut high)?;
    }
    Ok(high)
}

fn narrow(
    machine: &mut Machine,
    tx: &TxEnv,
    gas_limit: u64,
    low: &mut u64,
    high: &mut u64,
) -> Result<(), CallError> {
    let bound = if try_with(machine, tx, gas_limit)?.is_success() { high } else { low };
    *bound = gas_limit;
    Ok(())
}

fn is_transfer(machine: &mut Machine, tx: &TxEnv) -> Result<bool, CallError> {
    match tx.kind.to() {
        Some(to) if tx.data.is_empty() && tx.gas_limit >= TRANSFER_GAS => {
            Ok(!machine.state().has_code(*to)?)
        }
        _ => Ok(false),
    }
}

/// What happened with one gas limit.
enum Tried {
    /// The limit is below what the transaction costs before it runs.
    TooLow,
    Ended(ExecutionResult),
}

impl Tried {
    const fn is_success(&self) -> bool {
        matches!(self, Self::Ended(ExecutionResult::Success { .. }))
    }
}

fn try_with(machine: &mut Machine, tx: &TxEnv, gas_limit: u64) -> Result<Tried, CallError> {
    match machine.transact(TxEnv { gas_limit, ..tx.clone() }) {
        Ok(result) => Ok(Tried::Ended(result)),
        Err(CallError::Invalid(
            InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorDataGas { .. },
        )) => Ok(Tried::TooLow),
        Err(error) => Err(error),
    }
}

/// Why the highest gas limit was not enough.
fn refusal(machine: &mut Machine, tx: TxEnv, failed: Tried) -> CallError {
    let exceeds = CallError::GasRequiredExceedsAllowance { allowance: tx.gas_limit };
    let result = match failed {
        Tried::TooLow => return exceeds,
        Tried::Ended(ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. }) => {
            return exceeds;
        }
        Tried::Ended(result) => result,
    };
    match machine.outcome(tx, result).map(|outcome| outcome.result) {
        Ok(CallResult::Revert { output }) => CallError::Reverted { output },
        Ok(CallResult::Halt { reason }) => CallError::Halted { reason },
        Ok(CallResult::Success { .. }) => exceeds,
        Err(error) => error,
    }
}
