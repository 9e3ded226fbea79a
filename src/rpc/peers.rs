//! `admin_*` of peers: who is connected, who should be, and who is this node to others?
//!
//! Nodes find each other by libp2p multiaddresses. Where geth's clients expect an `enode`, they get one of
//! those; everything else has geth's names.

use super::{Answer, Api, RpcError};
use crate::network::{
    AddressError, NetworkError, NetworkHandle, PeerAddress, PeerId, PeerInfo, peer_id,
};
use alloy_primitives::B256;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Peers that one request may name.
const MAX_ISOLATED: usize = 1_024;

/// Why the network did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    /// Nobody wanted one.
    #[error("this node has no network: it was started with --no-p2p")]
    NoNetwork,
    /// No address of a peer.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// More names than are taken.
    #[error("{asked} peers in one request, {limit} allowed")]
    TooMany {
        /// Peers that were named.
        asked: usize,
        /// Peers allowed.
        limit: usize,
    },
    /// It ended, or is of another opinion.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Nothing is told under that name.
    #[error("no \"{0}\" subscription in admin namespace; there is \"peerEvents\"")]
    NoSubscription(String),
    /// A subscriber took the news of peers too slowly.
    #[error("{missed} events of peers were missed: more happened than are kept for slow readers")]
    Missed {
        /// Events that are lost.
        missed: u64,
    },
    /// No more peers come or go.
    #[error("the network of this node has ended")]
    NetworkEnded,
}

/// The node's peers, as in geth.
#[rpc(server, namespace = "admin")]
pub trait Peers {
    /// Who this node is: its id, its addresses, its chain.
    #[method(name = "nodeInfo")]
    async fn node_info(&self) -> Answer<NodeInfo>;

    /// Who is connected.
    #[method(name = "peers")]
    fn peers(&self) -> Answer<Vec<Peer>>;

    /// Keeps a connection up to the node at this multiaddress, which ends in `/p2p/ID`. It is allowed from
    /// now on, also where a list says who is.
    #[method(name = "addPeer")]
    async fn add_peer(&self, address: String) -> Answer<bool>;

    /// Ends the connection to a peer, named by its address or its id, and keeps none up any more. It may not
    /// come back by itself for ten minutes, unless `admin_addPeer` names it before.
    #[method(name = "removePeer")]
    async fn remove_peer(&self, peer: String) -> Answer<bool>;

    /// Takes a peer's connection also when as many are connected as may be.
    #[method(name = "addTrustedPeer")]
    async fn add_trusted_peer(&self, peer: String) -> Answer<bool>;

    /// Takes it back.
    #[method(name = "removeTrustedPeer")]
    async fn remove_trusted_peer(&self, peer: String) -> Answer<bool>;

    /// Cuts the node off from exactly these peers, in both directions, until it is called with others or
    /// with none.
    #[method(name = "isolate")]
    async fn isolate(&self, peers: Vec<String>) -> Answer<bool>;
}

/// Who this node is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    id: String,
    name: String,
    /// The first of `addresses`.
    enode: String,
    enr: String,
    ip: String,
    ports: Value,
    listen_addr: String,
    /// Where peers can reach it.
    addresses: Vec<String>,
    protocols: Value,
}

/// A connected peer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    id: String,
    name: String,
    enode: String,
    enr: String,
    caps: Vec<&'static str>,
    network: Value,
    protocols: Value,
    /// Where it says it listens.
    addresses: Vec<String>,
    /// Does it seal blocks?
    seals: bool,
    /// 0 is no fault.
    score: i64,
    /// Its clock minus ours.
    clock_difference_seconds: Option<i64>,
    round_trip_millis: Option<u64>,
    connected_seconds: u64,
}

impl Api {
    fn joined(&self) -> Answer<&NetworkHandle> {
        self.network.as_ref().ok_or(RpcError::Peers(PeersError::NoNetwork))
    }
}

