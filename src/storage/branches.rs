//! Which chains have names, and which blocks do they need that are not canonical?
//!
//! A block is kept under its hash, so that branches share what they have in common. What it changed is
//! kept with it: going back to it executes nothing, and its state root proves that nothing is missing.

use super::{
    BlocksReader, StorageError, codec,
    environment::{Bytes as Row, WriteTx, be_u64},
    tables::{BRANCHES, EDITS, KEPT_BLOCKS, META, META_BRANCH, POOL},
};
use crate::primitives::{
    Account, AccountChange, Block, BlockNumHash, Edit, Participant, Participants, Receipt,
    StateChanges,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use std::sync::Arc;

/// A chain that has a name and is not canonical, or not beyond a block of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBranch {
    /// Its newest block.
    pub tip: BlockNumHash,
    /// The developer's edits over that block.
    pub edits: Vec<Edit>,
    /// What a developer set that is no block and no edit (JSON).
    pub development: Vec<u8>,
    /// What the floors above want to know of it again.
    pub memo: Vec<u8>,
}

/// A block that is kept for a branch.
#[derive(Clone, Debug)]
pub struct KeptBlock {
    /// Header and body.
    pub block: Block,
    /// One a transaction.
    pub receipts: Arc<Vec<Receipt>>,
    /// The developer's edits that are part of it.
    pub edits: Vec<Edit>,
    /// What it changed. Storage ids and roots mean nothing: they depend on what is below.
    pub changes: Arc<StateChanges>,
    /// Whom only its execution shows to take part in its transactions.
    pub inside: Participants,
}

/// A kept block as its row.
#[derive(Clone, Debug)]
pub struct KeptRow {
    /// Height and hash.
    pub at: BlockNumHash,
    /// Hash of the block below.
    pub parent: B256,
    bytes: Vec<u8>,
}

/// A kept block, but for what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptAt {
    /// Height and hash.
    pub at: BlockNumHash,
    /// Hash of the block below.
    pub parent: B256,
    /// Size of the row, and of what the block takes in memory besides when it comes back.
    pub bytes: usize,
}

/// Memory that an empty block takes with its trie, roughly.
const BLOCK_BYTES: usize = 8 << 10;

/// What a commit changes of the branches.
#[derive(Clone, Copy, Debug, Default)]
pub struct BranchChanges<'a> {
    /// The name of the canonical chain from now on.
    pub current: Option<&'a str>,
    /// New branches, or what is known of them now.
    pub put: &'a [(&'a str, &'a StoredBranch)],
    /// Names that go.
    pub deleted: &'a [&'a str],
    /// Blocks that are kept from now on.
    pub kept: &'a [KeptRow],
    /// Blocks that nobody needs any more.
    pub dropped: &'a [BlockNumHash],
    /// Edits that are part of the new canonical blocks, by height.
    pub edits: &'a [(u64, Vec<Edit>)],
    /// The whole journal of the pool from now on.
    pub pool: Option<&'a [(B256, Vec<u8>)]>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct BranchRow {
    number: u64,
    hash: B256,
    edits: Vec<Edit>,
    development: Bytes,
    memo: Bytes,
}

/// After the parent's hash.
#[derive(RlpEncodable, RlpDecodable)]
struct BlockRow {
    header: Bytes,
    body: Bytes,
    receipts: Bytes,
    edits: Vec<Edit>,
    accounts: Vec<AccountRow>,
    codes: Vec<Bytes>,
    inside: Vec<ParticipantRow>,
}

#[derive(RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
struct ParticipantRow {
    index: u32,
    address: Address,
    creator: Option<Address>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct AccountRow {
    address: Address,
    exists: bool,
    wiped: bool,
    nonce: u64,
    balance: U256,
    code_hash: B256,
    slots: Vec<SlotRow>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct SlotRow {
    slot: U256,
    value: U256,
}

impl StoredBranch {
    /// Size of the row.
    pub fn bytes(&self) -> usize {
        self.encode().len()
    }

    fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(BranchRow {
            number: self.tip.number,
            hash: self.tip.hash,
            edits: self.edits.clone(),
            development: self.development.clone().into(),
            memo: self.memo.clone().into(),
        })
    }

    fn decode(mut row: &[u8]) -> Result<Self, StorageError> {
        let row = BranchRow::decode(&mut row);
        let row = row.map_err(|reason| StorageError::Rlp { table: BRANCHES.name, reason })?;
        Ok(Self {
            tip: BlockNumHash::new(row.number, row.hash),
            edits: row.edits,
            development: row.development.into(),
            memo: row.memo.into(),
        })
    }
}

impl KeptBlock {
    /// As it is stored.
    pub fn to_row(&self) -> KeptRow {
        let account = |(address, change): (&Address, &AccountChange)| {
            let account = change.account.unwrap_or_default();
            let slots = change.storage.iter();
            AccountRow {
                address: *address,
                exists: change.account.is_some(),
                wiped: change.wiped,
                nonce: account.nonce,
                balance: account.balance,
                code_hash: account.code_hash,
                slots: slots.map(|(slot, value)| SlotRow { slot: *slot, value: *value }).collect(),
            }
        };
        let participant = |it: &Participant| ParticipantRow {
            index: it.index,
            address: it.address,
            creator: it.creator,
        };
        let row = BlockRow {
            header: codec::encode_header(&self.block.header).into(),
            body: codec::encode_body(&self.block.body).into(),
            receipts: codec::encode_receipts(&self.receipts).into(),
            edits: self.edits.clone(),
            accounts: self.changes.accounts.iter().map(account).collect(),
            codes: self.changes.codes.values().cloned().collect(),
            inside: self.inside.iter().map(participant).collect(),
        };
        let parent = self.block.header.parent_hash;
        let mut bytes = parent.to_vec();
        row.encode(&mut bytes);
        KeptRow { at: self.block.num_hash(), parent, bytes }
    }

