//! How does the address index come to cover blocks that were written without it?
//!
//! In chunks, by the state writer's thread, while the node serves. Who took part inside of transactions
//! only execution shows, so each block is executed again. It goes on where it was when the node stops
//! meanwhile.

use super::{Chain, ChainError};
use crate::{
    evm::{self, EvmError},
    primitives::{Block, BlockNumHash, Participants},
    storage::BlockTransactions,
};

/// Blocks added to the index by one commit at most.
const CHUNK_BLOCKS: u64 = 1_000;
/// Their gas at most, which bounds how long a chunk keeps others from writing the state.
const CHUNK_GAS: u64 = 50_000_000;
/// Their transactions at most.
const CHUNK_TRANSACTIONS: usize = 20_000;

impl Chain {
    /// Adds blocks to the index until it has all that the state has. A failure is logged: the next
    /// start tries again.
    pub(crate) fn complete_address_index(&self) {
        if self.settings.address_index {
            self.complete_index("address", || self.extend_address_index());
        }
    }

    /// Empties the index, as if a version had written the data that knew none.
    pub fn forget_address_index(&self) -> Result<(), ChainError> {
        let _state_writer = self.state_writer.lock();
        Ok(self.storage.state.forget_address_index()?)
    }

    /// Adds the next blocks; answers the block reached and the newest in the state, or nothing if
    /// there are none to add.
    pub fn extend_address_index(&self) -> Result<Option<(u64, u64)>, ChainError> {
        // No block that is read here goes away.
        let _state_writer = self.state_writer.lock();
        let state = self.storage.state.reader()?;
        let (Some(head), indexed) = (state.head()?, state.addresses_indexed()?) else {
            return Ok(None);
        };
        if indexed == Some(head) {
            return Ok(None);
        }
        drop(state);
        let mut number = indexed.map_or(self.stored_from(), |indexed| indexed.number + 1);
        let last = head.number.min(number + CHUNK_BLOCKS - 1);
        let mut chunk: Vec<(Block, Participants)> = Vec::new();
        let (mut gas, mut transactions, mut unknown) = (0, 0, 0_u64);
        while number <= last && gas < CHUNK_GAS && transactions < CHUNK_TRANSACTIONS {
            let block = self.block(number)?;
            let block = block.ok_or(ChainError::UnknownBlock { number, head: head.number })?;
            gas += block.header.gas_used;
            transactions += block.body.transactions.len();
            let inside = self.participants(&block)?;
            unknown += u64::from(inside.is_none());
            chunk.push((block, inside.unwrap_or_default()));
            number += 1;
        }
        let each = chunk.iter().map(|(block, inside)| BlockTransactions {
            block: BlockNumHash::new(block.number(), block.hash()),
            transactions: &block.body.transactions,
            inside,
        });
        self.storage.state.index_addresses(&each.collect::<Vec<_>>())?;
        if unknown > 0 {
            let to = number - 1;
            tracing::warn!(
                target: "chain",
                "address index: {unknown} blocks up to {to} cannot be executed again (their state was \
                 thrown away or never here, or they were made under other limits): calls inside of \
                 their transactions are left out"
            );
        }
        Ok(Some((number - 1, head.number)))
    }

    /// Whom the execution of a block shows to take part in its transactions; `None` if it cannot be
    /// executed again, because the state before it was thrown away or never here, or it was made under
    /// other limits.
    pub(super) fn participants(&self, block: &Block) -> Result<Option<Participants>, ChainError> {
        if block.body.transactions.is_empty() {
            return Ok(Some(Participants::new()));
        }
        let replay = match self.replay_of(block.clone()) {
            Err(ChainError::Pruned { .. } | ChainError::NotExecuted { .. }) => return Ok(None),
            replay => replay?,
        };
        let Some(replay) = replay else { return Ok(Some(Participants::new())) };
        match evm::participants(&self.spec(), &self.settings.evm, replay) {
            Err(EvmError::Transaction { .. }) => Ok(None),
            found => Ok(Some(found?)),
        }
    }
}
