//! Do the tables agree with each other, and do rows say what their keys promise? For `db verify`.

use super::{
    BlocksReader, StateReader, StorageError,
    address_index::BlockKey,
    environment::Bytes,
    log_index::LogKey,
    state_reader::{ChangedKeys, account_key, decode_changes, slot_key},
    tables::{
        ACCOUNTS, ADDRESS_CREATIONS, ADDRESS_INDEX, ADDRESS_KEYS, ADDRESS_NONCES, BODIES, CHANGES,
        CODES, HEADERS, LOG_INDEX, LOG_KEYS, META, META_HORIZON, NUMBERS, PREIMAGES, RECEIPTS,
        SLOTS, TRIE, Table,
    },
};
use crate::primitives::{Part, Receipt, Transaction, involved};
use alloy_primitives::{B256, keccak256};

/// Rows that a table has, and rows that the others say it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCount {
    /// The table's name.
    pub table: &'static str,
    /// Rows it has.
    pub rows: u64,
    /// Rows it should have.
    pub expected: u64,
}

/// Rows of the tables that each block adds to, counted up while blocks are checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockRows {
    accounts: u64,
    slots: u64,
    changes: u64,
    log_blocks: u64,
    logs: u64,
    address_blocks: u64,
    addresses: u64,
    creations: u64,
    nonces: u64,
}

impl BlocksReader {
    /// Compares the tables that have a row a block.
    pub fn row_counts(&self, blocks: u64) -> Result<Vec<RowCount>, StorageError> {
        let count = |table: Table| {
            Ok(RowCount { table: table.name, rows: self.tx.count(table)?, expected: blocks })
        };
        [HEADERS, BODIES, RECEIPTS, NUMBERS].into_iter().map(count).collect()
    }
}

impl StateReader {
    /// Does every code and every preimage have the hash that is its key? Hands out the keys of those
    /// that do not, with the name of the table; `seen` counts rows.
    pub fn check_hashes(
        &self,
        mut wrong: impl FnMut(&'static str, B256),
        mut seen: impl FnMut(),
    ) -> Result<(), StorageError> {
        for table in [CODES, PREIMAGES] {
            let mut cursor = self.tx().cursor(table)?;
            let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.first()?;
            while let Some((key, value)) = row {
                let hash = keccak256(&value);
                if *key != hash[..] {
                    wrong(table.name, B256::try_from(key.as_ref()).unwrap_or_default());
                }
                seen();
                row = cursor.next()?;
            }
        }
        Ok(())
    }

    /// How many rows [`StateReader::check_hashes`] looks at.
    pub fn hashed_rows(&self) -> Result<u64, StorageError> {
        Ok(self.tx().count(CODES)? + self.tx().count(PREIMAGES)?)
    }

    /// How many branches are stored.
    pub fn branch_rows(&self) -> Result<u64, StorageError> {
        self.tx().count(TRIE)
    }

    /// Is there code with this hash?
    pub fn has_code(&self, hash: B256) -> Result<bool, StorageError> {
        Ok(self.tx().get(CODES, hash.as_slice())?.is_some())
    }

    /// What is wrong with the rows that a block wrote into the state: every key that it changed has a
    /// version of that block, and what it is the hash of is known.
    pub fn check_changes(
        &self,
        number: u64,
        hash: B256,
        rows: &mut BlockRows,
    ) -> Result<Option<&'static str>, StorageError> {
        let Some(row) = self.tx().get(CHANGES, &number.to_be_bytes())? else {
            return Ok(Some("the state does not know what it changed"));
        };
        if row.get(..32) != Some(hash.as_slice()) {
            return Ok(Some("the state is of another block"));
        }
        rows.changes += 1;
        if self.tx().get(META, META_HORIZON)?.is_some_and(|row| *row == number.to_be_bytes()) {
            // Of what it left empty nothing is kept.
            return Ok(None);
        }
        let mut changed = ChangedKeys::default();
        decode_changes(&row, &mut changed)?;
        rows.accounts += changed.accounts.len() as u64;
        for hashed in &changed.accounts {
            if self.tx().get(ACCOUNTS, &account_key(*hashed, number))?.is_none() {
                return Ok(Some("a version of an account that it changed is missing"));
            }
            if self.tx().get(PREIMAGES, hashed.as_slice())?.is_none() {
                return Ok(Some("the address of an account that it changed is missing"));
            }
        }
        for (id, slots) in &changed.slots {
            rows.slots += slots.len() as u64;
            for hashed in slots {
                if self.tx().get(SLOTS, &slot_key(*id, *hashed, number))?.is_none() {
                    return Ok(Some("a version of a slot that it changed is missing"));
                }
                if self.tx().get(PREIMAGES, hashed.as_slice())?.is_none() {
                    return Ok(Some("the number of a slot that it changed is missing"));
                }
            }
        }
        Ok(None)
    }

