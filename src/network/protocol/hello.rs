//! May we talk with whom just connected? Nothing is said before both know who the other is.

use super::{Action, Direction, Offence, Protocol, RequestId, asks::AskFor, peers::Peer};
use crate::network::{
    Multiaddr, PeerId,
    message::{Request, Response, Status},
    status::Mismatch,
};
use std::time::Duration;

/// So long a refused peer has to read why.
const READING: Duration = Duration::from_secs(1);

impl Protocol {
    pub(super) fn connected(&mut self, peer: PeerId, address: Multiaddr, direction: Direction) {
        let now = self.now.elapsed;
        self.book.connected(&peer);
        if peer == self.local {
            self.book.forget(&peer);
            let reason = "it is this node".to_owned();
            return self.out.push(Action::Disconnect { peer, reason });
        }
        if self.scores.is_banned(now, &peer) {
            let reason = "it is banned".to_owned();
            return self.out.push(Action::Disconnect { peer, reason });
        }
        if self.peers.get(&peer).is_some() {
            return;
        }
        if let Some(left) = self.book.is_removed(now, &peer) {
            let seconds = left.as_secs().max(1);
            let reason =
                format!("it was removed (admin_removePeer): it may come back in {seconds} seconds");
            return self.out.push(Action::Disconnect { peer, reason });
        }
        if let Some(reason) = self.is_full(&peer, direction) {
            return self.out.push(Action::Disconnect { peer, reason: reason.to_owned() });
        }
        self.peers.all.insert(peer, Peer::new(now, &self.settings, address, direction));
        let status = self.status();
        self.ask(peer, Request::Hello(status), AskFor::Hello);
    }

