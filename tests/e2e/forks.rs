//! A node that begins with a block of another node's chain: mainspring and anvil as upstream.

use crate::{
    harness::{Launch, Node},
    tools,
    wallet::{self, fresh},
    wire::{Client, hash, number, quantity},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, U256, address};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

/// Slot 0 counts calls and the last caller's value is in slot 1; every call emits an event.
///
/// `sstore(0, add(sload(0), 1)) sstore(1, callvalue()) log1(0, 0, 7) return sload(0)`
const COUNTER: &str = "0x6000546001018060005534600155600760006000a160005260206000f3";
pub(crate) const COUNTER_AT: Address = address!("00000000000000000000000000000000c0117e12");
const TOPIC: B256 = B256::with_last_byte(7);

/// A public chain's id, so that what is asked for once is never asked for again.
const PUBLIC: u64 = 11_155_111;

/// A development account on a chain with another id than the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    account: wallet::Wallet,
    chain_id: u64,
    pub(crate) nonce: u64,
}

impl Wallet {
    pub(crate) fn dev(index: u32, chain_id: u64) -> Self {
        Self { account: wallet::Wallet::dev(index), chain_id, nonce: 0 }
    }

    pub(crate) fn address(&self) -> Address {
        self.account.address()
    }

    fn send(&mut self, to: Address, value: u64, gas_limit: u64) -> String {
        self.account.nonce = self.nonce;
        let request = self.account.request(to.into(), Bytes::new(), value.into());
        self.nonce = self.account.nonce;
        self.account.sign(TxEip1559 { chain_id: self.chain_id, gas_limit, ..request })
    }

    pub(crate) fn call(&mut self, to: Address, value: u64) -> String {
        self.send(to, value, 200_000)
    }

    pub(crate) fn transfer(&mut self, to: Address, value: u64) -> String {
        self.send(to, value, 21_000)
    }
}

/// Blocks 1 to 5 of an upstream: a counter, called in blocks 2 to 5 with 2 to 5 wei.
pub(crate) fn populate(client: &mut Client, wallet: &mut Wallet) -> Vec<B256> {
    client.get("anvil_setCode", json!([COUNTER_AT, COUNTER]));
    client.get("evm_mine", json!([]));
    let calls = (2..=5).map(|wei| {
        // anvil answers before it has a receipt.
        let sent = client.send_raw(&wallet.call(COUNTER_AT, wei));
        let receipt = client.wait_for_receipt(sent);
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        hash(&receipt["transactionHash"])
    });
    calls.collect()
}

pub(crate) fn slot(client: &mut Client, slot: u8, block: &str) -> U256 {
    let slot = B256::with_last_byte(slot);
    quantity(&client.get("eth_getStorageAt", json!([COUNTER_AT, slot, block])))
}

pub(crate) fn logs(client: &mut Client, from: &str, to: &str) -> Vec<u64> {
    let filter = json!({ "fromBlock": from, "toBlock": to, "topics": [TOPIC] });
    let found = client.get("eth_getLogs", json!([filter]));
    found.as_array().unwrap().iter().map(|log| number(&log["blockNumber"])).collect()
}

/// A proxy that counts the requests that pass through it.
struct Counted {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Counted {
    fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = bodies.clone();
        thread(move || {
            for stream in listener.incoming().flatten() {
                let seen = seen.clone();
                thread(move || _ = pass(&stream, upstream, &seen));
            }
        });
        Self { address, bodies }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.bodies.lock())
    }
}

fn thread(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(body).unwrap();
}

/// Hands on one request after the other, and their answers.
fn pass(stream: &TcpStream, upstream: SocketAddr, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut client = Client::new(upstream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        seen.lock().push(String::from_utf8_lossy(&body).into_owned());
        let (status, answer) = client.post(&body).ok()?;
        let head = format!("HTTP/1.1 {status} OK\r\ncontent-length: {}\r\n\r\n", answer.len());
        (&mut &*stream).write_all([head.as_bytes(), answer.as_bytes()].concat().as_slice()).ok()?;
    }
}

