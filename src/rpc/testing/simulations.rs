//! Simulated blocks.

use super::*;

/// Nobody's, and without ether.
const POOR: &str = "0xc000000000000000000000000000000000000000";
const OTHER: &str = "0xc100000000000000000000000000000000000000";

/// Returns the first word that the block has under the number in the data.
const BLOCK_HASH: &str = "5f35405f5260205ff3";
/// Sends on what it got to the address in the data, then emits an event without data.
const FORWARD: &str = "5f5f5f5f345f355af1505f5fa000";
/// Reverts with nothing, after an event.
const REVERTER: &str = "5f5fa05f5ffd";

fn simulation(blocks: Value) -> Value {
    json!([{ "blockStateCalls": blocks }, "latest"])
}

fn word(number: u64) -> String {
    format!("0x{number:064x}")
}

impl TestNode {
    async fn simulate(&self, blocks: Value) -> Value {
        self.ask("eth_simulateV1", simulation(blocks)).await
    }

    async fn not_simulated(&self, blocks: Value) -> i64 {
        self.refusal("eth_simulateV1", simulation(blocks)).await.0
    }
}

#[tokio::test]
async fn simulated_blocks_follow_each_other_and_leave_nothing_behind() {
    let node = TestNode::start();
    let send = json!({ "from": ALICE, "to": POOR, "value": "0x5" });
    let onward = json!({ "from": POOR, "to": OTHER, "value": "0x3" });
    let blocks = node.simulate(json!([{ "calls": [send] }, {}, { "calls": [onward] }])).await;
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(blocks[0]["parentHash"], head["hash"]);
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_eq!(blocks[2]["parentHash"], blocks[1]["hash"]);
    assert_eq!(blocks[2]["number"], "0x3");
    assert_eq!((&blocks[0]["gasUsed"], &blocks[1]["gasUsed"]), (&json!("0x5208"), &json!("0x0")));
    let call = &blocks[2]["calls"][0];
    assert_eq!((&call["status"], &call["maxUsedGas"]), (&json!("0x1"), &json!("0x5208")));
    assert_eq!(blocks[2]["transactions"].as_array().unwrap().len(), 1);
    assert_eq!(node.ask("eth_getBalance", json!([POOR])).await, "0x0");
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x0");
}

#[tokio::test]
async fn a_simulated_state_root_is_that_of_the_same_block_made_for_real() {
    let node = TestNode::start();
    let cell = node.deploy("5f3554").await;
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let time = u64::from_str_radix(&head["timestamp"].as_str().unwrap()[2..], 16).unwrap() + 77;
    let overrides = json!({
        POOR: { "balance": "0x64", "nonce": "0x3" },
        cell.as_str(): { "stateDiff": { word(1): word(9) } },
    });
    let block =
        json!({ "blockOverrides": { "time": format!("{time:#x}") }, "stateOverrides": overrides });
    let simulated = node.simulate(json!([block])).await;
    node.ask("anvil_setBalance", json!([POOR, "0x64"])).await;
    node.ask("anvil_setNonce", json!([POOR, "0x3"])).await;
    node.ask("anvil_setStorageAt", json!([cell, "0x1", word(9)])).await;
    node.ask("evm_mine", json!([time])).await;
    let mined = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(simulated[0]["stateRoot"], mined["stateRoot"]);
    assert_ne!(mined["stateRoot"], head["stateRoot"]);
}

#[tokio::test]
async fn an_edit_is_part_of_the_first_simulated_block() {
    let node = TestNode::start();
    node.ask("anvil_setBalance", json!([POOR, "0x64"])).await;
    let blocks =
        node.simulate(json!([{ "calls": [{ "from": POOR, "to": OTHER, "value": "0x64" }] }]));
    let simulated = blocks.await;
    assert_eq!(simulated[0]["calls"][0]["status"], "0x1");
}

#[tokio::test]
async fn a_simulation_on_an_old_block_is_what_it_was_when_the_block_was_new() {
    let node = TestNode::start();
    let cell = node.deploy("5f355f55").await;
    let set = |value| json!({ "from": ALICE, "to": cell, "data": word(value) });
    node.send(set(1)).await;
    let params = |block: &str| {
        let calls = json!([{ "from": BOB, "to": cell, "data": word(7) }]);
        let state = json!({ POOR: { "balance": "0x1", "code": "0x5f" } });
        json!([{ "blockStateCalls": [{ "stateOverrides": state, "calls": calls }, {}] }, block])
    };
    let then = node.ask("eth_simulateV1", params("latest")).await;
    for value in 2..8 {
        node.send(set(value)).await;
        node.send(json!({ "from": ALICE, "to": format!("0x{value:040x}"), "value": "0x1" })).await;
    }
    assert_eq!(node.ask("eth_simulateV1", params("0x2")).await, then, "from memory");
    node.chain.flush_state().unwrap();
    assert_eq!(node.ask("eth_simulateV1", params("0x2")).await, then, "taken back from the rows");
    assert_ne!(node.ask("eth_simulateV1", params("latest")).await, then);
}

