//! Real nodes with real sockets: they find each other, share blocks and transactions, and agree.

use crate::{
    node::Setup,
    wallet::{key, transfer},
};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, hex};
use jsonrpsee::{core::client::ClientT, http_client::HttpClient, rpc_params};
use mainspring::{
    config::{Config, DataConfig, NetworkConfig, Role, ServerConfig, SignerConfig},
    consensus::clique,
    dev::{accounts::DevAccounts, keyring::Keyring},
    network::{Multiaddr, NetworkHandle, PeerAddress, PeerId},
    node::{self, NodeHandle, StoredChain},
    primitives::Transaction,
    rpc::Verbosity,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);
const PASSPHRASE: &str = "open-sesame";

/// Waits until something is so.
pub(crate) async fn until(claim: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{claim}");
        looks.tick().await;
    }
}

/// A node, and the directory that outlives it.
pub(crate) struct Member {
    dir: PathBuf,
    signs: Option<u64>,
    pub(crate) handle: NodeHandle,
}

/// A genesis, and where its nodes live.
pub(crate) struct World {
    home: TempDir,
    pub(crate) setup: Setup,
    nodes: usize,
}

impl World {
    /// The first so many of the test keys sign in turn, a block a second.
    pub(crate) fn new(signers: u64) -> Self {
        let setup = Setup { signers, keys: 16, ..Setup::default() };
        Self { home: tempfile::tempdir().unwrap(), setup, nodes: 0 }
    }

    /// Starts a node that knows these others; it signs with this test key.
    pub(crate) async fn start(&mut self, signs: Option<u64>, peers: &[&Member]) -> Member {
        let peers = peers.iter().map(|peer| peer.address()).collect();
        self.start_with(signs, NetworkConfig { peers, ..alone() }).await
    }

    pub(crate) async fn start_with(
        &mut self,
        signs: Option<u64>,
        network: NetworkConfig,
    ) -> Member {
        self.nodes += 1;
        let dir = self.home.path().join(format!("node{}", self.nodes));
        let genesis = self.home.path().join("genesis.json");
        fs::write(&genesis, serde_json::to_vec(&self.setup.spec().genesis).unwrap()).unwrap();
        StoredChain::init(&dir, &genesis).unwrap().close().unwrap();
        Member::open(dir, signs, network).await
    }
}

/// Listens on this machine, and knows nobody.
pub(crate) fn alone() -> NetworkConfig {
    NetworkConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        any_port: false,
        ..NetworkConfig::default()
    }
}

/// The key file of a test key.
fn signer(dir: &Path, index: u64) -> SignerConfig {
    let folder = dir.join("keystore");
    let none = DevAccounts::from_mnemonic(
        mainspring::dev::accounts::DEFAULT_MNEMONIC,
        0,
        mainspring::dev::accounts::DEFAULT_DERIVATION_PATH,
    );
    let password = dir.join("password.txt");
    let name = format!("{}.json", hex::encode(key(index).address()));
    if !folder.join(&name).exists() {
        fs::write(&password, PASSPHRASE).unwrap();
        let keyring = Keyring::in_folder(&none.unwrap(), &folder, 10).unwrap();
        keyring.import(key(index).to_bytes(), PASSPHRASE).unwrap();
    }
    SignerConfig { key: folder.join(name), password }
}

impl Member {
    async fn open(dir: PathBuf, signs: Option<u64>, network: NetworkConfig) -> Self {
        let config = Config {
            role: Role::Stored { seals: signs.is_some(), verify_seals: false },
            signer: signs.map(|index| signer(&dir, index)),
            data: DataConfig { dir: dir.clone(), ..DataConfig::default() },
            server: ServerConfig { port: 0, ..ServerConfig::default() },
            network: Some(network),
            ..Config::default()
        };
        let handle = node::start(config, Verbosity::default()).await.unwrap();
        Self { dir, signs, handle }
    }

    /// Stops it, waits for what happens meanwhile, and starts it again on the same directory.
    pub(crate) async fn away(
        self,
        meanwhile: impl Future<Output = ()>,
        network: NetworkConfig,
    ) -> Self {
        let Self { dir, signs, handle } = self;
        handle.shutdown().await.unwrap();
        meanwhile.await;
        Self::open(dir, signs, network).await
    }

    pub(crate) fn network(&self) -> &NetworkHandle {
        self.handle.network().unwrap()
    }

    pub(crate) fn id(&self) -> PeerId {
        self.network().local_peer_id()
    }

