//! Who may be connected? Asked before a connection counts: bans, isolation, the list of allowed peers,
//! and how many connections one address may have.

use crate::network::{
    Multiaddr, PeerId,
    address::{ip_of, network_of},
};
use libp2p::{
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm,
        ListenFailure, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        dummy,
    },
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll, Waker},
    time::Instant,
};

/// Bans that are remembered; the one that ends first makes room.
const MAX_BANS: usize = 4_096;
/// With so many banned peers a network has none that may come: a new name costs nothing.
const MAX_BANS_OF_NETWORK: usize = 4;

/// Why a connection was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    /// It was banned.
    #[error("it is banned")]
    Banned,
    /// A list says who may, and it is not on it.
    #[error("it is not among the allowed peers (--allow-peers)")]
    NotAllowed,
    /// This node was cut off from it.
    #[error("this node is isolated from it")]
    Isolated,
    /// Peers that were banned keep coming from there, under new names.
    #[error("{bans} peers of {network} are banned")]
    Network {
        /// An IPv4 address, or the first of an IPv6 network.
        network: IpAddr,
        /// Of the peers there.
        bans: usize,
    },
    /// One address has too many.
    #[error("{ip} has {most} connections already, the most for one address")]
    TooMany {
        /// An IPv4 address, or the first of an IPv6 network.
        ip: IpAddr,
        /// Connections of one address at most.
        most: usize,
    },
}

/// A peer that nobody talks with for a while.
#[derive(Clone, Copy, Debug)]
struct Ban {
    until: Instant,
    /// Where it was; nothing for this machine itself.
    network: Option<IpAddr>,
}

/// Says who may be connected.
#[derive(Debug)]
pub(super) struct Gate {
    /// If there is a list: only these.
    allowed: Option<BTreeSet<PeerId>>,
    /// Peers that somebody named: they may come from anywhere.
    named: BTreeSet<PeerId>,
    isolated: BTreeSet<PeerId>,
    bans: HashMap<PeerId, Ban>,
    most_per_ip: usize,
    /// Connections that others opened, pending ones too.
    inbound: HashMap<ConnectionId, IpAddr>,
    per_ip: HashMap<IpAddr, usize>,
    closing: VecDeque<PeerId>,
    waker: Option<Waker>,
}

impl Gate {
    pub(super) fn new(
        allowed: Option<BTreeSet<PeerId>>,
        named: BTreeSet<PeerId>,
        most_per_ip: usize,
    ) -> Self {
        Self {
            allowed,
            named,
            isolated: BTreeSet::new(),
            bans: HashMap::new(),
            most_per_ip,
            inbound: HashMap::new(),
            per_ip: HashMap::new(),
            closing: VecDeque::new(),
            waker: None,
        }
    }

    /// May this peer be connected?
    pub(super) fn check(&self, peer: PeerId) -> Result<(), Denied> {
        if self.isolated.contains(&peer) {
            return Err(Denied::Isolated);
        }
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&peer)) {
            return Err(Denied::NotAllowed);
        }
        match self.bans.get(&peer) {
            Some(ban) if ban.until > Instant::now() => Err(Denied::Banned),
            _ => Ok(()),
        }
    }

    /// May this peer come from there?
    fn check_inbound(&self, peer: PeerId, remote: &Multiaddr) -> Result<(), Denied> {
        self.check(peer)?;
        let Some(network) = network_behind(remote) else { return Ok(()) };
        let now = Instant::now();
        let is_there = |ban: &&Ban| ban.until > now && ban.network == Some(network);
        let bans = self.bans.values().filter(is_there).count();
        match bans < MAX_BANS_OF_NETWORK || self.named.contains(&peer) {
            true => Ok(()),
            false => Err(Denied::Network { network, bans }),
        }
    }

    /// Takes no connection of this peer for a while, and ends those there are.
    pub(super) fn ban(&mut self, peer: PeerId, at: Option<&Multiaddr>, until: Instant) {
        let now = Instant::now();
        self.bans.retain(|_, ban| ban.until > now);
        if self.bans.len() >= MAX_BANS {
            let first = self.bans.iter().min_by_key(|(_, ban)| ban.until).map(|(peer, _)| *peer);
            first.map(|peer| self.bans.remove(&peer));
        }
        self.bans.insert(peer, Ban { until, network: at.and_then(network_behind) });
        self.close(peer);
    }

    /// Forgets a ban.
    pub(super) fn forgive(&mut self, peer: &PeerId) {
        self.bans.remove(peer);
    }

    /// Somebody named this peer. Where there is a list of allowed peers, it is on it from now on.
    pub(super) fn allow(&mut self, peer: PeerId) {
        self.named.insert(peer);
        if let Some(allowed) = &mut self.allowed {
            allowed.insert(peer);
        }
    }

    /// Cuts this node off from exactly these peers.
    pub(super) fn isolate(&mut self, peers: BTreeSet<PeerId>) {
        self.isolated = peers;
        self.closing.extend(self.isolated.iter().copied());
        self.wake();
    }

    /// Ends all connections to a peer.
    pub(super) fn close(&mut self, peer: PeerId) {
        self.closing.push_back(peer);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn admit(&mut self, id: ConnectionId, remote: &Multiaddr) -> Result<(), Denied> {
        // Only TCP is spoken, so there is an IP address.
        let Some(ip) = network_behind(remote) else { return Ok(()) };
        let count = self.per_ip.get(&ip).copied().unwrap_or(0);
        if count >= self.most_per_ip {
            return Err(Denied::TooMany { ip, most: self.most_per_ip });
        }
        self.per_ip.insert(ip, count + 1);
        self.inbound.insert(id, ip);
        Ok(())
    }

    fn forget(&mut self, id: ConnectionId) {
        let Some(ip) = self.inbound.remove(&id) else { return };
        if let Some(count) = self.per_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
    }
}

