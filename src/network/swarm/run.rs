//! What happened, and who is told? The loop of the network.

use super::{
    behaviour::{Behaviour, BehaviourEvent, swarm},
    dial::Dialing,
    gate::Denied,
    gossip::{JUDGING, Topics},
    inbound::Inbound,
    local::{self, Heard, Local},
    work::{Done, Work},
};
use crate::{
    chain::Chain,
    network::{
        Multiaddr, NetworkError, NetworkHandle, NetworkSettings, PeerId,
        address::{ip_of, of_socket, with_peer},
        handle::{Command, Seen, Shared, SyncProgress},
        protocol::{Event, GossipId, Now, Protocol, ProtocolSettings, RequestId, Verdict},
        stats::{RequestKind, Topic},
        status::Identity,
    },
    pool::Pool,
    primitives::Transaction,
};
use alloy_primitives::B256;
use libp2p::{
    Swarm, futures::StreamExt, gossipsub::MessageId, request_response::OutboundRequestId,
    swarm::SwarmEvent,
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval, timeout},
};

/// How often the machine hears that time has passed.
const TICK: Duration = Duration::from_millis(200);
/// New transactions gather so long, so that a flood of them becomes few messages.
const GATHER: Duration = Duration::from_millis(20);
/// Events before the start that are waited for.
const EARLY: usize = 64;
/// So often it is said that connections were turned away.
const TURNED_AWAY: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const CLOSE_TIME: Duration = Duration::from_millis(500);
/// How long the last transactions may take to the peers.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long opening the port may take.
const LISTEN_TIME: Duration = Duration::from_secs(10);

/// What becomes of a transaction that a peer passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It waits now.
    Taken,
    /// Not here, not now: it is known, its nonce is used, it does not pay, there is no room.
    NotTaken(String),
    /// No node takes it at any time: whoever passes it on has not looked at it.
    Invalid(String),
}

/// The door to the pool, the same as for transactions of users.
pub type Admit = Arc<dyn Fn(Transaction) -> Admission + Send + Sync>;

/// What the network works on.
#[derive(Clone)]
pub struct Links {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Transactions that wait.
    pub pool: Arc<Pool>,
    /// Takes transactions in.
    pub admit: Admit,
}

/// Gossip that waits for its verdict.
pub(super) struct Unjudged {
    pub(super) message: MessageId,
    pub(super) from: PeerId,
    pub(super) topic: Topic,
    pub(super) bytes: usize,
    pub(super) since: Instant,
}

/// The network of a node. It listens; nothing happens before [`Network::run`].
pub struct Network {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) machine: Protocol,
    pub(super) links: Links,
    pub(super) shared: Arc<Shared>,
    pub(super) topics: Topics,
    pub(super) external: Vec<Multiaddr>,
    pub(super) work: Work,
    pub(super) local: Local,
    pub(super) heard: Heard,
    pub(super) dialing: Dialing,
    pub(super) inbound: Inbound,
    pub(super) asked: HashMap<OutboundRequestId, (PeerId, RequestId, RequestKind)>,
    pub(super) unjudged: HashMap<GossipId, Unjudged>,
    pub(super) next_gossip: GossipId,
    pub(super) peers: HashMap<PeerId, Seen>,
    /// When it was last said how many connections were not taken, and how many.
    turned_away: (Option<Instant>, u64),
    events: VecDeque<Event>,
    began: Instant,
    commands: mpsc::Receiver<Command>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("local", &self.shared.local).finish_non_exhaustive()
    }
}