/// What every fork at block 3 of such a chain has to answer.
fn check_fork(upstream: &mut Client, fork: &mut Client, calls: &[B256], wallet: &mut Wallet) {
    assert_eq!(fork.block_number(), 3);
    // State at the fork and before it.
    assert_eq!([slot(fork, 0, "latest"), slot(fork, 1, "latest")], [2, 3].map(U256::from));
    assert_eq!(slot(fork, 0, "0x2"), U256::from(1));
    let code = fork.get("eth_getCode", json!([COUNTER_AT, "latest"]));
    assert_eq!(code, COUNTER);
    let counted = fork.get("eth_call", json!([{ "to": COUNTER_AT }, "latest"]));
    assert_eq!(quantity(&counted), U256::from(3));
    assert_eq!(
        quantity(&fork.get("eth_call", json!([{ "to": COUNTER_AT }, "0x2"]))),
        U256::from(2)
    );

    // Blocks, transactions, receipts and traces at the fork and before it.
    for block in ["0x1", "0x2", "0x3"] {
        let mut given = upstream.get("eth_getBlockByNumber", json!([block, true]));
        let mut found = fork.get("eth_getBlockByNumber", json!([block, true]));
        for block in [&mut given, &mut found] {
            block.as_object_mut().unwrap().remove("totalDifficulty");
            block.as_object_mut().unwrap().remove("size");
        }
        for field in ["hash", "stateRoot", "transactionsRoot", "receiptsRoot", "timestamp"] {
            assert_eq!(found[field], given[field], "{field} of block {block}");
        }
        let hashes = |block: &Value| -> Vec<Value> {
            block["transactions"].as_array().unwrap().iter().map(|it| it["hash"].clone()).collect()
        };
        assert_eq!(hashes(&found), hashes(&given));
        let by_hash = fork.get("eth_getBlockByHash", json!([given["hash"], false]));
        assert_eq!(by_hash["number"], block);
    }
    let receipt = fork.receipt(calls[0]);
    assert_eq!((number(&receipt["blockNumber"]), &receipt["status"]), (2, &json!("0x1")));
    assert_eq!(receipt["logs"][0]["topics"], json!([TOPIC]));
    let sent = fork.get("eth_getTransactionByHash", json!([calls[1]]));
    assert_eq!((number(&sent["blockNumber"]), number(&sent["value"])), (3, 3));
    assert!(fork.receipt(calls[2]).is_null(), "block 4 is not part of the fork");
    let trace = fork.get("debug_traceTransaction", json!([calls[1], { "tracer": "callTracer" }]));
    assert_eq!((number(&trace["value"]), quantity(&trace["output"])), (3, U256::from(2)));
    let diff = fork.get("trace_replayTransaction", json!([calls[0], ["stateDiff"]]));
    assert!(diff["stateDiff"][COUNTER_AT.to_string().to_lowercase()].is_object(), "{diff}");

    // Transactions on top.
    let receipt = fork.mined(&wallet.call(COUNTER_AT, 40));
    assert_eq!((number(&receipt["blockNumber"]), &receipt["status"]), (4, &json!("0x1")));
    assert_eq!([slot(fork, 0, "latest"), slot(fork, 1, "latest")], [3, 40].map(U256::from));
    assert_eq!([slot(fork, 0, "0x3"), slot(fork, 1, "0x3")], [2, 3].map(U256::from));
    let parent = fork.get("eth_getBlockByNumber", json!(["0x3", false]));
    let block = fork.get("eth_getBlockByNumber", json!(["0x4", false]));
    assert_eq!(block["parentHash"], parent["hash"]);
    assert!(number(&block["timestamp"]) >= number(&parent["timestamp"]));
    fork.mined(&wallet.transfer(fresh(1), 5));
    assert_eq!(fork.balance(fresh(1), "latest"), U256::from(5));
    let trace = fork.get("debug_traceTransaction", json!([receipt["transactionHash"], {}]));
    assert_eq!(trace["failed"], false);

    // Events across the boundary, and on both sides of it.
    assert_eq!(logs(fork, "0x0", "latest"), [2, 3, 4]);
    assert_eq!(logs(fork, "0x2", "0x2"), [2]);
    assert_eq!(logs(fork, "0x4", "0x9"), [4]);
    let history = fork.get("eth_feeHistory", json!(["0x5", "latest", [50]]));
    assert_eq!(number(&history["oldestBlock"]), 1);

    // What a developer does lies over what was fetched.
    fork.get("anvil_setStorageAt", json!([COUNTER_AT, B256::ZERO, B256::with_last_byte(99)]));
    assert_eq!([slot(fork, 0, "latest"), slot(fork, 1, "latest")], [99, 40].map(U256::from));
    fork.get("evm_mine", json!([]));
    assert_eq!(slot(fork, 0, "latest"), U256::from(99));
    let info = fork.get("anvil_nodeInfo", json!([]));
    assert_eq!(info["forkConfig"]["forkBlockNumber"], 3);
    assert!(info["stateRootCovers"].as_str().unwrap().contains("since the fork"), "{info}");
}

