//! Batches over HTTP: order, sends that share a block, limits.

use super::{server::Port, *};

#[tokio::test]
async fn a_batch_of_sends_is_answered_in_order() {
    let port = Port::open(TestNode::start()).await;
    let send = |id: u64| {
        json!({
            "jsonrpc": "2.0", "id": id, "method": "eth_sendTransaction",
            "params": [{ "from": ALICE, "to": BOB, "nonce": format!("{id:#x}"), "gas": "0x5208" }],
        })
    };
    let ask = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_blockNumber" });
    let batch = json!([ask(100), send(0), send(1), send(2), ask(101)]);
    let (status, answers) = port.post(&batch.to_string()).await;
    assert_eq!(status, 200);
    let ids: Vec<u64> =
        answers.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [100, 0, 1, 2, 101]);
    let nonce = port.node.ask("eth_getTransactionCount", json!([ALICE])).await;
    assert_eq!(nonce, "0x3", "{answers}");
    assert_ne!(answers[4]["result"], "0x0", "what comes after the sends sees them");
}

#[tokio::test]
async fn batches_have_a_limit_and_a_content() {
    let limits = RpcLimits { batch_requests: 2, ..Default::default() };
    let port = Port::open(TestNode::with(Mode::Manual, limits)).await;
    let (_status, answer) = port.post("[]").await;
    assert_eq!(answer["error"], json!({ "code": -32600, "message": "empty batch" }));
    let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let (_status, answer) = port.post(&json!([ask, ask, ask]).to_string()).await;
    assert_eq!(answer["error"]["message"], "batch too large: 3 requests, 2 allowed");
    let (_status, answer) = port.post(&json!([ask, { "id": 7 }]).to_string()).await;
    assert_eq!(answer[0]["result"], "0x7a69");
    assert_eq!((&answer[1]["id"], &answer[1]["error"]["code"]), (&json!(7), &json!(-32600)));
}
