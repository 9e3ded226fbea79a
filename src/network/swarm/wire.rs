//! What did peers send? Events of the swarm, turned into events for the machine.

use super::{
    behaviour::BehaviourEvent,
    dial::last,
    door::{Fault, GossipEvent},
    frames::Asked,
    gossip,
    run::{Network, Unjudged},
};
use crate::network::{
    Multiaddr, PeerChange, PeerId,
    address::with_peer,
    handle::{PeerInfo, Seen},
    message::Response,
    protocol::{Direction, Event, Failure, PeerView, Verdict},
    stats::RequestKind,
};
use libp2p::{
    core::ConnectedPoint,
    gossipsub, identify, ping,
    request_response::{self, Message, OutboundFailure},
    swarm::{DialError, ListenError, SwarmEvent},
};
use std::{
    io,
    time::{Duration, Instant},
};

/// Addresses that a peer may say it listens on.
const LISTENS: usize = 16;

type Requests = request_response::Event<Asked, Response>;

impl Network {
    pub(super) fn happened(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.requested(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.gossiped(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => self.identified(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.pinged(event),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, connection_id, .. } => {
                self.dialled(connection_id);
                self.connected(peer_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                let cause = cause.map_or_else(|| "closed".to_owned(), |error| last(&error));
                tracing::debug!(target: "network", peer = %peer_id, cause, "disconnected");
                self.went(peer_id, cause);
                self.tell(Event::Disconnected(peer_id));
                self.show();
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, peer_id, .. } => {
                if let (DialError::Denied { cause }, Some(peer)) = (&error, peer_id) {
                    tracing::debug!(target: "network", %peer, reason = last(cause), "not dialled");
                }
                self.dial_ended(connection_id, &error);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, peer_id, .. } => {
                self.not_taken(&send_back_addr, peer_id, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                let address = with_peer(address, self.shared.local);
                tracing::info!(target: "network", %address, "listens for peers");
                self.show();
            }
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                tracing::error!(target: "network", %error, "no more peers can come: the port is closed");
                self.show();
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(target: "network", %error, "a connection was not taken");
            }
            _ => {}
        }
    }

    fn not_taken(&self, from: &Multiaddr, peer: Option<PeerId>, error: &ListenError) {
        self.shared.counters.refused_connections.add(1);
        let reason = match error {
            ListenError::Denied { cause } => last(cause),
            other => last(other),
        };
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::debug!(target: "network", %from, peer, reason, "a connection was not taken");
    }

    fn connected(&mut self, peer: PeerId, endpoint: &ConnectedPoint) {
        let (address, direction) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address, Direction::Outbound),
            ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr, Direction::Inbound),
        };
        let address = with_peer(address.clone(), peer);
        if self.peers.contains_key(&peer) {
            return;
        }
        let info = PeerInfo {
            id: peer,
            address: address.clone(),
            listens: Vec::new(),
            direction,
            is_static: false,
            is_trusted: false,
            status: None,
            clock_difference: None,
            score: 0,
            connected: Duration::ZERO,
            round_trip: None,
        };
        self.shared.events.tell(peer, address.clone(), PeerChange::Came);
        self.peers.insert(peer, Seen { info, since: Instant::now(), dropped_for: None });
        self.tell(Event::Connected { peer, address, direction });
        self.show();
    }

    /// The first reason counts: what follows comes of it.
    pub(super) fn dropped_for(&mut self, peer: PeerId, reason: String) {
        if let Some(seen) = self.peers.get_mut(&peer) {
            seen.dropped_for.get_or_insert(reason);
        }
    }

    /// Its last connection has ended: because this node wanted it, because the two may not talk, or by what
    /// the connection says.
    fn went(&mut self, peer: PeerId, cause: String) {
        let Some(seen) = self.peers.remove(&peer) else { return };
        let refusal = || self.machine.refusal(&peer).map(str::to_owned);
        let reason = refusal().or(seen.dropped_for).unwrap_or(cause);
        self.shared.events.tell(peer, seen.info.address, PeerChange::Went { reason });
    }

    /// A connection on which nothing comes back is over, whatever the system thinks of it.
    fn pinged(&mut self, event: ping::Event) {
        let ping::Event { peer, connection, result } = event;
        match result {
            Ok(round_trip) => {
                if let Some(seen) = self.peers.get_mut(&peer) {
                    seen.info.round_trip = Some(round_trip);
                }
            }
            Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                let reason = format!("no answer ({})", last(&error));
                tracing::info!(target: "network", %peer, "disconnected: {reason}");
                self.dropped_for(peer, reason);
                self.swarm.close_connection(connection);
            }
        }
    }

    fn identified(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id: peer, info, .. } = event else { return };
        let listens = info.listen_addrs.into_iter().take(LISTENS);
        let listens: Vec<_> = listens.map(|address| with_peer(address, peer)).collect();
        if let Some(seen) = self.peers.get_mut(&peer) {
            seen.info.listens.clone_from(&listens);
            self.tell(Event::Identified { peer, listens });
        }
    }

    fn requested(&mut self, event: Requests) {
        match event {
            Requests::Message { peer, message, .. } => match message {
                // Without an answer its stream ends.
                Message::Request { request: Err(what), .. } => {
                    self.tell(Event::Garbage { peer, what });
                }
                Message::Request { request_id, request: Ok(request), channel } => {
                    self.shared.counters.served(RequestKind::of(&request));
                    let taken = self.inbound.take(peer, request_id, &request, channel);
                    match taken {
                        Some(id) => self.tell(Event::Asked { peer, id, request }),
                        None => {
                            tracing::debug!(target: "network", %peer, "asks too much at once");
                        }
                    }
                }
                Message::Response { request_id, response } => {
                    let Some((peer, id, kind)) = self.asked.remove(&request_id) else { return };
                    self.shared.counters.answered(kind);
                    self.tell(Event::Answered { peer, id, response });
                }
            },
            Requests::OutboundFailure { request_id, error, .. } => {
                let Some((peer, id, kind)) = self.asked.remove(&request_id) else { return };
                self.shared.counters.failed(kind);
                self.tell(Event::Failed { peer, id, failure: failure(error) });
            }
            Requests::InboundFailure { request_id, .. }
            | Requests::ResponseSent { request_id, .. } => self.inbound.ended(request_id),
        }
    }

    fn gossiped(&mut self, event: GossipEvent) {
        use gossipsub::Event as Gossip;
        match event {
            GossipEvent::Gossip(Gossip::Message {
                propagation_source: from,
                message_id,
                message,
            }) => {
                self.heard_gossip(from, message_id, &message);
            }
            GossipEvent::Fault(peer, Fault::TooMuch) => self.tell(Event::Floods(peer)),
            GossipEvent::Fault(peer, Fault::OtherTopic) => {
                let what = "it passes on what this node never asked to hear of".to_owned();
                self.tell(Event::Garbage { peer, what });
            }
            GossipEvent::Gossip(Gossip::SlowPeer { peer_id, .. }) => {
                tracing::debug!(target: "network", peer = %peer_id, "takes gossip too slowly");
            }
            _ => {}
        }
    }

    fn heard_gossip(
        &mut self,
        from: PeerId,
        message_id: gossipsub::MessageId,
        message: &gossipsub::Message,
    ) {
        let bytes = message.data.len();
        self.shared.counters.bytes_in.add(bytes);
        let Some(topic) = self.topics.which(&message.topic) else { return };
        self.next_gossip += 1;
        let id = self.next_gossip;
        self.swarm.behaviour_mut().gossip.waits(&from, bytes);
        self.unjudged.insert(
            id,
            Unjudged { message: message_id, from, topic, bytes, since: Instant::now() },
        );
        match gossip::decode(topic, &message.data) {
            Ok(gossip) => self.tell(Event::Heard { peer: from, id, gossip }),
            Err(what) => {
                self.judge(id, Verdict::Reject);
                self.tell(Event::Garbage { peer: from, what });
            }
        }
    }

    /// The peers, with what the machine knows of them; those first that came first.
    pub(super) fn seen_peers(&mut self, known: Vec<PeerView>) -> Vec<Seen> {
        let limits = &self.swarm.behaviour().limits;
        for view in known {
            let Some(seen) = self.peers.get_mut(&view.id) else { continue };
            let info = &mut seen.info;
            info.is_trusted = limits.is_bypassed(&view.id);
            info.is_static = view.is_static;
            info.status = view.status;
            info.clock_difference = view.clock_difference;
            info.score = -i64::from(view.points);
        }
        let mut peers: Vec<Seen> = self.peers.values().cloned().collect();
        peers.sort_by_key(|it| it.since);
        peers
    }
}

fn failure(error: OutboundFailure) -> Failure {
    match error {
        OutboundFailure::Timeout => Failure::Timeout,
        OutboundFailure::DialFailure | OutboundFailure::ConnectionClosed => Failure::Closed,
        OutboundFailure::UnsupportedProtocols => Failure::Unsupported,
        OutboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Failure::Unreadable(error.to_string())
        }
        OutboundFailure::Io(_broken) => Failure::Closed,
    }
}
