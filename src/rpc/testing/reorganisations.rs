//! Reorganisations that a developer asks for, and blocks taken back.

use super::*;

/// Emits an empty event with topic 7 for every call.
const EMITTER: &str = "60075f5fa100";

async fn touch(node: &TestNode, emitter: &str) -> Value {
    node.send(json!({ "from": ALICE, "to": emitter })).await
}

async fn changes(node: &TestNode, id: &Value) -> Vec<Value> {
    serde_json::from_value(node.ask("eth_getFilterChanges", json!([id])).await).unwrap()
}

async fn receipt(node: &TestNode, hash: &Value) -> Value {
    node.ask("eth_getTransactionReceipt", json!([hash])).await
}

async fn nonces(node: &TestNode, address: &str) -> [u64; 2] {
    let latest = node.ask("eth_getTransactionCount", json!([address, "latest"])).await;
    let pending = node.ask("eth_getTransactionCount", json!([address, "pending"])).await;
    [hex(&latest), hex(&pending)]
}

async fn hash_of(node: &TestNode, number: u64) -> Value {
    let block = node.ask("eth_getBlockByNumber", json!([number, false])).await;
    block["hash"].clone()
}

fn removed(receipt: &Value) -> Value {
    let mut log = receipt["logs"][0].clone();
    log["removed"] = json!(true);
    log
}

#[tokio::test]
async fn a_reorganisation_removes_logs_once_announces_new_heads_and_lets_transactions_wait_again() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let logs = node.ask("eth_newFilter", json!([{ "address": emitter }])).await;
    let blocks = node.ask("eth_newBlockFilter", json!([])).await;
    let gone = [touch(&node, &emitter).await, touch(&node, &emitter).await];
    let told: Vec<Value> = gone.iter().map(|receipt| receipt["logs"][0].clone()).collect();
    assert_eq!(changes(&node, &logs).await, told);
    assert_eq!(changes(&node, &blocks).await.len(), 2);

    assert_eq!(node.ask("anvil_reorg", json!([2, []])).await, Value::Null);
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x3", "as high as before");
    let new = [hash_of(&node, 2).await, hash_of(&node, 3).await];
    assert!(new[0] != gone[0]["blockHash"] && new[1] != gone[1]["blockHash"]);
    assert_eq!(changes(&node, &logs).await, [removed(&gone[1]), removed(&gone[0])]);
    assert_eq!(changes(&node, &blocks).await, new);
    for gone in &gone {
        assert_eq!(receipt(&node, &gone["transactionHash"]).await, Value::Null);
        let by_hash = node.ask("eth_getBlockByHash", json!([gone["blockHash"], false])).await;
        assert_eq!(by_hash, Value::Null);
        let waiting = node.ask("eth_getTransactionByHash", json!([gone["transactionHash"]])).await;
        assert_eq!(waiting["blockHash"], Value::Null, "it waits");
    }
    assert_eq!(nonces(&node, ALICE).await, [1, 3]);

    node.ask("evm_mine", json!([])).await;
    assert_eq!(nonces(&node, ALICE).await, [3, 3]);
    for gone in &gone {
        let again = receipt(&node, &gone["transactionHash"]).await;
        assert_eq!((&again["status"], &again["blockNumber"]), (&json!("0x1"), &json!("0x4")));
    }
    assert_eq!(changes(&node, &logs).await.len(), 2);
    assert_eq!(changes(&node, &logs).await, [Value::Null; 0]);
}

