//! In which blocks is an event of this address, or with this topic? The index behind log searches.
//!
//! A row is a key and a block number and nothing else, so that one seek answers "the next block at or
//! after n", a block's rows go away as they came, and no row is ever read to be written. A key is a
//! hash of eight bytes: who finds a block by it looks at its receipts, so that two values with the
//! same hash cost a look and nothing more.

use super::{
    StateDb, StateReader, StorageError,
    environment::{Bytes, ReadTx, WriteTx, be_u64},
    marker::Marker,
    tables::{LOG_INDEX, LOG_KEYS, META_LOGS},
};
use crate::primitives::{BlockNumHash, Receipt};
use alloy_primitives::{Address, B256};

const MARKER: Marker = Marker { key: META_LOGS, tables: &[LOG_INDEX, LOG_KEYS] };

/// What the index calls an address, or a topic at its place among the topics of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey(u64);

impl LogKey {
    /// The events of a contract.
    pub fn address(address: Address) -> Self {
        Self(mixed(0, address.as_slice()))
    }

    /// The events whose topic at `place` (0 to 3) is this.
    pub fn topic(place: usize, topic: B256) -> Self {
        Self(mixed(1 + place as u64, topic.as_slice()))
    }

    /// As the block's row has it.
    pub(super) const fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The key of its row.
    pub(super) fn row(self, block: u64) -> [u8; 16] {
        let mut row = [0; 16];
        row[..8].copy_from_slice(&self.0.to_be_bytes());
        row[8..].copy_from_slice(&block.to_be_bytes());
        row
    }

    /// The keys of a block's events, each once, in order.
    pub(super) fn of(receipts: &[Receipt]) -> Vec<Self> {
        let mut keys = Vec::new();
        for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
            keys.push(Self::address(log.address));
            keys.extend(log.topics().iter().enumerate().map(|(at, topic)| Self::topic(at, *topic)));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// Spreads a value over 64 bits. Stored: it must never change. It need not withstand anyone, since
/// who wants many rows under one key may as well emit that key's own event.
fn mixed(kind: u64, value: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = kind.wrapping_add(1).wrapping_mul(ODD);
    for part in value.chunks(8) {
        let word = part.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(ODD);
        hash ^= hash >> 29;
    }
    hash.wrapping_mul(ODD) ^ (hash >> 32)
}

/// The events of one block on their way into the index.
#[derive(Clone, Copy, Debug)]
pub struct BlockReceipts<'a> {
    /// Height and hash.
    pub block: BlockNumHash,
    /// One a transaction.
    pub receipts: &'a [Receipt],
}

impl StateDb {
    /// Adds blocks that were written to the state without their events. One commit.
    pub fn index_logs(&self, blocks: &[BlockReceipts<'_>]) -> Result<(), StorageError> {
        let tx = self.environment().write()?;
        append(&tx, blocks)?;
        tx.commit()
    }

    /// Empties the index if it is of blocks that the state does not have: a version that did not know
    /// the index went back and on.
    pub fn check_log_index(&self) -> Result<(), StorageError> {
        MARKER.check(self.environment().write()?)
    }

    /// Empties the index, as if a version had written the data that knew none.
    pub fn forget_log_index(&self) -> Result<(), StorageError> {
        MARKER.forget(self.environment().write()?)
    }
}

impl StateReader {
    /// The block up to which the index is complete; `None` if there is no index yet.
    pub fn logs_indexed(&self) -> Result<Option<BlockNumHash>, StorageError> {
        MARKER.read(self.tx())
    }

