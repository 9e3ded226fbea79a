//! How does the log index come to cover blocks that were written before there was one?
//!
//! In chunks, by the state writer's thread, while the node serves: searches look at the headers of the
//! blocks that the index does not have yet. It goes on where it was when the node stops meanwhile.

use super::{Chain, ChainError};
use crate::{
    primitives::{BlockNumHash, Receipt},
    storage::BlockReceipts,
};

/// Blocks added to the index by one commit, and about how many events at most.
const CHUNK_BLOCKS: u64 = 5_000;
const CHUNK_LOGS: usize = 200_000;

impl Chain {
    /// Adds blocks to the index until it has all that the state has. A failure is logged: searches
    /// work without, and the next start tries again.
    pub(crate) fn complete_log_index(&self) {
        self.complete_index("log", || self.extend_log_index());
    }

    /// Empties the index, as if a version had written the data that knew none.
    pub fn forget_log_index(&self) -> Result<(), ChainError> {
        let _state_writer = self.state_writer.lock();
        Ok(self.storage.state.forget_log_index()?)
    }

    /// Adds the next blocks; answers the block reached and the newest in the state, or nothing if
    /// there are none to add.
    pub fn extend_log_index(&self) -> Result<Option<(u64, u64)>, ChainError> {
        // No block that is read here goes away.
        let _state_writer = self.state_writer.lock();
        let state = self.storage.state.reader()?;
        let (Some(head), indexed) = (state.head()?, state.logs_indexed()?) else { return Ok(None) };
        if indexed == Some(head) {
            return Ok(None);
        }
        let blocks = self.storage.blocks.reader()?;
        let mut number = indexed.map_or(self.stored_from(), |indexed| indexed.number + 1);
        let last = head.number.min(number + CHUNK_BLOCKS - 1);
        let mut chunk: Vec<(BlockNumHash, Vec<Receipt>)> = Vec::new();
        let mut logs = 0;
        while number <= last && logs < CHUNK_LOGS {
            let (Some(hash), Some(receipts)) = (blocks.hash(number)?, blocks.receipts(number)?)
            else {
                return Err(ChainError::UnknownBlock { number, head: head.number });
            };
            logs += receipts.iter().map(|receipt| receipt.logs.len()).sum::<usize>();
            chunk.push((BlockNumHash::new(number, hash), receipts));
            number += 1;
        }
        let each = chunk.iter().map(|(block, receipts)| BlockReceipts { block: *block, receipts });
        self.storage.state.index_logs(&each.collect::<Vec<_>>())?;
        Ok(Some((number - 1, head.number)))
    }
}
