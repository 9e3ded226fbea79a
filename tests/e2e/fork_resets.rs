//! A chain of its own becomes a fork by a reset, a fork a chain of its own, and both survive what comes.

use crate::{
    forks::{COUNTER_AT, Wallet, logs, populate, slot},
    harness::{Launch, Node},
    wallet::fresh,
    wire::{Client, hash, number, quantity},
};
use alloy_primitives::{B256, U256};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// The upstream's chain id.
const REMOTE: u64 = 4242;
/// The id of a chain of its own.
const OWN: u64 = 31_337;

/// A chain with a counter that was called in blocks 2 to 5.
fn upstream(chain_id: u64) -> (Node, Vec<B256>) {
    let upstream = Node::start(&["--chain-id", &chain_id.to_string()]);
    let calls = populate(&mut upstream.client(), &mut Wallet::dev(0, chain_id));
    (upstream, calls)
}

fn fork_of(upstream: &Node, block: u64) -> Value {
    json!([{ "forking": { "jsonRpcUrl": upstream.url(), "blockNumber": block } }])
}

fn block_hash(client: &mut Client, block: &str) -> B256 {
    hash(&client.get("eth_getBlockByNumber", json!([block, false]))["hash"])
}

fn chain_id(client: &mut Client) -> u64 {
    number(&client.get("eth_chainId", json!([])))
}

/// Everything that speaks of the chain's id says the same.
fn check_id(client: &mut Client, id: u64) {
    assert_eq!(chain_id(client), id);
    assert_eq!(client.get("net_version", json!([])), id.to_string());
    assert_eq!(number(&client.get("eth_config", json!([]))["current"]["chainId"]), id);
    let info = client.get("anvil_nodeInfo", json!([]));
    assert_eq!(info["environment"]["chainId"], id);
    // CHAINID, returned.
    let code = json!({ fresh(77).to_string(): { "code": "0x4660005260206000f3" } });
    let called = client.get("eth_call", json!([{ "to": fresh(77) }, "latest", code]));
    assert_eq!(quantity(&called), U256::from(id));
}

/// The node signs for the chain as it is.
fn check_signing(client: &mut Client, id: u64) {
    let from = Wallet::dev(4, id).address();
    let request = json!({ "from": from, "to": fresh(5), "value": "0x5" });
    let sent = hash(&client.get("eth_sendTransaction", json!([request])));
    assert_eq!(client.wait_for_receipt(sent)["status"], "0x1");
    let sent = client.get("eth_getTransactionByHash", json!([sent]));
    assert_eq!(number(&sent["chainId"]), id);
}

