//! A chain goes into a file and comes back, asked for over RPC; and who may not ask.

use crate::{
    harness::Node,
    wallet::{Wallet, fresh},
};
use alloy_primitives::U256;
use serde_json::json;
use std::fs;

/// A chain of three transfers.
fn three_blocks() -> Node {
    let node = Node::start(&["--timestamp", "1700000000"]);
    let mut wallet = Wallet::dev(0);
    for number in 0..3 {
        node.client().mined(&wallet.transfer(fresh(number), 1));
    }
    node
}

#[test]
fn a_chain_goes_from_one_node_into_another_as_it_is() {
    let from = three_blocks();
    let head = from.client().get("eth_getBlockByNumber", json!(["latest", true]));
    for name in ["chain.rlp", "chain.rlp.gz"] {
        let file = from.launch.home().join(name);
        assert_eq!(from.client().get("admin_exportChain", json!([file])), true);
        let to = Node::start(&["--timestamp", "1700000000"]);
        assert_eq!(to.client().get("admin_importChain", json!([file])), true);
        assert_eq!(to.client().get("eth_getBlockByNumber", json!(["latest", true])), head);
        assert_eq!(to.client().balance(fresh(2), "latest"), U256::from(1));
    }
    let plain = fs::read(from.launch.home().join("chain.rlp")).unwrap();
    let packed = fs::read(from.launch.home().join("chain.rlp.gz")).unwrap();
    assert_eq!(&packed[..2], [0x1f, 0x8b], "gzip");
    assert!(packed.len() < plain.len());
    let dir = from.client().get("admin_datadir", json!([]));
    assert_eq!(dir, json!(from.launch.data_dir()));
}

#[test]
fn a_part_of_a_chain_is_exported_and_what_does_not_exist_is_refused() {
    let node = three_blocks();
    let mut client = node.client();
    let file = |name: &str| node.launch.home().join(name);
    client.get("admin_exportChain", json!([file("one"), "0x2", "0x2"]));
    client.get("admin_exportChain", json!([file("rest"), 2]));
    let length = |name: &str| fs::metadata(file(name)).unwrap().len();
    assert!(length("one") < length("rest"));
    for (params, text) in [
        (json!([file("one")]), "location would overwrite an existing file"),
        (json!([file("x"), null, "0x2"]), "last cannot be specified without first"),
        (json!([file("x"), "0x2", "0x9"]), "the chain has blocks 0 to 3"),
        (json!([file("x"), "0x3", "0x1"]), "cannot export blocks 3 to 1"),
        (json!([file("no/such/folder")]), "No such file or directory"),
        (json!([""]), "No such file or directory"),
        (json!(["with\u{0}nul"]), "file name contained an unexpected NUL byte"),
    ] {
        let refused = client.refused("admin_exportChain", params.clone());
        assert!(refused.message.contains(text), "{params}: {}", refused.message);
    }
    assert!(!file("x").exists(), "nothing is left of a refused export");
}

#[test]
fn an_export_stops_at_an_edit_and_leaves_no_half_file() {
    let node = three_blocks();
    let mut client = node.client();
    client.get("anvil_setBalance", json!([fresh(9), "0x7"]));
    client.get("evm_mine", json!([]));
    let file = node.launch.home().join("chain.rlp");
    let refused = client.refused("admin_exportChain", json!([file]));
    assert!(refused.message.contains("stopped before block 4"), "{}", refused.message);
    assert!(!file.exists());
}

#[test]
fn what_is_no_file_of_blocks_is_refused_and_what_came_before_stays() {
    let node = three_blocks();
    let home = node.launch.home().to_owned();
    let mut client = node.client();
    client.get("admin_exportChain", json!([home.join("chain.rlp")]));
    let mut broken = fs::read(home.join("chain.rlp")).unwrap();
    broken.truncate(broken.len() - 5);
    fs::write(home.join("cut.rlp"), &broken).unwrap();
    fs::write(home.join("text"), "no blocks").unwrap();
    fs::write(home.join("empty"), "").unwrap();
    fs::write(home.join("plain.gz"), &broken).unwrap();
    client.get("debug_setHead", json!(["0x0"]));
    for (name, text) in [
        ("nowhere", "No such file"),
        ("data", "it is not a file"),
        ("text", "no block begins at byte 0"),
        ("plain.gz", "invalid gzip header"),
        ("cut.rlp", "the file ends inside the block"),
    ] {
        let refused = client.refused("admin_importChain", json!([home.join(name)]));
        assert!(refused.message.contains(text), "{name}: {}", refused.message);
    }
    assert_eq!(client.block_number(), 2, "the whole blocks of the cut file");
    assert_eq!(client.get("admin_importChain", json!([home.join("empty")])), true);
    assert_eq!(client.block_number(), 2);
}

/// A page that somebody looks at may call the node, but not write files on the machine.
#[test]
fn a_web_page_cannot_reach_files() {
    let node = three_blocks();
    let ask = |method: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] }).to_string();
        node.client().ask_from_page("http://page.example", &body)
    };
    assert!(ask("eth_chainId").contains("0x7a69"));
    for method in ["admin_datadir", "admin_exportChain", "admin_importChain"] {
        assert!(ask(method).contains("is not available to web pages"), "{method}");
    }
}

#[test]
fn a_node_that_others_can_reach_keeps_its_files_to_itself_unless_it_is_told() {
    let node = Node::start(&["--host", "0.0.0.0"]);
    let refused = node.client().refused("admin_datadir", json!([]));
    assert_eq!(refused.code, -32601);
    assert!(refused.message.contains("--http.api has to name admin"), "{}", refused.message);
    let named = Node::start(&["--host", "0.0.0.0", "--http.api", "admin,eth"]);
    assert_eq!(named.client().get("admin_datadir", json!([])), json!(named.launch.data_dir()));
}
