//! What were an account, a slot, a trie branch as of a block? The read side of `state`.
//!
//! Rows are versioned: the key ends with the inverted block number, so the first row at or after
//! `key, !n` is the newest version that block `n` can see.

use super::{
    StorageError, TxLocation, codec,
    environment::{Bytes, ReadTx, be_u64},
    tables::{
        ACCOUNTS, CHANGES, CODES, META, META_HEAD, META_NEXT_STORAGE_ID, PREIMAGES, SLOTS,
        TRANSACTIONS, TRIE, Table,
    },
};
use crate::primitives::{Account, BlockNumHash, StorageId};
use alloy_primitives::{B256, U256};
use alloy_trie::Nibbles;
use std::{
    array::TryFromSliceError,
    collections::{BTreeMap, BTreeSet},
};

/// One consistent snapshot of `state`.
#[derive(Debug)]
pub struct StateReader {
    tx: ReadTx,
    load: Option<B256>,
}

/// Hashed keys that a range of blocks wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedKeys {
    /// keccak(address).
    pub accounts: BTreeSet<B256>,
    /// keccak(slot) by storage id.
    pub slots: BTreeMap<StorageId, BTreeSet<B256>>,
}

impl StateReader {
    pub(super) const fn new(tx: ReadTx, load: Option<B256>) -> Self {
        Self { tx, load }
    }

    /// The load that the state comes from.
    pub const fn load(&self) -> Option<B256> {
        self.load
    }

    pub(super) const fn tx(&self) -> &ReadTx {
        &self.tx
    }

    /// The block up to which the state is written; `None` before genesis.
    pub fn head(&self) -> Result<Option<BlockNumHash>, StorageError> {
        Ok(self.head_row()?.map(|(head, _)| head))
    }

    /// The state root of the written state; `None` before genesis.
    pub fn head_root(&self) -> Result<Option<B256>, StorageError> {
        Ok(self.head_row()?.map(|(_, root)| root))
    }

    fn head_row(&self) -> Result<Option<(BlockNumHash, B256)>, StorageError> {
        let Some(row) = self.tx.get(META, META_HEAD)? else { return Ok(None) };
        let row: &[u8; 72] = row.as_ref().try_into().map_err(|_length: TryFromSliceError| {
            StorageError::Row { table: "meta", reason: "the head is not a number and two hashes" }
        })?;
        let head = BlockNumHash::new(be_u64(META, &row[..8])?, B256::from_slice(&row[8..40]));
        Ok(Some((head, B256::from_slice(&row[40..]))))
    }

    /// The next storage id that no contract has.
    pub fn next_storage_id(&self) -> Result<StorageId, StorageError> {
        self.counter(META_NEXT_STORAGE_ID).map(|id| id.max(1))
    }

    fn counter(&self, key: &[u8]) -> Result<u64, StorageError> {
        self.tx.get(META, key)?.map_or(Ok(0), |row| be_u64(META, &row))
    }

    /// The account as of block `at`.
    pub fn account(&self, hashed: B256, at: u64) -> Result<Option<Account>, StorageError> {
        Ok(self.known_account(hashed, at)?.flatten())
    }

    /// The account as of block `at`; outer `None` if no row says whether there is one.
    pub fn known_account(
        &self,
        hashed: B256,
        at: u64,
    ) -> Result<Option<Option<Account>>, StorageError> {
        let Some(row) = self.version(ACCOUNTS, &account_key(hashed, at))? else { return Ok(None) };
        if row.is_empty() {
            return Ok(Some(None));
        }
        codec::decode_account(&row).map(|account| Some(Some(account)))
    }

    /// The slot's value as of block `at`; zero if it was never written.
    pub fn slot(&self, id: StorageId, hashed: B256, at: u64) -> Result<U256, StorageError> {
        Ok(self.known_slot(id, hashed, at)?.unwrap_or_default())
    }

    /// The slot's value as of block `at`; `None` if it was never written, not even to zero.
    pub fn known_slot(
        &self,
        id: StorageId,
        hashed: B256,
        at: u64,
    ) -> Result<Option<U256>, StorageError> {
        if id == 0 {
            return Ok(None);
        }
        let row = self.version(SLOTS, &slot_key(id, hashed, at))?;
        Ok(row.map(|row| U256::try_from_be_slice(&row).unwrap_or_default()))
    }