#[tokio::test]
async fn a_gap_is_filled_and_its_blocks_have_hashes() {
    let node = TestNode::start();
    let teller = node.deploy(BLOCK_HASH).await;
    let ask = |number| json!({ "to": teller, "data": word(number) });
    let blocks = node
        .simulate(
            json!([{ "blockOverrides": { "number": "0x5" }, "calls": [ask(1), ask(3), ask(5)] }]),
        )
        .await;
    let numbers: Vec<_> = blocks.as_array().unwrap().iter().map(|each| &each["number"]).collect();
    assert_eq!(numbers, ["0x2", "0x3", "0x4", "0x5"]);
    let calls = &blocks[3]["calls"];
    let first = node.ask("eth_getBlockByNumber", json!(["0x1", false])).await;
    assert_eq!(calls[0]["returnData"], first["hash"]);
    assert_eq!(calls[1]["returnData"], blocks[1]["hash"]);
    assert_eq!(calls[2]["returnData"], word(0));
}

#[tokio::test]
async fn block_overrides_are_in_the_header_and_two_of_them_stay() {
    let node = TestNode::start();
    let withdrawal =
        json!({ "index": "0x0", "validatorIndex": "0x0", "address": POOR, "amount": "0x1" });
    let overrides = json!({
        "gasLimit": "0x989680", "feeRecipient": OTHER, "prevRandao": word(8),
        "baseFeePerGas": "0x7", "withdrawals": [withdrawal],
    });
    // BASEFEE, BLOBBASEFEE, PREVRANDAO: all in one word, added up
    let teller = node.deploy("4844014a015f5260205ff3").await;
    let blocks = node
        .simulate(json!([
            { "blockOverrides": overrides, "calls": [{ "to": teller }] },
            { "calls": [{ "from": POOR, "to": OTHER, "value": "0x3b9aca00" }] },
        ]))
        .await;
    assert_eq!(blocks[0]["calls"][0]["returnData"], word(16));
    assert_eq!(blocks[0]["mixHash"], word(8));
    assert_eq!(blocks[0]["baseFeePerGas"], "0x7");
    assert_eq!(blocks[0]["withdrawals"].as_array().unwrap().len(), 1);
    assert_eq!(blocks[1]["calls"][0]["status"], "0x1", "the withdrawal was paid");
    assert_eq!((&blocks[1]["gasLimit"], &blocks[1]["miner"]), (&json!("0x989680"), &json!(OTHER)));
    assert_eq!(
        (&blocks[1]["baseFeePerGas"], &blocks[1]["mixHash"]),
        (&json!("0x0"), &json!(word(0)))
    );
}

#[tokio::test]
async fn transfers_of_ether_are_events_where_they_are_asked_for() {
    let node = TestNode::start();
    let forwarder = node.deploy(FORWARD).await;
    let payload = |traces: bool| {
        let data = format!("0x{:0>64}", &POOR[2..]);
        let call = json!({ "from": ALICE, "to": forwarder, "value": "0x5", "data": data });
        json!([{ "blockStateCalls": [{ "calls": [call] }], "traceTransfers": traces }])
    };
    let plain = node.ask("eth_simulateV1", payload(false)).await;
    assert_eq!(plain[0]["calls"][0]["logs"].as_array().unwrap().len(), 1);
    let traced = node.ask("eth_simulateV1", payload(true)).await;
    let logs = traced[0]["calls"][0]["logs"].as_array().unwrap();
    let seen: Vec<_> =
        logs.iter().map(|log| (log["address"].as_str().unwrap(), &log["logIndex"])).collect();
    let ether = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    assert_eq!(seen, [(ether, &json!("0x0")), (ether, &json!("0x1")), (&forwarder, &json!("0x2"))]);
    assert_eq!(logs[1]["topics"][2], format!("0x{:0>64}", &POOR[2..]));
    assert_eq!(logs[0]["data"], word(5));
    assert_eq!(logs[0]["blockHash"], traced[0]["hash"]);
    assert_eq!(plain[0]["hash"], traced[0]["hash"], "they are not in the block");
}

