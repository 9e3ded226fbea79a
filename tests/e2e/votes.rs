//! Two nodes that know each other: a signer is voted in over RPC and seals, is voted out and stops.

use crate::{authority::Key, harness::Launch, wire::Client};
use serde_json::{Value, json};
use std::{fs, process::Command};

const OPEN: [&str; 4] = ["--p2p-host", "127.0.0.1", "--p2p-port", "0"];

/// Makes the chain of one signer for a node.
fn init(launch: &Launch, genesis: &str) {
    let file = launch.home().join("genesis.json");
    fs::write(&file, genesis).unwrap();
    let mut command = Command::new(crate::harness::BINARY);
    command.arg("init").arg("--datadir").arg(launch.data_dir()).arg("--genesis").arg(&file);
    let said = command.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

fn sealed(client: &mut Client, by: &Key) -> u64 {
    let status: Value = client.get("clique_status", json!([]));
    status["sealerActivity"][by.address.to_string().to_lowercase()].as_u64().unwrap_or(0)
}

#[test]
fn a_node_seals_once_it_is_voted_in_and_stops_when_it_is_voted_out() {
    let (old, new) = (Key::of(8), Key::of(9));
    let mut command = Command::new(crate::harness::BINARY);
    command.args(["genesis", "--consensus", "poa", "--chain-id", "31337", "--period", "1"]);
    let written = command.args(["--signer", &old.address.to_string()]).output().unwrap();
    let genesis = String::from_utf8(written.stdout).unwrap();
    let first = old.launch_with(&OPEN);
    init(&first, &genesis);
    let first = first.start();
    let info = first.client().get("admin_nodeInfo", json!([]));
    let peer = info["enode"].as_str().unwrap().to_owned();
    let second = new.launch_with(&[&OPEN[..], &["--peer", &peer]].concat());
    init(&second, &genesis);
    let second = second.start();
    second.says("none of the signers");
    let tells = |client: &mut Client, seals: bool| {
        let peers = client.get("admin_peers", json!([]));
        (peers[0]["seals"] == json!(seals)).then_some(())
    };
    first.client().wait(|client| tells(client, false));
    first.client().get("clique_propose", json!([new.address, true]));
    let (mut one, mut other) = (first.new_client(), second.new_client());
    other.wait(|client| (sealed(client, &new) > 0).then_some(()));
    second.says("is a signer: this node seals");
    one.wait(|client| (sealed(client, &new) > 0).then_some(()));
    one.wait(|client| tells(client, true));
    for client in [&mut one, &mut other] {
        client.get("clique_discard", json!([new.address]));
        client.get("clique_propose", json!([new.address, false]));
    }
    second.says("was voted out");
    one.wait(|client| {
        (client.get("clique_getSigners", json!([])) == json!([old.address])).then_some(())
    });
    one.wait(|client| tells(client, false));
    let head = one.block_number();
    other.wait(|client| (client.block_number() >= head + 3).then_some(()));
    assert_eq!(other.get("clique_getSigner", json!([])), json!(old.address));
    let refused = one.refused("clique_propose", json!([old.address, false]));
    assert!(refused.message.contains("last signer"), "{refused:?}");
}
