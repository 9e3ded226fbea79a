//! The pool's journal: which waiting transactions does the database not know yet?

use super::{Conditions, queue::Entry};
use crate::primitives::Transaction;
use alloy_consensus::TxEnvelope;
use alloy_eips::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, map::B256Map};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use std::sync::Arc;

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

    /// Changes that were handed out could not be written.
    pub(super) fn not_written(&mut self, added: Vec<B256>, removed: Vec<B256>) {
        self.fresh.splice(0..0, added);
        self.removed.splice(0..0, removed);
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
    pub(super) added: Vec<Fresh>,
    pub(super) removed: Vec<B256>,
}

/// A transaction that the stored journal lacks.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) arrival: u64,
    pub(super) tx: Transaction,
    pub(super) conditions: Option<Arc<Conditions>>,
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
            added: rows.map(|fresh| (fresh.tx.hash(), encode(fresh))).collect(),
            removed: changes.removed,
        }
    }
}

/// The stored form. The sender is kept because it cannot be recovered from an impersonated
/// transaction, and need not be from the others. Blobs are included.
#[derive(RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
struct Row {
    arrival: u64,
    sender: Address,
    raw: Bytes,
    /// As JSON.
    conditions: Option<Bytes>,
}

/// The stored form of what waits.
pub(super) fn encode_entry(entry: &Entry) -> Vec<u8> {
    let (arrival, tx, conditions) = (entry.arrival, entry.tx.clone(), entry.conditions.clone());
    encode(&Fresh { arrival, tx, conditions })
}

fn encode(fresh: &Fresh) -> Vec<u8> {
    let raw = fresh.tx.envelope().encoded_2718().into();
    let conditions = fresh.conditions.as_deref().map(|conditions| {
        let json = serde_json::to_vec(conditions);
        json.expect("numbers and addresses are JSON").into()
    });
    let (arrival, sender) = (fresh.arrival, fresh.tx.sender());
    alloy_rlp::encode(Row { arrival, sender, raw, conditions })
}

/// Reads a row back; `None` if it is damaged.
pub(super) fn decode(hash: B256, mut row: &[u8]) -> Option<Entry> {
    let Row { arrival, sender, raw, conditions } = Row::decode(&mut row).ok()?;
    let envelope = TxEnvelope::decode_2718_exact(&raw).ok()?;
    if !row.is_empty() || *envelope.tx_hash() != hash {
        return None;
    }
    let mut entry = Entry::new(Transaction::new_unchecked(envelope, sender));
    if let Some(json) = conditions {
        entry = entry.under(Some(Arc::new(serde_json::from_slice(&json).ok()?)));
    }
    (entry.arrival, entry.journaled) = (arrival, true);
    Some(entry)
}
