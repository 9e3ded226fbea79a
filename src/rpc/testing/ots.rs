//! What the Otterscan explorer asks.

use super::*;

/// Sends 1 wei to [`STRANGER`], creates an empty contract with CREATE and one with CREATE2 (salt 3).
fn maker() -> String {
    format!("5f5f5f5f600173{}61fffff1505f5f5ff05060035f5f5ff55000", &STRANGER[2..])
}

/// Reverts with one word: 5.
const REVERT: &str = "60055f5260205ffd";

async fn hashes(node: &TestNode, method: &str, params: Value) -> (Vec<Value>, bool, bool) {
    let page = node.ask(method, params).await;
    let txs = page["txs"].as_array().unwrap();
    let receipts = page["receipts"].as_array().unwrap();
    assert_eq!(txs.len(), receipts.len());
    for (tx, receipt) in txs.iter().zip(receipts) {
        assert_eq!(tx["hash"], receipt["transactionHash"]);
        let full = node.ask("eth_getTransactionReceipt", json!([tx["hash"]])).await;
        for field in ["logs", "logsBloom", "gasUsed"] {
            assert_eq!(receipt[field], full[field], "{field}");
        }
        assert!(receipt["timestamp"].is_string(), "{receipt}");
    }
    let hashes = txs.iter().map(|tx| tx["hash"].clone()).collect();
    (hashes, page["firstPage"].as_bool().unwrap(), page["lastPage"].as_bool().unwrap())
}

#[tokio::test]
async fn what_moved_inside_of_a_transaction_is_listed_and_found() {
    let node = TestNode::start();
    let maker = node.deploy(&maker()).await;
    let made = node.send(json!({ "from": ALICE, "to": maker, "value": "0x5" })).await;
    assert_eq!(made["status"], "0x1", "{made}");
    let hash = &made["transactionHash"];
    let operations = node.ask("ots_getInternalOperations", json!([hash])).await;
    let children: Vec<Value> = (1..3).map(|at| operations[at]["to"].clone()).collect();
    let wanted = json!([
        { "type": 0, "from": maker, "to": STRANGER, "value": "0x1" },
        { "type": 2, "from": maker, "to": children[0], "value": "0x0" },
        { "type": 3, "from": maker, "to": children[1], "value": "0x0" },
    ]);
    assert_eq!(operations, wanted);
    let call = |kind, depth: u64, from: &str, to: &Value, value| {
        json!({
            "type": kind, "depth": depth, "from": from, "to": to, "value": value, "input": "0x",
            "output": "0x"
        })
    };
    let wanted = json!([
        call("CALL", 0, ALICE, &json!(maker), "0x5"),
        call("CALL", 1, &maker, &json!(STRANGER), "0x1"),
        call("CREATE", 1, &maker, &children[0], "0x0"),
        call("CREATE2", 1, &maker, &children[1], "0x0"),
    ]);
    assert_eq!(node.ask("ots_traceTransaction", json!([hash])).await, wanted);

    let creator = |contract: Value| node.ask("ots_getContractCreator", json!([contract]));
    for child in &children {
        assert_eq!(creator(child.clone()).await, json!({ "hash": hash, "creator": maker }));
    }
    let deployed = node.ask("ots_getTransactionBySenderAndNonce", json!([ALICE, 0])).await;
    assert_eq!(creator(json!(maker)).await, json!({ "hash": deployed, "creator": ALICE }));
    assert_eq!(creator(json!(BOB)).await, Value::Null);

    for involved in [json!(STRANGER), children[0].clone(), children[1].clone()] {
        let found = hashes(&node, "ots_searchTransactionsBefore", json!([involved, 0, 25])).await;
        assert_eq!(found, (vec![hash.clone()], true, true), "{involved}");
    }
    let of_maker = json!([maker, 0, 25]);
    let found = hashes(&node, "ots_searchTransactionsBefore", of_maker).await;
    assert_eq!(found, (vec![hash.clone(), deployed], true, true));
}

#[tokio::test]
async fn a_search_turns_pages_in_both_directions_and_never_splits_a_block() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let mut sent: Vec<Vec<Value>> = Vec::new();
    for block in 0..4 {
        let mut of_block = Vec::new();
        for _ in 0..=block % 2 {
            let send = json!({ "from": ALICE, "to": BOB, "value": "0x1", "gas": "0x5208" });
            of_block.push(node.ask("eth_sendTransaction", json!([send])).await);
        }
        node.ask("evm_mine", json!([])).await;
        of_block.reverse();
        sent.push(of_block);
    }
    // Newest first: two, one, two, one.
    let newest: Vec<Value> = sent.iter().rev().flatten().cloned().collect();
    for written in [false, true] {
        if written {
            node.chain.flush_state().unwrap();
        }
        let before = |block: u64, size| {
            hashes(&node, "ots_searchTransactionsBefore", json!([BOB, block, size]))
        };
        let after = |block: u64, size| {
            hashes(&node, "ots_searchTransactionsAfter", json!([BOB, block, size]))
        };
        assert_eq!(before(0, 3).await, (newest[..3].to_vec(), true, false));
        assert_eq!(before(3, 1).await, (newest[3..5].to_vec(), false, false));
        assert_eq!(before(3, 3).await, (newest[3..].to_vec(), false, true));
        assert_eq!(before(1, 3).await, (vec![], false, true));
        assert_eq!(after(0, 2).await, (newest[3..].to_vec(), false, true));
        assert_eq!(after(2, 1).await, (newest[2..3].to_vec(), false, false));
        assert_eq!(after(2, 25).await, (newest[..3].to_vec(), true, false));
        assert_eq!(after(4, 1).await, (vec![], true, false));
        let nobody = hashes(&node, "ots_searchTransactionsBefore", json!([STRANGER, 0, 5])).await;
        assert_eq!(nobody, (vec![], true, true));
    }
    for size in [json!(0), json!(1_001)] {
        let refused = node.refusal("ots_searchTransactionsAfter", json!([BOB, 0, size])).await;
        let text = format!("a page of {size} transactions: 1 to 1000 are allowed");
        assert_eq!(refused, (-32602, text));
    }
}