#[tokio::test]
async fn a_call_that_fails_says_how_and_keeps_no_events() {
    let node = TestNode::start();
    let reverter = node.deploy(REVERTER).await;
    let broken = node.deploy("fe").await;
    let blocks = node
        .simulate(json!([{ "calls": [{ "to": reverter }, { "to": broken, "gas": "0x7530" }] }]))
        .await;
    let [reverted, halted] = [&blocks[0]["calls"][0], &blocks[0]["calls"][1]];
    assert_eq!((&reverted["status"], &reverted["returnData"]), (&json!("0x0"), &json!("0x")));
    assert_eq!(reverted["logs"], json!([]));
    assert_eq!(
        reverted["error"],
        json!({ "code": 3, "message": "execution reverted", "data": "0x" })
    );
    let text = "vm execution error: invalid opcode: INVALID";
    assert_eq!(halted["error"], json!({ "code": -32015, "message": text }));
    assert_eq!(halted["gasUsed"], "0x7530");
}

#[tokio::test]
async fn a_precompile_moves_and_one_with_code_is_none() {
    let node = TestNode::start();
    let (identity, there) = ("0x0000000000000000000000000000000000000004", OTHER);
    let state = json!({
        identity: { "movePrecompileToAddress": there },
        "0x0000000000000000000000000000000000000002": { "code": "0x602a5f5260205ff3" },
    });
    let calls = json!([
        { "to": there, "data": "0x1234" },
        { "to": identity, "data": "0x1234" },
        { "to": "0x0000000000000000000000000000000000000002" },
    ]);
    let blocks = node.simulate(json!([{ "stateOverrides": state, "calls": calls }])).await;
    let answers: Vec<_> =
        blocks[0]["calls"].as_array().unwrap().iter().map(|each| &each["returnData"]).collect();
    assert_eq!(answers, [&json!("0x1234"), &json!("0x"), &json!(word(42))]);
    let none = json!([{ "stateOverrides": { OTHER: { "movePrecompileToAddress": POOR } } }]);
    assert_eq!(node.not_simulated(none).await, -32000);
}

#[tokio::test]
async fn state_replaces_all_slots_and_state_diff_some() {
    let node = TestNode::start();
    // Stores 5 at 1 and 6 at 2 when created, then returns the sum of both.
    let code = "0x600560015560066002556009601b5f3960095ff36001546002540160005260206000f3";
    let receipt = node.send(json!({ "from": ALICE, "data": code })).await;
    let sum = receipt["contractAddress"].as_str().unwrap();
    // SLOAD 1 + SLOAD 2
    let reader = "0x600154600254015f5260205ff3";
    let read = |kind: &str| {
        let state = json!({ sum: { "code": reader, kind: { word(1): word(100) } } });
        json!([{ "stateOverrides": state, "calls": [{ "to": sum }] }, { "calls": [{ "to": sum }] }])
    };
    for (kind, expected) in [("state", 100), ("stateDiff", 106)] {
        let blocks = node.simulate(read(kind)).await;
        for block in [&blocks[0], &blocks[1]] {
            assert_eq!(block["calls"][0]["returnData"], word(expected), "{kind}");
        }
    }
    let both = json!([{ "stateOverrides": { sum: { "state": {}, "stateDiff": {} } } }]);
    assert_eq!(node.not_simulated(both).await, -32000);
}

#[tokio::test]
async fn full_transactions_show_the_sender_and_no_signature() {
    let node = TestNode::start();
    let params = json!([{
        "blockStateCalls": [{ "calls": [{ "from": POOR, "to": OTHER, "input": "0x12" }] }],
        "returnFullTransactions": true,
    }]);
    let blocks = node.ask("eth_simulateV1", params).await;
    let tx = &blocks[0]["transactions"][0];
    assert_eq!((&tx["from"], &tx["to"], &tx["type"]), (&json!(POOR), &json!(OTHER), &json!("0x2")));
    assert_eq!((&tx["r"], &tx["s"], &tx["yParity"]), (&json!("0x0"), &json!("0x0"), &json!("0x0")));
    assert_eq!((&tx["gas"], &tx["gasPrice"]), (&json!("0x1c9c380"), &json!("0x0")));
    assert_eq!(tx["blockHash"], blocks[0]["hash"]);
}