#[test]
fn a_fork_of_a_mainspring_chain_goes_on_from_its_block() {
    let upstream = Node::start(&["--chain-id", "4242"]);
    let mut wallet = Wallet::dev(0, 4242);
    let calls = populate(&mut upstream.client(), &mut wallet);
    let url = format!("{}@3", upstream.url());
    let fork = Node::start(&["--fork-url", &url]);
    let client = &mut fork.client();
    let mut wallet = Wallet::dev(0, 4242);
    wallet.nonce = client.nonce(wallet.address(), "latest");
    assert_eq!(wallet.nonce, 2);
    check_fork(&mut upstream.client(), client, &calls, &mut wallet);
    // Proofs: the upstream's up to the fork, checked against its header; none above it.
    let proof = client.get("eth_getProof", json!([COUNTER_AT, [B256::ZERO], "0x2"]));
    let given = upstream.client().get("eth_getProof", json!([COUNTER_AT, [B256::ZERO], "0x2"]));
    assert_eq!(proof["storageProof"], given["storageProof"]);
    let refused = client.refused("eth_getProof", json!([COUNTER_AT, [], "latest"]));
    assert!(refused.message.contains("since the fork at block 3"), "{}", refused.message);
}

#[test]
fn a_fork_of_an_anvil_chain_goes_on_from_its_block() {
    let anvil = Launch::new(&["--chain-id", "4242"]).without_directory();
    let anvil = anvil.program(tools::program("anvil")).start();
    let mut upstream = anvil.client();
    let mut wallet = Wallet::dev(0, 4242);
    let calls = populate(&mut upstream, &mut wallet);
    let fork = Node::start(&["--fork-url", &anvil.url(), "--fork-block-number", "-2"]);
    let client = &mut fork.client();
    let mut wallet = Wallet::dev(0, 4242);
    wallet.nonce = client.nonce(wallet.address(), "latest");
    check_fork(&mut upstream, client, &calls, &mut wallet);
}

#[test]
fn a_fork_is_the_same_after_kill_9_and_without_its_upstream() {
    let upstream = Node::start(&["--chain-id", "4242"]);
    let mut wallet = Wallet::dev(0, 4242);
    let calls = populate(&mut upstream.client(), &mut wallet);
    let url = format!("{}@3", upstream.url());
    let fork = Node::start(&["--fork-url", &url]);
    let mut wallet = Wallet::dev(1, 4242);
    let head = {
        let client = &mut fork.client();
        client.mined(&wallet.call(COUNTER_AT, 7));
        client.receipt(calls[0]);
        client.get("anvil_setBalance", json!([fresh(1), "0x7"]));
        client.get("eth_getBlockByNumber", json!(["latest", false]))
    };
    // What was asked for is durable within a second, and at a clean end.
    let launch = fork.stop("TERM");
    let fork = launch.start().restart();
    let launch = {
        let client = &mut fork.client();
        assert_eq!(client.get("eth_getBlockByNumber", json!(["latest", false])), head);
        assert_eq!(client.balance(fresh(1), "latest"), U256::from(7));
        fork.launch.clone()
    };
    drop(fork);
    drop(upstream);
    for flags in [&["--fork-url", url.as_str()] as &[&str], &[]] {
        let offline = launch.with_flags(flags).start();
        let client = &mut offline.client();
        assert_eq!([slot(client, 0, "latest"), slot(client, 1, "latest")], [3, 7].map(U256::from));
        assert_eq!(number(&client.receipt(calls[0])["blockNumber"]), 2);
        let refused = client.refused("eth_getBalance", json!([fresh(77), "latest"]));
        let names = if flags.is_empty() { "--fork-url" } else { "127.0.0.1:" };
        assert!(refused.message.contains(names), "{}", refused.message);
        client.mined(&wallet.clone().call(COUNTER_AT, 8));
        client.get("evm_revert", json!(["0x1"]));
        client.get("anvil_reset", json!([{}]));
        assert_eq!(client.block_number(), 3);
        assert_eq!(slot(client, 0, "latest"), U256::from(2));
        client.mined(&Wallet::dev(1, 4242).call(COUNTER_AT, 7));
    }
    // Another chain, another block.
    let other = Node::start(&["--chain-id", "4243"]);
    let there = format!("{}@3", other.url());
    launch.with_flags(&["--fork-url", &there]).is_refused(&["4243", "4242", "--fork-url"]);
    launch.with_flags(&["--fork-url", "http://127.0.0.1:1@4"]).is_refused(&[
        "--fork-block-number",
        "--fresh",
        "--datadir",
    ]);
    let id = ["--fork-url", "http://127.0.0.1:1", "--fork-chain-id", "1"];
    launch.with_flags(&id).is_refused(&["--fork-chain-id", "4242"]);
}