    pub(crate) fn address(&self) -> PeerAddress {
        let address: Multiaddr = self.network().listen_addresses()[0].clone();
        PeerAddress::try_from(address).unwrap()
    }

    pub(crate) fn head(&self) -> u64 {
        self.handle.head_number()
    }

    pub(crate) fn hash(&self, number: u64) -> Option<B256> {
        self.handle.chain().header(number).unwrap().map(|header| header.seal())
    }

    /// Who signed the canonical blocks after `from`.
    fn signers(&self, from: u64) -> BTreeSet<Address> {
        let header = |number| self.handle.chain().header(number).unwrap().unwrap();
        (from + 1..=self.head()).map(|it| clique::signer(&header(it)).unwrap()).collect()
    }

    fn has_mined(&self, transaction: &Transaction) -> bool {
        self.handle.chain().locate(transaction.hash()).unwrap().is_some()
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let url = format!("http://{}", self.handle.addresses()[0]);
        let client = HttpClient::builder().build(url).unwrap();
        let mut list = rpc_params![];
        params.as_array().unwrap().iter().for_each(|each| list.insert(each).unwrap());
        client.request(method, list).await.unwrap()
    }

    async fn send(&self, transaction: &Transaction) {
        let raw = hex::encode_prefixed(transaction.envelope().encoded_2718());
        self.ask("eth_sendRawTransaction", json!([raw])).await;
    }
}

fn agree_above(nodes: &[&Member], height: u64) -> bool {
    let heights = nodes.iter().map(|node| node.head());
    let common = heights.min().unwrap_or_default();
    common > height && nodes.iter().all(|node| node.hash(common) == nodes[0].hash(common))
}

fn are_mined(nodes: &[&Member], transactions: &[Transaction]) -> bool {
    nodes.iter().all(|node| transactions.iter().all(|tx| node.has_mined(tx)))
}

