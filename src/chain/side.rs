//! Which side branches are remembered executed? The few that were used last; others are executed
//! again from their stored blocks.

use super::{Branch, Chain, ChainError, ImportError};
use crate::primitives::{BlockNumHash, SealedHeader};
use alloy_primitives::U256;
use std::{collections::VecDeque, sync::Arc};

/// Branches that are remembered.
const REMEMBERED: usize = 4;
/// Memory that a branch may take, in bytes.
pub(super) const MAX_BRANCH_BYTES: usize = 512 << 20;
/// Memory that all remembered branches may take, in bytes; the last used may take more, up to
/// [`MAX_BRANCH_BYTES`].
const MAX_BYTES: usize = 128 << 20;

/// Executed side branches, the last used first.
#[derive(Debug, Default)]
pub(super) struct SideBranches {
    branches: VecDeque<Branch>,
}

/// A block that another may be built on.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    pub(super) header: Arc<SealedHeader>,
    pub(super) total_difficulty: U256,
    pub(super) is_canonical: bool,
}

impl SideBranches {
    /// Remembers a branch, and forgets what does not fit any more.
    pub(super) fn remember(&mut self, branch: Branch) {
        self.branches.push_front(branch);
        self.branches.truncate(REMEMBERED);
        let bytes = |branches: &VecDeque<Branch>| branches.iter().map(|it| it.bytes).sum::<usize>();
        while self.branches.len() > 1 && bytes(&self.branches) > MAX_BYTES {
            self.branches.pop_back();
        }
    }

    /// Forgets all: the canonical chain changed.
    pub(super) fn clear(&mut self) {
        self.branches.clear();
    }

    /// Takes out the branch that ends with this block.
    fn take(&mut self, tip: BlockNumHash) -> Option<Branch> {
        let is_it = |branch: &Branch| branch.tip.seal() == tip.hash && !branch.blocks.is_empty();
        let place = self.branches.iter().position(is_it)?;
        self.branches.remove(place)
    }

    /// The remembered branch that has this block above its base.
    fn around(&self, block: BlockNumHash) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.contains(block))
    }
}

impl Chain {
    /// The block that `child` names as its parent; `None` if it is unknown.
    pub(super) fn parent_of(&self, child: &SealedHeader) -> Result<Option<Parent>, ChainError> {
        let Some(number) = child.number.checked_sub(1) else { return Ok(None) };
        self.known(BlockNumHash::new(number, child.parent_hash))
    }

    /// A block that is canonical or beside the canonical chain; `None` if it is unknown.
    pub(super) fn known(&self, at: BlockNumHash) -> Result<Option<Parent>, ChainError> {
        if let Some(header) = self.header(at.number)?.filter(|it| it.seal() == at.hash) {
            let total_difficulty = self.total_difficulty(at.number)?;
            return Ok(Some(Parent { header, total_difficulty, is_canonical: true }));
        }
        let side = self.storage.blocks.reader()?.side_header(at)?;
        Ok(side.map(|(header, total_difficulty)| Parent {
            header,
            total_difficulty,
            is_canonical: false,
        }))
    }

    /// The branch whose tip is this block, executed.
    pub(super) fn branch_to(
        &self,
        parent: &Parent,
        side: &mut SideBranches,
    ) -> Result<Branch, ImportError> {
        if parent.is_canonical {
            let branch = self.branch_at(&parent.header, parent.total_difficulty)?;
            return branch.ok_or(ImportError::Moved);
        }
        let tip = BlockNumHash::new(parent.header.number, parent.header.seal());
        if let Some(branch) = side.take(tip) {
            return Ok(branch);
        }
        // From the newest canonical ancestor upward.
        let mut missing = vec![tip];
        let mut below = self.parent_of(&parent.header)?.ok_or(ImportError::Moved)?;
        while !below.is_canonical {
            missing.push(BlockNumHash::new(below.header.number, below.header.seal()));
            below = self.parent_of(&below.header)?.ok_or(ImportError::Moved)?;
        }
        let base = self.branch_at(&below.header, below.total_difficulty)?;
        let mut branch = base.ok_or(ImportError::Moved)?;
        for at in missing.into_iter().rev() {
            self.add_known(&mut branch, at, side)?;
        }
        Ok(branch)
    }

    /// Adds a side block to the branch that it follows: as it is remembered, or executed again.
    fn add_known(
        &self,
        branch: &mut Branch,
        at: BlockNumHash,
        side: &SideBranches,
    ) -> Result<(), ImportError> {
        let shares_base = |other: &&Branch| other.base == branch.base;
        let remembered = side.around(at).filter(shares_base).and_then(|other| {
            other.blocks.iter().find(|recent| recent.stored.block.hash() == at.hash)
        });
        let recent = match remembered {
            Some(recent) => recent.clone(),
            None => {
                let stored = self.storage.blocks.reader().and_then(|blocks| blocks.side_block(at));
                let stored = stored.map_err(ChainError::from)?.ok_or(ImportError::Moved)?;
                self.execute_on_fresh(branch, &stored.block)?
            }
        };
        branch.push(recent);
        Ok(())
    }
}
