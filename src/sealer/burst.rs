//! How are many empty blocks made quickly? Hundreds share one durable commit.

use super::{
    SealError, SealerHandle, SealingPause,
    build::{build_empty, template_with},
    handle::Shared,
};
use crate::{
    chain::{ChainError, NextBlock},
    primitives::SealedHeader,
    state::TrieError,
};

/// Empty blocks that share a commit.
const RUN: u64 = 256;

/// The times of a run of blocks.
#[derive(Clone, Copy, Debug)]
pub enum Spacing {
    /// As the clock says.
    Clock,
    /// So many seconds from each to the next.
    Seconds(u64),
    /// As early as may be, with the base fee of the block before: they only fill numbers.
    Filler,
}

impl SealerHandle {
    /// Makes up to `count` empty blocks on the head in one commit, and answers how many: none if
    /// something waits that belongs into the next block, or the chain moved.
    ///
    /// What a developer fixed about the next block is left for a block that is made alone.
    pub fn mine_empty(&self, count: u64, spacing: Spacing) -> Result<u64, SealError> {
        let _sealing = self.shared.sealing.lock();
        let development = self.shared.chain.development();
        let is_fixed = development.next.is_fixed_once() || development.clock.is_fixed_once();
        let waits = self.shared.pool.pending_len() > 0 || self.shared.chain.edit_count() > 0;
        if is_fixed || waits {
            return Ok(0);
        }
        self.shared.burst(count, spacing)
    }

    /// Makes empty blocks until the head is block `number`; edits of the head become part of the first.
    pub fn fill_to(&self, _pause: &SealingPause<'_>, number: u64) -> Result<(), SealError> {
        let shared = &self.shared;
        while shared.chain.head().number < number {
            let missing = number - shared.chain.head().number;
            if shared.chain.edit_count() > 0 || shared.burst(missing, Spacing::Filler)? == 0 {
                let context = shared.chain.build_context()?;
                let template = shared.spaced(&context.parent, Spacing::Filler);
                shared.chain.append(build_empty(&shared.chain, context, template)?)?;
                shared.counted.sealed.one();
            }
        }
        Ok(())
    }
}

impl Shared {
    /// Appends up to `count` empty blocks; none if the chain moved meanwhile. The caller holds sealing.
    fn burst(&self, count: u64, spacing: Spacing) -> Result<u64, SealError> {
        match self.append_empty(count.min(RUN), spacing) {
            Err(SealError::Chain(ChainError::StaleParent { .. }))
            | Err(SealError::Trie(TrieError::Stale { .. })) => Ok(0),
            made => made,
        }
    }

    fn append_empty(&self, count: u64, spacing: Spacing) -> Result<u64, SealError> {
        let mut draft = self.chain.draft()?;
        for _block in 0..count {
            let context = self.chain.draft_context(&draft)?;
            let template = self.spaced(&context.parent, spacing);
            draft.push(build_empty(&self.chain, context, template)?);
        }
        self.chain.append_draft(&draft)?;
        self.counted.sealed.add(count);
        self.state.lock().failure = None;
        if let Spacing::Seconds(_) = spacing {
            let timestamp = self.chain.head().timestamp;
            self.chain.develop(|set| set.clock.go_on_from(timestamp))?;
        }
        Ok(count)
    }

    /// The template of one of many blocks.
    fn spaced(&self, parent: &SealedHeader, spacing: Spacing) -> crate::evm::BlockTemplate {
        let clock = self.chain.clock();
        let timestamp = match spacing {
            Spacing::Clock => clock.next_timestamp(parent.timestamp),
            Spacing::Seconds(apart) => parent.timestamp.saturating_add(apart),
            Spacing::Filler => clock.earliest(parent.timestamp),
        };
        let fixed = NextBlock {
            beneficiary: self.chain.next_block().beneficiary,
            base_fee: parent.base_fee_per_gas.filter(|_| matches!(spacing, Spacing::Filler)),
            ..NextBlock::default()
        };
        template_with(&self.chain, self.settings.coinbase, parent, timestamp, fixed)
    }
}
