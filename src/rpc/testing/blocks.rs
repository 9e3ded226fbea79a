//! Blocks, transactions, receipts and events, found by every name they have.

use super::*;
use alloy_primitives::B256;

#[tokio::test]
async fn a_transfer_is_found_by_every_name() {
    let node = TestNode::start();
    let hash = node
        .ask("eth_sendTransaction", json!([{ "from": ALICE, "to": BOB, "value": "0x1" }]))
        .await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    let block = receipt["blockHash"].clone();
    assert_eq!(receipt["gasUsed"], "0x5208");
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x1");
    let tx = node.ask("eth_getTransactionByHash", json!([hash])).await;
    for (method, params) in [
        ("eth_getTransactionByBlockHashAndIndex", json!([block, "0x0"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["latest", "0x0"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!([1, 0])),
    ] {
        assert_eq!(node.ask(method, params).await, tx, "{method}");
    }
    let raw = node.ask("eth_getRawTransactionByHash", json!([hash])).await;
    assert_eq!(node.ask("eth_getRawTransactionByBlockHashAndIndex", json!([block, 0])).await, raw);
    assert_eq!(node.ask("web3_sha3", json!([raw])).await, hash);
    let full = node.ask("eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!(full["transactions"], json!([tx]));
    assert_eq!(full["hash"], block);
    let short = node.ask("eth_getBlockByHash", json!([block, false])).await;
    assert_eq!(short["transactions"], json!([hash]));
    assert_eq!(node.ask("eth_getBlockReceipts", json!([block])).await, json!([receipt]));
    assert_eq!(node.ask("eth_getBlockTransactionCountByHash", json!([block])).await, "0x1");
    assert_eq!(node.ask("eth_getUncleCountByBlockNumber", json!(["0x1"])).await, "0x0");
}

#[tokio::test]
async fn what_does_not_exist_is_null() {
    let node = TestNode::start();
    let nowhere = B256::repeat_byte(9);
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x63", true])),
        ("eth_getBlockByHash", json!([nowhere, true])),
        ("eth_getHeaderByNumber", json!(["0x63"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x63"])),
        ("eth_getBlockReceipts", json!(["0x63"])),
        ("eth_getTransactionByHash", json!([nowhere])),
        ("eth_getTransactionReceipt", json!([nowhere])),
        ("eth_getRawTransactionByHash", json!([nowhere])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x0", "0x5"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x0", "0x0"])),
    ] {
        assert_eq!(node.ask(method, params).await, Value::Null, "{method}");
    }
}

/// Emits an empty event with topic 7 for every call.
const EMITTER: &str = "60075f5fa100";

#[tokio::test]
async fn events_are_found_by_block_range_address_and_topic() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let first = node.send(json!({ "from": ALICE, "to": emitter })).await;
    node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    node.send(json!({ "from": ALICE, "to": emitter })).await;
    let logs = |filter: Value| node.ask("eth_getLogs", json!([filter]));
    let count = |logs: Value| logs.as_array().unwrap().len();
    let topic = B256::with_last_byte(7);
    assert_eq!(count(logs(json!({ "fromBlock": "earliest" })).await), 2);
    assert_eq!(count(logs(json!({ "fromBlock": "earliest", "topics": [topic] })).await), 2);
    assert_eq!(count(logs(json!({ "fromBlock": "earliest", "topics": [B256::ZERO] })).await), 0);
    assert_eq!(count(logs(json!({ "fromBlock": "earliest", "address": BOB })).await), 0);
    assert_eq!(count(logs(json!({ "fromBlock": "0x2", "toBlock": "0x3" })).await), 1);
    assert_eq!(count(logs(json!({})).await), 1, "the newest block only");
    let of_block = logs(json!({ "blockHash": first["blockHash"], "address": emitter })).await;
    assert_eq!(of_block, first["logs"]);
    let unknown = json!([{ "blockHash": B256::repeat_byte(9) }]);
    assert_eq!(node.refusal("eth_getLogs", unknown).await, (-32000, "unknown block".to_owned()));
}

#[tokio::test]
async fn a_search_for_too_many_events_names_the_range_that_fits() {
    let limits = RpcLimits { logs: 1, ..Default::default() };
    let node = TestNode::with(Mode::Instant, limits);
    let emitter = node.deploy(EMITTER).await;
    for _ in 0..2 {
        node.send(json!({ "from": ALICE, "to": emitter })).await;
    }
    let refusal = node.refusal("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await;
    assert_eq!(refusal.0, -32602);
    assert!(refusal.1.ends_with("ask for blocks 0 to 2"), "{}", refusal.1);
}

#[tokio::test]
async fn fee_history_covers_the_blocks_and_the_one_after() {
    let node = TestNode::start();
    node.send(json!({ "from": ALICE, "to": BOB, "maxPriorityFeePerGas": "0x7" })).await;
    let history = node.ask("eth_feeHistory", json!(["0x5", "latest", [0, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x0");
    assert_eq!(history["reward"], json!([["0x0", "0x0"], ["0x7", "0x7"]]));
    assert_eq!(history["gasUsedRatio"], json!([0.0, 0.0007]));
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["baseFeePerGas"][2], node.ask("eth_baseFee", json!([])).await);
    assert_eq!(history["baseFeePerBlobGas"], json!(["0x1", "0x1", "0x1"]));
    let plain = node.ask("eth_feeHistory", json!([1, "0x1"])).await;
    assert!(plain.get("reward").is_none());
    assert_eq!(plain["oldestBlock"], "0x1");
    let beyond = node.refusal("eth_feeHistory", json!(["0x1", "0x9"])).await;
    assert_eq!(beyond.1, "request beyond head block: requested 9, head 1");
}
