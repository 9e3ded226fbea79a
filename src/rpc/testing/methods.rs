//! Rules of the chain, the pool, many calls, built blocks, sends that wait.

use super::*;

/// Returns storage slot 0 when called without data, stores the first word of data otherwise.
const CELL: &str = "36600c575f545f5260205ff35b5f355f5500";
const SECOND: u64 = 1_000;

fn word(number: u64) -> String {
    format!("0x{number:064x}")
}

#[tokio::test]
async fn the_config_names_the_rules_of_now() {
    let node = TestNode::start();
    let config = node.ask("eth_config", json!([])).await;
    assert_eq!((&config["next"], &config["last"]), (&Value::Null, &Value::Null));
    let now = &config["current"];
    assert_eq!((&now["activationTime"], &now["chainId"]), (&json!(0), &json!("0x7a69")));
    assert_eq!(now["precompiles"].as_object().unwrap().len(), 18);
    assert_eq!(now["precompiles"]["P256VERIFY"], format!("0x{:040x}", 0x100));
    assert_eq!(now["systemContracts"].as_object().unwrap().len(), 5);
    assert_eq!(now["forkId"].as_str().unwrap().len(), 10);
    assert!(now["blobSchedule"]["max"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn everything_since_genesis_can_be_asked() {
    let node = TestNode::start();
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let able = node.ask("eth_capabilities", json!([])).await;
    assert_eq!(able["head"], json!({ "number": "0x0", "hash": head["hash"] }));
    for what in ["state", "tx", "logs", "receipts", "blocks", "stateproofs"] {
        assert_eq!(able[what], json!({ "disabled": false, "oldestBlock": "0x0" }), "{what}");
    }
}

#[tokio::test]
async fn slots_of_several_accounts_are_read_at_once_at_any_block() {
    let node = TestNode::start();
    let cell = node.deploy(CELL).await;
    node.send(json!({ "from": ALICE, "to": cell, "data": word(5) })).await;
    let ask = json!({ cell.as_str(): [word(0), "0x1"], STRANGER: ["0x0"] });
    let now = node.ask("eth_getStorageValues", json!([ask, "latest"])).await;
    assert_eq!(now, json!({ cell.as_str(): [word(5), word(0)], STRANGER: [word(0)] }));
    let before = node.ask("eth_getStorageValues", json!([ask, "0x1"])).await;
    assert_eq!(before[cell.as_str()], json!([word(0), word(0)]));
    let refused = |ask| node.refusal("eth_getStorageValues", json!([ask]));
    assert_eq!(refused(json!({})).await, (-32602, "empty request".to_owned()));
    let many = refused(json!({ cell.as_str(): vec!["0x0"; 1_025] })).await;
    assert_eq!(many, (-32602, "too many slots (max 1024)".to_owned()));
}

#[tokio::test]
async fn the_pool_shows_what_waits_and_what_waits_for_a_nonce() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    for nonce in ["0x0", "0x1", "0x7"] {
        let send = json!({ "from": ALICE, "to": BOB, "value": "0x5", "nonce": nonce, "gas": "0x5208", "gasPrice": "0x77359400" });
        node.ask("eth_sendTransaction", json!([send])).await;
    }
    let status = node.ask("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x2", "queued": "0x1" }));
    let content = node.ask("txpool_content", json!([])).await;
    let of_alice = |half: &Value| {
        let all = half.as_object().unwrap();
        assert_eq!(all.len(), 1);
        let (sender, queue) = all.iter().next().unwrap();
        assert_eq!(sender.to_lowercase(), ALICE);
        queue.clone()
    };
    let pending = of_alice(&content["pending"]);
    assert_eq!(pending["1"]["value"], "0x5");
    assert_eq!(pending["1"]["blockHash"], Value::Null);
    assert_eq!(of_alice(&content["queued"])["7"]["nonce"], "0x7");
    let from = node.ask("txpool_contentFrom", json!([ALICE])).await;
    assert_eq!(from["pending"], pending);
    let nobody = node.ask("txpool_contentFrom", json!([STRANGER])).await;
    assert_eq!(nobody, json!({ "pending": {}, "queued": {} }));
    let inspected = of_alice(&node.ask("txpool_inspect", json!([])).await["queued"]);
    let line = inspected["7"].as_str().unwrap().to_lowercase();
    assert_eq!(line, format!("{BOB}: 5 wei + 21000 gas × 2000000000 wei"));
}

