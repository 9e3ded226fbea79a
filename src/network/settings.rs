//! How does a node take part in the network?

use super::{Multiaddr, PeerAddress, PeerId};
use libp2p::identity::Keypair;
use std::{collections::BTreeSet, net::SocketAddr};

/// Port that nodes listen on for each other.
pub const DEFAULT_P2P_PORT: u16 = 30_303;

/// How a node takes part in the network.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    /// Who it is.
    pub key: Keypair,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Take a free port where that one is not to be had.
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
    /// Software and version.
    pub client: String,
    /// Does this node seal blocks?
    pub seals: bool,
}
