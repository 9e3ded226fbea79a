//! Blobs of transactions that were mined: what can still be read of them, and sent again?
//!
//! Blocks do not carry blobs. The newest are kept in memory up to a number of bytes, so that a reader
//! finds them, and so that a blob transaction can wait again after its block left the chain.

use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, map::B256Map};
use std::collections::VecDeque;

/// Mined blob transactions with their sidecars.
#[derive(Debug)]
pub(super) struct KeptBlobs {
    limit: usize,
    bytes: usize,
    by_transaction: B256Map<Transaction>,
    /// The newest transaction with a blob of this versioned hash.
    by_blob: B256Map<B256>,
    /// Oldest first.
    order: VecDeque<B256>,
}

impl KeptBlobs {
    /// Keeps so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            by_transaction: B256Map::default(),
            by_blob: B256Map::default(),
            order: VecDeque::new(),
        }
    }

    /// Keeps a transaction with its sidecar; the oldest go as far as there is no room.
    pub(super) fn keep(&mut self, tx: Transaction) {
        let hash = tx.hash();
        if self.by_transaction.contains_key(&hash) {
            return;
        }
        self.bytes += tx.encode_2718_len();
        for blob in tx.blob_versioned_hashes().unwrap_or_default() {
            self.by_blob.insert(*blob, hash);
        }
        self.by_transaction.insert(hash, tx);
        self.order.push_back(hash);
        while self.bytes > self.limit {
            let Some(oldest) = self.order.pop_front() else { break };
            self.drop_one(oldest);
        }
    }

    /// A transaction with its sidecar.
    pub(super) fn get(&self, hash: B256) -> Option<&Transaction> {
        self.by_transaction.get(&hash)
    }

    /// A transaction that has a blob of this versioned hash.
    pub(super) fn with_blob(&self, versioned_hash: B256) -> Option<&Transaction> {
        self.get(*self.by_blob.get(&versioned_hash)?)
    }

    fn drop_one(&mut self, hash: B256) {
        let Some(tx) = self.by_transaction.remove(&hash) else { return };
        self.bytes -= tx.encode_2718_len();
        for blob in tx.blob_versioned_hashes().unwrap_or_default() {
            if self.by_blob.get(blob) == Some(&hash) {
                self.by_blob.remove(blob);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::testing::{ALICE, blob_tx};

    #[test]
    fn the_oldest_blobs_go_when_there_is_no_room() {
        let txs: Vec<_> = (0..3).map(|nonce| blob_tx(ALICE, nonce, &[nonce as u8, 9])).collect();
        let blob = |tx: &Transaction, at: usize| tx.blob_versioned_hashes().unwrap()[at];
        let size = txs[0].encode_2718_len();
        let mut kept = KeptBlobs::new(2 * size);
        for tx in txs.iter().chain(&txs) {
            kept.keep(tx.clone());
        }
        assert!(kept.get(txs[0].hash()).is_none() && kept.with_blob(blob(&txs[0], 0)).is_none());
        assert_eq!(kept.with_blob(blob(&txs[1], 0)), Some(&txs[1]));
        assert_eq!(kept.with_blob(blob(&txs[0], 1)), Some(&txs[2]), "all have the second blob");
        assert_eq!((kept.bytes, kept.order.len(), kept.by_blob.len()), (2 * size, 2, 3));
    }

    #[test]
    fn with_no_room_at_all_nothing_is_kept() {
        let mut kept = KeptBlobs::new(0);
        kept.keep(blob_tx(ALICE, 0, &[1]));
        assert_eq!((kept.bytes, kept.by_transaction.len(), kept.by_blob.len()), (0, 0, 0));
    }
}
