//! What is in a dump? It comes in any order and waits on disk, in the order of keys, until the chain
//! takes it over.

use super::{
    Durability, StorageError, codec,
    environment::{Bytes as Row, Environment, ReadTx, WriteTx, be_u64},
    tables::{
        STAGE, STAGED_ACCOUNTS, STAGED_BLOCKS, STAGED_CODES, STAGED_NUMBERS, STAGED_RECEIPTS,
        STAGED_SLOTS, STAGED_STATES, Table,
    },
};
use crate::primitives::{Block, Receipt, SealedHeader};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Which state of a dump: the one of its head, or one of those of older blocks, from 1 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StagedState(pub u32);

impl StagedState {
    /// The state of the head.
    pub const HEAD: Self = Self(0);
}

/// An account of a dump, without its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedAccount {
    /// Where it lies.
    pub address: Address,
    /// Number of transactions sent.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// keccak256 of its code.
    pub code_hash: B256,
}

/// A slot of a dump that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedSlot {
    /// keccak256 of the slot.
    pub hash: B256,
    /// The slot.
    pub slot: U256,
    /// What it holds.
    pub value: U256,
}

/// A receipt of a dump, and whose it is.
#[derive(Clone, Debug)]
pub struct StagedReceipt {
    /// Hash of the block.
    pub block: B256,
    /// Place of the transaction in it.
    pub index: u32,
    /// Hash of the transaction.
    pub transaction: B256,
    /// What it left behind.
    pub receipt: Receipt,
}

/// Rows that are staged with one commit.
#[derive(Debug, Default)]
pub struct StageBatch {
    /// Accounts, each of a state.
    pub accounts: Vec<(StagedState, StagedAccount)>,
    /// State, address, slot, value.
    pub slots: Vec<(StagedState, Address, U256, U256)>,
    /// Hash of a block, and the state after it.
    pub states: Vec<(B256, StagedState)>,
    /// Code by its hash.
    pub codes: Vec<(B256, Bytes)>,
    /// Blocks, of all branches.
    pub blocks: Vec<Block>,
    /// Receipts.
    pub receipts: Vec<StagedReceipt>,
}

/// A dump that was read, on disk. Gone when dropped.
#[derive(Debug)]
pub struct Stage {
    environment: Environment,
    dir: PathBuf,
}

impl Stage {
    /// An empty stage in a directory of its own, whatever was there.
    pub(super) fn create(dir: &Path) -> Result<Self, StorageError> {
        super::remove(dir)?;
        let environment = Environment::open(dir, STAGE, Durability::Ephemeral)?;
        Ok(Self { environment, dir: dir.into() })
    }

    /// Adds rows; of two with the same key the later holds.
    pub fn put(&self, batch: &StageBatch) -> Result<(), StorageError> {
        let tx = self.environment.write()?;
        let account = |(state, it): &(StagedState, StagedAccount)| {
            let (nonce, balance) = (it.nonce.to_be_bytes(), it.balance.to_be_bytes::<32>());
            let parts = [it.address.as_slice(), &nonce, &balance, it.code_hash.as_slice()];
            (account_key(*state, keccak256(it.address)), parts.concat())
        };
        put(&tx, STAGED_ACCOUNTS, batch.accounts.iter().map(account).collect())?;
        let slot = |(state, address, slot, value): &(StagedState, Address, U256, U256)| {
            let slot = B256::from(*slot);
            let key = slot_key(*state, keccak256(address), keccak256(slot));
            (key, [slot.0, value.to_be_bytes::<32>()].concat())
        };
        put(&tx, STAGED_SLOTS, batch.slots.iter().map(slot).collect())?;
        let states = batch.states.iter().map(|(block, state)| (*block, state.0.to_be_bytes()));
        put(&tx, STAGED_STATES, states.collect())?;
        put(&tx, STAGED_CODES, batch.codes.iter().map(|(hash, code)| (*hash, code)).collect())?;
        let block = |block: &Block| {
            let header = codec::encode_header(&block.header);
            let length = (header.len() as u32).to_be_bytes();
            (block.hash(), [&length, header.as_slice(), &codec::encode_body(&block.body)].concat())
        };
        put(&tx, STAGED_BLOCKS, batch.blocks.iter().map(block).collect())?;
        let number = |block: &Block| (block.number().to_be_bytes(), block.hash());
        put(&tx, STAGED_NUMBERS, batch.blocks.iter().map(number).collect())?;
        let receipt = |it: &StagedReceipt| {
            let key = [it.block.as_slice(), &it.index.to_be_bytes()].concat();
            let row = codec::encode_receipts(std::slice::from_ref(&it.receipt));
            (key, [it.transaction.as_slice(), &row].concat())
        };
        put(&tx, STAGED_RECEIPTS, batch.receipts.iter().map(receipt).collect())?;
        tx.commit()
    }

