//! Filters: what is new since they were asked last, and how much of them there may be.

use super::*;
use alloy_primitives::B256;
use std::time::Duration;

/// Emits an empty event with topic 7 for every call.
const EMITTER: &str = "60075f5fa100";

impl TestNode {
    async fn filter(&self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params).await;
        assert!(id.as_str().unwrap().starts_with("0x"), "{id}");
        id
    }

    async fn changes(&self, id: &Value) -> Vec<Value> {
        serde_json::from_value(self.ask("eth_getFilterChanges", json!([id])).await).unwrap()
    }

    async fn touch(&self, emitter: &str) -> Value {
        self.send(json!({ "from": ALICE, "to": emitter })).await
    }
}

#[tokio::test]
async fn a_log_filter_answers_each_new_event_once_and_nothing_from_before() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    node.touch(&emitter).await;
    let id = node.filter("eth_newFilter", json!([{ "address": emitter }])).await;
    let other = node.filter("eth_newFilter", json!([{ "topics": [B256::ZERO] }])).await;
    assert_eq!(node.changes(&id).await, [Value::Null; 0], "the newest block is not replayed");
    let receipts = [node.touch(&emitter).await, node.touch(&emitter).await];
    let logs: Vec<Value> = receipts.iter().map(|receipt| receipt["logs"][0].clone()).collect();
    assert_eq!(node.changes(&id).await, logs);
    assert_eq!(node.changes(&id).await, [Value::Null; 0]);
    assert_eq!(node.changes(&other).await, [Value::Null; 0]);
}

#[tokio::test]
async fn all_logs_of_a_filter_are_those_of_its_whole_range() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    for _ in 0..3 {
        node.touch(&emitter).await;
    }
    let criteria = json!([{ "address": emitter, "fromBlock": "0x0" }]);
    let id = node.filter("eth_newFilter", criteria.clone()).await;
    let all = node.ask("eth_getFilterLogs", json!([id])).await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all, node.ask("eth_getLogs", criteria).await);
    assert_eq!(node.changes(&id).await, [Value::Null; 0]);
    let blocks = node.filter("eth_newBlockFilter", json!([])).await;
    let refused = (-32000, "filter not found".to_owned());
    assert_eq!(node.refusal("eth_getFilterLogs", json!([blocks])).await, refused);
}

#[tokio::test]
async fn events_of_blocks_that_went_come_again_as_removed_newest_first() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let id = node.filter("eth_newFilter", json!([{ "address": emitter }])).await;
    let late = node.filter("eth_newFilter", json!([{ "address": emitter }])).await;
    let blocks = node.filter("eth_newBlockFilter", json!([])).await;
    let snapshot = node.ask("evm_snapshot", json!([])).await;
    let gone = [node.touch(&emitter).await, node.touch(&emitter).await];
    assert_eq!(node.changes(&id).await.len(), 2);
    node.ask("evm_revert", json!([snapshot])).await;
    node.ask("evm_mine", json!([])).await;
    let new = node.touch(&emitter).await;
    let removed = |receipt: &Value| {
        let mut log = receipt["logs"][0].clone();
        log["removed"] = json!(true);
        log
    };
    let rest = [removed(&gone[1]), removed(&gone[0]), new["logs"][0].clone()];
    assert_eq!(node.changes(&id).await, rest);
    let whole: Vec<Value> =
        gone.iter().map(|receipt| receipt["logs"][0].clone()).chain(rest).collect();
    assert_eq!(node.changes(&late).await, whole, "who did not read hears of the same");
    let hashes = node.changes(&blocks).await;
    assert_eq!(hashes.len(), 4);
    assert_eq!((&hashes[0], &hashes[3]), (&gone[0]["blockHash"], &new["blockHash"]));
    node.ask("debug_setHead", json!(["0x1"])).await;
    assert_eq!(node.changes(&id).await, [removed(&new)]);
}

#[tokio::test]
async fn a_filter_with_a_range_is_silent_outside_of_it() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let range = json!([{ "fromBlock": "0x3", "toBlock": "0x4" }]);
    let id = node.filter("eth_newFilter", range).await;
    for _ in 0..4 {
        node.touch(&emitter).await;
    }
    let numbers: Vec<Value> =
        node.changes(&id).await.iter().map(|log| log["blockNumber"].clone()).collect();
    assert_eq!(numbers, ["0x3", "0x4"]);
    let refused = |criteria| node.refusal("eth_newFilter", criteria);
    let backwards = json!([{ "fromBlock": "0x4", "toBlock": "0x3" }]);
    assert_eq!(refused(backwards).await, (-32602, "invalid block range params".to_owned()));
    let pending = json!([{ "toBlock": "pending" }]);
    assert_eq!(refused(pending).await, (-32000, "pending logs are not supported".to_owned()));
}

