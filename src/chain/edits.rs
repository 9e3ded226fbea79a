//! A developer's edits: over the head at once, part of the next block.

use super::{Chain, ChainError, visible::Visible};
use crate::{
    primitives::Edit,
    state::{StateView, edits_to_changes},
    storage::BlocksBatch,
};
use std::sync::Arc;

impl Chain {
    /// Lays edits over the head. They are durable and visible when this returns.
    pub fn edit(&self, edits: Vec<Edit>) -> Result<(), ChainError> {
        self.edit_with(|_view| Ok(edits))
    }

    /// Like [`Self::edit`], with edits that depend on the state as it is: nothing changes between.
    pub fn edit_with<E: From<ChainError>>(
        &self,
        edits: impl FnOnce(&StateView) -> Result<Vec<Edit>, E>,
    ) -> Result<(), E> {
        let writer = self.writer.lock();
        writer.check()?;
        let (_, view) = self.latest()?;
        Ok(self.lay_over_head(&edits(&view)?)?)
    }

    /// The caller holds the writer's lock.
    fn lay_over_head(&self, edits: &[Edit]) -> Result<(), ChainError> {
        let visible = self.visible.load_full();
        let all = [visible.edits.as_slice(), edits].concat();
        let next = self.with_edits(visible.as_ref().clone(), all)?;
        self.storage.blocks.commit(&BlocksBatch {
            edits: Some((visible.number() + 1, visible.edits.len(), edits)),
            ..Default::default()
        })?;
        self.visible.store(Arc::new(next));
        Ok(())
    }

    /// A head with these edits over it, and no others. The caller holds the writer's lock.
    pub(super) fn with_edits(
        &self,
        mut head: Visible,
        edits: Vec<Edit>,
    ) -> Result<Visible, ChainError> {
        head.edit_changes = if edits.is_empty() {
            Arc::default()
        } else {
            let below = self.storage.state.reader()?;
            let view = self.view(head.number(), head.overlay.clone(), below);
            Arc::new(edits_to_changes(&view, &edits)?)
        };
        head.edits = Arc::new(edits);
        Ok(head)
    }

    /// How many edits lie over the head.
    pub fn edit_count(&self) -> usize {
        self.visible.load().edits.len()
    }
}
