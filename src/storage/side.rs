//! Which blocks are off the canonical chain? Executed once, kept in case their branch wins.

use super::{
    BlocksReader, StorageError, codec,
    environment::WriteTx,
    tables::{SIDE_BLOCKS, TOTAL_DIFFICULTIES},
};
use crate::primitives::{Block, BlockNumHash, SealedHeader};
use alloy_primitives::{B256, U256};
use std::sync::Arc;

/// A side block may be this many blocks below the head: a branch that forks off deeper is refused.
pub const SIDE_DEPTH: u64 = 1024;
/// Side blocks that are kept at most; the lowest go first.
const SIDE_LIMIT: u64 = 4096;

/// A block off the canonical chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideBlock {
    /// Header and body.
    pub block: Block,
    /// Difficulty of this block and all before it on its own branch.
    pub total_difficulty: U256,
}

impl BlocksReader {
    /// A side block.
    pub fn side_block(&self, at: BlockNumHash) -> Result<Option<SideBlock>, StorageError> {
        let Some(row) = self.tx.get(SIDE_BLOCKS, &side_key(at))? else { return Ok(None) };
        let (total_difficulty, header, body) = parts(&row)?;
        let header = codec::decode_header(header)?;
        let body = Arc::new(codec::decode_body(body)?);
        Ok(Some(SideBlock { block: Block { header, body }, total_difficulty }))
    }

    /// The header of a side block, and its total difficulty.
    pub fn side_header(
        &self,
        at: BlockNumHash,
    ) -> Result<Option<(Arc<SealedHeader>, U256)>, StorageError> {
        let Some(row) = self.tx.get(SIDE_BLOCKS, &side_key(at))? else { return Ok(None) };
        let (total_difficulty, header, _) = parts(&row)?;
        Ok(Some((codec::decode_header(header)?, total_difficulty)))
    }

    /// Height and hash of every side block, lowest first.
    pub fn side_blocks(&self) -> Result<Vec<BlockNumHash>, StorageError> {
        self.side_blocks_from(0)
    }

    /// Height and hash of every side block at this height or above, lowest first.
    pub fn side_blocks_from(&self, number: u64) -> Result<Vec<BlockNumHash>, StorageError> {
        let mut cursor = self.tx.cursor(SIDE_BLOCKS)?;
        let mut row: Option<(Vec<u8>, ())> = cursor.set_range(&number.to_be_bytes())?;
        let mut found = Vec::new();
        while let Some((key, ())) = row {
            let (number, hash) = key.split_at_checked(8).ok_or_else(damaged)?;
            let number = super::environment::be_u64(SIDE_BLOCKS, number)?;
            found.push(BlockNumHash::new(
                number,
                B256::try_from(hash).map_err(|_length| damaged())?,
            ));
            row = cursor.next()?;
        }
        Ok(found)
    }

    /// The total difficulty of the canonical block at `number`: of the newest block up to there that
    /// has a difficulty; zero if there is none.
    pub fn total_difficulty(&self, number: u64) -> Result<U256, StorageError> {
        let mut cursor = self.tx.cursor(TOTAL_DIFFICULTIES)?;
        let at = number.to_be_bytes();
        let row: Option<(Vec<u8>, Vec<u8>)> = match cursor.set_range(&at)? {
            Some((key, value)) if key == at => Some((key, value)),
            Some(_) => cursor.prev()?,
            None => cursor.last()?,
        };
        row.map_or(Ok(U256::ZERO), |(_, value)| difficulty(&value))
    }
}

/// Writes the total difficulty of a new canonical head.
pub(super) fn put_total_difficulty(tx: &WriteTx, block: &Block) -> Result<(), StorageError> {
    if block.header.difficulty.is_zero() {
        return Ok(());
    }
    let row: Option<(Vec<u8>, Vec<u8>)> = tx.cursor(TOTAL_DIFFICULTIES)?.last()?;
    let below = row.map_or(Ok(U256::ZERO), |(_, value)| difficulty(&value))?;
    let total = below.saturating_add(block.header.difficulty);
    tx.put(TOTAL_DIFFICULTIES, &block.number().to_be_bytes(), &total.to_be_bytes::<32>())
}

/// Adds a side block, and makes room for it.
pub(super) fn put_side_block(tx: &WriteTx, side: &SideBlock) -> Result<(), StorageError> {
    let header = codec::encode_header(&side.block.header);
    let mut row = side.total_difficulty.to_be_bytes::<32>().to_vec();
    row.extend_from_slice(&(header.len() as u32).to_be_bytes());
    row.extend_from_slice(&header);
    row.extend_from_slice(&codec::encode_body(&side.block.body));
    tx.put(SIDE_BLOCKS, &side_key(side.block.num_hash()), &row)?;
    while tx.count(SIDE_BLOCKS)? > SIDE_LIMIT {
        let lowest: Option<(Vec<u8>, ())> = tx.cursor(SIDE_BLOCKS)?.first()?;
        let Some((key, ())) = lowest else { break };
        tx.delete(SIDE_BLOCKS, &key)?;
    }
    Ok(())
}

/// Removes a side block, if it is there.
pub(super) fn delete_side_block(tx: &WriteTx, at: BlockNumHash) -> Result<(), StorageError> {
    tx.delete(SIDE_BLOCKS, &side_key(at)).map(drop)
}

/// Removes what is too far below a new head.
pub(super) fn prune_side_blocks(tx: &WriteTx, head: u64) -> Result<(), StorageError> {
    let horizon = head.saturating_sub(SIDE_DEPTH).to_be_bytes();
    tx.delete_range(SIDE_BLOCKS, &[], Some(&horizon))
}

/// Total difficulty, header row, body row.
fn parts(row: &[u8]) -> Result<(U256, &[u8], &[u8]), StorageError> {
    let (total, rest) = row.split_at_checked(32).ok_or_else(damaged)?;
    let (length, rest) = rest.split_at_checked(4).ok_or_else(damaged)?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (header, body) = rest.split_at_checked(length).ok_or_else(damaged)?;
    Ok((difficulty(total)?, header, body))
}

fn difficulty(row: &[u8]) -> Result<U256, StorageError> {
    U256::try_from_be_slice(row)
        .ok_or(StorageError::Row { table: TOTAL_DIFFICULTIES.name, reason: "more than 32 bytes" })
}

const fn damaged() -> StorageError {
    StorageError::Row { table: SIDE_BLOCKS.name, reason: "ends too early" }
}

fn side_key(at: BlockNumHash) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&at.number.to_be_bytes());
    key[8..].copy_from_slice(at.hash.as_slice());
    key
}