#[test]
fn a_chain_of_its_own_becomes_a_fork_by_a_reset_and_comes_back() {
    let (upstream, calls) = upstream(REMOTE);
    let node = Node::start(&["--no-mining"]);
    let client = &mut node.client();
    let first = block_hash(client, "0x0");
    client.get("evm_mine", json!([]));
    client.send_raw(&Wallet::dev(1, OWN).transfer(fresh(1), 7));
    client.get("evm_snapshot", json!([]));
    client.get("anvil_setAutomine", json!([true]));

    client.get("hardhat_reset", fork_of(&upstream, 3));
    check_id(client, REMOTE);
    assert_eq!(client.block_number(), 3);
    assert_eq!([slot(client, 0, "latest"), slot(client, 1, "latest")], [2, 3].map(U256::from));
    assert_eq!(slot(client, 0, "0x2"), U256::from(1));
    assert_eq!(block_hash(client, "0x2"), block_hash(&mut upstream.client(), "0x2"));
    assert_eq!(client.get("txpool_status", json!([]))["pending"], "0x0", "nothing waits");
    assert_eq!(client.get("evm_revert", json!(["0x1"])), false);
    assert_eq!(client.get("anvil_getAutomine", json!([])), false, "as at the start");
    client.get("anvil_setAutomine", json!([true]));
    let refused = client
        .refused("eth_sendRawTransaction", json!([Wallet::dev(1, OWN).transfer(fresh(1), 7)]));
    assert!(refused.message.contains("chain"), "{}", refused.message);
    let receipt = client.mined(&Wallet::dev(1, REMOTE).call(COUNTER_AT, 40));
    assert_eq!((number(&receipt["blockNumber"]), &receipt["status"]), (4, &json!("0x1")));
    assert_eq!(slot(client, 1, "latest"), U256::from(40));
    assert_eq!(number(&client.receipt(calls[0])["blockNumber"]), 2);
    let trace = client.get("debug_traceTransaction", json!([calls[1], { "tracer": "callTracer" }]));
    assert_eq!(number(&trace["value"]), 3);
    let trace = client.get("debug_traceTransaction", json!([receipt["transactionHash"], {}]));
    assert_eq!(trace["failed"], false);
    assert_eq!(logs(client, "0x0", "latest"), [2, 3, 4]);
    check_signing(client, REMOTE);
    let info = client.get("anvil_nodeInfo", json!([]));
    assert_eq!(info["forkConfig"]["forkBlockNumber"], 3);

    // An empty fork is the same again, an empty request a chain of its own.
    client.get("anvil_reset", json!([{ "forking": {} }]));
    assert_eq!((client.block_number(), chain_id(client)), (3, REMOTE));
    client.get("anvil_reset", json!([]));
    check_id(client, OWN);
    assert_eq!((client.block_number(), block_hash(client, "0x0")), (0, first));
    assert_eq!(client.get("eth_getCode", json!([COUNTER_AT, "latest"])), "0x");
    assert!(client.receipt(calls[0]).is_null());
    assert!(client.get("anvil_nodeInfo", json!([]))["forkConfig"]["forkUrl"].is_null());
    client.get("anvil_setAutomine", json!([true]));
    client.mined(&Wallet::dev(1, OWN).transfer(fresh(1), 7));
    check_signing(client, OWN);
    let proof = client.get("eth_getProof", json!([fresh(1), [], "latest"]));
    assert_eq!(number(&proof["balance"]), 7);

    // What cannot be is told, and changes nothing.
    let refused = client.refused("anvil_reset", json!([{ "forking": { "blockNumber": 3 } }]));
    assert!(refused.message.contains("jsonRpcUrl"), "{}", refused.message);
    let refused = client.refused("anvil_reset", fork_of(&upstream, 900));
    assert!(refused.message.contains("no block 900"), "{}", refused.message);
    let gone = json!([{ "forking": { "jsonRpcUrl": "http://127.0.0.1:1" } }]);
    assert!(client.refused("hardhat_reset", gone).message.contains("cannot be reached"));
    assert_eq!((client.block_number(), client.balance(fresh(1), "latest")), (2, U256::from(7)));
}

#[test]
fn a_fork_that_a_reset_made_survives_a_restart_with_the_same_command_line() {
    let (upstream, _) = upstream(REMOTE);
    let node = Node::start(&["--chain-id", "5", "--balance", "70"]);
    let first = {
        let client = &mut node.client();
        let first = block_hash(client, "0x0");
        client.get("hardhat_reset", fork_of(&upstream, 3));
        assert_eq!(chain_id(client), 5, "as with --fork-url, a flag names the id");
        client.mined(&Wallet::dev(1, 5).call(COUNTER_AT, 40));
        first
    };
    let launch = node.kill9();
    for flags in [["--chain-id", "6", "--balance", "70"], ["--chain-id", "5", "--balance", "71"]] {
        let flag = if flags[1] == "6" { "--chain-id" } else { "--balance" };
        launch.with_flags(&flags).is_refused(&[flag, "--fresh", "--datadir"]);
    }
    let node = launch.start();
    let launch = {
        let client = &mut node.client();
        assert_eq!((client.block_number(), chain_id(client)), (4, 5));
        assert_eq!(slot(client, 1, "latest"), U256::from(40));
        // Nobody knows the URL any more, which may hold a key.
        let refused = client.refused("eth_getBalance", json!([fresh(50), "latest"]));
        assert!(refused.message.contains("anvil_setRpcUrl"), "{}", refused.message);
        client.get("anvil_setRpcUrl", json!([upstream.url()]));
        assert_eq!(client.balance(fresh(50), "latest"), U256::ZERO);
        client.get("anvil_reset", json!([]));
        assert_eq!((chain_id(client), block_hash(client, "0x0")), (5, first));
        client.get("anvil_reset", fork_of(&upstream, 3));
        client.mined(&Wallet::dev(1, 5).call(COUNTER_AT, 40));
        node.launch.clone()
    };
    drop(node);
    // Whoever names the fork itself is right as well, and it is the beginning then.
    let url = format!("{}@3", upstream.url());
    let named = launch.with_flags(&["--fork-url", &url, "--chain-id", "5", "--balance", "70"]);
    let node = named.start();
    assert_eq!(node.client().block_number(), 4);
    node.client().get("anvil_reset", json!([]));
    assert_eq!(seen(&mut node.client()), (5, 0));
}

