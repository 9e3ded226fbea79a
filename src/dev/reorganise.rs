//! How does a developer reorganise the chain, or take the newest blocks back?

use super::{Dev, DevError};
use crate::primitives::Transaction;

impl Dev {
    /// Replaces the newest `depth` blocks by as many others. The first of them is offset 0; each pair is
    /// a transaction that shall be in the block at an offset, in the order given. What else was in the
    /// removed blocks waits in the pool again. Edits in the removed blocks and over the head are gone.
    pub fn reorganise(&self, depth: u64, pairs: Vec<(Transaction, u64)>) -> Result<(), DevError> {
        let pause = self.sealer.pause();
        let mut snapshots = self.snapshots.lock();
        let to = self.below(depth)?;
        let mut placed = vec![Vec::new(); usize::try_from(depth).unwrap_or(usize::MAX)];
        for (transaction, offset) in pairs {
            let block = usize::try_from(offset).ok().and_then(|offset| placed.get_mut(offset));
            block.ok_or(DevError::BeyondBranch { offset, depth })?.push(transaction);
        }
        if depth == 0 {
            return Ok(());
        }
        self.warn_wallets(to);
        self.sealer.reorganise(&pause, &placed)?;
        snapshots.forget_above(self.chain.branch_id(), to);
        Ok(())
    }

    /// Takes the newest `depth` blocks back. What waits goes on waiting; the transactions of the removed
    /// blocks are not sent again, as in anvil.
    pub fn roll_back(&self, depth: u64) -> Result<(), DevError> {
        let to = self.below(depth)?;
        self.set_head(to)
    }

    /// The block that so many are above, if so many may be replaced or taken back.
    pub fn below(&self, depth: u64) -> Result<u64, DevError> {
        let head = self.chain.head().number;
        let above = head.saturating_sub(self.chain.first());
        if depth > above {
            return Err(DevError::TooDeep { depth, above });
        }
        if depth > self.settings.filled_blocks {
            return Err(DevError::TooManyBlocks { depth, limit: self.settings.filled_blocks });
        }
        Ok(head - depth)
    }
}
