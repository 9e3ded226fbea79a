//! What goes into the block that is worked on?

use super::{Miner, Wishes};
use crate::{
    chain::{Chain, NextBlock},
    evm::BlockTemplate,
    primitives::SealedHeader,
    sealer::{
        SealError,
        build::{build_unsealed, template_with},
        handle::Shared,
    },
    spec::{next_difficulty, next_gas_limit, required_extra_data},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use std::time::Instant;

/// Most ommers of a block (yellow paper, 11.1).
const MAX_OMMERS: usize = 2;

/// The work that is put up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// The block below.
    pub(super) parent: B256,
    /// How often the owner's wishes were changed before.
    pub(super) wishes: u64,
    pub(super) at: Instant,
    /// May something have arrived since?
    pub(super) has_news: bool,
}

impl Shared {
    /// Executes the block after the head, and puts it up.
    pub(super) fn make_work(&self, miner: &Miner) -> Result<Made, SealError> {
        let _sealing = self.sealing.lock();
        let (wishes, wanted) = miner.numbered_wishes();
        let context = self.chain.build_context()?;
        let parent = context.parent.clone();
        let made = Made { parent: parent.seal(), wishes, at: Instant::now(), has_news: false };
        let coinbase = wanted.coinbase.ok_or(SealError::NoCoinbase)?;
        let template = work_template(&self.chain, &wanted, &parent);
        let ommers = choose(self.chain.ommer_candidates(&parent)?, coinbase);
        let (chain, pool) = (&self.chain, &self.pool);
        let (settings, times) = (&self.settings, &self.counted.times);
        let executed = build_unsealed(chain, pool, settings, context, template, ommers, times)?;
        if let Some(job) = miner.board.put(executed) {
            let (number, block) = (job.block.number(), &job.block);
            let (transactions, ommers) = (block.body.transactions.len(), block.body.ommers.len());
            let difficulty = block.header.difficulty;
            tracing::debug!(
                target: "sealer", number, transactions, ommers, %difficulty, "new work"
            );
        }
        if let Some(datasets) = &miner.datasets {
            datasets.want(parent.number + 1);
        }
        Ok(made)
    }
}

/// What the block after `parent` says by the rules and by what the miner's owner wants.
pub(in crate::sealer) fn work_template(
    chain: &Chain,
    wishes: &Wishes,
    parent: &SealedHeader,
) -> BlockTemplate {
    let spec = &chain.spec();
    let timestamp = chain.clock().now().max(parent.timestamp.saturating_add(1));
    let target = wishes.gas_limit.unwrap_or(parent.gas_limit);
    let fixed = NextBlock {
        gas_limit: Some(next_gas_limit(spec, parent, timestamp, target)),
        ..NextBlock::default()
    };
    let coinbase = wishes.coinbase.unwrap_or_default();
    let difficulty = next_difficulty(spec, parent, timestamp);
    let extra_data = required_extra_data(spec, parent.number + 1);
    BlockTemplate {
        difficulty,
        // What opcode 0x44 answers while blocks have a difficulty.
        prev_randao: B256::from(difficulty),
        extra_data: extra_data.map_or_else(|| wishes.extra_data.clone(), Bytes::from_static),
        ..template_with(chain, coinbase, parent, timestamp, fixed)
    }
}

/// Our own come first, then those that can be named for the shortest time still.
fn choose(mut candidates: Vec<Header>, coinbase: Address) -> Vec<Header> {
    candidates.sort_by_key(|ommer| (ommer.beneficiary != coinbase, ommer.number));
    candidates.truncate(MAX_OMMERS);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ommers_come_first_and_then_the_oldest() {
        let ommer = |number, miner| Header {
            number,
            beneficiary: Address::with_last_byte(miner),
            ..Default::default()
        };
        let chosen =
            choose(vec![ommer(3, 1), ommer(4, 1), ommer(6, 9)], Address::with_last_byte(9));
        let numbers: Vec<u64> = chosen.iter().map(|ommer| ommer.number).collect();
        assert_eq!(numbers, [6, 3]);
        assert!(choose(Vec::new(), Address::ZERO).is_empty());
    }
}
