//! May this node make blocks by itself, or does it have to hear of its peers first?
//!
//! A signer that lost its data, or was away, would sign at heights that it signed before, and a miner would
//! work on a branch of its own. Whoever knows the network says so.

use super::SealerHandle;
use alloy_primitives::U256;
use std::time::Duration;

/// What a node waits for before it makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A peer has to say where the chain is.
    Unheard,
    /// A peer says that it has a heavier chain.
    Lighter,
    /// Blocks that others have are missing here.
    Behind,
}

/// What the network says at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// Total difficulty of this node's chain.
    pub ours: U256,
    /// The greatest that a peer says it has, if one has greeted.
    pub theirs: Option<U256>,
    /// Is a heavier chain being downloaded?
    pub is_behind: bool,
}

/// Whether a node has to wait: while it lacks what its peers have, and when it starts until one of those that
/// it was told of has said where the chain is, or had time to.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long it waits for its peers when it starts; `None` once they were heard.
    grace: Option<Duration>,
    /// What peers had when they were first heard: with that it has caught up, whatever came since.
    goal: Option<U256>,
}

impl Patience {
    /// Of a node that starts; `None` if it knows no peers to wait for.
    pub const fn new(grace: Option<Duration>) -> Self {
        Self { grace, goal: None }
    }

    /// What it waits for, so long after the start. What peers claim counts until the grace time is over, what
    /// they have shown counts always.
    pub fn look(&mut self, since: Duration, heard: Heard) -> Option<Hold> {
        if heard.is_behind {
            return Some(Hold::Behind);
        }
        let grace = self.grace?;
        self.goal = self.goal.or(heard.theirs);
        let hold = match self.goal {
            _ if since >= grace => None,
            None => Some(Hold::Unheard),
            Some(goal) => (goal > heard.ours).then_some(Hold::Lighter),
        };
        if hold.is_none() {
            self.grace = None;
        }
        hold
    }
}

impl SealerHandle {
    /// From now on no block is made, signed or worked on, or it may be again. Blocks that somebody asks for
    /// are made all the same.
    pub fn hold(&self, hold: Option<Hold>) {
        let mut state = self.shared.state.lock();
        if state.hold == hold {
            return;
        }
        state.hold = hold;
        drop(state);
        self.wake();
    }

    /// Why it makes no blocks now, if it is held.
    pub fn held(&self) -> Option<Hold> {
        self.shared.state.lock().hold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn started() -> Patience {
        Patience::new(Some(SECOND * 10))
    }

    fn heard(ours: u64, theirs: u64) -> Heard {
        Heard { ours: U256::from(ours), theirs: Some(U256::from(theirs)), is_behind: false }
    }

    #[test]
    fn one_peer_that_has_no_more_is_enough_and_nobody_is_waited_for_twice() {
        let mut patience = started();
        assert_eq!(patience.look(SECOND, Heard::default()), Some(Hold::Unheard));
        assert_eq!(patience.look(SECOND, heard(5, 5)), None);
        assert_eq!(patience.look(SECOND, Heard::default()), None, "they may go again");
        assert_eq!(patience.look(SECOND, heard(5, 9)), None, "what somebody claims stops no chain");
    }

    #[test]
    fn a_heavier_chain_is_waited_for_and_one_that_is_only_claimed_not_for_long() {
        let mut patience = started();
        let ahead = heard(5, 9);
        assert_eq!(patience.look(SECOND, ahead), Some(Hold::Lighter));
        let mut caught_up = patience;
        assert_eq!(caught_up.look(SECOND * 2, heard(9, 11)), None, "others go on meanwhile");
        assert_eq!(patience.look(SECOND * 10, ahead), None);
        let behind = Heard { is_behind: true, ..ahead };
        assert_eq!(
            patience.look(SECOND * 11, behind),
            Some(Hold::Behind),
            "what is shown counts always"
        );
        assert_eq!(patience.look(SECOND * 12, ahead), None);
    }

    #[test]
    fn without_anybody_it_goes_on_alone_after_a_while() {
        let mut patience = started();
        assert_eq!(patience.look(SECOND * 9, Heard::default()), Some(Hold::Unheard));
        assert_eq!(patience.look(SECOND * 10, Heard::default()), None);
        let mut alone = Patience::new(None);
        assert_eq!(alone.look(Duration::ZERO, Heard::default()), None, "who knows no peers");
    }
}