    /// The first block at or after `from` that has an event under this key.
    pub fn next_with_log(&self, key: LogKey, from: u64) -> Result<Option<u64>, StorageError> {
        next_row(self.tx(), key, from)
    }
}

/// Adds blocks to the end of the index.
pub(super) fn append(tx: &WriteTx, blocks: &[BlockReceipts<'_>]) -> Result<(), StorageError> {
    let Some(last) = blocks.last() else { return Ok(()) };
    put_logs(tx, blocks)?;
    MARKER.put(tx, last.block)
}

fn next_row(tx: &ReadTx, key: LogKey, from: u64) -> Result<Option<u64>, StorageError> {
    let mut cursor = tx.cursor(LOG_INDEX)?;
    let row: Option<(Bytes<'_>, ())> = cursor.set_range(&key.row(from))?;
    let row = row.filter(|(found, ())| found.starts_with(&key.0.to_be_bytes()));
    row.map(|(found, ())| be_u64(LOG_INDEX, found.get(8..).unwrap_or_default())).transpose()
}

/// Adds the blocks of a flush, if the index reaches up to the block below them. Otherwise who fills
/// it up will come to them.
pub(super) fn follow(tx: &WriteTx, blocks: &[BlockReceipts<'_>]) -> Result<(), StorageError> {
    let (true, Some(last)) = (MARKER.is_at_head(tx)?, blocks.last()) else { return Ok(()) };
    put_logs(tx, blocks)?;
    MARKER.put(tx, last.block)
}

/// Removes what is above block `to`.
pub(super) fn unwind(tx: &WriteTx, to: BlockNumHash) -> Result<(), StorageError> {
    let mut rows = Vec::new();
    let mut cursor = tx.cursor(LOG_KEYS)?;
    let from = to.number.saturating_add(1).to_be_bytes();
    let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&from)?;
    while let Some((number, keys)) = row {
        rows.extend(keys.chunks_exact(8).map(|key| [key, number.as_ref()].concat()));
        row = cursor.next()?;
    }
    drop(cursor);
    rows.sort_unstable();
    for row in rows {
        tx.delete(LOG_INDEX, &row)?;
    }
    tx.delete_range(LOG_KEYS, &from, None)?;
    MARKER.unwind(tx, to)
}

/// Writes the rows of all blocks in key order: sorted writes share pages.
fn put_logs(tx: &WriteTx, blocks: &[BlockReceipts<'_>]) -> Result<(), StorageError> {
    let mut rows = Vec::new();
    for BlockReceipts { block, receipts } in blocks {
        let keys = LogKey::of(receipts);
        if keys.is_empty() {
            continue;
        }
        rows.extend(keys.iter().map(|key| key.row(block.number)));
        let keys: Vec<u8> = keys.iter().flat_map(|key| key.0.to_be_bytes()).collect();
        tx.put(LOG_KEYS, &block.number.to_be_bytes(), &keys)?;
    }
    rows.sort_unstable();
    rows.iter().try_for_each(|row| tx.put(LOG_INDEX, row, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        primitives::StateChanges,
        storage::{Durability, FlushBlock, StateBatch, Storage, TrieChanges},
    };
    use alloy_consensus::{Eip658Value, TxType};
    use alloy_primitives::Log;

    const TOPIC: B256 = B256::repeat_byte(7);

    fn storage() -> (tempfile::TempDir, Storage) {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Ephemeral).unwrap();
        (dir, storage)
    }

    fn at(number: u64) -> BlockNumHash {
        BlockNumHash::new(number, B256::with_last_byte(number as u8))
    }

    fn emitter(number: u64) -> Address {
        Address::with_last_byte((number % 3) as u8)
    }

    fn receipts(number: u64) -> Vec<Receipt> {
        let log = Log::new_unchecked(emitter(number), vec![TOPIC], Default::default());
        vec![Receipt {
            tx_type: TxType::Legacy,
            status: Eip658Value::Eip658(true),
            cumulative_gas_used: 0,
            logs: vec![log],
        }]
    }

    fn flush(storage: &Storage, blocks: std::ops::RangeInclusive<u64>) {
        let changes = StateChanges::default();
        let receipts: Vec<_> = blocks.clone().map(receipts).collect();
        let blocks = blocks.zip(&receipts).map(|(number, receipts)| FlushBlock {
            block: at(number),
            root: B256::ZERO,
            changes: &changes,
            transactions: &[],
            receipts,
            inside: None,
        });
        let trie = TrieChanges::default();
        let batch = StateBatch { blocks: blocks.collect(), trie, next_storage_id: 1 };
        storage.state.flush(&batch).unwrap();
    }

    /// Every block that the index has under a key.
    fn all(storage: &Storage, key: LogKey) -> Vec<u64> {
        let reader = storage.state.reader().unwrap();
        let mut found = Vec::new();
        while let Some(next) =
            reader.next_with_log(key, found.last().map_or(0, |last| last + 1)).unwrap()
        {
            found.push(next);
        }
        found
    }

    #[test]
    fn blocks_are_found_by_address_and_by_topic_at_its_place() {
        let (_dir, storage) = storage();
        flush(&storage, 0..=3);
        flush(&storage, 4..=8);
        assert_eq!(all(&storage, LogKey::address(emitter(1))), [1, 4, 7]);
        assert_eq!(all(&storage, LogKey::topic(0, TOPIC)), (0..=8).collect::<Vec<_>>());
        assert_eq!(all(&storage, LogKey::topic(1, TOPIC)), [0; 0]);
        assert_eq!(storage.state.reader().unwrap().logs_indexed().unwrap(), Some(at(8)));
    }

    #[test]
    fn unwinding_leaves_no_row_of_what_is_gone() {
        let (_dir, storage) = storage();
        flush(&storage, 0..=8);
        storage.state.unwind(at(4), B256::ZERO, &TrieChanges::default()).unwrap();
        assert_eq!(all(&storage, LogKey::address(emitter(1))), [1, 4]);
        assert_eq!(storage.state.reader().unwrap().logs_indexed().unwrap(), Some(at(4)));
        flush(&storage, 5..=5);
        assert_eq!(all(&storage, LogKey::topic(0, TOPIC)), (0..=5).collect::<Vec<_>>());
    }

    #[test]
    fn what_an_older_version_wrote_is_added_from_where_the_index_ends() {
        let (_dir, storage) = storage();
        flush(&storage, 0..=2);
        storage.state.forget_log_index().unwrap();
        flush(&storage, 3..=4);
        assert_eq!(all(&storage, LogKey::topic(0, TOPIC)), [0; 0], "there is a gap below");
        let all_receipts: Vec<_> = (0..=4).map(receipts).collect();
        let blocks = (0..=4).zip(&all_receipts);
        let blocks: Vec<_> = blocks
            .map(|(number, receipts)| BlockReceipts { block: at(number), receipts })
            .collect();
        storage.state.index_logs(&blocks).unwrap();
        flush(&storage, 5..=6);
        assert_eq!(all(&storage, LogKey::topic(0, TOPIC)), (0..=6).collect::<Vec<_>>());
    }

    #[test]
    fn an_index_of_other_blocks_is_thrown_away() {
        let (_dir, storage) = storage();
        flush(&storage, 0..=4);
        storage.state.check_log_index().unwrap();
        assert_eq!(all(&storage, LogKey::topic(0, TOPIC)).len(), 5, "it is of these blocks");
        let tx = storage.state.environment().write().unwrap();
        MARKER.put(&tx, BlockNumHash::new(4, B256::repeat_byte(9))).unwrap();
        tx.commit().unwrap();
        storage.state.check_log_index().unwrap();
        assert_eq!(all(&storage, LogKey::topic(0, TOPIC)), [0; 0]);
        assert_eq!(storage.state.reader().unwrap().logs_indexed().unwrap(), None);
    }
}
