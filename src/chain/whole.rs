//! What is the whole chain at one moment? For a dump.

use super::{Chain, ChainError, visible::Visible};
use crate::{
    primitives::{Block, Receipt, SealedHeader},
    state::StateView,
    storage::BlocksReader,
};
use std::sync::Arc;

/// The head, its state with the developer's edits over it, and every block up to it. It holds read
/// transactions: it should not be kept for long.
#[derive(Debug)]
pub struct Whole {
    /// The head.
    pub head: Arc<SealedHeader>,
    /// Its state; of an older block after [`Whole::go_to`].
    pub view: StateView,
    /// Height of the lowest block.
    pub earliest: u64,
    visible: Arc<Visible>,
    blocks: BlocksReader,
}

impl Chain {
    /// The chain as it is now.
    pub fn whole(&self) -> Result<Whole, ChainError> {
        loop {
            let (visible, [below]) = self.visible_readers()?;
            let blocks = self.storage.blocks.reader()?;
            if blocks.hash(visible.number())? == Some(visible.header.seal()) {
                let overlay = visible.overlay.clone().with(visible.edit_changes.clone());
                return Ok(Whole {
                    head: visible.header.clone(),
                    view: self.view(&visible.ground, visible.number(), overlay, below),
                    earliest: visible.ground.base.earliest,
                    visible,
                    blocks,
                });
            }
            // The chain goes back, and the blocks are gone already: wait until the head follows.
            self.writer.lock().check()?;
        }
    }
}

impl Whole {
    /// Makes the view that of an older block. `false` if its state is not stored: the view stays.
    pub fn go_to(&mut self, number: u64) -> Result<bool, ChainError> {
        let is_stored = self.visible.recent(number).is_some()
            || self.view.reader().block_hash(number)?.is_some();
        if is_stored {
            self.view.go_to(number, self.visible.overlay_at(number));
        }
        Ok(is_stored)
    }

    /// A block and its receipts, one a transaction.
    pub fn block(&self, number: u64) -> Result<Option<(Block, Vec<Receipt>)>, ChainError> {
        let (block, receipts) = (self.blocks.block(number)?, self.blocks.receipts(number)?);
        Ok(block.zip(receipts))
    }
}