    /// What was staged so far.
    pub fn reader(&self) -> Result<StageReader, StorageError> {
        Ok(StageReader { tx: self.environment.read()? })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed is removed before the next load.
        let _ = super::remove(&self.dir);
    }
}

fn account_key(state: StagedState, hash: B256) -> [u8; 36] {
    let mut key = [0; 36];
    key[..4].copy_from_slice(&state.0.to_be_bytes());
    key[4..].copy_from_slice(hash.as_slice());
    key
}

fn slot_key(state: StagedState, account: B256, slot: B256) -> [u8; 68] {
    let mut key = [0; 68];
    key[..36].copy_from_slice(&account_key(state, account));
    key[36..].copy_from_slice(slot.as_slice());
    key
}

fn put<K: AsRef<[u8]> + Ord, V: AsRef<[u8]>>(
    tx: &WriteTx,
    table: Table,
    mut rows: Vec<(K, V)>,
) -> Result<(), StorageError> {
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    tx.put_all(table, &rows)
}

/// One consistent snapshot of a stage.
#[derive(Debug)]
pub struct StageReader {
    tx: ReadTx,
}

impl StageReader {
    /// How many accounts and slots there are in all states, also slots of value zero.
    pub fn rows(&self) -> Result<u64, StorageError> {
        Ok(self.tx.count(STAGED_ACCOUNTS)? + self.tx.count(STAGED_SLOTS)?)
    }

    /// The state after the block with this hash, if the dump has it.
    pub fn state_after(&self, block: B256) -> Result<Option<StagedState>, StorageError> {
        let row = self.tx.get(STAGED_STATES, block.as_slice())?;
        row.map(|row| Ok(StagedState(u32::from_be_bytes(*fixed(STAGED_STATES, &row)?)))).transpose()
    }

    /// The account of a state under this key.
    pub fn account(
        &self,
        state: StagedState,
        hash: B256,
    ) -> Result<Option<StagedAccount>, StorageError> {
        let row = self.tx.get(STAGED_ACCOUNTS, &account_key(state, hash))?;
        row.map(|row| staged_account(&row)).transpose()
    }

