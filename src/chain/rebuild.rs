//! How is derived data made anew from the blocks, and how are old states thrown away, by hand?

use super::{Chain, ChainError};
use crate::storage::Pruned;
use alloy_primitives::B256;

/// Blocks whose transactions are written by one commit at most.
const CHUNK_BLOCKS: u64 = 1_000;
/// Their transactions, about.
const CHUNK_TRANSACTIONS: usize = 20_000;

impl Chain {
    /// Writes the places of all transactions again, and removes those that stand nowhere. No place that
    /// was right is missing meanwhile.
    pub fn rebuild_transactions(&self, mut each: impl FnMut(u64, u64)) -> Result<(), ChainError> {
        let _state_writer = self.state_writer.lock();
        let head = self.storage.state.reader()?.head()?.map_or(self.first(), |head| head.number);
        let blocks = self.storage.blocks.reader()?;
        let (mut chunk, mut transactions) = (Vec::new(), 0);
        for number in self.stored_from()..=head {
            let body = blocks.body(number)?;
            let body = body.ok_or(ChainError::UnknownBlock { number, head })?;
            transactions += body.transactions.len();
            chunk.push((number, body.transactions));
            if chunk.len() as u64 >= CHUNK_BLOCKS || transactions >= CHUNK_TRANSACTIONS {
                self.storage.state.index_transactions(&chunk)?;
                (chunk, transactions) = (Vec::new(), 0);
            }
            each(number, head);
        }
        self.storage.state.index_transactions(&chunk)?;
        let is_there =
            |hash, at| Ok(blocks.transaction(at)?.is_some_and(|there| there.hash() == hash));
        let (state, mut next) = (&self.storage.state, Some(B256::ZERO));
        while let Some(from) = next {
            next = state.drop_stale_transactions(from, CHUNK_TRANSACTIONS, is_there)?;
        }
        Ok(())
    }

    /// Throws away what the states of blocks from `to` on do not need, as much as `keys` changed keys
    /// allow; answers how far that is.
    pub fn prune(&self, to: u64, keys: usize) -> Result<Pruned, ChainError> {
        let _state_writer = self.state_writer.lock();
        Ok(self.storage.state.prune(to, keys, self.is_fork())?)
    }
}
