//! In whose words does the node say what went wrong? geth's, or Hardhat's for tools that parse those.
//!
//! The code of the methods knows one kind of error, with the numbers in it. This is the one room that
//! says it in another dialect; what has no entry here is said in geth's words.

use super::RpcError;
use crate::{
    evm::{CallError, InvalidTx},
    pool::PoolError,
    sealer::SealError,
};
use alloy_primitives::{U256, hex};
use alloy_sol_types::{Panic, Revert, SolError};
use jsonrpsee::types::ErrorObjectOwned;
use std::future::Future;

/// The words of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// geth's.
    #[default]
    Geth,
    /// Those of `hardhat node`, which Hardhat's own matchers and many tests compare.
    Hardhat,
}

tokio::task_local! {
    /// The dialect of the request that is being answered.
    static SPOKEN: Dialect;
}

impl Dialect {
    /// Runs what makes an answer.
    pub(super) fn speak<T>(self, answer: impl FnOnce() -> T) -> T {
        SPOKEN.sync_scope(self, answer)
    }

    /// Runs what makes an answer in time.
    pub(super) fn speak_in<F: Future>(self, answer: F) -> impl Future<Output = F::Output> {
        SPOKEN.scope(self, answer)
    }
}

/// An error as it goes to the caller. Codes and data are the same in every dialect.
pub(super) fn said(error: &RpcError) -> ErrorObjectOwned {
    let hardhat = match SPOKEN.try_with(|dialect| *dialect) {
        Ok(Dialect::Hardhat) => hardhat(error),
        Ok(Dialect::Geth) | Err(_) => None,
    };
    let text = hardhat.unwrap_or_else(|| error.to_string());
    ErrorObjectOwned::owned(error.code(), text, error.data())
}

/// Hardhat's words for an error, where it has its own.
fn hardhat(error: &RpcError) -> Option<String> {
    match error {
        RpcError::Reverted(output) => Some(reverted(output)),
        RpcError::DelegateRejects { .. } => {
            Some(format!("{}: {error}", reverted(&[]).trim_end_matches('.')))
        }
        RpcError::Halted(reason) | RpcError::Call(CallError::Halted { reason }) => halted(reason),
        RpcError::Call(CallError::Invalid(error)) => invalid(error),
        RpcError::Call(CallError::FundsForTransfer { have, want, .. }) => Some(poor(want, have)),
        RpcError::Pool(error) | RpcError::Seal(SealError::Pool(error)) => refused(error),
        RpcError::Seal(SealError::NotMade(cause)) => match cause.as_ref() {
            SealError::Pool(error) => refused(error),
            _ => None,
        },
        _ => None,
    }
}

/// What the call reverted with.
fn reverted(output: &[u8]) -> String {
    const VM: &str = "VM Exception while processing transaction:";
    if output.is_empty() {
        return "Transaction reverted without a reason string".to_owned();
    }
    if let Ok(revert) = Revert::abi_decode(output) {
        return format!("{VM} reverted with reason string '{}'", revert.reason);
    }
    match Panic::abi_decode(output) {
        Ok(panic) => match panic_meaning(panic.code) {
            Some(meaning) => {
                format!("{VM} reverted with panic code {:#x} ({meaning})", panic.code)
            }
            None => format!("{VM} reverted with unknown panic code {:#x}", panic.code),
        },
        Err(_other) => format!(
            "{VM} reverted with an unrecognized custom error (return data: {})",
            hex::encode_prefixed(output)
        ),
    }
}

/// The codes of <https://docs.soliditylang.org/en/latest/control-structures.html#panic-via-assert-and-error-via-require>.
fn panic_meaning(code: U256) -> Option<&'static str> {
    Some(match u64::try_from(code).ok()? {
        0x01 => "Assertion error",
        0x11 => "Arithmetic operation overflowed outside of an unchecked block",
        0x12 => "Division or modulo division by zero",
        0x21 => "Tried to convert a value into an enum, but the value was too big or negative",
        0x22 => "Incorrectly encoded storage byte array",
        0x31 => ".pop() was called on an empty array",
        0x32 => "Array accessed at an out-of-bounds or negative index",
        0x41 => "Too much memory was allocated, or an array was created that is too large",
        0x51 => "Called a zero-initialized variable of internal function type",
        _ => return None,
    })
}

fn halted(reason: &str) -> Option<String> {
    if reason.starts_with("invalid opcode") {
        return Some("VM Exception while processing transaction: invalid opcode".to_owned());
    }
    reason.starts_with("out of gas").then(|| "Transaction ran out of gas".to_owned())
}

/// Why a call cannot be made.
fn invalid(error: &InvalidTx) -> Option<String> {
    Some(match error {
        InvalidTx::NonceTooLow { given, expected, .. } => low_nonce(*expected, *given),
        InvalidTx::NonceTooHigh { given, expected, .. } => format!(
            "Nonce too high. Expected nonce to be {expected} but got {given}. Note that \
             transactions can't be queued when automining."
        ),
        InvalidTx::InsufficientFunds { have, want, .. } => poor(want, have),
        InvalidTx::FeeCapTooLow { max_fee, base_fee, .. } => format!(
            "Transaction maxFeePerGas ({max_fee}) is too low for the next block, which has a \
             baseFeePerGas of {base_fee}"
        ),
        InvalidTx::IntrinsicGas { have, want } | InvalidTx::FloorDataGas { have, want } => {
            little_gas(*want, *have)
        }
        InvalidTx::ExceedsBlockGasLimit { gas_limit, block } => much_gas(*gas_limit, *block),
        _ => return None,
    })
}

