//! What does a block stand on that is executed and never appended? Any canonical block, its state and
//! its trie.

use super::{Chain, ChainError, branch::trie_at, visible::Visible};
use crate::{
    evm::simulate::Foundation, primitives::SealedHeader, state::TrieError, storage::StateReader,
};
use std::sync::Arc;

/// Most accounts and slots that may have been written since a block that such a block stands on:
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
            self.check_known(number, &visible, &below)?;
            if number < visible.ground.base.number {
                let base = Box::new(*visible.ground.base);
                return Err(ChainError::OnlyLoaded { number, base });
            }
            // Without a header the chain went back since: the number may mean another block now.
            let Some(header) = self.header_below(number, &visible, &below)? else { continue };
            let is_head = number == visible.number();
            check_distance(number, &visible, &below)?;
            let (trie, next_storage_id) = trie_at(number, &visible, &below)?;
            let (expected, computed) = (visible.ground.base.trie_root_of(&header), trie.root());
            if expected != computed {
                return Err(TrieError::RootMismatch { block: number, expected, computed }.into());
            }
            let edits = if is_head { visible.edit_changes.clone() } else { Arc::default() };
            return Ok(Foundation {
                header,
                view: self.view(&visible.ground, number, visible.overlay_at(number), below),
                edits,
                trie,
                next_storage_id,
            });
        }
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

/// Refuses a block whose trie is neither in memory nor near enough.
fn check_distance(number: u64, visible: &Visible, below: &StateReader) -> Result<(), ChainError> {
    if visible.recent(number).is_some() || number == visible.number() {
        return Ok(());
    }
    let changed = below.changed_count_since(number)?;
    if changed > MOST_REWOUND {
        return Err(ChainError::TooFarBack { number, changed, limit: MOST_REWOUND });
    }
    Ok(())
}
