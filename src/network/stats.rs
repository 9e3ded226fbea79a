//! How much was said and done? Counted since the start.

use super::{message::Request, protocol::Verdict};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What messages of gossip are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Blocks that were sealed.
    Blocks,
    /// Transactions.
    Transactions,
}

impl Topic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blocks, Self::Transactions];

    /// As in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "block",
            Self::Transactions => "tx",
        }
    }
}

/// Which request is it?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// Who are you?
    Hello,
    /// Where is your head?
    Head,
    /// Headers of the canonical chain.
    Headers,
    /// Bodies of blocks.
    Bodies,
    /// Blocks with their ancestors.
    Ancestry,
    /// Addresses of others.
    Peers,
    /// Which transactions wait.
    Waiting,
    /// Transactions that wait.
    Transactions,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Hello,
        Self::Head,
        Self::Headers,
        Self::Bodies,
        Self::Ancestry,
        Self::Peers,
        Self::Waiting,
        Self::Transactions,
    ];

    /// As in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Head => "head",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Ancestry => "ancestry",
            Self::Peers => "peers",
            Self::Waiting => "waiting",
            Self::Transactions => "transactions",
        }
    }

    pub(super) const fn of(request: &Request) -> Self {
        match request {
            Request::Hello(_) => Self::Hello,
            Request::Head(_) => Self::Head,
            Request::Headers { .. } => Self::Headers,
            Request::Bodies(_) => Self::Bodies,
            Request::Ancestry { .. } => Self::Ancestry,
            Request::Peers => Self::Peers,
            Request::Waiting => Self::Waiting,
            Request::Transactions(_) => Self::Transactions,
        }
    }
}

/// Messages of gossip that came in, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Valid and passed on.
    pub accepted: u64,
    /// Nobody's fault, not passed on.
    pub ignored: u64,
    /// Somebody's fault.
    pub rejected: u64,
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// That this node asked and that were answered.
    pub answered: u64,
    /// That this node asked and that were not.
    pub failed: u64,
    /// That peers asked.
    pub served: u64,
}

/// What a network has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkStats {
    /// Gossip that came in, in the order of [`Topic::ALL`].
    pub heard: [Verdicts; 2],
    /// Messages of gossip that were not let in: before the greeting, more than one peer may send, or of
    /// another topic.
    pub unheard: u64,
    /// Messages of gossip that this node began, in the order of [`Topic::ALL`].
    pub published: [u64; 2],
    /// Requests, in the order of [`RequestKind::ALL`].
    pub requests: [Requests; 8],
    /// Bytes of messages that came in, before encryption.
    pub bytes_in: u64,
    /// Bytes of messages that went out, before encryption and to one peer.
    pub bytes_out: u64,
    /// Peers that were banned.
    pub bans: u64,
    /// Peers that were disconnected for a reason.
    pub disconnects: u64,
    /// Connections of others that were not taken: bans, limits, isolation.
    pub refused_connections: u64,
    /// Connections that were tried.
    pub dials: u64,
    /// Of those, without success.
    pub failed_dials: u64,
    /// Blocks of peers that were taken in.
    pub imported_blocks: u64,
    /// Blocks of peers that were refused.
    pub refused_blocks: u64,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Where it is counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    heard: [[Count; 3]; 2],
    pub(super) unheard: Count,
    published: [Count; 2],
    requests: [[Count; 3]; 8],
    pub(super) bytes_in: Count,
    pub(super) bytes_out: Count,
    pub(super) bans: Count,
    pub(super) disconnects: Count,
    pub(super) refused_connections: Count,
    pub(super) dials: Count,
    pub(super) failed_dials: Count,
    pub(super) imported_blocks: Count,
    pub(super) refused_blocks: Count,
}

impl Counters {
    pub(super) fn heard(&self, topic: Topic, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Accept => 0,
            Verdict::Ignore => 1,
            Verdict::Reject => 2,
        };
        self.heard[topic as usize][verdict].add(1);
    }

    pub(super) fn published(&self, topic: Topic) {
        self.published[topic as usize].add(1);
    }

    pub(super) fn answered(&self, kind: RequestKind) {
        self.requests[kind as usize][0].add(1);
    }

    pub(super) fn failed(&self, kind: RequestKind) {
        self.requests[kind as usize][1].add(1);
    }

    pub(super) fn served(&self, kind: RequestKind) {
        self.requests[kind as usize][2].add(1);
    }

    pub(super) fn read(&self) -> NetworkStats {
        let verdicts = |[accepted, ignored, rejected]: &[Count; 3]| Verdicts {
            accepted: accepted.get(),
            ignored: ignored.get(),
            rejected: rejected.get(),
        };
        let requests = |[answered, failed, served]: &[Count; 3]| Requests {
            answered: answered.get(),
            failed: failed.get(),
            served: served.get(),
        };
        NetworkStats {
            heard: self.heard.each_ref().map(verdicts),
            unheard: self.unheard.get(),
            published: self.published.each_ref().map(Count::get),
            requests: self.requests.each_ref().map(requests),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            bans: self.bans.get(),
            disconnects: self.disconnects.get(),
            refused_connections: self.refused_connections.get(),
            dials: self.dials.get(),
            failed_dials: self.failed_dials.get(),
            imported_blocks: self.imported_blocks.get(),
            refused_blocks: self.refused_blocks.get(),
        }
    }
}
