//! When is a transaction mined? On arrival, later, at an interval, on demand; never not at all.

use crate::{
    harness::{Node, heavy},
    wallet::{Wallet, fresh},
    wire::{Client, hash, number},
};
use alloy_primitives::{B256, U256};
use serde_json::json;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

const SENDERS: u32 = 20;
const CONNECTIONS: u32 = 8;

/// Every sender belongs to one connection, so that its nonces arrive in order.
fn lanes(each_sends: u64) -> Vec<Vec<(String, u64)>> {
    let mut lanes = vec![Vec::new(); CONNECTIONS as usize];
    let mut wallets: Vec<Wallet> = (0..SENDERS).map(Wallet::dev).collect();
    for round in 0..each_sends {
        for (index, wallet) in wallets.iter_mut().enumerate() {
            let recipient = round * u64::from(SENDERS) + index as u64;
            let raw = wallet.transfer(fresh(recipient), 1);
            lanes[index % CONNECTIONS as usize].push((raw, recipient));
        }
    }
    lanes
}

/// Sends all of them at once, one request at a time on each connection.
fn flood(node: &Node, lanes: &[Vec<(String, u64)>], each: impl Fn(&mut Client, B256, u64) + Sync) {
    let (address, each) = (node.address, &each);
    std::thread::scope(|scope| {
        for lane in lanes {
            scope.spawn(move || {
                let mut client = Client::new(address);
                for (raw, recipient) in lane {
                    let transaction = client.send_raw(raw);
                    each(&mut client, transaction, *recipient);
                }
            });
        }
    });
}

/// The load at which anvil 1.7.1 stalls for good.
#[test]
fn two_thousand_transfers_at_once_are_all_mined_before_their_sends_are_answered() {
    let _alone = heavy();
    let node = Node::start(&["--accounts", "20"]);
    let lanes = lanes(100);
    let started = Instant::now();
    let missing = AtomicU64::new(0);
    flood(&node, &lanes, |client, transaction, recipient| {
        let receipt = client.receipt(transaction);
        let paid = client.balance(fresh(recipient), "latest") == U256::from(1);
        if receipt["status"] != "0x1" || !paid {
            missing.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut client = node.client();
    let blocks = client.block_number();
    println!("2,000 transfers in {blocks} blocks, {:?} with three reads each", started.elapsed());
    assert_eq!(missing.into_inner(), 0, "receipts or balances that were not there yet");
    for index in 0..SENDERS {
        assert_eq!(client.nonce(Wallet::dev(index).address(), "latest"), 100);
    }
    let mut counted = 0;
    for block in 1..=blocks {
        let tag = format!("{block:#x}");
        let block = client.get("eth_getBlockByNumber", json!([tag, false]));
        counted += block["transactions"].as_array().unwrap().len();
    }
    assert_eq!(counted, 2_000, "each of them in one block, once");
}

#[test]
fn a_send_under_async_automine_is_answered_at_once_and_mined_all_the_same() {
    let _alone = heavy();
    let node = Node::start(&["--accounts", "20", "--async-automine"]);
    flood(&node, &lanes(25), |_, _, _| {});
    let mut client = node.client();
    for index in 0..SENDERS {
        let sender = Wallet::dev(index).address();
        client.wait(|client| (client.nonce(sender, "latest") == 25).then_some(()));
    }
}

#[test]
fn blocks_come_at_the_interval_whether_there_is_work_or_not() {
    let node = Node::start(&["--block-time", "1"]);
    let mut client = node.client();
    let first = client.block_number();
    let transaction = client.send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
    let receipt = client.wait_for_receipt(transaction);
    assert!(number(&receipt["blockNumber"]) > first);
    client.wait(|client| (client.block_number() >= first + 3).then_some(()));
    let time = |client: &mut Client, block: u64| {
        let block = client.get("eth_getBlockByNumber", json!([format!("{block:#x}"), false]));
        number(&block["timestamp"])
    };
    let (early, late) = (time(&mut client, first + 1), time(&mut client, first + 3));
    assert_eq!(late - early, 2, "a second each");
}

#[test]
fn without_mining_a_transaction_waits_until_a_block_is_asked_for() {
    let node = Node::start(&["--no-mining"]);
    let mut client = node.client();
    let mut wallet = Wallet::dev(0);
    let sent = [wallet.transfer(fresh(1), 5), wallet.transfer(fresh(2), 6)];
    let sent = sent.map(|raw| client.send_raw(&raw));
    assert_eq!(client.block_number(), 0);
    assert!(client.receipt(sent[0]).is_null());
    assert_eq!(client.nonce(wallet.address(), "latest"), 0);
    assert_eq!(client.nonce(wallet.address(), "pending"), 2);
    client.get("evm_mine", json!([]));
    assert_eq!(client.block_number(), 1);
    for transaction in sent {
        assert_eq!(client.receipt(transaction)["blockNumber"], "0x1");
    }
    client.get("anvil_mine", json!(["0x5", "0xa"]));
    assert_eq!(client.block_number(), 6);
}

/// A gap in the nonces waits; the transaction that fills it takes the others along.
#[test]
fn a_nonce_gap_waits_for_its_filling_and_holds_nobody_up() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let (mut early, mut other) = (Wallet::dev(0), Wallet::dev(1));
    let first = early.transfer(fresh(1), 1);
    let second = client.send_raw(&early.transfer(fresh(2), 1));
    assert!(client.receipt(second).is_null());
    client.mined(&other.transfer(fresh(3), 1));
    client.mined(&first);
    assert_eq!(client.wait_for_receipt(second)["status"], "0x1");
}

#[test]
fn an_unmined_transaction_survives_a_clean_stop() {
    let node = Node::start(&["--no-mining"]);
    let transaction = node.client().send_raw(&Wallet::dev(0).transfer(fresh(1), 7));
    let node = node.stop("TERM").start();
    let mut client = node.client();
    let waiting = client.get("eth_getTransactionByHash", json!([transaction]));
    assert_eq!(hash(&waiting["hash"]), transaction);
    client.get("evm_mine", json!([]));
    assert_eq!(client.receipt(transaction)["status"], "0x1");
}
