//! How does a node take part in the network?

use super::{Multiaddr, PeerAddress, PeerId};
use alloy_primitives::Address;
use libp2p::identity::Keypair;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// Port that nodes listen on for each other.
const DEFAULT_P2P_PORT: u16 = 30_303;

/// How a node takes part in the network. Who it is, its data directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Where it listens for peers; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Nobody chose the port: where it is taken, another one will do.
    pub any_port: bool,
    /// Where others reach it, if that is somewhere else: behind a router, in a container.
    pub external: Vec<Multiaddr>,
    /// Peers to which a connection is kept up.
    pub peers: Vec<PeerAddress>,
    /// If there is a list: only these, and those of `peers`.
    pub allowed: Option<BTreeSet<PeerId>>,
    /// Connected peers at most.
    pub max_peers: usize,
    /// Connections that one address may open; this machine's own is not counted.
    pub max_per_ip: usize,
    /// So long a node that has `peers` waits for one of them to say where the chain is, before it makes
    /// blocks of its own.
    pub peer_grace: Duration,
    /// Bytes of gossip a second that are read of one peer.
    pub gossip_bytes: usize,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_P2P_PORT),
            any_port: true,
            external: Vec::new(),
            peers: Vec::new(),
            allowed: None,
            max_peers: 50,
            max_per_ip: 16,
            peer_grace: Duration::from_secs(10),
            gossip_bytes: 8 << 20,
        }
    }
}

/// Who takes part in the network, and how.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    /// Who it is.
    pub key: Keypair,
    /// Where it listens, and with whom it talks.
    pub config: NetworkConfig,
    /// Software and version.
    pub client: String,
    /// Does this node seal blocks? Until [`super::NetworkHandle::set_seals`] says otherwise.
    pub seals: bool,
    /// As whom it signs them, where it has a key.
    pub signer: Option<Address>,
}
