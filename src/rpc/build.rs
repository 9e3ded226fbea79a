//! `testing_*`: which block would be made of this? Served only where the namespace is asked for.

use super::{Answer, Api, RpcContext, RpcError};
use crate::{
    evm::{ApplyError, BlockExecutor, BlockTemplate, Executed, assemble, simulate::Foundation},
    pool::Order,
    primitives::{Block, Body, SealedHeader, Transaction},
    spec::{ChainSpec, Fork},
    state::StorageIds,
};
use alloy_consensus::{Transaction as _, TxEip4844Variant, TxEnvelope};
use alloy_eips::{
    eip2718::Encodable2718,
    eip4895::{Withdrawal, Withdrawals},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, U64, U256};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::{Deserialize, Serialize};

/// Gas limit that built blocks move towards, step by step, as in geth.
const GAS_TARGET: u64 = 60_000_000;

/// Longest extra data of a header, in bytes.
const MAX_EXTRA_DATA: usize = 32;

/// Why a block cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It would not be later than its parent.
    #[error("invalid timestamp: {given} is not after the parent's {parent}")]
    Timestamp {
        /// What was asked for, in seconds.
        given: u64,
        /// The parent's, in seconds.
        parent: u64,
    },
    /// A header cannot hold so much.
    #[error("extra data is {given} bytes long (max {limit})")]
    ExtraData {
        /// Bytes given.
        given: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Blocks to order.
#[rpc(server, namespace = "testing")]
pub trait Build {
    /// Builds a block on a canonical parent and answers it without adding it to the chain: of the
    /// given transactions, all of them, or of what waits in the pool if none are given.
    #[method(name = "buildBlockV1")]
    async fn build_block_v1(
        &self,
        parent: B256,
        attributes: PayloadAttributes,
        transactions: Option<Vec<Bytes>>,
        extra_data: Option<Bytes>,
    ) -> Answer<Built>;
}

/// What the consensus layer decides about a block.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayloadAttributes {
    #[serde(with = "alloy_serde::quantity")]
    timestamp: u64,
    prev_randao: B256,
    suggested_fee_recipient: Address,
    withdrawals: Option<Vec<Withdrawal>>,
    parent_beacon_block_root: Option<B256>,
}

/// A block as the consensus layer gets it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    execution_payload: ExecutionPayload,
    block_value: U256,
    blobs_bundle: BlobsBundle,
    execution_requests: Vec<Bytes>,
    should_override_builder: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionPayload {
    parent_hash: B256,
    fee_recipient: Address,
    state_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    prev_randao: B256,
    block_number: U64,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    extra_data: Bytes,
    base_fee_per_gas: U256,
    block_hash: B256,
    transactions: Vec<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<Withdrawals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<U64>,
}

/// The blobs of a block, which are not in it.
#[derive(Clone, Debug, Default, Serialize)]
struct BlobsBundle {
    commitments: Vec<Bytes>,
    proofs: Vec<Bytes>,
    blobs: Vec<Bytes>,
}

#[async_trait]
impl BuildServer for Api {
    async fn build_block_v1(
        &self,
        parent: B256,
        attributes: PayloadAttributes,
        transactions: Option<Vec<Bytes>>,
        extra_data: Option<Bytes>,
    ) -> Answer<Built> {
        let extra_data = extra_data.unwrap_or_default();
        self.blocking(move |node| build(node, parent, attributes, transactions, extra_data)).await
    }
}

fn build(
    node: &RpcContext,
    parent: B256,
    attributes: PayloadAttributes,
    transactions: Option<Vec<Bytes>>,
    extra_data: Bytes,
) -> Answer<Built> {
    let header = node.chain.header_by_hash(parent)?.ok_or(RpcError::HeaderForHashNotFound)?;
    let foundation = node.chain.foundation(header.number)?;
    if foundation.header.seal() != parent {
        return Err(RpcError::NotCanonical);
    }
    let spec = &node.chain.spec();
    let template = template(spec, &header, attributes, extra_data)?;
    let Foundation { view, edits, mut trie, next_storage_id, .. } = foundation;
    let edits = edits.as_ref().clone();
    let evm = node.chain.evm_settings();
    let mut executor = BlockExecutor::begin(spec, evm, view, edits, &template)?;
    let included = match transactions {
        Some(raw) => include(&mut executor, &raw)?,
        None => fill(node, &mut executor, &template)?,
    };
    let (mut executed, view) = executor.finish_over()?;
    let mut ids = StorageIds::new(next_storage_id);
    trie.apply(&mut executed.changes, template.number, view.reader(), &mut ids)?;
    let bundle = bundle(&included);
    let transactions = included.iter().map(Transaction::without_sidecar).collect();
    let withdrawals = template.withdrawals.clone();
    let body = Body { transactions, ommers: Vec::new(), withdrawals };
    let header = assemble(&template, &body, &executed, trie.root());
    Ok(built(&Block::new(header, body), &executed, bundle))
}

