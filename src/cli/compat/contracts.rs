//! Contracts: do they run, by which rules, and what is seen of it?

use super::{
    checks::{Area, Check},
    client::{Client, Result, Wrong, quantity, same},
};
use alloy_primitives::Address;
use serde_json::{Value, json};

/// console.log("hi"), as console.sol calls it.
pub(super) const CONSOLE: &str = "0x6341304fac60e01b5f52602060045260026024526168696\
                                  0f01b6044525f5f60645f6a636f6e736f6c652e6c6f675afa00";
/// Answers 42.
const ANSWER: &str = "0x602a5f5260205ff3";
/// Deploys [`ANSWER`].
const DEPLOYS: &str = "0x60088060095f395ff3602a5f5260205ff3";
/// Reverts with Error("no").
const REVERTS: &str = "0x6308c379a060e01b5f52602060045260026024526127b\
                       760f11b60445260645ffd";

/// A transaction that leaves an event: it deploys code that runs LOG1.
pub(super) fn event() -> Value {
    // PUSH1 7, PUSH0, PUSH0, LOG1, STOP
    json!({ "data": "0x60075f5fa100" })
}

/// Code that answers what it leaves on the stack.
fn shows(node: &Client, what: &'static str, code: &str, wanted: u64) -> Result<()> {
    let answer = node.run(&format!("0x{code}5f5260205ff3"))?;
    same(what, wanted, quantity(&answer))
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        area: Area::Contracts,
        what: "a contract is deployed and answers",
        run: |node| {
            let receipt = node.send(json!({ "data": DEPLOYS }))?;
            let answer =
                node.get("eth_call", json!([{ "to": receipt["contractAddress"] }, "latest"]))?;
            same("the answer", 42, quantity(&answer))
        },
    },
    Check {
        area: Area::Contracts,
        what: "eth_call takes overrides of state and block",
        run: |node| {
            let at = Address::repeat_byte(0xc1);
            let there = json!({ at.to_string(): { "code": "0x435f5260205ff3" } });
            let block = json!({ "number": "0x2a" });
            let answer = node.get("eth_call", json!([{ "to": at }, "latest", there, block]))?;
            same("the block's number", 42, quantity(&answer))
        },
    },
    Check {
        area: Area::Contracts,
        what: "eth_estimateGas answers gas that is enough and little more",
        run: |node| {
            let estimate = node.get("eth_estimateGas", json!([{ "data": DEPLOYS }]))?;
            let receipt = node.send(json!({ "data": DEPLOYS, "gas": estimate }))?;
            same("the status", "0x1", receipt["status"].clone())?;
            let (estimated, used) = (quantity(&estimate), quantity(&receipt["gasUsed"]));
            same("within 2 %", true, estimated <= used + used / 50)
        },
    },
    Check {
        area: Area::Contracts,
        what: "eth_createAccessList finds the slots that are used",
        run: |node| {
            let at = Address::repeat_byte(0xc2);
            node.get("anvil_setCode", json!([at, "0x60055400"]))?;
            let list = node.get("eth_createAccessList", json!([{ "to": at }, "latest"]))?;
            let slot = &list["accessList"][0]["storageKeys"][0];
            same("the slot", 5, quantity(slot))
        },
    },
    Check {
        area: Area::Contracts,
        what: "eth_simulateV1 runs calls in blocks that build on each other",
        run: |node| {
            let blocks = json!([{ "calls": [{ "data": DEPLOYS }] }, { "calls": [{}] }]);
            let made =
                node.get("eth_simulateV1", json!([{ "blockStateCalls": blocks }, "latest"]))?;
            let numbers = (quantity(&made[0]["number"]), quantity(&made[1]["number"]));
            same("the second block", numbers.0 + 1, numbers.1)?;
            same("its call", "0x1", made[0]["calls"][0]["status"].clone())
        },
    },
    Check {
        area: Area::Rules,
        what: "instructions up to Osaka: PUSH0, TLOAD, MCOPY, BLOBBASEFEE, CLZ",
        run: |node| {
            // PUSH1 9, PUSH0, TSTORE, PUSH0, TLOAD
            shows(node, "TLOAD", "60095f5d5f5c", 9)?;
            // PUSH1 7, PUSH0, MSTORE, PUSH1 32, PUSH0, PUSH1 32, MCOPY, PUSH1 32, MLOAD
            shows(node, "MCOPY", "60075f5260205f60205e602051", 7)?;
            shows(node, "BLOBBASEFEE", "4a", 1)?;
            shows(node, "CLZ of 1", "60011e", 255)
        },
    },
    Check {
        area: Area::Rules,
        what: "precompiles up to Osaka: ecrecover, sha256, modexp, BN254, KZG, BLS12-381, P-256",
        run: |node| {
            for (address, input, length) in [
                (2, "0x".to_owned(), 32),
                (5, format!("0x{:064x}{:064x}{:064x}020305", 1, 1, 1), 1),
                (6, format!("0x{}", "00".repeat(128)), 64),
                (0x0b, format!("0x{}", "00".repeat(256)), 128),
            ] {
                let to = Address::with_last_byte(address);
                let answer =
                    node.get("eth_call", json!([{ "to": to, "data": input }, "latest"]))?;
                let got = answer.as_str().map_or(0, |text| (text.len() - 2) / 2);
                same("bytes of the answer", length, got)?;
            }
            let kzg = json!([{ "to": Address::with_last_byte(0x0a), "data": "0x00" }, "latest"]);
            node.refused("eth_call", kzg)?;
            // A message, r, s, x and y that Wycheproof publishes for P-256.
            let signed = concat!(
                "0xbb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023",
                "2ba3a8be6b94d5ec80a6d9d1190a436effe50d85a1eee859b8cc6af9bd5c2e18",
                "4cd60b855d442f5b3c7b11eb6c4e0ae7525fe710fab9aa7c77a67f79e6fadd76",
                "2927b10512bae3eddcfe467828128bad2903269919f7086069c8c4df6c732838",
                "c7787964eaac00e5921fb1498a60f4606766b3d9685001558d1a974e7341513e"
            );
            let to = "0x0000000000000000000000000000000000000100";
            let answer = node.get("eth_call", json!([{ "to": to, "data": signed }, "latest"]))?;
            same("the signature is good", 1, quantity(&answer))
        },
    },
    Check {
        area: Area::Rules,
        what: "the system contracts of Cancun and Prague are there, and are called by each block",
        run: |node| {
            let beacon = "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02";
            let history = "0x0000F90827F1C53a10cb7A02335B175320002935";
            for at in [beacon, history] {
                let code = node.get("eth_getCode", json!([at, "latest"]))?;
                same("its code", true, code.as_str().is_some_and(|code| code.len() > 2))?;
            }
            let head = node.get("eth_getBlockByNumber", json!(["latest", false]))?;
            let parent = quantity(&head["number"]) - 1;
            let ask = json!([{ "to": history, "data": format!("0x{parent:064x}") }, "latest"]);
            same("the parent's hash", head["parentHash"].clone(), node.get("eth_call", ask)?)
        },
    },
    Check {
        area: Area::Rules,
        what: "eth_config names the forks in force",
        run: |node| {
            let config = node.get("eth_config", json!([]))?;
            same("the chain id", "0x7a69", config["current"]["chainId"].clone())
        },
    },
    Check {
        area: Area::Tracing,
        what: "debug_traceTransaction: instructions, callTracer, prestateTracer, JavaScript",
        run: |node| {
            let sent = node.send(json!({ "data": DEPLOYS }))?;
            let hash = &sent["transactionHash"];
            let trace = |options: Value| node.get("debug_traceTransaction", json!([hash, options]));
            same("the first", "PUSH1", trace(json!({}))?["structLogs"][0]["op"].clone())?;
            same("the call", "CREATE", trace(json!({ "tracer": "callTracer" }))?["type"].clone())?;
            let before = trace(json!({ "tracer": "prestateTracer" }))?;
            same(
                "the sender",
                true,
                before.get(sent["from"].as_str().unwrap_or_default()).is_some(),
            )?;
            let script = "{n: 0, step: function() { this.n++ }, fault: function() {}, \
                          result: function() { return this.n }}";
            same("instructions", true, trace(json!({ "tracer": script }))?.as_u64() > Some(5))
        },
    },
    Check {
        area: Area::Tracing,
        what: "debug_traceCall runs on changed state",
        run: |node| {
            let at = Address::repeat_byte(0xc3);
            let there = json!({ at.to_string(): { "code": ANSWER } });
            let options = json!({ "tracer": "callTracer", "stateOverrides": there });
            let trace = node.get("debug_traceCall", json!([{ "to": at }, "latest", options]))?;
            same("the answer", 42, quantity(&trace["output"]))
        },
    },
    Check {
        area: Area::Tracing,
        what: "trace_transaction, trace_filter, trace_call and trace_replayTransaction",
        run: |node| {
            let sent = node.send(json!({ "data": DEPLOYS }))?;
            let hash = &sent["transactionHash"];
            let traces = node.get("trace_transaction", json!([hash]))?;
            same("the kind", "create", traces[0]["type"].clone())?;
            let filter = json!([{ "fromBlock": sent["blockNumber"], "toBlock": "latest" }]);
            same("the same", traces, node.get("trace_filter", filter)?)?;
            let kinds = json!(["trace", "stateDiff", "vmTrace"]);
            let replay = node.get("trace_replayTransaction", json!([hash, kinds]))?;
            same("a diff", true, replay["stateDiff"].is_object() && replay["vmTrace"].is_object())?;
            let call = node.get("trace_call", json!([{ "data": DEPLOYS }, ["trace"]]))?;
            same("the kind", "create", call["trace"][0]["type"].clone())
        },
    },
    Check {
        area: Area::Errors,
        what: "a revert is code 3 with its reason in the text and its bytes as data",
        run: |node| {
            let at = Address::repeat_byte(0xc4);
            let there = json!({ at.to_string(): { "code": REVERTS } });
            let refusal = node.refused("eth_call", json!([{ "to": at }, "latest", there]))?;
            same("the code", 3, refusal.code)?;
            same("the text", "execution reverted: no", refusal.message)?;
            let data = refusal.data.as_str().is_some_and(|data| data.starts_with("0x08c379a0"));
            same("the data", true, data)
        },
    },
    Check {
        area: Area::Errors,
        what: "other failures of a call say what happened",
        run: |node| match node.run("0xfe") {
            Err(Wrong::Refused { message, .. }) => {
                same("the text", "invalid opcode: INVALID", message)
            }
            Err(other) => Err(other),
            Ok(_answer) => Err(Wrong::NotRefused("eth_call".to_owned())),
        },
    },
];
