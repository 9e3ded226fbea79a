//! Eight clients send through one account at once: what each answer says is true in all its parts.
//!
//! `MAINSPRING_SENDS` sets how many sends (400); `scripts/soak.sh sends` makes it 10,000.

use crate::{
    crash::setting,
    harness::{Node, heavy},
    wallet::{Token, Wallet, fresh},
    wire::{Client, address, hash, number},
};
use alloy_primitives::{Address, B256, U256, hex};
use alloy_sol_types::SolCall;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Mutex, time::Instant};

const CLIENTS: u64 = 8;

/// A call of the token, as JSON-RPC sends it.
fn call(sender: Address, token: Address, input: Vec<u8>) -> Value {
    json!({ "from": sender, "to": token, "data": hex::encode_prefixed(input) })
}

/// Everything that can be asked about a send agrees with everything else; the nonce that it used.
#[track_caller]
fn agrees(client: &mut Client, sent: B256, token: Address, sender: Address, to: Address) -> u64 {
    let receipt = client.receipt(sent);
    assert_eq!(receipt["status"], "0x1", "answered, and not mined: {receipt}");
    let tx = client.get("eth_getTransactionByHash", json!([sent]));
    assert_eq!(
        (&tx["blockHash"], &tx["transactionIndex"]),
        (&receipt["blockHash"], &receipt["transactionIndex"])
    );
    let block = number(&receipt["blockNumber"]);
    assert!(client.block_number() >= block, "the head is behind the receipt");
    let nonce = number(&tx["nonce"]);
    let (latest, pending) = (client.nonce(sender, "latest"), client.nonce(sender, "pending"));
    assert!(latest > nonce, "nonce {nonce} is mined, and the account is at {latest}");
    assert!(pending >= latest, "pending {pending}, latest {latest}");
    let ask = call(sender, token, Token::balanceOfCall { owner: to }.abi_encode());
    let owned = client.get("eth_call", json!([ask, "latest"]));
    assert_eq!(owned.as_str().unwrap().parse::<U256>().unwrap(), U256::from(1));
    let logs =
        client.get("eth_getLogs", json!([{ "blockHash": receipt["blockHash"], "address": token }]));
    let ours = logs.as_array().unwrap().iter().filter(|log| log["transactionHash"] == json!(sent));
    let ours: Vec<_> = ours.cloned().collect();
    assert_eq!(json!(ours), receipt["logs"]);
    assert_eq!(ours.len(), 1);
    nonce
}

#[test]
fn after_every_answered_send_receipt_nonce_balance_head_and_logs_agree() {
    let _alone = heavy();
    let sends = setting("MAINSPRING_SENDS", 400);
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    let sender = wallet.address();
    let receipt = node.client().mined(&wallet.deploy_token(u128::MAX >> 1));
    let token = address(&receipt["contractAddress"]);
    let (nonces, started) = (Mutex::new(BTreeSet::new()), Instant::now());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (nonces, mut connection) = (&nonces, node.new_client());
            scope.spawn(move || {
                for round in 0..sends / CLIENTS {
                    let to = fresh(client * sends + round);
                    let input = Token::transferCall { to, value: U256::from(1) }.abi_encode();
                    // Every second one leaves the gas to the node as well.
                    let mut request = call(sender, token, input);
                    if round % 2 == 0 {
                        request["gas"] = json!("0x186a0");
                    }
                    let sent = hash(&connection.get("eth_sendTransaction", json!([request])));
                    let nonce = agrees(&mut connection, sent, token, sender, to);
                    assert!(nonces.lock().unwrap().insert(nonce), "nonce {nonce} was used twice");
                }
            });
        }
    });
    let sent = sends / CLIENTS * CLIENTS;
    println!("{sent} sends from {CLIENTS} clients in {:?}, nine reads each", started.elapsed());
    assert_eq!(nonces.into_inner().unwrap(), (1..=sent).collect(), "a gap");
    let client = &mut node.client();
    assert_eq!(client.nonce(sender, "latest"), sent + 1);
    assert_eq!(
        client.get("txpool_status", json!([])),
        json!({ "pending": "0x0", "queued": "0x0" })
    );
}
