//! In which transactions did this address take part, who created this contract, and which transaction
//! used this nonce? The index behind explorers.
//!
//! A row a transaction and address, in the order of blocks under each address; a row a creation; a row
//! a nonce. Rows are written without reading any. What a block wrote is kept in one row under its
//! number, so that the block's rows go away as they came.

use super::{
    FlushBlock, StateDb, StateReader, StorageError, TxLocation,
    environment::{Bytes, WriteTx, be_u64},
    marker::Marker,
    tables::{
        ADDRESS_CREATIONS, ADDRESS_INDEX, ADDRESS_KEYS, ADDRESS_NONCES, META_ADDRESSES, Table,
    },
};
use crate::primitives::{BlockNumHash, Part, Participant, Transaction, involved};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;

const MARKER: Marker = Marker {
    key: META_ADDRESSES,
    tables: &[ADDRESS_INDEX, ADDRESS_KEYS, ADDRESS_CREATIONS, ADDRESS_NONCES],
};

/// The transactions of one block on their way into the index.
#[derive(Clone, Copy, Debug)]
pub struct BlockTransactions<'a> {
    /// Height and hash.
    pub block: BlockNumHash,
    /// In order.
    pub transactions: &'a [Transaction],
    /// Whom only execution shows to take part.
    pub inside: &'a [Participant],
}

impl StateDb {
    /// Adds blocks that were written to the state without their participants. One commit.
    pub fn index_addresses(&self, blocks: &[BlockTransactions<'_>]) -> Result<(), StorageError> {
        let Some(last) = blocks.last() else { return Ok(()) };
        let tx = self.environment().write()?;
        put_blocks(&tx, blocks)?;
        MARKER.put(&tx, last.block)?;
        tx.commit()
    }

    /// Empties the index if it is of blocks that the state does not have.
    pub fn check_address_index(&self) -> Result<(), StorageError> {
        MARKER.check(self.environment().write()?)
    }

    /// Empties the index, as if a version had written the data that knew none.
    pub fn forget_address_index(&self) -> Result<(), StorageError> {
        MARKER.forget(self.environment().write()?)
    }
}

impl StateReader {
    /// The block up to which the index is complete; `None` if there is no index yet.
    pub fn addresses_indexed(&self) -> Result<Option<BlockNumHash>, StorageError> {
        MARKER.read(self.tx())
    }

    /// Hands out the transactions of an address in blocks from `from` on, oldest first, until `each`
    /// answers `false`.
    pub fn transactions_from(
        &self,
        address: Address,
        from: u64,
        mut each: impl FnMut(TxLocation, Part) -> bool,
    ) -> Result<(), StorageError> {
        let mut cursor = self.tx().cursor(ADDRESS_INDEX)?;
        let first = index_key(address, from, 0);
        let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&first)?;
        while let Some((key, value)) = row.filter(|(key, _)| key.starts_with(address.as_slice())) {
            let (at, part) = index_row(&key, &value)?;
            if !each(at, part) {
                break;
            }
            row = cursor.next()?;
        }
        Ok(())
    }

    /// Hands out the transactions of an address in blocks up to `to`, newest first, until `each`
    /// answers `false`.
    pub fn transactions_back_from(
        &self,
        address: Address,
        to: u64,
        mut each: impl FnMut(TxLocation, Part) -> bool,
    ) -> Result<(), StorageError> {
        let mut cursor = self.tx().cursor(ADDRESS_INDEX)?;
        // The first row behind those, then one back.
        let behind = index_key(address, to, u32::MAX);
        let behind: Option<(Bytes<'_>, ())> = cursor.set_range(&behind)?;
        let mut row: Option<(Bytes<'_>, Bytes<'_>)> = match behind {
            Some(_) => cursor.prev()?,
            None => cursor.last()?,
        };
        while let Some((key, value)) = row.filter(|(key, _)| key.starts_with(address.as_slice())) {
            let (at, part) = index_row(&key, &value)?;
            if !each(at, part) {
                break;
            }
            row = cursor.prev()?;
        }
        Ok(())
    }

    /// The newest transaction that created a contract, and who did it there.
    pub fn creation(
        &self,
        contract: Address,
    ) -> Result<Option<(TxLocation, Address)>, StorageError> {
        let mut cursor = self.tx().cursor(ADDRESS_CREATIONS)?;
        let row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(contract.as_slice())?;
        let Some((key, value)) = row.filter(|(key, _)| key.starts_with(contract.as_slice())) else {
            return Ok(None);
        };
        let at = location(ADDRESS_CREATIONS, key.get(20..).unwrap_or_default(), true)?;
        let creator = Address::try_from(value.as_ref());
        let creator = creator.map_err(|_length| damaged(ADDRESS_CREATIONS))?;
        Ok(Some((at, creator)))
    }

    /// The newest transaction of a sender with this nonce.
    pub fn with_nonce(
        &self,
        sender: Address,
        nonce: u64,
    ) -> Result<Option<TxLocation>, StorageError> {
        let prefix = [sender.as_slice(), &nonce.to_be_bytes()].concat();
        let mut cursor = self.tx().cursor(ADDRESS_NONCES)?;
        let row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&prefix)?;
        let Some((key, value)) = row.filter(|(key, _)| key.starts_with(&prefix)) else {
            return Ok(None);
        };
        let block = be_u64(ADDRESS_NONCES, key.get(28..).unwrap_or_default())?;
        let index = value.as_ref().try_into().map_err(|_length| damaged(ADDRESS_NONCES))?;
        Ok(Some(TxLocation { block: !block, index: u32::from_be_bytes(index).into() }))
    }
}