#[tokio::test]
async fn a_blocks_transactions_come_in_pages_from_its_end() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let mut sent = Vec::new();
    for value in 1..=5 {
        let data = if value == 5 { "0x0102030405" } else { "0x" };
        let send =
            json!({ "from": ALICE, "to": BOB, "value": value, "gas": "0x6000", "data": data });
        sent.push(node.ask("eth_sendTransaction", json!([send])).await);
    }
    node.ask("evm_mine", json!([])).await;
    let page = |page: u64, size: u64| node.ask("ots_getBlockTransactions", json!([1, page, size]));
    let shown = |page: &Value| -> Vec<Value> {
        let txs = page["fullblock"]["transactions"].as_array().unwrap();
        assert_eq!(page["fullblock"]["transactionCount"], 5);
        let places: Vec<_> = txs.iter().map(|tx| &tx["transactionIndex"]).collect();
        let receipts = page["receipts"].as_array().unwrap();
        let of_receipts: Vec<_> = receipts.iter().map(|it| &it["transactionIndex"]).collect();
        assert_eq!(places, of_receipts);
        txs.iter().map(|tx| tx["hash"].clone()).collect()
    };
    let first = page(0, 2).await;
    assert_eq!(shown(&first), sent[3..]);
    assert_eq!(first["fullblock"]["transactions"][1]["input"], "0x01020304");
    let last = &first["receipts"][1];
    assert_eq!((&last["logs"], &last["logsBloom"]), (&Value::Null, &Value::Null));
    let receipt = node.ask("eth_getTransactionReceipt", json!([sent[4]])).await;
    for field in
        ["gasUsed", "cumulativeGasUsed", "status", "type", "from", "to", "effectiveGasPrice"]
    {
        assert_eq!(first["receipts"][1][field], receipt[field], "{field}");
    }
    assert_eq!(shown(&page(1, 2).await), sent[1..3]);
    assert_eq!(shown(&page(2, 2).await), sent[..1]);
    assert_eq!(shown(&page(3, 2).await), Vec::<Value>::new());
    assert_eq!(shown(&page(0, 1_000).await), sent);
    assert_eq!(node.ask("ots_getBlockTransactions", json!([9, 0, 2])).await, Value::Null);

    let details = node.ask("ots_getBlockDetails", json!([1])).await;
    let block = node.ask("eth_getBlockByNumber", json!(["0x1", false])).await;
    assert_eq!(details["block"]["hash"], block["hash"]);
    assert_eq!(details["block"]["transactionCount"], 5);
    assert!(details["block"].get("transactions").is_none());
    let none = json!({ "blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0" });
    assert_eq!(details["issuance"], none);
    let mut fees = 0;
    for hash in &sent {
        let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
        fees += hex(&receipt["gasUsed"]) * hex(&receipt["effectiveGasPrice"]);
    }
    assert_eq!(details["totalFees"], format!("{fees:#x}"));
    let by_hash = node.ask("ots_getBlockDetailsByHash", json!([block["hash"]])).await;
    assert_eq!(by_hash, details);
    let header = node.ask("erigon_getHeaderByNumber", json!([1])).await;
    assert_eq!(header["hash"], block["hash"]);
    assert_eq!(node.ask("erigon_getHeaderByNumber", json!([2])).await, Value::Null);
    assert_eq!(node.ask("ots_getApiLevel", json!([])).await, 8);
}

#[tokio::test]
async fn why_a_transaction_failed_is_what_it_reverted_with() {
    let node = TestNode::start();
    let reverts = node.deploy(REVERT).await;
    let failed = node.send(json!({ "from": ALICE, "to": reverts, "gas": "0x20000" })).await;
    assert_eq!(failed["status"], "0x0");
    let error = |hash: &Value| node.ask("ots_getTransactionError", json!([hash]));
    assert_eq!(error(&failed["transactionHash"]).await, format!("0x{:064x}", 5));
    let fine = node.send(json!({ "from": ALICE, "to": BOB })).await;
    assert_eq!(error(&fine["transactionHash"]).await, "0x");
    let unknown = format!("0x{:064x}", 9);
    for method in ["ots_getTransactionError", "ots_traceTransaction", "ots_getInternalOperations"] {
        assert_eq!(node.ask(method, json!([unknown])).await, Value::Null, "{method}");
    }
    let operations = node.ask("ots_getInternalOperations", json!([fine["transactionHash"]])).await;
    assert_eq!(operations, json!([]), "the transfer itself is not inside");
    assert_eq!(node.ask("ots_hasCode", json!([reverts, "latest"])).await, true);
    assert_eq!(node.ask("ots_hasCode", json!([reverts, 0])).await, false);
    assert_eq!(node.ask("ots_hasCode", json!([BOB])).await, false);
}
