//! May a simulated call be made? The checks in geth's order, so that one of several faults that is
//! named is the one that geth names.

use crate::{
    evm::InvalidTx,
    primitives::{Account, Transaction},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::U256;

/// Checks nonce (with validation), fees and funds. revm checks the rest.
pub(super) fn check(
    tx: &Transaction,
    account: &Account,
    base_fee: Option<u64>,
    validates: bool,
) -> Result<(), InvalidTx> {
    if validates {
        nonce(tx, account.nonce)?;
    }
    let is_free = tx.max_fee_per_gas() == 0 && tx.max_priority_fee_per_gas().unwrap_or(0) == 0;
    if validates || !is_free {
        fees(tx, base_fee.unwrap_or(0))?;
    }
    funds(tx, account.balance)
}

fn nonce(tx: &Transaction, expected: u64) -> Result<(), InvalidTx> {
    let (address, given) = (tx.sender(), tx.nonce());
    if given < expected {
        return Err(InvalidTx::NonceTooLow { address, given, expected });
    }
    if given > expected {
        return Err(InvalidTx::NonceTooHigh { address, given, expected });
    }
    if given == u64::MAX {
        return Err(InvalidTx::NonceMax { address, nonce: given });
    }
    Ok(())
}

fn fees(tx: &Transaction, base_fee: u64) -> Result<(), InvalidTx> {
    let (address, max_fee) = (tx.sender(), tx.max_fee_per_gas());
    if let Some(tip) = tx.max_priority_fee_per_gas().filter(|tip| *tip > max_fee) {
        return Err(InvalidTx::TipAboveFeeCap { address, tip, max_fee });
    }
    if max_fee < u128::from(base_fee) {
        return Err(InvalidTx::FeeCapTooLow { address, max_fee, base_fee });
    }
    Ok(())
}

fn funds(tx: &Transaction, have: U256) -> Result<(), InvalidTx> {
    let address = tx.sender();
    let gas = U256::from(tx.gas_limit()).checked_mul(U256::from(tx.max_fee_per_gas()));
    let blobs = U256::from(tx.blob_gas_used().unwrap_or(0))
        .checked_mul(U256::from(tx.max_fee_per_blob_gas().unwrap_or(0)));
    let want = gas.zip(blobs).and_then(|(gas, blobs)| gas.checked_add(blobs));
    let want = want.and_then(|fees| fees.checked_add(tx.value()));
    match want {
        None => Err(InvalidTx::CostOverflow { address }),
        Some(want) if want > have => Err(InvalidTx::InsufficientFunds { address, have, want }),
        Some(_) => Ok(()),
    }
}
