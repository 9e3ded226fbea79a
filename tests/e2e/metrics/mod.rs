//! The numbers that a node tells of itself: are they there, and are they right?

mod dashboard;
pub(crate) mod page;

use crate::{
    authority::{Key, init, launch, mined},
    harness::{Launch, Node},
    wallet::{Wallet, fresh},
    wire::Client,
};
use page::{Page, place, scrape};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// Connections that are answered at the same time.
const CONNECTIONS: usize = 16;

fn start(flags: &[&str]) -> (Node, SocketAddr) {
    let all: Vec<_> = ["dev", "--metrics=0"].iter().chain(flags).copied().collect();
    let node = Node::start(&all);
    let at = place(&node.banner);
    (node, at)
}

/// A signer's node with its numbers, and the node that keeps its key.
pub(crate) fn signer(key: u8, period: u64) -> (Node, SocketAddr) {
    let keys = Launch::new(&["dev"]);
    let keeper = keys.start();
    let key = Key::stored_by(&keeper, &keys, key);
    let launch = launch(&key);
    init(&launch, key.address, period);
    // Any port, named by the environment.
    let node = launch.env("MAINSPRING_METRICS", ":0").start();
    let at = place(&node.banner);
    (node, at)
}

#[test]
fn the_numbers_are_those_that_the_methods_answer() {
    let (node, at) = start(&[]);
    let mut wallet = Wallet::dev(0);
    for number in 1..4 {
        mined(&node, &wallet.transfer(fresh(1), number));
    }
    let spent = Wallet::dev(0).transfer(fresh(1), 1);
    node.client().refused("eth_sendRawTransaction", json!([spent]));
    node.client().refused("eth_madeUp", json!([]));
    node.client().refused("eth_alsoMadeUp", json!([]));
    // One nonce is left out.
    wallet.transfer(fresh(1), 1);
    let late = wallet.transfer(fresh(1), 1);
    node.client().send_raw(&late);
    let page = scrape(at);
    let head = node.client().block_number() as f64;
    assert_eq!(page.value("mainspring_chain_head_number"), head);
    assert_eq!(page.value("mainspring_chain_blocks_total"), head);
    assert_eq!(page.value("mainspring_sealer_blocks_total"), head);
    assert_eq!(page.value("mainspring_chain_transactions_total"), 3.0);
    assert_eq!(page.value("mainspring_chain_gas_total"), 3.0 * 21_000.0);
    assert_eq!(page.value("mainspring_chain_head_gas_used"), 21_000.0);
    assert_eq!(page.value("mainspring_pool_transactions{state=\"pending\"}"), 0.0);
    assert_eq!(page.value("mainspring_pool_transactions{state=\"queued\"}"), 1.0);
    assert_eq!(page.value("mainspring_pool_added_total"), 4.0);
    assert_eq!(page.value("mainspring_pool_refused_total{reason=\"nonce\"}"), 1.0);
    let calls = |method: &str, outcome: &str| {
        let labels = format!("method=\"{method}\",outcome=\"{outcome}\"");
        page.value(&format!("mainspring_rpc_calls_total{{{labels}}}"))
    };
    assert_eq!(calls("eth_sendRawTransaction", "result"), 4.0);
    assert_eq!(calls("eth_sendRawTransaction", "error"), 1.0);
    assert_eq!(calls("unknown", "error"), 2.0, "made-up names have no place of their own");
    assert_eq!(page.value("mainspring_rpc_call_seconds_count{method=\"unknown\"}"), 2.0);
    let stage = "mainspring_sealer_stage_seconds_count{stage=\"append\"}";
    assert_eq!(page.value(stage), head);
    assert!(page.value("mainspring_database_file_bytes{database=\"blocks\"}") > 0.0);
    assert!(page.value("process_resident_memory_bytes") > 1e6);
    let rows = "mainspring_database_table_rows{database=\"blocks\",table=\"headers\"}";
    assert_eq!(page.value(rows), head + 1.0);
}

#[test]
fn a_signer_tells_of_its_chain() {
    let (node, at) = signer(0xc1, 0);
    let mut wallet = Wallet::dev(0);
    mined(&node, &wallet.transfer(fresh(1), 5));
    let page = scrape(at);
    assert_eq!(page.value("mainspring_chain_head_number"), 1.0);
    assert_eq!(page.value("mainspring_chain_total_difficulty"), 3.0, "1 and a block in turn");
    assert_eq!(page.value("mainspring_chain_signers"), 1.0);
    assert_eq!(page.value("mainspring_sealer_blocks_total"), 1.0);
    assert_eq!(page.value("mainspring_sealer_missed_turns_total"), 0.0);
    assert_eq!(page.value("mainspring_sealer_stage_seconds_count{stage=\"seal\"}"), 1.0);
}