fn to_nobody(from: u64, nonce: u64) -> Transaction {
    transfer(&key(from), nonce, Address::repeat_byte(9), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_find_each_other_through_one_and_share_blocks_and_transactions() {
    let mut world = World::new(3);
    let first = world.start(Some(0), &[]).await;
    let second = world.start(Some(1), &[&first]).await;
    let third = world.start(Some(2), &[&first]).await;
    let follower = world.start(None, &[&first]).await;
    let all = [&first, &second, &third, &follower];
    until("everybody is connected with everybody", || {
        all.iter().all(|node| node.network().peer_count() == 3)
    })
    .await;

    let sent: Vec<_> = (0..4).map(|from| to_nobody(4 + from, 0)).collect();
    for (node, transaction) in all.iter().zip(&sent) {
        node.send(transaction).await;
    }
    until("what was sent to any of them is mined everywhere", || are_mined(&all, &sent)).await;
    until("everyone signs", || follower.signers(0).len() == 3).await;
    until("all have one chain", || agree_above(&all, 6)).await;

    let late = world.start(None, &[&third]).await;
    until("who joins late has the same chain", || agree_above(&[&late, &first], 7)).await;
    assert!(are_mined(&[&late], &sent));
    let heard = first.network().stats();
    assert!(heard.heard[0].accepted > 0, "blocks came by gossip: {heard:?}");
    assert_eq!((heard.bans, heard.heard[0].rejected), (0, 0), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_cut_off_comes_back_to_the_chain_of_the_others() {
    let mut world = World::new(3);
    let first = world.start(Some(0), &[]).await;
    let second = world.start(Some(1), &[&first]).await;
    let third = world.start(Some(2), &[&first, &second]).await;
    let all = [&first, &second, &third];
    until("they have begun", || agree_above(&all, 2)).await;

    first.network().isolate([second.id(), third.id()]).await.unwrap();
    until("it is alone", || first.network().peer_count() == 0).await;
    let lost = to_nobody(5, 0);
    first.send(&lost).await;
    let cut = second.head();
    until("the others go on", || second.head() > cut + 3 && third.head() > cut + 3).await;
    assert!(!second.has_mined(&lost));
    assert_eq!(second.network().peer_count(), 1, "nobody reaches it");

    first.network().isolate([]).await.unwrap();
    until("one chain again", || agree_above(&all, cut + 4)).await;
    until("what was sent in between is mined", || are_mined(&all, std::slice::from_ref(&lost)))
        .await;
    until("it signs again", || second.signers(cut + 4).contains(&key(0).address())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_catches_up_and_signs_again() {
    let mut world = World::new(3);
    let first = world.start(Some(0), &[]).await;
    let second = world.start(Some(1), &[&first]).await;
    let third = world.start(Some(2), &[&first]).await;
    until("they have begun", || agree_above(&[&first, &second, &third], 2)).await;
    let (id, left) = (third.id(), second.head());

    let knows = NetworkConfig { peers: vec![first.address()], ..alone() };
    let sent = to_nobody(5, 0);
    let third = third
        .away(
            async {
                until("it is gone", || second.network().peer_count() == 1).await;
                second.send(&sent).await;
                until("two of three go on", || second.head() > left + 3).await;
            },
            knows,
        )
        .await;
    assert_eq!(third.id(), id, "it is still itself");
    until("it has caught up", || agree_above(&[&first, &second, &third], left + 4)).await;
    assert!(third.has_mined(&sent));
    let back = third.head();
    until("it signs again", || first.signers(back).contains(&key(2).address())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_reaches_a_signer_that_was_not_there_when_it_was_sent() {
    let mut world = World::new(1);
    let follower = world.start(None, &[]).await;
    let sent = to_nobody(5, 0);
    follower.send(&sent).await;
    let signer = world.start(Some(0), &[&follower]).await;
    until("it is mined", || are_mined(&[&signer, &follower], std::slice::from_ref(&sent))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_other_chains_and_peers_that_nobody_allowed_stay_outside() {
    let (mut world, mut other) = (World::new(1), World::new(2));
    let first = world.start(Some(0), &[]).await;
    let stranger = other.start(None, &[&first]).await;
    let friend = world.start(None, &[&first]).await;
    until("nodes of one chain talk", || first.network().peer_count() == 1).await;
    until("the stranger was there", || first.network().stats().disconnects > 0).await;
    assert_eq!((stranger.network().peer_count(), stranger.head()), (0, 0));

    let closed = NetworkConfig { allowed: Some(BTreeSet::from([friend.id()])), ..alone() };
    let closed = world.start_with(None, closed).await;
    let uninvited = world.start(None, &[&closed]).await;
    let peers = |node: &Member| node.network().peers().into_iter().map(|it| it.id);
    until("it is turned away", || closed.network().stats().refused_connections > 0).await;
    closed.network().add_peer(friend.address()).await.unwrap();
    until("who is allowed comes in", || peers(&closed).eq([friend.id()])).await;
    until("the uninvited sees it too", || !peers(&uninvited).any(|id| id == closed.id())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_added_shown_and_removed_over_rpc() {
    let mut world = World::new(1);
    let signer = world.start(Some(0), &[]).await;
    let follower = world.start(None, &[]).await;
    assert_eq!(follower.ask("net_peerCount", json!([])).await, "0x0");
    let info = signer.ask("admin_nodeInfo", json!([])).await;
    assert_eq!(info["id"], signer.id().to_string());
    assert_eq!(info["protocols"]["eth"]["network"], 31_337);
    assert_eq!(follower.ask("admin_addPeer", json!([info["enode"]])).await, true);
    until("they are connected", || follower.network().peer_count() == 1).await;
    assert_eq!(follower.ask("net_peerCount", json!([])).await, "0x1");
    until("it follows", || follower.head() > 1).await;
    let begun = Instant::now();
    while follower.ask("eth_syncing", json!([])).await != false {
        assert!(begun.elapsed() < PATIENCE, "it has what the signer has");
    }
    let peers = follower.ask("admin_peers", json!([])).await;
    assert_eq!(peers[0]["id"], info["id"]);
    assert_eq!((&peers[0]["network"]["static"], &peers[0]["seals"]), (&json!(true), &json!(true)));
    assert!(peers[0]["protocols"]["eth"]["head"].is_string(), "{peers}");

    assert_eq!(follower.ask("admin_removePeer", json!([info["enode"]])).await, true);
    until("the connection has ended", || follower.network().stats().disconnects > 0).await;

    // The signer knows where the follower is, but is let in again only when it is named again.
    assert_eq!(follower.ask("admin_addPeer", json!([info["enode"]])).await, true);
    until("they are connected again", || follower.network().peer_count() == 1).await;
    assert_eq!(follower.ask("admin_isolate", json!([[info["id"]]])).await, true);
    until("they are apart", || follower.network().peers().is_empty()).await;
    let left = signer.head();
    until("the signer goes on alone", || signer.head() > left + 2).await;
    assert!(follower.head() <= left + 1);
    assert_eq!(follower.ask("admin_isolate", json!([[]])).await, true);
    until("they are together again", || follower.head() > left + 2).await;
}
