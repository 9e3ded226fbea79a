//! Numbers, data and receivers in all the shapes that tools send them.

use super::*;

#[tokio::test]
async fn numbers_of_a_transaction_come_in_every_shape() {
    let node = TestNode::start();
    let shapes = [
        json!({ "gas": 21000, "value": 5, "nonce": 0, "type": 2, "chainId": 31337 }),
        json!({ "gas": "0x05208", "value": "0x05", "nonce": "0x01", "type": "0x02", "chainId": "0x07a69" }),
        json!({ "gas": "21000", "value": "5", "nonce": "2", "type": "0x2", "chainId": "31337" }),
        json!({ "gas": "0x5208", "value": "0x5", "nonce": "0x3", "gasPrice": 2_000_000_000 }),
        json!({ "gas": "0x5208", "value": "0x5", "nonce": "0x4", "maxFeePerGas": "0x077359400", "maxPriorityFeePerGas": "0x" }),
    ];
    for mut shape in shapes {
        shape["from"] = json!(ALICE);
        shape["to"] = json!(BOB);
        let receipt = node.send(shape.clone()).await;
        assert_eq!(receipt["status"], "0x1", "{shape}");
        let hash = &receipt["transactionHash"];
        let sent = node.ask("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!((&sent["value"], &sent["gas"]), (&json!("0x5"), &json!("0x5208")), "{shape}");
    }
    let head = node.ask("eth_getTransactionCount", json!([ALICE, "latest"])).await;
    assert_eq!(head, "0x5");
}

#[tokio::test]
async fn an_empty_number_is_zero() {
    let node = TestNode::start();
    let request = json!([{ "from": ALICE, "to": BOB, "value": "0x", "gas": "0x5208" }]);
    let hash = node.ask("eth_sendTransaction", request).await;
    let sent = node.ask("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(sent["value"], "0x0");
}

#[tokio::test]
async fn data_and_input_are_the_same_and_must_not_differ() {
    let node = TestNode::start();
    // Answers the first word of its input.
    let echo = node.deploy("5f355f5260205ff3").await;
    let word = format!("0x{:064x}", 7);
    for fields in
        [json!({ "data": word }), json!({ "input": word }), json!({ "data": word, "input": word })]
    {
        let mut call = fields.clone();
        call["to"] = json!(echo);
        assert_eq!(node.ask("eth_call", json!([call])).await, word, "{fields}");
        call["from"] = json!(ALICE);
        for method in ["eth_estimateGas", "eth_createAccessList", "eth_signTransaction"] {
            node.ask(method, json!([call])).await;
        }
        assert_eq!(node.send(call).await["status"], "0x1");
    }
    let differ = json!([{ "from": ALICE, "to": echo, "data": "0x12", "input": "0x34" }]);
    for method in [
        "eth_call",
        "eth_estimateGas",
        "eth_createAccessList",
        "eth_signTransaction",
        "eth_sendTransaction",
        "eth_fillTransaction",
    ] {
        let (_, text) = node.refusal(method, differ.clone()).await;
        assert!(
            text.contains(r#"both "data" and "input" are set and not equal"#),
            "{method}: {text}"
        );
    }
}

#[tokio::test]
async fn a_call_without_a_receiver_runs_its_data_as_a_creation() {
    let node = TestNode::start();
    // Returns the number 7.
    let code = "0x60075f5260205ff3";
    let word = format!("0x{:064x}", 7);
    for call in [json!({ "data": code }), json!({ "data": code, "to": null })] {
        assert_eq!(node.ask("eth_call", json!([call, "latest"])).await, word);
    }
}

#[tokio::test]
async fn a_storage_slot_may_be_short() {
    let node = TestNode::start();
    // Stores 7 in slot 0.
    let cell = node.deploy("60075f55").await;
    node.send(json!({ "from": ALICE, "to": cell })).await;
    let word = format!("0x{:064x}", 7);
    for slot in ["0x0", "0x", "0x00", &format!("0x{:064x}", 0)] {
        let params = json!([cell, slot, "latest"]);
        assert_eq!(node.ask("eth_getStorageAt", params).await, word, "{slot}");
        let proof = node.ask("eth_getProof", json!([cell, [slot], "latest"])).await;
        assert_eq!(proof["storageProof"][0]["value"], "0x7", "{slot}");
    }
}
