//! What one durable commit to `blocks` contains.

use super::{
    BlocksDb, BranchChanges, SideBlock, StorageError, StoredBlock,
    branches::{edit_key, put_edits, write_branches},
    codec,
    environment::WriteTx,
    renewal::put_origin,
    side::{delete_side_block, prune_side_blocks, put_side_block, put_total_difficulty},
    tables::{
        BODIES, EDITS, HEADERS, META, META_BASE, META_DEVELOPMENT, META_GENESIS, META_LIMITS,
        META_STATE_FILE, NUMBERS, POOL, RECEIPTS, TOTAL_DIFFICULTIES,
    },
};
use crate::primitives::{BlockNumHash, Edit};
use alloy_primitives::{B256, U256};

/// Everything that becomes durable together. The parts are applied in the order of the fields.
#[derive(Debug, Default)]
pub struct BlocksBatch<'a> {
    /// Stores the genesis (JSON) of a new directory.
    pub genesis: Option<&'a [u8]>,
    /// Stores the block that the chain stands on (JSON).
    pub base: Option<&'a [u8]>,
    /// Stores what the chain began with before a reset (JSON); an empty one forgets it.
    pub origin: Option<&'a [u8]>,
    /// Stores the limits of execution (JSON) that hold from now on.
    pub limits: Option<&'a [u8]>,
    /// Stores the file that the chain was loaded from or dumped to.
    pub state_file: Option<&'a [u8]>,
    /// Stores what a developer set that is no block and no edit (JSON).
    pub development: Option<&'a [u8]>,
    /// Removes every canonical block above this number, with their edits.
    pub truncate_above: Option<u64>,
    /// Of the edits that wait for block `.0`, keeps the first `.1`.
    pub keep_edits: Option<(u64, usize)>,
    /// New canonical blocks, in order.
    pub blocks: &'a [StoredBlock],
    /// Total difficulty of a block in `blocks` that has no stored parent: height, difficulty.
    pub total_difficulty: Option<(u64, U256)>,
    /// New edits: the block they will be part of, the place of the first, the edits.
    pub edits: Option<(u64, usize, &'a [Edit])>,
    /// Blocks that leave the side branches, because they are canonical now.
    pub side_removed: &'a [BlockNumHash],
    /// Blocks off the canonical chain.
    pub side_added: &'a [SideBlock],
    /// Rows that leave the pool's journal.
    pub pool_removed: &'a [B256],
    /// Rows that enter it.
    pub pool_added: &'a [(B256, Vec<u8>)],
    /// Named branches that come, go, or become the chain.
    pub branches: BranchChanges<'a>,
    /// Nobody is told anything new by it: a power cut before the next batch may undo it. Whoever is
    /// killed loses nothing.
    pub unsynced: bool,
}

impl BlocksDb {
    /// Writes a batch as one durable commit: all of it or nothing.
    pub fn commit(&self, batch: &BlocksBatch<'_>) -> Result<(), StorageError> {
        fail::fail_point!("blocks-commit-before", |_| Err(StorageError::Failpoint(
            "blocks-commit-before"
        )));
        let tx = self.environment.write()?;
        if let Some(genesis) = batch.genesis {
            tx.put(META, META_GENESIS, genesis)?;
        }
        if let Some(base) = batch.base {
            tx.put(META, META_BASE, base)?;
        }
        put_origin(&tx, batch.origin)?;
        if let Some(limits) = batch.limits {
            tx.put(META, META_LIMITS, limits)?;
        }
        if let Some(file) = batch.state_file {
            tx.put(META, META_STATE_FILE, file)?;
        }
        if let Some(development) = batch.development {
            tx.put(META, META_DEVELOPMENT, development)?;
        }
        if let Some(number) = batch.truncate_above {
            truncate(&tx, number)?;
        }
        if let Some((number, count)) = batch.keep_edits {
            let until = (number + 1).to_be_bytes();
            tx.delete_range(EDITS, &edit_key(number, count), Some(&until))?;
        }
        for stored in batch.blocks {
            put_block(&tx, stored)?;
        }
        if let Some((number, total)) = batch.total_difficulty {
            tx.put(TOTAL_DIFFICULTIES, &number.to_be_bytes(), &total.to_be_bytes::<32>())?;
        }
        if let Some((number, first, edits)) = batch.edits {
            put_edits(&tx, number, first, edits)?;
        }
        for block in batch.side_removed {
            delete_side_block(&tx, *block)?;
        }
        for side in batch.side_added {
            put_side_block(&tx, side)?;
        }
        if let Some(head) = batch.blocks.last() {
            prune_side_blocks(&tx, head.block.number())?;
        }
        for hash in batch.pool_removed {
            tx.delete(POOL, hash.as_slice())?;
        }
        for (hash, row) in batch.pool_added {
            tx.put(POOL, hash.as_slice(), row)?;
        }
        write_branches(&tx, &batch.branches)?;
        fail::fail_point!("blocks-commit-middle", |_| Err(StorageError::Failpoint(
            "blocks-commit-middle"
        )));
        if batch.unsynced {
            tx.commit_unsynced()?
        } else {
            tx.commit()?
        }
        fail::fail_point!("blocks-commit-after");
        Ok(())
    }
}

pub(super) fn put_block(tx: &WriteTx, stored: &StoredBlock) -> Result<(), StorageError> {
    let number = stored.block.number().to_be_bytes();
    tx.put(HEADERS, &number, &codec::encode_header(&stored.block.header))?;
    tx.put(BODIES, &number, &codec::encode_body(&stored.block.body))?;
    tx.put(RECEIPTS, &number, &codec::encode_receipts(&stored.receipts))?;
    tx.put(NUMBERS, stored.block.hash().as_slice(), &number)?;
    put_total_difficulty(tx, &stored.block)
}

fn truncate(tx: &WriteTx, number: u64) -> Result<(), StorageError> {
    let from = (number + 1).to_be_bytes();
    let mut hashes = Vec::new();
    let mut cursor = tx.cursor(HEADERS)?;
    let mut row: Option<(Vec<u8>, Vec<u8>)> = cursor.set_range(&from)?;
    while let Some((_, header)) = row {
        hashes.extend(header.get(..32).map(B256::from_slice));
        row = cursor.next()?;
    }
    drop(cursor);
    for hash in hashes {
        tx.delete(NUMBERS, hash.as_slice())?;
    }
    for table in [HEADERS, BODIES, RECEIPTS, TOTAL_DIFFICULTIES] {
        tx.delete_range(table, &from, None)?;
    }
    tx.delete_range(EDITS, &(number + 2).to_be_bytes(), None)
}
