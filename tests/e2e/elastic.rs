//! Nodes join, leave and die while everybody sends. In the end there is one chain, and every transaction that
//! a node took is in it, once.

use crate::{
    harness::{BINARY, Launch, Node},
    network::{Network, until},
    partitions::{FOUR, agree, grows_to, height},
    wallet::{Wallet, fresh},
    wire::{Client, hash, number},
};
use alloy_primitives::{B256, hex, keccak256};
use parking_lot::Mutex;
use serde_json::json;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Who sends.
const SENDERS: u32 = 4;
/// So often each.
const PACE: Duration = Duration::from_millis(40);
/// What a node says that has the transaction already, in its pool or in a block.
const KNOWN: [&str; 2] = ["already known", "nonce too low"];
/// Nodes that are asked in turn before a transaction that nobody takes is a fault.
const ATTEMPTS: usize = 100;

/// A node that takes transactions.
#[derive(Clone)]
struct Door {
    name: String,
    address: SocketAddr,
    /// It will be killed, and its pool is written once a second: what it takes another node is told too.
    dies: bool,
}

/// Everybody sends, to every node in turn.
struct Load {
    doors: Arc<Mutex<Vec<Door>>>,
    ends: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    senders: Vec<JoinHandle<Vec<B256>>>,
}

impl Load {
    fn begin(doors: Vec<Door>) -> Self {
        let (doors, ends) = (Arc::new(Mutex::new(doors)), Arc::<AtomicBool>::default());
        let sent = Arc::<AtomicUsize>::default();
        let sender = |account| {
            let (doors, ends, sent) = (doors.clone(), ends.clone(), sent.clone());
            let thread = std::thread::Builder::new().name(format!("sender {account}"));
            let sending = move || {
                let (mut wallet, mut taken) = (Wallet::dev(account), Vec::new());
                while !ends.load(Relaxed) {
                    let raw = wallet.transfer(fresh(u64::from(account)), 1);
                    taken.push(send(&doors, &raw, sent.fetch_add(1, Relaxed)));
                    std::thread::park_timeout(PACE);
                }
                taken
            };
            thread.spawn(sending).unwrap()
        };
        let senders = (0..SENDERS).map(sender).collect();
        Self { doors, ends, sent, senders }
    }

    fn open(&self, door: Door) {
        self.doors.lock().push(door);
    }

    fn close(&self, name: &str) {
        self.doors.lock().retain(|door| door.name != name);
    }

    /// Waits until so many more were sent.
    #[track_caller]
    fn goes_on(&self, more: usize) {
        let before = self.sent.load(Relaxed);
        until("more is sent", || (self.sent.load(Relaxed) >= before + more).then_some(()));
    }

    /// All that any node took.
    fn end(self) -> Vec<B256> {
        self.ends.store(true, Relaxed);
        self.senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    }
}

/// Sends to the next node that takes it; to another one as well if that node will die.
fn send(doors: &Mutex<Vec<Door>>, raw: &str, turn: usize) -> B256 {
    let mut said = Vec::new();
    for attempt in 0..ATTEMPTS {
        let (door, steady) = {
            let doors = doors.lock();
            let steady = doors.iter().filter(|door| !door.dies).cloned().collect::<Vec<_>>();
            (doors[(turn + attempt) % doors.len()].clone(), steady[turn % steady.len()].clone())
        };
        let taken = offer(&door, raw).and_then(|hash| match door.dies {
            true => offer(&steady, raw),
            false => Ok(hash),
        });
        match taken {
            Ok(hash) => return hash,
            Err(reason) => said.push(reason),
        }
    }
    panic!("no node takes it: {said:?}");
}

fn offer(door: &Door, raw: &str) -> Result<B256, String> {
    let answer = Client::new(door.address).try_rpc("eth_sendRawTransaction", json!([raw]));
    match answer.map_err(|gone| format!("{}: {gone}", door.name))? {
        Ok(taken) => Ok(hash(&taken)),
        // A node took it before and did not live to say so. Nobody else has this nonce.
        Err(refused) if KNOWN.iter().any(|known| refused.message.contains(known)) => {
            Ok(keccak256(hex::decode(raw).unwrap()))
        }
        Err(refused) => Err(format!("{}: {}", door.name, refused.message)),
    }
}

fn door(network: &Network, name: &str, dies: bool) -> Door {
    let url = network.node(name)["rpc"].as_str().unwrap().to_owned();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    Door { name: name.to_owned(), address, dies }
}

