//! Flags of the network: what a node prints of itself, what it keeps, and what it refuses in words.

use crate::{
    authority::network,
    harness::{Launch, Node},
    wallet::Wallet,
};
use serde_json::{Value, json};
use std::fs;

const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

/// A node of a chain that nobody seals, with these flags besides.
pub(crate) fn launch(flags: &[&str]) -> Launch {
    let all = [&["node", "--no-seal", "--p2p-host", "127.0.0.1"][..], flags].concat();
    let launch = Launch::new(&all);
    network(&launch, Wallet::dev(1).address(), json!({ "clique": { "period": 1, "epoch": 10 } }));
    launch
}

/// What a node prints: where peers reach it.
pub(crate) fn printed(node: &Node) -> String {
    let line = node.banner.lines().find(|line| line.starts_with("Peer address:"));
    line.unwrap_or_else(|| panic!("{}", node.banner)).split_whitespace().last().unwrap().to_owned()
}

fn peers(node: &Node) -> usize {
    node.client().get("admin_peers", json!([])).as_array().unwrap().len()
}

pub(crate) fn wait_for_peers(node: &Node, count: usize) {
    node.client().wait(|client| {
        let peers = client.get("net_peerCount", json!([]));
        (peers == json!(format!("{count:#x}"))).then_some(())
    });
}

#[test]
fn a_node_is_reached_where_it_says_and_stays_itself_over_a_kill() {
    let first = launch(&["--p2p-port", "0"]).start();
    let address = printed(&first);
    assert!(address.starts_with("/ip4/127.0.0.1/tcp/"), "{address}");
    let info = first.client().get("admin_nodeInfo", json!([]));
    assert_eq!((info["enode"].as_str().unwrap(), &info["ip"]), (&*address, &json!("127.0.0.1")));

    let second = launch(&["--p2p-port", "0", "--peer", &address]).start();
    wait_for_peers(&second, 1);
    wait_for_peers(&first, 1);
    assert_eq!(second.client().get("admin_peers", json!([]))[0]["id"], info["id"]);

    // On the port that it had: the other one dials it again by itself.
    let port = address.split('/').nth(4).unwrap().to_owned();
    let killed = first.kill9();
    wait_for_peers(&second, 0);
    let flags = ["node", "--no-seal", "--p2p-host", "127.0.0.1", "--p2p-port", &port];
    let again = killed.with_flags(&flags).start();
    assert_eq!(printed(&again), address);
    wait_for_peers(&second, 1);
}

/// How often a node has printed these words.
fn said(node: &Node, words: &str) -> usize {
    node.output().lines().filter(|line| line.contains(words)).count()
}

#[test]
fn a_named_peer_that_cannot_be_reached_is_said_once_and_when_it_is() {
    let first = launch(&["--p2p-port", "0"]).start();
    let address = printed(&first);
    let port = address.split('/').nth(4).unwrap().to_owned();
    let killed = first.kill9();
    let second = launch(&["--p2p-port", "0", "--peer", &address]).start();
    second.says("a named peer cannot be reached");
    let (status, reason) = second.client().get_page("/ready").unwrap();
    assert!(status == 503 && reason.contains("--peer"), "{status} {reason}");

    let flags = ["node", "--no-seal", "--p2p-host", "127.0.0.1", "--p2p-port", &port];
    let first = killed.with_flags(&flags).start();
    second.says("a named peer is reached after all");
    wait_for_peers(&second, 1);
    assert_eq!(second.client().get_page("/ready").unwrap().0, 200);
    assert_eq!(first.client().get_page("/ready").unwrap().0, 200, "it was told of nobody");
    assert_eq!(said(&second, "a named peer cannot be reached"), 1);
    assert_eq!(said(&second, "reached after all"), 1);
}

#[test]
fn who_answers_in_place_of_a_named_peer_is_said() {
    let first = launch(&["--p2p-port", "0"]).start();
    let address = printed(&first);
    let (place, id) = address.rsplit_once('/').unwrap();
    let second = launch(&["--p2p-port", "0", "--peer", &format!("{place}/{ID}")]).start();
    second.says(&format!("another node answers there: {id}"));
}

