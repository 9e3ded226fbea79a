//! Traces of contracts whose every step is known: geth's forms, in one pass a block.

mod contracts;
mod scripts;

use crate::{
    node::{Running, Setup, TestChain},
    wallet::{CHAIN_ID, FEE_CAP, TIP, delegate, key, sign_tx, transfer},
};
use alloy_consensus::{TxEip1559, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use contracts::{CREATOR, Edits, FAILER, HEIR, MORTAL, PROXY, installed};
use mainspring::{
    evm::trace::{
        ScriptHost, TraceError, TraceLimits, TraceOptions, trace_block, trace_transaction,
    },
    primitives::Transaction,
    spec::Fork,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Scripts run in the real program.
fn limits() -> TraceLimits {
    let program = env!("CARGO_BIN_EXE_mainspring").into();
    TraceLimits {
        bytes: 25 << 20,
        timeout: Duration::from_secs(60),
        stop: Arc::default(),
        scripts: ScriptHost { program, ..ScriptHost::default() },
    }
}

fn start() -> TestChain {
    let node = TestChain::start(Setup::default());
    node.chain.edit(installed()).unwrap();
    node
}

/// A call of key 0 with enough gas for everything here.
fn call(nonce: u64, to: Address, value: u64, input: Bytes) -> Transaction {
    sign_tx(
        &key(0),
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 2_000_000,
            max_fee_per_gas: FEE_CAP,
            max_priority_fee_per_gas: TIP,
            to: to.into(),
            value: U256::from(value),
            input,
            access_list: Default::default(),
        },
    )
}

fn mine(node: &Running, transactions: &[Transaction]) {
    for transaction in transactions {
        node.send(transaction.clone()).unwrap();
    }
    node.mine().unwrap();
}

fn options(options: Value) -> TraceOptions {
    serde_json::from_value(options).unwrap()
}

fn trace(node: &Running, hash: B256, wanted: Value) -> Result<Value, TraceError> {
    let place = node.chain.locate(hash).unwrap().expect("is mined");
    let block = node.chain.block(place.block).unwrap().unwrap();
    let replay = node.chain.replay_of(block).unwrap().expect("stands over its parent");
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let index = place.index as usize;
    let traced = trace_transaction(spec, settings, replay, index, &options(wanted), &limits())?;
    Ok(serde_json::from_str(traced.expect("is in its block").get()).unwrap())
}

fn traces(node: &Running, number: u64, wanted: Value) -> Result<Value, TraceError> {
    let block = node.chain.block(number).unwrap().unwrap();
    let replay = node.chain.replay_of(block).unwrap().expect("stands over its parent");
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let traced = trace_block(spec, settings, replay, &options(wanted), &limits())?;
    Ok(serde_json::to_value(traced).unwrap())
}

/// Compares the tracers' answers about a transaction with a file that was checked by hand.
/// `MAINSPRING_BLESS=1` writes the file instead; read what changed before you believe it.
#[track_caller]
fn is_golden(node: &Running, transaction: &Transaction, name: &str) {
    let hash = transaction.hash();
    let ask = |wanted| trace(node, hash, wanted).unwrap();
    let place = node.chain.locate(hash).unwrap().unwrap();
    let block = node.chain.block(place.block).unwrap().unwrap();
    let mut flat = ask(json!({ "tracer": "flatCallTracer" }));
    for frame in flat.as_array_mut().unwrap() {
        // The block's hash holds the time of the test.
        assert_eq!(frame["blockHash"].take(), json!(block.hash()), "{name}");
        assert_eq!(frame["transactionHash"].take(), json!(hash), "{name}");
    }
    let with_log = json!({ "withLog": true });
    let answers = json!({
        "callTracer": ask(json!({ "tracer": "callTracer", "tracerConfig": with_log })),
        "flatCallTracer": flat,
        "prestateTracer": ask(json!({ "tracer": "prestateTracer" })),
        "prestateTracer diff":
            ask(json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } })),
    });
    let file = format!("{}/tests/it/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MAINSPRING_BLESS").is_some() {
        std::fs::write(&file, format!("{answers:#}\n")).unwrap();
    }
    let wanted: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for (tracer, answer) in answers.as_object().unwrap() {
        assert_eq!(*answer, wanted[tracer], "{name}, {tracer}:\n{answer:#}");
    }
}