    fn from_row(row: &[u8]) -> Result<Self, StorageError> {
        let mut row = row.get(32..).ok_or_else(short)?;
        let row = BlockRow::decode(&mut row)
            .map_err(|reason| StorageError::Rlp { table: KEPT_BLOCKS.name, reason })?;
        let mut changes = StateChanges::default();
        for given in row.accounts {
            let AccountRow { nonce, balance, code_hash, .. } = given;
            let account = Account { nonce, balance, code_hash, ..Account::default() };
            let slots = given.slots.into_iter().map(|row| (row.slot, row.value));
            let change = AccountChange {
                account: given.exists.then_some(account),
                wiped: given.wiped,
                storage: slots.collect(),
            };
            changes.accounts.insert(given.address, change);
        }
        changes.codes.extend(row.codes.into_iter().map(|code| (keccak256(&code), code)));
        let participant = |it: ParticipantRow| Participant {
            index: it.index,
            address: it.address,
            creator: it.creator,
        };
        let header = codec::decode_header(&row.header)?;
        let body = Arc::new(codec::decode_body(&row.body)?);
        Ok(Self {
            block: Block { header, body },
            receipts: Arc::new(codec::decode_receipts(&row.receipts)?),
            edits: row.edits,
            changes: Arc::new(changes),
            inside: row.inside.into_iter().map(participant).collect(),
        })
    }
}

impl KeptRow {
    /// Without what is in it.
    pub const fn place(&self) -> KeptAt {
        KeptAt { at: self.at, parent: self.parent, bytes: self.bytes.len() + BLOCK_BYTES }
    }
}

impl BlocksReader {
    /// The name of the canonical chain, if it got one.
    pub fn current_branch(&self) -> Result<Option<String>, StorageError> {
        let Some(row) = self.tx.get(META, META_BRANCH)? else { return Ok(None) };
        name(&row).map(Some)
    }

    /// The other branches: name, newest block, bytes of the row.
    pub fn branches(&self) -> Result<Vec<(String, BlockNumHash, usize)>, StorageError> {
        let mut cursor = self.tx.cursor(BRANCHES)?;
        let mut row: Option<(Vec<u8>, Vec<u8>)> = cursor.first()?;
        let mut found = Vec::new();
        while let Some((key, value)) = row {
            found.push((name(&key)?, StoredBranch::decode(&value)?.tip, value.len()));
            row = cursor.next()?;
        }
        Ok(found)
    }

    /// A branch by its name.
    pub fn branch(&self, name: &str) -> Result<Option<StoredBranch>, StorageError> {
        let row = self.tx.get(BRANCHES, name.as_bytes())?;
        row.map(|row| StoredBranch::decode(&row)).transpose()
    }

