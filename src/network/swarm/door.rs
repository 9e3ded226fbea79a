//! Whose gossip is let in? Asked before gossipsub keeps anything of a message or tells anyone of it: what is
//! not let in from one may come from another a moment later.
//!
//! Gossipsub remembers a message by its content, whoever passed it on, and passes over every further copy of it.
//! Were it a matter of who sent the first copy, anyone could keep a block from a node by sending it badly.

use super::gossip::Topics;
use crate::network::PeerId;
use libp2p::{
    Multiaddr,
    core::{Endpoint, transport::PortUse},
    gossipsub::{
        self, DataTransform, Message, MessageAcceptance, MessageId, PublishError, RawMessage,
        TopicHash, WhitelistSubscriptionFilter,
    },
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
    },
};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Messages of gossip a second that are read of one peer.
const MESSAGES: f64 = 1_000.0;
/// So many seconds' worth may come at once.
const SAVED: f64 = 4.0;
/// Messages of one peer that may wait for their verdict, and their bytes.
const WAITING: (usize, usize) = (256, 24 << 20);
/// Those of all peers together, in bytes.
const ALL_WAITING: usize = 96 << 20;
/// A peer's faults are told no more often.
const FAULT_PAUSE: Duration = Duration::from_millis(200);
/// Faults that are not told yet.
const FAULTS: usize = 256;

/// What is wrong with gossip that was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// This node never said that it wants to hear of it.
    OtherTopic,
    /// It is more than one peer may send.
    TooMuch,
}

/// A connected peer.
#[derive(Debug)]
struct Guest {
    /// Did it say who it is, and may we talk?
    is_heard: bool,
    /// Messages and bytes that it may send now, and when that was counted.
    left: (f64, f64),
    counted: Instant,
    /// Messages and bytes that wait for their verdict.
    waiting: (usize, usize),
    /// When its last fault was told.
    told: Option<Instant>,
}

impl Guest {
    fn new(now: Instant, ration: f64) -> Self {
        let left = (MESSAGES * SAVED, ration * SAVED);
        Self { is_heard: false, left, counted: now, waiting: (0, 0), told: None }
    }

    /// Takes a message of so many bytes out of its ration. The last one may be larger than what is left.
    fn take(&mut self, now: Instant, ration: f64, bytes: usize) -> bool {
        let seconds = now.saturating_duration_since(self.counted).as_secs_f64();
        let refilled = |left: f64, rate: f64| (left + rate * seconds).min(rate * SAVED);
        self.left = (refilled(self.left.0, MESSAGES), refilled(self.left.1, ration));
        self.counted = now;
        let may = self.left.0 >= 1.0 && self.left.1 > 0.0;
        if may {
            self.left = (self.left.0 - 1.0, self.left.1 - bytes as f64);
        }
        may
    }

    const fn has_room(&self, bytes: usize) -> bool {
        self.waiting.0 < WAITING.0 && self.waiting.1 + bytes <= WAITING.1
    }
}

/// Who is there, and what may each send?
#[derive(Debug)]
struct Door {
    topics: Topics,
    /// Bytes a second of each.
    ration: f64,
    guests: HashMap<PeerId, Guest>,
    /// Who passes on what is being read.
    from: Option<PeerId>,
    waiting: usize,
    faults: VecDeque<(PeerId, Fault)>,
    refused: usize,
}

impl Door {
    fn new(topics: Topics, ration: usize) -> Self {
        let (guests, faults, ration) = (HashMap::new(), VecDeque::new(), ration as f64);
        Self { topics, ration, guests, from: None, waiting: 0, faults, refused: 0 }
    }

    fn connected(&mut self, now: Instant, peer: PeerId) {
        let ration = self.ration;
        self.guests.entry(peer).or_insert_with(|| Guest::new(now, ration));
    }

    /// May it come in?
    fn admit(&mut self, now: Instant, topic: &TopicHash, bytes: usize) -> bool {
        let is_in = self.is_let_in(now, topic, bytes);
        self.refused += usize::from(!is_in);
        is_in
    }

