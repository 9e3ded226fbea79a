//! A chain of proof of work on a real node: it is mined, by the node and by others who ask it for work,
//! over `kill -9`; what cannot mine is refused with the flag that is missing.

use crate::{
    authority::network,
    harness::{Launch, Node},
    wallet::{Wallet, fresh},
    wire::{Client, hash, number, quantity},
};
use alloy_primitives::{Address, B64, U256, address};
use mainspring::consensus::Ethash;
use serde_json::{Value, json};

const COINBASE: Address = address!("00000000000000000000000000000000c01bace0");

/// Makes a chain of proof of work in the directory of a launch, whose blocks are at least so difficult.
fn init(launch: &Launch, difficulty: u64) {
    let rules = json!({ "minimumDifficulty": difficulty, "bomb": false });
    network(launch, COINBASE, json!({ "ethash": {}, "mainspring": rules }));
}

fn mining<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let flags = ["node", "--mine", "--coinbase", "0x00000000000000000000000000000000c01bace0"];
    [&flags[..], more].concat()
}

/// A node that mines and finds no block: the work is too hard.
pub(crate) fn node_that_finds_nothing() -> Node {
    let launch = Launch::new(&mining(&["--threads", "1"]));
    init(&launch, 1 << 50);
    let node = launch.start();
    node.client().wait(|client| client.rpc("eth_getWork", json!([])).ok());
    node
}

#[test]
fn a_miner_goes_on_after_kill_9_and_others_may_work_for_it() {
    let launch = Launch::new(&mining(&["--threads", "1"]));
    init(&launch, 2);
    let node = launch.start();
    let mut wallet = Wallet::dev(0);
    let receipt = mined(&node, &wallet.transfer(fresh(1), 5));
    let block = node.client().get("eth_getBlockByNumber", json!([receipt["blockNumber"], false]));
    assert_eq!(block["miner"], json!(COINBASE));
    assert!(quantity(&block["difficulty"]) >= U256::from(2), "{block}");
    let node = node.kill9().with_flags(&mining(&["--threads", "0"])).start();
    let again = node.client().get("eth_getBlockByNumber", json!([receipt["blockNumber"], false]));
    assert_eq!(again, block, "what was mined is there");
    let balance = node.client().balance(COINBASE, "latest");
    assert!(balance >= U256::from(2_000_000_000_000_000_000_u64));

    let head = node.client().block_number();
    let sent = node.client().send_raw(&wallet.transfer(fresh(1), 6));
    let receipt = node.client().wait(|client| {
        work_for(client);
        let receipt = client.receipt(sent);
        (!receipt.is_null()).then_some(receipt)
    });
    assert_eq!(receipt["status"], "0x1");
    assert!(number(&receipt["blockNumber"]) > head);
}

/// Sends a transaction and waits for its block.
fn mined(node: &Node, raw: &str) -> Value {
    let transaction = node.client().send_raw(raw);
    node.client().wait_for_receipt(transaction)
}

/// Asks for work and does it; wrong work is refused.
fn work_for(client: &mut Client) {
    let Ok(work) = client.rpc("eth_getWork", json!([])) else { return };
    let cache = Ethash::shared().cache(number(&work[3])).unwrap();
    let (seal_hash, boundary) = (hash(&work[0]), hash(&work[2]));
    let (mut sealed, mut missed) = (None, None);
    for nonce in 0u64.. {
        let found = cache.hashimoto(seal_hash, B64::from(nonce));
        let kind = if found.result <= boundary { &mut sealed } else { &mut missed };
        *kind = Some(json!([B64::from(nonce), seal_hash, found.mix_hash]));
        if sealed.is_some() && missed.is_some() {
            break;
        }
    }
    let submit = |client: &mut Client, work: Option<Value>| {
        client.get("eth_submitWork", work.expect("both kinds were found"))
    };
    assert_eq!(submit(client, missed), false);
    assert_eq!(submit(client, sealed), true);
}

#[test]
fn who_cannot_mine_is_told_what_is_missing() {
    let launch = Launch::new(&["node", "--mine"]);
    init(&launch, 2);
    launch.is_refused(&["--coinbase"]);
    launch.with_flags(&mining(&["--no-seal"])).is_refused(&["--no-seal", "--mine"]);
    launch.with_flags(&mining(&["--extra-data", &"x".repeat(33)])).is_refused(&["33 bytes"]);
    launch.with_flags(&mining(&["--recommit", "0"])).is_refused(&["--recommit"]);
    let follower = launch.with_flags(&["node"]).start();
    let mut client = follower.client();
    assert_eq!(client.get("eth_mining", json!([])), false);
    let refused = client.refused("miner_start", json!([]));
    assert!(refused.message.contains("etherbase must be explicitly specified"), "{refused:?}");
    let refused = client.refused("eth_getWork", json!([]));
    assert_eq!(refused.message, "no mining work available yet");
    drop(client);
    drop(follower);
    let development = Launch::new(&["dev"]);
    development.start().stop("TERM");
    development.with_flags(&mining(&[])).is_refused(&["--mine", "Dev"]);
}
