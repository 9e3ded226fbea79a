//! Of what is a connection made? Encryption, streams, and what is spoken on them.

use super::{
    door::Gossip,
    frames::{Frames, PROTOCOL},
    gate::Gate,
    gossip::{self, Topics},
};
use crate::network::{NetworkError, NetworkSettings, handle::Shared};
use libp2p::{
    Swarm, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    identify, noise, ping,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
    tcp, yamux,
};
use std::{sync::Arc, time::Duration};

/// What an answer may take; a stream that is slower is given up. The machine gives most up earlier, and waits
/// so long for a single large body.
const REQUEST_TIME: Duration = Duration::from_secs(180);
/// What connecting may take, with its encryption.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Requests of one connection at the same time, of both sides together.
const STREAMS: usize = 32;
/// Streams of one connection, of all that is spoken.
const ALL_STREAMS: usize = 128;
/// Connections of others that are being made at the same time.
const PENDING: u32 = 64;
/// Two nodes may have dialled each other at the same moment.
const PER_PEER: u32 = 2;
/// Connections that this node opens beside those of [`NetworkSettings::max_peers`].
const SPARE: u32 = 16;
/// A connection ends when the peer does not answer a ping, and never because it is quiet.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);
/// How often each peer is pinged, and how long an answer may take. Two that do not come end the connection.
const PING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));

/// Everything that is spoken.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) gate: Gate,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) requests: request_response::Behaviour<Frames>,
    pub(super) gossip: Gossip,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
}

/// A swarm that does not listen yet.
pub(super) fn swarm(
    settings: &NetworkSettings,
    topics: &Topics,
    shared: Arc<Shared>,
) -> Result<Swarm<Behaviour>, NetworkError> {
    let key = settings.key.clone();
    let gossip = gossip::behaviour(&key, topics, settings.config.gossip_bytes)?;
    let failed = |part| move |reason: String| NetworkError::Setup { part, reason };
    let most = u32::try_from(settings.config.max_peers).unwrap_or(u32::MAX);
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING))
        .with_max_established_incoming(Some(most))
        .with_max_established(Some(most.saturating_add(SPARE)))
        .with_max_established_per_peer(Some(PER_PEER));
    let requests = request_response::Config::default()
        .with_request_timeout(REQUEST_TIME)
        .with_max_concurrent_streams(STREAMS);
    let about = identify::Config::new(PROTOCOL.to_string(), key.public())
        .with_agent_version(settings.client.clone())
        .with_push_listen_addr_updates(true);
    let behaviour = Behaviour {
        gate: Gate::new(
            settings.config.allowed.clone(),
            settings.config.peers.iter().map(|peer| peer.id).collect(),
            settings.config.max_per_ip,
        ),
        limits: connection_limits::Behaviour::new(limits),
        requests: request_response::Behaviour::with_codec(
            Frames::new(shared),
            [(PROTOCOL, ProtocolSupport::Full)],
            requests,
        ),
        gossip,
        identify: identify::Behaviour::new(about),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING.0).with_timeout(PING.1)),
    };
    let muxer = || {
        let mut muxer = yamux::Config::default();
        muxer.set_max_num_streams(ALL_STREAMS);
        muxer
    };
    let builder = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, muxer)
        .map_err(|error| failed("encryption")(error.to_string()))?
        .with_behaviour(|_key| behaviour)
        .map_err(|error| failed("protocols")(error.to_string()))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(NEVER))
        .with_connection_timeout(CONNECT_TIME);
    Ok(builder.build())
}
