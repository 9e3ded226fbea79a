//! What is known of a chain and its nodes? Plain values, so that what they mean can be told without any.

use crate::{
    network::PeerId,
    primitives::BlockNumHash,
    sealer::{Hold, Mode, Turn},
};
use alloy_primitives::{Address, U256};
use std::{collections::BTreeSet, time::Duration};

/// A node's view of its chain at one moment.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The newest block.
    pub head: BlockNumHash,
    /// Its timestamp, in seconds.
    pub timestamp: u64,
    /// Is it the chain's first?
    pub is_first: bool,
    /// The chain's time now, in seconds.
    pub now: u64,
    /// How blocks come about.
    pub making: Making,
    /// The pool.
    pub waiting: Waiting,
    /// The network; `None` where the node has none.
    pub peers: Option<Peers>,
    /// Why this node makes no blocks of its own now; `None` where it may, or makes none anyway.
    pub hold: Option<Hold>,
    /// Why the last block could not be made or written, until one is again.
    pub failure: Option<String>,
}

/// How blocks of a chain come about.
#[derive(Clone, Debug)]
pub enum Making {
    /// Elsewhere.
    Elsewhere,
    /// A single node makes them.
    Alone {
        /// When.
        mode: Mode,
        /// Is this node the one that makes them?
        here: bool,
        /// Blocks that somebody asked for and that are still to come.
        requests: usize,
    },
    /// Signers take turns.
    Signers(Signers),
    /// Whoever finds a proof of work.
    Work(Work),
}

/// Signers that take turns.
#[derive(Clone, Debug)]
pub struct Signers {
    /// Least seconds between two blocks; with 0 a block comes when there is something to put into it.
    pub period: u64,
    /// Whose turn the next block is.
    pub in_turn: Option<Address>,
    /// All, in the order of their turns.
    pub all: Vec<Signer>,
    /// How many have to take part for the chain to go on.
    pub needed: usize,
    /// This node's key, if it has one.
    pub own: Option<Own>,
}

/// One of the signers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub address: Address,
    /// May it sign the next block?
    pub may_sign: bool,
    /// The newest block that it signed, if that is not long ago.
    pub last: Option<Signed>,
}

/// A block that somebody signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its height.
    pub number: u64,
    /// Its timestamp, in seconds.
    pub timestamp: u64,
}

/// The key of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Whose.
    pub address: Address,
    /// When may it sign?
    pub turn: Turn,
}

/// Proof of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Hashes that a block takes on average: the head's difficulty.
    pub difficulty: U256,
    /// Does this node mine?
    pub mines: bool,
    /// Hashes a second that this node tries, where that is known.
    pub hash_rate: Option<f64>,
    /// Seconds between the newest blocks on average.
    pub interval: Duration,
}

/// What is in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Transactions that lack no nonce.
    pub pending: usize,
    /// Transactions that do.
    pub queued: usize,
    /// Does one of the pending ones pay what the next block asks for?
    pub ready: bool,
}

/// The network as a node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// How many are connected.
    pub connected: usize,
    /// How many of them say that they make blocks.
    pub sealing: usize,
    /// As whom they say that they sign, on a chain of proof of authority.
    pub signers: BTreeSet<Address>,
    /// Peers that are not talked with, and why: one of the two refuses the other.
    pub refused: Vec<(PeerId, String)>,
    /// What the middle one of their clocks says more than this machine's, in seconds.
    pub clock_difference: Option<i64>,
    /// Blocks that others have and this node lacks.
    pub syncing: Option<Syncing>,
}

/// How far a node is that catches up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syncing {
    /// Its head when it began.
    pub from: u64,
    /// Its head.
    pub at: u64,
    /// The highest head that it has heard of.
    pub to: u64,
}

impl Situation {
    /// How old the newest block is, by its timestamp.
    pub const fn age(&self) -> Duration {
        Duration::from_secs(self.now.saturating_sub(self.timestamp))
    }
}

impl Signers {
    /// How many signers this node knows to be running: itself, and peers that say that they sign.
    pub fn reachable(&self, peers: Option<&Peers>) -> usize {
        let named = self.all.iter().filter(|it| self.is_reached(peers, it.address)).count();
        // Those that say that they make blocks, and not as whom.
        let others = peers.map_or(0, |peers| peers.sealing.saturating_sub(peers.signers.len()));
        (named + others).min(self.all.len())
    }

    /// Is this signer's node this one, or one of its peers?
    pub fn is_reached(&self, peers: Option<&Peers>, signer: Address) -> bool {
        let own = self.own.filter(|own| own.turn != Turn::NoSigner);
        own.is_some_and(|own| own.address == signer)
            || peers.is_some_and(|peers| peers.signers.contains(&signer))
    }

    /// Those who may sign the next block.
    pub fn free(&self) -> Vec<Address> {
        self.all.iter().filter(|it| it.may_sign).map(|it| it.address).collect()
    }
}
