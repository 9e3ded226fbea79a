//! What happened inside blocks and calls, in OpenEthereum's shapes.

use super::*;
use alloy_primitives::B256;

/// Stores calldata[32..64] at slot calldata[0..32].
const STORE: &str = "6020355f355500";
/// Calls the address in calldata, delegates to it, calls the identity precompile, stops.
const FORWARD: &str = "5f5f5f5f5f5f355af1505f5f5f5f5f355af4505f5f5f5f60045afa5000";
/// Reverts with nothing.
const REVERT: &str = "5f5ffd";
/// Destroys itself in favour of its caller.
const DESTROY: &str = "33ff";

fn word(hex: &str) -> String {
    format!("{:0>64}", hex.trim_start_matches("0x"))
}

async fn call(node: &TestNode, to: &str, data: &str) -> Value {
    node.send(json!({ "from": ALICE, "to": to, "data": format!("0x{data}") })).await
}

/// What of a trace tells its place and kind.
fn outline(traces: &Value) -> Vec<(Value, Value, Value, Value)> {
    let one = |it: &Value| {
        let kind = it["action"].get("callType").unwrap_or(&it["type"]).clone();
        (it["traceAddress"].clone(), kind, it["subtraces"].clone(), it["error"].clone())
    };
    traces.as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn a_transfer_is_one_call() {
    let node = TestNode::start();
    let receipt =
        node.send(json!({ "from": ALICE, "to": BOB, "value": "0x5", "gas": "0x6000" })).await;
    let wanted = json!([{
        "action": {
            "callType": "call", "from": ALICE, "gas": "0xdf8", "input": "0x", "to": BOB, "value": "0x5"
        },
        "blockHash": receipt["blockHash"],
        "blockNumber": 1,
        "result": { "gasUsed": "0x0", "output": "0x" },
        "subtraces": 0,
        "traceAddress": [],
        "transactionHash": receipt["transactionHash"],
        "transactionPosition": 0,
        "type": "call",
    }]);
    assert_eq!(node.ask("trace_block", json!(["0x1"])).await, wanted);
    assert_eq!(node.ask("trace_block", json!([receipt["blockHash"]])).await, wanted);
    let hash = &receipt["transactionHash"];
    assert_eq!(node.ask("trace_transaction", json!([hash])).await, wanted);
    assert_eq!(node.ask("trace_get", json!([hash, []])).await, wanted[0]);
    assert_eq!(node.ask("trace_get", json!([hash, ["0x0"]])).await, Value::Null);
    assert_eq!(node.ask("trace_block", json!(["earliest"])).await, json!([]));
}

#[tokio::test]
async fn a_creation_shows_its_code_and_its_address() {
    let node = TestNode::start();
    let contract = node.deploy(REVERT).await;
    let trace = node.ask("trace_block", json!(["latest"])).await[0].clone();
    assert_eq!(trace["type"], "create");
    assert_eq!(trace["action"]["from"], ALICE);
    assert_eq!(trace["action"]["creationMethod"], "create");
    assert_eq!(trace["action"]["init"], format!("0x60038060095f395ff3{REVERT}"));
    assert_eq!(trace["result"]["address"], contract);
    assert_eq!(trace["result"]["code"], format!("0x{REVERT}"));
}

#[tokio::test]
async fn calls_inside_a_transaction_are_listed_without_precompiles() {
    let node = TestNode::start();
    let (forward, revert) = (node.deploy(FORWARD).await, node.deploy(REVERT).await);
    let receipt = call(&node, &forward, &word(&revert)).await;
    assert_eq!(receipt["status"], "0x1");
    let traces = node.ask("trace_block", json!(["latest"])).await;
    let wanted = [
        (json!([]), json!("call"), json!(2), json!(null)),
        (json!([0]), json!("call"), json!(0), json!("Reverted")),
        (json!([1]), json!("delegatecall"), json!(0), json!("Reverted")),
    ];
    assert_eq!(outline(&traces), wanted);
    assert_eq!(traces[1]["action"]["from"], forward);
    assert_eq!(traces[1]["action"]["to"], revert);
    assert_eq!(traces[2]["action"]["to"], revert, "whose code runs");
    let hash = &receipt["transactionHash"];
    assert_eq!(node.ask("trace_get", json!([hash, ["0x1"]])).await, traces[2]);
    assert_eq!(node.ask("trace_get", json!([hash, ["0x0", "0x0"]])).await, Value::Null);
}

#[tokio::test]
async fn a_destruction_is_a_trace_below_the_call_that_did_it() {
    let node = TestNode::start();
    let contract = node.deploy(DESTROY).await;
    node.send(json!({ "from": ALICE, "to": contract, "value": "0x9" })).await;
    let traces = node.ask("trace_block", json!(["latest"])).await;
    assert_eq!(traces[0]["subtraces"], 1);
    assert_eq!(traces[1]["type"], "suicide");
    assert_eq!(traces[1]["traceAddress"], json!([0]));
    let wanted = json!({ "address": contract, "balance": "0x9", "refundAddress": ALICE });
    assert_eq!(traces[1]["action"], wanted);
}

#[tokio::test]
async fn the_state_diff_of_a_transfer_is_what_was_paid() {
    let node = TestNode::start();
    let request = json!({
        "from": ALICE, "to": STRANGER, "value": "0x5",
        "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x7",
    });
    let receipt = node.send(request).await;
    let hash = &receipt["transactionHash"];
    let traces = node.ask("trace_replayTransaction", json!([hash, ["stateDiff"]])).await;
    assert_eq!((&traces["trace"], &traces["vmTrace"]), (&json!([]), &Value::Null));
    let price = receipt["effectiveGasPrice"].as_str().unwrap().trim_start_matches("0x");
    let price = u128::from_str_radix(price, 16).unwrap();
    let left = format!("{:#x}", 10 * ETHER - 5 - 21_000 * price);
    let start = format!("{:#x}", 10 * ETHER);
    let wanted = json!({
        ALICE: {
            "balance": { "*": { "from": start, "to": left } },
            "nonce": { "*": { "from": "0x0", "to": "0x1" } },
            "code": "=",
            "storage": {},
        },
        STRANGER: {
            "balance": { "+": "0x5" }, "nonce": { "+": "0x0" }, "code": { "+": "0x" }, "storage": {},
        },
        // The miner's tips: 7 wei for each of 21000 gas.
        (Address::ZERO.to_string()): {
            "balance": { "+": "0x23e38" },
            "nonce": { "+": "0x0" },
            "code": { "+": "0x" },
            "storage": {},
        },
    });
    assert_eq!(traces["stateDiff"], wanted);
}

#[tokio::test]
async fn a_vm_trace_has_every_instruction_with_its_cost_and_what_it_pushed() {
    let node = TestNode::start();
    // PUSH1 1, PUSH1 2, ADD, PUSH0, SSTORE, STOP
    let code = json!({ STRANGER: { "code": "0x60016002015f5500" } });
    let params = json!([{ "to": STRANGER, "gas": "0xf4240" }, ["vmTrace"], "latest", code]);
    let vm = &node.ask("trace_call", params).await["vmTrace"];
    assert_eq!(vm["code"], "0x60016002015f5500");
    let gas = 1_000_000 - 21_000;
    let step = |pc: u64, cost: u64, used: u64, push: Value, store: Value| {
        let ex = json!({ "mem": null, "push": push, "store": store, "used": gas - used });
        (pc, cost, ex)
    };
    let wanted = [
        step(0, 3, 3, json!(["0x1"]), json!(null)),
        step(2, 3, 6, json!(["0x2"]), json!(null)),
        step(4, 3, 9, json!(["0x3"]), json!(null)),
        step(5, 2, 11, json!(["0x0"]), json!(null)),
        step(6, 22_100, 22_111, json!([]), json!({ "key": "0x0", "val": "0x3" })),
        step(7, 0, 22_111, json!([]), json!(null)),
    ];
    let ops = vm["ops"].as_array().unwrap();
    assert_eq!(ops.len(), wanted.len(), "{vm}");
    for (op, (pc, cost, ex)) in ops.iter().zip(wanted) {
        assert_eq!((&op["pc"], &op["cost"], &op["ex"]), (&json!(pc), &json!(cost), &ex));
        assert_eq!(op["sub"], Value::Null);
    }
}

#[tokio::test]
async fn a_replayed_block_is_its_replayed_transactions() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let store = STRANGER;
    let code = format!("0x{STORE}");
    node.ask("anvil_setCode", json!([store, code])).await;
    for value in 1..=3 {
        let data = format!("0x{}{}", word("7"), word(&value.to_string()));
        let request = json!({ "from": ALICE, "to": store, "data": data, "gas": "0x186a0" });
        node.ask("eth_sendTransaction", json!([request])).await;
    }
    node.ask("evm_mine", json!([])).await;
    let kinds = json!(["trace", "vmTrace", "stateDiff"]);
    let all = node.ask("trace_replayBlockTransactions", json!(["latest", kinds])).await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    for (index, traces) in all.as_array().unwrap().iter().enumerate() {
        let hash = &traces["transactionHash"];
        let mut one = node.ask("trace_replayTransaction", json!([hash, kinds])).await;
        one["transactionHash"] = hash.clone();
        assert_eq!(one, *traces);
        let slot = &traces["stateDiff"][&store]["storage"][B256::with_last_byte(7).to_string()];
        let now = B256::with_last_byte(index as u8 + 1);
        let before = B256::with_last_byte(index as u8);
        assert_eq!(*slot, json!({ "*": { "from": before, "to": now } }));
    }
    let flat = node.ask("trace_block", json!(["latest"])).await;
    assert_eq!(flat[2]["transactionPosition"], 2);
    assert_eq!(flat[2]["action"], all[2]["trace"][0]["action"]);
}