#[async_trait]
impl PeersServer for Api {
    async fn node_info(&self) -> Answer<NodeInfo> {
        let network = self.network.clone();
        self.blocking(move |node| {
            let addresses = network.as_ref().map(NetworkHandle::listen_addresses);
            let addresses: Vec<_> =
                addresses.iter().flatten().map(|address| address.to_string()).collect();
            let (ip, port) = addresses.first().map(|it| socket(it)).unwrap_or_default();
            let id = network.as_ref().map(|it| it.local_peer_id().to_string());
            let spec = &node.chain.spec();
            let head = node.chain.head();
            let chain = json!({
                "network": spec.chain_id(),
                "difficulty": node.chain.total_difficulty(head.number)?,
                "genesis": node.chain.header(node.chain.first())?.map(|it| it.seal()),
                "config": spec.genesis.config,
                "head": head.seal(),
            });
            Ok(NodeInfo {
                id: id.unwrap_or_default(),
                name: super::web3::client_version(node),
                enode: addresses.first().cloned().unwrap_or_default(),
                enr: String::new(),
                listen_addr: if ip.is_empty() { String::new() } else { format!("{ip}:{port}") },
                ip,
                ports: json!({ "discovery": 0, "listener": port }),
                addresses,
                protocols: json!({ "eth": chain }),
            })
        })
        .await
    }

    fn peers(&self) -> Answer<Vec<Peer>> {
        let Some(network) = &self.network else { return Ok(Vec::new()) };
        let local = network.listen_addresses().first().map(ToString::to_string);
        let local = local.unwrap_or_default();
        Ok(network.peers().iter().map(|peer| described(peer, &local)).collect())
    }

    async fn add_peer(&self, address: String) -> Answer<bool> {
        let network = self.joined()?;
        let peer = address.parse::<PeerAddress>().map_err(PeersError::from)?;
        network.add_peer(peer).await.map_err(PeersError::from)?;
        Ok(true)
    }

    async fn remove_peer(&self, peer: String) -> Answer<bool> {
        let network = self.joined()?;
        network.remove_peer(named(&peer)?).await.map_err(PeersError::from)?;
        Ok(true)
    }

    async fn add_trusted_peer(&self, peer: String) -> Answer<bool> {
        let network = self.joined()?;
        network.trust(named(&peer)?).await.map_err(PeersError::from)?;
        Ok(true)
    }

    async fn remove_trusted_peer(&self, peer: String) -> Answer<bool> {
        let network = self.joined()?;
        network.distrust(named(&peer)?).await.map_err(PeersError::from)?;
        Ok(true)
    }

    async fn isolate(&self, peers: Vec<String>) -> Answer<bool> {
        let network = self.joined()?;
        let (asked, limit) = (peers.len(), MAX_ISOLATED);
        if asked > limit {
            return Err(PeersError::TooMany { asked, limit }.into());
        }
        let peers = peers.iter().map(|peer| named(peer)).collect::<Result<Vec<_>, _>>()?;
        network.isolate(peers).await.map_err(PeersError::from)?;
        Ok(true)
    }
}

/// A peer, by its id or by an address that ends in it.
fn named(given: &str) -> Result<PeerId, PeersError> {
    if given.contains('/') {
        return Ok(given.parse::<PeerAddress>()?.id);
    }
    Ok(peer_id(given)?)
}

/// The host and the port of a multiaddress.
fn socket(address: &str) -> (String, u16) {
    let mut parts = address.split('/').skip(2);
    let ip = parts.next().unwrap_or_default().to_owned();
    (ip, parts.nth(1).and_then(|port| port.parse().ok()).unwrap_or_default())
}

fn described(peer: &PeerInfo, local: &str) -> Peer {
    let status = peer.status.as_ref();
    let remote = peer.address.to_string();
    let mut protocols = Map::new();
    let eth = status.map(|it| {
        let (head, difficulty): (B256, _) = (it.head.hash, it.head.total_difficulty);
        json!({ "difficulty": difficulty, "head": head, "number": it.head.number, "version": 1 })
    });
    protocols.insert("eth".to_owned(), eth.unwrap_or_else(|| "handshake".into()));
    Peer {
        id: peer.id.to_string(),
        name: status.map(|it| it.client.clone()).unwrap_or_default(),
        enode: peer.listens.first().map_or_else(|| remote.clone(), ToString::to_string),
        enr: String::new(),
        caps: vec!["mainspring/2"],
        network: json!({
            "localAddress": local,
            "remoteAddress": remote,
            "inbound": peer.direction == crate::network::protocol::Direction::Inbound,
            "trusted": peer.is_trusted,
            "static": peer.is_static,
        }),
        protocols: protocols.into(),
        addresses: peer.listens.iter().map(ToString::to_string).collect(),
        seals: status.is_some_and(|it| it.seals),
        score: peer.score,
        clock_difference_seconds: peer.clock_difference,
        round_trip_millis: peer.round_trip.map(|it| it.as_millis() as u64),
        connected_seconds: peer.connected.as_secs(),
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