#[tokio::test]
async fn transactions_are_in_the_blocks_that_they_were_placed_in() {
    let node = TestNode::start();
    node.ask("anvil_mine", json!([1])).await;
    let gone = node.send(json!({ "from": ALICE, "to": STRANGER, "value": "0x1" })).await;
    node.send(json!({ "from": ALICE, "to": STRANGER, "value": "0x2" })).await;
    let raw = json!([{ "from": BOB, "to": STRANGER, "value": "0x20", "nonce": "0x0", "gas": "0x5208", "gasPrice": "0x77359400" }]);
    let raw = node.ask("eth_signTransaction", raw).await;
    node.ask("anvil_impersonateAccount", json!([STRANGER])).await;
    node.ask("anvil_setBalance", json!([STRANGER, "0xde0b6b3a7640000"])).await;
    node.ask("evm_mine", json!([])).await;
    let pairs = json!([
        [{ "from": BOB, "to": STRANGER, "value": "0x40" }, 2],
        [{ "from": ALICE, "to": STRANGER, "value": "0x4" }, 0],
        [raw, "0x1"],
        [{ "from": ALICE, "to": STRANGER, "value": "0x8" }, 0],
        [{ "to": STRANGER, "value": "0x10" }, 2],
    ]);
    node.ask("anvil_reorg", json!([{ "depth": 3, "tx_block_pairs": pairs }])).await;
    let mut values = Vec::new();
    for number in 2..=4 {
        let block = node.ask("eth_getBlockByNumber", json!([number, true])).await;
        for transaction in block["transactions"].as_array().unwrap() {
            values.push((number, hex(&transaction["value"]), hex(&transaction["nonce"])));
            let receipt = receipt(&node, &transaction["hash"]).await;
            assert_eq!(receipt["status"], "0x1");
            assert_eq!(receipt["blockHash"], block["hash"]);
        }
    }
    assert_eq!(values, [(2, 4, 0), (2, 8, 1), (3, 32, 0), (4, 64, 1), (4, 16, 2)]);
    let balance = node.ask("eth_getBalance", json!([STRANGER, "latest"])).await;
    assert_eq!(hex(&balance), 4 + 8 + 16 + 32 + 64, "edits of removed blocks are gone too");
    assert_eq!(receipt(&node, &gone["transactionHash"]).await, Value::Null);
    assert_eq!((nonces(&node, ALICE).await, nonces(&node, BOB).await), ([3, 3], [2, 2]));
    assert_eq!(node.ask("txpool_status", json!([])).await["pending"], "0x0", "nonces are used up");
}

#[tokio::test]
async fn a_removed_transaction_may_be_placed_itself_and_does_not_wait_then() {
    let node = TestNode::start();
    let kept = json!([{ "from": ALICE, "to": BOB, "value": "0x7", "nonce": "0x0", "gas": "0x5208", "gasPrice": "0x77359400" }]);
    let raw = node.ask("eth_signTransaction", kept).await;
    let hash = node.ask("eth_sendRawTransaction", json!([raw])).await;
    let before = receipt(&node, &hash).await;
    node.ask("anvil_reorg", json!([1, [[raw, 0]]])).await;
    let after = receipt(&node, &hash).await;
    assert_eq!(after["status"], "0x1");
    assert_ne!(after["blockHash"], before["blockHash"]);
    assert_eq!(nonces(&node, ALICE).await, [1, 1]);
    assert_eq!(node.ask("txpool_status", json!([])).await["pending"], "0x0");
}

#[tokio::test]
async fn a_reorganisation_that_is_refused_changes_nothing_and_says_why() {
    let node = TestNode::start();
    for _ in 0..3 {
        node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    }
    let head = hash_of(&node, 3).await;
    let transfer = |from: &str| json!({ "from": from, "to": BOB, "value": "0x1" });
    let with = |key: &str, value: &str| {
        let mut request = json!({ "from": ALICE, "to": BOB, "gas": "0x5208" });
        request[key] = json!(value);
        request
    };
    let all = "0x8ac7230489e80000";
    for (depth, pairs, code, wanted) in [
        (4, json!([]), -32602, "4 blocks cannot be replaced or taken back: there are 3"),
        (2, json!([[transfer(ALICE), 2]]), -32602, "block offset 2 is beyond the new branch of 2"),
        (0, json!([[transfer(ALICE), 0]]), -32602, "beyond the new branch of 0 blocks"),
        (1, json!([[transfer(STRANGER), 0]]), -32000, "unknown account"),
        (1, json!([["0x02", 0]]), -32000, "transaction"),
        (1, json!([[with("nonce", "0x9"), 0]]), -32000, "nonce too high"),
        (1, json!([[with("nonce", "0x0"), 0]]), -32000, "nonce too low"),
        (1, json!([[with("value", all), 0]]), -32000, "insufficient funds"),
        (1, json!([[transfer(ALICE)]]), -32602, ""),
        (1, json!([[7, 0]]), -32602, "Invalid params"),
    ] {
        let (found, text) = node.refusal("anvil_reorg", json!([depth, pairs])).await;
        assert!(found == code && text.contains(wanted), "{found} {text}");
        assert_eq!(hash_of(&node, 3).await, head, "{text}");
    }
    let (code, text) = node.refusal("anvil_rollback", json!([9])).await;
    assert!(code == -32602 && text.contains("9 blocks cannot be"), "{code} {text}");
    let (code, _) = node.refusal("anvil_reorg", json!(["0x1ffffffffffffffffff"])).await;
    assert_eq!(code, -32602);
    node.ask("anvil_reorg", json!([0])).await;
    assert_eq!(hash_of(&node, 3).await, head, "no block is replaced by no block");
    assert_eq!(nonces(&node, ALICE).await, [3, 3]);
}

