//! A node of the simulation: its machine, its chain on its disk, its pool and its signer.

use super::{MILLIS, Rules};
use crate::{node::Setup, wallet::key};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bytes, map::B256Set};
use libp2p::{Multiaddr, PeerId, identity::Keypair};
use mainspring::{
    chain::{Chain, ChainEvent, ChainSettings, Cursor, FlushLimits, WallTime},
    consensus::ethash::Ethash,
    network::{
        message::Head,
        protocol::{Event, Now, Protocol, ProtocolSettings},
        status::Identity,
    },
    pool::{Limits, Pool},
    primitives::Transaction,
    sealer::{Authority, Heard, Hold, Patience, Sealer, SealerHandle, SealerSettings, Turn},
    storage::{Durability, Storage},
};
use rand::Rng;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// So long a node that starts waits for its peers.
const GRACE: Duration = Duration::from_secs(10);

/// A node, whether it runs or not.
pub(super) struct Node {
    pub(super) index: usize,
    pub(super) running: Option<Running>,
    /// Grows with each start: what was begun before does not end after.
    pub(super) life: u64,
    dir: tempfile::TempDir,
    rules: Arc<Rules>,
    /// Milliseconds since 1970 by its clock.
    wall: Arc<AtomicU64>,
    /// Milliseconds that its clock is off.
    skew: i64,
}

/// What ends with a crash.
pub(super) struct Running {
    pub(super) storage: Storage,
    pub(super) ethash: Arc<Ethash>,
    pub(super) chain: Arc<Chain>,
    pub(super) pool: Arc<Pool>,
    pub(super) sealer: SealerHandle,
    pub(super) protocol: Protocol,
    pub(super) cursor: Cursor,
    /// Whether it has to wait for its peers, which it begins to at this time of the simulation.
    pub(super) patience: (Patience, u64),
    /// On which block it means to make one, and why then.
    pub(super) plan: Option<(B256, Turn)>,
    /// Messages of gossip that came already.
    pub(super) heard: B256Set,
    /// Messages of gossip that wait for a verdict, and who passed them on.
    pub(super) unjudged: BTreeMap<u64, (Vec<u8>, usize)>,
    /// Requests of others that wait for an answer: of whom, on which connection, and its number there.
    pub(super) unanswered: BTreeMap<u64, (usize, u64, u64)>,
    pub(super) last_id: u64,
}

pub(super) fn peer_of(index: usize) -> PeerId {
    let secret = [index as u8 + 1; 32];
    Keypair::ed25519_from_bytes(secret).unwrap().public().to_peer_id()
}

pub(super) fn address_of(index: usize) -> Multiaddr {
    format!("/ip4/10.0.0.{}/tcp/30303/p2p/{}", index + 1, peer_of(index)).parse().unwrap()
}

impl Node {
    pub(super) fn new(index: usize, rules: Arc<Rules>, skew: i64) -> Self {
        Self {
            index,
            running: None,
            life: 0,
            dir: tempfile::tempdir().unwrap(),
            rules,
            wall: Arc::default(),
            skew,
        }
    }

    /// Its clock goes on.
    pub(super) fn set_time(&self, now: u64) {
        let wall = (MILLIS + now).saturating_add_signed(self.skew);
        self.wall.store(wall, Ordering::Relaxed);
    }

    pub(super) fn now(&self, now: u64) -> Now {
        let unix = self.wall.load(Ordering::Relaxed) / 1000;
        Now { elapsed: Duration::from_millis(now), unix }
    }

    pub(super) fn start(&mut self, now: u64, seed: u64) {
        assert!(self.running.is_none());
        self.life += 1;
        let settings = self.chain_settings();
        let mut running = Running::open(self.dir.path(), &self.rules, settings, self.index, seed);
        running.patience.1 = now;
        self.running = Some(running);
    }

    /// What `kill -9` or a power cut leaves: blocks were durable with their commit, the state was not.
    pub(super) fn crash(&mut self, rng: &mut impl Rng) {
        let Some(running) = self.running.take() else { return };
        running.chain.stop();
        drop(running);
        if rng.random_bool(0.3) {
            self.restore_state();
        } else if rng.random_bool(0.3) {
            self.keep_state();
        }
    }

    /// Remembers the written state as it is now.
    fn keep_state(&self) {
        let (from, to) = (self.dir.path().join("state"), self.dir.path().join("kept"));
        let _ = std::fs::remove_dir_all(&to);
        copy(&from, &to);
    }

    /// Puts the state back as it was once: writes since then were not synced.
    fn restore_state(&self) {
        let (to, from) = (self.dir.path().join("state"), self.dir.path().join("kept"));
        if from.exists() {
            std::fs::remove_dir_all(&to).unwrap();
            copy(&from, &to);
        }
    }

