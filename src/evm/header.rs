//! The header of an executed block: made for our own, compared for all others.

use super::{BlockTemplate, EvmError, Executed};
use crate::primitives::{Body, bloom_of, receipts_root};
use alloy_consensus::{
    Header,
    proofs::{calculate_ommers_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_primitives::B256;

/// The header of a new block, before any seal. Each optional field is there exactly if the template
/// or the execution has it.
pub fn assemble(
    template: &BlockTemplate,
    body: &Body,
    executed: &Executed,
    state_root: B256,
) -> Header {
    let transactions: Vec<_> = body.transactions.iter().map(|tx| tx.envelope()).collect();
    let withdrawals = body.withdrawals.as_ref();
    Header {
        parent_hash: template.parent_hash,
        ommers_hash: calculate_ommers_root(&body.ommers),
        beneficiary: template.beneficiary,
        state_root,
        transactions_root: calculate_transaction_root(&transactions),
        receipts_root: receipts_root(&executed.receipts),
        logs_bloom: bloom_of(&executed.receipts),
        difficulty: template.difficulty,
        number: template.number,
        gas_limit: template.gas_limit,
        gas_used: executed.gas_used,
        timestamp: template.timestamp,
        extra_data: template.extra_data.clone(),
        mix_hash: template.prev_randao,
        base_fee_per_gas: template.base_fee,
        withdrawals_root: withdrawals.map(|list| calculate_withdrawals_root(list)),
        blob_gas_used: template.excess_blob_gas.map(|_| executed.blob_gas_used),
        excess_blob_gas: template.excess_blob_gas,
        parent_beacon_block_root: template.parent_beacon_block_root,
        requests_hash: executed.requests.as_ref().map(|requests| requests.requests_hash()),
        ..Default::default()
    }
}

/// Is the header what execution gives? The state root is not compared here.
pub fn check(header: &Header, executed: &Executed) -> Result<(), EvmError> {
    same_count("gasUsed", header.gas_used, executed.gas_used)?;
    let blob_gas = header.blob_gas_used.unwrap_or(0);
    same_count("blobGasUsed", blob_gas, executed.blob_gas_used)?;
    let requests = executed.requests.as_ref().map(|requests| requests.requests_hash());
    same_hash("requestsHash", header.requests_hash, requests)?;
    let receipts = receipts_root(&executed.receipts);
    same_hash("receiptsRoot", Some(header.receipts_root), Some(receipts))?;
    let bloom = bloom_of(&executed.receipts);
    if header.logs_bloom != bloom {
        let (header, executed) = (Box::new(header.logs_bloom), Box::new(bloom));
        return Err(EvmError::Bloom { header, executed });
    }
    Ok(())
}

const fn same_count(field: &'static str, header: u64, executed: u64) -> Result<(), EvmError> {
    if header == executed { Ok(()) } else { Err(EvmError::Count { field, header, executed }) }
}

fn same_hash(
    field: &'static str,
    header: Option<B256>,
    executed: Option<B256>,
) -> Result<(), EvmError> {
    if header == executed { Ok(()) } else { Err(EvmError::Hash { field, header, executed }) }
}
