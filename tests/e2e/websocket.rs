//! The same port speaks WebSocket: calls, and news without asking.

use crate::{
    harness::Node,
    soak::memory,
    tools::Foundry,
    wallet::{Token, Wallet, fresh},
    wire::{address, hash, number},
};
use alloy_primitives::{Bytes, U256};
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

async fn connected(node: &Node) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", node.address)).await.unwrap()
}

async fn subscribed(client: &WsClient, what: Value, filter: Option<Value>) -> Subscription<Value> {
    let mut params = rpc_params![what];
    if let Some(filter) = filter {
        params.insert(filter).unwrap();
    }
    client.subscribe("eth_subscribe", params, "eth_unsubscribe").await.unwrap()
}

/// The next piece of news; none within a minute is a fault.
async fn next(news: &mut Subscription<Value>) -> Value {
    let waited = tokio::time::timeout(Duration::from_secs(60), news.next()).await;
    waited.expect("news within a minute").unwrap().unwrap()
}

#[tokio::test]
async fn new_heads_and_logs_come_in_the_order_of_the_blocks() {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    let receipt = node.client().mined(&wallet.deploy_token(1_000));
    let token = address(&receipt["contractAddress"]);
    let client = connected(&node).await;
    let mut heads = subscribed(&client, json!("newHeads"), None).await;
    let mut logs = subscribed(&client, json!("logs"), Some(json!({ "address": token }))).await;
    let mut blocks = Vec::new();
    for round in 0..5 {
        let call = Token::transferCall { to: fresh(round), value: U256::from(round) };
        let receipt = node.client().mined(&wallet.call(token, &call, 0));
        blocks.push((number(&receipt["blockNumber"]), hash(&receipt["blockHash"])));
    }
    for block in blocks {
        let head = next(&mut heads).await;
        assert_eq!((number(&head["number"]), hash(&head["hash"])), block);
        let log = next(&mut logs).await;
        assert_eq!((number(&log["blockNumber"]), hash(&log["blockHash"])), block);
        assert_eq!(log["removed"], false);
    }
}

#[tokio::test]
async fn a_revert_takes_logs_back() {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    let receipt = node.client().mined(&wallet.deploy_token(1_000));
    let token = address(&receipt["contractAddress"]);
    let client = connected(&node).await;
    let mut logs = subscribed(&client, json!("logs"), Some(json!({ "address": token }))).await;
    let snapshot = node.client().get("evm_snapshot", json!([]));
    let call = Token::transferCall { to: fresh(1), value: U256::from(5) };
    node.client().mined(&wallet.call(token, &call, 0));
    node.client().get("evm_revert", json!([snapshot]));
    let added = next(&mut logs).await;
    let removed = next(&mut logs).await;
    assert_eq!((&added["removed"], &removed["removed"]), (&json!(false), &json!(true)));
    assert_eq!(added["transactionHash"], removed["transactionHash"]);
}

#[tokio::test]
async fn errors_over_websocket_are_the_same() {
    let node = Node::start(&[]);
    let client = connected(&node).await;
    let failed = client.request::<Value, _>("eth_nothing", rpc_params![]).await.unwrap_err();
    let jsonrpsee::core::ClientError::Call(failed) = failed else { panic!("{failed:?}") };
    let words = "the method eth_nothing does not exist/is not available";
    assert_eq!((failed.code(), failed.message()), (-32601, words));
}

#[test]
fn cast_works_over_websocket() {
    let node = Node::start(&[]);
    let foundry = Foundry::at(&format!("ws://{}", node.address));
    let key = Wallet::dev(0).private_key();
    foundry.send(&key, &[&fresh(1).to_string(), "--value", "3"]);
    assert_eq!(foundry.cast(&["balance", &fresh(1).to_string()]), "3");
    assert_eq!(foundry.cast(&["block-number"]), "1");
}

/// Bytes of input in a transaction whose news is large.
const LARGE: usize = 20_000;

/// Subscribes to whole pending transactions and heads, and never reads anything again.
fn subscribed_and_mute(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.address).unwrap();
    let host = node.address;
    let hello = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(hello.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    for params in [json!(["newPendingTransactions", true]), json!(["newHeads"])] {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params });
        let text = request.to_string();
        // A text frame, masked with zeros: its length, the mask, the text.
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        assert!(text.len() < 126);
        frame.extend(text.as_bytes());
        stream.write_all(&frame).unwrap();
    }
    stream
}

#[tokio::test]
async fn subscribers_that_never_read_cost_little_and_hold_up_nobody() {
    let node = Node::start(&[]);
    let client = connected(&node).await;
    let mut heads = subscribed(&client, json!("newHeads"), None).await;
    let mute: Vec<TcpStream> = (0..20).map(|_| subscribed_and_mute(&node)).collect();
    let mut wallet = Wallet::dev(0);
    let (before, _) = memory(node.pid());
    let blocks = 400;
    for number in 0..blocks {
        let request = wallet.request(fresh(number).into(), Bytes::from(vec![7; LARGE]), 0);
        node.client().send_raw(&wallet.sign(request));
        let head = next(&mut heads).await;
        assert_eq!(crate::wire::number(&head["number"]), number + 1);
    }
    // In hex, for everyone: 320 MB if it were kept.
    let (after, _) = memory(node.pid());
    assert!(after < before + 160, "{before} MiB became {after} MiB");
    drop(mute);
    assert_eq!(node.client().get("eth_blockNumber", json!([])), format!("{blocks:#x}"));
}
