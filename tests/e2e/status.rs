//! Why is no block being made? A node says so when it is asked, and in its log when it lasts.

use crate::{
    authority::{Key, launch, network_of},
    harness::{Launch, Node},
    wallet::{Wallet, fresh},
};
use alloy_primitives::Address;
use serde_json::{Value, json};

fn status(node: &Node) -> Value {
    node.client().get("chain_status", json!([]))
}

/// The first of two signers, alone; and the other one.
fn one_of_two(key: u8) -> (Node, Key, Address) {
    let keys = Launch::new(&["dev"]);
    let keeper = keys.start();
    let key = Key::stored_by(&keeper, &keys, key);
    let absent = Address::repeat_byte(0xff);
    let launch = launch(&key);
    let consensus = json!({ "clique": { "period": 1, "epoch": 10 } });
    network_of(&launch, &[key.address, absent], consensus);
    (launch.start(), key, absent)
}

#[test]
fn a_signer_that_is_left_alone_says_who_is_missing() {
    let (node, key, absent) = one_of_two(0xd1);
    node.client().wait(|client| (client.block_number() == 1).then_some(()));
    // Nobody asked: the log says so by itself.
    node.says("no block for");
    node.says(&format!("start the nodes of the other signers: {absent}"));
    let said = status(&node);
    assert_eq!((&said["mode"], &said["overdue"]), (&json!("poa"), &json!(true)), "{said}");
    let authority = &said["authority"];
    assert_eq!((&authority["needed"], &authority["reachable"]), (&json!(2), &json!(1)));
    assert_eq!((&authority["next"], &said["head"]["number"]), (&json!("0x2"), &json!("0x1")));
    assert_eq!(authority["own"]["address"], json!(key.address));
    assert_eq!(authority["own"]["from"], "0x3", "it signed block 1, of two signers");
    let signers = &authority["signers"];
    assert_eq!((&signers[0]["lastBlock"], &signers[0]["maySign"]), (&json!("0x1"), &json!(false)));
    assert_eq!((&signers[1]["lastBlock"], &signers[1]["maySign"]), (&json!(null), &json!(true)));
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.contains("2 of the 2 signers have to take part"), "{reason}");
    assert!(reason.contains(&absent.to_string()), "{reason}");
    assert!(said["advice"].as_str().unwrap().contains(&absent.to_string()), "{said}");
}

#[test]
fn a_development_chain_says_what_its_transactions_wait_for() {
    let node = Node::start(&["dev"]);
    let reason = || status(&node)["reason"].as_str().unwrap().to_owned();
    assert!(reason().contains("none waits"), "{}", reason());
    let mut wallet = Wallet::dev(0);
    wallet.transfer(fresh(1), 1);
    let late = wallet.transfer(fresh(1), 1);
    node.client().send_raw(&late);
    assert!(reason().contains("a nonce is missing"), "{}", reason());
    node.client().get("evm_setAutomine", json!([false]));
    assert!(reason().contains("only when somebody asks"), "{}", reason());
    let interval = Node::start(&["dev", "--block-time", "3600"]);
    let said = status(&interval);
    assert_eq!((&said["expected"], &said["overdue"]), (&json!(3600.0), &json!(false)), "{said}");
    assert_eq!(said["development"]["mining"], "interval");
}

#[test]
fn a_node_that_only_serves_says_so() {
    let launch = Launch::new(&["dev"]);
    launch.start().stop("INT");
    let node = launch.with_flags(&["node", "--no-seal"]).start();
    let said = status(&node);
    assert!(said["reason"].as_str().unwrap().contains("--no-seal"), "{said}");
    assert_eq!(said["development"]["seals"], false);
}