    /// Every kept block, lowest first.
    pub fn kept_blocks(&self) -> Result<Vec<KeptAt>, StorageError> {
        let mut cursor = self.tx.cursor(KEPT_BLOCKS)?;
        let mut row: Option<(Vec<u8>, Row<'_>)> = cursor.first()?;
        let mut found = Vec::new();
        while let Some((key, value)) = row {
            let (number, hash) = key.split_at_checked(8).ok_or_else(short)?;
            let hash = B256::try_from(hash).map_err(|_length| short())?;
            let parent = value.get(..32).map(B256::from_slice).ok_or_else(short)?;
            let at = BlockNumHash::new(be_u64(KEPT_BLOCKS, number)?, hash);
            found.push(KeptAt { at, parent, bytes: value.len() + BLOCK_BYTES });
            row = cursor.next()?;
        }
        Ok(found)
    }

    /// A kept block.
    pub fn kept_block(&self, at: BlockNumHash) -> Result<Option<KeptBlock>, StorageError> {
        let row = self.tx.get(KEPT_BLOCKS, &kept_key(at))?;
        row.map(|row| KeptBlock::from_row(&row)).transpose()
    }
}

/// Writes what a commit changes of the branches.
pub(super) fn write_branches(
    tx: &WriteTx,
    changes: &BranchChanges<'_>,
) -> Result<(), StorageError> {
    if let Some(current) = changes.current {
        tx.put(META, META_BRANCH, current.as_bytes())?;
    }
    for name in changes.deleted {
        tx.delete(BRANCHES, name.as_bytes())?;
    }
    for (name, branch) in changes.put {
        tx.put(BRANCHES, name.as_bytes(), &branch.encode())?;
    }
    for at in changes.dropped {
        tx.delete(KEPT_BLOCKS, &kept_key(*at))?;
    }
    for row in changes.kept {
        tx.put(KEPT_BLOCKS, &kept_key(row.at), &row.bytes)?;
    }
    for (number, edits) in changes.edits {
        put_edits(tx, *number, 0, edits)?;
    }
    if let Some(rows) = changes.pool {
        tx.clear(POOL)?;
        for (hash, row) in rows {
            tx.put(POOL, hash.as_slice(), row)?;
        }
    }
    Ok(())
}

/// Writes edits that are or will be part of a block, the first of them at a place.
pub(super) fn put_edits(
    tx: &WriteTx,
    number: u64,
    first: usize,
    edits: &[Edit],
) -> Result<(), StorageError> {
    for (place, edit) in edits.iter().enumerate() {
        let mut row = Vec::with_capacity(edit.length());
        edit.encode(&mut row);
        tx.put(EDITS, &edit_key(number, first + place), &row)?;
    }
    Ok(())
}

/// Key of an edit of a block.
pub(super) fn edit_key(number: u64, place: usize) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&(place as u32).to_be_bytes());
    key
}

fn kept_key(at: BlockNumHash) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&at.number.to_be_bytes());
    key[8..].copy_from_slice(at.hash.as_slice());
    key
}

fn name(row: &[u8]) -> Result<String, StorageError> {
    let wrong =
        |_text| StorageError::Row { table: BRANCHES.name, reason: "a name that is no text" };
    String::from_utf8(row.to_vec()).map_err(wrong)
}

const fn short() -> StorageError {
    StorageError::Row { table: KEPT_BLOCKS.name, reason: "ends too early" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Body;
    use alloy_consensus::Header;

    fn kept() -> KeptBlock {
        let code = Bytes::from_static(&[0x60, 1]);
        let account = Account { nonce: 3, code_hash: keccak256(&code), ..Account::default() };
        let mut changes = StateChanges::default();
        let storage = [(U256::from(1), U256::MAX), (U256::from(2), U256::ZERO)];
        let change = AccountChange {
            account: Some(account),
            wiped: true,
            storage: storage.into_iter().collect(),
        };
        changes.accounts.insert(Address::repeat_byte(1), change);
        changes.accounts.insert(Address::repeat_byte(2), AccountChange::default());
        changes.codes.insert(keccak256(&code), code);
        let header = Header { number: 7, parent_hash: B256::repeat_byte(6), ..Default::default() };
        KeptBlock {
            block: Block::new(header, Body::default()),
            receipts: Arc::default(),
            edits: vec![Edit::Nonce(Address::ZERO, 5)],
            changes: Arc::new(changes),
            inside: [None, Some(Address::ZERO)]
                .map(|creator| Participant { index: 1, address: Address::repeat_byte(3), creator })
                .to_vec(),
        }
    }

    #[test]
    fn a_kept_block_survives_its_row() {
        let (kept, row) = (kept(), kept().to_row());
        let read = KeptBlock::from_row(&row.bytes).unwrap();
        assert_eq!((&read.block, &read.edits), (&kept.block, &kept.edits));
        assert_eq!((read.receipts, read.changes), (kept.receipts, kept.changes));
        assert_eq!(read.inside, kept.inside);
        let place = row.place();
        assert_eq!((place.at, place.parent), (kept.block.num_hash(), B256::repeat_byte(6)));
    }

    #[test]
    fn every_truncation_of_a_row_is_an_error_and_no_panic() {
        let row = kept().to_row().bytes;
        for length in 0..row.len() {
            assert!(KeptBlock::from_row(&row[..length]).is_err(), "{length} of {}", row.len());
        }
        let branch = StoredBranch { memo: vec![1; 40], ..StoredBranch::default() };
        let row = branch.encode();
        assert_eq!(StoredBranch::decode(&row).unwrap(), branch);
        for length in 0..row.len() {
            assert!(StoredBranch::decode(&row[..length]).is_err());
        }
    }
}
