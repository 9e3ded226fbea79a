//! Which bodies belong to the headers, and who has them? Parts are asked of several peers; one that is slow,
//! has them not or lies is replaced.

use super::{ANSWER_BYTES, Offence, Protocol, Stage, Sync};
use crate::{
    network::{
        PeerId,
        message::Request,
        protocol::{
            Check, Checked,
            asks::{AskFor, CheckFor},
            peers::Peer,
        },
    },
    primitives::{Block, SealedHeader},
};
use alloy_primitives::Bytes;
use rand::seq::IteratorRandom;
use std::{collections::BTreeSet, sync::Arc};

/// Headers in a row whose bodies are asked for together.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: u64,
    pub(super) headers: Vec<Arc<SealedHeader>>,
    pub(super) state: PartState,
    /// Who could not give the bodies.
    failed: BTreeSet<PeerId>,
}

#[derive(Debug)]
pub(super) enum PartState {
    /// Nobody is asked.
    Wanted,
    /// Somebody is asked.
    Asked {
        /// For the bodies of so many of the headers.
        count: usize,
    },
    /// Bodies came, of the first of the headers at least, and are compared.
    Checked {
        /// How many.
        count: usize,
        /// Of the bodies.
        bytes: usize,
    },
    /// The blocks wait for their import.
    Ready {
        /// In order.
        blocks: Vec<Block>,
        /// Of the bodies.
        bytes: usize,
    },
}

impl Part {
    pub(super) const fn new(id: u64, headers: Vec<Arc<SealedHeader>>) -> Self {
        Self { id, headers, state: PartState::Wanted, failed: BTreeSet::new() }
    }

    fn last(&self) -> u64 {
        self.headers.last().map_or(0, |header| header.number)
    }
}

impl Protocol {
    fn part(&mut self, id: u64) -> Option<&mut Part> {
        match &mut self.sync {
            Some(Sync { stage: Stage::Download(download), .. }) => {
                download.parts.iter_mut().find(|part| part.id == id)
            }
            _ => None,
        }
    }

    /// Asks for bodies, as far as there is room for them.
    pub(super) fn ask_bodies(&mut self) {
        while let Some((peer, part, request)) = self.next_bodies() {
            if let Some(known) = self.peers.get_mut(&peer) {
                known.busy += 1;
            }
            self.ask(peer, request, AskFor::Bodies(part));
        }
        let is_stuck = match &self.sync {
            Some(Sync { stage: Stage::Download(download), .. }) => {
                let front = download.parts.front();
                front.is_some_and(|part| matches!(part.state, PartState::Wanted))
                    && !self.imports.has_sync()
            }
            _ => false,
        };
        if is_stuck && self.peers.ready().all(|(_, peer)| peer.busy == 0) {
            // The headers hold, and whoever was slow may be quicker the next time.
            let why = "nobody gave the bodies of its headers";
            match self.lessons.has_waited_longest() {
                // Nor will they the next time: it is tried less often each time.
                true => self.give_up_target(why),
                false => self.abandon_sync(why),
            }
        }
    }

    /// The oldest part that nobody is asked for, and the least busy peer that may have it.
    fn next_bodies(&mut self) -> Option<(PeerId, u64, Request)> {
        let (most, room) = (self.settings.requests_per_peer, self.settings.sync_bytes);
        let (now, at_once) = (self.now.elapsed, self.lessons.bodies());
        let Some(Sync { stage: Stage::Download(download), .. }) = &mut self.sync else {
            return None;
        };
        let asked =
            download.parts.iter().filter(|it| matches!(it.state, PartState::Asked { .. })).count();
        let held = download.bytes + asked * ANSWER_BYTES;
        for (place, part) in download.parts.iter_mut().enumerate() {
            if !matches!(part.state, PartState::Wanted) {
                continue;
            }
            // The part that the importer waits for always has room.
            if place > 0 && held + ANSWER_BYTES > room {
                return None;
            }
            let last = part.last();
            let may_have = || {
                self.peers.all.iter().filter(|(id, peer)| {
                    peer.is_ready()
                        && peer.busy < most
                        && peer.head.number >= last
                        && !part.failed.contains(id)
                })
            };
            let rank = |peer: &Peer| (peer.set_aside > now, peer.busy);
            let Some(best) = may_have().map(|(_, peer)| rank(peer)).min() else { continue };
            // By lot: whoever wants to be asked first can choose its id.
            let equals = may_have().filter(|(_, peer)| rank(peer) == best);
            let Some(peer) = equals.map(|(id, _)| *id).choose(&mut self.rng) else { continue };
            let hashes: Vec<_> =
                part.headers.iter().take(at_once).map(|header| header.seal()).collect();
            part.state = PartState::Asked { count: hashes.len() };
            return Some((peer, part.id, Request::Bodies(hashes)));
        }
        None
    }

