//! Admission: may this transaction enter the pool?

use super::{PoolError, blob};
use crate::{
    primitives::Transaction,
    spec::{Fork, floor_gas, intrinsic_gas},
};
use alloy_consensus::{Transaction as _, TxEnvelope, TxType, transaction::RlpEcdsaEncodableTx};
use alloy_eips::Encodable2718;
use alloy_primitives::U256;

/// What admission needs to know of the sender, read at the head.
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderState {
    /// Next nonce of the account.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// Bytes of code; 0 without code.
    pub code_len: usize,
    /// Is the code an EIP-7702 delegation?
    pub delegated: bool,
}

/// What the chain and the settings allow right now.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// EIP-155.
    pub chain_id: u64,
    /// In force in the next block.
    pub fork: Fork,
    /// Of the next block, in wei per gas; 0 before London.
    pub base_fee: u64,
    /// Of the next block, in wei per blob gas.
    pub blob_base_fee: u128,
    /// Of the next block; `u64::MAX` switches the check off.
    pub block_gas_limit: u64,
    /// Least tip in wei per gas.
    pub min_tip: u128,
    /// EIP-7825, if it is on.
    pub tx_gas_cap: Option<u64>,
    /// Largest encoding without blobs.
    pub max_tx_bytes: usize,
    /// EIP-3860, if it is on.
    pub max_init_code: Option<usize>,
    /// Most blobs in one transaction.
    pub max_blobs: usize,
    /// Admit senders that cannot pay.
    pub disable_balance_check: bool,
}

impl Rules {
    /// Would a block with these fees take the transaction, were it next?
    pub fn pays(&self, tx: &Transaction) -> bool {
        tx.max_fee_per_gas() >= u128::from(self.base_fee)
            && tx.max_fee_per_blob_gas().is_none_or(|fee_cap| fee_cap >= self.blob_base_fee)
    }
}

/// Checks all that can be said about a transaction alone and its sender, from cheapest to dearest.
/// A fee cap below the base fee is no fault: such a transaction waits.
pub fn check(tx: &Transaction, account: &SenderState, rules: &Rules) -> Result<(), PoolError> {
    check_type(tx, rules.fork)?;
    check_chain_id(tx, rules.chain_id)?;
    check_size(tx, rules)?;
    check_gas_limit(tx, rules)?;
    check_fees(tx, rules)?;
    check_nonce(tx, account)?;
    check_authorizations(tx)?;
    blob::check_shape(tx, rules)?;
    check_gas(tx, rules.fork)?;
    check_sender(tx, account)?;
    check_funds(tx, account, rules)?;
    blob::check_proofs(tx)
}

fn check_type(tx: &Transaction, fork: Fork) -> Result<(), PoolError> {
    let (first, since) = match tx.tx_type() {
        TxType::Legacy => return Ok(()),
        TxType::Eip2930 => (Fork::Berlin, "Berlin"),
        TxType::Eip1559 => (Fork::London, "London"),
        TxType::Eip4844 => (Fork::Cancun, "Cancun"),
        TxType::Eip7702 => (Fork::Prague, "Prague"),
    };
    if fork < first {
        return Err(PoolError::TypeNotSupported { kind: tx.tx_type() as u8, since });
    }
    Ok(())
}

/// A legacy transaction from before EIP-155 names no chain and is valid on every one.
fn check_chain_id(tx: &Transaction, want: u64) -> Result<(), PoolError> {
    match tx.chain_id() {
        Some(have) if have != want => Err(PoolError::ChainId { have, want }),
        _ => Ok(()),
    }
}

fn check_size(tx: &Transaction, rules: &Rules) -> Result<(), PoolError> {
    let size = size_without_blobs(tx);
    if size > rules.max_tx_bytes {
        return Err(PoolError::Oversized { size, limit: rules.max_tx_bytes });
    }
    match rules.max_init_code {
        Some(limit) if tx.is_create() && tx.input().len() > limit => {
            Err(PoolError::InitCodeSize { size: tx.input().len(), limit })
        }
        _ => Ok(()),
    }
}

