//! May this node make blocks yet? Not while it lacks what its peers have; and when it starts, not before one
//! of those that it was told of has said where the chain is, or had time to.

use crate::{
    chain::{Chain, ChainError},
    config::{Config, Role},
    network::NetworkHandle,
    sealer::{Hold, SealerHandle},
    spec::Mode,
};
use alloy_primitives::U256;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::MissedTickBehavior;

/// How often it is looked. Peers that run already greet in less than a second.
const LOOK: Duration = Duration::from_millis(100);

/// What the network says at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct View {
    /// Total difficulty of this node's chain.
    ours: U256,
    /// The greatest that a peer says it has, if one has greeted.
    theirs: Option<U256>,
    /// Is a heavier chain being downloaded?
    is_behind: bool,
}

/// Whether a node has to wait.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// How long it waits for its peers when it starts; `None` once they were heard.
    grace: Option<Duration>,
    /// What peers had when they were first heard: with that it has caught up, whatever came since.
    goal: Option<U256>,
}

impl Wait {
    /// What it waits for, so long after the start. What peers claim counts until the grace time is over, what
    /// they have shown counts always.
    fn look(&mut self, since: Duration, view: View) -> Option<Hold> {
        if view.is_behind {
            return Some(Hold::Behind);
        }
        let grace = self.grace?;
        self.goal = self.goal.or(view.theirs);
        let hold = match self.goal {
            _ if since >= grace => None,
            None => Some(Hold::Unheard),
            Some(goal) => (goal > view.ours).then_some(Hold::Lighter),
        };
        if hold.is_none() {
            self.grace = None;
        }
        hold
    }
}

/// Holds a node that was told of peers before its first block. [`watch`] lets it go.
pub(super) fn begin(config: &Config, chain: &Chain, sealer: &SealerHandle) {
    let is_member = matches!(config.role, Role::Stored { .. }) && chain.spec().mode != Mode::Dev;
    let waits =
        |it: &crate::config::NetworkConfig| !it.peers.is_empty() && !it.peer_grace.is_zero();
    if is_member && config.network.as_ref().is_some_and(waits) {
        sealer.hold(Some(Hold::Unheard));
    }
}

/// Holds the sealer whenever it has to wait, until it is dropped.
pub(super) async fn watch(
    grace: Duration,
    chain: Arc<Chain>,
    sealer: SealerHandle,
    network: NetworkHandle,
) {
    let began = Instant::now();
    let mut hold = sealer.held();
    let mut wait = Wait { grace: hold.map(|_| grace), goal: None };
    if hold.is_some() && sealer.makes_blocks() {
        tracing::info!(
            target: "network",
            "no block is made here before one of the peers has said where the chain is, or {} s have passed \
             (--peer-grace)", grace.as_secs()
        );
    }
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let view = match view(&chain, &network) {
            Ok(view) => view,
            Err(error) => {
                tracing::error!(target: "network", %error, "where the chain is cannot be read");
                continue;
            }
        };
        let next = wait.look(began.elapsed(), view);
        if next != hold && sealer.makes_blocks() {
            say(hold, next, view);
        }
        hold = next;
        sealer.hold(next);
    }
}

fn view(chain: &Chain, network: &NetworkHandle) -> Result<View, ChainError> {
    let theirs = network.peers().into_iter().filter_map(|peer| peer.status);
    Ok(View {
        ours: chain.total_difficulty(chain.head().number)?,
        theirs: theirs.map(|status| status.head.total_difficulty).max(),
        is_behind: network.sync_progress().is_some(),
    })
}

fn say(before: Option<Hold>, now: Option<Hold>, view: View) {
    match (before, now) {
        (Some(Hold::Unheard), None) if view.theirs.is_none() => tracing::warn!(
            target: "network",
            "none of the peers has answered: blocks are made without them; check --peer if they should"
        ),
        (Some(Hold::Lighter), None) if view.theirs > Some(view.ours) => tracing::warn!(
            target: "network",
            "a peer says that its chain is heavier, and has not shown it: blocks are made on ours"
        ),
        (_, None) => {
            tracing::info!(target: "network", "this node is where its peers are: it makes blocks")
        }
        (_, Some(Hold::Behind)) => {
            tracing::info!(target: "network", "no block is made here before this node has caught up");
        }
        (_, Some(Hold::Unheard | Hold::Lighter)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn started() -> Wait {
        Wait { grace: Some(SECOND * 10), goal: None }
    }

    fn heard(ours: u64, theirs: u64) -> View {
        View { ours: U256::from(ours), theirs: Some(U256::from(theirs)), is_behind: false }
    }

    #[test]
    fn one_peer_that_has_no_more_is_enough_and_nobody_is_waited_for_twice() {
        let mut wait = started();
        assert_eq!(wait.look(SECOND, View::default()), Some(Hold::Unheard));
        assert_eq!(wait.look(SECOND, heard(5, 5)), None);
        assert_eq!(wait.look(SECOND, View::default()), None, "they may go again");
        assert_eq!(wait.look(SECOND, heard(5, 9)), None, "what somebody claims stops no chain");
    }

    #[test]
    fn a_heavier_chain_is_waited_for_and_one_that_is_only_claimed_not_for_long() {
        let mut wait = started();
        let ahead = heard(5, 9);
        assert_eq!(wait.look(SECOND, ahead), Some(Hold::Lighter));
        let mut caught_up = wait;
        assert_eq!(caught_up.look(SECOND * 2, heard(9, 11)), None, "others go on meanwhile");
        assert_eq!(wait.look(SECOND * 10, ahead), None);
        let behind = View { is_behind: true, ..ahead };
        assert_eq!(
            wait.look(SECOND * 11, behind),
            Some(Hold::Behind),
            "what is shown counts always"
        );
        assert_eq!(wait.look(SECOND * 12, ahead), None);
    }

    #[test]
    fn without_anybody_it_goes_on_alone_after_a_while() {
        let mut wait = started();
        assert_eq!(wait.look(SECOND * 9, View::default()), Some(Hold::Unheard));
        assert_eq!(wait.look(SECOND * 10, View::default()), None);
        let mut alone = Wait { grace: None, goal: None };
        assert_eq!(alone.look(Duration::ZERO, View::default()), None, "who knows no peers");
    }
}
