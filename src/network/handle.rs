//! What can the rest of the node ask of the network, and tell it?

use super::{
    Multiaddr, NetworkError, NetworkStats, PeerAddress, PeerEvent, PeerId, events::PeerEvents,
    message::Status, protocol::Direction, stats::Counters,
};
use parking_lot::RwLock;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Commands that may wait.
pub(super) const COMMANDS: usize = 64;

/// A handle of the network. Cheap to clone; it outlives the network, and answers then what was last so.
#[derive(Clone, Debug)]
pub struct NetworkHandle {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

/// A connected peer.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Who.
    pub id: PeerId,
    /// Where the connection comes from or goes to.
    pub address: Multiaddr,
    /// Where it says it listens; others dial it there.
    pub listens: Vec<Multiaddr>,
    /// Who opened the connection.
    pub direction: Direction,
    /// Is a connection to it kept up?
    pub is_static: bool,
    /// Is its connection taken also when there are as many as may be?
    pub is_trusted: bool,
    /// What it last said of itself; `None` before it has greeted.
    pub status: Option<Status>,
    /// Its clock minus ours, in seconds, as of its greeting.
    pub clock_difference: Option<i64>,
    /// 0 is no fault, -100 a ban.
    pub score: i64,
    /// How long it has been connected.
    pub connected: Duration,
    /// How long a message to it and back takes.
    pub round_trip: Option<Duration>,
}

/// A download of blocks that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncProgress {
    /// Height of the head when it began.
    pub starting: u64,
    /// Height of the head.
    pub current: u64,
    /// Height that the best peer has.
    pub highest: u64,
}

/// What the network shows of itself.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) listens: Vec<Multiaddr>,
    pub(super) peers: Vec<Seen>,
    pub(super) sync: Option<SyncProgress>,
    pub(super) clock_difference: Option<i64>,
    pub(super) refused: Vec<(PeerId, String)>,
    pub(super) isolated: BTreeSet<PeerId>,
}

/// A peer, and since when.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) info: PeerInfo,
    pub(super) since: Instant,
    /// Why this node ends the connection, once it does.
    pub(super) dropped_for: Option<String>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) local: PeerId,
    pub(super) view: RwLock<View>,
    pub(super) counters: Counters,
    pub(super) events: PeerEvents,
}

/// What the network is told to do.
#[derive(Debug)]
pub(super) enum Command {
    AddPeer(PeerAddress, oneshot::Sender<()>),
    RemovePeer(PeerId, oneshot::Sender<bool>),
    Trust(PeerId, bool, oneshot::Sender<()>),
    Isolate(BTreeSet<PeerId>, oneshot::Sender<()>),
    Seals(bool, oneshot::Sender<()>),
    Stop,
}

impl NetworkHandle {
    pub(super) fn new(local: PeerId) -> (Self, Arc<Shared>, mpsc::Receiver<Command>) {
        let view = RwLock::default();
        let shared = Arc::new(Shared {
            local,
            view,
            counters: Counters::default(),
            events: PeerEvents::default(),
        });
        let (commands, heard) = mpsc::channel(COMMANDS);
        (Self { shared: shared.clone(), commands }, shared, heard)
    }

    /// Who this node is.
    pub fn local_peer_id(&self) -> PeerId {
        self.shared.local
    }

    /// Where it listens, each address ending in its id. Those that were given by `--external-address`
    /// come first.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.shared.view.read().listens.clone()
    }

    /// Who is connected.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let now = Instant::now();
        let view = self.shared.view.read();
        let peers = view.peers.iter();
        peers.map(|it| PeerInfo { connected: now - it.since, ..it.info.clone() }).collect()
    }

    /// Peers that are connected and of this chain.
    pub fn peer_count(&self) -> usize {
        self.shared.view.read().peers.iter().filter(|it| it.info.status.is_some()).count()
    }

    /// Who comes and goes from now on.
    pub fn events(&self) -> broadcast::Receiver<PeerEvent> {
        self.shared.events.listen()
    }

    /// What was said and done.
    pub fn stats(&self) -> NetworkStats {
        self.shared.counters.read()
    }

    /// The download that is under way; `None` if this node has what its peers have.
    pub fn sync_progress(&self) -> Option<SyncProgress> {
        self.shared.view.read().sync
    }

    /// What most peers' clocks say more than ours, in seconds; `None` without peers.
    pub fn clock_difference(&self) -> Option<i64> {
        self.shared.view.read().clock_difference
    }

    /// Peers that refuse this node or that it refuses, lately, and why; the newest first.
    pub fn refused(&self) -> Vec<(PeerId, String)> {
        self.shared.view.read().refused.clone()
    }

    /// Peers that this node is cut off from.
    pub fn isolated(&self) -> Vec<PeerId> {
        self.shared.view.read().isolated.iter().copied().collect()
    }

    /// Keeps a connection to this peer up from now on. Where there is a list of allowed peers, it is on
    /// it from now on; if it was banned, that is forgotten.
    pub async fn add_peer(&self, peer: PeerAddress) -> Result<(), NetworkError> {
        self.tell(|done| Command::AddPeer(peer, done)).await
    }

    /// Ends the connection to this peer, keeps none up any more, and takes none for a while unless it is added
    /// again. Was it connected?
    pub async fn remove_peer(&self, peer: PeerId) -> Result<bool, NetworkError> {
        self.tell(|done| Command::RemovePeer(peer, done)).await
    }

    /// Takes this peer's connections also when there are as many as may be.
    pub async fn trust(&self, peer: PeerId) -> Result<(), NetworkError> {
        self.tell(|done| Command::Trust(peer, true, done)).await
    }

    /// Takes it no more than others.
    pub async fn distrust(&self, peer: PeerId) -> Result<(), NetworkError> {
        self.tell(|done| Command::Trust(peer, false, done)).await
    }

    /// Cuts this node off from exactly these peers, in both directions, until it is called with others
    /// or with none.
    pub async fn isolate(
        &self,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Result<(), NetworkError> {
        let peers = peers.into_iter().collect();
        self.tell(|done| Command::Isolate(peers, done)).await
    }

    /// Tells all peers that this node makes blocks from now on, or none any more.
    pub async fn set_seals(&self, seals: bool) -> Result<(), NetworkError> {
        self.tell(|done| Command::Seals(seals, done)).await
    }

    /// Tells the network to end. When [`super::Network::run`] returns, connections are closed and work that was
    /// begun is done.
    pub async fn stop(&self) {
        // One that has ended has ended.
        let _ = self.commands.send(Command::Stop).await;
    }

    async fn tell<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, NetworkError> {
        let (done, wait) = oneshot::channel();
        let sent = self.commands.send(command(done)).await;
        sent.map_err(|_ended| NetworkError::Ended)?;
        wait.await.map_err(|_ended| NetworkError::Ended)
    }
}
