//! How does a node take part in the network?

use super::{ConfigError, Settings, resolve::above_zero};
pub use crate::network::NetworkConfig;
use crate::network::{Multiaddr, PeerAddress, PeerId, peer_id};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Settings of the network as given. A development chain has none, so they are flags of `mainspring node`.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct NetworkArgs {
    /// Port to listen on for other nodes; 0 takes a free one [default: 30303]
    #[arg(long, env = "MAINSPRING_P2P_PORT", value_name = "PORT", help_heading = NETWORK)]
    pub p2p_port: Option<u16>,
    /// Address to listen on for other nodes [default: 0.0.0.0]
    #[arg(long, env = "MAINSPRING_P2P_HOST", value_name = "IP", help_heading = NETWORK)]
    pub p2p_host: Option<IpAddr>,
    /// A node to stay connected with, as in /ip4/192.0.2.7/tcp/30303/p2p/PEER_ID or
    /// /dns4/node.example/tcp/30303/p2p/PEER_ID; each node prints its own address when it starts.
    /// Where one is named, /ready answers 503 while there is no peer
    #[arg(long, env = "MAINSPRING_PEER", value_name = "MULTIADDR", visible_alias = "bootnodes")]
    #[arg(value_delimiter = ',', help_heading = NETWORK)]
    pub peer: Option<Vec<String>>,
    /// Peers at most [default: 50]
    #[arg(long, env = "MAINSPRING_MAX_PEERS", visible_alias = "maxpeers", value_name = "COUNT")]
    #[arg(help_heading = NETWORK)]
    pub max_peers: Option<usize>,
    /// Connections that one IP address may open, this machine's own aside [default: 16]
    #[arg(long, env = "MAINSPRING_MAX_PEERS_PER_ADDRESS", value_name = "COUNT")]
    #[arg(help_heading = NETWORK)]
    pub max_peers_per_address: Option<usize>,
    /// Seconds that a node waits for one of its peers (--peer) to say where the chain is, before it signs or
    /// mines blocks; 0 waits for nobody [default: 10]
    #[arg(long, env = "MAINSPRING_PEER_GRACE", value_name = "SECONDS", help_heading = NETWORK)]
    pub peer_grace: Option<u64>,
    /// MiB of blocks and transactions a second that one peer may pass on [default: 8]
    #[arg(long, env = "MAINSPRING_MAX_GOSSIP_PER_PEER", value_name = "MIB")]
    #[arg(help_heading = NETWORK)]
    pub max_gossip_per_peer: Option<usize>,
    /// Talk with these peers only, and with those of --peer
    #[arg(long, env = "MAINSPRING_ALLOW_PEERS", value_name = "PEER_ID", value_delimiter = ',')]
    #[arg(help_heading = NETWORK)]
    pub allow_peers: Option<Vec<String>>,
    /// Where other nodes reach this one, if not where it listens, as in /ip4/192.0.2.7/tcp/30303 (behind a
    /// router, in a container)
    #[arg(long, env = "MAINSPRING_EXTERNAL_ADDRESS", value_name = "MULTIADDR")]
    #[arg(value_delimiter = ',', help_heading = NETWORK)]
    pub external_address: Option<Vec<String>>,
    /// Have no network: neither listen for other nodes nor connect to any
    #[arg(long, env = "MAINSPRING_NO_P2P", help_heading = NETWORK)]
    pub no_p2p: bool,
}

const NETWORK: &str = "Network";

