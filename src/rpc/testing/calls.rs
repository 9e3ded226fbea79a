//! Calls, estimates, access lists.

use super::*;

/// Returns storage slot 0 when called without data, stores the first word of data otherwise.
const CELL: &str = "36600c575f545f5260205ff35b5f355f5500";

#[tokio::test]
async fn a_call_sees_the_state_of_its_block() {
    let node = TestNode::start();
    let cell = node.deploy(CELL).await;
    node.send(json!({ "from": ALICE, "to": cell, "data": format!("0x{:064x}", 5) })).await;
    let read = |block| node.ask("eth_call", json!([{ "to": cell }, block]));
    assert_eq!(read("latest").await, format!("0x{:064x}", 5));
    assert_eq!(read("0x1").await, format!("0x{:064x}", 0));
    let state = json!({ cell.as_str(): { "stateDiff": { format!("0x{:064x}", 0): format!("0x{:064x}", 9) } } });
    let pretended = node.ask("eth_call", json!([{ "to": cell }, "latest", state])).await;
    assert_eq!(pretended, format!("0x{:064x}", 9));
    let slot = node.ask("eth_getStorageAt", json!([cell, "0x0", "latest"])).await;
    assert_eq!(slot, format!("0x{:064x}", 5));
}

#[tokio::test]
async fn a_revert_carries_its_reason_and_data() {
    let node = TestNode::start();
    // PUSH0 PUSH0 REVERT
    let reverter = node.deploy("5f5ffd").await;
    for method in ["eth_call", "eth_estimateGas"] {
        let refusal = node.try_ask(method, json!([{ "to": reverter }])).await.unwrap_err();
        assert_eq!(refusal, (3, "execution reverted".to_owned(), Some(json!("0x"))), "{method}");
    }
    // INVALID
    let broken = node.deploy("fe").await;
    let refusal = node.try_ask("eth_call", json!([{ "to": broken }])).await.unwrap_err();
    assert_eq!(refusal, (-32000, "invalid opcode: INVALID".to_owned(), None));
}

#[tokio::test]
async fn a_plain_transfer_needs_exactly_21000() {
    let node = TestNode::start();
    let transfer = json!([{ "from": ALICE, "to": BOB, "value": "0x1" }]);
    assert_eq!(node.ask("eth_estimateGas", transfer).await, "0x5208");
}

#[tokio::test]
async fn an_access_list_names_what_is_touched() {
    let node = TestNode::start();
    let cell = node.deploy(CELL).await;
    let found = node.ask("eth_createAccessList", json!([{ "from": ALICE, "to": cell }])).await;
    let wanted = json!([{ "address": cell, "storageKeys": [format!("0x{:064x}", 0)] }]);
    assert_eq!(found["accessList"], wanted);
    assert!(found["gasUsed"].as_str().unwrap().starts_with("0x"));
    assert!(found.get("error").is_none());
}

#[tokio::test]
async fn calls_at_blocks_that_are_not_there() {
    let node = TestNode::start();
    let unknown = node.refusal("eth_call", json!([{ "to": BOB }, "0x63"])).await;
    assert_eq!(unknown, (-32000, "header not found".to_owned()));
    let hash = format!("0x{:064x}", 7);
    let unknown = node.refusal("eth_call", json!([{ "to": BOB }, { "blockHash": hash }])).await;
    assert_eq!(unknown, (-32000, "header for hash not found".to_owned()));
    let wrong = node.refusal("eth_call", json!([{ "to": BOB }, "newest"])).await;
    assert_eq!(wrong.0, -32602);
    let number = node.refusal("eth_call", json!([{ "to": 5 }])).await;
    assert_eq!(number.0, -32602);
}

#[tokio::test]
async fn a_pending_call_runs_in_the_block_to_come() {
    let node = TestNode::start();
    // NUMBER PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    let number = node.deploy("435f5260205ff3").await;
    let at = |block| node.ask("eth_call", json!([{ "to": number }, block]));
    assert_eq!(at("latest").await, format!("0x{:064x}", 1));
    assert_eq!(at("pending").await, format!("0x{:064x}", 2));
}