#[tokio::test]
async fn pending_transactions_are_hashes_or_whole_also_when_they_are_mined_already() {
    let node = TestNode::start();
    let hashes = node.filter("eth_newPendingTransactionFilter", json!([])).await;
    let whole = node.filter("eth_newPendingTransactionFilter", json!([true])).await;
    let send = json!({ "from": ALICE, "to": BOB, "value": "0x5" });
    let receipts = [node.send(send.clone()).await, node.send(send).await];
    let sent = receipts.map(|receipt| receipt["transactionHash"].clone());
    assert_eq!(node.changes(&hashes).await, sent);
    let whole = node.changes(&whole).await;
    assert_eq!((&whole[0]["hash"], &whole[0]["value"]), (&sent[0], &json!("0x5")));
    assert_eq!(whole[1]["blockHash"], Value::Null);
}

#[tokio::test]
async fn a_transaction_is_pending_when_the_nonce_before_it_is_there() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let id = node.filter("eth_newPendingTransactionFilter", json!([])).await;
    let send = |nonce: &'static str| {
        let request = json!({ "from": ALICE, "to": BOB, "nonce": nonce, "gas": "0x5208" });
        node.ask("eth_sendTransaction", json!([request]))
    };
    let (third, second) = (send("0x2").await, send("0x1").await);
    assert_eq!(node.changes(&id).await, [Value::Null; 0]);
    let first = send("0x0").await;
    assert_eq!(node.changes(&id).await, [first, second, third]);
}

#[tokio::test]
async fn an_uninstalled_an_unread_and_an_unknown_filter_are_not_found() {
    let limits = RpcLimits { filter_idle: Duration::ZERO, ..Default::default() };
    let hasty = TestNode::with(Mode::Instant, limits);
    let node = TestNode::start();
    let id = node.filter("eth_newBlockFilter", json!([])).await;
    assert_eq!(node.ask("eth_uninstallFilter", json!([id])).await, true);
    assert_eq!(node.ask("eth_uninstallFilter", json!([id])).await, false);
    let unread = hasty.filter("eth_newBlockFilter", json!([])).await;
    let refused = (-32000, "filter not found".to_owned());
    for (node, id) in [(&node, id), (&hasty, unread), (&node, json!("0xffffffffffffffffffff"))] {
        assert_eq!(node.refusal("eth_getFilterChanges", json!([id])).await, refused);
    }
}

#[tokio::test]
async fn ten_thousand_filters_are_bounded_and_the_refusal_says_what_to_do() {
    let node = TestNode::with(Mode::Instant, RpcLimits { filters: 100, ..Default::default() });
    let mut refused = 0;
    for _ in 0..10_000 {
        let made = node.try_ask("eth_newBlockFilter", json!([])).await;
        refused += usize::from(made.is_err());
    }
    assert_eq!(refused, 9_900);
    let (_, text) = node.refusal("eth_newFilter", json!([{}])).await;
    assert!(text.contains("eth_uninstallFilter") && text.contains("--rpc-max-filters"), "{text}");
}

#[tokio::test]
async fn huge_criteria_are_refused_one_by_one_and_together() {
    let limits = RpcLimits { watched_terms: 2_500, ..Default::default() };
    let node = TestNode::with(Mode::Instant, limits);
    let addresses = |count: u64| -> Vec<Address> {
        (0..count).map(|number| Address::left_padding_from(&number.to_be_bytes())).collect()
    };
    let topics: Vec<B256> = (0..1_001).map(|number| B256::from(U256::from(number))).collect();
    for criteria in
        [json!([{ "address": addresses(1_001) }]), json!([{ "topics": [null, topics] }])]
    {
        for method in ["eth_getLogs", "eth_newFilter"] {
            let (_, text) = node.refusal(method, criteria.clone()).await;
            assert!(text.starts_with("exceed max addresses or topics"), "{text}");
        }
    }
    let most = json!([{ "address": addresses(1_000) }]);
    assert_eq!(node.ask("eth_getLogs", most.clone()).await, json!([]));
    let first = node.filter("eth_newFilter", most.clone()).await;
    node.filter("eth_newFilter", most.clone()).await;
    let (_, text) = node.refusal("eth_newFilter", most.clone()).await;
    assert!(text.contains("2500 addresses and topics together"), "{text}");
    node.ask("eth_uninstallFilter", json!([first])).await;
    node.filter("eth_newFilter", most).await;
}

