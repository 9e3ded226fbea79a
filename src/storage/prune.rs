//! Which row versions does no block need whose state is kept?
//!
//! The first block with state is the horizon. What a block up to it wrote hides every older version of
//! the same key, so that these go, and with them the record of what blocks below the horizon changed.
//! Blocks, receipts and indexes stay.

use super::{
    StateDb, StateReader, StorageError, codec,
    environment::{Bytes, ReadTx, WriteTx, be_u64},
    state_reader::{ChangedKeys, account_key, decode_changes, slot_key},
    tables::{ACCOUNTS, CHANGES, META, META_HEAD, META_HORIZON, SLOTS, Table},
};
use crate::primitives::StorageId;
use alloy_primitives::B256;

/// How far pruning came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The first block with state now.
    pub first: u64,
    /// Row versions that went.
    pub rows: u64,
}

impl StateReader {
    /// The first block whose state can be read; `None` before genesis.
    pub fn first_state(&self) -> Result<Option<u64>, StorageError> {
        first_state(self.tx())
    }
}

impl StateDb {
    /// Removes what the states of blocks from `to` on do not need: as much as `keys` changed keys allow,
    /// block after block. One commit. Never goes above the head, nor back. On a fork, a row that says that
    /// there is nothing stays: without it, the remote chain would be asked.
    pub fn prune(&self, to: u64, keys: usize, is_fork: bool) -> Result<Pruned, StorageError> {
        let tx = self.environment().write()?;
        let first = first_state(&tx)?.unwrap_or_default();
        let head = tx.get(META, META_HEAD)?.and_then(|row| row.get(..8).map(|it| be_u64(META, it)));
        let to = to.min(head.transpose()?.unwrap_or_default());
        let mut pruned = Pruned { first, rows: 0 };
        let mut seen = 0;
        while pruned.first < to && seen < keys {
            let number = pruned.first + 1;
            let mut changed = ChangedKeys::default();
            if let Some(row) = tx.get(CHANGES, &number.to_be_bytes())? {
                decode_changes(&row, &mut changed)?;
            }
            for hashed in &changed.accounts {
                pruned.rows += prune_account(&tx, *hashed, number, is_fork)?;
            }
            for (id, slots) in &changed.slots {
                for hashed in slots {
                    let (at, before) =
                        (slot_key(*id, *hashed, number), slot_key(*id, *hashed, number - 1));
                    pruned.rows +=
                        prune_versions(&tx, SLOTS, &at, &before, is_fork, |_value| Ok(()))?;
                }
                seen += slots.len();
            }
            seen += changed.accounts.len();
            pruned.first = number;
        }
        if pruned.first == first {
            return Ok(pruned);
        }
        tx.delete_range(CHANGES, &[], Some(&pruned.first.to_be_bytes()))?;
        tx.put(META, META_HORIZON, &pruned.first.to_be_bytes())?;
        fail::fail_point!("prune-middle", |_| Err(StorageError::Failpoint("prune-middle")));
        tx.commit()?;
        Ok(pruned)
    }
}

pub(super) fn first_state(tx: &impl Gets) -> Result<Option<u64>, StorageError> {
    if let Some(row) = tx.row(META, META_HORIZON)? {
        return be_u64(META, &row).map(Some);
    }
    tx.first_key(CHANGES)?.map(|key| be_u64(CHANGES, &key)).transpose()
}

/// What both kinds of transactions can read.
pub(super) trait Gets {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Bytes<'_>>, StorageError>;
    fn first_key(&self, table: Table) -> Result<Option<Bytes<'_>>, StorageError>;
}

macro_rules! gets {
    ($tx:ty) => {
        impl Gets for $tx {
            fn row(&self, table: Table, key: &[u8]) -> Result<Option<Bytes<'_>>, StorageError> {
                self.get(table, key)
            }

            fn first_key(&self, table: Table) -> Result<Option<Bytes<'_>>, StorageError> {
                let row: Option<(Bytes<'_>, ())> = self.cursor(table)?.first()?;
                Ok(row.map(|(key, ())| key))
            }
        }
    };
}
gets!(ReadTx);
gets!(WriteTx);

/// Removes the versions of an account below the one of block `number`, and the storage that none of
/// the kept versions has.
fn prune_account(
    tx: &WriteTx,
    hashed: B256,
    number: u64,
    is_fork: bool,
) -> Result<u64, StorageError> {
    let (at, before) = (account_key(hashed, number), account_key(hashed, number - 1));
    let kept = tx.get(ACCOUNTS, &at)?.map_or(Ok(0), |row| storage_id(&row))?;
    let mut ended = Vec::new();
    let rows = prune_versions(tx, ACCOUNTS, &at, &before, is_fork, |value| {
        ended.extend(Some(storage_id(value)?).filter(|id| *id != 0 && *id != kept));
        Ok(())
    })?;
    for id in ended {
        let until = id.saturating_add(1).to_be_bytes();
        tx.delete_range(SLOTS, &id.to_be_bytes(), Some(&until))?;
    }
    Ok(rows)
}

/// Removes the versions of a key from `before` on, which is the key with the block below that of `at`,
/// and off a fork the version at `at` itself if it says that there is nothing.
fn prune_versions(
    tx: &WriteTx,
    table: Table,
    at: &[u8],
    before: &[u8],
    is_fork: bool,
    mut each: impl FnMut(&[u8]) -> Result<(), StorageError>,
) -> Result<u64, StorageError> {
    let mut rows = 0;
    let prefix = &before[..before.len() - 8];
    let mut cursor = tx.cursor(table)?;
    loop {
        let row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(before)?;
        let Some((_, value)) = row.filter(|(key, _)| key.starts_with(prefix)) else { break };
        each(&value)?;
        cursor.del()?;
        rows += 1;
    }
    drop(cursor);
    if !is_fork && tx.get(table, at)?.is_some_and(|value| value.is_empty()) {
        tx.delete(table, at)?;
        rows += 1;
    }
    Ok(rows)
}

fn storage_id(row: &[u8]) -> Result<StorageId, StorageError> {
    if row.is_empty() {
        return Ok(0);
    }
    Ok(codec::decode_account(row)?.storage_id)
}
