//! How batches of blocks are written to `state`, and how they are unwound.

use super::{
    BlockReceipts, StorageError, TxLocation, address_index, codec,
    environment::{Environment, WriteTx, be_u64},
    log_index,
    renewal::load_of,
    state_reader::{
        ChangedKeys, StateReader, account_key, decode_changes, encode_changes, slot_key, trie_key,
    },
    tables::{
        ACCOUNTS, CHANGES, CODES, META, META_ADDRESSES, META_HEAD, META_HORIZON, META_LOAD,
        META_LOGS, META_NEXT_STORAGE_ID, PREIMAGES, SLOTS, STATE, TRANSACTIONS, TRIE, Table,
    },
};
use crate::primitives::{BlockNumHash, Participant, Receipt, StateChanges, StorageId, Transaction};
use alloy_primitives::{B256, keccak256};
use alloy_trie::Nibbles;
use arc_swap::ArcSwap;
use smallvec::SmallVec;

/// The `state` environment.
#[derive(Debug)]
pub struct StateDb {
    opened: ArcSwap<Opened>,
}

/// The environment in use, and the load that it comes from.
#[derive(Debug)]
struct Opened {
    environment: Environment,
    load: Option<B256>,
}

/// One block's part of a batch.
#[derive(Debug)]
pub struct FlushBlock<'a> {
    /// Height and hash.
    pub block: BlockNumHash,
    /// Root of the state after it.
    pub root: B256,
    /// What it changed, with storage roots and ids filled in.
    pub changes: &'a StateChanges,
    /// Its transactions, in order.
    pub transactions: &'a [Transaction],
    /// One a transaction: their events go into the index.
    pub receipts: &'a [Receipt],
    /// Whom only execution shows to take part in the transactions; `None` leaves the address index
    /// where it is.
    pub inside: Option<&'a [Participant]>,
}

/// A trie branch to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrieRow {
    /// The trie: a storage id, or 0 for the accounts.
    pub owner: StorageId,
    /// Path of the branch.
    pub path: Nibbles,
    /// The encoded branch.
    pub value: Vec<u8>,
}

/// How the stored trie follows the head.
#[derive(Clone, Debug, Default)]
pub struct TrieChanges {
    /// Tries that are gone with all their branches.
    pub removed_owners: Vec<StorageId>,
    /// Branches that are gone. Removed before `rows` is written.
    pub removed: Vec<(StorageId, Nibbles)>,
    /// Branches that are new or changed.
    pub rows: Vec<TrieRow>,
}

/// A run of blocks that become the flushed state together.
#[derive(Debug)]
pub struct StateBatch<'a> {
    /// In block order, without a gap above the flushed head.
    pub blocks: Vec<FlushBlock<'a>>,
    /// The trie of the last block.
    pub trie: TrieChanges,
    /// The next storage id that no contract has.
    pub next_storage_id: StorageId,
}

/// A value of up to a word.
type Short = SmallVec<[u8; 32]>;

impl StateDb {
    pub(super) fn new(environment: Environment) -> Result<Self, StorageError> {
        let load = load_of(&environment)?;
        Ok(Self { opened: ArcSwap::from_pointee(Opened { environment, load }) })
    }

    /// The environment in use.
    pub(super) fn environment(&self) -> Environment {
        self.opened.load().environment.clone()
    }

    /// From now on the other's environment is in use.
    pub(super) fn replace(&self, other: Self) {
        self.opened.store(other.opened.into_inner());
    }

    /// A consistent snapshot.
    pub fn reader(&self) -> Result<StateReader, StorageError> {
        let opened = self.opened.load();
        Ok(StateReader::new(opened.environment.read()?, opened.load))
    }

    /// Writes a batch as one commit.
    pub fn flush(&self, batch: &StateBatch<'_>) -> Result<(), StorageError> {
        let Some(last) = batch.blocks.last() else { return Ok(()) };
        fail::fail_point!("state-flush-before", |_| Err(StorageError::Failpoint(
            "state-flush-before"
        )));
        let tx = self.environment().write()?;
        write_rows(&tx, &batch.blocks)?;
        let events = batch.blocks.iter().map(|it| (it.block, it.receipts));
        let events = events.map(|(block, receipts)| BlockReceipts { block, receipts });
        log_index::follow(&tx, &events.collect::<Vec<_>>())?;
        address_index::follow(&tx, &batch.blocks)?;
        fail::fail_point!("state-flush-middle", |_| Err(StorageError::Failpoint(
            "state-flush-middle"
        )));
        write_trie(&tx, &batch.trie)?;
        put_head(&tx, last.block, last.root)?;
        tx.put(META, META_NEXT_STORAGE_ID, &batch.next_storage_id.to_be_bytes())?;
        tx.commit()?;
        fail::fail_point!("state-flush-after");
        Ok(())
    }

