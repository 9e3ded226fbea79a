//! Where is a peer? Addresses as people write them, and names that are looked up at every dial.

use super::error::AddressError;
use crate::{
    network::{Multiaddr, PeerId},
    primitives::echo,
};
use libp2p::multiaddr::Protocol;
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// Addresses of one name that are tried at most.
const MAX_RESOLVED: usize = 8;

/// A peer and where to dial it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// Who has to answer.
    pub id: PeerId,
    /// The whole address, which ends in the id.
    pub address: Multiaddr,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Host {
    Ip(IpAddr),
    Name { name: String, family: Family },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    const fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

impl TryFrom<Multiaddr> for PeerAddress {
    type Error = AddressError;

    fn try_from(address: Multiaddr) -> Result<Self, AddressError> {
        let mut parts: Vec<Protocol<'_>> = address.iter().take(4).collect();
        let Some(Protocol::P2p(id)) = parts.last() else {
            return Err(AddressError::NoPeer(address));
        };
        let id = *id;
        parts.pop();
        let named = |name: &str, family| Host::Name { name: name.to_owned(), family };
        let (host, port) = match parts.as_slice() {
            [Protocol::Ip4(ip), Protocol::Tcp(port)] => (Host::Ip((*ip).into()), *port),
            [Protocol::Ip6(ip), Protocol::Tcp(port)] => (Host::Ip((*ip).into()), *port),
            [Protocol::Dns(name), Protocol::Tcp(port)] => (named(name, Family::Any), *port),
            [Protocol::Dns4(name), Protocol::Tcp(port)] => (named(name, Family::V4), *port),
            [Protocol::Dns6(name), Protocol::Tcp(port)] => (named(name, Family::V6), *port),
            _ => return Err(AddressError::NotDialable(address)),
        };
        if port == 0 {
            return Err(AddressError::NotDialable(address));
        }
        Ok(Self { id, host, port, address })
    }
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(given: &str) -> Result<Self, AddressError> {
        if given.starts_with("enode:") || given.starts_with("enr:") {
            return Err(AddressError::Enode(echo(given).into_owned()));
        }
        let form = |reason: libp2p::multiaddr::Error| AddressError::Form {
            given: echo(given).into_owned(),
            reason: reason.to_string(),
        };
        given.trim().parse::<Multiaddr>().map_err(form)?.try_into()
    }
}

impl PeerAddress {
    /// What can be dialled now: the address itself, or what its name stands for at this moment.
    /// Containers move, so nothing is remembered.
    pub(super) async fn resolve(self) -> std::io::Result<Vec<Multiaddr>> {
        let (name, family) = match &self.host {
            Host::Ip(_) => return Ok(vec![self.address]),
            Host::Name { name, family } => (name, *family),
        };
        let found = tokio::net::lookup_host((name.as_str(), self.port)).await?;
        let usable = found.filter(|found| family.has(found.ip()));
        Ok(usable.take(MAX_RESOLVED).map(|found| of_peer(found, self.id)).collect())
    }
}

/// The address of a peer at a socket.
pub(super) fn of_peer(at: SocketAddr, id: PeerId) -> Multiaddr {
    of_socket(at).with(Protocol::P2p(id))
}

/// The address of a socket.
pub(super) fn of_socket(at: SocketAddr) -> Multiaddr {
    Multiaddr::from(at.ip()).with(Protocol::Tcp(at.port()))
}

/// The IP address that an address begins with.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}

/// What counts as one place: an address, and of the long ones the network of 64 bits that a machine has to itself.
pub fn network_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(long) => IpAddr::V6((long.to_bits() >> 64 << 64).into()),
    }
}

/// The id that an address ends with.
pub fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last()? {
        Protocol::P2p(id) => Some(id),
        _ => None,
    }
}

/// The same address, ending in this id.
pub(super) fn with_peer(address: Multiaddr, id: PeerId) -> Multiaddr {
    match peer_of(&address) {
        Some(_) => address,
        None => address.with(Protocol::P2p(id)),
    }
}

/// Reads an address at which this node can be reached; it need not name who it is.
pub fn external_address(given: &str) -> Result<Multiaddr, AddressError> {
    let own = given.trim_end_matches('/');
    let whole = match own.contains("/p2p/") {
        true => own.to_owned(),
        false => format!("{own}/p2p/{}", PeerId::random()),
    };
    let read = whole.parse::<PeerAddress>().map_err(|error| match error {
        AddressError::Form { reason, .. } => {
            AddressError::Form { given: echo(given).into_owned(), reason }
        }
        other => other,
    })?;
    let kept = if own.contains("/p2p/") { 3 } else { 2 };
    Ok(read.address.iter().take(kept).collect())
}

/// Reads a peer id.
pub fn peer_id(given: &str) -> Result<PeerId, AddressError> {
    given.trim().parse::<PeerId>().map_err(|reason| AddressError::PeerId {
        given: echo(given).into_owned(),
        reason: reason.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn addresses_of_peers_are_read() {
        for form in ["/ip4/192.0.2.7", "/ip6/2001:db8::1", "/dns/n.example", "/dns4/n", "/dns6/n"] {
            let text = format!("{form}/tcp/30303/p2p/{ID}");
            let read: PeerAddress = text.parse().unwrap();
            assert_eq!((read.id.to_string().as_str(), read.address.to_string()), (ID, text));
        }
    }

    #[test]
    fn what_names_no_peer_gets_the_right_form() {
        for text in [
            "".to_owned(),
            "192.0.2.7:30303".to_owned(),
            "/ip4/192.0.2.7/tcp/30303".to_owned(),
            format!("/ip4/192.0.2.7/p2p/{ID}"),
            format!("/ip4/192.0.2.7/tcp/0/p2p/{ID}"),
            format!("/ip4/192.0.2.7/udp/30303/p2p/{ID}"),
            format!("/ip4/192.0.2.7/tcp/30303/p2p/{ID}/p2p-circuit"),
            "/ip4/192.0.2.7/tcp/30303/p2p/abc".to_owned(),
            "enode://abc@192.0.2.7:30303".to_owned(),
            "/".repeat(100_000),
        ] {
            let error = text.parse::<PeerAddress>().unwrap_err().to_string();
            assert!(error.contains("/p2p/PEER_ID") || error.contains("/tcp/30303"), "{error}");
        }
        assert!(peer_id("12D").unwrap_err().to_string().contains("12D3KooW"));
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_keeps_the_id() {
        let address: PeerAddress = format!("/dns4/localhost/tcp/30303/p2p/{ID}").parse().unwrap();
        let resolved = address.resolve().await.unwrap();
        let expected: Multiaddr = format!("/ip4/127.0.0.1/tcp/30303/p2p/{ID}").parse().unwrap();
        assert_eq!(resolved, [expected]);
    }
}