#[test]
fn the_second_run_of_a_forking_script_makes_no_upstream_request() {
    let id = PUBLIC.to_string();
    let upstream = Node::start(&["--chain-id", &id, "--hardfork", "prague"]);
    let mut wallet = Wallet::dev(0, PUBLIC);
    let calls = populate(&mut upstream.client(), &mut wallet);
    let proxy = Counted::before(upstream.address);
    let cache = tempfile::tempdir().unwrap();
    let url = format!("{}@3", proxy.url());
    let cached = cache.path().display().to_string();
    let run = |launch: Launch| {
        let fork = launch.start();
        {
            let client = &mut fork.client();
            let mut wallet = Wallet::dev(2, PUBLIC);
            wallet.nonce = client.nonce(wallet.address(), "latest");
            let sent = client.mined(&wallet.call(COUNTER_AT, 7));
            assert_eq!(sent["status"], "0x1");
            assert_eq!(slot(client, 1, "0x2"), U256::from(2));
            assert_eq!(logs(client, "0x0", "0x3"), [2, 3]);
            client.receipt(calls[0]);
            client.receipt(B256::repeat_byte(1));
            client.balance(fresh(9), "latest");
            client.get("debug_traceTransaction", json!([calls[1], {}]));
        }
        fork.stop("TERM")
    };
    let ephemeral = ["--ephemeral", "--cache-path", &cached, "--fork-url", &url];
    let launch = Launch::new(&ephemeral).without_directory();
    run(launch.clone());
    assert!(proxy.requests().len() > 5, "the first run asks");
    run(launch);
    assert_eq!(proxy.requests(), Vec::<String>::new(), "in a new chain on the same cache");

    let launch = run(Launch::new(&["--fork-url", &url]));
    assert!(proxy.requests().len() > 5, "a directory has a cache of its own");
    let launch = run(launch);
    assert_eq!(proxy.requests(), Vec::<String>::new(), "on the same chain");
    run(launch.with_flags(&["--fork-url", &url, "--fresh"]));
    assert_eq!(proxy.requests(), Vec::<String>::new(), "--fresh keeps what was asked for");
}

#[test]
fn a_fork_at_a_transaction_begins_after_it() {
    let upstream = Node::start(&["--no-mining", "--chain-id", "4242", "--order", "fifo"]);
    let calls = {
        let mut client = upstream.client();
        client.get("anvil_setCode", json!([COUNTER_AT, COUNTER]));
        client.get("evm_mine", json!([]));
        let sent: Vec<B256> = (0..3u8)
            .map(|account| {
                let wei = 10 + u64::from(account);
                let mut wallet = Wallet::dev(account.into(), 4242);
                client.send_raw(&wallet.call(COUNTER_AT, wei))
            })
            .collect();
        client.get("evm_mine", json!([]));
        sent
    };
    let flags = ["--fork-url", &upstream.url(), "--fork-transaction-hash", &calls[1].to_string()];
    let fork = Node::start(&flags);
    {
        let client = &mut fork.client();
        assert_eq!(client.block_number(), 2);
        assert_eq!([slot(client, 0, "latest"), slot(client, 1, "latest")], [2, 11].map(U256::from));
        assert_eq!(number(&client.receipt(calls[1])["transactionIndex"]), 1);
        assert!(client.receipt(calls[2]).is_null());
        let given = upstream.client().get("eth_getBlockByNumber", json!(["0x2", false]));
        let found = client.get("eth_getBlockByNumber", json!(["0x2", false]));
        for field in ["timestamp", "mixHash", "baseFeePerGas", "gasLimit", "parentHash"] {
            assert_eq!(found[field], given[field], "{field}");
        }
    }
    assert_eq!(fork.restart().client().block_number(), 2, "after a restart");
    Launch::new(&[
        "--fork-url",
        &upstream.url(),
        "--fork-transaction-hash",
        &B256::ZERO.to_string(),
    ])
    .is_refused(&["no mined transaction"]);
}

