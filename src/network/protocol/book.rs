//! Where can peers be reached, and which is to be dialled now?

use super::settings::ProtocolSettings;
use crate::network::{Multiaddr, PeerId, address::peer_of};
use libp2p::multiaddr::Protocol;
use rand::{Rng, seq::IteratorRandom};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Peers that are remembered besides those that somebody named.
const REMEMBERED: usize = 512;
/// Addresses of one peer.
const ADDRESSES: usize = 4;
/// So many failures in a row, and a peer that nobody named is forgotten.
const HOPELESS: u32 = 8;
/// Peers that somebody removed and that may not come back yet.
const REMOVED: usize = 1_024;

/// What is known of where a peer is.
#[derive(Clone, Debug, Default)]
struct Entry {
    addresses: Vec<Multiaddr>,
    is_static: bool,
    is_dialling: bool,
    failures: u32,
    /// Not before.
    next: Duration,
    /// Addresses that somebody gave, and whether it was said that they lead to nobody.
    named: BTreeMap<Multiaddr, bool>,
    /// It was said that it closes connections before it greets.
    is_shut: bool,
}

/// Where peers can be reached.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: BTreeMap<PeerId, Entry>,
    /// Peers that somebody removed, and until when they may not come back.
    removed: BTreeMap<PeerId, Duration>,
}

/// Does it lead to the same machine?
pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

/// Can somebody be dialled there at all?
fn is_dialable(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    }
}

impl Book {
    /// Notes where a peer is said to be; an address that ends in no peer is passed over.
    pub(super) fn learn(&mut self, address: Multiaddr) {
        let Some(peer) = peer_of(&address).filter(|_| is_dialable(&address)) else { return };
        if !self.entries.contains_key(&peer) && self.learned() >= REMEMBERED {
            return;
        }
        let entry = self.entries.entry(peer).or_default();
        if !entry.addresses.contains(&address) && entry.addresses.len() < ADDRESSES {
            entry.addresses.push(address);
        }
    }

    /// From now on a connection to whom this address leads to is kept up.
    pub(super) fn keep(&mut self, address: Multiaddr) -> Option<PeerId> {
        let peer = peer_of(&address)?;
        self.removed.remove(&peer);
        let entry = self.entries.entry(peer).or_default();
        while entry.named.len() >= ADDRESSES && entry.named.pop_first().is_some() {}
        entry.named.insert(address.clone(), false);
        entry.addresses.retain(|known| *known != address);
        entry.addresses.insert(0, address);
        entry.addresses.truncate(ADDRESSES);
        (entry.is_static, entry.failures, entry.next) = (true, 0, Duration::ZERO);
        Some(peer)
    }