#[tokio::test]
async fn instructions_are_counted_with_their_gas() {
    let node = TestNode::start();
    let store = node.deploy(STORE).await;
    let receipt = call(&node, &store, &format!("{}{}", word("7"), word("1"))).await;
    let hash = &receipt["transactionHash"];
    let gas = node.ask("trace_transactionOpcodeGas", json!([hash])).await;
    let op = |name: &str, count: u64, gas: u64| json!({ "opcode": name, "count": count, "gasUsed": gas });
    let wanted = [
        op("CALLDATALOAD", 2, 6),
        op("PUSH0", 1, 2),
        op("PUSH1", 1, 3),
        op("SSTORE", 1, 22_100),
        op("STOP", 1, 0),
    ];
    assert_eq!(gas, json!({ "transactionHash": hash, "opcodeGas": wanted }));
    let block = node.ask("trace_blockOpcodeGas", json!(["latest"])).await;
    let number = json!({
        "blockHash": receipt["blockHash"], "blockNumber": 2, "transactions": [gas]
    });
    assert_eq!(block, number);
}

#[tokio::test]
async fn a_search_finds_senders_and_receivers_page_by_page() {
    let node = TestNode::start();
    for (from, to) in [(ALICE, BOB), (BOB, ALICE), (ALICE, STRANGER), (ALICE, BOB), (BOB, STRANGER)]
    {
        node.send(json!({ "from": from, "to": to, "value": "0x1" })).await;
    }
    let search = async |filter: Value| -> Vec<u64> {
        let found = node.ask("trace_filter", json!([filter])).await;
        found.as_array().unwrap().iter().map(|it| it["blockNumber"].as_u64().unwrap()).collect()
    };
    let all = json!({ "fromBlock": "earliest", "toBlock": "latest" });
    assert_eq!(search(all).await, [1, 2, 3, 4, 5]);
    assert_eq!(search(json!({})).await, [5], "the newest block");
    let from = json!({ "fromBlock": "0x1", "fromAddress": [ALICE] });
    assert_eq!(search(from).await, [1, 3, 4]);
    let to = json!({ "fromBlock": 1, "toBlock": "0x4", "toAddress": [STRANGER, ALICE] });
    assert_eq!(search(to).await, [2, 3]);
    let both = json!({ "fromBlock": "0x1", "fromAddress": [ALICE], "toAddress": [BOB] });
    assert_eq!(search(both).await, [1, 4]);
    let either = json!({
        "fromBlock": "0x1", "fromAddress": [BOB], "toAddress": [BOB], "mode": "union"
    });
    assert_eq!(search(either).await, [1, 2, 4, 5]);
    let page = json!({ "fromBlock": "0x1", "fromAddress": [ALICE], "after": 1, "count": 1 });
    assert_eq!(search(page).await, [3]);
    assert_eq!(search(json!({ "fromBlock": "0x9", "toBlock": "0xa" })).await, Vec::<u64>::new());
}

