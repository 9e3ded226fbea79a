//! What only a development chain may do: snapshots, edits, impersonation.

use crate::{
    harness::Node,
    wallet::{ETHER, Wallet, fresh},
    wire::{hash, number, quantity},
};
use alloy_primitives::{B256, U256, address, keccak256};
use serde_json::json;

#[test]
fn a_revert_brings_everything_back_and_uses_its_snapshot_up() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let mut wallet = Wallet::dev(0);
    client.mined(&wallet.transfer(fresh(1), 1));
    let snapshot = client.get("evm_snapshot", json!([]));
    let later = wallet.clone().transfer(fresh(2), 2);
    let undone = hash(&client.mined(&later)["transactionHash"]);
    client.get("anvil_setBalance", json!([fresh(3), "0x7"]));
    assert_eq!(client.get("evm_revert", json!([snapshot])), true);
    assert_eq!(client.block_number(), 1);
    assert!(client.receipt(undone).is_null());
    assert_eq!(client.balance(fresh(2), "latest"), U256::ZERO);
    assert_eq!(client.balance(fresh(3), "latest"), U256::ZERO);
    assert_eq!(client.nonce(wallet.address(), "pending"), 1);
    assert_eq!(client.get("evm_revert", json!([snapshot])), false, "a snapshot serves once");
    client.mined(&wallet.transfer(fresh(4), 4));
    assert_eq!(client.block_number(), 2);
}

#[test]
fn a_reverted_chain_is_the_same_after_kill_9() {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    let head = {
        let mut client = node.client();
        client.mined(&wallet.transfer(fresh(1), 1));
        let snapshot = client.get("evm_snapshot", json!([]));
        for number in 10..80 {
            client.mined(&wallet.transfer(fresh(number), 1));
        }
        client.get("evm_revert", json!([snapshot]));
        wallet.nonce = 1;
        client.mined(&wallet.transfer(fresh(2), 1));
        client.get("eth_getBlockByNumber", json!(["latest", false]))
    };
    let node = node.restart();
    let mut client = node.client();
    assert_eq!(client.get("eth_getBlockByNumber", json!(["latest", false])), head);
    assert_eq!(client.block_number(), 2);
    assert_eq!(client.balance(fresh(10), "latest"), U256::ZERO);
    client.mined(&wallet.transfer(fresh(3), 1));
}

#[test]
fn edits_show_at_once_survive_kill_9_and_are_part_of_the_next_block() {
    let node = Node::start(&[]);
    let account = fresh(1);
    let slot = B256::with_last_byte(9);
    {
        let mut client = node.client();
        client.get("anvil_setBalance", json!([account, "0xde0b6b3a7640000"]));
        client.get("anvil_setNonce", json!([account, "0x5"]));
        client.get("anvil_setCode", json!([account, "0x602a60005260206000f3"]));
        client.get("anvil_setStorageAt", json!([account, slot, B256::with_last_byte(8)]));
    }
    let node = node.restart();
    let mut client = node.client();
    for block in ["latest", "pending"] {
        assert_eq!(client.balance(account, block), U256::from(ETHER));
        assert_eq!(client.nonce(account, block), 5);
    }
    let answer = client.get("eth_call", json!([{ "to": account }, "latest"]));
    assert_eq!(quantity(&answer), U256::from(42));
    let stored = client.get("eth_getStorageAt", json!([account, slot, "latest"]));
    assert_eq!(stored, json!(B256::with_last_byte(8)));
    client.get("evm_mine", json!([]));
    let block = client.get("eth_getBlockByNumber", json!(["latest", false]));
    let proof = client.get("eth_getProof", json!([account, [slot], "latest"]));
    assert_eq!(proof["balance"], "0xde0b6b3a7640000");
    assert_eq!(
        proof["codeHash"],
        json!(keccak256([0x60, 0x2a, 0x60, 0, 0x52, 0x60, 0x20, 0x60, 0, 0xf3]))
    );
    let first = proof["accountProof"][0].as_str().unwrap();
    let root = keccak256(alloy_primitives::hex::decode(first).unwrap());
    assert_eq!(json!(root), block["stateRoot"], "the proof starts at the block's own root");
    assert_eq!(client.balance(account, "0x0"), U256::ZERO, "block 0 is what its root says");
}

#[test]
fn an_impersonated_account_sends_without_its_key() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let stranger = address!("0x00000000000000000000000000000000000fe1e5");
    client.get("anvil_setBalance", json!([stranger, "0xde0b6b3a7640000"]));
    let send = json!([{ "from": stranger, "to": fresh(2), "value": "0x3" }]);
    let refused = client.refused("eth_sendTransaction", send.clone());
    assert!(refused.message.contains("unknown account"), "{refused:?}");
    client.get("anvil_impersonateAccount", json!([stranger]));
    let transaction = hash(&client.get("eth_sendTransaction", send.clone()));
    let receipt = client.receipt(transaction);
    assert_eq!((&receipt["status"], &receipt["from"]), (&json!("0x1"), &json!(stranger)));
    client.get("anvil_stopImpersonatingAccount", json!([stranger]));
    client.refused("eth_sendTransaction", send);
    assert_eq!(client.balance(fresh(2), "latest"), U256::from(3));
    drop(client);
    let node = node.restart();
    let receipt = node.client().receipt(transaction);
    assert_eq!(receipt["from"], json!(stranger), "its sender survives a restart");
}

#[test]
fn other_names_of_a_method_do_the_same() {
    let node = Node::start(&[]);
    let mut client = node.client();
    client.get("hardhat_setBalance", json!([fresh(1), "0x9"]));
    client.get("hardhat_mine", json!(["0x3"]));
    client.get("evm_mine", json!([]));
    assert_eq!(client.block_number(), 4);
    assert_eq!(client.balance(fresh(1), "latest"), U256::from(9));
    let networks = [client.get("net_version", json!([])), client.get("eth_chainId", json!([]))];
    assert_eq!(networks, [json!("31337"), json!("0x7a69")]);
    let version = client.get("web3_clientVersion", json!([]));
    assert!(version.as_str().unwrap().starts_with("anvil/mainspring/"), "{version}");
    assert_eq!(number(&client.get("net_peerCount", json!([]))), 0);
}

#[test]
fn the_log_is_switched_off_and_on() {
    let node = Node::start(&[]);
    let mut client = node.client();
    client.get("hardhat_setLoggingEnabled", json!([false]));
    client.get("net_listening", json!([]));
    client.get("hardhat_setLoggingEnabled", json!([true]));
    client.get("eth_syncing", json!([]));
    client.wait(|_| node.output().contains("eth_syncing").then_some(()));
    assert!(!node.output().contains("net_listening"), "{}", node.output());
}

#[test]
fn thousands_of_blocks_are_made_while_others_are_answered() {
    let node = Node::start(&[]);
    let blocks = 20_000;
    let mut miner = node.new_client();
    let answered = std::thread::scope(|scope| {
        let mining = scope.spawn(move || miner.get("hardhat_mine", json!([blocks])));
        let mut answered = 0;
        while !mining.is_finished() {
            node.client().get("eth_getBalance", json!([fresh(1), "latest"]));
            answered += 1;
        }
        answered
    });
    assert_eq!(node.client().block_number(), blocks);
    assert!(answered > 10, "{answered}");
    let node = node.restart();
    assert_eq!(node.client().block_number(), blocks);
}
