//! A developer's edits: over the head at once, part of the next block.

use super::{Chain, ChainError};
use crate::{primitives::Edit, state::edits_to_changes, storage::BlocksBatch};
use std::sync::Arc;

impl Chain {
    /// Lays edits over the head. They are durable and visible when this returns.
    pub fn edit(&self, edits: Vec<Edit>) -> Result<(), ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        let visible = self.visible.load_full();
        let all = [visible.edits.as_slice(), &edits].concat();
        let view = self.view_of(&visible, None)?;
        let changes = edits_to_changes(&view, &all)?;
        self.storage.blocks.commit(&BlocksBatch {
            edits: Some((visible.number() + 1, visible.edits.len(), &edits)),
            ..Default::default()
        })?;
        let mut next = visible.as_ref().clone();
        next.edits = Arc::new(all);
        next.edit_changes = Arc::new(changes);
        self.visible.store(Arc::new(next));
        Ok(())
    }

    /// How many edits lie over the head.
    pub fn edit_count(&self) -> usize {
        self.visible.load().edits.len()
    }
}
