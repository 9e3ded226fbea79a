//! TransactionTests: is a transaction valid on each fork, and what are its hash, sender and
//! intrinsic gas?

use super::{VectorError, bytes, number, same_hash, same_number, wide};
use crate::{
    primitives::Transaction,
    spec::{Fork, TransactionError, check_caps, check_transaction, intrinsic_gas},
};
use alloy_consensus::{TxEnvelope, crypto::RecoveryError, transaction::SignerRecoverable};
use alloy_eips::{Decodable2718, eip2718::Eip2718Error};
use alloy_primitives::{Address, B256, U256};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The chain id that all vectors are for.
const CHAIN_ID: u64 = 1;

/// A case of the file.
#[derive(Deserialize)]
pub(super) struct TransactionCase {
    txbytes: String,
    result: BTreeMap<String, Expected>,
}

/// What is expected on one fork.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    exception: Option<String>,
    hash: Option<B256>,
    sender: Option<Address>,
    intrinsic_gas: Option<String>,
}

/// Why a transaction is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the case has no bytes")]
    Hex,
    #[error(transparent)]
    Encoding(#[from] Eip2718Error),
    #[error("{0} bytes after the transaction")]
    TrailingBytes(usize),
    #[error(transparent)]
    Signature(#[from] RecoveryError),
    #[error(
        "tip {first}, fee {last}, gas limit {gas_limit}: the tip is above the fee, or it overflows"
    )]
    Fees { first: U256, last: U256, gas_limit: u64 },
    #[error(transparent)]
    Rule(#[from] TransactionError),
}

/// What a valid transaction gives.
struct Valid {
    hash: B256,
    sender: Address,
    intrinsic_gas: u64,
}

/// Checks the transaction on every fork that the case lists.
pub(super) fn check(case: TransactionCase) -> Result<(), VectorError> {
    if case.result.is_empty() {
        return Err(VectorError::NoResult);
    }
    for (fork, expected) in case.result {
        let found = validate(&case.txbytes, fork.parse()?);
        compare(fork, expected, found)?;
    }
    Ok(())
}

fn compare(
    fork: String,
    expected: Expected,
    found: Result<Valid, Refusal>,
) -> Result<(), VectorError> {
    let valid = match (found, expected.exception) {
        (Ok(_), Some(exception)) => return Err(VectorError::Taken { fork, exception }),
        (Err(_), Some(_)) => return Ok(()),
        (Err(source), None) => return Err(VectorError::Refused { fork, source }),
        (Ok(valid), None) => valid,
    };
    let (Some(hash), Some(sender), Some(expected_gas)) =
        (expected.hash, expected.sender, expected.intrinsic_gas)
    else {
        return Err(VectorError::NoResult);
    };
    same_hash("hash", valid.hash, hash)?;
    same_number("intrinsicGas", U256::from(valid.intrinsic_gas), number(&expected_gas)?)?;
    if valid.sender == sender {
        Ok(())
    } else {
        Err(VectorError::Sender { fork, computed: valid.sender, expected: sender })
    }
}

/// Decodes strictly and checks all that needs no state.
fn validate(text: &str, fork: Fork) -> Result<Valid, Refusal> {
    let raw = bytes("txbytes", text).map_err(|_not_hex| Refusal::Hex)?;
    let (tx, hash) = match decode(&raw) {
        Ok(tx) => (tx.clone(), tx.hash()),
        Err(refusal) => wide::decode(&raw).unwrap_or(Err(refusal))?,
    };
    check_transaction(fork, CHAIN_ID, &tx)?;
    check_caps(fork, &tx)?;
    Ok(Valid { hash, sender: tx.sender(), intrinsic_gas: intrinsic_gas(&tx, fork) })
}

/// Decodes as for a block: whether a high `s` is allowed is a rule of the fork.
fn decode(raw: &[u8]) -> Result<Transaction, Refusal> {
    let mut rest = raw;
    let envelope = TxEnvelope::decode_2718(&mut rest)?;
    if !rest.is_empty() {
        return Err(Refusal::TrailingBytes(rest.len()));
    }
    let sender = envelope.recover_signer_unchecked()?;
    Ok(Transaction::new_unchecked(envelope, sender))
}