#[tokio::test]
async fn a_search_over_too_much_is_refused() {
    let limits = RpcLimits { trace_range: 3, traces: 1, ..Default::default() };
    let node = TestNode::with(Mode::Instant, limits);
    for _ in 0..4 {
        node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    }
    let refusal = |filter: Value| node.refusal("trace_filter", json!([filter]));
    let wide = refusal(json!({ "fromBlock": "0x0", "toBlock": "0xffffffffffffffff" })).await;
    let text = "trace_filter of 5 blocks, 3 allowed; ask for fewer blocks at a time";
    assert_eq!(wide, (-32602, text.to_owned()));
    let many = refusal(json!({ "fromBlock": "0x2" })).await;
    assert!(many.1.starts_with("trace_filter finds more than 1 traces"), "{}", many.1);
    let backwards = refusal(json!({ "fromBlock": "0x3", "toBlock": "0x2" })).await;
    assert_eq!(backwards, (-32602, "invalid block range params".to_owned()));
    for garbage in
        [json!({ "fromBlock": "three" }), json!({ "mode": "xor" }), json!({ "adress": 1 })]
    {
        assert_eq!(refusal(garbage.clone()).await.0, -32602, "{garbage}");
    }
    let page = json!([{ "fromBlock": "0x2", "after": "0x1", "count": "0x1" }]);
    let page = node.ask("trace_filter", page).await;
    assert_eq!(page[0]["blockNumber"], 3);
}

