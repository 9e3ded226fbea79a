//! TransactionTests: is a transaction valid on each fork, and what are its hash, sender and
//! intrinsic gas?

use super::{VectorError, bytes, number, same_hash, same_number};
use crate::{
    primitives::Transaction,
    spec::{Fork, TransactionError, check_caps, check_transaction, intrinsic_gas},
};
use alloy_consensus::{TxEnvelope, crypto::RecoveryError, transaction::SignerRecoverable};
use alloy_eips::{Decodable2718, eip2718::Eip2718Error};
use alloy_primitives::{Address, B256};
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
    #[error(transparent)]
    Rule(#[from] TransactionError),
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
    found: Result<(Transaction, u64), Refusal>,
) -> Result<(), VectorError> {
    let (tx, gas) = match (found, expected.exception) {
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
    same_hash("hash", tx.hash(), hash)?;
    same_number("intrinsicGas", gas, number(&expected_gas)?)?;
    if tx.sender() == sender {
        Ok(())
    } else {
        Err(VectorError::Sender { fork, computed: tx.sender(), expected: sender })
    }
}

/// Decodes strictly and checks all that needs no state. Answers the intrinsic gas too.
fn validate(text: &str, fork: Fork) -> Result<(Transaction, u64), Refusal> {
    let raw = bytes("txbytes", text).map_err(|_not_hex| Refusal::Hex)?;
    let mut rest = raw.as_slice();
    let envelope = TxEnvelope::decode_2718(&mut rest)?;
    if !rest.is_empty() {
        return Err(Refusal::TrailingBytes(rest.len()));
    }
    // Whether a high `s` is allowed is a rule of the fork.
    let sender = envelope.recover_signer_unchecked()?;
    let tx = Transaction::new_unchecked(envelope, sender);
    check_transaction(fork, CHAIN_ID, &tx)?;
    check_caps(fork, &tx)?;
    let gas = intrinsic_gas(&tx, fork);
    Ok((tx, gas))
}
