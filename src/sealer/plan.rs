//! When does a signer sign the block after the head? In its turn at once, else a little later; asked and told
//! by whoever keeps the time.

use super::{
    SealError, SealerHandle,
    authority::{Turn, num_hash},
};
use crate::{
    consensus::clique::{CliqueRules, Snapshot, turn_limit},
    primitives::Block,
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use rand::Rng;
use std::time::Duration;

/// A block out of turn comes up to so much later, for each signer that may not have to wait.
pub const WIGGLE: Duration = Duration::from_millis(500);
/// And at least so much later, so that the block in turn has crossed the network.
const LEAST_DELAY: Duration = Duration::from_millis(150);

/// The earliest time of the block after `parent`, in seconds. Timestamps grow also without a period.
pub fn earliest(rules: CliqueRules, parent: &Header) -> u64 {
    parent.timestamp.saturating_add(rules.period.max(1))
}

/// How long a signer waits whose turn is this, if the earliest time of the block is `until` from now; `None`
/// if it does not sign the next block.
pub fn wait(
    snapshot: &Snapshot,
    turn: Turn,
    until: Duration,
    rng: &mut impl Rng,
) -> Option<Duration> {
    let Turn::Ready { in_turn } = turn else { return None };
    if in_turn {
        return Some(until);
    }
    let most = WIGGLE * turn_limit(snapshot.count()) as u32;
    Some(until + LEAST_DELAY + rng.random_range(Duration::ZERO..most))
}

impl SealerHandle {
    /// The head, whose turn it is after it, and how long this node waits before it signs, if it does: for
    /// whoever keeps the time without [`super::Sealer::run`]. `None` where no key signs.
    pub fn plan(
        &self,
        rng: &mut impl Rng,
    ) -> Result<Option<(B256, Turn, Option<Duration>)>, SealError> {
        let Some(authority) = self.authority() else { return Ok(None) };
        let head = self.shared.chain.head();
        let snapshot = self.shared.chain.signers_after(num_hash(&head))?;
        let rules = CliqueRules::of(&self.shared.chain.spec().genesis);
        let waits = self.shared.pool.pending_len() > 0;
        let turn = authority.turn(&snapshot, rules.period, waits);
        let until = self.shared.chain.clock().until(earliest(rules, &head));
        let wait = wait(&snapshot, turn, until, rng).filter(|_| !self.shared.is_held());
        Ok(Some((head.seal(), turn, wait)))
    }

    /// Signs a block on `parent` now; `None` if that is not the head any more, or no key signs.
    pub fn sign(&self, parent: B256) -> Result<Option<Block>, SealError> {
        let Some(authority) = self.authority() else { return Ok(None) };
        self.shared.sign(authority, parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn whose_turn_it_is_comes_first_and_who_may_not_does_not_come() {
        let snapshot = Snapshot {
            number: 4,
            hash: B256::ZERO,
            signers: (0..5).map(alloy_primitives::Address::repeat_byte).collect(),
            recents: Default::default(),
            votes: Vec::new(),
        };
        let (until, mut rng) = (Duration::from_secs(2), StdRng::seed_from_u64(1));
        let mut wait = |turn| wait(&snapshot, turn, until, &mut rng);
        assert_eq!(wait(Turn::Ready { in_turn: true }), Some(until));
        assert_eq!(wait(Turn::Recently { next: 7 }), None);
        assert_eq!(wait(Turn::NoSigner), None);
        for _ in 0..100 {
            let late = wait(Turn::Ready { in_turn: false }).unwrap() - until;
            assert!(late >= LEAST_DELAY && late < LEAST_DELAY + 3 * WIGGLE, "{late:?}");
        }
    }
}
