//! A network of real processes: it starts and ends as a whole, nodes are hurt by name, and nothing is left
//! behind.

use crate::{
    harness::BINARY,
    network::{Network, is_alive, until},
};
use serde_json::json;
use std::{
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

const NAMES: [&str; 3] = ["main", "worker-1", "worker-2"];
const SMALL: &[&str] = &["--workers", "2", "--period", "1"];

fn genesis_hash(network: &Network, name: &str) -> String {
    let block = json!(["earliest", false]);
    let block = network.client(name).get("eth_getBlockByNumber", block);
    block["hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_network_starts_and_ends_as_a_whole_and_goes_on_where_it_was() {
    let network = Network::start(SMALL);
    let first = genesis_hash(&network, "main");
    for name in NAMES {
        assert_eq!(genesis_hash(&network, name), first, "{name}");
        assert!(is_alive(network.pid(name)), "{name}");
    }
    let roles = NAMES.map(|name| network.node(name)["role"].as_str().unwrap().to_owned());
    assert_eq!(roles, ["main", "worker", "worker"]);
    let pids = NAMES.map(|name| network.pid(name));
    let mut second = Command::new(BINARY);
    second.args(["devnet", "--port", "0", "--datadir"]).arg(network.dir().path().join("net"));
    let second = second.output().unwrap();
    assert!(String::from_utf8_lossy(&second.stderr).contains("runs in"), "two in one directory");
    let (status, dir) = network.end("INT");
    assert_eq!(status.code(), Some(0));
    assert!(!pids.into_iter().any(is_alive), "all nodes have ended before the network does");

    let network = Network::go_on(dir, &[]);
    assert_eq!(genesis_hash(&network, "worker-2"), first);
    let rpc = network.node("main")["rpc"].as_str().unwrap().to_owned();
    assert!(!rpc.ends_with(":8545"), "{rpc}: a free port was asked for at the last start");
    // Killed, it cannot end its nodes: they see that it is gone.
    let pids = NAMES.map(|name| network.pid(name));
    let (_, dir) = network.end("KILL");
    until("all nodes have ended", || (!pids.into_iter().any(is_alive)).then_some(()));
    let mut other = Command::new(BINARY);
    other.args(["devnet", "--workers", "3", "--datadir"]).arg(dir.path().join("net"));
    let refused = other.output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("--workers 2, not 3"), "{said}");
}

#[test]
fn nodes_are_stopped_killed_and_started_by_name() {
    let network = Network::start(SMALL);
    let (rpc, pid) = (network.node("worker-1")["rpc"].clone(), network.pid("worker-1"));
    assert!(network.fault(&["kill", "worker-1"]).contains("worker-1 killed"));
    assert!(!is_alive(pid));
    assert!(network.node("worker-1")["pid"].is_null());
    network.is_refused(&["kill", "worker-1"], &["worker-1 does not run", "devnet start worker-1"]);
    assert!(network.fault(&["status"]).contains("stopped"));
    network.fault(&["start", "worker-1"]);
    assert_eq!(network.node("worker-1")["rpc"], rpc, "where it was");
    assert_ne!(network.pid("worker-1"), pid);
    network.client("worker-1").get("eth_chainId", json!([]));
    network.is_refused(&["start", "worker-1"], &["worker-1 runs already"]);
    network.fault(&["stop", "worker-1", "main", "main"]);
    network.fault(&["start", "main", "worker-1"]);
    network.is_refused(&["stop", "worker-9"], &["\"worker-9\"", "main, worker-1, worker-2"]);
    network.is_refused(&["cut", "main", "worker-1", "worker-2"], &["some on each side"]);
    network.is_refused(&["stop"], &["NODE"]);

    // One that ends by itself is told, with the end of its log.
    let pid = network.pid("worker-2");
    assert!(Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap().success());
    until("its end is told", || network.said().contains("worker-2 ended by itself").then_some(()));
    network.fault(&["start", "worker-2"]);
    network.client("worker-2").get("eth_chainId", json!([]));
}

#[test]
fn what_cannot_be_a_network_is_refused_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |flags: &[&str], words: &[&str]| {
        let mut command = Command::new(BINARY);
        command.arg("devnet").args(flags);
        command.arg("--datadir").arg(dir.path().join("net"));
        let said = command.output().unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(!said.status.success(), "{flags:?} was done");
        assert!(!errors.contains("panicked"), "{errors}");
        for word in words {
            assert!(errors.contains(word), "{flags:?}: nothing says {word:?}: {errors}");
        }
    };
    refused(&["status"], &["no devnet runs", "mainspring devnet --datadir"]);
    refused(&["--workers", "0"], &["--workers"]);
    refused(&["--consensus", "luck"], &["luck", "poa"]);
    refused(&["--consensus", "pow", "--period", "1"], &["--period belongs to --consensus poa"]);
    refused(&["--port", "65535"], &["no 4 ports from 65535 on"]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(&["--port", &port], &[&port, "main", "--port"]);
    refused(&["status"], &["no devnet runs"]);
}
