//! Tracers in JavaScript: what they see, what is said of their faults, and what they cannot take.

use super::*;
use mainspring::evm::{
    CallRequest,
    trace::{CallBase, CallBundle, trace_calls},
};
use std::time::Instant;

/// Counts instructions.
const COUNTER: &str = "{count: 0, step: function() { this.count += 1 }, fault: function() {}, \
                       result: function() { return this.count }}";

/// A tracer whose result is what `body` returns.
pub(super) fn result(body: &str) -> String {
    format!("{{fault: function() {{}}, result: function(context, db) {{ {body} }}}}")
}

/// A node, and a transaction that called a contract which calls others.
fn called() -> (TestChain, B256) {
    let node = start();
    let tx = call(0, PROXY, 9, Bytes::new());
    mine(&node, std::slice::from_ref(&tx));
    (node, tx.hash())
}

fn answer(node: &Running, hash: B256, code: &str) -> Value {
    trace(node, hash, json!({ "tracer": code })).unwrap()
}

fn refusal(node: &Running, hash: B256, code: &str) -> TraceError {
    trace(node, hash, json!({ "tracer": code, "timeout": "20s" })).unwrap_err()
}

#[test]
fn a_script_sees_steps_frames_and_its_configuration() {
    let (node, hash) = called();
    let logs = trace(&node, hash, json!({})).unwrap()["structLogs"].as_array().unwrap().len();
    assert_eq!(answer(&node, hash, COUNTER), json!(logs));
    let frames = "{all: [], enter: function(f) { this.all.push(f.getType() + toHex(f.getTo())) }, \
                  exit: function(r) { this.all.push(r.getGasUsed()) }, fault: function() {}, \
                  result: function() { return this.all }}";
    let frames = answer(&node, hash, frames);
    let calls = trace(&node, hash, json!({ "tracer": "callTracer" })).unwrap();
    let first = &calls["calls"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(frames[0], json!(text(&first["type"]) + &text(&first["to"])));
    let setup = "{setup: function(config) { this.config = JSON.parse(config) }, \
                 fault: function() {}, result: function() { return this.config.word }}";
    let config = json!({ "tracer": setup, "tracerConfig": { "word": "hello" } });
    assert_eq!(trace(&node, hash, config).unwrap(), "hello");
    let context =
        answer(&node, hash, &result("return [context.type, toHex(context.to), context.block]"));
    assert_eq!(context, json!(["CALL", PROXY, 1]));
    let both = json!({ "callTracer": {}, COUNTER: {} });
    let both = json!({ "tracer": "muxTracer", "tracerConfig": both });
    let both = trace(&node, hash, both).unwrap();
    assert_eq!((&both["callTracer"], &both[COUNTER]), (&calls, &json!(logs)));
}

#[test]
fn a_result_is_written_as_json_writes_it() {
    let (node, hash) = called();
    let list = result(
        "return [1, 'two', {three: [null, true, undefined]}, bigInt(5), 7n, undefined, 0.5]",
    );
    let wanted = json!([1, "two", { "three": [null, true, null] }, "5", "7", null, 0.5]);
    assert_eq!(answer(&node, hash, &list), wanted);
    assert_eq!(answer(&node, hash, &result("")), Value::Null);
}

#[test]
fn a_script_reads_the_state_before_and_during_its_transaction() {
    let (node, hash) = called();
    let rich = key(0).address();
    let body = format!(
        "return [String(db.getBalance(toAddress('{rich}'))), db.getNonce(toAddress('{rich}')), \
         db.exists(toAddress('{HEIR}')), toHex(db.getCode(toAddress('{PROXY}'))).length > 2, \
         toHex(db.getState(toAddress('0x00000000000000000000000000000000000c0003'), toWord('0x0')))]"
    );
    let read = answer(&node, hash, &result(&body));
    assert!(read[0].as_str().unwrap().len() > 10, "{read}");
    assert_eq!((&read[2], &read[3]), (&json!(false), &json!(true)), "{read}");
    assert_eq!(read[4].as_str().unwrap().len(), 66, "{read}");
}

#[test]
fn a_block_and_calls_are_traced_by_a_script_in_one_process() {
    let node = start();
    let transactions = [call(0, PROXY, 9, Bytes::new()), call(1, CREATOR, 5, Bytes::new())];
    mine(&node, &transactions);
    let all = traces(&node, 1, json!({ "tracer": COUNTER })).unwrap();
    for (index, transaction) in transactions.iter().enumerate() {
        let hash = transaction.hash();
        assert_eq!(all[index]["txHash"], json!(hash));
        assert_eq!(all[index]["result"], answer(&node, hash, COUNTER));
    }
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let block = node.chain.block(1).unwrap().unwrap();
    let options = serde_json::from_value(json!({ "tracer": COUNTER })).unwrap();
    let request: CallRequest =
        serde_json::from_value(json!({ "from": key(0).address(), "to": PROXY })).unwrap();
    let bundle = CallBundle { calls: vec![request.clone(), request], block: None };
    let replay = node.chain.replay_of(block.clone()).unwrap().unwrap();
    let base = CallBase::Inside(Box::new(replay), 1);
    let bundles = vec![bundle];
    let called =
        trace_calls(spec, settings, base, &block.header, bundles, options, &limits()).unwrap();
    assert_eq!(called[0].len(), 2);
    assert!(called[0].iter().all(|count| count.get().parse::<u64>().unwrap() > 5), "{called:?}");
}

#[test]
fn a_fault_of_a_script_is_told_in_its_own_words() {
    let (node, hash) = called();
    let told = |code: &str| refusal(&node, hash, code).to_string();
    assert_eq!(told("{fault: function() {}}"), "trace object must expose a function result()");
    let thrown = "{step: function() { throw 'enough' }, fault: function() {}, result: function() { return 1 }}";
    assert_eq!(told(thrown), "enough    in server-side tracer function 'step'");
    assert!(told(&result("var a = []; a[0] = a; return a")).contains("TypeError"));
    let error = told("{\n  fault: function() {},\n  result: function() { return 5 + }\n}");
    assert!(error.contains("SyntaxError") && error.contains("line 3, col 35"), "{error}");
    let error = told("{result: function( {}");
    assert!(error.contains("SyntaxError") && error.contains("line 1"), "{error}");
}

/// Each of them would take all memory, all stack or all time of the process that it is in.
#[test]
fn what_a_script_wants_too_much_of_costs_it_an_error_and_nobody_else_anything() {
    let (node, hash) = called();
    let memory = [
        "var a = []; for (;;) a.push('x'.repeat(1000000) + a.length)",
        "return new Array(4294967295).join('x')",
        "var s = 'x'; for (;;) s += s",
        "var a = {}; for (var i = 0; ; i++) a['k' + i] = 'v'.repeat(1000)",
        "var f = function() {}; for (;;) f = f.bind(null, f)",
    ];
    for body in memory {
        let refused = refusal(&node, hash, &result(body));
        let is_of_memory = matches!(refused, TraceError::ScriptMemory { limit: 0x1000_0000 });
        assert!(is_of_memory, "{body}: {refused}");
    }
    let buffer = refusal(&node, hash, &result("new ArrayBuffer(3000000000)"));
    assert!(buffer.to_string().starts_with("RangeError"), "{buffer}");
    let deep = result("var a = []; for (var i = 0; i < 3000000; i++) a = [a]; return a");
    let deep = refusal(&node, hash, &deep);
    assert!(matches!(deep, TraceError::ScriptStack | TraceError::ScriptMemory { .. }), "{deep}");
    let recursion = result("var f = function(n) { return f(n + 1) }; return f(0)");
    assert!(matches!(refusal(&node, hash, &recursion), TraceError::Script(_)));
    for chain in ["!", "a=>", "if(1)", "1?1:", "-~", "(", "[", "{"] {
        let code = format!("{{result: function() {{ {} 1 }}}}", chain.repeat(60_000 / chain.len()));
        let refused = refusal(&node, hash, &code);
        assert!(!matches!(refused, TraceError::ScriptLost { .. }), "{chain}: {refused}");
    }
    assert!(answer(&node, hash, COUNTER).as_u64().is_some_and(|count| count > 10), "all is well");
}

#[test]
fn a_script_that_never_ends_is_stopped_in_its_time() {
    let (node, hash) = called();
    let endless = [
        "{step: function() { while (true) {} }, fault: function() {}, result: function() {}}",
        "{fault: function() {}, result: function() { while (true) {} }}",
        "{fault: function() {}, result: function() { var n = 3n; for (;;) n = n * n }}",
        "{fault: function() {}, result: function() { return /(a+)+$/.test('a'.repeat(40) + 'b') }}",
        "{fault: function() {}, result: function(c, db) { for (;;) db.getBalance(c.to) }}",
    ];
    for code in endless {
        let began = Instant::now();
        let wanted = json!({ "tracer": code, "timeout": "100ms" });
        let stopped = trace(&node, hash, wanted).unwrap_err();
        assert_eq!(stopped.to_string(), "execution timeout", "{code}");
        assert!(began.elapsed() < Duration::from_secs(5), "{code}: {:?}", began.elapsed());
    }
}

#[test]
fn a_script_ends_when_nobody_waits_for_it() {
    let (node, hash) = called();
    let limits = limits();
    let stop = limits.stop.clone();
    let place = node.chain.locate(hash).unwrap().unwrap();
    let block = node.chain.block(place.block).unwrap().unwrap();
    let replay = node.chain.replay_of(block).unwrap().unwrap();
    let endless = result("while (true) {}");
    let options = options(json!({ "tracer": endless, "timeout": "50s" }));
    let began = Instant::now();
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    std::thread::scope(|scope| {
        let traced =
            scope.spawn(move || trace_transaction(spec, settings, replay, 0, &options, &limits));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let stopped = traced.join().unwrap().unwrap_err();
        assert!(matches!(stopped, TraceError::Unwanted), "{stopped}");
    });
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let (node, hash) = called();
    let place = node.chain.locate(hash).unwrap().unwrap();
    let block = node.chain.block(place.block).unwrap().unwrap();
    let replay = node.chain.replay_of(block).unwrap().unwrap();
    let mut limits = limits();
    limits.scripts.program = "/nowhere/mainspring".into();
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let options = options(json!({ "tracer": COUNTER }));
    let lost = trace_transaction(spec, settings, replay, 0, &options, &limits).unwrap_err();
    assert!(lost.to_string().starts_with("the JavaScript tracer cannot be started: "), "{lost}");
}