#[test]
fn creations_read_as_in_geth() {
    let node = start();
    let tx = call(0, CREATOR, 5, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    is_golden(&node, &tx, "creations");
}

#[test]
fn calls_of_every_kind_and_their_logs_read_as_in_geth() {
    let node = start();
    let tx = call(0, PROXY, 9, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    is_golden(&node, &tx, "calls");
}

#[test]
fn failures_read_as_in_geth() {
    let node = start();
    let tx = call(0, FAILER, 0, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    is_golden(&node, &tx, "failures");
}

#[test]
fn a_destruction_reads_as_in_geth() {
    let node = start();
    let tx = call(0, MORTAL, 7, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    assert_eq!(node.account(HEIR).1, U256::from(7));
    is_golden(&node, &tx, "destruction");
}

#[test]
fn a_delegation_reads_as_in_geth() {
    let node = start();
    let set = delegate(&key(1), 0, (&key(2), 0), PROXY);
    mine(&node, std::slice::from_ref(&set));
    is_golden(&node, &set, "delegation");
    let used = call(0, key(2).address(), 9, Bytes::new());
    mine(&node, std::slice::from_ref(&used));
    is_golden(&node, &used, "delegated");
}

#[test]
fn a_block_is_traced_with_what_was_edited_before_it() {
    let node = start();
    let late = Edits::code(Address::repeat_byte(0x99), contracts::ONE);
    node.chain.edit(vec![late]).unwrap();
    let transactions = [
        transfer(&key(1), 0, HEIR, 5),
        call(0, Address::repeat_byte(0x99), 0, Bytes::new()),
        transfer(&key(1), 1, HEIR, 5),
    ];
    mine(&node, &transactions);
    let all = traces(&node, 1, json!({})).unwrap();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 3);
    let by_hash = |tx: &Transaction| {
        all.iter().find(|traced| traced["txHash"] == json!(tx.hash())).unwrap()["result"].clone()
    };
    for transaction in &transactions {
        assert_eq!(by_hash(transaction), trace(&node, transaction.hash(), json!({})).unwrap());
    }
    let one = by_hash(&transactions[1]);
    assert_eq!(one["returnValue"], json!(format!("0x{:064x}", 1)));
    let ops: Vec<_> = one["structLogs"].as_array().unwrap().iter().map(|log| &log["op"]).collect();
    assert_eq!(ops, ["PUSH1", "PUSH0", "MSTORE", "PUSH1", "PUSH0", "RETURN"]);
    assert_eq!(by_hash(&transactions[0])["structLogs"], json!([]));
}

#[test]
fn blocks_before_byzantium_are_traced_without_their_state_roots() {
    let node = TestChain::start(Setup { fork: Fork::Homestead, ..Setup::default() });
    node.chain.edit(vec![Edits::code(PROXY, bytes!("600160015500"))]).unwrap();
    let old = |nonce, to| {
        let tx = TxLegacy {
            chain_id: None,
            nonce,
            gas_price: FEE_CAP,
            gas_limit: 100_000,
            to: TxKind::Call(to),
            ..Default::default()
        };
        sign_tx(&key(0), tx)
    };
    let transactions = [old(0, HEIR), old(1, PROXY)];
    mine(&node, &transactions);
    let logs = trace(&node, transactions[1].hash(), json!({})).unwrap();
    assert_eq!(logs["gas"], 21_000 + 3 + 3 + 20_000);
    let all = traces(&node, 1, json!({ "tracer": "callTracer" })).unwrap();
    assert_eq!(all[1]["result"]["to"], json!(PROXY));
}

#[test]
fn a_mux_answers_what_its_parts_answer_alone() {
    let node = start();
    let tx = call(0, CREATOR, 5, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    let alone = |tracer: &str| trace(&node, tx.hash(), json!({ "tracer": tracer })).unwrap();
    let names = ["callTracer", "prestateTracer", "4byteTracer", "flatCallTracer", "noopTracer"];
    let parts: serde_json::Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    let mux = json!({ "tracer": "muxTracer", "tracerConfig": parts });
    let together = trace(&node, tx.hash(), mux).unwrap();
    for name in names {
        assert_eq!(together[name], alone(name), "{name}");
    }
    assert_eq!(together["noopTracer"], json!({}));
}

#[test]
fn a_trace_over_its_time_stops() {
    let node = start();
    let tx = call(0, contracts::SPINNER, 0, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    for tracer in [
        "",
        "callTracer",
        "prestateTracer",
        "{step: function() {}, fault: function() {}, result: function() {}}",
    ] {
        let wanted = json!({ "tracer": tracer, "timeout": "1ns" });
        let stopped = trace(&node, tx.hash(), wanted).unwrap_err();
        assert_eq!(stopped.to_string(), "execution timeout", "{tracer}");
    }
}

#[test]
fn a_trace_over_its_size_stops() {
    let node = start();
    let tx = call(0, contracts::SPINNER, 0, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    let block = node.chain.block(1).unwrap().unwrap();
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let limits = TraceLimits { bytes: 100_000, ..limits() };
    let replay = node.chain.replay_of(block).unwrap().unwrap();
    let stopped =
        trace_block(spec, settings, replay, &TraceOptions::default(), &limits).unwrap_err();
    assert!(matches!(stopped, TraceError::TooLarge { limit: 100_000 }), "{stopped}");
    let block = node.chain.block(1).unwrap().unwrap();
    let replay = node.chain.replay_of(block).unwrap().unwrap();
    let script = options(json!({ "tracer": scripts::result("return 'x'.repeat(200000)") }));
    let stopped = trace_block(spec, settings, replay, &script, &limits).unwrap_err();
    assert!(matches!(stopped, TraceError::TooLarge { limit: 100_000 }), "{stopped}");
}
