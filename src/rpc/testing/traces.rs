//! What happened inside: options, refusals, scripts, calls.

use super::*;
use crate::primitives::{Block, BlockFile};
use alloy_genesis::Genesis;
use std::path::PathBuf;

/// Stores 5 at slot 1, loads it again, calls the identity precompile with 4 bytes, returns 32.
const WORKER: &str = "60056001556001545f525f5f6004601c60045afa5060205ff3";
/// A node, a contract, and the hash of a transaction that called it.
async fn worked() -> (TestNode, String, Value) {
    let node = TestNode::start();
    let worker = node.deploy(WORKER).await;
    let receipt = node.send(json!({ "from": ALICE, "to": worker, "gas": "0x186a0" })).await;
    assert_eq!(receipt["status"], "0x1");
    (node, worker, receipt["transactionHash"].clone())
}

async fn traced(node: &TestNode, hash: &Value, options: Value) -> Value {
    node.ask("debug_traceTransaction", json!([hash, options])).await
}

#[tokio::test]
async fn struct_logs_show_what_was_asked_for() {
    let (node, _, hash) = worked().await;
    let plain = traced(&node, &hash, json!({})).await;
    let logs = plain["structLogs"].as_array().unwrap();
    assert_eq!(plain["failed"], false);
    let first =
        json!({ "pc": 0, "op": "PUSH1", "gas": 79000, "gasCost": 3, "depth": 1, "stack": [] });
    assert_eq!(logs[0], first);
    let store = &logs[2];
    assert_eq!((&store["op"], &store["gasCost"]), (&json!("SSTORE"), &json!(22100)));
    assert_eq!(store["stack"], json!(["0x5", "0x1"]));
    let (slot, five) = (format!("0x{:064x}", 1), format!("0x{:064x}", 5));
    assert_eq!(store["storage"], json!({ slot.as_str(): five }));
    assert_eq!(logs[4]["op"], "SLOAD");
    assert_eq!(logs[4]["storage"], store["storage"]);
    assert!(logs.iter().all(|log| log.get("memory").is_none() && log.get("returnData").is_none()));

    let all = json!({ "enableMemory": true, "enableReturnData": true, "disableStack": true, "disableStorage": true });
    let all = traced(&node, &hash, all).await;
    let all = all["structLogs"].as_array().unwrap();
    assert_eq!(all.len(), logs.len());
    assert!(all.iter().all(|log| log.get("stack").is_none() && log.get("storage").is_none()));
    let last = all.last().unwrap();
    assert_eq!(last["memory"], json!([format!("0x{:064x}", 5)]));
    assert_eq!(last["returnData"], "0x00000005");
    assert!(all[0].get("memory").is_none());

    let short = traced(&node, &hash, json!({ "limit": 3 })).await;
    assert_eq!(short["structLogs"], json!(logs[..3]));
    assert_eq!(short["returnValue"], plain["returnValue"]);
}

#[tokio::test]
async fn what_cannot_be_traced_is_refused_in_geths_words() {
    let (node, worker, hash) = worked().await;
    let ask = |method: &'static str, params: Value| node.refusal(method, params);
    let none = json!([format!("0x{:064x}", 7)]);
    let refused = |code, text: &str| (code, text.to_owned());
    let missing = ask("debug_traceTransaction", none.clone()).await;
    assert_eq!(missing, refused(-32000, "transaction not found"));
    let genesis = ask("debug_traceBlockByNumber", json!(["0x0"])).await;
    assert_eq!(genesis, refused(-32000, "genesis is not traceable"));
    let beyond = ask("debug_traceBlockByNumber", json!(["0x63"])).await;
    assert_eq!(beyond, refused(-32000, "block #99 not found"));
    assert_eq!(ask("debug_traceBlockByNumber", json!(["3"])).await.0, -32602);
    let unknown = ask("debug_traceBlockByHash", none).await;
    assert_eq!(unknown, refused(-32000, &format!("block 0x{:064x} not found", 7)));
    let pending = ask("debug_traceCall", json!([{ "to": worker }, "pending"])).await;
    assert_eq!(pending, refused(-32000, "tracing on top of pending is not supported"));
    let place = json!([{ "to": worker }, "0x2", { "txIndex": "0x5" }]);
    assert!(ask("debug_traceCall", place).await.1.starts_with("transaction index 5 out of range"));
    let tracer = ask("debug_traceTransaction", json!([hash, { "tracer": "fooTracer" }])).await;
    assert_eq!(tracer, refused(-32602, "tracer not found: fooTracer"));
    let timeout = ask("debug_traceTransaction", json!([hash, { "timeout": "soon" }])).await;
    assert_eq!(timeout, refused(-32602, "time: invalid duration \"soon\""));
    let raw = ask("debug_traceBlock", json!(["0xc0"])).await;
    assert_eq!(raw.0, -32000, "{}", raw.1);
}