    /// What is wrong with the log index of a block.
    pub fn check_logs(
        &self,
        number: u64,
        receipts: &[Receipt],
        rows: &mut BlockRows,
    ) -> Result<Option<&'static str>, StorageError> {
        let keys = LogKey::of(receipts);
        let stored = self.tx().get(LOG_KEYS, &number.to_be_bytes())?;
        let expected: Vec<u8> = keys.iter().flat_map(|key| key.bytes()).collect();
        if stored.as_deref().unwrap_or_default() != expected {
            return Ok(Some("the log index has other keys for it"));
        }
        rows.log_blocks += u64::from(stored.is_some());
        rows.logs += keys.len() as u64;
        for key in keys {
            if self.tx().get(LOG_INDEX, &key.row(number))?.is_none() {
                return Ok(Some("the log index lacks a row of it"));
            }
        }
        Ok(None)
    }

    /// What is wrong with the address index of a block: as far as that can be seen without executing
    /// it.
    pub fn check_addresses(
        &self,
        number: u64,
        transactions: &[Transaction],
        rows: &mut BlockRows,
    ) -> Result<Option<&'static str>, StorageError> {
        let stored = self.tx().get(ADDRESS_KEYS, &number.to_be_bytes())?;
        let keys = BlockKey::decode_all(stored.as_deref().unwrap_or_default())?;
        rows.address_blocks += u64::from(stored.is_some());
        rows.addresses += keys.len() as u64;
        for it in involved(transactions, &[]) {
            let listed = keys.iter().any(|key| {
                key.index == it.index && key.address == it.address && key.part.is(it.part)
            });
            if !listed {
                return Ok(Some("the address index lacks a sender or a receiver of it"));
            }
        }
        for key in &keys {
            let row = self.tx().get(ADDRESS_INDEX, &key.index_row(number))?;
            if row.as_deref() != Some(&[key.part.bits()]) {
                return Ok(Some("the address index lacks a row of it"));
            }
            if let Some(row) = key.creation_row(number) {
                rows.creations += 1;
                let creator = self.tx().get(ADDRESS_CREATIONS, &row)?;
                let takes_part = |creator: &[u8]| {
                    keys.iter().any(|it| it.index == key.index && it.address == *creator)
                };
                if !creator.is_some_and(|creator| takes_part(&creator)) {
                    return Ok(Some("the address index lacks who created a contract in it"));
                }
            }
            if key.part.is(Part::SENT)
                && let Some(row) = key.nonce_row(number)
            {
                rows.nonces += 1;
                if self.tx().get(ADDRESS_NONCES, &row)?.is_none() {
                    return Ok(Some("the address index lacks a nonce that it used"));
                }
            }
        }
        Ok(None)
    }

    /// Compares the tables that blocks add to with what was counted in blocks up to `head`. Unless
    /// `from_genesis`, the state began with rows that no block wrote.
    pub fn row_counts(
        &self,
        counted: &BlockRows,
        from_genesis: bool,
    ) -> Result<Vec<RowCount>, StorageError> {
        let mut expected = vec![(CHANGES, counted.changes)];
        // What blocks below the horizon wrote was not counted.
        if from_genesis && self.tx().get(META, META_HORIZON)?.is_none() {
            expected.extend([(ACCOUNTS, counted.accounts), (SLOTS, counted.slots)]);
        }
        if self.logs_indexed()?.is_some() {
            expected.extend([(LOG_KEYS, counted.log_blocks), (LOG_INDEX, counted.logs)]);
        }
        if self.addresses_indexed()?.is_some() {
            expected.extend([
                (ADDRESS_KEYS, counted.address_blocks),
                (ADDRESS_INDEX, counted.addresses),
                (ADDRESS_CREATIONS, counted.creations),
                (ADDRESS_NONCES, counted.nonces),
            ]);
        }
        let count = |(table, expected): (Table, u64)| {
            Ok(RowCount { table: table.name, rows: self.tx().count(table)?, expected })
        };
        expected.into_iter().map(count).collect()
    }
}