    /// Is there no room? Whoever is kept up or trusted always has some.
    fn is_full(&self, peer: &PeerId, direction: Direction) -> Option<&'static str> {
        if self.book.is_static(peer) || self.trusted.contains(peer) {
            return None;
        }
        if self.peers.all.len() >= self.settings.max_peers {
            return Some("there are as many peers as may be (--max-peers)");
        }
        let is_inbound = direction == Direction::Inbound;
        if is_inbound && self.peers.inbound() >= self.settings.max_inbound {
            return Some("as many peers as may have come by themselves");
        }
        None
    }

    pub(super) fn disconnected(&mut self, peer: &PeerId) {
        if let Some(known) = self.peers.all.remove(peer) {
            let now = self.now.elapsed;
            self.book.failed(now, &self.settings, peer, &mut self.rng);
            let is_unheard = known.status.is_none() && known.refused.is_none();
            let is_theirs = known.direction == Direction::Outbound && !known.is_dropped;
            if is_unheard && is_theirs && self.book.is_shut(peer) {
                let ours = self.local;
                tracing::warn!(
                    target: "network", %peer, address = %known.address,
                    "a named peer closes the connection before it greets: it may keep a list of peers \
                     (--allow-peers) that lacks this node's id {ours}, or have removed or banned this node, or \
                     no room; its own log says which (RUST_LOG=network=debug)"
                );
            }
        }
        self.forget_asks_of(peer);
        self.sync_lost(peer);
    }

    /// What this node says of itself now.
    pub(super) fn status(&self) -> Status {
        self.identity.status(self.head, self.head_timestamp, self.now.unix)
    }

    /// A peer says who it is, and asks who we are.
    pub(super) fn greeted_by(&mut self, peer: PeerId, id: RequestId, theirs: Status) {
        let ours = self.status();
        match self.identity.compare(self.head, self.head_timestamp, &theirs) {
            Ok(()) => {
                self.answer(id, Response::Hello(ours));
                self.accept(peer, theirs, false);
            }
            Err(mismatch) => {
                self.answer(id, Response::Refused(ours));
                self.refuse(peer, &mismatch);
            }
        }
    }

    /// A peer answers who it is.
    pub(super) fn hello_answered(&mut self, peer: PeerId, response: Response) {
        let (theirs, takes_us) = match response {
            Response::Hello(theirs) => (theirs, true),
            Response::Refused(theirs) => (theirs, false),
            _ => return self.offence(peer, Offence::WrongAnswer, "it does not say who it is"),
        };
        match self.identity.compare(self.head, self.head_timestamp, &theirs) {
            Err(mismatch) => self.refuse(peer, &mismatch),
            Ok(()) if !takes_us => {
                // Its software sees a difference that ours does not.
                if self.said.refused.is_news(self.now.elapsed, &peer) {
                    tracing::warn!(target: "network", %peer, "a peer of this chain refuses us");
                }
                self.leave_alone(peer, "it refuses us");
            }
            Ok(()) => self.accept(peer, theirs, true),
        }
    }

    /// This node makes blocks from now on, or none any more: all hear what it is now.
    pub(super) fn seals(&mut self, seals: bool) {
        if std::mem::replace(&mut self.identity.seals, seals) != seals {
            self.greet_again();
        }
    }

    /// Tells all what this node is now.
    pub(super) fn greet_again(&mut self) {
        let peers: Vec<PeerId> = self.peers.ready().map(|(peer, _)| *peer).collect();
        for peer in peers {
            let status = self.status();
            self.ask(peer, Request::Hello(status), AskFor::Hello);
        }
    }

    fn refuse(&mut self, peer: PeerId, mismatch: &Mismatch) {
        if self.said.refused.is_news(self.now.elapsed, &peer) {
            tracing::warn!(target: "network", %peer, "a peer is refused: {mismatch}");
        }
        self.leave_alone(peer, &mismatch.to_string());
    }

    /// Leaves a peer alone for a while. The connection ends when it has had time to read why.
    fn leave_alone(&mut self, peer: PeerId, reason: &str) {
        let now = self.now.elapsed;
        self.book.postpone(&peer, now + self.settings.refused_time);
        self.refusals.note(now, peer, reason);
        if let Some(known) = self.peers.get_mut(&peer) {
            (known.status, known.takes_us) = (None, false);
            known.refused.get_or_insert_with(|| reason.to_owned());
            known.leaves = Some(now + READING);
            self.out.push(Action::Hear { peer, is_heard: false });
            tracing::debug!(target: "network", %peer, "{reason}");
        }
    }

    /// We may talk; `takes_us` if it says so too.
    fn accept(&mut self, peer: PeerId, theirs: Status, takes_us: bool) {
        let difference = signed(theirs.time).saturating_sub(signed(self.now.unix));
        let Some(known) = self.peers.get_mut(&peer).filter(|it| it.refused.is_none()) else {
            return;
        };
        let was_ready = known.is_ready();
        known.clock_difference = difference;
        known.head = theirs.head;
        let client = theirs.client.clone();
        known.takes_us |= takes_us;
        let lone = self.identity.lone_fork(&theirs);
        let is_first = known.status.replace(theirs).is_none();
        let is_ready = known.is_ready();
        if is_first {
            self.out.push(Action::Hear { peer, is_heard: true });
        }
        let is_off = difference.unsigned_abs() > self.settings.clock_tolerance;
        if is_first && is_off && self.said.clock.is_news(self.now.elapsed, &peer) {
            say_clock(peer, difference);
        }
        if let Some(lone) = lone.filter(|_| is_first)
            && self.said.fork.is_news(self.now.elapsed, &(peer, lone.at))
        {
            tracing::warn!(target: "network", %peer, "{lone}");
        }
        if is_ready && !was_ready {
            known.leaves = None;
            tracing::info!(target: "network", %peer, client, "a peer joined");
            self.refusals.forget(&peer);
            if self.book.greeted(&peer) {
                tracing::info!(target: "network", %peer, "a named peer is reached after all");
            }
            self.welcome(peer);
        }
    }

    /// What begins with a new peer.
    fn welcome(&mut self, peer: PeerId) {
        if let Some(known) = self.peers.get(&peer) {
            let head = known.head;
            self.head_of(peer, head);
        }
        self.ask_waiting(peer);
        if self.peers.ready().count() < self.settings.wanted_peers {
            self.ask(peer, Request::Peers, AskFor::Peers);
        }
    }
}

fn say_clock(peer: PeerId, difference: i64) {
    let (seconds, side) =
        (difference.unsigned_abs(), if difference > 0 { "ahead of" } else { "behind" });
    tracing::warn!(
        target: "network", %peer,
        "the clock of a peer is {seconds} seconds {side} ours: blocks whose time has not come are refused, so \
         one of the two may fall behind; set both by NTP (timedatectl set-ntp true)"
    );
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
