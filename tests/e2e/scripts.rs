//! Tracers in JavaScript against a whole node: whatever they want, nobody else pays for it.

use crate::harness::Node;
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// Scripts that run at once.
const AT_ONCE: usize = 4;
const GOOD: &str = "{fault: function() {}, result: function() { return 'fine' }}";
const ENDLESS: &str = "{fault: function() {}, result: function() { while (true) {} }}";

fn params(code: &str, timeout: &str) -> Value {
    json!([{ "data": "0x" }, "latest", { "tracer": code, "timeout": timeout }])
}

/// State and parent of a process; `None` if there is none.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// The processes that a node has started, dead ones that it has not buried included.
fn children(node: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, parent)| parent == node)).collect()
}

fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn resident_megabytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "not so after 30 seconds: {what}");
        thread::yield_now();
    }
}

/// Sends a script that never ends, and waits for its process.
fn endless(node: &Node) -> (TcpStream, u32) {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "debug_traceCall", "params": params(ENDLESS, "50s") });
    let body = body.to_string();
    let mut stream = TcpStream::connect(node.address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    wait_until("the script runs", || !children(node.pid()).is_empty());
    (stream, children(node.pid())[0])
}

#[test]
fn ten_greedy_scripts_cost_the_node_nothing_and_a_good_one_has_its_turn() {
    let node = Node::start(&[]);
    let pid = node.pid();
    assert_eq!(node.client().get("debug_traceCall", params(GOOD, "5s")), "fine");
    let before = resident_megabytes(pid);
    let greedy = [
        "var s = 'x'; for (;;) s += s",
        "var n = 3n; for (;;) n = n * n",
        "return new Array(4294967295).join('x')",
        "var a = []; for (;;) a.push('x'.repeat(1000000) + a.length)",
        "return /(a+)+$/.test('a'.repeat(40) + 'b')",
        "while (true) {}",
        "var f = function() {}; for (;;) f = f.bind(null, f)",
        "function f(n) { for (;;) if (n) f(n - 1) } f(9)",
        "for (;;) db.getBalance(context.to)",
        "var a = []; for (var i = 0; i < 3000000; i++) a = [a]; return a",
    ];
    let asked: Vec<_> = greedy
        .iter()
        .map(|body| {
            let code =
                format!("{{fault: function() {{}}, result: function(context, db) {{ {body} }}}}");
            let mut client = node.new_client();
            thread::spawn(move || client.refused("debug_traceCall", params(&code, "2s")))
        })
        .collect();
    wait_until("as many run as may", || children(pid).len() == AT_ONCE);
    let mut client = node.new_client();
    let good = thread::spawn(move || client.get("debug_traceCall", params(GOOD, "5s")));
    let mut client = node.new_client();
    while !asked.iter().all(|asked| asked.is_finished()) {
        let began = Instant::now();
        assert_eq!(client.block_number(), 0);
        assert_eq!(client.get("eth_call", json!([{ "data": "0x" }, "latest"])), "0x");
        assert!(began.elapsed() < Duration::from_secs(10), "the node is kept from its work");
        assert!(children(pid).len() <= AT_ONCE);
        assert!(resident_megabytes(pid) < before + 100, "the node takes part in the cost");
    }
    for (body, asked) in greedy.iter().zip(asked) {
        let refused = asked.join().unwrap();
        assert_eq!(refused.code, -32000, "{body}: {refused:?}");
        assert!(!refused.message.contains("ended without a result"), "{body}: {refused:?}");
    }
    assert_eq!(good.join().unwrap(), "fine");
    assert_eq!(children(pid), Vec::<u32>::new(), "every process is gone, and buried");
    assert_eq!(client.get("debug_traceCall", params(GOOD, "5s")), "fine");
}

#[test]
fn a_script_whose_caller_hangs_up_is_ended() {
    let node = Node::start(&[]);
    let (caller, script) = endless(&node);
    assert!(is_running(script));
    drop(caller);
    wait_until("its process is gone", || children(node.pid()).is_empty());
}

#[test]
fn scripts_end_with_their_node_however_that_ends() {
    let node = Node::start(&[]);
    let (_caller, script) = endless(&node);
    let began = Instant::now();
    node.stop("TERM");
    assert!(began.elapsed() < Duration::from_secs(20), "the node waits for a script");
    assert!(!is_running(script));
    let node = Node::start(&[]);
    let (_caller, script) = endless(&node);
    node.kill9();
    wait_until("the script has ended too", || !is_running(script));
}

#[test]
fn the_limits_of_scripts_are_settings() {
    let node = Node::start(&["--script-memory-limit", "33554432", "--script-seconds", "0.5"]);
    let long = params(ENDLESS, "50s");
    let late = node.client().refused("debug_traceCall", long);
    assert_eq!(late.message, "execution timeout");
    let code = "{fault: function() {}, result: function() { return 'x'.repeat(30000000).length }}";
    let refused = node.client().refused("debug_traceCall", params(code, "5s"));
    let wanted = "the JavaScript tracer ran out of memory (33554432 bytes; \
                  --script-memory-limit sets the limit)";
    assert_eq!(refused.message, wanted);
    assert_eq!(node.client().get("debug_traceCall", params(GOOD, "5s")), "fine");
}