#[tokio::test]
async fn a_call_is_traced_anywhere_in_a_block() {
    let (node, worker, _) = worked().await;
    let slot = format!("0x{:064x}", 1);
    let prestate = |at: &str, options: Value| {
        let mut all = json!({ "tracer": "prestateTracer" });
        all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        node.ask("debug_traceCall", json!([{ "from": STRANGER, "to": worker }, at, all]))
    };
    let value = |answer: Value| answer[worker.as_str()]["storage"][slot.as_str()].clone();
    let five = json!(format!("0x{:064x}", 5));
    let zero = json!(format!("0x{:064x}", 0));
    assert_eq!(value(prestate("latest", json!({})).await), five);
    assert_eq!(value(prestate("0x1", json!({})).await), zero);
    // Block 2 holds the one transaction that writes the slot.
    assert_eq!(value(prestate("0x2", json!({ "txIndex": "0x0" })).await), zero);
    let state =
        json!({ worker.as_str(): { "stateDiff": { slot.as_str(): format!("0x{:064x}", 9) } } });
    let pretended = prestate("latest", json!({ "stateOverrides": state })).await;
    assert_eq!(value(pretended), json!(format!("0x{:064x}", 9)));
    let number = json!({ "code": "0x435f5260205ff3" });
    let options =
        json!({ "stateOverrides": { BOB: number }, "blockOverrides": { "number": "0x77" } });
    let answer = node.ask("debug_traceCall", json!([{ "to": BOB }, "latest", options])).await;
    assert_eq!(answer["returnValue"], format!("0x{:064x}", 0x77));
}

#[tokio::test]
async fn calls_that_follow_each_other_see_what_was_changed() {
    let node = TestNode::start();
    // sstore(0, sload(0) + 1); return it
    let counter = node.deploy("5f546001015f555f545f5260205ff3").await;
    let call = json!({ "to": counter });
    let bundles = json!([{ "transactions": [call, call] }, { "transactions": [call] }]);
    let answer = node.ask("debug_traceCallMany", json!([bundles])).await;
    let returned = |bundle: usize, call: usize| answer[bundle][call]["returnValue"].clone();
    assert_eq!(returned(0, 0), format!("0x{:064x}", 1));
    assert_eq!(returned(0, 1), format!("0x{:064x}", 2));
    assert_eq!(returned(1, 0), format!("0x{:064x}", 3));
    let once = node.ask("debug_traceCall", json!([call])).await;
    assert_eq!(once["returnValue"], format!("0x{:064x}", 1), "nothing is kept");
}