#[test]
fn a_miner_tells_how_fast_it_and_its_helpers_are() {
    let launch = crate::work::endless().env("MAINSPRING_METRICS", ":0");
    let node = launch.start();
    let at = place(&node.banner);
    let somebody = format!("0x{}", "5a".repeat(32));
    node.client().get("eth_submitHashrate", json!(["0x500", somebody]));
    let page = scrape(at);
    let rate = |by| page.value(&format!("mainspring_sealer_hashes_per_second{{by=\"{by}\"}}"));
    assert!(rate("own") >= 0.0 && rate("all") >= 1_280.0, "{} of {}", rate("own"), rate("all"));
    let said = node.client().get("chain_status", json!([]));
    assert_eq!((&said["mode"], &said["work"]["mines"]), (&json!("pow"), &json!(true)), "{said}");
    assert!(said["work"]["hashRate"].as_f64().unwrap() >= 1_280.0, "{said}");
}

#[test]
fn nothing_is_served_unless_it_is_asked_for() {
    let node = Node::start(&["dev"]);
    assert!(!node.banner.contains("Metrics:"), "{}", node.banner);
    let (status, _) = node.client().get_page("/metrics").unwrap();
    assert_ne!(status, 200, "the port of the methods has no numbers");
}

#[test]
fn a_place_that_cannot_be_had_is_said() {
    let (_node, at) = start(&[]);
    let taken = at.to_string();
    let words = [taken.as_str(), "--metrics ADDR:PORT"];
    Launch::new(&["dev", "--metrics", &taken]).is_refused(&words);
    Launch::new(&["dev", "--metrics", "somewhere"]).is_refused(&["somewhere", "ADDR:PORT"]);
    Launch::new(&["dev", "--metrics", "192.0.2.1:0"]).is_refused(&["192.0.2.1:0"]);
}

#[test]
fn other_questions_are_refused() {
    let (_node, at) = start(&[]);
    let asked = |request: &str| {
        let mut stream = TcpStream::connect(at).unwrap();
        write!(stream, "{request}\r\nHost: node\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(asked("GET / HTTP/1.1").starts_with("HTTP/1.1 404"));
    assert!(asked("GET /metrics/ HTTP/1.1").starts_with("HTTP/1.1 404"));
    assert!(asked("POST /metrics HTTP/1.1").starts_with("HTTP/1.1 405"));
    assert!(asked("nonsense").starts_with("HTTP/1.1 400"));
    let page = asked("GET /metrics HTTP/1.1");
    assert!(page.contains("content-type: application/openmetrics-text; version=1.0.0"), "{page}");
    assert!(!page.contains("access-control"), "no page of another origin reads it");
    let head = asked("HEAD /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("mainspring_"), "{head}");
}

#[test]
fn who_says_nothing_holds_up_nobody_for_long() {
    let (node, at) = start(&[]);
    let silent: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(at).unwrap()).collect();
    // They are taken in the order in which they came.
    let mut one_more = TcpStream::connect(at).unwrap();
    one_more.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let closed = one_more.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(closed, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)), "{closed:?}");
    drop(silent);
    node.client().wait(|_| Client::new(at).get_page("/metrics").ok());
    assert_eq!(scrape(at).value("mainspring_chain_head_number"), 0.0);
}

#[test]
fn many_may_ask_while_the_node_is_busy_and_no_count_falls() {
    let (node, at) = start(&[]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = |_asker| {
            scope.spawn(|| {
                let (mut before, mut pages): (Option<Page>, u32) = (None, 0);
                while pages < 3 || !is_over.load(Ordering::Relaxed) {
                    let now = scrape(at);
                    for (name, value) in before.iter().flat_map(Page::counters) {
                        assert!(now.get(name).is_some_and(|now| now >= value), "{name} fell");
                    }
                    (before, pages) = (Some(now), pages + 1);
                }
            })
        };
        let askers: Vec<_> = (0..4).map(asking).collect();
        let mut wallet = Wallet::dev(0);
        for number in 0..40 {
            mined(&node, &wallet.transfer(fresh(1), number));
        }
        is_over.store(true, Ordering::Relaxed);
        askers.into_iter().for_each(|asker| asker.join().unwrap());
    });
    assert_eq!(scrape(at).value("mainspring_chain_transactions_total"), 40.0);
}

#[test]
fn connections_subscriptions_and_filters_are_counted_while_they_last() {
    let (node, at) = start(&["--ipc"]);
    let socket = node.launch.data_dir().join("mainspring.ipc");
    let open = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    let mut asking = open.try_clone().unwrap();
    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"] });
    writeln!(asking, "{request}").unwrap();
    node.client().get("eth_newBlockFilter", json!([]));
    let is_there = |count: f64| {
        node.client().wait(|_| {
            let page = scrape(at);
            let subscriptions = page.value("mainspring_rpc_subscriptions");
            let connections = page.value("mainspring_rpc_connections{transport=\"ipc\"}");
            (subscriptions == count && connections == count).then_some(())
        });
    };
    is_there(1.0);
    assert_eq!(scrape(at).value("mainspring_rpc_filters"), 1.0);
    drop((open, asking));
    is_there(0.0);
}