    /// Empties it: what is there belongs to no chain. One commit.
    pub fn clear(&self) -> Result<(), StorageError> {
        let tx = self.environment().write()?;
        tx.clear_rows(STATE)?;
        for key in
            [META_HEAD, META_LOAD, META_LOGS, META_ADDRESSES, META_HORIZON, META_NEXT_STORAGE_ID]
        {
            tx.delete(META, key)?;
        }
        tx.commit()
    }

    /// Writes the places of the transactions of blocks again. One commit.
    pub fn index_transactions(
        &self,
        blocks: &[(u64, Vec<Transaction>)],
    ) -> Result<(), StorageError> {
        let tx = self.environment().write()?;
        // Of those that have the same hash the newest comes last.
        for (number, transactions) in blocks {
            for (index, transaction) in (0_u64..).zip(transactions) {
                let place = [number.to_be_bytes(), index.to_be_bytes()].concat();
                tx.put(TRANSACTIONS, transaction.hash().as_slice(), &place)?;
            }
        }
        tx.commit()
    }

    /// Removes places of transactions that are not there: looks at `count` from `from` on, and answers
    /// where to go on; `None` at the end.
    pub fn drop_stale_transactions(
        &self,
        from: B256,
        count: usize,
        mut is_there: impl FnMut(B256, TxLocation) -> Result<bool, StorageError>,
    ) -> Result<Option<B256>, StorageError> {
        let reader = self.reader()?;
        let mut cursor = reader.tx().cursor(TRANSACTIONS)?;
        let mut row: Option<([u8; 32], ())> = cursor.set_range(from.as_slice())?;
        let (mut stale, mut seen) = (Vec::new(), 0);
        while let Some((key, ())) = row.filter(|_| seen < count) {
            let hash = B256::from(key);
            let place = reader.transaction(hash)?;
            if !place.map_or(Ok(false), |place| is_there(hash, place))? {
                stale.push(hash);
            }
            seen += 1;
            row = cursor.next()?;
        }
        drop(cursor);
        let tx = self.environment().write()?;
        stale.iter().try_for_each(|hash| tx.delete(TRANSACTIONS, hash.as_slice()).map(drop))?;
        tx.commit()?;
        Ok(row.map(|(key, ())| B256::from(key)))
    }

    /// Removes every version above block `to` and lets the stored trie follow. One commit, which the next
    /// flush makes durable: without it, opening does the same again.
    pub fn unwind(
        &self,
        to: BlockNumHash,
        root: B256,
        trie: &TrieChanges,
    ) -> Result<(), StorageError> {
        fail::fail_point!("state-unwind-before", |_| Err(StorageError::Failpoint(
            "state-unwind-before"
        )));
        let tx = self.environment().write()?;
        for number in blocks_above(&tx, to.number)? {
            let mut changed = ChangedKeys::default();
            if let Some(row) = tx.get(CHANGES, &number.to_be_bytes())? {
                decode_changes(&row, &mut changed)?;
            }
            for hashed in changed.accounts {
                tx.delete(ACCOUNTS, &account_key(hashed, number))?;
            }
            for (id, slots) in changed.slots {
                for hashed in slots {
                    tx.delete(SLOTS, &slot_key(id, hashed, number))?;
                }
            }
            tx.delete(CHANGES, &number.to_be_bytes())?;
        }
        log_index::unwind(&tx, to)?;
        address_index::unwind(&tx, to)?;
        fail::fail_point!("state-unwind-middle", |_| Err(StorageError::Failpoint(
            "state-unwind-middle"
        )));
        write_trie(&tx, trie)?;
        put_head(&tx, to, root)?;
        tx.commit_unsynced()
    }
}