    /// Forgets a peer.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.entries.remove(peer);
    }

    /// Forgets a peer, which may not come back before then unless somebody names it again.
    pub(super) fn remove(&mut self, now: Duration, peer: PeerId, until: Duration) {
        self.entries.remove(&peer);
        self.removed.retain(|_, until| *until > now);
        if self.removed.len() < REMOVED {
            self.removed.insert(peer, until);
        }
    }

    /// How long may it not come back, because somebody removed it?
    pub(super) fn is_removed(&self, now: Duration, peer: &PeerId) -> Option<Duration> {
        self.removed.get(peer)?.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// All of those.
    pub(super) fn all_removed(&self, now: Duration) -> BTreeSet<PeerId> {
        let removed = self.removed.iter().filter(|(_, until)| **until > now);
        removed.map(|(peer, _)| *peer).collect()
    }

    /// Nobody answers at this address of a peer: is that to be said? Of those that somebody gave, once.
    pub(super) fn is_lost(&mut self, peer: &PeerId, address: &Multiaddr) -> bool {
        let entry = self.entries.get_mut(peer).and_then(|entry| entry.named.get_mut(address));
        entry.is_some_and(|was_said| !std::mem::replace(was_said, true))
    }

    /// It closes connections before it greets: is that to be said? Of one that somebody named, once.
    pub(super) fn is_shut(&mut self, peer: &PeerId) -> bool {
        let entry = self.entries.get_mut(peer).filter(|entry| entry.is_static);
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.is_shut, true))
    }

    /// Is a connection to this peer kept up?
    pub(super) fn is_static(&self, peer: &PeerId) -> bool {
        self.entries.get(peer).is_some_and(|entry| entry.is_static)
    }

    /// There is a connection now.
    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.is_dialling = false;
        }
    }

    /// It has said who it is, and is one of us: the next attempt, should it go, is at once. Was it said that it
    /// cannot be reached?
    pub(super) fn greeted(&mut self, peer: &PeerId) -> bool {
        let Some(entry) = self.entries.get_mut(peer) else { return false };
        (entry.failures, entry.next) = (0, Duration::ZERO);
        let was_lost = entry.named.values().any(|was_said| *was_said);
        entry.named.values_mut().for_each(|was_said| *was_said = false);
        std::mem::replace(&mut entry.is_shut, false) || was_lost
    }

    /// An attempt failed, or a connection ended: the next one comes later each time.
    pub(super) fn failed(
        &mut self,
        now: Duration,
        settings: &ProtocolSettings,
        peer: &PeerId,
        rng: &mut impl Rng,
    ) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        entry.is_dialling = false;
        let pause = settings.redial_least.saturating_mul(1 << entry.failures.min(10));
        let pause = pause.min(settings.redial_most);
        // Two nodes that dial each other at the same moment do not do so again.
        entry.next = now + pause.mul_f64(rng.random_range(0.7..1.3));
        entry.failures = entry.failures.saturating_add(1);
        if entry.failures >= HOPELESS && !entry.is_static {
            self.entries.remove(peer);
        }
    }

    /// A peer is left alone until then.
    pub(super) fn postpone(&mut self, peer: &PeerId, until: Duration) {
        if let Some(entry) = self.entries.get_mut(peer) {
            (entry.next, entry.is_dialling) = (until, false);
        }
    }

    /// Whom to dial now: everyone that is kept up, and so many of the others.
    pub(super) fn due(
        &mut self,
        now: Duration,
        others: usize,
        is_taken: impl Fn(&PeerId) -> bool,
        rng: &mut impl Rng,
    ) -> Vec<Multiaddr> {
        let due = |peer: &PeerId, entry: &Entry| {
            !entry.is_dialling
                && entry.next <= now
                && !entry.addresses.is_empty()
                && !is_taken(peer)
        };
        let under_way = self.entries.values().filter(|it| it.is_dialling && !it.is_static).count();
        let candidates = self.entries.iter().filter(|(peer, entry)| due(peer, entry));
        let (kept, learned): (Vec<_>, Vec<_>) = candidates.partition(|(_, entry)| entry.is_static);
        let wanted = others.saturating_sub(under_way);
        let chosen = learned.into_iter().choose_multiple(rng, wanted);
        let chosen: Vec<PeerId> = kept.into_iter().chain(chosen).map(|(peer, _)| *peer).collect();
        let mut addresses = Vec::new();
        for peer in chosen {
            let Some(entry) = self.entries.get_mut(&peer) else { continue };
            entry.is_dialling = true;
            let place = entry.failures as usize % entry.addresses.len().max(1);
            addresses.extend(entry.addresses.get(place).cloned());
        }
        addresses
    }

    /// Peers that nobody named.
    fn learned(&self) -> usize {
        self.entries.values().filter(|entry| !entry.is_static).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn address(peer: PeerId, port: u16) -> Multiaddr {
        format!("/ip4/10.0.0.1/tcp/{port}/p2p/{peer}").parse().unwrap()
    }

    #[test]
    fn whoever_was_named_is_dialled_again_and_again_others_are_given_up() {
        let (mut book, mut rng) = (Book::default(), StdRng::seed_from_u64(1));
        let (named, heard) = (PeerId::random(), PeerId::random());
        book.keep(address(named, 1));
        book.learn(address(heard, 2));
        let settings = ProtocolSettings::default();
        let (mut now, mut dials) = (Duration::ZERO, BTreeMap::<PeerId, u32>::new());
        for _ in 0..1000 {
            now += Duration::from_secs(1);
            for address in book.due(now, 5, |_| false, &mut rng) {
                let peer = peer_of(&address).unwrap();
                *dials.entry(peer).or_default() += 1;
                book.failed(now, &settings, &peer, &mut rng);
            }
        }
        assert!((90..400).contains(&dials[&named]), "{dials:?}");
        assert_eq!(dials[&heard], HOPELESS);
    }

    #[test]
    fn a_book_is_bounded_and_holds_only_what_can_be_dialled() {
        let mut book = Book::default();
        book.learn("/ip4/10.0.0.1/tcp/1".parse().unwrap());
        book.learn(format!("/ip4/0.0.0.0/tcp/1/p2p/{}", PeerId::random()).parse().unwrap());
        assert!(book.entries.is_empty());
        (0..2 * REMEMBERED).for_each(|_| book.learn(address(PeerId::random(), 1)));
        assert_eq!(book.entries.len(), REMEMBERED);
        let peer = *book.entries.keys().next().unwrap();
        (0..100).for_each(|port| book.learn(address(peer, port)));
        assert_eq!(book.entries[&peer].addresses.len(), ADDRESSES);
    }
}