    fn is_let_in(&mut self, now: Instant, topic: &TopicHash, bytes: usize) -> bool {
        let is_ours = self.topics.which(topic).is_some();
        let has_room = self.waiting + bytes <= ALL_WAITING;
        let Some(peer) = self.from else { return false };
        let Some(guest) = self.guests.get_mut(&peer) else { return false };
        let fault = match (guest.take(now, self.ration, bytes), is_ours) {
            (_, false) => Fault::OtherTopic,
            (false, true) => Fault::TooMuch,
            // That it is not heard, or waits for us, is not its fault.
            (true, true) => return guest.is_heard && has_room && guest.has_room(bytes),
        };
        let is_due = guest.told.is_none_or(|told| now >= told + FAULT_PAUSE);
        if is_due && self.faults.len() < FAULTS {
            guest.told = Some(now);
            self.faults.push_back((peer, fault));
        }
        false
    }

    fn waits(&mut self, peer: &PeerId, bytes: usize) {
        self.waiting += bytes;
        if let Some(guest) = self.guests.get_mut(peer) {
            guest.waiting = (guest.waiting.0 + 1, guest.waiting.1 + bytes);
        }
    }

    /// The peer may have gone meanwhile, and come again.
    fn judged(&mut self, peer: &PeerId, bytes: usize) {
        self.waiting = self.waiting.saturating_sub(bytes);
        if let Some(guest) = self.guests.get_mut(peer) {
            let (count, all) = guest.waiting;
            guest.waiting = (count.saturating_sub(1), all.saturating_sub(bytes));
        }
    }
}

/// The door, where messages pass it.
#[derive(Debug)]
pub(super) struct Doorway(Arc<Mutex<Door>>);

impl DataTransform for Doorway {
    fn inbound_transform(&self, raw: RawMessage) -> io::Result<Message> {
        if !self.0.lock().admit(Instant::now(), &raw.topic, raw.data.len()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let RawMessage { source, data, sequence_number, topic, .. } = raw;
        Ok(Message { source, data, sequence_number, topic })
    }

    fn outbound_transform(&self, _topic: &TopicHash, data: Vec<u8>) -> io::Result<Vec<u8>> {
        Ok(data)
    }
}

/// Gossipsub behind the door: nobody can make a peer be remembered for topics of its own either.
pub(super) type Inner = gossipsub::Behaviour<Doorway, WhitelistSubscriptionFilter>;

/// Gossip of those who may be heard.
pub(super) struct Gossip {
    inner: Inner,
    door: Arc<Mutex<Door>>,
}

/// What happened.
#[derive(Debug)]
pub(super) enum GossipEvent {
    /// As gossipsub says.
    Gossip(gossipsub::Event),
    /// A peer sent what nobody should.
    Fault(PeerId, Fault),
}

impl Gossip {
    pub(super) fn new<E>(
        (topics, ration): (Topics, usize),
        make: impl FnOnce(Doorway) -> Result<Inner, E>,
    ) -> Result<Self, E> {
        let door = Arc::new(Mutex::new(Door::new(topics, ration)));
        let inner = make(Doorway(door.clone()))?;
        Ok(Self { inner, door })
    }

    /// Lets the gossip of a peer in from now on, or no more.
    pub(super) fn hear(&mut self, peer: &PeerId, is_heard: bool) {
        if let Some(guest) = self.door.lock().guests.get_mut(peer) {
            guest.is_heard = is_heard;
        }
    }

    /// A message of so many bytes waits for its verdict.
    pub(super) fn waits(&mut self, peer: &PeerId, bytes: usize) {
        self.door.lock().waits(peer, bytes);
    }

    /// The verdict on a message of so many bytes.
    pub(super) fn judge(
        &mut self,
        message: &MessageId,
        peer: &PeerId,
        bytes: usize,
        verdict: MessageAcceptance,
    ) {
        self.door.lock().judged(peer, bytes);
        self.inner.report_message_validation_result(message, peer, verdict);
    }

    pub(super) fn publish(&mut self, to: TopicHash, bytes: Vec<u8>) -> Result<(), PublishError> {
        self.inner.publish(to, bytes).map(|_id| ())
    }

