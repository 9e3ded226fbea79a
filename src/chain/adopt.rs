//! How does a branch become the canonical chain? One durable commit, one swap, news in order.

use super::{Branch, Chain, ChainError, ChainEvent, visible::Visible};
use crate::{
    primitives::{BlockNumHash, Transaction},
    storage::{BlocksBatch, BranchChanges, SideBlock, StoredBlock},
};
use alloy_primitives::B256;
use std::sync::Arc;

/// Who says that a branch is the chain?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The rules of fork choice: what it removes may win again, and the pool follows by itself.
    Rules,
    /// A developer, who sees to the pool too.
    Hand,
}

impl Chain {
    /// Makes a branch canonical whose base is the head or below it, and answers the blocks that were
    /// removed for it. `head` is the head that the choice was made against, `by` who made it.
    ///
    /// # Errors
    /// [`ChainError::StaleParent`] when the head is another one. Nothing is visible or stored unless
    /// this returns `Ok`, or the chain halts because the state could not follow.
    pub(super) fn adopt(
        &self,
        branch: &Branch,
        head: B256,
        by: By,
    ) -> Result<Arc<Vec<StoredBlock>>, ChainError> {
        self.flush.wait_for_room(self)?;
        let removed = self.counted.commit.time(|| match branch.base.hash == head {
            true => self.extend_with(branch).map(|()| Arc::default()),
            false => self.reorganise(branch, head, by),
        })?;
        self.flush.block_appended();
        Ok(removed)
    }

    fn extend_with(&self, branch: &Branch) -> Result<(), ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        let visible = self.visible.load_full();
        check_head(branch, &visible, branch.base.hash)?;
        // A developer's edits lie over the new head; no block from outside has them in it.
        let edits = visible.edits.to_vec();
        let next = self.with_edits(self.with_branch(&visible, branch), edits.clone())?;
        let stored = stored_blocks(branch);
        next.ground.keep_answers();
        self.storage.blocks.commit(&BlocksBatch {
            keep_edits: Some((branch.base.number + 1, 0)),
            blocks: &stored,
            edits: Some((branch.tip.number + 1, 0, &edits)),
            side_removed: &num_hashes(branch),
            ..Default::default()
        })?;
        self.clock.block_appended(branch.tip.timestamp);
        self.visible.store(Arc::new(next));
        self.publish_heads(stored);
        drop(writer);
        Ok(())
    }

    fn reorganise(
        &self,
        branch: &Branch,
        head: B256,
        by: By,
    ) -> Result<Arc<Vec<StoredBlock>>, ChainError> {
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        let visible = self.visible.load_full();
        check_head(branch, &visible, head)?;
        let to = branch.base.number;
        if self.header(to)?.is_none_or(|base| base.seal() != branch.base.hash) {
            return Err(stale(branch, &visible));
        }
        let (removed, aside) = match by {
            By::Rules => {
                let removed = (to + 1..=visible.number())
                    .filter_map(|number| self.stored(number).transpose())
                    .collect::<Result<Vec<_>, _>>()?;
                let aside = self.to_keep_aside(&removed)?;
                (removed, aside)
            }
            By::Hand => (self.removed_above(to, visible.number())?, Vec::new()),
        };
        let kept = self.to_keep(&writer.named, &visible, to)?;
        let stored = stored_blocks(branch);
        visible.ground.keep_answers();
        self.storage.blocks.commit(&BlocksBatch {
            truncate_above: Some(to),
            // Edits that lay over the head, or are part of a removed block, go with it.
            keep_edits: Some((to + 1, 0)),
            blocks: &stored,
            side_removed: &num_hashes(branch),
            side_added: &aside,
            branches: BranchChanges { kept: &kept, ..Default::default() },
            ..Default::default()
        })?;
        writer.named.keep(&kept);
        writer.named.went_back(to);
        let (removed, by_branch) = (Arc::new(removed), by == By::Rules);
        match self.head_after_reorganisation(&visible, branch) {
            Ok(next) => {
                let unwinds = visible.unwinds.and(to, visible.number(), &removed, by_branch);
                let unwinds = Arc::new(unwinds);
                self.visible.store(Arc::new(Visible { unwinds, ..next }));
            }
            Err(error) => {
                writer.halted = Some(error.to_string());
                return Err(error);
            }
        }
        self.clock.block_appended(branch.tip.timestamp);
        self.publish(ChainEvent::Unwound { to, removed: removed.clone(), by_branch });
        self.publish_heads(stored);
        Ok(removed)
    }

    fn head_after_reorganisation(
        &self,
        visible: &Visible,
        branch: &Branch,
    ) -> Result<Visible, ChainError> {
        fail::fail_point!("reorganise-after-blocks", |_| Err(
            crate::storage::StorageError::Failpoint("reorganise-after-blocks").into()
        ));
        let base = self.head_back_at(visible, branch.base.number)?;
        fail::fail_point!("reorganise-before-swap", |_| Err(
            crate::storage::StorageError::Failpoint("reorganise-before-swap").into()
        ));
        Ok(self.with_branch(&base, branch))
    }

    /// A head with the blocks of a branch on top.
    fn with_branch(&self, base: &Visible, branch: &Branch) -> Visible {
        let mut next = base.clone();
        for recent in &branch.blocks {
            next = next.with_block(recent.clone());
        }
        // The branch began with a trie from before the last write: what was written since may go.
        next.trie.collapse(next.flushed.number, self.settings.trie_nodes);
        next
    }

    /// Removed blocks as side blocks. One that a developer's edits or a sender without a signature
    /// are part of cannot be executed anywhere else, nor can what follows it.
    fn to_keep_aside(&self, removed: &[StoredBlock]) -> Result<Vec<SideBlock>, ChainError> {
        let reader = self.storage.blocks.reader()?;
        let mut aside = Vec::with_capacity(removed.len());
        for stored in removed {
            let block = stored.block.clone();
            let is_edited = !reader.edits(block.number())?.is_empty();
            if is_edited || block.body.transactions.iter().any(Transaction::is_impersonated) {
                break;
            }
            let total_difficulty = reader.total_difficulty(block.number())?;
            aside.push(SideBlock { block, total_difficulty });
        }
        Ok(aside)
    }

    fn publish_heads(&self, blocks: Vec<StoredBlock>) {
        for block in blocks {
            self.publish(ChainEvent::NewHead(block));
        }
    }
}

fn check_head(branch: &Branch, visible: &Visible, head: B256) -> Result<(), ChainError> {
    if visible.header.seal() == head { Ok(()) } else { Err(stale(branch, visible)) }
}

fn stale(branch: &Branch, visible: &Visible) -> ChainError {
    ChainError::StaleParent {
        number: branch.tip.number,
        parent: branch.base.hash,
        head: visible.header.seal(),
    }
}

fn stored_blocks(branch: &Branch) -> Vec<StoredBlock> {
    branch.blocks.iter().map(|recent| recent.stored.clone()).collect()
}

fn num_hashes(branch: &Branch) -> Vec<BlockNumHash> {
    branch.blocks.iter().map(|recent| recent.stored.block.num_hash()).collect()
}
