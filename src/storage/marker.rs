//! Up to which block is an index of the state complete? A row that the index writes with its rows, so
//! that a version that does not know the index, or a start without it, leaves a trace.

use super::{
    StorageError,
    environment::{Bytes, ReadTx, WriteTx, be_u64},
    tables::{CHANGES, META, META_HEAD, Table},
};
use crate::primitives::BlockNumHash;
use alloy_primitives::B256;

/// The end of an index: its row in [`META`], and the index's tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marker {
    pub(super) key: &'static [u8],
    pub(super) tables: &'static [Table],
}

impl Marker {
    /// The block up to which the index is complete; `None` if there is no index yet.
    pub(super) fn read(self, tx: &ReadTx) -> Result<Option<BlockNumHash>, StorageError> {
        parse(&tx.get(META, self.key)?)
    }

    /// The index is complete up to this block.
    pub(super) fn put(self, tx: &WriteTx, block: BlockNumHash) -> Result<(), StorageError> {
        tx.put(META, self.key, &[&block.number.to_be_bytes(), block.hash.as_slice()].concat())
    }

    /// Does the index reach up to the state's head? Only then it goes on with it.
    pub(super) fn is_at_head(self, tx: &WriteTx) -> Result<bool, StorageError> {
        let head = tx.get(META, META_HEAD)?.and_then(|row| row.get(..40).map(<[u8]>::to_vec));
        Ok(head == tx.get(META, self.key)?.map(|row| row.into_owned()))
    }

    /// The rows above block `to` are gone.
    pub(super) fn unwind(self, tx: &WriteTx, to: BlockNumHash) -> Result<(), StorageError> {
        match parse(&tx.get(META, self.key)?)? {
            Some(indexed) if indexed.number > to.number => self.put(tx, to),
            _ => Ok(()),
        }
    }

    /// Empties the index if it is of blocks that the state does not have: a version that did not know
    /// the index went back and on.
    pub(super) fn check(self, tx: WriteTx) -> Result<(), StorageError> {
        let Some(indexed) = parse(&tx.get(META, self.key)?)? else { return Ok(()) };
        let row = tx.get(CHANGES, &indexed.number.to_be_bytes())?;
        if row.is_some_and(|row| row.get(..32) == Some(indexed.hash.as_slice())) {
            return Ok(());
        }
        self.forget(tx)
    }

    /// Empties the index.
    pub(super) fn forget(self, tx: WriteTx) -> Result<(), StorageError> {
        self.tables.iter().try_for_each(|table| tx.clear(*table))?;
        tx.delete(META, self.key)?;
        tx.commit()
    }
}

fn parse(row: &Option<Bytes<'_>>) -> Result<Option<BlockNumHash>, StorageError> {
    let Some(row) = row else { return Ok(None) };
    let (Some(number), Some(hash), 40) = (row.get(..8), row.get(8..40), row.len()) else {
        let reason = "the end of an index is not a number and a hash";
        return Err(StorageError::Row { table: META.name, reason });
    };
    Ok(Some(BlockNumHash::new(be_u64(META, number)?, B256::from_slice(hash))))
}
