//! How does the pool follow what others did to the chain: blocks that came in, branches that won?
//!
//! Our own blocks it has followed before anyone hears of them, and what a developer takes back stays
//! away.

use super::{SealError, SealerHandle, handle::Shared};
use crate::{chain::ChainEvent, primitives::Transaction, storage::StoredBlock};

impl SealerHandle {
    /// Is there something in this news that the pool has not heard of?
    pub fn is_news(&self, event: &ChainEvent) -> bool {
        match event {
            ChainEvent::NewHead(new) => {
                let pool = &self.shared.pool;
                !pool.is_empty()
                    && new.block.body.transactions.iter().any(|tx| !pool.has_followed(tx))
            }
            ChainEvent::Unwound { removed, by_branch, .. } => {
                *by_branch && removed.iter().any(|gone| !gone.block.body.transactions.is_empty())
            }
        }
    }

    /// Lets the pool follow: what a block used up leaves, and what a branch that lost held waits again.
    pub fn follow(&self, event: &ChainEvent) -> Result<(), SealError> {
        match event {
            ChainEvent::NewHead(new) => self.shared.follow(&new.block.body.transactions)?,
            ChainEvent::Unwound { removed, by_branch: true, .. } => {
                self.shared.take_back(removed)?
            }
            ChainEvent::Unwound { .. } => return Ok(()),
        }
        self.wake();
        Ok(())
    }

    /// Looks at every sender, after news was missed.
    pub fn catch_up(&self) -> Result<(), SealError> {
        let _admission = self.shared.admission.write();
        let (_, view) = self.shared.chain.latest()?;
        for sender in self.shared.pool.senders() {
            let nonce = view.account(sender)?.map_or(0, |account| account.nonce);
            self.shared.pool.set_account_nonce(sender, nonce);
        }
        self.wake();
        Ok(())
    }
}

impl Shared {
    /// Takes what was mined out of the pool, and lets the next nonces of its senders run.
    pub(super) fn follow(&self, mined: &[Transaction]) -> Result<(), SealError> {
        let _admission = self.admission.write();
        let (_, view) = self.chain.latest()?;
        self.pool.on_block(mined, |sender| {
            view.account(sender).ok().flatten().map_or(0, |account| account.nonce)
        });
        Ok(())
    }

    fn take_back(&self, removed: &[StoredBlock]) -> Result<(), SealError> {
        let transactions = removed.iter().flat_map(|gone| &gone.block.body.transactions);
        let transactions: Vec<Transaction> = transactions.cloned().collect();
        let _admission = self.admission.write();
        let (_, view) = self.chain.latest()?;
        self.pool.reinject(transactions, |sender| {
            view.account(sender).ok().flatten().map_or(0, |account| account.nonce)
        });
        Ok(())
    }
}