#[tokio::test]
async fn calls_of_a_list_see_what_the_ones_before_them_did() {
    let node = TestNode::start();
    let store = node.deploy(STORE).await;
    let set =
        |value: &str| json!({ "to": store, "data": format!("0x{}{}", word("7"), word(value)) });
    let calls = json!([[set("1"), ["stateDiff"]], [set("2"), ["trace", "stateDiff"]]]);
    let traces = node.ask("trace_callMany", json!([calls, "latest"])).await;
    let slot = |index: usize| {
        let diff = &traces[index]["stateDiff"][&store]["storage"];
        diff[B256::with_last_byte(7).to_string()].clone()
    };
    let change = |from: u8, to: u8| json!({ "*": { "from": B256::with_last_byte(from), "to": B256::with_last_byte(to) } });
    assert_eq!((slot(0), slot(1)), (change(0, 1), change(1, 2)));
    assert_eq!(traces[0]["trace"], json!([]));
    assert_eq!(traces[1]["trace"].as_array().unwrap().len(), 1);
    let stored = node.ask("eth_getStorageAt", json!([store, "0x7"])).await;
    assert_eq!(stored, json!(B256::ZERO), "nothing is kept");
    let poor = json!({ "from": STRANGER, "to": BOB, "value": "0x1" });
    let calls = json!([[[set("1"), ["trace"]], [poor, ["trace"]]]]);
    let refusal = node.refusal("trace_callMany", calls).await;
    assert!(refusal.1.starts_with("call 1: insufficient funds"), "{}", refusal.1);
}

#[tokio::test]
async fn a_waiting_transaction_is_traced_as_it_will_run() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let request = json!({ "from": ALICE, "to": BOB, "value": "0x1", "gas": "0x6000" });
    let hash = node.ask("eth_sendTransaction", json!([request])).await;
    let raw = node.ask("debug_getRawTransaction", json!([hash])).await;
    let before = node.ask("trace_rawTransaction", json!([raw, ["trace"]])).await;
    node.ask("evm_mine", json!([])).await;
    let after = node.ask("trace_replayTransaction", json!([hash, ["trace"]])).await;
    assert_eq!(before, after);
    let again = node.refusal("trace_rawTransaction", json!([raw, ["trace"]])).await;
    assert!(again.1.starts_with("nonce too low"), "{}", again.1);
    assert_eq!(node.refusal("trace_rawTransaction", json!(["0x05", ["trace"]])).await.0, -32000);
}

#[tokio::test]
async fn what_cannot_be_traced_is_null_or_an_error_that_says_why() {
    let node = TestNode::start();
    let nobody = B256::repeat_byte(9);
    for (method, params) in [
        ("trace_transaction", json!([nobody])),
        ("trace_get", json!([nobody, ["0x0"]])),
        ("trace_replayTransaction", json!([nobody, ["trace"]])),
        ("trace_transactionOpcodeGas", json!([nobody])),
    ] {
        assert_eq!(node.ask(method, params).await, Value::Null, "{method}");
    }
    for (method, params) in [
        ("trace_block", json!(["0x63"])),
        ("trace_replayBlockTransactions", json!(["0x63", ["trace"]])),
        ("trace_blockOpcodeGas", json!(["0x63"])),
    ] {
        let refusal = node.refusal(method, params).await;
        assert_eq!(refusal, (-32000, "block #99 not found".to_owned()), "{method}");
    }
    let call = json!({ "to": BOB });
    for (method, params) in [
        ("trace_call", json!([call, ["everything"]])),
        ("trace_call", json!([call])),
        ("trace_call", json!([call, "trace"])),
        ("trace_block", json!(["3"])),
        ("trace_get", json!([nobody, ["x"]])),
        ("trace_callMany", json!([call])),
    ] {
        assert_eq!(node.refusal(method, params.clone()).await.0, -32602, "{method} {params}");
    }
    let nothing = node.ask("trace_call", json!([call, []])).await;
    assert_eq!(nothing, json!({ "output": "0x", "stateDiff": null, "trace": [], "vmTrace": null }));
}