    /// The row at `key`, or the first after it that differs only in the version.
    fn version(&self, table: Table, key: &[u8]) -> Result<Option<Bytes<'_>>, StorageError> {
        let row: Option<(Bytes<'_>, Bytes<'_>)> = self.tx.cursor(table)?.set_range(key)?;
        let prefix = &key[..key.len() - 8];
        Ok(row.filter(|(found, _)| found.starts_with(prefix)).map(|(_, value)| value))
    }

    /// The first account at or after `from` that exists as of block `at`.
    pub fn account_from(
        &self,
        from: B256,
        at: u64,
    ) -> Result<Option<(B256, Account)>, StorageError> {
        let found = self.live_from(ACCOUNTS, &[], from, at)?;
        found.map(|(hash, row)| Ok((hash, codec::decode_account(&row)?))).transpose()
    }

    /// The first slot at or after `from` that is not zero as of block `at`.
    pub fn slot_from(
        &self,
        id: StorageId,
        from: B256,
        at: u64,
    ) -> Result<Option<(B256, U256)>, StorageError> {
        let found = self.live_from(SLOTS, &id.to_be_bytes(), from, at)?;
        Ok(found.map(|(hash, row)| (hash, U256::try_from_be_slice(&row).unwrap_or_default())))
    }

    fn live_from(
        &self,
        table: Table,
        owner: &[u8],
        from: B256,
        at: u64,
    ) -> Result<Option<(B256, Bytes<'_>)>, StorageError> {
        let mut cursor = self.tx.cursor(table)?;
        let mut hash = from;
        loop {
            let key = [owner, hash.as_slice(), &(!at).to_be_bytes()].concat();
            let row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&key)?;
            let Some((key, value)) = row.filter(|(key, _)| key.starts_with(owner)) else {
                return Ok(None);
            };
            let found = B256::from_slice(&key[owner.len()..owner.len() + 32]);
            if found == hash && !value.is_empty() {
                return Ok(Some((hash, value)));
            }
            // Another key's row is its newest, which `at` may not see; a tombstone ends its key.
            let next = if found == hash { successor(hash) } else { Some(found) };
            let Some(next) = next else { return Ok(None) };
            hash = next;
        }
    }

    /// Walks the accounts that exist as of block `at`, in key order.
    pub fn each_account(
        &self,
        at: u64,
        mut each: impl FnMut(B256, Account),
    ) -> Result<(), StorageError> {
        self.walk(ACCOUNTS, &[], at, |hash, row| {
            each(hash, codec::decode_account(row)?);
            Ok(())
        })
    }

    /// Walks the slots that are not zero as of block `at`, in key order.
    pub fn each_slot(
        &self,
        id: StorageId,
        at: u64,
        mut each: impl FnMut(B256, U256),
    ) -> Result<(), StorageError> {
        self.walk(SLOTS, &id.to_be_bytes(), at, |hash, row| {
            each(hash, U256::try_from_be_slice(row).unwrap_or_default());
            Ok(())
        })
    }

    fn walk(
        &self,
        table: Table,
        owner: &[u8],
        at: u64,
        mut each: impl FnMut(B256, &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut cursor = self.tx.cursor(table)?;
        let oldest_visible = (!at).to_be_bytes();
        let (mut answered, mut last) = (None, None);
        let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(owner)?;
        while let Some((key, value)) = row.filter(|(key, _)| key.starts_with(owner)) {
            let damaged = |reason| StorageError::Row { table: table.name, reason };
            let (hash, version) = key[owner.len()..]
                .split_at_checked(32)
                .ok_or_else(|| damaged("a key has another length"))?;
            let hash = B256::from_slice(hash);
            // Whoever makes a root of them relies on it.
            if last.is_some_and(|last| last > hash) {
                return Err(damaged("the keys are not in order"));
            }
            last = Some(hash);
            if answered != Some(hash) && *version >= oldest_visible[..] {
                answered = Some(hash);
                if !value.is_empty() {
                    each(hash, &value)?;
                }
            }
            row = cursor.next()?;
        }
        Ok(())
    }

    /// The trie branch at `path`; `owner` 0 is the account trie.
    pub fn branch(
        &self,
        owner: StorageId,
        path: &Nibbles,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(TRIE, &trie_key(owner, path))?.map(|row| row.into_owned()))
    }

    /// The first trie branch of `owner` at or after `path`.
    pub fn branch_from(
        &self,
        owner: StorageId,
        path: &Nibbles,
    ) -> Result<Option<(Nibbles, Vec<u8>)>, StorageError> {
        let mut cursor = self.tx.cursor(TRIE)?;
        let row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&trie_key(owner, path))?;
        let row = row.filter(|(key, _)| key.starts_with(&owner.to_be_bytes()));
        let Some((key, value)) = row else { return Ok(None) };
        if key[8..].iter().any(|nibble| *nibble > 0x0f) || key.len() > 8 + 64 {
            return Err(StorageError::Row { table: "trie", reason: "a path of no nibbles" });
        }
        Ok(Some((Nibbles::from_nibbles(&key[8..]), value.into_owned())))
    }

    /// The keys that blocks above `after`, up to `to`, wrote.
    pub fn changed_between(&self, after: u64, to: u64) -> Result<ChangedKeys, StorageError> {
        let mut changed = ChangedKeys::default();
        for number in after.saturating_add(1)..=to {
            let row = self.tx.get(CHANGES, &number.to_be_bytes())?;
            row.map_or(Ok(()), |row| decode_changes(&row, &mut changed))?;
        }
        Ok(changed)
    }

    /// The keys that blocks above `at` wrote.
    pub fn changed_since(&self, at: u64) -> Result<ChangedKeys, StorageError> {
        let mut changed = ChangedKeys::default();
        self.each_changes_since(at, |row| decode_changes(row, &mut changed))?;
        Ok(changed)
    }

    /// How many keys blocks above `at` wrote; a key written twice counts twice.
    pub fn changed_count_since(&self, at: u64) -> Result<u64, StorageError> {
        let mut bytes = 0;
        self.each_changes_since(at, |row| {
            bytes += row.len().saturating_sub(32) as u64;
            Ok(())
        })?;
        Ok(bytes / 32)
    }

    fn each_changes_since(
        &self,
        at: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut cursor = self.tx.cursor(CHANGES)?;
        let from = at.saturating_add(1).to_be_bytes();
        let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&from)?;
        while let Some((_, value)) = row {
            each(&value)?;
            row = cursor.next()?;
        }
        Ok(())
    }

    /// The hash of the block that the state had at `number`, if it was written.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        let row = self.tx.get(CHANGES, &number.to_be_bytes())?;
        Ok(row.and_then(|row| row.get(..32).map(B256::from_slice)))
    }

    /// Number of blocks whose changes are recorded.
    pub fn block_rows(&self) -> Result<u64, StorageError> {
        self.tx.count(CHANGES)
    }

    /// An upper bound of the number of accounts: rows of all versions.
    pub fn account_rows(&self) -> Result<u64, StorageError> {
        self.tx.count(ACCOUNTS)
    }

    /// Code by its hash.
    pub fn code(&self, hash: B256) -> Result<Option<alloy_primitives::Bytes>, StorageError> {
        Ok(self.tx.get(CODES, hash.as_slice())?.map(|row| row.into_owned().into()))
    }

    /// The address or slot whose keccak this is.
    pub fn preimage(&self, hash: B256) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(PREIMAGES, hash.as_slice())?.map(|row| row.into_owned()))
    }

    /// Where a transaction was mined. The row may be stale: compare with the block.
    pub fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, StorageError> {
        let Some(row) = self.tx.get(TRANSACTIONS, hash.as_slice())? else { return Ok(None) };
        let (block, index) = row.split_at(row.len().min(8));
        let (block, index) = (be_u64(TRANSACTIONS, block)?, be_u64(TRANSACTIONS, index)?);
        Ok(Some(TxLocation { block, index }))
    }
}

