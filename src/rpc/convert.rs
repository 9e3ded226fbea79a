//! How do blocks, transactions, receipts and logs look on the wire? In geth's shape.

use crate::{
    chain::{BlockLogs, FoundLog},
    primitives::{Block, Receipt, SealedHeader, Transaction},
    spec::ChainSpec,
};
use alloy_consensus::{ReceiptEnvelope, ReceiptWithBloom, Transaction as _};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types::{
    Block as RpcBlock, BlockTransactions, Header as RpcHeader, Log as RpcLog,
    Transaction as RpcTransaction, TransactionInfo, TransactionReceipt,
};
use std::ops::Range;

/// A header, without what only a whole block knows (its size).
pub(super) fn header(header: &SealedHeader) -> RpcHeader {
    RpcHeader {
        hash: header.seal(),
        inner: header.inner().clone(),
        total_difficulty: None,
        size: None,
    }
}

/// A block with its transactions, or with their hashes.
pub(super) fn block(block: &Block, full: bool) -> RpcBlock {
    let transactions = if full {
        let all = block.body.transactions.iter().enumerate();
        BlockTransactions::Full(all.map(|(index, tx)| mined(&block.header, tx, index)).collect())
    } else {
        BlockTransactions::Hashes(block.body.transactions.iter().map(Transaction::hash).collect())
    };
    RpcBlock {
        header: header(&block.header).with_size(Some(U256::from(block.rlp_length()))),
        uncles: block.body.ommers.iter().map(|ommer| ommer.hash_slow()).collect(),
        transactions,
        withdrawals: block.body.withdrawals.clone(),
    }
}

/// An ommer (uncle) of a block; it has no body of its own.
pub(super) fn ommer(block: &Block, index: usize) -> Option<RpcBlock> {
    let ommer = block.body.ommers.get(index)?;
    Some(RpcBlock::uncle_from_header(ommer.clone()))
}

/// A transaction of a block.
pub(super) fn mined(header: &SealedHeader, tx: &Transaction, index: usize) -> RpcTransaction {
    let place = TransactionInfo {
        hash: Some(tx.hash()),
        index: Some(index as u64),
        block_hash: Some(header.seal()),
        block_number: Some(header.number),
        base_fee: header.base_fee_per_gas,
        block_timestamp: Some(header.timestamp),
    };
    RpcTransaction::from_transaction(tx.recovered().clone(), place)
}

/// A transaction that waits in the pool. A blob transaction is shown without its sidecar.
pub(super) fn waiting(tx: &Transaction) -> RpcTransaction {
    let shown = tx.without_sidecar();
    RpcTransaction::from_transaction(shown.recovered().clone(), TransactionInfo::default())
}

/// The receipts of a block, in order.
pub(super) fn receipts(
    spec: &ChainSpec,
    block: &Block,
    receipts: &[Receipt],
) -> Vec<TransactionReceipt> {
    receipts_at(spec, block, receipts, 0..usize::MAX).collect()
}

/// The receipt of the transaction at `index`, if the block has one there.
pub(super) fn receipt(
    spec: &ChainSpec,
    block: &Block,
    receipts: &[Receipt],
    index: usize,
) -> Option<TransactionReceipt> {
    let tx = block.body.transactions.get(index)?;
    let receipt = receipts.get(index)?;
    let before = receipts.get(..index)?.iter().fold(Before::default(), Before::after);
    Some(one_receipt(spec, block, tx, receipt, before))
}

/// The receipts of the transactions at `places` of a block, in order.
pub(super) fn receipts_at(
    spec: &ChainSpec,
    block: &Block,
    receipts: &[Receipt],
    places: Range<usize>,
) -> impl Iterator<Item = TransactionReceipt> {
    let mut before = receipts.iter().take(places.start).fold(Before::default(), Before::after);
    let both = block.body.transactions.iter().zip(receipts).take(places.end).skip(places.start);
    both.map(move |(tx, receipt)| {
        let shown = one_receipt(spec, block, tx, receipt, before);
        before = before.after(receipt);
        shown
    })
}

/// What the transactions before one in its block add up to.
#[derive(Clone, Copy, Default)]
struct Before {
    transactions: u64,
    logs: u64,
    gas: u64,
}

impl Before {
    fn after(self, receipt: &Receipt) -> Self {
        Self {
            transactions: self.transactions + 1,
            logs: self.logs + receipt.logs.len() as u64,
            gas: receipt.cumulative_gas_used,
        }
    }
}

