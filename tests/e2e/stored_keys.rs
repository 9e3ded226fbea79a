//! Keys that somebody stored on a node: they are there after a restart, and show nowhere.

use crate::{
    harness::{Launch, Node},
    wallet::{ETHER, fresh},
};
use serde_json::{Value, json};

const KEY: &str = "0xb0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";
const PASSPHRASE: &str = "open-sesame";

fn stored(node: &Node) -> Value {
    let address = node.client().get("personal_importRawKey", json!([KEY, PASSPHRASE]));
    node.client().get("anvil_setBalance", json!([address, format!("{ETHER:#x}")]));
    address
}

fn sends(node: &Node, from: &Value) {
    let request = json!({ "from": from, "to": fresh(1), "value": "0x1" });
    let hash = node.client().get("personal_sendTransaction", json!([request, PASSPHRASE]));
    let receipt = node.client().get("eth_getTransactionReceipt", json!([hash]));
    assert_eq!((&receipt["status"], &receipt["from"]), (&json!("0x1"), from));
}

#[test]
fn a_stored_key_is_there_and_locked_after_kill_9_and_survives_fresh() {
    let node = Node::start(&[]);
    let address = stored(&node);
    node.client().get("personal_unlockAccount", json!([address, PASSPHRASE, 0]));
    let node = node.restart();
    assert_eq!(node.client().get("eth_accounts", json!([]))[10], address);
    let request = json!([{ "from": address, "to": fresh(1), "value": "0x1" }]);
    let refused = node.client().rpc("eth_sendTransaction", request).unwrap_err();
    assert_eq!(refused.message, "authentication needed: password or unlock");
    sends(&node, &address);
    let node = node.stop("TERM").with_flags(&["--fresh"]).start();
    assert_eq!(node.client().get("personal_listAccounts", json!([]))[10], address);
}

#[test]
fn an_ephemeral_node_forgets_its_keys() {
    let launch = Launch::new(&["--ephemeral"]).without_directory();
    let node = launch.start();
    let address = stored(&node);
    sends(&node, &address);
    let node = node.stop("TERM").start();
    assert_eq!(node.client().get("eth_accounts", json!([])).as_array().unwrap().len(), 10);
    let files: Vec<_> = std::fs::read_dir(launch.home()).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn keys_and_passphrases_show_in_no_log() {
    let launch = Launch::new(&[]).env("RUST_LOG", "trace");
    let node = launch.start();
    let address = stored(&node);
    sends(&node, &address);
    node.client().get("personal_unlockAccount", json!([address, PASSPHRASE]));
    node.client().get("personal_sign", json!(["0x1234", address, PASSPHRASE]));
    // Broken ones too: an error may quote what it could not read.
    for broken in [json!([format!("{KEY}99"), PASSPHRASE]), json!([KEY, { "x": PASSPHRASE }])] {
        let refused = node.client().rpc("personal_importRawKey", broken).unwrap_err();
        assert!(!refused.message.contains("b0b0b0") && !refused.message.contains("sesame"));
    }
    let said = node.output();
    assert!(said.contains("personal_importRawKey"), "the requests are in the log");
    assert!(!said.contains("b0b0b0b0") && !said.contains(PASSPHRASE), "a secret is in the log");
}
