//! A peer that says what it likes: bytes instead of messages, lies instead of answers.

use crate::{network::Member, node::Setup};
use alloy_primitives::{B256, U256};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    gossipsub::{self, IdentTopic, MessageAuthenticity},
    identity::Keypair,
    noise,
    request_response::{self, Message, ProtocolSupport},
    swarm::{DialError, NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use mainspring::network::{
    codec,
    message::{Gossip, Head, Request, Response},
    status::Identity,
};
use std::{
    io,
    time::{Duration, Instant},
};

/// Longer than anything takes on a machine that is busy with other things.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// More than any message has.
const MAX_READ: u64 = 64 << 20;

/// Bytes as they are, both ways.
#[derive(Clone, Debug, Default)]
struct Raw;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(MAX_READ).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}

impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }
}

#[derive(NetworkBehaviour)]
struct Spoken {
    requests: request_response::Behaviour<Raw>,
    gossip: gossipsub::Behaviour,
    /// Streams of gossip on which it writes what no gossipsub would.
    streams: request_response::Behaviour<Raw>,
}

/// What it answers to a question; nothing is silence.
pub(super) type Answers = Box<dyn Fn(&Request) -> Option<Vec<u8>> + Send>;

/// A peer of ours that no rule binds.
pub(super) struct Client {
    swarm: Swarm<Spoken>,
    key: Keypair,
    written: u64,
    node: PeerId,
    at: Multiaddr,
    topics: [IdentTopic; 2],
    identity: Identity,
    pub(super) head: Head,
    answers: Answers,
    is_silent: bool,
    /// What the node answered.
    pub(super) heard: Vec<Vec<u8>>,
    pub(super) is_connected: bool,
    pub(super) was_refused: bool,
    pub(super) hears_gossip: bool,
}

/// A message as it lies on a stream.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let size = u32::try_from(message.len()).unwrap();
    [&size.to_be_bytes()[..], message].concat()
}

/// A length as protobuf writes it.
fn length(mut left: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

/// A field of bytes as protobuf writes it.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2][..], &length(bytes.len()), bytes].concat()
}

impl Client {
    /// It knows the node and its chain, and answers nothing but who it is.
    pub(super) fn new(node: &Member, setup: &Setup) -> Self {
        let genesis = node.hash(0).unwrap();
        let address = node.address();
        let key = Keypair::generate_ed25519();
        let swarm = SwarmBuilder::with_existing_identity(key.clone())
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key| Spoken {
                requests: request_response::Behaviour::new(
                    [(StreamProtocol::new("/mainspring/2"), ProtocolSupport::Full)],
                    request_response::Config::default(),
                ),
                gossip: gossipsub::Behaviour::new(
                    MessageAuthenticity::Signed(key.clone()),
                    gossipsub::ConfigBuilder::default()
                        .protocol_id_prefix("/mainspring/gossip/1")
                        .max_transmit_size(64 << 20)
                        .heartbeat_initial_delay(Duration::from_millis(50))
                        .build()
                        .unwrap(),
                )
                .unwrap(),
                streams: request_response::Behaviour::new(
                    [(
                        StreamProtocol::new("/mainspring/gossip/1/1.1.0"),
                        ProtocolSupport::Outbound,
                    )],
                    request_response::Config::default(),
                ),
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
            .build();
        let topic = |name| IdentTopic::new(format!("/mainspring/1/{genesis:x}/{name}"));
        let mut client = Self {
            swarm,
            key,
            written: 0,
            node: address.id,
            at: address.address,
            topics: [topic("block"), topic("tx")],
            identity: Identity {
                spec: setup.spec(),
                genesis,
                client: "hostile".to_owned(),
                seals: true,
                signer: None,
            },
            head: Head { number: 0, hash: genesis, total_difficulty: U256::from(1) },
            answers: Box::new(|_| None),
            is_silent: false,
            heard: Vec::new(),
            is_connected: false,
            was_refused: false,
            hears_gossip: false,
        };
        for topic in client.topics.clone() {
            client.swarm.behaviour_mut().gossip.subscribe(&topic).unwrap();
        }
        client
    }

    /// With this head, and these answers to questions about it.
    pub(super) fn lying(self, head: Head, answers: Answers) -> Self {
        Self { head, answers, ..self }
    }

    /// Answers nothing, not even who it is.
    pub(super) fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    pub(super) fn id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// Opens a connection; is it still there after it was looked at?
    pub(super) async fn connect(&mut self) -> bool {
        self.was_refused = false;
        let options = DialOpts::peer_id(self.node).addresses(vec![self.at.clone()]).build();
        if self.swarm.dial(options).is_err() {
            return false;
        }
        self.until("the dial ends", |it| it.is_connected || it.was_refused).await;
        self.is_connected
    }

    /// Connects and says who it is, so that the node listens to it.
    pub(super) async fn join(&mut self) {
        assert!(self.connect().await, "the node takes it");
        self.ask(&Request::Hello(self.status()));
        self.until("it is greeted", |it| !it.heard.is_empty()).await;
        let heard = codec::decode_response(&self.heard[0][4..]).unwrap();
        assert!(matches!(heard, Response::Hello(_)), "{heard:?}");
        self.heard.clear();
        self.until("the node hears gossip", |it| it.hears_gossip).await;
    }

    fn status(&self) -> mainspring::network::message::Status {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        self.identity.status(self.head, now, now)
    }

    pub(super) fn ask(&mut self, request: &Request) {
        self.send(frame(&codec::encode_request(request)));
    }

    /// Sends bytes where a request should be.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        let node = self.node;
        self.swarm.behaviour_mut().requests.send_request(&node, bytes);
    }