#[tokio::test]
async fn calls_of_one_request_have_the_gas_and_the_time_of_one() {
    let node = TestNode::start();
    // JUMPDEST, PUSH0, JUMP
    let spinner = node.deploy("5b5f56").await;
    let spin = json!({ "to": spinner });
    let twice = json!([[{ "transactions": [spin, spin] }], null, { "tracer": "callTracer" }]);
    let refused = node.refusal("debug_traceCallMany", twice).await;
    let wanted = "out of gas: the calls before this one used up the gas of the request";
    assert_eq!(refused, (-32000, wanted.to_owned()));
    // Each takes far less than the time, all together far more.
    let short = json!({ "to": spinner, "gas": "0xbb80" });
    let many = vec![short; 1_000];
    let few = json!([[{ "transactions": many[..1] }], null, { "tracer": "callTracer" }]);
    assert_eq!(node.ask("debug_traceCallMany", few).await[0][0]["error"], "out of gas");
    let options = json!({ "tracer": "callTracer", "timeout": "20ms" });
    let all = json!([[{ "transactions": many }], null, options]);
    let refused = node.refusal("debug_traceCallMany", all).await;
    assert_eq!(refused, (-32000, "execution timeout".to_owned()));
}

#[tokio::test]
async fn what_a_caller_sent_is_repeated_in_part_only() {
    let (node, _, hash) = worked().await;
    let long = "a".repeat(100_000);
    for options in [
        json!({ "tracer": long }),
        json!({ "timeout": long }),
        json!({ "tracer": "callTracer", "tracerConfig": { "withLog": long } }),
    ] {
        let (code, text) = node.refusal("debug_traceTransaction", json!([hash, options])).await;
        assert_eq!(code, -32602);
        assert!(text.len() < 600 && text.contains("characters)"), "{text}");
    }
}

#[tokio::test]
async fn a_block_is_traced_however_it_is_named() {
    let (node, _, hash) = worked().await;
    let block = node.ask("eth_getBlockByNumber", json!(["0x2", false])).await;
    let options = json!({ "tracer": "callTracer" });
    let by_number = node.ask("debug_traceBlockByNumber", json!(["0x2", options])).await;
    assert_eq!(by_number[0]["txHash"], hash);
    assert_eq!(by_number[0]["result"], traced(&node, &hash, options.clone()).await);
    let by_hash = node.ask("debug_traceBlockByHash", json!([block["hash"], options])).await;
    assert_eq!(by_hash, by_number);
    let raw = node.ask("debug_getRawBlock", json!(["0x2"])).await;
    assert_eq!(node.ask("debug_traceBlock", json!([raw, options])).await, by_number);
}

/// Recorded conversations of `fixtures/rpc-compat`, answered over its chain.
#[tokio::test]
async fn recorded_traces_are_answered_as_recorded() {
    let fixtures = std::env::var_os("MAINSPRING_FIXTURES").map(PathBuf::from);
    let fixtures = fixtures.unwrap_or_else(|| {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures"))
    });
    let folder = fixtures.join("rpc-compat");
    if !folder.is_dir() {
        eprintln!("SKIPPED: no recorded conversations at {}", folder.display());
        return;
    }
    let genesis = std::fs::read(folder.join("genesis.json")).unwrap();
    let genesis: Genesis = serde_json::from_slice(&genesis).unwrap();
    let node = TestNode::over(ChainSpec::from_genesis(genesis).unwrap());
    let chain = std::fs::File::open(folder.join("chain.rlp")).unwrap();
    let mut blocks = BlockFile::new(chain);
    while let Some(raw) = blocks.next_block().unwrap() {
        let block = Block::decode(&raw.bytes).unwrap();
        node.chain.import(&block).unwrap();
    }
    let mut seen = 0;
    for method in ["debug_traceTransaction", "debug_traceBlockByHash", "debug_traceBlockByNumber"] {
        for file in std::fs::read_dir(folder.join("tests").join(method)).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let line = |mark| text.lines().find_map(|line| line.strip_prefix(mark)).unwrap();
            let request: Value = serde_json::from_str(line(">> ")).unwrap();
            let recorded: Value = serde_json::from_str(line("<< ")).unwrap();
            let answer = node.try_ask(method, request["params"].clone()).await;
            match recorded.get("result") {
                Some(wanted) => assert_eq!(answer.as_ref().unwrap(), wanted, "{request}"),
                None => assert_eq!(json!(answer.unwrap_err().0), recorded["error"]["code"]),
            }
            seen += 1;
        }
    }
    assert!(seen > 0, "the folder holds conversations");
}
