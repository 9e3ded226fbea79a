//! How are the newest blocks replaced by others, as a reorganisation on a real network does it?

use super::{
    SealError, SealerHandle, SealingPause,
    build::{build_of, template_with},
    handle::Shared,
};
use crate::{
    chain::{ChainError, Draft, NextBlock},
    evm::BlockTemplate,
    primitives::{SealedHeader, Transaction},
    state::TrieError,
    storage::StoredBlock,
};
use alloy_primitives::map::B256Set;
use std::sync::Arc;

/// How often a branch is begun anew because the state was written meanwhile.
const ATTEMPTS: usize = 3;

impl SealerHandle {
    /// Replaces the newest blocks by as many others, which hold `placed`: the transactions of each block,
    /// lowest first. The rest of what was in the removed blocks waits again, and goes into the next
    /// block that is made for another reason.
    ///
    /// What a developer fixed about the next block is left for the block after the branch. Nothing has
    /// changed where this fails.
    pub fn reorganise(
        &self,
        _pause: &SealingPause<'_>,
        placed: &[Vec<Transaction>],
    ) -> Result<(), SealError> {
        let shared = &self.shared;
        let head = shared.chain.head();
        let draft = shared.branch_of(&head, placed)?;
        let removed = shared.chain.replace_with_draft(&draft, head.seal())?;
        shared.follow_branch(placed, &removed)
    }
}

impl Shared {
    /// As many blocks as `placed` says, below and up to the height of `head`.
    fn branch_of(
        &self,
        head: &SealedHeader,
        placed: &[Vec<Transaction>],
    ) -> Result<Draft, SealError> {
        let mut attempts = 1..ATTEMPTS;
        loop {
            match self.draft_branch(head, placed) {
                // The state was written meanwhile: with nothing left to write it stays as it is.
                Err(
                    SealError::Trie(TrieError::Stale { .. })
                    | SealError::Chain(ChainError::Trie(TrieError::Stale { .. })),
                ) if attempts.next().is_some() => self.chain.flush_state()?,
                made => return made,
            }
        }
    }

    fn draft_branch(
        &self,
        head: &SealedHeader,
        placed: &[Vec<Transaction>],
    ) -> Result<Draft, SealError> {
        let depth = placed.len() as u64;
        let mut draft = self.chain.draft_on(head.number.saturating_sub(depth))?;
        for transactions in placed {
            if draft.is_full() {
                return Err(SealError::TooManyBlocks { depth });
            }
            let context = self.chain.draft_context(&draft)?;
            let template = self.replacement(&context.parent)?;
            draft.push(build_of(&self.chain, context, template, transactions)?);
        }
        Ok(draft)
    }

    /// The template of a block on `parent`, which differs from the block that is there now.
    fn replacement(&self, parent: &SealedHeader) -> Result<BlockTemplate, SealError> {
        let there = self.chain.header(parent.number + 1)?;
        let mut timestamp = self.chain.clock().passing_timestamp(parent.timestamp);
        if there
            .is_some_and(|there| there.parent_hash == parent.seal() && there.timestamp == timestamp)
        {
            timestamp = timestamp.saturating_add(1);
        }
        let beneficiary = self.chain.next_block().beneficiary;
        let fixed = NextBlock { beneficiary, ..NextBlock::default() };
        Ok(template_with(&self.chain, self.settings.coinbase, parent, timestamp, fixed))
    }

    /// Lets the pool follow. Nobody is woken: where blocks are made on arrival, what waits again would
    /// be in a block at once, as if nothing had happened. The caller holds admission.
    fn follow_branch(
        &self,
        placed: &[Vec<Transaction>],
        removed: &Arc<Vec<StoredBlock>>,
    ) -> Result<(), SealError> {
        let (_, view) = self.chain.latest()?;
        let nonce = |sender| view.account(sender).ok().flatten().map_or(0, |it| it.nonce);
        let mined: Vec<Transaction> = placed.iter().flatten().cloned().collect();
        self.pool.on_block(&mined, nonce);
        let mined: B256Set = mined.iter().map(Transaction::hash).collect();
        let gone = removed.iter().flat_map(|gone| &gone.block.body.transactions);
        let gone = gone.filter(|gone| !mined.contains(&gone.hash())).cloned();
        self.pool.reinject(gone.collect(), nonce);
        Ok(())
    }
}
