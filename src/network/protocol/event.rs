//! What can happen to a node of a network, and what can it do?

use crate::{
    chain::Imported,
    network::{
        Multiaddr, PeerId,
        message::{Gossip, Head, Request, Response},
    },
    primitives::{Block, BlockNumHash},
};
use alloy_primitives::Bytes;
use std::time::Duration;

/// Names a request, in either direction, for its answer.
pub type RequestId = u64;
/// Names a message of gossip for the verdict on it.
pub type GossipId = u64;

/// Who opened a connection?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// Why there is no answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not come in time.
    Timeout,
    /// The connection ended.
    Closed,
    /// The peer does not speak our protocol.
    Unsupported,
    /// The answer was too long or no message; the text says what was wrong with it.
    Unreadable(String),
}

/// What may become of a message of gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is valid and is passed on.
    Accept,
    /// It is not passed on, and that is nobody's fault.
    Ignore,
    /// It is not passed on, and whoever passes on such a thing is at fault.
    Reject,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first connection to a peer is there.
    Connected {
        /// Who.
        peer: PeerId,
        /// Where.
        address: Multiaddr,
        /// Who opened it.
        direction: Direction,
    },
    /// The last connection to a peer is gone.
    Disconnected(PeerId),
    /// A peer asks.
    Asked {
        /// Who.
        peer: PeerId,
        /// For [`Action::Answer`] or [`Action::Serve`].
        id: RequestId,
        /// What.
        request: Request,
    },
    /// A peer answers.
    Answered {
        /// Who.
        peer: PeerId,
        /// Of the [`Action::Ask`].
        id: RequestId,
        /// What.
        response: Response,
    },
    /// A peer does not answer.
    Failed {
        /// Who.
        peer: PeerId,
        /// Of the [`Action::Ask`].
        id: RequestId,
        /// Why.
        failure: Failure,
    },
    /// A peer sent something that is no message: too long, or not decodable.
    Garbage {
        /// Who.
        peer: PeerId,
        /// What was wrong with it.
        what: String,
    },
    /// A peer passes on gossip. Nobody else hears it before the [`Action::Judge`].
    Heard {
        /// Who passed it on.
        peer: PeerId,
        /// For the verdict.
        id: GossipId,
        /// What.
        gossip: Gossip,
    },
    /// Blocks that were handed over with [`Action::Import`] are in the chain, or one is not and those after
    /// it were not tried.
    Imported {
        /// The number of the [`Action::Import`].
        batch: u64,
        /// How many were taken in, and what became of the last of them.
        taken: usize,
        /// What became of the last one that was taken.
        last: Option<Imported>,
        /// The first that was not, and why.
        refused: Option<Refusal>,
    },
    /// Gossiped transactions were offered to the pool.
    Admitted {
        /// Who passed them on.
        peer: PeerId,
        /// Of the gossip.
        id: GossipId,
        /// May they be passed on, and is somebody at fault?
        verdict: Verdict,
    },
    /// The chain's head is another; also after blocks that this node sealed or imported itself.
    Head(Head),
    /// This node sealed a block.
    Sealed(Box<Block>),
    /// Transactions came in from this node's own users, in their network form.
    Submitted(Vec<Bytes>),
    /// Time has passed.
    Tick,
}

/// A block that the chain did not take.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which.
    pub block: BlockNumHash,
    /// Is the block against the rules, so that who sent it is at fault? Else the time has not come, the
    /// parent is missing, or this node could not.
    pub is_invalid: bool,
    /// Its parent is not known.
    pub misses_parent: bool,
    /// In words, for the log.
    pub reason: String,
}

/// What should be done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask a peer; [`Event::Answered`] or [`Event::Failed`] follows.
    Ask {
        /// Whom.
        peer: PeerId,
        /// Names it in the event.
        id: RequestId,
        /// What.
        request: Request,
    },
    /// Answer a peer.
    Answer {
        /// Of [`Event::Asked`].
        id: RequestId,
        /// With what.
        response: Response,
    },
    /// Answer a peer with what the chain has; reading it is the driver's.
    Serve {
        /// Of [`Event::Asked`].
        id: RequestId,
        /// Headers, bodies or ancestry.
        request: Request,
    },
    /// Pass gossip on, or do not.
    Judge {
        /// Of [`Event::Heard`].
        id: GossipId,
        /// Which.
        verdict: Verdict,
    },
    /// Tell everyone.
    Publish(Gossip),
    /// Import blocks, in this order; [`Event::Imported`] follows. One import at a time is under way.
    Import {
        /// Names it in the event.
        batch: u64,
        /// Ascending, each the child of the one before.
        blocks: Vec<Block>,
    },
    /// Offer transactions to the pool; [`Event::Admitted`] follows.
    Admit {
        /// Who passed them on.
        peer: PeerId,
        /// Of [`Event::Heard`].
        id: GossipId,
        /// In their network form.
        transactions: Vec<Bytes>,
    },
    /// Open a connection.
    Dial(Multiaddr),
    /// End all connections to a peer.
    Disconnect {
        /// Whom.
        peer: PeerId,
        /// In words, for the log.
        reason: String,
    },
    /// End them, and take none for a while.
    Ban {
        /// Whom.
        peer: PeerId,
        /// For how long.
        time: Duration,
        /// In words, for the log.
        reason: String,
    },
}