    pub(super) fn pass_on(&mut self, gossip: &Gossip) {
        let bytes = codec::encode_gossip(gossip);
        let index = usize::from(matches!(gossip, Gossip::Transactions(_)));
        self.pass_on_bytes(index, bytes);
    }

    /// Passes bytes on, on the topic of blocks (0) or transactions (1).
    pub(super) fn pass_on_bytes(&mut self, topic: usize, bytes: Vec<u8>) {
        let topic = self.topics[topic].clone();
        // Said before, or to nobody.
        let _ = self.swarm.behaviour_mut().gossip.publish(topic, bytes);
    }

    /// Passes bytes on that the node never asked to hear of: a message of gossip, signed as it should be, on any
    /// topic.
    pub(super) fn pass_on_elsewhere(&mut self, topic: &str, data: &[u8]) {
        self.written += 1;
        let (author, sequence) = (self.id().to_bytes(), self.written.to_be_bytes());
        let fields = [&author[..], data, &sequence, topic.as_bytes()];
        let fields = (1..).zip(fields).flat_map(|(tag, bytes)| field(tag, bytes));
        let unsigned: Vec<u8> = fields.collect();
        let signature = self.key.sign(&[b"libp2p-pubsub:", &unsigned[..]].concat()).unwrap();
        let message = [unsigned, field(5, &signature)].concat();
        let sent = field(2, &message);
        let (node, bytes) = (self.node, [length(sent.len()), sent].concat());
        self.swarm.behaviour_mut().streams.send_request(&node, bytes);
    }

    /// Lives on until something is so.
    pub(super) async fn until(&mut self, claim: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{claim}");
            self.live().await;
        }
    }

    /// Lives for a moment.
    pub(super) async fn live(&mut self) {
        let event = self.swarm.select_next_some();
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(20), event).await {
            self.happened(event);
        }
    }

    fn happened(&mut self, event: SwarmEvent<SpokenEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { .. } => self.is_connected = true,
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => {
                (self.is_connected, self.was_refused) = (false, true);
                self.hears_gossip = false;
                self.heard.clear();
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                self.was_refused = !matches!(error, DialError::DialPeerConditionFalse(_));
            }
            SwarmEvent::Behaviour(SpokenEvent::Gossip(gossipsub::Event::Subscribed { .. })) => {
                self.hears_gossip = true;
            }
            SwarmEvent::Behaviour(SpokenEvent::Requests(request_response::Event::Message {
                message,
                ..
            })) => match message {
                Message::Request { request, channel, .. } => self.asked(&request, channel),
                Message::Response { response, .. } => self.heard.push(response),
            },
            _ => {}
        }
    }

    fn asked(&mut self, bytes: &[u8], channel: request_response::ResponseChannel<Vec<u8>>) {
        if self.is_silent {
            return std::mem::forget(channel);
        }
        let request = codec::decode_request(&bytes[4..]).unwrap();
        let answer = match (&request, (self.answers)(&request)) {
            (_, Some(answer)) => answer,
            (Request::Hello(_), None) => {
                frame(&codec::encode_response(&Response::Hello(self.status())))
            }
            (Request::Head(_), None) => frame(&codec::encode_response(&Response::Head(self.head))),
            (Request::Waiting, None) => {
                frame(&codec::encode_response(&Response::Waiting(Vec::new())))
            }
            (Request::Peers, None) => frame(&codec::encode_response(&Response::Peers(Vec::new()))),
            // It never answers.
            (_, None) => return std::mem::forget(channel),
        };
        // The node may have gone.
        let _ = self.swarm.behaviour_mut().requests.send_response(channel, answer);
    }
}

/// A head that is heavier than everything.
pub(super) fn heavy(number: u64) -> Head {
    Head { number, hash: B256::repeat_byte(7), total_difficulty: U256::from(u64::MAX) }
}