fn blocks_above(tx: &WriteTx, number: u64) -> Result<Vec<u64>, StorageError> {
    let mut cursor = tx.cursor(CHANGES)?;
    let mut row: Option<(Vec<u8>, ())> = cursor.set_range(&(number + 1).to_be_bytes())?;
    let mut numbers = Vec::new();
    while let Some((key, ())) = row {
        numbers.push(be_u64(CHANGES, &key)?);
        row = cursor.next()?;
    }
    numbers.reverse();
    Ok(numbers)
}

fn put_head(tx: &WriteTx, head: BlockNumHash, root: B256) -> Result<(), StorageError> {
    let row = [&head.number.to_be_bytes(), head.hash.as_slice(), root.as_slice()].concat();
    tx.put(META, META_HEAD, &row)
}

/// Writes accounts, slots, codes, preimages, changes and transaction places, each table in key
/// order: sorted writes share pages, which is what a commit costs.
fn write_rows(tx: &WriteTx, blocks: &[FlushBlock<'_>]) -> Result<(), StorageError> {
    let mut accounts = Vec::new();
    let mut slots: Vec<(_, Short)> = Vec::new();
    let mut codes = Vec::new();
    let mut preimages: Vec<(_, Short)> = Vec::new();
    let mut places = Vec::new();
    for FlushBlock { block, changes, transactions, .. } in blocks {
        let mut changed = ChangedKeys::default();
        for (address, change) in &changes.accounts {
            let hashed = keccak256(address);
            let row = change.account.as_ref().map_or_else(Vec::new, codec::encode_account);
            accounts.push((account_key(hashed, block.number), row));
            changed.accounts.insert(hashed);
            preimages.push((hashed, Short::from_slice(address.as_slice())));
            let Some(id) = change.account.map(|account| account.storage_id).filter(|id| *id != 0)
            else {
                continue;
            };
            for (slot, value) in &change.storage {
                let slot = B256::from(*slot);
                let hashed = keccak256(slot);
                let row =
                    Short::from_slice(&value.to_be_bytes::<32>()[value.leading_zeros() / 8..]);
                slots.push((slot_key(id, hashed, block.number), row));
                changed.slots.entry(id).or_default().insert(hashed);
                preimages.push((hashed, Short::from_slice(slot.as_slice())));
            }
        }
        let number = block.number.to_be_bytes();
        tx.put(CHANGES, &number, &encode_changes(block.hash, &changed))?;
        codes.extend(changes.codes.iter());
        places.extend(
            transactions
                .iter()
                .enumerate()
                .map(|(index, tx)| (tx.hash(), [number, (index as u64).to_be_bytes()].concat())),
        );
    }
    put_sorted(tx, ACCOUNTS, accounts)?;
    put_sorted(tx, SLOTS, slots)?;
    put_sorted(tx, CODES, codes)?;
    put_missing(tx, PREIMAGES, preimages)?;
    put_sorted(tx, TRANSACTIONS, places)
}

/// Writes rows in the order of their keys.
fn put_sorted<K: AsRef<[u8]> + Ord, V: AsRef<[u8]>>(
    tx: &WriteTx,
    table: Table,
    mut rows: Vec<(K, V)>,
) -> Result<(), StorageError> {
    rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    tx.put_all(table, &rows)
}

/// Writes only rows that are not there: such a row never changes.
fn put_missing<K: AsRef<[u8]> + Ord, V: AsRef<[u8]>>(
    tx: &WriteTx,
    table: Table,
    mut rows: Vec<(K, V)>,
) -> Result<(), StorageError> {
    rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    rows.dedup_by(|(a, _), (b, _)| a == b);
    tx.put_missing(table, &rows)
}

fn write_trie(tx: &WriteTx, trie: &TrieChanges) -> Result<(), StorageError> {
    for owner in &trie.removed_owners {
        let until = owner.saturating_add(1).to_be_bytes();
        tx.delete_range(TRIE, &owner.to_be_bytes(), Some(&until))?;
    }
    for (owner, path) in &trie.removed {
        tx.delete(TRIE, &trie_key(*owner, path))?;
    }
    let rows = trie.rows.iter().map(|row| (trie_key(row.owner, &row.path), &row.value));
    put_sorted(tx, TRIE, rows.collect())
}
