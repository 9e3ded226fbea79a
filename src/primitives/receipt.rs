//! Receipts, their bloom and their root.

use alloy_consensus::{Eip658Value, ReceiptEnvelope, ReceiptWithBloom, TxType};
use alloy_primitives::{B256, Bloom, Log};

/// What a transaction left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type of the transaction.
    pub tx_type: TxType,
    /// Success or failure since Byzantium, the state root after the transaction before.
    pub status: Eip658Value,
    /// Gas used by this transaction and all before it in the block.
    pub cumulative_gas_used: u64,
    /// Events, in order.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Gas used by this transaction alone, where those before it used `before` together. Receipts of a dump
    /// or of a remote chain may contradict each other: the least there is then.
    pub const fn gas_after(&self, before: u64) -> u64 {
        self.cumulative_gas_used.saturating_sub(before)
    }

    /// Bloom filter over the logs (yellow paper, 4.3.1).
    pub fn bloom(&self) -> Bloom {
        alloy_primitives::logs_bloom(&self.logs)
    }

    /// The consensus form, whose EIP-2718 encoding goes into the receipts trie.
    pub fn envelope(&self) -> ReceiptEnvelope {
        let receipt = alloy_consensus::Receipt {
            status: self.status,
            cumulative_gas_used: self.cumulative_gas_used,
            logs: self.logs.clone(),
        };
        let with_bloom = ReceiptWithBloom { receipt, logs_bloom: self.bloom() };
        match self.tx_type {
            TxType::Legacy => ReceiptEnvelope::Legacy(with_bloom),
            TxType::Eip2930 => ReceiptEnvelope::Eip2930(with_bloom),
            TxType::Eip1559 => ReceiptEnvelope::Eip1559(with_bloom),
            TxType::Eip4844 => ReceiptEnvelope::Eip4844(with_bloom),
            TxType::Eip7702 => ReceiptEnvelope::Eip7702(with_bloom),
        }
    }
}

/// Bloom over all receipts of a block.
pub fn bloom_of(receipts: &[Receipt]) -> Bloom {
    receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom())
}

/// Root of the receipts trie.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    let envelopes: Vec<_> = receipts.iter().map(Receipt::envelope).collect();
    alloy_consensus::proofs::calculate_receipt_root(&envelopes)
}
