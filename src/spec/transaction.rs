//! Transaction: is it valid whatever the state is?

use super::{Fork, TransactionError, floor_gas, intrinsic_gas};
use crate::primitives::Transaction;
use alloy_consensus::{Transaction as _, TxType, crypto::SECP256K1N_HALF};
use alloy_primitives::B256;

/// Version byte of a blob's hash ([EIP-4844](https://eips.ethereum.org/EIPS/eip-4844)).
const BLOB_HASH_VERSION: u8 = 1;

/// Most bytes of the code that creates a contract
/// ([EIP-3860](https://eips.ethereum.org/EIPS/eip-3860)).
const MAX_INIT_CODE: usize = 49_152;

/// Most gas that a transaction may ask for
/// ([EIP-7825](https://eips.ethereum.org/EIPS/eip-7825)).
pub const TRANSACTION_GAS_CAP: u64 = 1 << 24;

/// Checks what a transaction alone decides in a block of this fork. What it may cost is left to
/// execution, which knows the sender's balance: gas limit times price cannot overflow 256 bits.
pub fn check_transaction(
    fork: Fork,
    chain_id: u64,
    tx: &Transaction,
) -> Result<(), TransactionError> {
    check_type(fork, tx)?;
    check_chain_id(fork, chain_id, tx)?;
    check_signature(fork, tx)?;
    check_numbers(tx)?;
    check_blobs(tx)?;
    check_authorizations(tx)?;
    check_gas(fork, tx)
}

/// Checks the two caps that a development chain may lift: the size of init code and the gas of one
/// transaction.
pub fn check_caps(fork: Fork, tx: &Transaction) -> Result<(), TransactionError> {
    let size = tx.input().len();
    if fork >= Fork::Shanghai && tx.is_create() && size > MAX_INIT_CODE {
        return Err(TransactionError::InitCode { size, max: MAX_INIT_CODE });
    }
    let gas_limit = tx.gas_limit();
    if fork >= Fork::Osaka && gas_limit > TRANSACTION_GAS_CAP {
        return Err(TransactionError::GasCap { gas_limit, cap: TRANSACTION_GAS_CAP });
    }
    Ok(())
}

fn check_type(fork: Fork, tx: &Transaction) -> Result<(), TransactionError> {
    let since = match tx.tx_type() {
        TxType::Legacy => Fork::Frontier,
        TxType::Eip2930 => Fork::Berlin,
        TxType::Eip1559 => Fork::London,
        TxType::Eip4844 => Fork::Cancun,
        TxType::Eip7702 => Fork::Prague,
    };
    if fork < since {
        let tx_type = tx.tx_type() as u8;
        return Err(TransactionError::TypeNotSupported { tx_type, since, fork });
    }
    Ok(())
}

/// A legacy transaction may name no chain; naming one begins with
/// [EIP-155](https://eips.ethereum.org/EIPS/eip-155).
fn check_chain_id(fork: Fork, expected: u64, tx: &Transaction) -> Result<(), TransactionError> {
    match tx.chain_id() {
        Some(given) if fork < Fork::SpuriousDragon => {
            Err(TransactionError::ChainIdTooEarly { given, fork })
        }
        Some(given) if given != expected => Err(TransactionError::ChainId { given, expected }),
        _ => Ok(()),
    }
}

/// Since Homestead `s` is at most half of the curve's order
/// ([EIP-2](https://eips.ethereum.org/EIPS/eip-2)).
fn check_signature(fork: Fork, tx: &Transaction) -> Result<(), TransactionError> {
    let s = tx.envelope().signature().s();
    if fork >= Fork::Homestead && s > SECP256K1N_HALF {
        return Err(TransactionError::HighS { s, max: SECP256K1N_HALF });
    }
    Ok(())
}

/// The nonce has a successor ([EIP-2681](https://eips.ethereum.org/EIPS/eip-2681)), and the tip is
/// within the fee.
fn check_numbers(tx: &Transaction) -> Result<(), TransactionError> {
    if tx.nonce() == u64::MAX {
        return Err(TransactionError::NonceMax { nonce: tx.nonce() });
    }
    let max_fee = tx.max_fee_per_gas();
    match tx.max_priority_fee_per_gas() {
        Some(tip) if tip > max_fee => Err(TransactionError::TipAboveFee { tip, max_fee }),
        _ => Ok(()),
    }
}

fn check_blobs(tx: &Transaction) -> Result<(), TransactionError> {
    let Some(hashes) = tx.blob_versioned_hashes() else { return Ok(()) };
    if hashes.is_empty() {
        return Err(TransactionError::NoBlobs);
    }
    let is_known = |hash: &B256| hash[0] == BLOB_HASH_VERSION;
    match hashes.iter().find(|hash| !is_known(hash)) {
        Some(hash) => {
            Err(TransactionError::BlobVersion { hash: *hash, expected: BLOB_HASH_VERSION })
        }
        None => Ok(()),
    }
}

fn check_authorizations(tx: &Transaction) -> Result<(), TransactionError> {
    match tx.authorization_list() {
        Some([]) => Err(TransactionError::NoAuthorizations),
        _ => Ok(()),
    }
}

fn check_gas(fork: Fork, tx: &Transaction) -> Result<(), TransactionError> {
    let gas_limit = tx.gas_limit();
    let needed = intrinsic_gas(tx, fork);
    if gas_limit < needed {
        return Err(TransactionError::IntrinsicGas { gas_limit, needed });
    }
    let floor = floor_gas(tx);
    if fork >= Fork::Prague && gas_limit < floor {
        return Err(TransactionError::FloorGas { gas_limit, floor });
    }
    Ok(())
}