fn one_receipt(
    spec: &ChainSpec,
    block: &Block,
    tx: &Transaction,
    receipt: &Receipt,
    before: Before,
) -> TransactionReceipt {
    let header = &block.header;
    let blob_gas_used = tx.blob_gas_used();
    TransactionReceipt {
        inner: envelope(header, tx.hash(), receipt, before),
        transaction_hash: tx.hash(),
        transaction_index: Some(before.transactions),
        block_hash: Some(header.seal()),
        block_number: Some(header.number),
        gas_used: receipt.gas_after(before.gas),
        effective_gas_price: tx.effective_gas_price(header.base_fee_per_gas),
        blob_gas_used,
        blob_gas_price: blob_gas_used.and_then(|_used| spec.blob_base_fee(header)),
        from: tx.sender(),
        to: tx.to(),
        contract_address: created_by(tx),
    }
}

fn envelope(
    header: &SealedHeader,
    tx_hash: B256,
    receipt: &Receipt,
    before: Before,
) -> ReceiptEnvelope<RpcLog> {
    let logs = receipt.logs.iter().zip(before.logs..);
    let shown = alloy_consensus::Receipt {
        status: receipt.status,
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: logs
            .map(|(event, index)| log(header, tx_hash, before.transactions, event, index))
            .collect(),
    };
    ReceiptEnvelope::from_typed(receipt.tx_type, ReceiptWithBloom::new(shown, receipt.bloom()))
}

/// The address of the contract that a transaction creates.
fn created_by(tx: &Transaction) -> Option<Address> {
    tx.is_create().then(|| tx.sender().create(tx.nonce()))
}

/// One event of a block; `index` counts the events of the whole block.
fn log(
    header: &SealedHeader,
    tx_hash: B256,
    tx_index: u64,
    event: &alloy_primitives::Log,
    index: u64,
) -> RpcLog {
    RpcLog {
        inner: event.clone(),
        block_hash: Some(header.seal()),
        block_number: Some(header.number),
        block_timestamp: Some(header.timestamp),
        transaction_hash: Some(tx_hash),
        transaction_index: Some(tx_index),
        log_index: Some(index),
        removed: false,
    }
}

/// What a search found in a block.
pub(super) fn found(block: BlockLogs) -> impl Iterator<Item = RpcLog> {
    let header = block.header;
    block.logs.into_iter().map(move |found| {
        let FoundLog { event, transaction_hash, transaction_index, log_index } = found;
        log(&header, transaction_hash, transaction_index, &event, log_index)
    })
}

/// The events of a block that `is_wanted` lets through, in order.
pub(super) fn logs(
    block: &Block,
    receipts: &[Receipt],
    mut is_wanted: impl FnMut(&alloy_primitives::Log) -> bool,
) -> Vec<RpcLog> {
    let mut found = Vec::new();
    let mut index = 0;
    let both = block.body.transactions.iter().zip(receipts);
    for (position, (tx, receipt)) in (0_u64..).zip(both) {
        for event in &receipt.logs {
            if is_wanted(event) {
                found.push(log(&block.header, tx.hash(), position, event, index));
            }
            index += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{primitives::Body, spec::dev::DevGenesis};
    use alloy_consensus::{Eip658Value, Header, TxLegacy, TxType};

    #[test]
    fn a_receipt_shows_a_root_before_byzantium_and_a_status_since() {
        let genesis = DevGenesis {
            chain_id: 1,
            timestamp: 0,
            number: 0,
            gas_limit: 30_000_000,
            base_fee: 0,
            fork: crate::spec::Fork::Frontier,
            accounts: Vec::new(),
            create2_deployer: false,
        };
        let spec = ChainSpec::from_genesis(genesis.genesis()).unwrap();
        let tx = Transaction::impersonate(TxLegacy::default().into(), Address::repeat_byte(1));
        let body = Body { transactions: vec![tx], ..Default::default() };
        let block = Block::new(Header::default(), body);
        let shown = |status| {
            let receipt =
                Receipt { tx_type: TxType::Legacy, status, cumulative_gas_used: 0, logs: vec![] };
            serde_json::to_value(super::receipt(&spec, &block, &[receipt], 0)).unwrap()
        };
        // One of a dump may say less than the one before it.
        let less = |cumulative_gas_used| Receipt {
            tx_type: TxType::Legacy,
            status: true.into(),
            cumulative_gas_used,
            logs: vec![],
        };
        let two = Block::new(
            Header::default(),
            Body {
                transactions: vec![block.body.transactions[0].clone(); 2],
                ..Default::default()
            },
        );
        let second = super::receipt(&spec, &two, &[less(9), less(5)], 1).unwrap();
        assert_eq!((second.gas_used, second.inner.cumulative_gas_used()), (0, 5));
        let root = B256::repeat_byte(7);
        let old = shown(Eip658Value::PostState(root));
        assert_eq!((old.get("status"), &old["root"]), (None, &serde_json::json!(root)));
        let new = shown(Eip658Value::Eip658(true));
        assert_eq!((new.get("root"), &new["status"]), (None, &serde_json::json!("0x1")));
    }
}
