//! How do many of our own blocks become the head at once? They wait here for their common commit.

use super::{
    Branch, BuildContext, Chain, ChainError, ExecutedBlock, adopt::By, append::TrieContext,
    side::MAX_BRANCH_BYTES,
};
use crate::storage::StoredBlock;
use alloy_primitives::B256;
use std::sync::Arc;

/// Blocks on the head that nobody sees yet. None of them has a developer's edits in it.
#[derive(Debug)]
pub struct Draft(Branch);

impl Draft {
    /// How many blocks it has.
    pub const fn len(&self) -> usize {
        self.0.blocks.len()
    }

    /// Has it no block yet?
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does it take as much memory as blocks that nobody sees may take?
    pub const fn is_full(&self) -> bool {
        self.0.bytes >= MAX_BRANCH_BYTES
    }

    /// Adds a block that was built on the newest.
    pub fn push(&mut self, executed: ExecutedBlock) {
        let (recent, _no_edits) = executed.into_recent();
        self.0.push(Arc::new(recent));
    }
}

impl Chain {
    /// A draft on the head, without blocks.
    pub fn draft(&self) -> Result<Draft, ChainError> {
        loop {
            let head = self.head();
            let total_difficulty = self.total_difficulty(head.number)?;
            // The head may have gone since.
            if let Some(branch) = self.branch_at(&head, total_difficulty)? {
                return Ok(Draft(branch));
            }
        }
    }

    /// A draft on block `number`, which is the head or below it.
    pub fn draft_on(&self, number: u64) -> Result<Draft, ChainError> {
        let unknown = || ChainError::UnknownBlock { number, head: self.head().number };
        let base = self.header(number)?.ok_or_else(unknown)?;
        let branch = self.branch_at(&base, self.total_difficulty(number)?)?;
        Ok(Draft(branch.ok_or_else(unknown)?))
    }

    /// What the next block of a draft is built from.
    ///
    /// # Errors
    /// [`ChainError::StaleParent`] when the chain went back below the draft.
    pub fn draft_context(&self, draft: &Draft) -> Result<BuildContext, ChainError> {
        let branch = &draft.0;
        let (view, below_trie) = self.branch_readers(branch)?;
        Ok(BuildContext::without_edits(
            branch.tip.clone(),
            view,
            TrieContext {
                reader: below_trie,
                trie: branch.trie().clone(),
                next_storage_id: branch.next_storage_id(),
                edits: Arc::default(),
                number: branch.tip.number + 1,
            },
        ))
    }

    /// Makes the blocks of a draft durable in one commit, then visible, then news. Edits that a
    /// developer made meanwhile lie over the last of them.
    ///
    /// # Errors
    /// [`ChainError::StaleParent`] when the head is not the draft's any more. Nothing is visible or
    /// stored unless this returns `Ok`.
    pub fn append_draft(&self, draft: &Draft) -> Result<(), ChainError> {
        if draft.is_empty() {
            return Ok(());
        }
        self.adopt(&draft.0, draft.0.base.hash, By::Hand).map(drop)
    }

    /// Makes the blocks of a draft canonical instead of those above its base, and answers the removed
    /// ones in ascending order: the newest of them if there are too many. Edits in the removed blocks
    /// and over the head go with them. `head` is the head that the draft was made against.
    ///
    /// # Errors
    /// [`ChainError::StaleParent`] when the head is another one. Nothing is visible or stored unless
    /// this returns `Ok`, or the chain halts because the state could not follow.
    pub fn replace_with_draft(
        &self,
        draft: &Draft,
        head: B256,
    ) -> Result<Arc<Vec<StoredBlock>>, ChainError> {
        self.adopt(&draft.0, head, By::Hand)
    }
}
