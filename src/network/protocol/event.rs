//! What can happen to a node of a network, and what can it do?

use crate::{
    chain::{HeaderTip, Imported},
    network::{
        Multiaddr, PeerId,
        message::{EncodedBlock, Gossip, Head, Request, Response},
    },
    primitives::{Block, BlockNumHash, SealedHeader},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use std::{sync::Arc, time::Duration};

/// When something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Since some fixed moment; never goes back.
    pub elapsed: Duration,
    /// Seconds since 1970, by this node's clock, for what is said to people and to peers.
    pub unix: u64,
}

/// Names a request, in either direction, for its answer.
pub type RequestId = u64;
/// Names a message of gossip for the verdict on it.
pub type GossipId = u64;
/// Names a check for its result.
pub type CheckId = u64;

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
    /// An [`Action::Dial`] led to no connection.
    DialFailed {
        /// Of the action.
        address: Multiaddr,
        /// In words, for the log.
        reason: String,
    },
    /// A peer says where others can reach it.
    Identified {
        /// Who.
        peer: PeerId,
        /// Where it listens.
        listens: Vec<Multiaddr>,
    },
    /// From now on a connection to this address, which ends in a peer id, is kept up.
    AddPeer(Multiaddr),
    /// There is always room for this peer, or no more than for others.
    Trust {
        /// Whom.
        peer: PeerId,
        /// Always?
        is_trusted: bool,
    },
    /// No connection to this peer is kept up any more, and an existing one ends.
    RemovePeer(PeerId),
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
    /// A peer passes on more gossip than it may.
    Floods(PeerId),
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
        /// How many were taken in.
        taken: usize,
        /// What became of the last one that was taken.
        last: Option<Imported>,
        /// The first that was not, and why.
        refused: Option<Refusal>,
    },
    /// Transactions of others were offered to the pool.
    Admitted {
        /// Who sent them.
        peer: PeerId,
        /// Of the [`Action::Admit`].
        id: Option<GossipId>,
        /// What became of them, in the order given; those after one that is against the rules were not tried.
        offered: Vec<Offered>,
        /// Is one against the rules, so that who sent it is at fault?
        is_invalid: bool,
    },
    /// The result of an [`Action::Check`].
    Checked {
        /// Of the action.
        id: CheckId,
        /// What was found.
        found: Checked,
    },
    /// The chain's head is another; also after blocks that this node sealed or imported itself.
    Head {
        /// The new one.
        head: Head,
        /// Its seconds since 1970, which say what forks have passed.
        timestamp: u64,
    },
    /// This node makes blocks from now on, or none any more.
    Seals(bool),
    /// This node sealed a block.
    Sealed(Box<Block>),
    /// Transactions came in from this node's own users, in their network form.
    Submitted(Vec<Bytes>),
    /// Transactions of blocks that left the chain wait again, in their network form: who followed the branch
    /// that won may never have heard of them.
    Returned(Vec<Bytes>),
    /// Time has passed.
    Tick,
}

/// A transaction of somebody else that no rule forbids.
#[derive(Clone, Debug)]
pub struct Offered {
    /// In its network form.
    pub raw: Bytes,
    /// Of the network form.
    pub hash: B256,
    /// Does it wait in the pool now that it did not wait in before?
    pub is_taken: bool,
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

/// What is to be found out from chain and pool, away from the machine: it reads the database, verifies
/// seals, recovers senders. [`crate::network::check::check`] does it, on any thread, also several at a time.
#[derive(Clone, Debug)]
pub enum Check {
    /// Is this block canonical?
    Canonical(BlockNumHash),
    /// Do these headers follow each other and the place, by all rules of headers, seals too?
    Headers {
        /// What the first follows.
        above: Above,
        /// Ascending.
        headers: Vec<Header>,
    },
    /// Are these the bodies of these headers, which were checked?
    Bodies {
        /// As many as bodies.
        headers: Vec<Arc<SealedHeader>>,
        /// RLP, in the order of the headers.
        bodies: Vec<Bytes>,
    },
    /// Are these blocks right, as far as that can be said before they are executed? Each is the child of
    /// the one before, and the first one's parent may be in the chain or beside it.
    Blocks(Vec<EncodedBlock>),
    /// Which of these transactions do not wait in the pool?
    Missing(Vec<B256>),
}

/// What headers follow.
#[derive(Clone, Debug)]
pub enum Above {
    /// A block of the chain.
    Block(BlockNumHash),
    /// Headers that were checked.
    Headers(Box<HeaderTip>),
}

/// What a [`Check`] found out.
#[derive(Clone, Debug)]
pub enum Checked {
    /// Whether a block is canonical.
    Canonical(bool),
    /// The headers hold, or the first of them do.
    Headers {
        /// Those that hold, with their hashes.
        headers: Vec<Arc<SealedHeader>>,
        /// For the headers after these.
        tip: Box<HeaderTip>,
        /// What is wrong with the next one.
        refused: Option<Refusal>,
    },
    /// The bodies belong to their headers.
    Bodies(Vec<Block>),
    /// The blocks hold, as far as can be said.
    Blocks {
        /// In the order given, without those at the beginning that are canonical already.
        blocks: Vec<Block>,
        /// Who signed each, on a chain of proof of authority.
        signers: Vec<Address>,
    },
    /// Transactions that do not wait in the pool.
    Missing(Vec<B256>),
    /// Something is wrong, and with what.
    Refused(Refusal),
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
        /// Any but `Hello`, `Head` and `Peers`.
        request: Request,
    },
    /// Pass gossip on, or do not.
    Judge {
        /// Of [`Event::Heard`].
        id: GossipId,
        /// Which.
        verdict: Verdict,
    },
    /// Listen to the gossip of a peer from now on, or no more. Nothing is heard of one that is new.
    Hear {
        /// Whose.
        peer: PeerId,
        /// From now on?
        is_heard: bool,
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
    /// Find something out; [`Event::Checked`] follows.
    Check {
        /// Names it in the event.
        id: CheckId,
        /// What.
        check: Check,
    },
    /// Offer transactions to the pool; [`Event::Admitted`] follows.
    Admit {
        /// Who sent them.
        peer: PeerId,
        /// Of [`Event::Heard`]; `None` for transactions that this node asked for.
        id: Option<GossipId>,
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