#[tokio::test]
async fn a_rollback_takes_blocks_back_and_what_was_in_them_is_not_sent_again() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let logs = node.ask("eth_newFilter", json!([{ "address": emitter }])).await;
    let first = touch(&node, &emitter).await;
    let second = touch(&node, &emitter).await;
    changes(&node, &logs).await;
    node.ask("anvil_rollback", json!([])).await;
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x2");
    assert_eq!(changes(&node, &logs).await, [removed(&second)]);
    assert_eq!(receipt(&node, &second["transactionHash"]).await, Value::Null);
    assert_eq!(nonces(&node, ALICE).await, [2, 2], "nothing waits");
    node.ask("anvil_rollback", json!(["0x1"])).await;
    assert_eq!(changes(&node, &logs).await, [removed(&first)]);
    node.ask("anvil_rollback", json!([0])).await;
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x1");
    let again = touch(&node, &emitter).await;
    assert_eq!((&again["blockNumber"], &again["status"]), (&json!("0x2"), &json!("0x1")));
}

#[tokio::test]
async fn a_rollback_makes_no_block_of_what_waits_since_a_reorganisation() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    touch(&node, &emitter).await;
    let second = touch(&node, &emitter).await;
    node.ask("anvil_reorg", json!([1, []])).await;
    assert_eq!(nonces(&node, ALICE).await, [2, 3], "it waits again");
    node.ask("anvil_rollback", json!([1])).await;
    assert_eq!(nonces(&node, ALICE).await, [2, 3], "and goes on waiting");
    node.ask("evm_mine", json!([])).await;
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x3", "nobody made one before");
    assert_eq!(receipt(&node, &second["transactionHash"]).await["blockNumber"], "0x3");
}

#[tokio::test]
async fn what_is_fixed_about_the_next_block_waits_for_the_block_after_the_new_branch() {
    let node = TestNode::start();
    node.ask("anvil_mine", json!([3])).await;
    let time = node.chain.head().timestamp + 1_000;
    node.ask("evm_setNextBlockTimestamp", json!([time])).await;
    node.ask("anvil_setNextBlockBaseFeePerGas", json!([7_777])).await;
    node.ask("anvil_reorg", json!([2])).await;
    assert!(node.chain.head().timestamp < time);
    node.ask("evm_mine", json!([])).await;
    let head = node.chain.head();
    assert_eq!((head.timestamp, head.base_fee_per_gas), (time, Some(7_777)));
}

#[tokio::test]
async fn no_snapshot_of_a_block_that_was_replaced_can_be_gone_back_to() {
    let node = TestNode::start();
    node.ask("anvil_mine", json!([1])).await;
    let old = node.ask("evm_snapshot", json!([])).await;
    node.ask("anvil_setBalance", json!([STRANGER, "0x5"])).await;
    let edited = node.ask("evm_snapshot", json!([])).await;
    node.ask("anvil_mine", json!([2])).await;
    let high = node.ask("evm_snapshot", json!([])).await;
    node.ask("anvil_reorg", json!([2])).await;
    node.ask("anvil_rollback", json!([2])).await;
    node.ask("anvil_setBalance", json!([STRANGER, "0x9"])).await;
    for gone in [high, edited] {
        assert_eq!(node.ask("evm_revert", json!([gone])).await, false);
    }
    let balance = json!([STRANGER, "latest"]);
    assert_eq!(node.ask("eth_getBalance", balance.clone()).await, "0x9");
    assert_eq!(node.ask("evm_revert", json!([old])).await, true);
    assert_eq!(node.ask("eth_getBalance", balance).await, "0x0");
}