    /// The first account of a state whose key is `from` or greater.
    pub fn account_from(
        &self,
        state: StagedState,
        from: B256,
    ) -> Result<Option<(B256, StagedAccount)>, StorageError> {
        let mut cursor = self.tx.cursor(STAGED_ACCOUNTS)?;
        let row: Option<([u8; 36], Row<'_>)> = cursor.set_range(&account_key(state, from))?;
        let row = row.filter(|(key, _)| key.starts_with(&state.0.to_be_bytes()));
        row.map(|(key, row)| Ok((B256::from_slice(&key[4..]), staged_account(&row)?))).transpose()
    }

    /// What a slot holds in a state; zero if the dump does not say.
    pub fn slot(
        &self,
        state: StagedState,
        account: B256,
        slot: B256,
    ) -> Result<U256, StorageError> {
        let row = self.tx.get(STAGED_SLOTS, &slot_key(state, account, slot))?;
        row.map_or(Ok(U256::ZERO), |row| {
            Ok(U256::from_be_slice(&fixed::<64>(STAGED_SLOTS, &row)?[32..]))
        })
    }

    /// Slots of the account under this key that are not zero in a state, from `from` on, `limit` at most.
    pub fn slots_from(
        &self,
        state: StagedState,
        account: B256,
        from: B256,
        limit: usize,
    ) -> Result<Vec<StagedSlot>, StorageError> {
        let mut cursor = self.tx.cursor(STAGED_SLOTS)?;
        let owner = account_key(state, account);
        let mut row: Option<(Row<'_>, Row<'_>)> =
            cursor.set_range(&slot_key(state, account, from))?;
        let mut found = Vec::new();
        while let Some((key, value)) = row.filter(|(key, _)| key.starts_with(&owner)) {
            if found.len() == limit {
                break;
            }
            let whole: &[u8; 64] = fixed(STAGED_SLOTS, &value)?;
            let slot = StagedSlot {
                hash: B256::from_slice(&fixed::<68>(STAGED_SLOTS, &key)?[36..]),
                slot: U256::from_be_slice(&whole[..32]),
                value: U256::from_be_slice(&whole[32..]),
            };
            found.extend(Some(slot).filter(|slot| !slot.value.is_zero()));
            row = cursor.next()?;
        }
        Ok(found)
    }

    /// Code by its hash.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, StorageError> {
        Ok(self.tx.get(STAGED_CODES, hash.as_slice())?.map(|row| row.into_owned().into()))
    }

    /// The block at this height that came last.
    pub fn hash_at(&self, number: u64) -> Result<Option<B256>, StorageError> {
        let row = self.tx.get(STAGED_NUMBERS, &number.to_be_bytes())?;
        row.map(|row| Ok(B256::from(*fixed(STAGED_NUMBERS, &row)?))).transpose()
    }

    /// Height of the highest block.
    pub fn highest(&self) -> Result<Option<u64>, StorageError> {
        let row: Option<(Row<'_>, ())> = self.tx.cursor(STAGED_NUMBERS)?.last()?;
        row.map(|(number, ())| be_u64(STAGED_NUMBERS, &number)).transpose()
    }

    /// The header of the block with this hash.
    pub fn header(&self, hash: B256) -> Result<Option<Arc<SealedHeader>>, StorageError> {
        let Some(row) = self.tx.get(STAGED_BLOCKS, hash.as_slice())? else { return Ok(None) };
        codec::decode_header(parts(&row)?.0).map(Some)
    }

    /// The block with this hash.
    pub fn block(&self, hash: B256) -> Result<Option<Block>, StorageError> {
        let Some(row) = self.tx.get(STAGED_BLOCKS, hash.as_slice())? else { return Ok(None) };
        let (header, body) = parts(&row)?;
        let (header, body) = (codec::decode_header(header)?, codec::decode_body(body)?);
        Ok(Some(Block { header, body: Arc::new(body) }))
    }

    /// The receipts of a block, by the place of their transaction.
    pub fn receipts(&self, block: B256) -> Result<Vec<StagedReceipt>, StorageError> {
        let damaged =
            || StorageError::Row { table: STAGED_RECEIPTS.name, reason: "ends too early" };
        let mut cursor = self.tx.cursor(STAGED_RECEIPTS)?;
        let mut row: Option<(Row<'_>, Row<'_>)> = cursor.set_range(block.as_slice())?;
        let mut found = Vec::new();
        while let Some((key, value)) = row.filter(|(key, _)| key.starts_with(block.as_slice())) {
            let index = u32::from_be_bytes(*fixed(STAGED_RECEIPTS, &key[32..])?);
            let (transaction, receipt) = value.split_at_checked(32).ok_or_else(damaged)?;
            let receipt = codec::decode_receipts(receipt)?.pop().ok_or_else(damaged)?;
            let transaction = B256::from_slice(transaction);
            found.push(StagedReceipt { block, index, transaction, receipt });
            row = cursor.next()?;
        }
        Ok(found)
    }
}

fn staged_account(row: &[u8]) -> Result<StagedAccount, StorageError> {
    let whole: &[u8; 92] = fixed(STAGED_ACCOUNTS, row)?;
    Ok(StagedAccount {
        address: Address::from_slice(&whole[..20]),
        nonce: be_u64(STAGED_ACCOUNTS, &whole[20..28])?,
        balance: U256::from_be_slice(&whole[28..60]),
        code_hash: B256::from_slice(&whole[60..]),
    })
}

/// Header row and body row.
fn parts(row: &[u8]) -> Result<(&[u8], &[u8]), StorageError> {
    let damaged = || StorageError::Row { table: STAGED_BLOCKS.name, reason: "ends too early" };
    let (length, rest) = row.split_at_checked(4).ok_or_else(damaged)?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length).ok_or_else(damaged)
}

