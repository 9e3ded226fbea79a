//! How many blocks did this node make, how long did that take, and whose turn did it miss?

use super::{Mode, SealerHandle, Turn};
use crate::primitives::{Count, Durations, Spread};
use alloy_primitives::B256;
use parking_lot::Mutex;

/// What is counted while it happens.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) sealed: Count,
    pub(super) failed: Count,
    missed: Count,
    /// The newest block that this node signed.
    signed: Mutex<B256>,
    pub(super) times: BuildTimes,
}

/// How long the stages of making a block took.
#[derive(Debug, Default)]
pub(super) struct BuildTimes {
    /// Choosing transactions and running them.
    pub(super) execute: Durations,
    /// The state root.
    pub(super) root: Durations,
    /// The signature, where blocks have one.
    pub(super) seal: Durations,
    /// Making it durable and visible.
    pub(super) append: Durations,
}

impl Counted {
    /// This node signed a block, which is the head.
    pub(super) fn signed(&self, block: B256) {
        self.sealed.one();
        *self.signed.lock() = block;
    }

    /// The head moved from `before` to `now`, which is zero where it could not be told. If the block on
    /// `before` was this node's to sign and it has not, it missed its turn.
    pub(super) fn planned(&self, turn: Turn, before: B256, now: B256) {
        let was_its_turn = turn == Turn::Ready { in_turn: true };
        let has_moved = before != now && !now.is_zero();
        if was_its_turn && has_moved && *self.signed.lock() != now {
            self.missed.one();
        }
    }
}

/// The sealer in numbers; what is counted is counted since the start.
#[derive(Clone, Debug)]
pub struct SealerStats {
    /// When blocks are made, where no turns are taken.
    pub mode: Mode,
    /// Blocks that it made.
    pub sealed: u64,
    /// Blocks that it could not make.
    pub failed: u64,
    /// Blocks that were its turn to sign and that another signer signed.
    pub missed_turns: u64,
    /// Requests for a block that wait.
    pub requests: usize,
    /// Senders that wait for their transaction's block.
    pub waiting: usize,
    /// Names of stages, and how long each took.
    pub stages: [(&'static str, Spread); 4],
}

impl SealerHandle {
    /// The sealer in numbers.
    pub fn stats(&self) -> SealerStats {
        let (counted, times) = (&self.shared.counted, &self.shared.counted.times);
        let state = self.shared.state.lock();
        let (mode, requests, waiting) = (state.mode, state.requests.len(), state.waiting.len());
        drop(state);
        SealerStats {
            mode,
            sealed: counted.sealed.get(),
            failed: counted.failed.get(),
            missed_turns: counted.missed.get(),
            requests,
            waiting,
            stages: [
                ("execute", times.execute.read()),
                ("root", times.root.read()),
                ("seal", times.seal.read()),
                ("append", times.append.read()),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_missed_when_another_signs_in_it() {
        let (one, two, three) = (B256::repeat_byte(1), B256::repeat_byte(2), B256::repeat_byte(3));
        let counted = Counted::default();
        let mine = Turn::Ready { in_turn: true };
        counted.planned(mine, one, one);
        counted.planned(Turn::Ready { in_turn: false }, one, two);
        counted.planned(Turn::Recently { next: 9 }, one, two);
        assert_eq!(counted.missed.get(), 0);
        counted.signed(two);
        counted.planned(mine, one, two);
        assert_eq!(counted.missed.get(), 0, "it signed");
        counted.planned(mine, two, three);
        assert_eq!((counted.missed.get(), counted.sealed.get()), (1, 1));
    }
}
