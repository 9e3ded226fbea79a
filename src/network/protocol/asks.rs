//! What was asked, for what, and what if nobody answers?

use super::{Action, Check, CheckId, Checked, Failure, Offence, Protocol, RequestId};
use crate::network::{
    PeerId,
    message::{Request, Response},
};
use crate::primitives::BlockNumHash;
use alloy_primitives::B256;
use std::time::Duration;

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) peer: PeerId,
    pub(super) what: AskFor,
    /// Nobody waits longer.
    until: Duration,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskFor {
    Hello,
    Head,
    Peers,
    Waiting,
    Transactions,
    /// A block that is missing, with ancestors.
    Ancestry {
        of: B256,
        /// The peer passed it on.
        was_heard: bool,
    },
    /// The header at this height, to find the common ancestor.
    Probe(u64),
    /// The headers from this height on.
    Headers(u64),
    /// The bodies of this part of a download.
    Bodies(u64),
}

/// What a check is for.
#[derive(Debug)]
pub(super) enum CheckFor {
    /// A block of gossip.
    Gossip { peer: PeerId, id: u64, hash: B256 },
    /// A block that was missing, with ancestors.
    Ancestry { peer: PeerId, hash: B256 },
    /// Transactions that a peer has.
    Waiting(PeerId),
    /// Is the probed header ours?
    Probe(BlockNumHash),
    /// Headers of a download.
    Headers(PeerId),
    /// Bodies of a part of a download.
    Bodies { part: u64, peer: PeerId },
}

impl Protocol {
    /// Asks a peer.
    pub(super) fn ask(&mut self, peer: PeerId, request: Request, what: AskFor) -> RequestId {
        let id = self.next_id();
        let time = match what {
            AskFor::Hello => self.settings.hello_time,
            AskFor::Bodies(_) => self.lessons.bodies_time(self.settings.bodies_time),
            AskFor::Headers(_) | AskFor::Probe(_) => self.settings.bodies_time,
            _ => self.settings.answer_time,
        };
        self.asks.insert(id, Ask { peer, what, until: self.now.elapsed + time });
        self.out.push(Action::Ask { peer, id, request });
        id
    }

    /// Is something asked of a peer for this already?
    pub(super) fn is_asked(&self, peer: &PeerId, what: AskFor) -> bool {
        self.asks.values().any(|ask| ask.peer == *peer && ask.what == what)
    }

    /// Has something found out.
    pub(super) fn check(&mut self, check: Check, what: CheckFor) -> CheckId {
        let id = self.next_id();
        self.checks.insert(id, what);
        self.out.push(Action::Check { id, check });
        id
    }

    pub(super) fn answered(&mut self, peer: PeerId, id: RequestId, response: Response) {
        // Nobody waits for an answer that came too late.
        let Some(ask) = self.asks.remove(&id).filter(|ask| ask.peer == peer) else { return };
        match (ask.what, response) {
            (AskFor::Hello, response) => self.hello_answered(peer, response),
            (AskFor::Head, Response::Head(head)) => self.head_of(peer, head),
            (AskFor::Peers, Response::Peers(addresses)) => self.learn_peers(peer, &addresses),
            (AskFor::Waiting, Response::Waiting(hashes)) => self.waiting_at(peer, hashes),
            (AskFor::Transactions, Response::Transactions(transactions)) => {
                self.transactions_of(peer, transactions);
            }
            (AskFor::Ancestry { of, was_heard }, Response::Ancestry(blocks)) => {
                self.ancestry_of(peer, (of, was_heard), blocks);
            }
            (AskFor::Probe(number), Response::Headers(headers)) => {
                self.probed(peer, number, headers);
            }
            (AskFor::Headers(from), Response::Headers(headers)) => {
                self.headers_came(peer, from, headers);
            }
            (AskFor::Bodies(part), Response::Bodies(bodies)) => {
                self.bodies_came(peer, part, bodies);
            }
            (what, _) => {
                self.offence(peer, Offence::WrongAnswer, "its answer is of another kind");
                self.unanswered(peer, what);
            }
        }
    }

    pub(super) fn failed(&mut self, peer: PeerId, id: RequestId, failure: &Failure) {
        let Some(ask) = self.asks.remove(&id) else { return };
        let is_given_time = match (failure, ask.what) {
            (Failure::Timeout, AskFor::Bodies(part)) => self.bodies_late(&peer, part),
            _ => false,
        };
        match failure {
            Failure::Timeout if is_given_time => {}
            Failure::Timeout => self.offence(peer, Offence::Slow, "it does not answer in time"),
            // What is said of that is said when the connection is gone.
            Failure::Closed if ask.what == AskFor::Hello => return,
            Failure::Closed => {}
            Failure::Unsupported => {
                let until = self.now.elapsed + self.settings.refused_time;
                self.book.postpone(&peer, until);
                let what = "it does not speak this version of the protocol: run one version of mainspring on all nodes";
                if self.said.refused.is_news(self.now.elapsed, &peer) {
                    tracing::warn!(target: "network", %peer, "a peer is refused: {what}");
                }
                self.disconnect(peer, what);
            }
            Failure::Unreadable(what) => self.offence(peer, Offence::Garbage, what),
        }
        self.unanswered(ask.peer, ask.what);
    }

    /// Gives up requests that took too long.
    pub(super) fn give_up_waiting(&mut self) {
        let now = self.now.elapsed;
        let over = self.asks.iter().filter(|(_, ask)| ask.until <= now);
        let over: Vec<RequestId> = over.map(|(id, _)| *id).collect();
        for id in over {
            if let Some(peer) = self.asks.get(&id).map(|ask| ask.peer) {
                self.failed(peer, id, &Failure::Timeout);
            }
        }
    }

    pub(super) fn forget_asks_of(&mut self, peer: &PeerId) {
        let theirs = self.asks.iter().filter(|(_, ask)| ask.peer == *peer);
        let theirs: Vec<RequestId> = theirs.map(|(id, _)| *id).collect();
        for id in theirs {
            self.failed(*peer, id, &Failure::Closed);
        }
    }

    /// No answer will come.
    fn unanswered(&mut self, peer: PeerId, what: AskFor) {
        match what {
            AskFor::Hello => self.disconnect(peer, "it does not say who it is"),
            AskFor::Probe(_) | AskFor::Headers(_) => self.target_lost(peer),
            AskFor::Bodies(part) => self.bodies_failed(peer, part),
            AskFor::Ancestry { of, .. } => self.ancestry_failed(peer, of),
            AskFor::Head | AskFor::Peers | AskFor::Waiting | AskFor::Transactions => {}
        }
    }

    pub(super) fn checked(&mut self, id: CheckId, found: Checked) {
        let Some(what) = self.checks.remove(&id) else { return };
        match (what, found) {
            (CheckFor::Gossip { peer, id, hash }, found) => {
                self.gossip_checked(peer, id, hash, found);
            }
            (CheckFor::Ancestry { peer, hash }, found) => self.ancestry_checked(peer, hash, found),
            (CheckFor::Waiting(peer), Checked::Missing(hashes)) => self.missing_here(peer, hashes),
            (CheckFor::Probe(looked), found) => self.probe_checked(looked, found),
            (CheckFor::Headers(peer), found) => self.headers_checked(peer, found),
            (CheckFor::Bodies { part, peer }, found) => self.bodies_checked(peer, part, found),
            (CheckFor::Waiting(_), _) => {}
        }
    }
}
