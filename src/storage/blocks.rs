//! Which blocks are canonical, and what is in them? The read side of `blocks`.

use super::{
    StorageError, codec,
    environment::{Environment, ReadTx, be_u64},
    tables::{
        BODIES, EDITS, HEADERS, META, META_BASE, META_DEVELOPMENT, META_GENESIS, META_LIMITS,
        META_LOAD, META_ORIGIN, META_STATE_FILE, NUMBERS, POOL, RECEIPTS,
    },
};
use crate::primitives::{Block, Body, Edit, Receipt, SealedHeader, Transaction};
use alloy_primitives::B256;
use alloy_rlp::Decodable;
use std::sync::Arc;

/// Where a mined transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxLocation {
    /// Height of its block.
    pub block: u64,
    /// Its place in the block, from 0.
    pub index: u64,
}

/// A block with its receipts, as one commit stores them.
#[derive(Clone, Debug)]
pub struct StoredBlock {
    /// Header and body.
    pub block: Block,
    /// One a transaction.
    pub receipts: Arc<Vec<Receipt>>,
}

/// The `blocks` environment.
#[derive(Debug)]
pub struct BlocksDb {
    pub(super) environment: Environment,
}

impl BlocksDb {
    pub(super) const fn new(environment: Environment) -> Result<Self, StorageError> {
        Ok(Self { environment })
    }

    /// A consistent snapshot.
    pub fn reader(&self) -> Result<BlocksReader, StorageError> {
        Ok(BlocksReader { tx: self.environment.read()? })
    }
}

/// One consistent snapshot of `blocks`.
#[derive(Debug)]
pub struct BlocksReader {
    pub(super) tx: ReadTx,
}

impl BlocksReader {
    /// The canonical block with the greatest number; `None` before genesis is stored.
    pub fn head(&self) -> Result<Option<Arc<SealedHeader>>, StorageError> {
        let row: Option<(Vec<u8>, Vec<u8>)> = self.tx.cursor(HEADERS)?.last()?;
        row.map(|(_, row)| codec::decode_header(&row)).transpose()
    }

    /// The canonical block with the smallest number: genesis.
    pub fn first(&self) -> Result<Option<Arc<SealedHeader>>, StorageError> {
        let row: Option<(Vec<u8>, Vec<u8>)> = self.tx.cursor(HEADERS)?.first()?;
        row.map(|(_, row)| codec::decode_header(&row)).transpose()
    }

    /// The canonical header at `number`.
    pub fn header(&self, number: u64) -> Result<Option<Arc<SealedHeader>>, StorageError> {
        let row = self.tx.get(HEADERS, &number.to_be_bytes())?;
        row.map(|row| codec::decode_header(&row)).transpose()
    }

    /// The canonical hash at `number`.
    pub fn hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        let row = self.tx.get(HEADERS, &number.to_be_bytes())?;
        Ok(row.and_then(|row| row.get(..32).map(B256::from_slice)))
    }

    /// The number of the canonical block with this hash.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, StorageError> {
        let row = self.tx.get(NUMBERS, hash.as_slice())?;
        row.map(|row| be_u64(NUMBERS, &row)).transpose()
    }

    /// The canonical body at `number`.
    pub fn body(&self, number: u64) -> Result<Option<Body>, StorageError> {
        let row = self.tx.get(BODIES, &number.to_be_bytes())?;
        row.map(|row| codec::decode_body(&row)).transpose()
    }

    /// The canonical block at `number`.
    pub fn block(&self, number: u64) -> Result<Option<Block>, StorageError> {
        let (Some(header), Some(body)) = (self.header(number)?, self.body(number)?) else {
            return Ok(None);
        };
        Ok(Some(Block { header, body: Arc::new(body) }))
    }

    /// One transaction, without decoding the others of its block.
    pub fn transaction(&self, at: TxLocation) -> Result<Option<Transaction>, StorageError> {
        let Some(row) = self.tx.get(BODIES, &at.block.to_be_bytes())? else { return Ok(None) };
        codec::decode_body_transaction(&row, at.index as usize)
    }

    /// The receipts of the canonical block at `number`.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, StorageError> {
        let row = self.tx.get(RECEIPTS, &number.to_be_bytes())?;
        row.map(|row| codec::decode_receipts(&row)).transpose()
    }

    /// The developer's edits that are (or will be) part of block `number`, in order.
    pub fn edits(&self, number: u64) -> Result<Vec<Edit>, StorageError> {
        let mut cursor = self.tx.cursor(EDITS)?;
        let prefix = number.to_be_bytes();
        let mut row: Option<(Vec<u8>, Vec<u8>)> = cursor.set_range(&prefix)?;
        let mut edits = Vec::new();
        while let Some((key, value)) = row.filter(|(key, _)| key.starts_with(&prefix)) {
            debug_assert_eq!(key.len(), 12);
            let edit = Edit::decode(&mut value.as_slice());
            edits.push(edit.map_err(|reason| StorageError::Rlp { table: "edits", reason })?);
            row = cursor.next()?;
        }
        Ok(edits)
    }

    /// The pool's journal: transaction hash and the row that the pool wrote.
    pub fn pool(&self) -> Result<Vec<(B256, Vec<u8>)>, StorageError> {
        let mut cursor = self.tx.cursor(POOL)?;
        let mut row: Option<([u8; 32], Vec<u8>)> = cursor.first()?;
        let mut rows = Vec::new();
        while let Some((hash, value)) = row {
            rows.push((B256::from(hash), value));
            row = cursor.next()?;
        }
        Ok(rows)
    }

    /// What the chain began with before a reset gave it another beginning (JSON).
    pub fn origin(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(META, META_ORIGIN)?.map(|row| row.into_owned()))
    }

    /// The limits of execution (JSON) that held when the newest blocks were made.
    pub fn limits(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(META, META_LIMITS)?.map(|row| row.into_owned()))
    }

    /// What a developer set that is no block and no edit (JSON).
    pub fn development(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(META, META_DEVELOPMENT)?.map(|row| row.into_owned()))
    }

    /// The block that the chain stands on (JSON); `None` before it was stored.
    pub fn base(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(META, META_BASE)?.map(|row| row.into_owned()))
    }

    /// The id of the load that the chain comes from; `None` if it was not loaded.
    pub fn load(&self) -> Result<Option<B256>, StorageError> {
        let row = self.tx.get(META, META_LOAD)?;
        Ok(row.and_then(|row| B256::try_from(row.as_ref()).ok()))
    }

    /// The file that the chain was loaded from or dumped to last.
    pub fn state_file(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(META, META_STATE_FILE)?.map(|row| row.into_owned()))
    }

    /// The genesis (JSON) that this directory was made with.
    pub fn genesis(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tx.get(META, META_GENESIS)?.map(|row| row.into_owned()))
    }
}