fn door_of(guest: &Node, name: &str, dies: bool) -> Door {
    Door { name: name.to_owned(), address: guest.address, dies }
}

/// A worker with a fresh directory joins through one node, and has what that node has.
fn join(network: &Network, through: &str) -> Node {
    let info = network.client(through).get("admin_nodeInfo", json!([]));
    let peer = info["enode"].as_str().unwrap();
    let flags = ["node", "--no-seal", "--p2p-host", "127.0.0.1", "--p2p-port", "0"];
    let launch = Launch::new(&[&flags[..], &["--peer", peer]].concat());
    let mut init = Command::new(BINARY);
    init.args(["init", "--datadir"]).arg(launch.data_dir());
    init.arg("--genesis").arg(network.dir().path().join("net/genesis.json"));
    assert!(init.output().unwrap().status.success());
    let guest = launch.start();
    let head = height(network, through);
    until("it has caught up", || (guest.client().block_number() >= head).then_some(()));
    guest
}

/// The blocks up to this height: their hashes, and how often each transaction is in them.
fn chain(mut client: Client, head: u64) -> (Vec<B256>, BTreeMap<B256, usize>) {
    let (mut hashes, mut mined) = (Vec::new(), BTreeMap::new());
    for height in 1..=head {
        let block = client.get("eth_getBlockByNumber", json!([format!("{height:#x}"), false]));
        assert_eq!(number(&block["number"]), height);
        hashes.push(hash(&block["hash"]));
        for transaction in block["transactions"].as_array().unwrap() {
            *mined.entry(hash(transaction)).or_default() += 1;
        }
    }
    (hashes, mined)
}

/// Rounds of coming and going: one here, more in `scripts/soak.sh`.
fn rounds() -> usize {
    let named = std::env::var("MAINSPRING_JOINS").ok();
    named.map_or(1, |rounds| rounds.parse().unwrap())
}

#[test]
fn nodes_come_and_go_under_load_and_no_transaction_is_lost() {
    let network = Network::start(&["--consensus", "poa", "--workers", "3", "--period", "1"]);
    agree(&network, FOUR, 1);
    let steady = ["main", "worker-1", "worker-2"].map(|name| door(&network, name, false));
    let doors = steady.into_iter().chain([door(&network, "worker-3", true)]);
    let load = Load::begin(doors.collect());
    let mut stays = Vec::new();
    for round in 0..rounds() {
        eprintln!(
            "round {round}: block {}, {} sent",
            height(&network, "main"),
            load.sent.load(Relaxed)
        );
        let guest = join(&network, "main");
        load.open(door_of(&guest, "guest", false));
        // A signer leaves and comes back; so does one that is killed, while the main node follows.
        for (leaves, signer) in [("stop", "worker-2"), ("kill", "worker-3")] {
            network.fault(&[leaves, signer]);
            let head = height(&network, "main");
            load.goes_on(40);
            grows_to(&network, "main", head + 2);
            network.fault(&["start", signer]);
        }
        // A worker that came leaves for good, one dies, and one that came through another one stays.
        load.goes_on(40);
        load.close("guest");
        // Whoever was sending to it has been answered.
        load.goes_on(2 * SENDERS as usize);
        guest.stop("TERM");
        let victim = join(&network, "worker-1");
        load.open(door_of(&victim, "victim", true));
        load.goes_on(40);
        victim.kill9();
        load.close("victim");
        if stays.is_empty() {
            let guest = join(&network, "worker-3");
            load.open(door_of(&guest, "stays", false));
            stays.push(guest);
        }
        load.goes_on(40);
    }
    let taken = load.end();
    for transaction in &taken {
        until(&format!("{transaction} is mined"), || {
            let receipt = network.client("main").receipt(*transaction);
            (receipt["status"] == "0x1").then_some(())
        });
    }
    let head = agree(&network, FOUR, height(&network, "main"));
    let (hashes, mined) = chain(network.client("main"), head);
    for transaction in &taken {
        assert_eq!(mined.get(transaction), Some(&1), "{transaction} is on the chain once");
    }
    assert!(taken.len() >= 200 && mined.len() == taken.len(), "{} were taken", taken.len());
    for name in &FOUR[1..] {
        assert!(chain(network.client(name), head) == (hashes.clone(), mined.clone()), "{name}");
    }
    for guest in &stays {
        until("it has all", || (guest.client().block_number() >= head).then_some(()));
        assert!(chain(guest.new_client(), head) == (hashes.clone(), mined.clone()), "a guest");
    }
}