    fn chain_settings(&self) -> ChainSettings {
        // The state is written when the simulation says so, by no thread.
        let flush = FlushLimits {
            blocks: usize::MAX,
            bytes: usize::MAX,
            gas: u64::MAX,
            age: Duration::from_secs(1 << 30),
        };
        ChainSettings {
            flush,
            wall: WallTime::simulated(self.wall.clone()),
            ethash: self.rules.ethash.clone(),
            ..ChainSettings::default()
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "mdbx.lck" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

impl Running {
    fn open(dir: &Path, rules: &Rules, settings: ChainSettings, index: usize, seed: u64) -> Self {
        let storage = Storage::open(dir, Durability::Ephemeral).unwrap();
        let (chain, _) = Chain::open(storage.clone(), rules.spec.clone(), settings).unwrap();
        let pool = Arc::new(Pool::new(Limits::default()));
        let (_, view) = chain.latest().unwrap();
        pool.restore(chain.pool_journal().unwrap(), |sender| {
            view.account(sender).unwrap().map_or(0, |account| account.nonce)
        });
        drop(view);
        let authority = rules.is_signer(index).then(|| Arc::new(Authority::new(key(index as u64))));
        let settings = SealerSettings { authority, ..Setup::default().sealer_settings() };
        let sealer = Sealer::new(chain.clone(), pool.clone(), settings).handle();
        let identity = Identity {
            spec: rules.spec.clone(),
            genesis: chain.header(0).unwrap().unwrap().seal(),
            client: format!("node {index}"),
            seals: true,
            signer: None,
        };
        let settings = ProtocolSettings {
            answer_time: Duration::from_secs(4),
            bodies_time: Duration::from_secs(3),
            hello_time: Duration::from_secs(5),
            ..ProtocolSettings::default()
        };
        let at = head_of(&chain);
        let protocol = Protocol::new(settings, identity, peer_of(index), at, seed);
        sealer.hold(Some(Hold::Unheard));
        Self {
            cursor: chain.follow(),
            storage,
            ethash: rules.ethash.clone(),
            chain,
            pool,
            sealer,
            protocol,
            plan: None,
            heard: B256Set::default(),
            unjudged: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            last_id: 0,
            patience: (Patience::new(Some(GRACE)), 0),
        }
    }

    /// Makes no blocks while it has to wait for its peers.
    pub(super) fn wait(&mut self, now: u64) {
        let view = self.protocol.view();
        let theirs = view.peers.into_iter().filter_map(|peer| peer.status);
        let heard = Heard {
            ours: self.chain.total_difficulty(self.chain.head().number).unwrap(),
            theirs: theirs.map(|status| status.head.total_difficulty).max(),
            is_behind: view.sync.is_some(),
        };
        let (patience, began) = &mut self.patience;
        let hold = patience.look(Duration::from_millis(now - *began), heard);
        if hold != self.sealer.held() {
            self.sealer.hold(hold);
            self.plan = None;
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Lets the pool follow what happened to the chain. Answers the new head, how many blocks went, and
    /// which of their transactions wait again.
    pub(super) fn follow(&mut self) -> Option<(Event, u64, Vec<Bytes>)> {
        let (mut moved, mut gone, mut unmined) = (false, 0, Vec::new());
        while let Some(event) = self.chain.next_event(&mut self.cursor).unwrap() {
            moved = true;
            if self.sealer.is_news(&event) {
                self.sealer.follow(&event).unwrap();
            }
            if let ChainEvent::Unwound { removed, .. } = event {
                gone += removed.len() as u64;
                let blocks = removed.iter().map(|stored| &stored.block);
                unmined.extend(blocks.flat_map(|block| block.body.transactions.clone()));
            }
        }
        let (head, timestamp) = head_of(&self.chain);
        unmined.retain(|one| self.pool.contains(one.hash()));
        let again = unmined.iter().map(|one| one.envelope().encoded_2718().into()).collect();
        moved.then_some((Event::Head { head, timestamp }, gone, again))
    }

    /// Makes the pool's journal durable.
    pub(super) fn write_journal(&self) {
        let changes = self.pool.journal_changes();
        self.chain.write_pool_journal(&changes.removed, &changes.added).unwrap();
    }

    /// Offers a transaction to the pool.
    pub(super) fn admit(&self, raw: &[u8]) -> bool {
        let transaction = Transaction::decode(raw).unwrap();
        self.sealer.admit(transaction, None).map(drop).is_ok()
    }
}

pub(super) fn head_of(chain: &Chain) -> (Head, u64) {
    let header = chain.head();
    let total_difficulty = chain.total_difficulty(header.number).unwrap();
    (Head { number: header.number, hash: header.seal(), total_difficulty }, header.timestamp)
}