#[test]
fn who_is_not_on_the_list_of_a_named_peer_is_told_what_to_ask_for() {
    let first = launch(&["--p2p-port", "0", "--allow-peers", ID]).start();
    let second = launch(&["--p2p-port", "0", "--peer", &printed(&first)]).start();
    let info = second.client().get("admin_nodeInfo", json!([]));
    let id = info["id"].as_str().unwrap();
    second.says("a named peer closes the connection before it greets");
    second.says(&format!("(--allow-peers) that lacks this node's id {id}"));
    first.says("RUST_LOG=network=debug");
    assert_eq!(said(&second, "closes the connection before it greets"), 1);
}

#[test]
fn settings_of_the_network_come_from_the_environment_and_a_file_too() {
    let first = launch(&["--p2p-port", "0"]).start();
    let address = printed(&first);
    let other = launch(&["--config", "mainspring.toml"]).env("MAINSPRING_P2P_PORT", "0");
    let file = format!("[p2p]\npeer = [\"{address}\"]\nmax-peers = 3\np2p-port = 1\n");
    fs::write(other.home().join("mainspring.toml"), file).unwrap();
    wait_for_peers(&other.start(), 1);
}

#[test]
fn who_wants_no_network_has_none() {
    let node = Launch::with_flags(&launch(&[]), &["node", "--no-seal", "--no-p2p"]).start();
    assert!(!node.banner.contains("Peer"), "{}", node.banner);
    assert_eq!(node.client().get("net_listening", json!([])), false);
    assert_eq!(peers(&node), 0);
    let address = format!("/ip4/192.0.2.7/tcp/30303/p2p/{ID}");
    let refused = node.client().refused("admin_addPeer", json!([address]));
    assert!(refused.message.contains("--no-p2p"), "{}", refused.message);
    let dev = Node::start(&[]);
    let refused = dev.client().refused("admin_addPeer", json!([address]));
    assert!(refused.message.contains("node of a network"), "{}", refused.message);
}

#[test]
fn what_names_no_peer_is_refused_with_the_right_form() {
    let node = launch(&["--p2p-port", "0"]).start();
    for (method, params) in [
        ("admin_addPeer", json!(["enode://00@192.0.2.7:30303"])),
        ("admin_addPeer", json!(["/ip4/192.0.2.7/tcp/30303"])),
        ("admin_addPeer", json!(["x".repeat(100_000)])),
        ("admin_removePeer", json!(["12D"])),
        ("admin_addTrustedPeer", json!([""])),
        ("admin_isolate", json!([["12D"]])),
        ("admin_isolate", json!([vec![ID; 2_000]])),
    ] {
        let refused = node.client().refused(method, params);
        assert_eq!(refused.code, -32602, "{method}: {}", refused.message);
    }
    let isolated: Value = node.client().get("admin_isolate", json!([[ID]]));
    assert_eq!(isolated, true);

    for (flags, words) in [
        (vec!["--peer", "192.0.2.7:30303"], ["--peer", "/p2p/PEER_ID"]),
        (vec!["--peer", "/dns4/n/tcp/1"], ["--peer", "/p2p/PEER_ID"]),
        (vec!["--allow-peers", "me"], ["--allow-peers", "12D3KooW"]),
        (vec!["--external-address", "host:1"], ["--external-address", "/tcp/30303"]),
        (vec!["--max-peers", "0"], ["--max-peers", "above zero"]),
        (vec!["--no-p2p", "--p2p-port", "1"], ["--no-p2p", "--p2p-port"]),
    ] {
        launch(&flags).is_refused(&words);
    }
}

#[test]
fn a_broken_key_and_a_taken_port_are_refused_in_words() {
    let broken = launch(&["--p2p-port", "0"]);
    fs::write(broken.data_dir().join("node.key"), "not a key").unwrap();
    broken.is_refused(&["node.key", "delete it"]);

    let first = launch(&["--p2p-port", "0"]).start();
    let port = printed(&first).split('/').nth(4).unwrap().to_owned();
    launch(&["--p2p-port", &port]).is_refused(&["cannot listen for peers", "--p2p-port"]);
}