/// The network of an address; nothing for this machine itself.
fn network_behind(address: &Multiaddr) -> Option<IpAddr> {
    ip_of(address).filter(|ip| !ip.is_loopback()).map(network_of)
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.admit(id, remote).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _id: ConnectionId,
        peer: PeerId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check_inbound(peer, remote).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _id: ConnectionId,
        peer: Option<PeerId>,
        _addresses: &[Multiaddr],
        _endpoint: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.check(peer)).map_err(ConnectionDenied::new)?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _id: ConnectionId,
        peer: PeerId,
        _address: &Multiaddr,
        _endpoint: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(peer).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.forget(connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _peer: PeerId,
        _id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(peer_id) = self.closing.pop_front() {
            let connection = CloseConnection::All;
            return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection });
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn gate(allowed: Option<BTreeSet<PeerId>>) -> Gate {
        Gate::new(allowed, BTreeSet::new(), 2)
    }

    #[test]
    fn bans_end_and_are_bounded() {
        let (mut gate, peer) = (gate(None), PeerId::random());
        gate.ban(peer, None, Instant::now() + Duration::from_secs(3_600));
        assert_eq!(gate.check(peer), Err(Denied::Banned));
        for _ in 0..MAX_BANS + 10 {
            gate.ban(PeerId::random(), None, Instant::now() + Duration::from_secs(7_200));
        }
        assert_eq!((gate.bans.len(), gate.check(peer)), (MAX_BANS, Ok(())));
        gate.ban(peer, None, Instant::now());
        assert_eq!(gate.check(peer), Ok(()));
    }

    #[test]
    fn a_list_of_allowed_peers_and_isolation_hold_for_everyone_else() {
        let (friend, other) = (PeerId::random(), PeerId::random());
        let mut gate = gate(Some(BTreeSet::from([friend])));
        assert_eq!((gate.check(friend), gate.check(other)), (Ok(()), Err(Denied::NotAllowed)));
        gate.allow(other);
        gate.isolate(BTreeSet::from([friend]));
        assert_eq!((gate.check(friend), gate.check(other)), (Err(Denied::Isolated), Ok(())));
        gate.isolate(BTreeSet::new());
        assert_eq!(gate.check(friend), Ok(()));
    }

    #[test]
    fn one_address_has_so_many_connections_and_no_more() {
        let mut gate = gate(None);
        let here: Multiaddr = "/ip4/192.0.2.7/tcp/1".parse().unwrap();
        let id = ConnectionId::new_unchecked;
        assert_eq!((gate.admit(id(1), &here), gate.admit(id(2), &here)), (Ok(()), Ok(())));
        assert!(matches!(gate.admit(id(3), &here), Err(Denied::TooMany { most: 2, .. })));
        gate.forget(id(3));
        gate.forget(id(1));
        assert_eq!(gate.admit(id(4), &here), Ok(()));
        gate.forget(id(2));
        gate.forget(id(4));
        assert!(gate.per_ip.is_empty() && gate.inbound.is_empty());
    }

    #[test]
    fn a_network_of_64_bits_is_one_address_and_who_is_refused_takes_no_room() {
        let mut gate = gate(None);
        let at = |host: u64| format!("/ip6/2001:db8:1:2::{host:x}/tcp/1").parse().unwrap();
        let id = ConnectionId::new_unchecked;
        assert_eq!((gate.admit(id(1), &at(1)), gate.admit(id(2), &at(2))), (Ok(()), Ok(())));
        assert!(gate.admit(id(3), &at(3)).is_err());
        assert_eq!(gate.admit(id(4), &"/ip6/2001:db8:1:3::1/tcp/1".parse().unwrap()), Ok(()));

        let mut closed = Gate::new(None, BTreeSet::new(), 0);
        assert!(closed.admit(id(1), &at(1)).is_err());
        assert!(closed.per_ip.is_empty());
    }

    #[test]
    fn who_was_banned_does_not_come_back_under_new_names() {
        let (mut gate, hour) = (gate(None), Instant::now() + Duration::from_secs(3_600));
        let at = |text: &str| text.parse::<Multiaddr>().unwrap();
        let home = at("/ip4/192.0.2.7/tcp/1");
        for bans in 0..MAX_BANS_OF_NETWORK {
            assert_eq!(gate.check_inbound(PeerId::random(), &home), Ok(()), "after {bans} bans");
            gate.ban(PeerId::random(), Some(&home), hour);
        }
        let friend = PeerId::random();
        assert!(matches!(
            gate.check_inbound(friend, &home),
            Err(Denied::Network { bans: MAX_BANS_OF_NETWORK, .. })
        ));
        assert_eq!(gate.check(friend), Ok(()), "this node may dial it");
        assert_eq!(gate.check_inbound(friend, &at("/ip4/192.0.2.8/tcp/1")), Ok(()));
        gate.allow(friend);
        assert_eq!(gate.check_inbound(friend, &home), Ok(()), "somebody named it");

        let here = at("/ip4/127.0.0.1/tcp/1");
        (0..10).for_each(|_| gate.ban(PeerId::random(), Some(&here), hour));
        assert_eq!(gate.check_inbound(PeerId::random(), &here), Ok(()));
        let banned: Vec<PeerId> = gate.bans.keys().copied().collect();
        banned.iter().for_each(|peer| gate.forgive(peer));
        assert_eq!(gate.check_inbound(PeerId::random(), &home), Ok(()));
    }
}
