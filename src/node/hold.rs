//! Who tells the sealer what the network knows, so that it makes no blocks while it has to wait?

use crate::{
    chain::{Chain, ChainError},
    config::{Config, Role},
    network::NetworkHandle,
    sealer::{Heard, Hold, Patience, SealerHandle},
    spec::Mode,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::MissedTickBehavior;

/// How often it is looked. Peers that run already greet in less than a second.
const LOOK: Duration = Duration::from_millis(100);

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
    let mut patience = Patience::new(hold.map(|_| grace));
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
        let heard = match heard(&chain, &network) {
            Ok(heard) => heard,
            Err(error) => {
                tracing::error!(target: "network", %error, "where the chain is cannot be read");
                continue;
            }
        };
        let next = patience.look(began.elapsed(), heard);
        if next != hold && sealer.makes_blocks() {
            say(hold, next, heard);
        }
        hold = next;
        sealer.hold(next);
    }
}

fn heard(chain: &Chain, network: &NetworkHandle) -> Result<Heard, ChainError> {
    let theirs = network.peers().into_iter().filter_map(|peer| peer.status);
    Ok(Heard {
        ours: chain.total_difficulty(chain.head().number)?,
        theirs: theirs.map(|status| status.head.total_difficulty).max(),
        is_behind: network.sync_progress().is_some(),
    })
}

fn say(before: Option<Hold>, now: Option<Hold>, heard: Heard) {
    match (before, now) {
        (Some(Hold::Unheard), None) if heard.theirs.is_none() => tracing::warn!(
            target: "network",
            "none of the peers has answered: blocks are made without them; check --peer if they should"
        ),
        (Some(Hold::Lighter), None) if heard.theirs > Some(heard.ours) => tracing::warn!(
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
