//! Going back to an older block: what is removed, and in which order.

use super::{Chain, ChainError, ChainEvent, Development, query::check_kept, visible::Visible};
use crate::{
    primitives::BlockNumHash,
    state::rewind,
    storage::{BlocksBatch, BranchChanges, StoredBlock},
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use std::sync::Arc;

/// Removed blocks that are told of, at most.
const MOST_TOLD: usize = 10_000;
/// Their size in bytes.
const MOST_TOLD_BYTES: usize = 64 << 20;

impl Chain {
    /// Makes block `to` the head again and keeps the first `edits` of the developer's edits that
    /// lay over it then. The removed blocks are answered in ascending order, the newest of them if
    /// there are too many.
    ///
    /// `blocks` is cut first, then `state` follows: after a crash between the two, opening sees
    /// that the state is ahead and unwinds it.
    ///
    /// Where no more blocks go than opening executes again at most, the cut is not pushed to the disk: the
    /// next block does that. A power cut before then brings back the chain that was there.
    pub fn unwind(&self, to: u64, edits: usize) -> Result<Arc<Vec<StoredBlock>>, ChainError> {
        self.unwind_with(to, edits, None)
    }

    /// Like [`Self::unwind`]; what a developer set is as given from then on, in the same commit.
    pub fn unwind_with(
        &self,
        to: u64,
        edits: usize,
        development: Option<Development>,
    ) -> Result<Arc<Vec<StoredBlock>>, ChainError> {
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        let visible = self.visible.load_full();
        if to < self.first() || to > visible.number() {
            return Err(ChainError::UnknownBlock { number: to, head: visible.number() });
        }
        check_kept(to, &self.storage.state.reader()?)?;
        let kept = self.to_keep(&writer.named, &visible, to)?;
        let removed = self.removed_above(to, visible.number())?;
        let row = development.as_ref().map(Development::to_row);
        self.storage.blocks.commit(&BlocksBatch {
            development: row.as_deref(),
            truncate_above: Some(to),
            keep_edits: Some((to + 1, edits)),
            branches: BranchChanges { kept: &kept, ..Default::default() },
            unsynced: kept.is_empty() && visible.number() - to <= self.settings.flush.blocks as u64,
            ..Default::default()
        })?;
        writer.named.keep(&kept);
        writer.named.went_back(to);
        let removed = Arc::new(removed);
        match self.head_after_unwind(&visible, to) {
            Ok(next) => {
                let unwinds = match to == visible.number() {
                    true => visible.unwinds.clone(),
                    false => Arc::new(visible.unwinds.and(to, visible.number(), &removed, false)),
                };
                if let Some(development) = development {
                    self.settle(development);
                }
                self.visible.store(Arc::new(Visible { unwinds, ..next }));
            }
            Err(error) => {
                writer.halted = Some(error.to_string());
                return Err(error);
            }
        }
        let news = ChainEvent::Unwound { to, removed: removed.clone(), by_branch: false };
        self.publish(news);
        Ok(removed)
    }

    /// The blocks above `to`, in ascending order: as many of the newest as may be held in memory.
    pub(super) fn removed_above(&self, to: u64, head: u64) -> Result<Vec<StoredBlock>, ChainError> {
        let (mut removed, mut bytes) = (Vec::new(), 0);
        for number in (to + 1..=head).rev() {
            let Some(stored) = self.stored(number)? else { continue };
            bytes += stored.block.rlp_length();
            removed.push(stored);
            if removed.len() >= MOST_TOLD || bytes >= MOST_TOLD_BYTES {
                break;
            }
        }
        removed.reverse();
        Ok(removed)
    }

    fn head_after_unwind(&self, visible: &Visible, to: u64) -> Result<Visible, ChainError> {
        let next = self.head_back_at(visible, to)?;
        let edits = self.storage.blocks.reader()?.edits(to + 1)?;
        self.with_edits(next, edits)
    }

    /// Block `to` as the head; removes from the state what is above it. The caller holds both
    /// writers' locks.
    pub(super) fn head_back_at(&self, visible: &Visible, to: u64) -> Result<Visible, ChainError> {
        if to == visible.number() {
            Ok(visible.clone())
        } else if let Some(recent) = visible.recent(to) {
            Ok(visible.back_to(recent))
        } else if to == visible.flushed.number {
            self.head_in_state(to)
        } else {
            self.unwind_state(to)?;
            self.head_in_state(to)
        }
    }

    /// Removes everything above block `to` from the state. `to` is below its head.
    pub(super) fn unwind_state(&self, to: u64) -> Result<(), ChainError> {
        let reader = self.storage.state.reader()?;
        check_kept(to, &reader)?;
        let head_root = reader.head_root()?.unwrap_or(EMPTY_ROOT_HASH);
        let hash = reader.block_hash(to)?.unwrap_or_default();
        let rewound = rewind(&reader, head_root, to)?;
        drop(reader);
        let (to, root) = (BlockNumHash::new(to, hash), rewound.trie.root());
        Ok(self.storage.state.unwind(to, root, &rewound.stored)?)
    }

    /// The head whose state is exactly what is written.
    pub(super) fn head_in_state(&self, number: u64) -> Result<Visible, ChainError> {
        let header = self.storage.blocks.reader()?.header(number)?;
        let header = header.ok_or(ChainError::UnknownBlock { number, head: number })?;
        let next_storage_id = self.storage.state.reader()?.next_storage_id()?;
        Ok(Visible::written(self.ground(), header, next_storage_id))
    }
}
