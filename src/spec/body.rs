//! Body: does it belong to its header, and is it valid whatever the state is?

use super::{
    BodyError, ChainSpec, Fork, Mode, TransactionError,
    transaction::{check_caps, check_transaction},
};
use crate::primitives::{Body, Transaction};
use alloy_consensus::{
    Header, Transaction as _,
    proofs::{calculate_ommers_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7840::BlobParams};
use alloy_rlp::Encodable;

/// Most bytes of a block's RLP ([EIP-7934](https://eips.ethereum.org/EIPS/eip-7934)): 10 MiB less
/// what the beacon block around it needs.
const MAX_BLOCK_BYTES: usize = (10 << 20) - (2 << 20);

/// Checks that the body is the one the header names, and all that can be said of its transactions
/// before they run. Ommers are checked by [`check_ommers`](super::check_ommers).
///
/// A development chain may lift the size of init code, the gas cap of a transaction and with them
/// the size of a block, so these are not checked there.
pub fn check_body(spec: &ChainSpec, header: &Header, body: &Body) -> Result<(), BodyError> {
    let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
    check_size(spec, header, body, fork)?;
    check_roots(header, body)?;
    let blobs = spec.blob_params_at(header.timestamp);
    for (index, tx) in body.transactions.iter().enumerate() {
        check_one(spec, header, fork, &blobs, tx).map_err(|source| BodyError::Transaction {
            index,
            hash: tx.hash(),
            source,
        })?;
    }
    check_blob_gas(header, body)
}

fn check_size(spec: &ChainSpec, header: &Header, body: &Body, fork: Fork) -> Result<(), BodyError> {
    if fork < Fork::Osaka || spec.mode == Mode::Dev {
        return Ok(());
    }
    let bytes = encoded_length(header, body);
    if bytes > MAX_BLOCK_BYTES {
        return Err(BodyError::TooLong { bytes, max: MAX_BLOCK_BYTES });
    }
    Ok(())
}

/// Length of the block's RLP in bytes.
fn encoded_length(header: &Header, body: &Body) -> usize {
    let block = alloy_consensus::Block {
        header: header.clone(),
        body: alloy_consensus::BlockBody {
            transactions: body.transactions.iter().map(|tx| tx.envelope()).collect::<Vec<_>>(),
            ommers: body.ommers.clone(),
            withdrawals: body.withdrawals.clone(),
        },
    };
    block.length()
}

fn check_roots(header: &Header, body: &Body) -> Result<(), BodyError> {
    let transactions: Vec<_> = body.transactions.iter().map(|tx| tx.envelope()).collect();
    let withdrawals = body.withdrawals.as_ref();
    let roots = [
        ("sha3Uncles", Some(header.ommers_hash), Some(calculate_ommers_root(&body.ommers))),
        (
            "transactionsRoot",
            Some(header.transactions_root),
            Some(calculate_transaction_root(&transactions)),
        ),
        (
            "withdrawalsRoot",
            header.withdrawals_root,
            withdrawals.map(|list| calculate_withdrawals_root(list)),
        ),
    ];
    for (field, header, computed) in roots {
        if header != computed {
            return Err(BodyError::Root { field, header, computed });
        }
    }
    Ok(())
}

fn check_one(
    spec: &ChainSpec,
    header: &Header,
    fork: Fork,
    blobs: &BlobParams,
    tx: &Transaction,
) -> Result<(), TransactionError> {
    check_transaction(fork, spec.chain_id, tx)?;
    if spec.mode != Mode::Dev {
        check_caps(fork, tx)?;
    }
    let (max_fee, base_fee) = (tx.max_fee_per_gas(), header.base_fee_per_gas.unwrap_or(0));
    if max_fee < u128::from(base_fee) {
        return Err(TransactionError::FeeBelowBaseFee { max_fee, base_fee });
    }
    check_blobs(spec, header, blobs, tx)
}

/// A transaction has few enough blobs and pays for them.
fn check_blobs(
    spec: &ChainSpec,
    header: &Header,
    blobs: &BlobParams,
    tx: &Transaction,
) -> Result<(), TransactionError> {
    let Some(hashes) = tx.blob_versioned_hashes() else { return Ok(()) };
    let (given, max) = (hashes.len(), blobs.max_blobs_per_tx);
    if given as u64 > max {
        return Err(TransactionError::TooManyBlobs { given, max });
    }
    let base_fee = spec.blob_base_fee(header).unwrap_or(0);
    match tx.max_fee_per_blob_gas() {
        Some(max_fee) if max_fee < base_fee => {
            Err(TransactionError::BlobFeeBelowBaseFee { max_fee, base_fee })
        }
        _ => Ok(()),
    }
}

/// The header's blob gas is that of all transactions together.
fn check_blob_gas(header: &Header, body: &Body) -> Result<(), BodyError> {
    let blobs_of = |tx: &Transaction| tx.blob_versioned_hashes().map_or(0, <[_]>::len) as u64;
    let blobs: u64 = body.transactions.iter().map(blobs_of).sum();
    let (computed, header) = (blobs * DATA_GAS_PER_BLOB, header.blob_gas_used.unwrap_or(0));
    if header == computed { Ok(()) } else { Err(BodyError::BlobGasUsed { header, computed }) }
}