impl NetworkConfig {
    /// Nothing where there is to be no network.
    pub(super) fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let args = &settings.p2p;
        let default = Self::default();
        let max_peers = above_zero("max-peers", args.max_peers)?;
        let max_per_ip = above_zero("max-peers-per-address", args.max_peers_per_address)?;
        let gossip = above_zero("max-gossip-per-peer", args.max_gossip_per_peer)?;
        let peers = args.peer.iter().flatten();
        let external = args.external_address.iter().flatten();
        let config = Self {
            listen: SocketAddr::new(
                args.p2p_host.unwrap_or(default.listen.ip()),
                args.p2p_port.unwrap_or(default.listen.port()),
            ),
            any_port: args.p2p_port.is_none(),
            external: external.map(|given| reachable(given)).collect::<Result<_, _>>()?,
            peers: peers.map(|given| peer(given)).collect::<Result<_, _>>()?,
            allowed: args.allow_peers.as_deref().map(allowed).transpose()?,
            max_peers: max_peers.unwrap_or(default.max_peers),
            max_per_ip: max_per_ip.unwrap_or(default.max_per_ip),
            peer_grace: args.peer_grace.map_or(default.peer_grace, Duration::from_secs),
            gossip_bytes: gossip.map_or(default.gossip_bytes, |mib| mib.saturating_mul(1 << 20)),
        };
        if !args.no_p2p {
            return Ok(Some(config));
        }
        let given = [
            ("p2p-port", args.p2p_port.is_some()),
            ("p2p-host", args.p2p_host.is_some()),
            ("peer", args.peer.is_some()),
            ("peer-grace", args.peer_grace.is_some()),
            ("allow-peers", args.allow_peers.is_some()),
            ("external-address", args.external_address.is_some()),
        ];
        match given.into_iter().find(|(_name, is_given)| *is_given) {
            Some((other, _)) => Err(ConfigError::Conflict { one: "no-p2p", other }),
            None => Ok(None),
        }
    }
}

fn peer(given: &str) -> Result<PeerAddress, ConfigError> {
    given.parse().map_err(|reason| ConfigError::Peer { flag: "peer", reason })
}

/// Ids, or addresses that end in one.
fn allowed(given: &[String]) -> Result<BTreeSet<PeerId>, ConfigError> {
    let id = |given: &String| match given.contains('/') {
        true => given.parse::<PeerAddress>().map(|peer| peer.id),
        false => peer_id(given),
    };
    let failed = |reason| ConfigError::Peer { flag: "allow-peers", reason };
    given.iter().map(|given| id(given).map_err(failed)).collect()
}

fn reachable(given: &str) -> Result<Multiaddr, ConfigError> {
    let failed = |reason| ConfigError::Peer { flag: "external-address", reason };
    crate::network::external_address(given).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn read(p2p: NetworkArgs) -> Result<Option<NetworkConfig>, ConfigError> {
        Config::from_settings(Settings { p2p, ..Settings::default() }).map(|config| config.network)
    }

    #[test]
    fn nodes_listen_as_geths_do_unless_they_are_told_not_to() {
        let config = read(NetworkArgs::default()).unwrap().unwrap();
        assert_eq!((config.listen.to_string().as_str(), config.any_port), ("0.0.0.0:30303", true));
        let chosen = NetworkArgs { p2p_port: Some(30_303), ..NetworkArgs::default() };
        assert!(!read(chosen).unwrap().unwrap().any_port);
        assert_eq!(read(NetworkArgs { no_p2p: true, ..Default::default() }).unwrap(), None);
        let both = NetworkArgs { no_p2p: true, p2p_port: Some(0), ..Default::default() };
        assert_eq!(read(both).unwrap_err().to_string(), "--no-p2p cannot be used with --p2p-port");
    }

    #[test]
    fn peers_and_ids_are_read_and_what_is_none_gets_the_right_form() {
        let address = format!("/ip4/192.0.2.7/tcp/30303/p2p/{ID}");
        let good = NetworkArgs {
            peer: Some(vec![address.clone()]),
            allow_peers: Some(vec![ID.to_owned(), address]),
            external_address: Some(vec!["/ip4/192.0.2.7/tcp/1".to_owned()]),
            ..Default::default()
        };
        let config = read(good).unwrap().unwrap();
        assert_eq!((config.peers.len(), config.allowed.unwrap().len()), (1, 1));
        for (flag, bad) in [
            ("--peer", NetworkArgs { peer: Some(vec!["enode://x".into()]), ..Default::default() }),
            ("--peer", NetworkArgs { peer: Some(vec!["1.2.3.4:5".into()]), ..Default::default() }),
            (
                "--allow-peers",
                NetworkArgs { allow_peers: Some(vec!["x".into()]), ..Default::default() },
            ),
            (
                "--external-address",
                NetworkArgs {
                    external_address: Some(vec!["1.2.3.4".into()]),
                    ..Default::default()
                },
            ),
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.starts_with(flag), "{error}");
            assert!(error.contains("/tcp/30303") || error.contains("12D3KooW"), "{error}");
        }
    }
}
