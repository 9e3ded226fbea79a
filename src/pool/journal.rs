//! The pool's journal: which waiting transactions does the database not know yet?

use super::{PoolError, queue::Entry};
use crate::primitives::Transaction;
use alloy_consensus::TxEnvelope;
use alloy_eips::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, map::B256Map};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};

/// Notes what came and went since the last drain. A transaction that came and went between two
/// drains never shows.
#[derive(Debug, Default)]
pub(super) struct Journal {
    fresh: Vec<B256>,
    removed: Vec<B256>,
}

impl Journal {
    pub(super) fn added(&mut self, hash: B256, waiting: &B256Map<(Address, u64)>) {
        // Keeps the notes no longer than the pool even if nobody drains them for long.
        if self.fresh.len() > 2 * waiting.len() + 1024 {
            self.fresh.retain(|hash| waiting.contains_key(hash));
        }
        self.fresh.push(hash);
    }

    /// A transaction that is in the stored journal left the pool.
    pub(super) fn removed(&mut self, hash: B256) {
        self.removed.push(hash);
    }

    pub(super) fn drain(&mut self) -> (Vec<B256>, Vec<B256>) {
        (std::mem::take(&mut self.fresh), std::mem::take(&mut self.removed))
    }
}

/// What a drain found, before encoding.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) added: Vec<(u64, Transaction)>,
    pub(super) removed: Vec<B256>,
}

/// What to write into the stored journal: first delete `removed`, then put `added`. The caller
/// keeps both until they are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalChanges {
    /// Rows by transaction hash.
    pub added: Vec<(B256, Vec<u8>)>,
    /// Hashes whose rows go.
    pub removed: Vec<B256>,
}

impl JournalChanges {
    /// Is there nothing to write?
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl From<Changes> for JournalChanges {
    fn from(changes: Changes) -> Self {
        let rows = changes.added.iter();
        Self {
            added: rows.map(|(arrival, tx)| (tx.hash(), encode(*arrival, tx))).collect(),
            removed: changes.removed,
        }
    }
}

/// The stored form. The sender is kept because it cannot be recovered from an impersonated
/// transaction, and need not be from the others. Blobs are included.
#[derive(RlpEncodable, RlpDecodable)]
struct Row {
    arrival: u64,
    sender: Address,
    raw: Bytes,
}

fn encode(arrival: u64, tx: &Transaction) -> Vec<u8> {
    let raw = tx.envelope().encoded_2718().into();
    alloy_rlp::encode(Row { arrival, sender: tx.sender(), raw })
}

/// Reads a row back.
pub(super) fn decode(hash: B256, row: &[u8]) -> Result<Entry, PoolError> {
    let entry = read(row).ok_or(PoolError::Journal { hash })?;
    if entry.tx.hash() == hash { Ok(entry) } else { Err(PoolError::Journal { hash }) }
}

fn read(mut row: &[u8]) -> Option<Entry> {
    let Row { arrival, sender, raw } = Row::decode(&mut row).ok()?;
    let envelope = TxEnvelope::decode_2718_exact(&raw).ok()?;
    let mut entry = Entry::new(Transaction::new_unchecked(envelope, sender), arrival);
    entry.journaled = true;
    Some(entry)
}