    fn freed(&mut self, peer: &PeerId) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.busy = known.busy.saturating_sub(1);
        }
    }

    pub(in super::super) fn bodies_came(&mut self, peer: PeerId, id: u64, bodies: Vec<Bytes>) {
        self.freed(&peer);
        let Some(part) = self.part(id) else { return };
        let PartState::Asked { count: asked } = part.state else { return };
        if bodies.len() > asked {
            self.offence(
                peer,
                Offence::WrongAnswer,
                "it answers with more bodies than were asked for",
            );
            return self.part_failed(peer, id);
        }
        if bodies.is_empty() {
            return self.part_failed(peer, id);
        }
        let (count, bytes) = (bodies.len(), bodies.iter().map(|body| body.len()).sum());
        part.state = PartState::Checked { count, bytes };
        let headers = part.headers[..count].to_vec();
        // One that hands them out one by one is not asked for the rest.
        let is_short = count < asked && bytes < ANSWER_BYTES / 2;
        if is_short {
            part.failed.insert(peer);
        }
        if let Some(Sync { stage: Stage::Download(download), .. }) = &mut self.sync {
            download.bytes += bytes;
        }
        match is_short {
            true => self.set_aside(&peer),
            false if count == asked => self.lessons.bodies_came(count),
            false => {}
        }
        self.check(Check::Bodies { headers, bodies }, CheckFor::Bodies { part: id, peer });
        self.drive_sync();
    }

    /// Bodies did not come in time: others are asked rather, and all for fewer. Of a single one, which may be
    /// large and the line thin, is there more time the next time, so that it is nobody's fault?
    pub(in super::super) fn bodies_late(&mut self, peer: &PeerId, id: u64) -> bool {
        self.set_aside(peer);
        let Some(part) = self.part(id) else { return false };
        let PartState::Asked { count } = part.state else { return false };
        self.lessons.bodies_were_late(count);
        let is_given_time = count == 1 && !self.lessons.has_waited_longest();
        // Of fewer, or with more time, it may be quick enough.
        if (self.lessons.bodies() < count || is_given_time)
            && let Some(part) = self.part(id)
        {
            part.state = PartState::Wanted;
        }
        is_given_time
    }

    /// No bodies came.
    pub(in super::super) fn bodies_failed(&mut self, peer: PeerId, id: u64) {
        self.freed(&peer);
        self.part_failed(peer, id);
    }

    fn part_failed(&mut self, peer: PeerId, id: u64) {
        if let Some(part) = self.part(id).filter(|it| !matches!(it.state, PartState::Wanted)) {
            part.state = PartState::Wanted;
            part.failed.insert(peer);
        }
        self.drive_sync();
    }

    pub(in super::super) fn bodies_checked(&mut self, peer: PeerId, id: u64, found: Checked) {
        let Some(part) = self.part(id) else { return };
        let PartState::Checked { count, bytes } = part.state else { return };
        match found {
            Checked::Bodies(blocks) if blocks.len() == count => {
                let rest = part.headers.split_off(count);
                let failed = part.failed.clone();
                part.state = PartState::Ready { blocks, bytes };
                self.insert_rest(id, rest, failed);
            }
            found => {
                if let Some(Sync { stage: Stage::Download(download), .. }) = &mut self.sync {
                    download.bytes = download.bytes.saturating_sub(bytes);
                }
                if let Checked::Refused(refusal) = found
                    && refusal.is_invalid
                {
                    self.offence(peer, Offence::Invalid, &refusal.reason);
                }
                self.part_failed(peer, id);
            }
        }
        self.drive_sync();
    }

    /// What did not come with an answer is a part of its own, after the one that it was of.
    fn insert_rest(&mut self, id: u64, headers: Vec<Arc<SealedHeader>>, failed: BTreeSet<PeerId>) {
        let Some(Sync { stage: Stage::Download(download), .. }) = &mut self.sync else { return };
        if headers.is_empty() {
            return;
        }
        let place = download.parts.iter().position(|part| part.id == id);
        download.last_part += 1;
        let part = Part { failed, ..Part::new(download.last_part, headers) };
        download.parts.insert(place.map_or(0, |place| place + 1), part);
    }
}