    /// Messages that were not let in since the last time.
    pub(super) fn take_refused(&mut self) -> usize {
        std::mem::take(&mut self.door.lock().refused)
    }
}

impl NetworkBehaviour for Gossip {
    type ConnectionHandler = <Inner as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = GossipEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(new) => {
                self.door.lock().connected(Instant::now(), new.peer_id);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id,
                remaining_established: 0,
                ..
            }) => drop(self.door.lock().guests.remove(peer_id)),
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        // The messages in it go through the door while this runs.
        self.door.lock().from = Some(peer);
        self.inner.on_connection_handler_event(peer, id, event);
        self.door.lock().from = None;
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let fault = self.door.lock().faults.pop_front();
        if let Some((peer, fault)) = fault {
            return Poll::Ready(ToSwarm::GenerateEvent(GossipEvent::Fault(peer, fault)));
        }
        self.inner.poll(context).map(|event| event.map_out(GossipEvent::Gossip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::stats::Topic;
    use alloy_primitives::B256;

    const RATION: usize = 8 << 20;

    /// A door with one peer before it, which has greeted.
    fn door() -> (Door, PeerId, TopicHash, Instant) {
        let (topics, peer, now) = (Topics::of(B256::ZERO), PeerId::random(), Instant::now());
        let topic = topics.hashed(Topic::Blocks).hash();
        let mut door = Door::new(topics, RATION);
        greet(&mut door, now, peer);
        door.from = Some(peer);
        (door, peer, topic, now)
    }

    fn greet(door: &mut Door, now: Instant, peer: PeerId) {
        door.guests.insert(peer, Guest { is_heard: true, ..Guest::new(now, door.ration) });
    }

    #[test]
    fn nothing_comes_in_on_other_topics_or_before_the_greeting() {
        let (mut door, peer, ours, now) = door();
        let other = Topics::of(B256::repeat_byte(1)).hashed(Topic::Blocks).hash();
        assert!(door.admit(now, &ours, 10) && !door.admit(now, &other, 10));
        assert_eq!(door.faults.pop_front(), Some((peer, Fault::OtherTopic)));
        door.guests.get_mut(&peer).unwrap().is_heard = false;
        assert!(!door.admit(now, &ours, 10));
        assert!(door.faults.is_empty(), "it has not had time to greet");
        door.from = Some(PeerId::random());
        assert!(!door.admit(now, &ours, 10), "it is not connected any more");
        assert_eq!(door.refused, 3);
    }

    #[test]
    fn who_sends_too_much_is_told_of_now_and_then_and_heard_again_later() {
        let (mut door, peer, topic, now) = door();
        let most = (MESSAGES * SAVED) as usize;
        let count = (0..2 * most).filter(|_| door.admit(now, &topic, 1)).count();
        assert_eq!((count, door.faults.len()), (most, 1));
        assert!(door.admit(now + Duration::from_secs(1), &topic, 1));

        // The last message may be larger than what is left; the next has to wait for its bytes.
        greet(&mut door, now, peer);
        let large = RATION * SAVED as usize - 1;
        door.guests.get_mut(&peer).unwrap().take(now, RATION as f64, large);
        assert!(door.admit(now, &topic, 10 << 20) && !door.admit(now, &topic, 1));
        assert!(!door.admit(now + Duration::from_secs(1), &topic, 1));
        assert!(door.admit(now + Duration::from_secs(3), &topic, 1));
    }

    #[test]
    fn what_waits_for_its_verdict_is_bounded_and_nobodys_fault() {
        let (mut door, peer, topic, now) = door();
        for _ in 0..WAITING.0 {
            assert!(door.admit(now, &topic, 1));
            door.waits(&peer, 1);
        }
        assert!(!door.admit(now, &topic, 1) && door.faults.is_empty());
        door.judged(&peer, 1);
        assert!(door.admit(now, &topic, 1));
        assert!(!door.admit(now, &topic, WAITING.1));
        door.waits(&PeerId::random(), ALL_WAITING);
        assert!(!door.admit(now, &topic, 1), "others fill the memory");
        door.judged(&PeerId::random(), ALL_WAITING);
        assert!(door.admit(now, &topic, 1));
    }
}