#[test]
fn bad_upstreams_are_told_by_their_host() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}/SECRET");
    Launch::new(&["--fork-url", &url]).is_refused(&[&gone.to_string(), "cannot be reached"]);
    Launch::new(&["--fork-url", "wss://node.example/SECRET"]).is_refused(&["http://"]);
    let upstream = Node::start(&["--chain-id", "4242"]);
    let url = upstream.url();
    let wrong = ["--fork-url", &url, "--fork-chain-id", "1"];
    Launch::new(&wrong).is_refused(&["4242", "1 was expected"]);
    let far = ["--fork-url", &url, "--fork-block-number", "900"];
    Launch::new(&far).is_refused(&["no block 900"]);
    let far = ["--fork-url", &url, "--fork-block-number", "-900"];
    Launch::new(&far).is_refused(&["900 blocks before"]);
    // A chain that is no fork does not become one.
    let launch = Node::start(&[]).kill9();
    launch.with_flags(&["--fork-url", &url]).is_refused(&["no fork", "--fresh"]);

    // Down later: that call fails, the others go on.
    let fork = Node::start(&["--fork-url", &url]);
    let client = &mut fork.client();
    client.balance(fresh(1), "latest");
    drop(upstream);
    let refused = client.refused("eth_getBalance", json!([fresh(2), "latest"]));
    assert!(refused.message.contains("cannot be reached"), "{}", refused.message);
    assert_eq!(client.balance(fresh(1), "latest"), U256::ZERO);
    client.mined(&Wallet::dev(0, 4242).transfer(fresh(1), 5));
    assert_eq!(client.balance(fresh(1), "latest"), U256::from(5));
}

#[test]
fn another_url_has_to_serve_the_same_chain() {
    let upstream = Node::start(&["--chain-id", "4242"]);
    let other = Node::start(&["--chain-id", "4243"]);
    let fork = Node::start(&["--fork-url", &upstream.url()]);
    let client = &mut fork.client();
    let refused = client.refused("anvil_setRpcUrl", json!([other.url()]));
    assert!(refused.message.contains("4243"), "{}", refused.message);
    let proxy = Counted::before(upstream.address);
    client.get("anvil_setRpcUrl", json!([proxy.url()]));
    proxy.requests();
    client.balance(fresh(5), "latest");
    assert_eq!(proxy.requests().len(), 1);
    let refused = other.client().refused("anvil_setRpcUrl", json!([upstream.url()]));
    assert!(refused.message.contains("no fork"), "{}", refused.message);
}

