//! A developer's edits: over the head at once, part of the next block.

use super::{Chain, ChainError, visible::Visible};
use crate::{
    primitives::Edit,
    state::{StateView, edits_to_changes, more_edits_to_changes},
    storage::BlocksBatch,
};
use std::sync::Arc;

/// Edits that may lie over the head; a block takes them in.
const MOST_EDITS: usize = 200_000;
/// Bytes of code in them.
const MOST_CODE_BYTES: usize = 256 << 20;

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
        check_room(&visible.edits, edits)?;
        // Only the new ones are worked out, so that many edits cost no more than one by one.
        let view = self.view(
            &visible.ground,
            visible.number(),
            visible.overlay.clone(),
            self.storage.state.reader()?,
        );
        let before = visible.edit_changes.as_ref().clone();
        let mut next = visible.as_ref().clone();
        next.edit_changes = Arc::new(more_edits_to_changes(&view, before, edits)?);
        next.edits = Arc::new([visible.edits.as_slice(), edits].concat());
        next.ground.keep_answers();
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
            let view = self.view(&head.ground, head.number(), head.overlay.clone(), below);
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

/// Is there memory for more edits before the next block?
fn check_room(before: &[Edit], more: &[Edit]) -> Result<(), ChainError> {
    let (mut count, mut bytes) = (0, 0);
    for edit in before.iter().chain(more) {
        count += 1;
        bytes += if let Edit::Code(_, code) = edit { code.len() } else { 0 };
    }
    if count > MOST_EDITS || bytes > MOST_CODE_BYTES {
        return Err(ChainError::TooManyEdits {
            count,
            most: MOST_EDITS,
            bytes,
            most_bytes: MOST_CODE_BYTES,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes, U256};

    #[test]
    fn edits_over_one_head_are_bounded_in_number_and_in_size() {
        let balance = Edit::Balance(Address::ZERO, U256::ZERO);
        let full = vec![balance.clone(); MOST_EDITS];
        assert!(check_room(&full[1..], &full[..1]).is_ok());
        let refused = check_room(&full, &[balance]).unwrap_err().to_string();
        assert!(refused.contains("200001 edits"), "{refused}");
        let code = Edit::Code(Address::ZERO, Bytes::from(vec![0; 64 << 20]));
        assert!(check_room(&vec![code.clone(); 3], std::slice::from_ref(&code)).is_ok());
        assert!(check_room(&vec![code.clone(); 4], &[code]).is_err());
    }
}