#[tokio::test]
async fn many_calls_see_what_those_before_them_did() {
    let node = TestNode::start();
    let cell = node.deploy(CELL).await;
    node.send(json!({ "from": ALICE, "to": cell, "data": word(5) })).await;
    let (read, write) = (json!({ "to": cell }), json!({ "to": cell, "data": word(6) }));
    let bundles = json!([{ "transactions": [read, write, read] }, { "transactions": [read] }]);
    let answers = node.ask("eth_callMany", json!([bundles])).await;
    let value = |number| json!({ "value": word(number) });
    assert_eq!(answers, json!([[value(5), { "value": "0x" }, value(6)], [value(6)]]));
    assert_eq!(node.ask("eth_call", json!([read])).await, word(5));
}

#[tokio::test]
async fn many_calls_may_begin_inside_a_block() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    for (nonce, value) in [("0x0", "0x5"), ("0x1", "0x7")] {
        let send = json!({ "from": ALICE, "to": STRANGER, "value": value, "nonce": nonce, "gas": "0x5208" });
        node.ask("eth_sendTransaction", json!([send])).await;
    }
    node.ask("evm_mine", json!([])).await;
    // BALANCE of the address in the data
    let state = json!({ BOB: { "code": "0x5f35315f5260205ff3" } });
    let ask =
        json!([{ "transactions": [{ "to": BOB, "data": format!("0x{:0>64}", &STRANGER[2..]) }] }]);
    for (index, balance) in [(json!(0), 0), (json!(1), 5), (json!(2), 12), (json!(-1), 12)] {
        let context = json!({ "blockNumber": "0x1", "transactionIndex": index });
        let answers = node.ask("eth_callMany", json!([ask, context, state])).await;
        assert_eq!(answers[0][0], json!({ "value": word(balance) }), "{index}");
    }
}

#[tokio::test]
async fn a_failed_call_among_many_says_why_and_each_bundle_has_its_block() {
    let node = TestNode::start();
    let (broken, teller) = (node.deploy("fe").await, node.deploy("435f5260205ff3").await);
    let ask = json!({ "to": teller });
    let bundles = json!([
        { "transactions": [{ "to": broken, "gas": "0x7530" }, ask], "blockOverride": { "number": "0x10" } },
        { "transactions": [ask] },
    ]);
    let answers = node.ask("eth_callMany", json!([bundles])).await;
    assert_eq!(answers[0][0], json!({ "error": "invalid opcode: INVALID" }));
    assert_eq!(answers[0][1], json!({ "value": word(16) }));
    assert_eq!(answers[1][0], json!({ "value": word(17) }));
}

#[tokio::test]
async fn calls_that_share_their_gas_run_out_of_it_in_the_words_of_one_call() {
    let node = TestNode::start();
    // JUMPDEST, PUSH0, JUMP
    let spinner = node.deploy("5b5f56").await;
    let spin = json!({ "to": spinner });
    let one = node.refusal("eth_call", json!([spin])).await;
    assert_eq!(one.1, "out of gas");
    let bundles = json!([{ "transactions": [spin, spin] }, { "transactions": [{ "to": BOB }] }]);
    let many = node.ask("eth_callMany", json!([bundles])).await;
    let short = json!({ "error": one.1 });
    assert_eq!(many, json!([[short, short], [short]]));
    let too_little = json!([[{ "transactions": [{ "to": BOB, "gas": "0x64" }] }]]);
    let refused = node.refusal("eth_callMany", too_little).await;
    assert_eq!(refused.1, "intrinsic gas too low: have 100, want 21000");
}

#[tokio::test]
async fn a_filled_transaction_is_complete_and_unsigned() {
    let node = TestNode::start();
    let request = json!([{ "from": ALICE, "to": BOB, "value": "0x5" }]);
    let filled = node.ask("eth_fillTransaction", request).await;
    let tx = &filled["tx"];
    assert_eq!(
        (&tx["type"], &tx["gas"], &tx["nonce"]),
        (&json!("0x2"), &json!("0x5208"), &json!("0x0"))
    );
    assert_eq!(tx["chainId"], "0x7a69");
    assert!(tx["gasPrice"].is_string() && tx["maxFeePerGas"].is_string());
    for absent in ["r", "hash", "from", "blockHash"] {
        assert!(tx.get(absent).is_none(), "{absent}");
    }
    assert!(filled["raw"].as_str().unwrap().starts_with("0x02"));
}