pub(super) fn account_key(hashed: B256, at: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(hashed.as_slice());
    key[32..].copy_from_slice(&(!at).to_be_bytes());
    key
}

pub(super) fn slot_key(id: StorageId, hashed: B256, at: u64) -> [u8; 48] {
    let mut key = [0; 48];
    key[..8].copy_from_slice(&id.to_be_bytes());
    key[8..40].copy_from_slice(hashed.as_slice());
    key[40..].copy_from_slice(&(!at).to_be_bytes());
    key
}

pub(super) fn trie_key(owner: StorageId, path: &Nibbles) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + path.len());
    key.extend_from_slice(&owner.to_be_bytes());
    key.extend(path.to_vec());
    key
}

fn successor(hash: B256) -> Option<B256> {
    let next = U256::from_be_bytes(hash.0).checked_add(U256::from(1))?;
    Some(B256::from(next))
}

/// Block hash, count and hashes of accounts, then storage id, count and hashes of slots a contract.
pub(super) fn encode_changes(hash: B256, changed: &ChangedKeys) -> Vec<u8> {
    let mut row = hash.to_vec();
    row.extend_from_slice(&(changed.accounts.len() as u32).to_be_bytes());
    changed.accounts.iter().for_each(|key| row.extend_from_slice(key.as_slice()));
    for (id, keys) in &changed.slots {
        row.extend_from_slice(&id.to_be_bytes());
        row.extend_from_slice(&(keys.len() as u32).to_be_bytes());
        keys.iter().for_each(|key| row.extend_from_slice(key.as_slice()));
    }
    row
}

/// Adds the keys of a row that [`encode_changes`] wrote.
pub(super) fn decode_changes(row: &[u8], into: &mut ChangedKeys) -> Result<(), StorageError> {
    let short = || StorageError::Row { table: "changes", reason: "ends too early" };
    let take = |bytes: &mut &[u8], length: usize| {
        let (taken, rest) = bytes.split_at_checked(length).ok_or_else(short)?;
        *bytes = rest;
        Ok::<_, StorageError>(taken.to_vec())
    };
    let keys = |bytes: &mut &[u8]| {
        let count = take(bytes, 4)?.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let keys = take(bytes, count.saturating_mul(32))?;
        Ok::<Vec<B256>, StorageError>(keys.chunks_exact(32).map(B256::from_slice).collect())
    };
    let mut rest = row.get(32..).ok_or_else(short)?;
    into.accounts.extend(keys(&mut rest)?);
    while !rest.is_empty() {
        let id = be_u64(CHANGES, &take(&mut rest, 8)?)?;
        into.slots.entry(id).or_default().extend(keys(&mut rest)?);
    }
    Ok(())
}
