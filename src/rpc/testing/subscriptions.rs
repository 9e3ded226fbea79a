//! Subscriptions: nothing missing and nothing twice, whatever the reader's speed.

use super::*;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Emits an empty event with topic 7 for every call.
const EMITTER: &str = "60075f5fa100";

/// What a subscriber gets, one by one.
struct Subscriber(Receiver<Box<RawValue>>);

impl Subscriber {
    /// The whole notification.
    async fn raw(&mut self) -> Option<Value> {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.0.recv()).await;
        let message = waited.expect("news within a minute")?;
        Some(serde_json::from_str(message.get()).unwrap())
    }

    async fn next(&mut self) -> Value {
        self.raw().await.unwrap()["params"]["result"].take()
    }
}

impl TestNode {
    /// Subscribes with room for so many messages on the way.
    async fn subscriber(&self, params: Value, room: usize) -> Subscriber {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params });
        let methods = self.api.methods();
        let (answer, news) = methods.raw_json_request(&request.to_string(), room).await.unwrap();
        let answer: Value = serde_json::from_str(answer.get()).unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        Subscriber(news)
    }

    async fn mine_many(&self, blocks: u64) {
        self.ask("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }
}

#[tokio::test]
async fn of_a_thousand_blocks_none_is_missing_and_none_comes_twice_for_a_slow_reader() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let mut heads = node.subscriber(json!(["newHeads"]), 2).await;
    let mut logs = node.subscriber(json!(["logs", { "address": emitter }]), 2).await;
    // All blocks are there, and most of them are written and out of memory, before the first is read.
    let mut emitted = Vec::new();
    for round in 0..10 {
        node.mine_many(99).await;
        let receipt = node.send(json!({ "from": ALICE, "to": emitter })).await;
        emitted.push(receipt["logs"][0].clone());
        if round % 2 == 0 {
            node.chain.flush_state().unwrap();
        }
    }
    let mut parent = node.ask("eth_getBlockByNumber", json!(["0x1", false])).await["hash"].clone();
    for number in 2..=1_001 {
        let head = heads.next().await;
        assert_eq!(
            (&head["number"], &head["parentHash"]),
            (&json!(format!("{number:#x}")), &parent)
        );
        parent = head["hash"].clone();
    }
    for log in emitted {
        assert_eq!(logs.next().await, log);
    }
}

#[tokio::test]
async fn a_reader_hears_of_blocks_that_went_and_of_the_branch_that_came() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let mut heads = node.subscriber(json!(["newHeads"]), 1).await;
    let mut logs = node.subscriber(json!(["logs"]), 1).await;
    let mut wanted = Vec::new();
    for _ in 0..5 {
        let snapshot = node.ask("evm_snapshot", json!([])).await;
        let receipt = node.send(json!({ "from": ALICE, "to": emitter })).await;
        node.ask("evm_revert", json!([snapshot])).await;
        node.ask("evm_mine", json!([])).await;
        let new = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
        assert_eq!(receipt["blockNumber"], new["number"]);
        let mut log = receipt["logs"][0].clone();
        assert_eq!(log["removed"], false);
        wanted.push(log.clone());
        log["removed"] = json!(true);
        wanted.push(log);
        assert_eq!(heads.next().await["hash"], receipt["blockHash"]);
        assert_eq!(heads.next().await["hash"], new["hash"]);
    }
    for log in wanted {
        assert_eq!(logs.next().await, log);
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_unsubscribed_with_the_reason() {
    let limits = RpcLimits { patience: Duration::from_millis(50), ..Default::default() };
    let node = TestNode::with(Mode::Instant, limits);
    let mut heads = node.subscriber(json!(["newHeads"]), 4).await;
    let mut quick = node.subscriber(json!(["newHeads"]), 4).await;
    let (_, ()) = tokio::join!(node.mine_many(100), async {
        for _ in 0..100 {
            quick.next().await;
        }
    });
    // The four that had room, then nothing until the reader is given up.
    tokio::time::timeout(Duration::from_secs(60), async {
        while node.chain.watchers() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    for number in 1..=4 {
        assert_eq!(heads.next().await["number"], format!("{number:#x}"));
    }
    let ended = heads.raw().await.unwrap();
    let reason = ended["params"]["error"].to_string();
    assert!(reason.contains("took no news for 50ms; subscribe again"), "{ended}");
}

#[tokio::test]
async fn pending_transactions_come_as_hashes_or_whole() {
    let node = TestNode::start();
    let mut hashes = node.subscriber(json!(["newPendingTransactions"]), 8).await;
    let mut whole = node.subscriber(json!(["newPendingTransactions", true]), 8).await;
    for _ in 0..100 {
        let send = json!({ "from": ALICE, "to": BOB, "value": "0x5" });
        let hash = node.ask("eth_sendTransaction", json!([send])).await;
        assert_eq!(hashes.next().await, hash);
        let tx = whole.next().await;
        assert_eq!((&tx["hash"], &tx["value"]), (&hash, &json!("0x5")));
    }
}

#[tokio::test]
async fn receipts_come_a_block_at_a_time_all_or_those_that_are_named() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let send = |nonce: u64| {
        let nonce = format!("{nonce:#x}");
        let request = json!({ "from": ALICE, "to": BOB, "nonce": nonce, "gas": "0x5208" });
        node.ask("eth_sendTransaction", json!([request]))
    };
    let (first, second) = (send(0).await, send(1).await);
    let mut all = node.subscriber(json!(["transactionReceipts"]), 8).await;
    let named = json!(["transactionReceipts", { "transactionHashes": [second] }]);
    let mut named = node.subscriber(named, 8).await;
    node.ask("evm_mine", json!([])).await;
    let receipt = |hash: &Value| node.ask("eth_getTransactionReceipt", json!([hash]));
    let (first, second) = (receipt(&first).await, receipt(&second).await);
    assert_eq!(all.next().await, json!([first, second]));
    assert_eq!(named.next().await, json!([second]));
    let third = send(2).await;
    node.ask("evm_mine", json!([])).await;
    assert_eq!(all.next().await, json!([receipt(&third).await]));
}

#[tokio::test]
async fn syncing_says_at_once_that_the_node_is_not() {
    let node = TestNode::start();
    assert_eq!(node.subscriber(json!(["syncing"]), 1).await.next().await, false);
}

#[tokio::test]
async fn a_subscription_that_cannot_be_is_refused_in_words() {
    let node = TestNode::start();
    let refusal = |params: Value| node.refusal("eth_subscribe", params);
    let text = "no \"newTails\" subscription in eth namespace".to_owned();
    assert_eq!(refusal(json!(["newTails"])).await, (-32601, text));
    let hashes = vec![format!("0x{:064x}", 1); 201];
    let (code, text) =
        refusal(json!(["transactionReceipts", { "transactionHashes": hashes }])).await;
    assert_eq!(code, -32000);
    assert!(text.contains("201 given, 200 allowed"), "{text}");
    for wrong in [json!(["logs", 5]), json!(["newPendingTransactions", "x"]), json!([5])] {
        assert_eq!(refusal(wrong).await.0, -32602);
    }
}