#[tokio::test]
async fn a_send_that_waits_answers_the_receipt_or_the_hash() {
    let sign = |node: &TestNode, nonce: &str| {
        let request = json!({ "from": ALICE, "to": BOB, "value": "0x5", "nonce": nonce });
        let api = node.api.clone();
        async move {
            let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_signTransaction", "params": [request] });
            let (answer, _) =
                api.methods().raw_json_request(&request.to_string(), 1).await.unwrap();
            serde_json::from_str::<Value>(answer.get()).unwrap()["result"].clone()
        }
    };
    let node = TestNode::start();
    let raw = sign(&node, "0x0").await;
    let receipt = node.ask("eth_sendRawTransactionSync", json!([raw])).await;
    assert_eq!(receipt["status"], "0x1");
    let slow = TestNode::with(Mode::Manual, RpcLimits::default());
    let raw = sign(&slow, "0x0").await;
    let (code, text, data) =
        slow.try_ask("eth_sendRawTransactionSync", json!([raw, "0x1"])).await.unwrap_err();
    assert_eq!((code, data.unwrap().as_str().unwrap().len()), (4, 66));
    assert!(text.contains("1ms"), "{text}");
    let raw = sign(&slow, "0x1").await;
    let waiting = slow.ask("eth_sendRawTransactionSync", json!([raw, 60 * SECOND]));
    let mine = async {
        while slow.ask("txpool_status", json!([])).await["pending"] != "0x2" {
            tokio::task::yield_now().await;
        }
        slow.ask("evm_mine", json!([])).await
    };
    let (receipt, _) = tokio::join!(waiting, mine);
    assert_eq!(receipt["blockNumber"], "0x1");
}

#[tokio::test]
async fn a_built_block_is_the_one_that_would_be_mined_and_stays_outside_the_chain() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let time = u64::from_str_radix(&head["timestamp"].as_str().unwrap()[2..], 16).unwrap();
    let attributes = |time: u64| {
        json!({
            "timestamp": format!("{time:#x}"), "prevRandao": word(1), "suggestedFeeRecipient": STRANGER,
            "withdrawals": [], "parentBeaconBlockRoot": word(0),
        })
    };
    let tip = json!({ "from": ALICE, "to": BOB, "value": "0x5", "maxPriorityFeePerGas": "0x3", "maxFeePerGas": "0x77359400", "nonce": "0x0" });
    let raw = node.ask("eth_signTransaction", json!([tip])).await;
    let build =
        |transactions: Value| json!([head["hash"], attributes(time + 1), transactions, "0x1234"]);
    let built = node.ask("testing_buildBlockV1", build(json!([raw]))).await;
    let payload = &built["executionPayload"];
    assert_eq!((&payload["parentHash"], &payload["blockNumber"]), (&head["hash"], &json!("0x1")));
    assert_eq!((&payload["gasUsed"], &payload["extraData"]), (&json!("0x5208"), &json!("0x1234")));
    assert_eq!(payload["transactions"], json!([raw]));
    assert_eq!(built["blockValue"], format!("{:#x}", 3 * 21_000));
    assert_eq!(built["executionRequests"], json!([]));
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x0");

    let empty = node.ask("testing_buildBlockV1", build(json!([]))).await;
    assert_eq!(empty["executionPayload"]["transactions"], json!([]));
    node.ask("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(node.ask("testing_buildBlockV1", build(json!([]))).await, empty);
    assert_eq!(node.ask("testing_buildBlockV1", build(Value::Null)).await, built);

    assert!(node.api.methods().method("testing_buildBlockV1").is_none(), "it has to be named");
    let twice = node.refusal("testing_buildBlockV1", build(json!([raw, raw]))).await;
    assert!(twice.1.starts_with("failed to apply transaction 1: nonce too low"), "{}", twice.1);
    let early = json!([head["hash"], attributes(time), []]);
    assert_eq!(node.refusal("testing_buildBlockV1", early).await.0, -32602);
    let unknown = json!([word(9), attributes(time + 1), []]);
    assert_eq!(node.refusal("testing_buildBlockV1", unknown).await.0, -32000);
}
