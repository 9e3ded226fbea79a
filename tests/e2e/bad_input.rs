//! Requests that are wrong: each gets its code and its reason, and the node goes on as if nothing was.

use crate::{
    harness::Node,
    wire::{Client, RpcFailure, outcome},
};
use serde_json::{Value, json};

/// What an error says to a body that is sent as it is.
#[track_caller]
fn answer_to(client: &mut Client, body: &str) -> RpcFailure {
    let (status, text) = client.post(body.as_bytes()).unwrap();
    let answer: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{status}: {error} in {text:?} to {body:.200}"));
    outcome(answer).unwrap_err()
}

/// Nothing happened, and whatever comes next is answered.
#[track_caller]
fn goes_on(node: &Node) {
    let mut client = node.new_client();
    assert_eq!(client.block_number(), 0);
    assert_eq!(client.get("eth_chainId", json!([])), "0x7a69");
}

#[test]
fn what_is_not_json_is_a_parse_error() {
    let node = Node::start(&[]);
    let mut client = node.client();
    for body in [
        "{",
        "not json",
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_block"#,
        "\u{0}\u{1}\u{2}",
        "[{]",
    ] {
        assert_eq!(answer_to(&mut client, body).code, -32700, "{body:?}");
    }
    goes_on(&node);
}

#[test]
fn json_that_is_no_request_is_an_invalid_request() {
    let node = Node::start(&[]);
    let mut client = node.client();
    for body in [r#"{"id":1}"#, r#"{"jsonrpc":"2.0","id":1}"#, r#"{"id":1,"method":5}"#] {
        assert_eq!(answer_to(&mut client, body).code, -32600, "{body}");
    }
    let empty = answer_to(&mut client, "[]");
    assert_eq!((empty.code, empty.message.as_str()), (-32600, "empty batch"));
    goes_on(&node);
}

#[test]
fn json_nested_without_end_is_refused() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let deep = 200_000;
    let params = "[".repeat(deep) + &"]".repeat(deep);
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{params}}}"#);
    let failure = answer_to(&mut client, &body);
    assert!([-32700, -32602, -32600].contains(&failure.code), "{failure:?}");
    let opened = client.post("[".repeat(deep).as_bytes()).unwrap();
    assert!(opened.1.contains("error"), "{opened:?}");
    goes_on(&node);
}

#[test]
fn a_method_that_is_not_served_is_named_in_geths_words() {
    let node = Node::start(&[]);
    let mut client = node.client();
    for method in ["eth_nothing", "personal_openWallet", "evm_Mine", ""] {
        let failure = client.refused(method, json!([]));
        let words = format!("the method {method} does not exist/is not available");
        assert_eq!((failure.code, failure.message), (-32601, words));
    }
    goes_on(&node);
}

#[test]
fn values_of_the_wrong_type_are_invalid_params() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let account = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    for (method, params) in [
        ("eth_getBalance", json!([])),
        ("eth_getBalance", json!([5, "latest"])),
        ("eth_getBalance", json!(["0x12", "latest"])),
        ("eth_getBalance", json!([account, "yesterday"])),
        ("eth_getBalance", json!([account, "0xfffffffffffffffffffff"])),
        ("eth_getBlockByNumber", json!(["latest", "full"])),
        ("eth_getTransactionReceipt", json!(["0x1234"])),
        ("eth_getTransactionReceipt", json!([{}])),
        ("eth_call", json!(["hello", "latest"])),
        ("eth_call", json!([{ "to": "me" }, "latest"])),
        ("eth_estimateGas", json!([{ "value": "-1" }])),
        ("eth_sendRawTransaction", json!(["zz"])),
        ("eth_sendRawTransaction", json!([7])),
        ("eth_getLogs", json!([{ "fromBlock": true }])),
        ("eth_getLogs", json!([{ "fromBlock": "0x5", "toBlock": "0x1" }])),
        ("eth_getStorageAt", json!([account, {}, "latest"])),
        ("anvil_setBalance", json!([account])),
        ("anvil_mine", json!(["lots"])),
        ("evm_revert", json!([{}])),
    ] {
        let failure = client.refused(method, params.clone());
        assert_eq!(failure.code, -32602, "{method} {params}: {failure:?}");
        assert!(!failure.message.is_empty());
    }
    goes_on(&node);
}