#[tokio::test]
async fn what_does_not_fit_into_one_answer_comes_with_the_next() {
    let limits = RpcLimits { logs: 2, ..Default::default() };
    let node = TestNode::with(Mode::Instant, limits);
    // Three events a call.
    let emitter = node.deploy("60075f5fa160085f5fa160095f5fa100").await;
    let id = node.filter("eth_newFilter", json!([{}])).await;
    let mut emitted = Vec::new();
    for _ in 0..3 {
        let receipt = node.touch(&emitter).await;
        emitted.extend(receipt["logs"].as_array().unwrap().clone());
    }
    let mut pages = Vec::new();
    loop {
        let page = node.changes(&id).await;
        if page.is_empty() {
            break;
        }
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 2, 1]);
    assert_eq!(pages.concat(), emitted);
}

#[tokio::test]
async fn logs_from_before_the_index_are_found_and_indexed_later() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    for _ in 0..5 {
        node.touch(&emitter).await;
    }
    node.chain.flush_state().unwrap();
    let criteria = json!([{ "address": emitter, "fromBlock": "0x0" }]);
    let indexed = node.ask("eth_getLogs", criteria.clone()).await;
    node.chain.forget_log_index().unwrap();
    node.touch(&emitter).await;
    node.chain.flush_state().unwrap();
    let walked = node.ask("eth_getLogs", criteria.clone()).await;
    assert_eq!(walked.as_array().unwrap()[..5], indexed.as_array().unwrap()[..]);
    assert_eq!(walked.as_array().unwrap().len(), 6);
    let filter = serde_json::from_value(criteria[0].clone()).unwrap();
    let unindexed = || node.chain.search_logs(&filter, 0, 99).unwrap().unindexed();
    assert_eq!(unindexed(), 8, "all blocks");
    node.chain.complete_log_index();
    assert_eq!(unindexed(), 0);
    assert_eq!(node.ask("eth_getLogs", criteria).await, walked);
}

#[tokio::test]
async fn a_thousand_log_queries_in_a_batch_are_a_bounded_answer() {
    let limits = RpcLimits { response_bytes: 1 << 20, ..Default::default() };
    let node = TestNode::with(Mode::Instant, limits);
    let emitter = node.deploy(EMITTER).await;
    for _ in 0..20 {
        node.touch(&emitter).await;
    }
    let port = server::Port::open(node).await;
    let query = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_getLogs", "params": [{ "fromBlock": "0x0" }] });
    let batch: Vec<Value> = (0..1_000).map(query).collect();
    let (_, answer) = port.post(&json!(batch).to_string()).await;
    assert!(answer["error"]["code"].is_i64(), "the answer would be ten times what is allowed");
    let (_, few) = port.post(&json!(batch[..10]).to_string()).await;
    let lengths = few.as_array().unwrap().iter().map(|it| it["result"].as_array().unwrap().len());
    assert_eq!(lengths.collect::<Vec<_>>(), [20; 10]);
}

#[tokio::test]
async fn what_grows_longer_than_an_answer_is_given_up_while_it_is_collected() {
    let limits = RpcLimits { response_bytes: 2_000, ..Default::default() };
    let node = TestNode::with(Mode::Manual, limits);
    let fill =
        |to: &str, nonce: u64| json!({ "from": ALICE, "to": to, "nonce": format!("{nonce:#x}") });
    let nobody = "0x00000000000000000000000000000000000000aa";
    for nonce in 0..9 {
        node.ask("eth_sendTransaction", json!([fill(nobody, nonce)])).await;
    }
    node.ask("evm_mine", json!([])).await;
    for (method, params) in [
        ("trace_block", json!(["0x1"])),
        ("trace_filter", json!([{ "fromBlock": "0x1" }])),
        ("trace_replayBlockTransactions", json!(["0x1", ["trace", "stateDiff"]])),
        ("ots_searchTransactionsBefore", json!([ALICE, 0, 1_000])),
        ("ots_searchTransactionsAfter", json!([nobody, 0, 1_000])),
    ] {
        let (code, text) = node.refusal(method, params).await;
        assert_eq!(code, -32008, "{method}: {text}");
        assert!(text.contains("2000 bytes"), "{method}: {text}");
        assert!(text.contains("--rpc-max-response-bytes"), "{method}: {text}");
    }
    let first = node.ask("trace_filter", json!([{ "fromBlock": "0x1", "count": 1 }])).await;
    assert_eq!(first.as_array().map(Vec::len), Some(1), "what fits is answered");
}