impl Network {
    /// Opens the port.
    ///
    /// # Errors
    /// [`NetworkError::Listen`] where it is taken, unless another one may be.
    pub async fn open(
        mut settings: NetworkSettings,
        links: Links,
    ) -> Result<(Self, NetworkHandle), NetworkError> {
        let local = settings.key.public().to_peer_id();
        let (handle, shared, commands) = NetworkHandle::new(local);
        if let Some(allowed) = &mut settings.config.allowed {
            allowed.extend(settings.config.peers.iter().map(|peer| peer.id));
        }
        let first = links.chain.header(links.chain.first())?;
        let genesis = first.ok_or(NetworkError::NoGenesis)?.seal();
        let topics = Topics::of(genesis);
        let mut swarm = swarm(&settings, &topics, shared.clone())?;
        let early = listen(&mut swarm, settings.config.listen, settings.config.any_port).await?;
        for address in &settings.config.external {
            swarm.add_external_address(address.clone());
        }
        let machine = machine(&settings, &links, genesis)?;
        let news = Local::new(links.chain.clone(), links.pool.clone());
        let mut network = Self {
            heard: news.heard(),
            local: news,
            swarm,
            machine,
            links,
            shared,
            topics,
            external: settings.config.external,
            work: Work::default(),
            dialing: Dialing::default(),
            inbound: Inbound::default(),
            asked: HashMap::new(),
            unjudged: HashMap::new(),
            next_gossip: 0,
            peers: HashMap::new(),
            turned_away: (None, 0),
            events: VecDeque::new(),
            began: Instant::now(),
            commands,
        };
        early.into_iter().for_each(|event| network.happened(event));
        network.show();
        for peer in settings.config.peers {
            network.tell(Event::AddPeer(peer.address));
        }
        Ok((network, handle))
    }