#[test]
fn state_of_a_block_that_is_not_there_is_header_not_found() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let account = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    let call = json!({ "to": account });
    for (method, mut params) in [
        ("eth_getBalance", json!([account])),
        ("eth_getTransactionCount", json!([account])),
        ("eth_getCode", json!([account])),
        ("eth_getStorageAt", json!([account, "0x0"])),
        ("eth_getProof", json!([account, []])),
        ("eth_call", json!([call])),
        ("eth_estimateGas", json!([call])),
        ("eth_createAccessList", json!([call])),
    ] {
        let params = params.as_array_mut().unwrap();
        let at = |block: Value| {
            let mut params = params.clone();
            params.push(block);
            Value::from(params)
        };
        let future = client.refused(method, at(json!("0x5")));
        assert_eq!(
            (future.code, future.message.as_str()),
            (-32000, "header not found"),
            "{method}"
        );
        let unknown = json!({ "blockHash": format!("0x{:064x}", 7) });
        let unknown = client.refused(method, at(unknown));
        let words = (unknown.code, unknown.message.as_str());
        assert_eq!(words, (-32000, "header for hash not found"), "{method}");
    }
    for method in ["eth_getBlockByNumber", "eth_getBlockByHash"] {
        let block = if method.ends_with("Hash") { format!("0x{:064x}", 7) } else { "0x5".into() };
        assert!(client.get(method, json!([block, false])).is_null(), "{method}");
    }
    goes_on(&node);
}

#[test]
fn a_body_over_the_limit_is_refused_and_one_below_it_is_not() {
    let node = Node::start(&["--rpc-max-body-bytes", "100000"]);
    let request = |padding: usize| {
        let padding = " ".repeat(padding);
        format!(r#"{{"jsonrpc":"2.0","id":1,{padding}"method":"eth_blockNumber","params":[]}}"#)
    };
    let (status, text) = node.new_client().post(request(99_000).as_bytes()).unwrap();
    assert!(status == 200 && text.contains("0x0"), "{status} {text}");
    let (status, text) = node.new_client().post(request(101_000).as_bytes()).unwrap();
    assert!(status == 413 || text.contains("-32"), "{status} {text}");
    assert!(!text.contains("result"), "{text}");
    goes_on(&node);
}

#[test]
fn a_batch_over_the_limit_is_refused_with_both_numbers() {
    let node = Node::start(&["--rpc-max-batch", "10"]);
    let mut client = node.client();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": [] });
    let batch = |calls: usize| Value::from(vec![call.clone(); calls]).to_string();
    let (_, text) = client.post(batch(10).as_bytes()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().len(), 10);
    let failure = answer_to(&mut client, &batch(11));
    assert_eq!(failure.code, -32600);
    assert_eq!(failure.message, "batch too large: 11 requests, 10 allowed");
    goes_on(&node);
}

/// Good and bad ones side by side: each gets its own answer, in order.
#[test]
fn a_batch_answers_each_of_its_requests() {
    let node = Node::start(&[]);
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": [] },
        { "jsonrpc": "2.0", "id": 2, "method": "eth_nothing", "params": [] },
        { "jsonrpc": "2.0", "id": "three", "method": "eth_getBalance", "params": [true] },
        5,
        { "jsonrpc": "2.0", "id": 4, "method": "eth_blockNumber" },
    ]);
    let (_, text) = node.client().post(batch.to_string().as_bytes()).unwrap();
    let answers: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(answers.len(), 5, "{text}");
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!(1), &json!("0x7a69")));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(-32601)));
    assert_eq!(
        (&answers[2]["id"], &answers[2]["error"]["code"]),
        (&json!("three"), &json!(-32602))
    );
    assert_eq!(answers[3]["error"]["code"], -32600);
    assert_eq!((&answers[4]["id"], &answers[4]["result"]), (&json!(4), &json!("0x0")));
    goes_on(&node);
}

#[test]
fn code_that_runs_without_end_is_stopped_by_its_gas() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let forever = json!([{ "data": "0x5b600056" }, "latest"]);
    let failure = client.refused("eth_call", forever);
    assert_eq!(failure.code, -32000, "{failure:?}");
    assert!(failure.message.contains("out of gas"), "{failure:?}");
    goes_on(&node);
}
