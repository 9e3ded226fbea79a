//! A chain that starts over or goes back: what wallets are told, and what spares them.

use crate::{
    harness::Node,
    wallet::{Wallet, fresh},
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

const HINT: &str = "Clear activity tab data";

#[test]
fn going_back_tells_once_what_a_wallet_needs() {
    let node = Node::start(&[]);
    for _ in 0..3 {
        let mut client = node.client();
        let id = client.get("evm_snapshot", json!([]));
        client.get("evm_mine", json!([]));
        client.get("evm_revert", json!([id]));
    }
    node.client().wait(|_| node.output().contains(HINT).then_some(()));
    let told = node.output().matches(HINT).count();
    assert_eq!(told, 1, "once, not with every fixture");
    node.client().get("evm_mine", json!([]));
    let node = node.stop("TERM").with_flags(&["--fresh"]).start();
    assert!(node.output().contains(HINT), "{}", node.output());
}

#[test]
fn a_chain_that_starts_over_takes_the_next_chain_id() {
    let node = Node::start(&["--rotate-chain-id"]);
    let id = |node: &Node| node.client().get("eth_chainId", json!([]));
    assert_eq!(id(&node), "0x7a69");
    node.client().get("anvil_reset", json!([]));
    assert_eq!(id(&node), "0x7a6a");
    let node = node.restart();
    assert_eq!(id(&node), "0x7a6a", "kept in the data directory");
    assert!(node.output().contains("31338"), "the banner shows it: {}", node.output());
    let launch = node.stop("TERM");
    let node = launch.with_flags(&["--rotate-chain-id", "--fresh"]).start();
    assert_eq!(id(&node), "0x7a6b");
    node.client().get("evm_mine", json!([]));
    let node = node.kill9().with_flags(&["--chain-id", "31337"]).start();
    assert_eq!(id(&node), "0x7a6b", "the flag names the genesis");
    let node =
        node.kill9().with_flags(&["--rotate-chain-id", "--fresh", "--chain-id", "5"]).start();
    assert_eq!(id(&node), "0x5", "another genesis is a new network already");
    let node = node.kill9().with_flags(&["--fresh"]).start();
    assert_eq!(id(&node), "0x7a69");
}

#[test]
fn block_numbers_only_rise_if_that_is_wanted() {
    let node = Node::start(&["--monotonic"]);
    let mut wallet = Wallet::dev(0);
    let id = node.client().get("evm_snapshot", json!([]));
    for number in 0..5 {
        node.client().mined(&wallet.transfer(fresh(number), 1));
    }
    node.client().get("evm_revert", json!([id]));
    assert_eq!(node.client().block_number(), 6);
    assert_eq!(node.client().nonce(wallet.address(), "latest"), 0);
    node.client().get("hardhat_reset", json!([]));
    assert_eq!(node.client().block_number(), 7);
    let node = node.stop("TERM").with_flags(&["--monotonic", "--fresh"]).start();
    assert_eq!(node.client().block_number(), 8, "genesis begins above the old chain");
    wallet.nonce = 0;
    node.client().mined(&wallet.transfer(fresh(9), 1));
    let node = node.kill9().with_flags(&["--monotonic"]).start();
    assert_eq!(node.client().block_number(), 9);
    let earliest = node.client().get("eth_getBlockByNumber", json!(["earliest", false]));
    assert_eq!(earliest["number"], "0x8");
}

#[test]
fn what_was_set_is_there_after_kill_9() {
    let node = Node::start(&[]);
    let coinbase = fresh(7);
    {
        let mut client = node.client();
        client.get("evm_increaseTime", json!([100_000]));
        client.get("evm_setBlockGasLimit", json!(["0x1c9c381"]));
        client.get("hardhat_setNextBlockBaseFeePerGas", json!(["0x7d0"]));
        client.get("hardhat_setCoinbase", json!([coinbase]));
        client.get("anvil_setChainId", json!([5]));
    }
    let node = node.restart();
    let mut client = node.client();
    assert_eq!(client.get("evm_increaseTime", json!([0])), 100_000);
    assert_eq!(client.get("eth_baseFee", json!([])), "0x7d0");
    client.get("evm_mine", json!([]));
    let block = client.get("eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!((&block["gasLimit"], &block["miner"]), (&json!("0x1c9c381"), &json!(coinbase)));
    assert_eq!(block["baseFeePerGas"], "0x7d0");
    drop(client);
    let node = node.restart();
    let mut client = node.client();
    assert_eq!(client.get("eth_chainId", json!([])), "0x5");
    assert_ne!(client.get("eth_baseFee", json!([])), "0x7d0", "a block has used it up");
}

#[test]
fn errors_read_as_hardhats_if_that_is_wanted() {
    let node = Node::start(&["--rpc-dialect", "hardhat"]);
    let mut client = node.client();
    let version = client.get("web3_clientVersion", json!([]));
    assert!(version.as_str().unwrap().starts_with("HardhatNetwork/"), "{version}");
    // Reverts with what it is called with.
    client.get("hardhat_setCode", json!([fresh(1), "0x365f5f37365ffd"]));
    let reason = format!("0x08c379a0{:064x}{:064x}{:0<64}", 32, 2, "6e6f");
    for method in ["eth_call", "eth_estimateGas"] {
        let refused = client.refused(method, json!([{ "to": fresh(1), "data": reason }]));
        let words = "VM Exception while processing transaction: reverted with reason string 'no'";
        assert_eq!((refused.code, refused.message.as_str()), (3, words));
        assert_eq!(refused.data, Some(json!(reason)));
    }
    let mut wallet = Wallet::dev(0);
    let first = wallet.transfer(fresh(2), 1);
    client.mined(&first);
    wallet.nonce = 0;
    let refused = client.refused("eth_sendRawTransaction", json!([wallet.transfer(fresh(3), 1)]));
    assert!(refused.message.starts_with("Nonce too low. Expected nonce to be 1"), "{refused:?}");
    let unknown = client.refused("eth_nothing", json!([]));
    assert_eq!(unknown.code, -32601);
}

#[test]
fn every_method_answers_for_the_head_that_was_just_named() {
    let node = Node::start(&[]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for account in 0..2 {
            let (mut client, done) = (node.new_client(), &done);
            scope.spawn(move || {
                let mut wallet = Wallet::dev(account);
                for number in 0..150 {
                    client.mined(&wallet.transfer(fresh(number), 1));
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        let mut client = node.new_client();
        let sender = Wallet::dev(0).address();
        let mut seen = 0;
        while !done.load(Ordering::Relaxed) {
            let head = client.get("eth_blockNumber", json!([]));
            for (method, params) in [
                ("eth_getBlockByNumber", json!([head, true])),
                ("eth_getBalance", json!([sender, head])),
                ("eth_getTransactionCount", json!([sender, head])),
                ("eth_getCode", json!([sender, head])),
                ("eth_getStorageAt", json!([sender, "0x0", head])),
                ("eth_call", json!([{ "to": sender }, head])),
                ("eth_estimateGas", json!([{ "from": sender, "to": fresh(1) }, head])),
                ("eth_getProof", json!([sender, [], head])),
                ("eth_getBlockReceipts", json!([head])),
                ("eth_getLogs", json!([{ "fromBlock": head, "toBlock": head }])),
                ("eth_feeHistory", json!(["0x1", head, []])),
                ("eth_getBlockTransactionCountByNumber", json!([head])),
            ] {
                assert!(!client.get(method, params).is_null(), "{method} at {head}");
            }
            seen += 1;
        }
        assert!(seen > 0);
    });
}