/// Why the pool does not take a transaction.
fn refused(error: &PoolError) -> Option<String> {
    Some(match error {
        PoolError::NonceTooLow { next, given } => low_nonce(*next, *given),
        PoolError::InsufficientFunds { balance, cost, .. } => poor(cost, balance),
        PoolError::IntrinsicGas { gas, minimum } | PoolError::FloorDataGas { gas, minimum } => {
            little_gas(*minimum, *gas)
        }
        PoolError::BlockGasLimit { gas, limit } => much_gas(*gas, *limit),
        PoolError::ReplacementFeeCap { queued, bump, .. }
        | PoolError::ReplacementTip { queued, bump, .. } => format!(
            "Replacement transaction underpriced. A gasPrice/maxFeePerGas of at least {} is \
             necessary to replace the existing transaction",
            queued.saturating_add(queued.saturating_mul(*bump) / 100)
        ),
        _ => return None,
    })
}

fn low_nonce(expected: u64, given: u64) -> String {
    format!(
        "Nonce too low. Expected nonce to be {expected} but got {given}. Note that transactions \
         can't be queued when automining."
    )
}

fn poor(cost: &U256, balance: &U256) -> String {
    format!(
        "Sender doesn't have enough funds to send tx. The max upfront cost is: {cost} and the \
         sender's balance is: {balance}."
    )
}

fn little_gas(needed: u64, given: u64) -> String {
    format!("Transaction requires at least {needed} gas but got {given}")
}

fn much_gas(given: u64, limit: u64) -> String {
    format!("Transaction gas limit is {given} and exceeds block gas limit of {limit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(error: RpcError, geth: &str, hardhat: &str) {
        let say = |dialect: Dialect| dialect.speak(|| said(&error));
        let (plain, other) = (say(Dialect::Geth), say(Dialect::Hardhat));
        assert_eq!((plain.message(), other.message()), (geth, hardhat));
        assert_eq!(plain.code(), other.code());
        assert_eq!(plain.data().map(|data| data.get()), other.data().map(|data| data.get()));
    }

    #[test]
    fn reverts_are_told_by_what_they_say() {
        const VM: &str = "VM Exception while processing transaction: reverted with";
        let revert = |output: Vec<u8>| RpcError::Reverted(output.into());
        reads(
            revert(Revert::from("too poor").abi_encode()),
            "execution reverted: too poor",
            &format!("{VM} reason string 'too poor'"),
        );
        let panic = |code: u64| revert(Panic { code: U256::from(code) }.abi_encode());
        reads(
            panic(0x11),
            "execution reverted: arithmetic underflow or overflow",
            &format!(
                "{VM} panic code 0x11 (Arithmetic operation overflowed outside of an unchecked block)"
            ),
        );
        reads(
            panic(0x99),
            "execution reverted: unknown panic code: 0x99",
            &format!("{VM} unknown panic code 0x99"),
        );
        reads(
            revert(vec![1, 2, 3, 4]),
            "execution reverted",
            &format!("{VM} an unrecognized custom error (return data: 0x01020304)"),
        );
        let silent = "Transaction reverted without a reason string";
        reads(revert(Vec::new()), "execution reverted", silent);
    }

    #[test]
    fn what_is_refused_is_told_with_the_same_numbers() {
        let pool = |error: PoolError| RpcError::Seal(SealError::Pool(error));
        reads(
            pool(PoolError::NonceTooLow { next: 5, given: 3 }),
            "nonce too low: next nonce 5, tx nonce 3",
            "Nonce too low. Expected nonce to be 5 but got 3. Note that transactions can't be \
             queued when automining.",
        );
        let [balance, cost, overshot] = [2, 7, 5].map(U256::from);
        reads(
            pool(PoolError::InsufficientFunds { balance, cost, overshot }),
            "insufficient funds for gas * price + value: balance 2, tx cost 7, overshot 5",
            "Sender doesn't have enough funds to send tx. The max upfront cost is: 7 and the \
             sender's balance is: 2.",
        );
        reads(
            pool(PoolError::BlockGasLimit { gas: 9, limit: 8 }),
            "exceeds block gas limit: gas 9, block gas limit 8",
            "Transaction gas limit is 9 and exceeds block gas limit of 8",
        );
        reads(
            RpcError::Halted("invalid opcode: INVALID".to_owned()),
            "invalid opcode: INVALID",
            "VM Exception while processing transaction: invalid opcode",
        );
    }

    #[test]
    fn what_hardhat_has_no_words_for_is_told_in_geths() {
        reads(RpcError::UnknownBlock, "unknown block", "unknown block");
        let stack = || RpcError::Halted("stack underflow (0 <=> 2)".to_owned());
        reads(stack(), "stack underflow (0 <=> 2)", "stack underflow (0 <=> 2)");
    }
}