    /// Runs until it is told to stop. Work that was begun is done when this returns.
    pub async fn run(mut self) {
        let mut chain = self.links.chain.changes();
        let mut arrivals = self.links.pool.taken();
        let mut returns = self.links.pool.returns();
        let mut ticks = every(TICK);
        let mut gathering = every(GATHER);
        let (mut arrived, mut told) = (false, None);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.happened(event),
                done = self.work.next() => self.done(done),
                found = self.dialing.next() => self.dial_found(found),
                changed = changed(&mut chain) => {
                    changed.then(|| self.chain_changed());
                }
                changed = changed(&mut arrivals) => arrived |= changed,
                changed = changed(&mut returns) => {
                    changed.then(|| self.tell_returned());
                }
                _ = gathering.tick(), if arrived => {
                    arrived = self.pass_on();
                    told = Some(Instant::now());
                }
                _ = ticks.tick() => self.ticked(),
                command = self.commands.recv() => match command {
                    None | Some(Command::Stop) => break,
                    Some(command) => self.obey(command),
                },
            }
        }
        let is_underway = told.is_some_and(|at| at.elapsed() < FAREWELL);
        if is_underway || arrived || arrivals.has_changed().is_ok_and(|changed| changed) {
            self.tell_the_rest().await;
        }
        self.close().await;
    }

    /// What users sent in the last moment would wait here until this node comes back.
    async fn tell_the_rest(&mut self) {
        while self.pass_on() {}
        let told = async {
            loop {
                // Whatever else happens now is too late.
                self.swarm.select_next_some().await;
            }
        };
        let _ = timeout(FAREWELL, told).await;
    }

    /// Tells the machine, and does what it says.
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            for action in self.machine.handle(self.now(), event) {
                self.act(action);
            }
        }
    }

    /// Tells the machine something that came of what it said.
    pub(super) fn tell_after(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn now(&self) -> Now {
        Now { elapsed: self.began.elapsed(), unix: self.links.chain.clock().now() }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Event(event) => self.tell(*event),
            Done::Answer(id, response) => self.answer(id, response.map(|it| *it)),
        }
    }

    fn chain_changed(&mut self) {
        match self.local.new_head() {
            Ok(Some(new)) => self.tell(Event::Head { head: new.head, timestamp: new.timestamp }),
            Ok(None) => {}
            Err(error) => tracing::error!(target: "network", %error, "the head cannot be read"),
        }
        for block in self.local.sealed() {
            self.tell(Event::Sealed(Box::new(block)));
        }
    }

    /// Passes on what this node's users sent. Is there more?
    fn pass_on(&mut self) -> bool {
        let (own, more) = self.local.submitted();
        if !own.is_empty() {
            self.tell(Event::Submitted(own));
        }
        more
    }

    /// Tells what a branch that lost had mined.
    fn tell_returned(&mut self) {
        loop {
            let (again, more) = self.local.returned();
            if !again.is_empty() {
                self.tell(Event::Returned(again));
            }
            if !more {
                return;
            }
        }
    }

    fn ticked(&mut self) {
        self.tell(Event::Tick);
        self.give_up_judging();
        let unheard = self.swarm.behaviour_mut().gossip.take_refused();
        self.shared.counters.unheard.add(unheard);
        self.say_turned_away();
        self.show();
    }

    /// Gossip that nobody judges in time is not passed on, and takes no more room.
    fn give_up_judging(&mut self) {
        let late = |it: &Unjudged| it.since.elapsed() > JUDGING;
        let overdue = self.unjudged.iter().filter(|(_, it)| late(it)).map(|(id, _)| *id);
        let overdue: Vec<GossipId> = overdue.collect();
        overdue.into_iter().for_each(|id| self.judge(id, Verdict::Ignore));
    }

    /// A flood of connections makes a line now and then.
    fn say_turned_away(&mut self) {
        let (said, before) = self.turned_away;
        let now = self.shared.counters.refused_connections.get();
        if now == before || said.is_some_and(|said| said.elapsed() < TURNED_AWAY) {
            return;
        }
        self.turned_away = (Some(Instant::now()), now);
        tracing::warn!(
            target: "network",
            "{} connections were turned away: banned or not allowed, or too many (--max-peers); \
             RUST_LOG=network=debug names them", now - before
        );
    }

    /// Lets the rest of the node see what is so now.
    pub(super) fn show(&mut self) {
        let local = self.shared.local;
        let mut own: Vec<_> = self.swarm.listeners().collect();
        // Those that only this machine can reach come last.
        own.sort_by_key(|address| ip_of(address).is_some_and(|ip| ip.is_loopback()));
        let listens = self.external.iter().chain(own).cloned();
        let listens: Vec<_> = listens.map(|address| with_peer(address, local)).collect();
        let machine = self.machine.view();
        let peers = self.seen_peers(machine.peers);
        let mut view = self.shared.view.write();
        view.listens = listens;
        view.peers = peers;
        view.sync = machine.sync.map(|it| SyncProgress {
            starting: it.starting,
            current: it.current,
            highest: it.highest,
        });
        view.clock_difference = machine.clock_difference;
        view.refused = machine.refused;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Stop => {}
            Command::AddPeer(peer, done) => {
                let gate = &mut self.swarm.behaviour_mut().gate;
                gate.allow(peer.id);
                gate.forgive(&peer.id);
                self.tell(Event::AddPeer(peer.address));
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Command::RemovePeer(peer, done) => {
                let was_connected = self.peers.contains_key(&peer);
                self.tell(Event::RemovePeer(peer));
                let _ = done.send(was_connected);
            }
            Command::Trust(peer, is_trusted, done) => {
                let Behaviour { limits, gate, .. } = self.swarm.behaviour_mut();
                if is_trusted {
                    limits.bypass_peer_id(&peer);
                    gate.allow(peer);
                } else {
                    limits.remove_peer_id(&peer);
                }
                self.tell(Event::Trust { peer, is_trusted });
                let _ = done.send(());
            }
            Command::Seals(seals, done) => {
                self.tell(Event::Seals(seals));
                let _ = done.send(());
            }
            Command::Isolate(peers, done) => {
                self.isolate(peers);
                let _ = done.send(());
            }
        }
        self.show();
    }

    fn isolate(&mut self, peers: BTreeSet<PeerId>) {
        match peers.len() {
            0 => tracing::warn!(target: "network", "this node talks to every peer again"),
            count => tracing::warn!(target: "network", "this node is cut off from {count} peers"),
        }
        for peer in &peers {
            self.dropped_for(*peer, Denied::Isolated.to_string());
        }
        self.shared.view.write().isolated.clone_from(&peers);
        self.swarm.behaviour_mut().gate.isolate(peers);
    }

    async fn close(self) {
        let Self { mut swarm, work, .. } = self;
        // Peers see their connections end at once, not after a time.
        let peers: Vec<PeerId> = swarm.connected_peers().copied().collect();
        for peer in peers {
            // One that is gone is gone.
            let _ = swarm.disconnect_peer_id(peer);
        }
        let ended = async {
            while swarm.connected_peers().next().is_some() {
                swarm.select_next_some().await;
            }
        };
        // A peer that does not let go is left to the system.
        let _ = timeout(CLOSE_TIME, ended).await;
        drop(swarm);
        work.finish().await;
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for news; for ever, if nobody can tell any.
async fn changed<T>(news: &mut watch::Receiver<T>) -> bool {
    if news.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    true
}

/// What happened before there was a machine to tell.
type Early = Vec<SwarmEvent<BehaviourEvent>>;

/// Opens the port, and waits until it is open.
async fn listen(
    swarm: &mut Swarm<Behaviour>,
    address: SocketAddr,
    any_port: bool,
) -> Result<Early, NetworkError> {
    match listen_on(swarm, address).await {
        Err(NetworkError::Listen { reason, .. }) if any_port => {
            let free = SocketAddr::new(address.ip(), 0);
            tracing::warn!(
                target: "network",
                "cannot listen for peers on {address} ({reason}): taking a free port, which is another \
                 one at every start; choose one with --p2p-port"
            );
            listen_on(swarm, free).await
        }
        other => other,
    }
}

async fn listen_on(swarm: &mut Swarm<Behaviour>, at: SocketAddr) -> Result<Early, NetworkError> {
    let failed = |reason: String| NetworkError::Listen { address: at, reason };
    if at.port() != 0 {
        // The library shares a port with whoever has it already; peers would meet one or the other.
        drop(std::net::TcpListener::bind(at).map_err(|error| failed(error.to_string()))?);
    }
    let listener = swarm.listen_on(of_socket(at)).map_err(|error| failed(error.to_string()))?;
    let (mut early, mut is_open) = (Vec::new(), false);
    loop {
        // All addresses of the machine come at once.
        let time = if is_open { GATHER } else { LISTEN_TIME };
        let event = match timeout(time, swarm.select_next_some()).await {
            Ok(event) => event,
            Err(_elapsed) if is_open => return Ok(early),
            Err(_elapsed) => return Err(failed("the system does not answer".to_owned())),
        };
        match &event {
            SwarmEvent::NewListenAddr { listener_id, .. } if *listener_id == listener => {
                is_open = true;
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. }
                if *listener_id == listener =>
            {
                return Err(failed(error.to_string()));
            }
            _ => {}
        }
        early.push(event);
        if early.len() >= EARLY {
            return Ok(early);
        }
    }
}

/// The machine, as it begins.
fn machine(
    settings: &NetworkSettings,
    links: &Links,
    genesis: B256,
) -> Result<Protocol, NetworkError> {
    let identity = Identity {
        spec: links.chain.spec(),
        genesis,
        client: settings.client.clone(),
        seals: settings.seals,
        signer: settings.signer,
    };
    let limits = ProtocolSettings {
        max_peers: settings.config.max_peers,
        // Others cannot keep this node from those that it looks for.
        max_inbound: (settings.config.max_peers * 2).div_ceil(3).max(1),
        ..ProtocolSettings::default()
    };
    let local = settings.key.public().to_peer_id();
    let at = local::head_of(&links.chain)?;
    Ok(Protocol::new(limits, identity, local, (at.head, at.timestamp), rand::random()))
}
