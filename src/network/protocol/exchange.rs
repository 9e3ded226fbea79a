//! Who else is there? Peers tell each other whom they know, and static ones are kept up.

use super::{Action, Offence, Protocol, asks::AskFor, book::is_loopback};
use crate::network::{
    Multiaddr, PeerId,
    address::peer_of,
    codec::{MAX_ADDRESS_BYTES, MAX_PEERS},
    message::Request,
};
use libp2p::multiaddr::Protocol as Part;
use rand::seq::IteratorRandom;

/// Addresses that a peer may say it listens at.
const LISTENS: usize = 8;
/// Peers that are asked at a time what they have.
const ASKED: usize = 3;

impl Protocol {
    pub(super) fn add_peer(&mut self, address: Multiaddr) {
        if let Some(peer) = self.book.keep(address) {
            self.scores.pardon(&peer);
            self.dial_due();
        }
    }

    pub(super) fn remove_peer(&mut self, peer: &PeerId) {
        let now = self.now.elapsed;
        self.book.remove(now, *peer, now + self.settings.refused_time);
        if self.peers.get(peer).is_some() {
            self.disconnect(*peer, "it was removed (admin_removePeer)");
        }
    }

    pub(super) fn dial_failed(&mut self, address: &Multiaddr, reason: &str) {
        tracing::debug!(target: "network", %address, "no connection: {reason}");
        if let Some(peer) = peer_of(address) {
            let now = self.now.elapsed;
            self.book.failed(now, &self.settings, &peer, &mut self.rng);
            // One that came by itself meanwhile is not lost.
            if self.peers.get(&peer).is_none() && self.book.is_lost(&peer, address) {
                let seconds = self.settings.redial_most.as_secs();
                tracing::warn!(
                    target: "network", %address,
                    "a named peer cannot be reached: {reason}; it is tried again every {seconds} seconds or more \
                     often, and it is said when it is reached"
                );
            }
        }
    }

    /// Dials who is due.
    pub(super) fn dial_due(&mut self) {
        let now = self.now.elapsed;
        let lacking = self.settings.wanted_peers.saturating_sub(self.peers.all.len());
        let (peers, scores, local) = (&self.peers, &self.scores, self.local);
        let removed = self.book.all_removed(now);
        let is_taken = |peer: &PeerId| {
            peers.get(peer).is_some()
                || scores.is_banned(now, peer)
                || removed.contains(peer)
                || *peer == local
        };
        let due = self.book.due(now, lacking, is_taken, &mut self.rng);
        self.out.extend(due.into_iter().map(Action::Dial));
    }

    pub(super) fn identified(&mut self, peer: PeerId, listens: Vec<Multiaddr>) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let with_peer = |address: Multiaddr| match peer_of(&address) {
            Some(named) => (named == peer).then_some(address),
            None => Some(address.with(Part::P2p(peer))),
        };
        known.listens = listens.into_iter().filter_map(with_peer).take(LISTENS).collect();
        for address in known.listens.clone() {
            self.book.learn(address);
        }
    }

    /// Whom else a peer may want to know. Addresses of this machine help only who is on it.
    pub(super) fn addresses_for(&self, asking: &PeerId) -> Vec<String> {
        let is_near = self.peers.get(asking).is_some_and(|peer| is_loopback(&peer.address));
        let others = self.peers.ready().filter(|(peer, _)| *peer != asking);
        let addresses = others.flat_map(|(_, peer)| &peer.listens);
        let addresses = addresses.filter(|address| is_near || !is_loopback(address));
        let texts = addresses.map(Multiaddr::to_string);
        texts.filter(|text| text.len() <= MAX_ADDRESS_BYTES).take(MAX_PEERS).collect()
    }

    /// A peer says whom it knows.
    pub(super) fn learn_peers(&mut self, peer: PeerId, addresses: &[String]) {
        for text in addresses {
            match text.parse::<Multiaddr>() {
                Ok(address) if peer_of(&address) != Some(self.local) => self.book.learn(address),
                Ok(_ours) => {}
                Err(error) => {
                    return self.offence(peer, Offence::Garbage, &format!("an address: {error}"));
                }
            }
        }
        self.dial_due();
    }

    /// Now and then a few peers are asked what they have that this node lacks.
    pub(super) fn exchange(&mut self) {
        let now = self.now.elapsed;
        if now.saturating_sub(self.exchanged) < self.settings.exchange_every {
            return;
        }
        self.exchanged = now;
        let ready = self.peers.ready().map(|(peer, _)| *peer);
        let chosen = ready.choose_multiple(&mut self.rng, ASKED);
        let lacks_peers = self.peers.ready().count() < self.settings.wanted_peers;
        for peer in chosen {
            self.ask_waiting(peer);
            if lacks_peers && !self.is_asked(&peer, AskFor::Peers) {
                self.ask(peer, Request::Peers, AskFor::Peers);
            }
        }
    }
}
