//! Who is ahead of us, and who must hear where we are?

use super::{Protocol, asks::AskFor};
use crate::{
    network::{
        PeerId,
        codec::MAX_ANCESTRY,
        message::{Head, Request},
    },
    spec::Mode,
};
use rand::seq::IteratorRandom;
use std::time::Duration;

/// A head that moves quickly is told no more often.
const LEAST_PAUSE: Duration = Duration::from_millis(400);
/// With so many blocks between two heads, the blocks themselves are asked for; with more, this node syncs.
const NEAR: u64 = 24;

/// A peer that has more than we.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    peer: PeerId,
    head: Head,
    since: Duration,
    /// Did it answer what it was asked lately?
    answers: bool,
}

/// What peers were told of our head.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    at: Duration,
    /// The head moved since.
    is_old: bool,
}

impl Protocol {
    /// The chain's head is another one.
    pub(super) fn head_moved(&mut self, head: Head, timestamp: u64) {
        if head == self.head {
            return;
        }
        let before = self.identity.fork(self.head, self.head_timestamp).hash;
        (self.head, self.head_timestamp) = (head, timestamp);
        if self.identity.fork(head, timestamp).hash != before {
            // A fork has passed: who does not know it learns now that the two part.
            self.greet_again();
        }
        self.blocks.known.insert(head.hash);
        self.told.is_old = true;
        self.tell_head();
        self.drive_sync();
    }

    /// Tells the head when it is time.
    pub(super) fn tell_head(&mut self) {
        let pause = self.now.elapsed.saturating_sub(self.told.at);
        if pause < LEAST_PAUSE || (pause < self.settings.head_every && !self.told.is_old) {
            return;
        }
        self.told = Told { at: self.now.elapsed, is_old: false };
        let peers: Vec<PeerId> = self.peers.ready().map(|(peer, _)| *peer).collect();
        for peer in peers {
            if !self.is_asked(&peer, AskFor::Head) {
                self.ask(peer, Request::Head(self.head), AskFor::Head);
            }
        }
    }

    /// A peer says where it is.
    pub(super) fn head_of(&mut self, peer: PeerId, head: Head) {
        let is_better = self.is_better(&head);
        let now = self.now.elapsed;
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.head = head;
        known.ahead_since = match (is_better, known.ahead_since) {
            (true, None) => Some(now),
            (true, since) => since,
            (false, _) => None,
        };
    }

    /// Is this a head that we should have? On a chain of proof of authority also one of the same weight:
    /// which of the two wins is decided by the blocks.
    pub(super) fn is_better(&self, head: &Head) -> bool {
        if self.blocks.known.contains(&head.hash) || self.blocks.bad.contains(&head.hash) {
            return false;
        }
        let (theirs, ours) = (head.total_difficulty, self.head.total_difficulty);
        theirs > ours
            || (self.identity.spec.mode == Mode::Poa
                && theirs == ours
                && head.hash != self.head.hash)
    }

    /// Asks for what peers have and gossip did not bring.
    pub(super) fn catch_up(&mut self) {
        if self.is_downloading() || self.imports.is_busy() {
            return;
        }
        let now = self.now.elapsed;
        let ready: Vec<Ahead> = self
            .peers
            .ready()
            .filter_map(|(id, peer)| {
                let since = peer.ahead_since?;
                let is_useless = peer.useless == Some(peer.head.hash);
                let answers = peer.set_aside <= now;
                let ahead = Ahead { peer: *id, head: peer.head, since, answers };
                (!is_useless && self.is_better(&peer.head)).then_some(ahead)
            })
            .collect();
        if self.sync.is_none() && self.next_sync <= now && self.begin_one_of(&ready) {
            return;
        }
        for Ahead { peer, head, since, .. } in ready {
            if self.is_near(&head) && now.saturating_sub(since) >= self.settings.gossip_time {
                self.ask_ancestry(peer, head.hash, MAX_ANCESTRY.min(NEAR as usize + 8) as u64);
            }
        }
    }

    /// Begins a download from one of those that are far ahead. As a rule it is who has most; where that led
    /// nowhere the next one is drawn by lot, since whoever lies can always claim more.
    fn begin_one_of(&mut self, ready: &[Ahead]) -> bool {
        let now = self.now.elapsed;
        let far: Vec<&Ahead> = ready
            .iter()
            .filter(|it| !self.is_near(&it.head) && !self.lessons.avoids(now, &it.peer))
            .collect();
        let answers = far.iter().any(|it| it.answers);
        let chosen = far.into_iter().filter(|it| it.answers == answers);
        let chosen = match self.lessons.is_wary() {
            true => chosen.choose(&mut self.rng),
            false => chosen.max_by_key(|it| it.head.total_difficulty),
        };
        let Some(Ahead { peer, head, .. }) = chosen.copied() else { return false };
        self.begin_sync(peer, head);
        true
    }

    /// Are the blocks between our head and this one few enough to be asked for one by one?
    fn is_near(&self, head: &Head) -> bool {
        !self.blocks.deep.contains(&head.hash) && head.number.abs_diff(self.head.number) <= NEAR
    }
}