fn fixed<const N: usize>(table: Table, row: &[u8]) -> Result<&[u8; N], StorageError> {
    let length = |_length| StorageError::Row { table: table.name, reason: "of another length" };
    row.try_into().map_err(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_the_order_of_keys_and_the_later_of_two_holds() {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::create(&dir.path().join("stage")).unwrap();
        let account = |byte, nonce| StagedAccount {
            address: Address::repeat_byte(byte),
            nonce,
            balance: U256::MAX,
            code_hash: B256::repeat_byte(3),
        };
        let head = StagedState::HEAD;
        let older = (StagedState(1), account(9, 7));
        let accounts = (0..200).map(|byte| (head, account(byte, 1))).chain([older]).collect();
        let owner = Address::repeat_byte(7);
        let slot = |slot: u64| (head, owner, U256::from(slot), U256::from(slot));
        let slots = (0..50).map(slot).chain([(older.0, owner, U256::from(3), U256::MAX)]);
        let states = vec![(B256::repeat_byte(1), older.0)];
        let slots = slots.collect();
        stage.put(&StageBatch { accounts, slots, states, ..Default::default() }).unwrap();
        let again = StageBatch { accounts: vec![(head, account(9, 2))], ..Default::default() };
        stage.put(&again).unwrap();
        let reader = stage.reader().unwrap();
        let (mut from, mut nonces, mut seen) = (B256::ZERO, 0, Vec::new());
        while let Some((hash, found)) = reader.account_from(head, from).unwrap() {
            assert_eq!(hash, keccak256(found.address));
            nonces += found.nonce;
            seen.push(hash);
            from = B256::from(U256::from_be_bytes(hash.0) + U256::from(1));
        }
        assert_eq!((seen.len(), nonces), (200, 201));
        assert!(seen.is_sorted());
        let key = keccak256(owner);
        let page = reader.slots_from(head, key, B256::ZERO, 30).unwrap();
        let from = B256::from(U256::from_be_bytes(page[29].hash.0) + U256::from(1));
        let rest = reader.slots_from(head, key, from, 30).unwrap();
        assert_eq!((page.len(), rest.len()), (30, 19), "the slot of value zero is none");
        assert!(page.iter().chain(&rest).all(|found| found.slot == found.value));
        let state = reader.state_after(B256::repeat_byte(1)).unwrap().unwrap();
        let hash = keccak256(Address::repeat_byte(9));
        let nonce = |state| reader.account(state, hash).unwrap().unwrap().nonce;
        assert_eq!((nonce(head), nonce(state)), (2, 7), "each state has its own");
        let slot = |state| reader.slot(state, key, keccak256(B256::with_last_byte(3))).unwrap();
        assert_eq!((slot(head), slot(state)), (U256::from(3), U256::MAX));
        assert_eq!(reader.account_from(state, hash).unwrap().unwrap().1.nonce, 7);
    }

    #[test]
    fn a_stage_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stage");
        drop(Stage::create(&path).unwrap());
        assert!(!path.exists());
    }
}