fn size_without_blobs(tx: &Transaction) -> usize {
    match tx.envelope() {
        TxEnvelope::Eip4844(signed) => signed.tx().tx().eip2718_encoded_length(signed.signature()),
        envelope => envelope.encode_2718_len(),
    }
}

fn check_gas_limit(tx: &Transaction, rules: &Rules) -> Result<(), PoolError> {
    let gas = tx.gas_limit();
    match rules.tx_gas_cap {
        Some(cap) if gas > cap => return Err(PoolError::GasCap { gas, cap }),
        _ => {}
    }
    if gas > rules.block_gas_limit {
        return Err(PoolError::BlockGasLimit { gas, limit: rules.block_gas_limit });
    }
    Ok(())
}

fn check_fees(tx: &Transaction, rules: &Rules) -> Result<(), PoolError> {
    let (tip, fee_cap) = (tx.priority_fee_or_price(), tx.max_fee_per_gas());
    if tip > fee_cap {
        return Err(PoolError::TipAboveFeeCap { sender: tx.sender(), tip, fee_cap });
    }
    if tip < rules.min_tip {
        return Err(PoolError::TipTooLow { tip, minimum: rules.min_tip });
    }
    Ok(())
}

fn check_nonce(tx: &Transaction, account: &SenderState) -> Result<(), PoolError> {
    let nonce = tx.nonce();
    if nonce == u64::MAX {
        return Err(PoolError::NonceMax { sender: tx.sender(), nonce });
    }
    if nonce < account.nonce {
        return Err(PoolError::NonceTooLow { next: account.nonce, given: nonce });
    }
    Ok(())
}

fn check_authorizations(tx: &Transaction) -> Result<(), PoolError> {
    match tx.authorization_list() {
        Some([]) => Err(PoolError::NoAuthorizations),
        _ => Ok(()),
    }
}

fn check_gas(tx: &Transaction, fork: Fork) -> Result<(), PoolError> {
    let given = tx.gas_limit();
    let minimum = intrinsic_gas(tx, fork);
    if given < minimum {
        return Err(PoolError::IntrinsicGas { gas: given, minimum });
    }
    if fork >= Fork::Prague {
        let minimum = floor_gas(tx);
        if given < minimum {
            return Err(PoolError::FloorDataGas { gas: given, minimum });
        }
    }
    Ok(())
}

/// A contract cannot have signed ([EIP-3607]); a developer may still impersonate it.
///
/// [EIP-3607]: https://eips.ethereum.org/EIPS/eip-3607
fn check_sender(tx: &Transaction, account: &SenderState) -> Result<(), PoolError> {
    if account.code_len > 0 && !account.delegated && !tx.is_impersonated() {
        let code_len = account.code_len;
        return Err(PoolError::SenderNotEoa { sender: tx.sender(), code_len });
    }
    Ok(())
}

fn check_funds(tx: &Transaction, account: &SenderState, rules: &Rules) -> Result<(), PoolError> {
    let (balance, cost) = (account.balance, cost_of(tx));
    if rules.disable_balance_check || balance >= cost {
        return Ok(());
    }
    Err(PoolError::InsufficientFunds { balance, cost, overshot: cost - balance })
}

/// The most a transaction can cost its sender, in wei; 2^256 - 1 if it is more than that.
pub(super) fn cost_of(tx: &Transaction) -> U256 {
    let gas = U256::from(tx.gas_limit()) * U256::from(tx.max_fee_per_gas());
    let blob_gas = U256::from(tx.blob_gas_used().unwrap_or(0))
        * U256::from(tx.max_fee_per_blob_gas().unwrap_or(0));
    gas.saturating_add(blob_gas).saturating_add(tx.value())
}

#[cfg(test)]
#[path = "admit_tests.rs"]
mod tests;