fn template(
    spec: &ChainSpec,
    parent: &SealedHeader,
    attributes: PayloadAttributes,
    extra_data: Bytes,
) -> Answer<BlockTemplate> {
    let (number, timestamp) = (parent.number + 1, attributes.timestamp);
    if timestamp <= parent.timestamp {
        let (given, parent) = (timestamp, parent.timestamp);
        return Err(RpcError::Payload(PayloadError::Timestamp { given, parent }));
    }
    if extra_data.len() > MAX_EXTRA_DATA {
        let given = extra_data.len();
        return Err(RpcError::Payload(PayloadError::ExtraData { given, limit: MAX_EXTRA_DATA }));
    }
    let fork = spec.fork_of(number, timestamp, U256::ZERO);
    let withdrawals = attributes.withdrawals.unwrap_or_default();
    let root = attributes.parent_beacon_block_root.unwrap_or_default();
    Ok(BlockTemplate {
        parent_hash: parent.seal(),
        number,
        timestamp,
        gas_limit: next_gas_limit(parent.gas_limit),
        base_fee: spec.next_base_fee(parent),
        beneficiary: attributes.suggested_fee_recipient,
        prev_randao: attributes.prev_randao,
        difficulty: U256::ZERO,
        excess_blob_gas: (fork >= Fork::Cancun)
            .then(|| spec.next_excess_blob_gas(parent, timestamp).unwrap_or(0)),
        parent_beacon_block_root: (fork >= Fork::Cancun).then_some(root),
        withdrawals: (fork >= Fork::Shanghai).then(|| Withdrawals::new(withdrawals)),
        extra_data,
    })
}

/// One step from the parent's gas limit towards [`GAS_TARGET`]: less than 1/1024 of it.
fn next_gas_limit(parent: u64) -> u64 {
    let step = (parent / 1024).saturating_sub(1);
    GAS_TARGET.clamp(parent - step, parent.saturating_add(step))
}

/// Executes all of these, or none.
fn include(executor: &mut BlockExecutor, raw: &[Bytes]) -> Answer<Vec<Transaction>> {
    let mut included = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let tx = Transaction::decode(raw)?;
        executor.apply(&tx).map_err(|reason| RpcError::NotApplied { index, reason })?;
        included.push(tx);
    }
    Ok(included)
}

/// Executes what waits in the pool, best first; the pool stays as it is.
fn fill(
    node: &RpcContext,
    executor: &mut BlockExecutor,
    template: &BlockTemplate,
) -> Answer<Vec<Transaction>> {
    let params = node.chain.spec().blob_params_at(template.timestamp);
    let blob_fee = template.excess_blob_gas.map_or(0, |excess| params.calc_blob_fee(excess));
    let mut best = node.pool.best(template.base_fee.unwrap_or(0), blob_fee, Order::Fees);
    let mut included = Vec::new();
    while let Some(tx) = best.next() {
        match executor.apply(&tx) {
            Ok(_) => included.push(tx),
            Err(ApplyError::Evm(error)) => return Err(error.into()),
            Err(_not_now) => best.skip_sender(tx.sender()),
        }
    }
    Ok(included)
}

fn bundle(included: &[Transaction]) -> BlobsBundle {
    let mut bundle = BlobsBundle::default();
    for tx in included {
        let TxEnvelope::Eip4844(signed) = tx.envelope() else { continue };
        let TxEip4844Variant::TxEip4844WithSidecar(with_sidecar) = signed.tx() else { continue };
        let sidecar = with_sidecar.sidecar();
        let proofs = match sidecar {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => &sidecar.proofs,
            BlobTransactionSidecarVariant::Eip7594(sidecar) => &sidecar.cell_proofs,
        };
        let bytes = |of: &[u8]| Bytes::copy_from_slice(of);
        bundle.commitments.extend(sidecar.commitments().iter().map(|each| bytes(&each[..])));
        bundle.proofs.extend(proofs.iter().map(|each| bytes(&each[..])));
        bundle.blobs.extend(sidecar.blobs().iter().map(|each| bytes(&each[..])));
    }
    bundle
}

fn built(block: &Block, executed: &Executed, blobs_bundle: BlobsBundle) -> Built {
    let header = &block.header;
    let requests = executed.requests.clone().unwrap_or_default();
    Built {
        execution_payload: ExecutionPayload {
            parent_hash: header.parent_hash,
            fee_recipient: header.beneficiary,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            prev_randao: header.mix_hash,
            block_number: U64::from(header.number),
            gas_limit: U64::from(header.gas_limit),
            gas_used: U64::from(header.gas_used),
            timestamp: U64::from(header.timestamp),
            extra_data: header.extra_data.clone(),
            base_fee_per_gas: U256::from(header.base_fee_per_gas.unwrap_or(0)),
            block_hash: block.hash(),
            transactions: block
                .body
                .transactions
                .iter()
                .map(|tx| tx.encoded_2718().into())
                .collect(),
            withdrawals: block.body.withdrawals.clone(),
            blob_gas_used: header.blob_gas_used.map(U64::from),
            excess_blob_gas: header.excess_blob_gas.map(U64::from),
        },
        block_value: tips(block, executed),
        blobs_bundle,
        execution_requests: requests.iter().cloned().collect(),
        should_override_builder: false,
    }
}

/// What the fee recipient earns, in wei.
fn tips(block: &Block, executed: &Executed) -> U256 {
    let base_fee = block.header.base_fee_per_gas.unwrap_or(0);
    let mut before = 0;
    let each = block.body.transactions.iter().zip(&executed.receipts).map(|(tx, receipt)| {
        let gas = receipt.gas_after(before);
        before = receipt.cumulative_gas_used;
        U256::from(tx.effective_tip_per_gas(base_fee).unwrap_or(0)) * U256::from(gas)
    });
    each.fold(U256::ZERO, U256::saturating_add)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gas_limit_goes_towards_the_target_in_small_steps() {
        assert_eq!(next_gas_limit(200_000_000), 199_804_689);
        assert_eq!(next_gas_limit(30_000_000), 30_029_295);
        assert_eq!(next_gas_limit(60_000_100), 60_000_000);
        assert_eq!(next_gas_limit(GAS_TARGET), GAS_TARGET);
    }
}