/// Adds the blocks of a flush, if the index reaches up to the block below them and they were noted.
/// Otherwise who fills it up will come to them.
pub(super) fn follow(tx: &WriteTx, blocks: &[FlushBlock<'_>]) -> Result<(), StorageError> {
    if !MARKER.is_at_head(tx)? {
        return Ok(());
    }
    let noted = blocks.iter().map_while(|it| {
        let (block, transactions) = (it.block, it.transactions);
        Some(BlockTransactions { block, transactions, inside: it.inside? })
    });
    let noted: Vec<_> = noted.collect();
    let Some(last) = noted.last() else { return Ok(()) };
    put_blocks(tx, &noted)?;
    MARKER.put(tx, last.block)
}

/// Removes what is above block `to`.
pub(super) fn unwind(tx: &WriteTx, to: BlockNumHash) -> Result<(), StorageError> {
    let mut gone = Vec::new();
    let mut cursor = tx.cursor(ADDRESS_KEYS)?;
    let from = to.number.saturating_add(1).to_be_bytes();
    let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.set_range(&from)?;
    while let Some((number, keys)) = row {
        let block = be_u64(ADDRESS_KEYS, &number)?;
        for key in BlockKey::decode_all(&keys)? {
            gone.push((ADDRESS_INDEX, key.index_row(block).to_vec()));
            gone.extend(key.creation_row(block).map(|row| (ADDRESS_CREATIONS, row.to_vec())));
            gone.extend(key.nonce_row(block).map(|row| (ADDRESS_NONCES, row.to_vec())));
        }
        row = cursor.next()?;
    }
    drop(cursor);
    gone.sort_unstable_by(|(a, one), (b, other)| (a.index, one).cmp(&(b.index, other)));
    for (table, key) in gone {
        tx.delete(table, &key)?;
    }
    tx.delete_range(ADDRESS_KEYS, &from, None)?;
    MARKER.unwind(tx, to)
}

/// Writes the rows of all blocks, each table in key order: sorted writes share pages.
fn put_blocks(tx: &WriteTx, blocks: &[BlockTransactions<'_>]) -> Result<(), StorageError> {
    let (mut rows, mut creations, mut nonces) = (Vec::new(), Vec::new(), Vec::new());
    for BlockTransactions { block, transactions, inside } in blocks {
        let number = block.number;
        let all = involved(transactions, inside);
        if all.is_empty() {
            continue;
        }
        let mut keys = Vec::with_capacity(all.len() * 34);
        for it in all {
            let transaction = transactions.get(it.index as usize);
            let nonce = transaction.filter(|_| it.part.is(Part::SENT)).map(|tx| tx.nonce());
            let key = BlockKey { index: it.index, part: it.part, address: it.address, nonce };
            rows.push((key.index_row(number), [it.part.bits()]));
            nonces.extend(key.nonce_row(number).map(|row| (row, it.index.to_be_bytes())));
            key.encode(&mut keys);
        }
        let created = inside.iter().filter_map(|it| Some((it, it.creator?)));
        creations.extend(
            created.map(|(it, creator)| (creation_key(it.address, number, it.index), creator)),
        );
        tx.put(ADDRESS_KEYS, &number.to_be_bytes(), &keys)?;
    }
    rows.sort_unstable();
    tx.put_all(ADDRESS_INDEX, &rows)?;
    creations.sort_unstable();
    tx.put_all(ADDRESS_CREATIONS, &creations)?;
    nonces.sort_unstable();
    tx.put_all(ADDRESS_NONCES, &nonces)
}

/// An address in a transaction, as the block's row has it: index, part, address, and the nonce if it
/// sent the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockKey {
    pub(super) index: u32,
    pub(super) part: Part,
    pub(super) address: Address,
    nonce: Option<u64>,
}

impl BlockKey {
    fn encode(&self, row: &mut Vec<u8>) {
        row.extend_from_slice(&self.index.to_be_bytes());
        row.push(self.part.bits());
        row.extend_from_slice(self.address.as_slice());
        row.extend(self.nonce.into_iter().flat_map(u64::to_be_bytes));
    }

    pub(super) fn decode_all(mut row: &[u8]) -> Result<Vec<Self>, StorageError> {
        let mut keys = Vec::with_capacity(row.len() / 25);
        while !row.is_empty() {
            let (fixed, rest) = row.split_first_chunk::<25>().ok_or_else(short)?;
            row = rest;
            let part = Part::from_bits(fixed[4]);
            let mut nonce = None;
            if part.is(Part::SENT) {
                let (value, rest) = row.split_first_chunk::<8>().ok_or_else(short)?;
                row = rest;
                nonce = Some(u64::from_be_bytes(*value));
            }
            let index = fixed[..4].iter().fold(0, |index, byte| index << 8 | u32::from(*byte));
            keys.push(Self { index, part, address: Address::from_slice(&fixed[5..]), nonce });
        }
        Ok(keys)
    }

    pub(super) fn index_row(&self, block: u64) -> [u8; 32] {
        index_key(self.address, block, self.index)
    }

    pub(super) fn creation_row(&self, block: u64) -> Option<[u8; 32]> {
        let created = self.part.is(Part::CREATED);
        created.then(|| creation_key(self.address, block, self.index))
    }

    pub(super) fn nonce_row(&self, block: u64) -> Option<[u8; 36]> {
        let mut key = [0; 36];
        key[..20].copy_from_slice(self.address.as_slice());
        key[20..28].copy_from_slice(&self.nonce?.to_be_bytes());
        key[28..].copy_from_slice(&(!block).to_be_bytes());
        Some(key)
    }
}

fn index_key(address: Address, block: u64, index: u32) -> [u8; 32] {
    let mut key = [0; 32];
    key[..20].copy_from_slice(address.as_slice());
    key[20..28].copy_from_slice(&block.to_be_bytes());
    key[28..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Inverted, so that the newest creation of an address comes first.
fn creation_key(contract: Address, block: u64, index: u32) -> [u8; 32] {
    index_key(contract, !block, !index)
}

fn index_row(key: &[u8], value: &[u8]) -> Result<(TxLocation, Part), StorageError> {
    let at = location(ADDRESS_INDEX, key.get(20..).unwrap_or_default(), false)?;
    let [part] = value else { return Err(damaged(ADDRESS_INDEX)) };
    Ok((at, Part::from_bits(*part)))
}

fn location(table: Table, key: &[u8], inverted: bool) -> Result<TxLocation, StorageError> {
    let (block, index) = key.split_first_chunk::<8>().ok_or_else(|| damaged(table))?;
    let index: [u8; 4] = index.try_into().map_err(|_length| damaged(table))?;
    let (block, index) = (u64::from_be_bytes(*block), u32::from_be_bytes(index));
    let (block, index) = if inverted { (!block, !index) } else { (block, index) };
    Ok(TxLocation { block, index: index.into() })
}

const fn damaged(table: Table) -> StorageError {
    StorageError::Row { table: table.name, reason: "wrong length" }
}

const fn short() -> StorageError {
    StorageError::Row { table: ADDRESS_KEYS.name, reason: "ends too early" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        primitives::StateChanges,
        storage::{Durability, StateBatch, Storage, TrieChanges},
    };
    use alloy_consensus::TxLegacy;
    use alloy_primitives::B256;

    const ALICE: Address = Address::repeat_byte(1);
    const BOB: Address = Address::repeat_byte(2);
    const VAULT: Address = Address::repeat_byte(3);

    fn at(number: u64) -> BlockNumHash {
        BlockNumHash::new(number, B256::with_last_byte(number as u8))
    }

    /// Alice, whose nonce is the block's number, sends to Bob; VAULT is created every third block.
    fn transactions(number: u64) -> Vec<Transaction> {
        let typed = TxLegacy { nonce: number, to: BOB.into(), ..Default::default() };
        vec![Transaction::impersonate(typed.into(), ALICE)]
    }

    fn inside(number: u64) -> Vec<Participant> {
        let created = Participant { index: 0, address: VAULT, creator: Some(BOB) };
        if number.is_multiple_of(3) { vec![created] } else { Vec::new() }
    }

    fn flush(storage: &Storage, blocks: std::ops::RangeInclusive<u64>, noted: bool) {
        let changes = StateChanges::default();
        let all: Vec<_> = blocks.map(|it| (it, transactions(it), inside(it))).collect();
        let blocks = all.iter().map(|(number, transactions, inside)| FlushBlock {
            block: at(*number),
            root: B256::ZERO,
            changes: &changes,
            transactions,
            receipts: &[],
            inside: noted.then_some(inside.as_slice()),
        });
        let trie = TrieChanges::default();
        let batch = StateBatch { blocks: blocks.collect(), trie, next_storage_id: 1 };
        storage.state.flush(&batch).unwrap();
    }

    fn blocks_of(storage: &Storage, address: Address) -> Vec<u64> {
        let reader = storage.state.reader().unwrap();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let mut each = |at: TxLocation, _| {
            up.push(at.block);
            true
        };
        reader.transactions_from(address, 0, &mut each).unwrap();
        let mut each = |at: TxLocation, _| {
            down.push(at.block);
            true
        };
        reader.transactions_back_from(address, u64::MAX, &mut each).unwrap();
        down.reverse();
        assert_eq!(up, down);
        up
    }

    #[test]
    fn unwinding_leaves_no_row_of_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Ephemeral).unwrap();
        flush(&storage, 0..=4, true);
        flush(&storage, 5..=8, true);
        assert_eq!(blocks_of(&storage, ALICE), (0..=8).collect::<Vec<_>>());
        assert_eq!(blocks_of(&storage, VAULT), [0, 3, 6]);
        let creation = || storage.state.reader().unwrap().creation(VAULT).unwrap();
        let by_nonce = |nonce| storage.state.reader().unwrap().with_nonce(ALICE, nonce).unwrap();
        assert_eq!(creation(), Some((TxLocation { block: 6, index: 0 }, BOB)));
        storage.state.unwind(at(5), B256::ZERO, &TrieChanges::default()).unwrap();
        assert_eq!(blocks_of(&storage, BOB), (0..=5).collect::<Vec<_>>());
        assert_eq!(blocks_of(&storage, VAULT), [0, 3]);
        assert_eq!(creation(), Some((TxLocation { block: 3, index: 0 }, BOB)));
        assert_eq!(by_nonce(5), Some(TxLocation { block: 5, index: 0 }));
        assert_eq!(by_nonce(6), None);
        assert_eq!(storage.state.reader().unwrap().addresses_indexed().unwrap(), Some(at(5)));
    }

    #[test]
    fn blocks_that_were_not_noted_are_left_out_until_they_are_added() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Ephemeral).unwrap();
        flush(&storage, 0..=2, true);
        flush(&storage, 3..=4, false);
        flush(&storage, 5..=5, true);
        assert_eq!(blocks_of(&storage, ALICE), [0, 1, 2], "there is a gap above");
        let all: Vec<_> = (3..=5).map(|it| (it, transactions(it), inside(it))).collect();
        let blocks = all.iter().map(|(number, transactions, inside)| BlockTransactions {
            block: at(*number),
            transactions,
            inside,
        });
        storage.state.index_addresses(&blocks.collect::<Vec<_>>()).unwrap();
        flush(&storage, 6..=6, true);
        assert_eq!(blocks_of(&storage, ALICE), (0..=6).collect::<Vec<_>>());
    }

    #[test]
    fn every_truncation_of_a_blocks_row_is_an_error_and_no_panic() {
        let key = BlockKey { index: 1, part: Part::SENT, address: ALICE, nonce: Some(7) };
        let mut row = Vec::new();
        key.encode(&mut row);
        assert_eq!(BlockKey::decode_all(&row).unwrap(), [key]);
        for length in 1..row.len() {
            assert!(BlockKey::decode_all(&row[..length]).is_err(), "{length}");
        }
    }
}