#[test]
fn a_reset_begins_again_with_another_block() {
    let upstream = Node::start(&["--chain-id", "4242"]);
    let calls = populate(&mut upstream.client(), &mut Wallet::dev(0, 4242));
    let fork = Node::start(&["--fork-url", &format!("{}@3", upstream.url())]);
    {
        let client = &mut fork.client();
        client.mined(&Wallet::dev(3, 4242).call(COUNTER_AT, 40));
        client.get("evm_snapshot", json!([]));
        let filter = client.get("eth_newBlockFilter", json!([]));
        let later = json!({ "forking": { "jsonRpcUrl": upstream.url(), "blockNumber": 4 } });
        client.get("hardhat_reset", json!([later]));
        assert_eq!(client.block_number(), 4);
        assert_eq!([slot(client, 0, "latest"), slot(client, 1, "latest")], [3, 4].map(U256::from));
        assert_eq!(number(&client.receipt(calls[2])["blockNumber"]), 4);
        assert_eq!(client.get("evm_revert", json!(["0x1"])), false);
        client.rpc("eth_getFilterChanges", json!([filter])).ok();
        client.mined(&Wallet::dev(3, 4242).call(COUNTER_AT, 41));
        assert_eq!(logs(client, "0x0", "latest"), [2, 3, 4, 5]);
    }
    // A third block is neither the one that the flags named nor the one that it was reset to.
    let launch = fork.kill9();
    let third = format!("{}@2", upstream.url());
    launch.with_flags(&["--fork-url", &third]).is_refused(&["--fork-block-number", "fork of 4"]);
    let fork = launch.start();
    let client = &mut fork.client();
    assert_eq!((client.block_number(), slot(client, 1, "latest")), (5, U256::from(41)));
    // Back to the same block, to an older one, and to the newest.
    client.get("anvil_reset", json!([{ "forking": {} }]));
    assert_eq!((client.block_number(), slot(client, 1, "latest")), (4, U256::from(4)));
    client.get("anvil_reset", json!([{ "forking": { "blockNumber": "0x2" } }]));
    assert_eq!((client.block_number(), slot(client, 1, "latest")), (2, U256::from(2)));
    assert!(client.receipt(calls[1]).is_null());
    client.get("anvil_reset", json!([{ "forking": { "jsonRpcUrl": upstream.url() } }]));
    assert_eq!((client.block_number(), slot(client, 1, "latest")), (5, U256::from(5)));
    client.mined(&Wallet::dev(3, 4242).transfer(fresh(1), 5));
    // What cannot be is told, and changes nothing.
    let gone = json!([{ "forking": { "jsonRpcUrl": "http://127.0.0.1:1", "blockNumber": 3 } }]);
    assert!(client.refused("anvil_reset", gone).message.contains("cannot be reached"));
    let far = json!([{ "forking": { "blockNumber": 900 } }]);
    assert!(client.refused("anvil_reset", far).message.contains("no block 900"));
    assert_eq!((client.block_number(), client.balance(fresh(1), "latest")), (6, U256::from(5)));
}

#[test]
fn what_flags_say_of_the_first_block_holds_after_a_reset_as_well() {
    let upstream = Node::start(&["--chain-id", "4242"]);
    populate(&mut upstream.client(), &mut Wallet::dev(0, 4242));
    let url = format!("{}@3", upstream.url());
    let flags = ["--fork-url", &url, "--gas-limit", "12345678", "--base-fee", "77"];
    let fork = Node::start(&flags);
    let client = &mut fork.client();
    let first = |client: &mut Client| {
        client.get("anvil_mine", json!([]));
        let block = client.get("eth_getBlockByNumber", json!(["latest", false]));
        [number(&block["gasLimit"]), number(&block["baseFeePerGas"])]
    };
    assert_eq!(first(client), [12_345_678, 77]);
    for options in [json!([{}]), json!([{ "forking": { "blockNumber": 2 } }])] {
        client.get("anvil_reset", options.clone());
        assert_eq!(first(client), [12_345_678, 77], "{options}");
    }
}

#[test]
fn what_an_access_list_names_is_asked_for_at_once() {
    let upstream = Node::start(&["--chain-id", "4242"]);
    // Twenty times SLOAD, POP.
    let code: String = (0..20).map(|slot| format!("60{slot:02x}5450")).collect();
    upstream.client().get("anvil_setCode", json!([fresh(5), format!("0x{code}00")]));
    let slots: Vec<_> = (0..20_u64).map(|slot| B256::from(U256::from(slot))).collect();
    for slot in &slots {
        upstream.client().get("anvil_setStorageAt", json!([fresh(5), slot, B256::repeat_byte(1)]));
    }
    upstream.client().get("anvil_mine", json!([]));
    let list = json!([{ "address": fresh(5), "storageKeys": slots }]);
    let call = json!({ "from": fresh(6), "to": fresh(5) });
    let with_list = json!({ "from": fresh(6), "to": fresh(5), "accessList": list });
    let asked = |call: &Value| {
        let proxy = Counted::before(upstream.address);
        let fork = Node::start(&["--fork-url", &proxy.url()]);
        proxy.requests();
        let mut client = fork.client();
        assert_eq!(client.get("eth_call", json!([call, "latest"])), "0x");
        let first = proxy.requests().len();
        client.get("eth_call", json!([call, "latest"]));
        assert_eq!(proxy.requests().len(), 0, "the second time nothing is asked for");
        first
    };
    let (at_once, one_by_one) = (asked(&with_list), asked(&call));
    assert!(at_once <= 3, "accounts, slots, and who gets the fees: {at_once} requests");
    assert!(one_by_one >= 21, "each slot as it is read: {one_by_one} requests");
}