#[tokio::test]
async fn validation_checks_nonces_and_fees() {
    let node = TestNode::start();
    let validated = |call: Value, base_fee: &str| {
        let block = json!({ "blockOverrides": { "baseFeePerGas": base_fee }, "calls": [call] });
        json!([{ "blockStateCalls": [block], "validation": true }])
    };
    let refused = |call, base_fee| {
        let params = validated(call, base_fee);
        async { node.refusal("eth_simulateV1", params).await.0 }
    };
    node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    assert_eq!(refused(json!({ "from": ALICE, "to": BOB, "nonce": "0x0" }), "0x0").await, -38010);
    assert_eq!(refused(json!({ "from": ALICE, "to": BOB, "nonce": "0x9" }), "0x0").await, -38011);
    assert_eq!(refused(json!({ "from": ALICE, "to": BOB }), "0x5").await, -38012);
    let tip =
        json!({ "from": ALICE, "to": BOB, "maxFeePerGas": "0x5", "maxPriorityFeePerGas": "0x6" });
    assert_eq!(refused(tip, "0x0").await, -32602);
    let empty = json!([{ "blockStateCalls": [{}], "validation": true }]);
    let blocks = node.ask("eth_simulateV1", empty).await;
    assert_eq!(blocks[0]["baseFeePerGas"], node.ask("eth_baseFee", json!([])).await);
    let unchecked = json!([{ "calls": [{ "from": ALICE, "to": BOB, "nonce": "0x0" }] }]);
    assert_eq!(node.simulate(unchecked).await[0]["calls"][0]["status"], "0x1");
}

#[tokio::test]
async fn what_cannot_be_simulated_is_refused_with_its_code() {
    let node = TestNode::start();
    let refused = |blocks| node.not_simulated(blocks);
    let number = |number: &str| json!({ "blockOverrides": { "number": number } });
    assert_eq!(refused(json!([])).await, -32602);
    assert_eq!(refused(json!([number("0x2"), number("0x2")])).await, -38020);
    assert_eq!(refused(json!([{ "blockOverrides": { "time": "0x1" } }])).await, -38021);
    assert_eq!(refused(json!([number("0x101")])).await, -38026);
    assert_eq!(refused(json!(vec![json!({}); 257])).await, -38026);
    let poor = json!({ "from": POOR, "to": OTHER, "value": "0x1" });
    assert_eq!(refused(json!([{ "calls": [poor] }])).await, -38014);
    let call = |gas: &str| json!([{ "calls": [{ "from": ALICE, "to": OTHER, "gas": gas }] }]);
    assert_eq!(refused(call("0x5207")).await, -38013);
    assert_eq!(refused(call("0x1c9c381")).await, -38015);
    let long = format!("0x{}", "00".repeat(49_153));
    assert_eq!(refused(json!([{ "calls": [{ "data": long }] }])).await, -38025);
    assert_eq!(
        refused(json!([{ "calls": [{ "gasPrice": "0x0", "maxFeePerGas": "0x0" }] }])).await,
        -32000
    );
    assert_eq!(refused(json!([{ "calls": [{ "to": "0x12" }] }])).await, -32602);
    assert_eq!(
        refused(json!([{ "calls": [{ "from": ALICE, "to": OTHER, "chainId": "0x1" }] }])).await,
        -32000
    );
    let params = json!([{ "blockStateCalls": [{}] }, "0x63"]);
    let unknown = node.refusal("eth_simulateV1", params).await;
    assert_eq!(unknown, (-32000, "header not found".to_owned()));
}

#[tokio::test]
async fn all_calls_together_use_no_more_gas_than_one_call_may() {
    let node = TestNode::start();
    // JUMPDEST PUSH0 JUMP
    let looper = node.deploy("5b5f56").await;
    let block = json!({ "calls": [{ "to": looper }] });
    let blocks = node.simulate(json!([block, { "calls": [{ "to": looper }] }])).await;
    assert_eq!(blocks[0]["gasUsed"], "0x1c9c380");
    assert_eq!(blocks[1]["gasUsed"], "0x1312d00", "50,000,000 less what the first block used");
    let over = json!([block, block, { "calls": [{ "from": ALICE, "to": BOB }] }]);
    assert_eq!(node.not_simulated(over).await, -38026);
}

#[tokio::test]
async fn the_nonce_after_the_highest_is_zero_without_validation() {
    let node = TestNode::start();
    let call = json!({ "from": POOR, "to": OTHER });
    let state = json!({ POOR: { "nonce": "0xffffffffffffffff" } });
    let params = json!([{
        "blockStateCalls": [{ "stateOverrides": state, "calls": [call, call] }],
        "returnFullTransactions": true,
    }]);
    let blocks = node.ask("eth_simulateV1", params).await;
    assert_eq!(blocks[0]["transactions"][0]["nonce"], "0xffffffffffffffff");
    assert_eq!(blocks[0]["transactions"][1]["nonce"], "0x0");
}

#[tokio::test]
async fn a_contract_is_created_and_called_in_the_next_block() {
    let node = TestNode::start();
    let creation = json!({ "from": POOR, "data": "0x67602a5f5260205ff35f5260086018f3" });
    let created = POOR.parse::<Address>().unwrap().create(0);
    let blocks =
        node.simulate(json!([{ "calls": [creation] }, { "calls": [{ "to": created }] }])).await;
    assert_eq!(blocks[1]["calls"][0]["returnData"], word(42));
}