#[test]
fn a_fork_begins_on_another_chain_or_ends_and_its_command_line_goes_on_with_that() {
    let ((one, _), (other, _)) = (upstream(REMOTE), upstream(4243));
    let url = format!("{}@3", one.url());
    let node = Node::start(&["--fork-url", &url]);
    {
        let client = &mut node.client();
        client.get("anvil_reset", fork_of(&other, 2));
        check_id(client, 4243);
        assert_eq!((client.block_number(), slot(client, 1, "latest")), (2, U256::from(2)));
        client.mined(&Wallet::dev(1, 4243).call(COUNTER_AT, 41));
    }
    let node = node.restart();
    {
        let client = &mut node.client();
        check_id(client, 4243);
        assert_eq!((client.block_number(), slot(client, 1, "latest")), (3, U256::from(41)));
        let refused = client.refused("eth_getBalance", json!([fresh(50), "latest"]));
        assert!(refused.message.contains("anvil_setRpcUrl"), "{}", refused.message);
        client.get("hardhat_reset", json!([]));
        check_id(client, OWN);
        assert_eq!(client.block_number(), 0);
        client.mined(&Wallet::dev(1, OWN).transfer(fresh(1), 7));
    }
    let node = node.restart();
    {
        let client = &mut node.client();
        check_id(client, OWN);
        assert_eq!((client.block_number(), client.balance(fresh(1), "latest")), (1, U256::from(7)));
        client.get("anvil_reset", json!([{ "forking": {} }]));
        check_id(client, REMOTE);
        assert_eq!((client.block_number(), slot(client, 1, "latest")), (3, U256::from(3)));
        client.mined(&Wallet::dev(1, REMOTE).call(COUNTER_AT, 42));
    }
    let node = node.restart();
    let client = &mut node.client();
    assert_eq!((client.block_number(), slot(client, 1, "latest")), (4, U256::from(42)));
}

/// What the node answers of itself: chain id, height.
fn seen(client: &mut Client) -> (u64, u64) {
    (chain_id(client), client.block_number())
}

#[cfg(feature = "failpoints")]
#[test]
fn a_reset_that_is_cut_short_leaves_the_old_chain_or_the_new_one() {
    let (upstream, _) = upstream(REMOTE);
    let launch = Launch::new(&[]);
    launch.start().client().get("evm_mine", json!([]));
    for (point, is_done) in [
        ("renew-before", false),
        ("renew-middle", false),
        ("renew-after", true),
        ("renew-between-folders", true),
    ] {
        let to_fork = (fork_of(&upstream, 3), (OWN, 1), (REMOTE, 3));
        let back = (json!([]), (REMOTE, 4), (OWN, 0));
        for (options, before, after) in [to_fork, back] {
            let node = launch.clone().env("MAINSPRING_ABORT_AT", &format!("{point}:1")).start();
            assert_eq!(seen(&mut node.client()), before, "{point}");
            let ended = node.new_client().try_rpc("anvil_reset", options.clone());
            assert!(ended.is_err(), "{point}: the process ends");
            node.ended();
            let node = launch.start();
            let client = &mut node.client();
            assert_eq!(seen(client), if is_done { after } else { before }, "{point}");
            client.get("evm_mine", json!([]));
            client.get("anvil_reset", options);
            assert_eq!(seen(client), after, "{point}");
            client.get("evm_mine", json!([]));
        }
    }
}

#[test]
fn no_reader_sees_the_rules_of_one_chain_and_the_head_of_another() {
    let (upstream, _) = upstream(REMOTE);
    let node = Node::start(&[]);
    // CHAINID and NUMBER and the balance of an account that only the upstream has paid, returned.
    let code = format!("0x466000524360205273{COUNTER_AT:x}3160405260606000f3");
    let call = json!([{ "to": fresh(77) }, "latest", { fresh(77).to_string(): { "code": code } }]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut client = node.new_client();
            let (call, is_over) = (&call, &is_over);
            scope.spawn(move || {
                let mut seen = [0; 2];
                while !is_over.load(Ordering::Relaxed) {
                    let Ok(answer) = client.rpc("eth_call", call.clone()) else { continue };
                    let bytes: alloy_primitives::Bytes = serde_json::from_value(answer).unwrap();
                    let word = |at: usize| U256::from_be_slice(&bytes[32 * at..][..32]).to::<u64>();
                    match [word(0), word(1), word(2)] {
                        [OWN, 0 | 1, 0] => seen[0] += 1,
                        [REMOTE, 3 | 4, 5] => seen[1] += 1,
                        torn => panic!("chain id, number, balance: {torn:?}"),
                    }
                }
                assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
            });
        }
        let client = &mut node.new_client();
        for _ in 0..20 {
            client.get("anvil_reset", fork_of(&upstream, 3));
            client.get("anvil_reset", json!([]));
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
