//! What does a simulation stand on? Any canonical block, its state and its trie.

use super::{Chain, ChainError, visible::Visible};
use crate::{
    evm::{BlockExecutor, BlockTemplate, simulate::Foundation},
    primitives::{Block, SealedHeader},
    state::{StateTrie, StateView, TrieError, edits_to_changes, rewind},
    storage::StateReader,
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use std::sync::Arc;

/// Most accounts and slots that may have been written since a block that a simulation stands on:
/// each is taken back in memory.
const MOST_REWOUND: u64 = 4_000_000;

impl Chain {
    /// The canonical block `number` with its state and trie. The head comes with the developer's
    /// edits; any other block is exactly what its root says.
    ///
    /// # Errors
    /// [`ChainError::TooFarBack`] for a block since which too much has changed.
    pub fn foundation(&self, number: u64) -> Result<Foundation, ChainError> {
        loop {
            let (visible, [below]) = self.visible_readers()?;
            self.check_known(number, &visible)?;
            // Without a header the chain went back since: the number may mean another block now.
            let Some(header) = self.header_below(number, &visible, &below)? else { continue };
            let is_head = number == visible.number();
            let written = below.head()?.map_or(number, |written| written.number);
            let trie = match visible.recent(number) {
                _ if is_head => visible.trie.clone(),
                Some(recent) if written <= number => recent.trie.clone(),
                _ => rewound(&below, number)?,
            };
            let (expected, computed) = (header.state_root, trie.root());
            if expected != computed {
                return Err(TrieError::RootMismatch { block: number, expected, computed }.into());
            }
            let edits = if is_head { visible.edit_changes.clone() } else { Arc::default() };
            return Ok(Foundation {
                header,
                view: self.view(number, visible.overlay_at(number), below),
                edits,
                trie,
                next_storage_id: visible.next_storage_id,
            });
        }
    }

    /// The state inside a block, after its first `transactions`; after all of them if it has fewer.
    pub fn state_within(
        &self,
        block: &Block,
        transactions: usize,
    ) -> Result<StateView, ChainError> {
        if block.number() <= self.first() {
            return self.state_at(block.number());
        }
        let view = self.state_at(block.number() - 1)?;
        let edits = self.storage.blocks.reader()?.edits(block.number())?;
        let edits = edits_to_changes(&view, &edits)?;
        let template = BlockTemplate::from_block(&self.spec, block);
        let evm = &self.settings.evm;
        let executor = BlockExecutor::begin(&self.spec, evm, view, edits, &template)?;
        let mut executor = executor.without_receipts();
        for transaction in block.body.transactions.iter().take(transactions) {
            executor.apply(transaction)?;
        }
        Ok(executor.pause())
    }

    /// The header of the block that `visible` and `below` have at this height.
    fn header_below(
        &self,
        number: u64,
        visible: &Visible,
        below: &StateReader,
    ) -> Result<Option<Arc<SealedHeader>>, ChainError> {
        if number == visible.number() {
            return Ok(Some(visible.header.clone()));
        }
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.block.header.clone()));
        }
        let hash = below.block_hash(number)?;
        let header = self.storage.blocks.reader()?.header(number)?;
        Ok(header.filter(|header| Some(header.seal()) == hash))
    }
}

fn rewound(below: &StateReader, number: u64) -> Result<StateTrie, ChainError> {
    let changed = below.changed_count_since(number)?;
    if changed > MOST_REWOUND {
        return Err(ChainError::TooFarBack { number, changed, limit: MOST_REWOUND });
    }
    let head_root = below.head_root()?.unwrap_or(EMPTY_ROOT_HASH);
    Ok(rewind(below, head_root, number)?.trie)
}
