//! Who is connected, and what is known of each?

use super::{Direction, settings::ProtocolSettings};
use crate::network::{
    Multiaddr, PeerId,
    message::{Head, Status},
};
use alloy_primitives::{B256, U256};
use std::{collections::BTreeMap, time::Duration};

/// A connected peer.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: Multiaddr,
    pub(super) direction: Direction,
    /// Where it says that it listens.
    pub(super) listens: Vec<Multiaddr>,
    /// What it said of itself, once we may talk.
    pub(super) status: Option<Status>,
    /// Has it taken us?
    pub(super) takes_us: bool,
    /// Why the connection ends, where one of the two refuses the other.
    pub(super) refused: Option<String>,
    /// Its clock minus ours, in seconds.
    pub(super) clock_difference: i64,
    /// Its head, as it last said.
    pub(super) head: Head,
    /// Since when its head is better than ours.
    pub(super) ahead_since: Option<Duration>,
    /// A head that it said it has and that led nowhere.
    pub(super) useless: Option<B256>,
    /// Until then others are followed rather: it did not answer.
    pub(super) set_aside: Duration,
    /// Was it this node that ended the connection?
    pub(super) is_dropped: bool,
    /// When the connection is ended, whatever comes.
    pub(super) leaves: Option<Duration>,
    /// Requests that it may send now, and when that was counted.
    allowance: (f64, Duration),
    /// Requests for bodies that it has not answered.
    pub(super) busy: usize,
}

impl Peer {
    pub(super) fn new(
        now: Duration,
        settings: &ProtocolSettings,
        address: Multiaddr,
        direction: Direction,
    ) -> Self {
        Self {
            address,
            direction,
            listens: Vec::new(),
            status: None,
            takes_us: false,
            refused: None,
            is_dropped: false,
            clock_difference: 0,
            head: Head::default(),
            ahead_since: None,
            useless: None,
            set_aside: Duration::ZERO,
            leaves: Some(now + settings.hello_time),
            allowance: (f64::from(settings.requests_per_second) * 2.0, now),
            busy: 0,
        }
    }

    /// May we talk, and does it think so too?
    pub(super) const fn is_ready(&self) -> bool {
        self.status.is_some() && self.takes_us
    }

    /// Takes a request, if it has not sent too many.
    pub(super) fn may_ask(&mut self, now: Duration, settings: &ProtocolSettings) -> bool {
        let rate = f64::from(settings.requests_per_second);
        let (left, counted) = self.allowance;
        let left = (left + rate * now.saturating_sub(counted).as_secs_f64()).min(rate * 2.0);
        let may = left >= 1.0;
        self.allowance = (if may { left - 1.0 } else { left }, now);
        may
    }
}

/// Who is connected.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) all: BTreeMap<PeerId, Peer>,
}

impl Peers {
    pub(super) fn get(&self, peer: &PeerId) -> Option<&Peer> {
        self.all.get(peer)
    }

    pub(super) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Peer> {
        self.all.get_mut(peer)
    }

    /// Those that we talk with.
    pub(super) fn ready(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.all.iter().filter(|(_, peer)| peer.is_ready())
    }

    /// Those that came by themselves.
    pub(super) fn inbound(&self) -> usize {
        self.all.values().filter(|peer| peer.direction == Direction::Inbound).count()
    }

    /// The middle one of what clocks say more than ours, in seconds.
    pub(super) fn clock_difference(&self) -> Option<i64> {
        let mut all: Vec<i64> = self.ready().map(|(_, peer)| peer.clock_difference).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }
}

/// What is shown of a connected peer.
#[derive(Clone, Debug)]
pub struct PeerView {
    /// Who.
    pub id: PeerId,
    /// Where.
    pub address: Multiaddr,
    /// Who opened the connection.
    pub direction: Direction,
    /// Where it says that it listens.
    pub listens: Vec<Multiaddr>,
    /// What it last said of itself, its head being the newest; `None` before it has greeted.
    pub status: Option<Status>,
    /// Its clock minus ours, in seconds.
    pub clock_difference: Option<i64>,
    /// Is a connection to it kept up?
    pub is_static: bool,
    /// What is held against it: 0 is nothing, 100 a ban.
    pub points: u32,
}

/// A download that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncView {
    /// Height of the head when it began.
    pub starting: u64,
    /// Height of the head.
    pub current: u64,
    /// Height that the peer has from which the headers come.
    pub highest: u64,
}

/// What is shown of the machine.
#[derive(Clone, Debug, Default)]
pub struct ProtocolView {
    /// Who is connected.
    pub peers: Vec<PeerView>,
    /// What it is known to lack; `None` if this node has what its peers have, as far as they have shown it.
    pub sync: Option<SyncView>,
    /// What the middle one of the peers' clocks says more than ours, in seconds.
    pub clock_difference: Option<i64>,
    /// Peers that refuse this node or that it refuses, lately, and why.
    pub refused: Vec<(PeerId, String)>,
    /// The heaviest head that a peer has.
    pub best: Option<(u64, U256)>,
}
