//! A Unix socket beside the port: the same methods, and news, for programs on the same machine.

use crate::{
    harness::{BINARY, Launch, Node},
    tools::{Foundry, node_script, python_script},
    wallet::{Wallet, fresh},
    wire::number,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    time::Duration,
};

/// An answer that takes longer is a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node with a socket in its data directory.
fn node(flags: &[&str]) -> Node {
    Node::start(&[&["--ipc"], flags].concat())
}

fn socket(node: &Node) -> PathBuf {
    node.launch.data_dir().join("mainspring.ipc")
}

/// One client, with every byte in hand.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    pub(crate) fn of(node: &Node) -> Self {
        let stream = UnixStream::connect(socket(node)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    fn write(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next document; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).unwrap();
        (read > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.write(&asked.to_string());
        self.next().unwrap()
    }
}

#[test]
fn documents_are_answered_with_or_without_lines_between_them() {
    let node = node(&[]);
    let mut client = Client::of(&node);
    let chain_id = |id: u64| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId"}}"#);
    client.write(&[chain_id(1), chain_id(2)].concat());
    client.write(&format!("\n\r\n  {}\n", chain_id(3)));
    let third = chain_id(4);
    let (head, tail) = third.split_at(20);
    client.write(head);
    client.write(tail);
    let mut ids = Vec::new();
    for _ in 0..4 {
        let answer = client.next().unwrap();
        assert_eq!(answer["result"], "0x7a69");
        ids.push(answer["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4]);
}

#[test]
fn a_batch_is_answered_as_one_and_ids_come_back_as_they_were() {
    let node = node(&[]);
    let mut client = Client::of(&node);
    client.write(
        r#"[{"jsonrpc":"2.0","id":"a","method":"eth_chainId"},{"jsonrpc":"2.0","method":"eth_chainId"},
            {"jsonrpc":"2.0","id":-1,"method":"eth_blockNumber"},{"id":7},5]"#,
    );
    let answers = client.next().unwrap();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 4, "a notification has no answer: {answers:?}");
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!("a"), &json!("0x7a69")));
    assert_eq!((&answers[1]["id"], &answers[1]["result"]), (&json!(-1), &json!("0x0")));
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(answers[3]["error"]["code"], -32600);
    client.write("[]");
    assert_eq!(client.next().unwrap()["error"]["message"], "empty batch");
}

#[test]
fn a_subscription_is_answered_once_also_where_it_is_refused_and_in_a_batch() {
    let node = node(&[]);
    let mut client = Client::of(&node);
    let subscribe = |id: u64, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_subscribe","params":{params}}}"#)
    };
    for params in ["[5]", "[]", "{\"a\":1}", "[null]"] {
        client.write(&subscribe(1, params));
        let wanted =
            json!({ "code": -32602, "message": "expected subscription name as first argument" });
        assert_eq!(client.next().unwrap()["error"], wanted, "{params}");
        assert_eq!(client.ask("eth_chainId", json!([]))["result"], "0x7a69", "{params}");
    }
    let chain_id = r#"{"jsonrpc":"2.0","id":3,"method":"eth_chainId"}"#;
    let batch = [subscribe(1, "[\"newHeads\"]"), subscribe(2, "[5]"), chain_id.to_owned()];
    client.write(&format!("[{}]", batch.join(",")));
    let mut ids = Vec::new();
    while ids.len() < 3 {
        let answers = match client.next().unwrap() {
            Value::Array(answers) => answers,
            single => vec![single],
        };
        ids.extend(answers.iter().map(|answer| answer["id"].as_u64().unwrap()));
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    client.write(&format!("[{}]", subscribe(4, "[\"newHeads\"]")));
    assert_eq!(client.next().unwrap()["id"], 4);
    assert_eq!(client.ask("eth_chainId", json!([]))["result"], "0x7a69");
}

#[test]
fn bad_input_is_answered_and_the_client_goes_on() {
    let node = node(&["--rpc-max-body-bytes", "1000", "--rpc-max-batch", "3"]);
    let mut client = Client::of(&node);
    for (text, code) in [
        ("hello\n", -32700),
        ("{]\n", -32700),
        ("[1,]\n", -32700),
        ("{\"id\":1}", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[5]}"#, -32602),
        ("[{},{},{},{}]", -32600),
        ("\u{0}\u{1}\n", -32700),
    ] {
        client.write(text);
        let answer = client.next().unwrap();
        assert_eq!(answer["error"]["code"], code, "{text:?}: {answer}");
    }
    assert_eq!(client.ask("eth_chainId", json!([]))["result"], "0x7a69");
    client.write(&format!("{{\"a\":\"{}", "x".repeat(2_000)));
    assert_eq!(client.next().unwrap()["error"]["code"], -32007, "too long");
    assert!(client.next().is_none(), "where the next document begins nobody knows");
    assert_eq!(Client::of(&node).ask("eth_chainId", json!([]))["result"], "0x7a69");
}

#[test]
fn news_comes_to_the_client_that_asked_for_it_until_it_asks_no_more() {
    let node = node(&["--rpc-max-subscriptions", "2"]);
    let (mut one, mut other) = (Client::of(&node), Client::of(&node));
    let heads = one.ask("eth_subscribe", json!(["newHeads"]))["result"].clone();
    let pool = other.ask("eth_subscribe", json!(["newPendingTransactions"]))["result"].clone();
    let sent = node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    let block = one.next().unwrap();
    assert_eq!(block["method"], "eth_subscription");
    assert_eq!(block["params"]["subscription"], heads);
    assert_eq!(block["params"]["result"]["hash"], sent["blockHash"]);
    let arrived = other.next().unwrap();
    assert_eq!(arrived["params"]["subscription"], pool);
    assert_eq!(arrived["params"]["result"], sent["transactionHash"]);
    assert_eq!(other.ask("eth_unsubscribe", json!([heads]))["result"], false, "not its own");
    one.ask("eth_subscribe", json!(["newHeads"]));
    let third = one.ask("eth_subscribe", json!(["newHeads"]));
    assert_eq!(third["error"]["code"], -32006, "{third}");
    assert_eq!(one.ask("eth_unsubscribe", json!([heads]))["result"], true);
    drop(other);
    node.client().get("evm_mine", json!([]));
    let next = one.next().unwrap();
    assert_ne!(next["params"]["subscription"], heads, "the one that is left");
    assert_eq!(number(&next["params"]["result"]["number"]), 2);
}

#[test]
fn a_client_that_says_no_more_still_gets_its_answers() {
    let node = node(&[]);
    let mut client = Client::of(&node);
    client.write(r#"{"jsonrpc":"2.0","id":1,"method":"debug_dumpBlock","params":["latest"]}"#);
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    client.stream.read_to_string(&mut text).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer["result"]["accounts"].is_object());
}

#[test]
fn a_client_that_reads_nothing_holds_up_nobody_and_costs_little() {
    let node = node(&[]);
    let mut mute = Client::of(&node);
    mute.stream.get_ref().set_nonblocking(true).unwrap();
    let dump = r#"{"jsonrpc":"2.0","id":1,"method":"debug_dumpBlock","params":["latest"]}"#;
    let mut written = 0_u64;
    // Until the node takes no more of it.
    while mute.stream.get_mut().write_all(dump.as_bytes()).is_ok() {
        written += 1;
        assert!(written < 1_000_000, "what is not read is not asked for without end");
    }
    let mut lively = Client::of(&node);
    for _ in 0..100 {
        assert_eq!(lively.ask("eth_chainId", json!([]))["result"], "0x7a69");
    }
}

#[test]
fn only_the_user_may_open_the_socket_and_it_goes_with_the_node() {
    let node = node(&[]);
    let path = socket(&node);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(node.banner.contains(&format!("IPC path: {}", path.display())), "{}", node.banner);
    let launch = node.stop("TERM");
    assert!(!path.exists());
    let killed = launch.start().kill9();
    assert!(path.exists(), "nobody could remove it");
    let node = killed.start();
    assert_eq!(Client::of(&node).ask("eth_chainId", json!([]))["result"], "0x7a69");
}

#[test]
fn a_socket_of_a_living_process_and_other_files_are_left_alone() {
    let first = node(&[]);
    let taken = socket(&first).display().to_string();
    Launch::new(&["--ipc", &taken]).is_refused(&["--ipc", "another program answers there"]);
    assert_eq!(Client::of(&first).ask("eth_chainId", json!([]))["result"], "0x7a69");
    let launch = Launch::new(&["--ipc", "./notes.txt"]);
    fs::write(launch.home().join("notes.txt"), "mine").unwrap();
    launch.is_refused(&["--ipc ./notes.txt", "no socket"]);
    assert_eq!(fs::read_to_string(launch.home().join("notes.txt")).unwrap(), "mine");
    Launch::new(&["--ipc", "no/such/folder/ipc"]).is_refused(&["--ipc no/such/folder/ipc"]);
}

#[test]
fn a_node_of_a_stored_chain_has_a_socket_on_which_its_files_are_served() {
    let launch = Launch::new(&[]);
    launch.start().stop("TERM");
    let node = launch.with_flags(&["node", "--no-seal"]).start();
    let dir = Client::of(&node).ask("admin_datadir", json!([]));
    assert_eq!(dir["result"], json!(node.launch.data_dir()));
    let refused = Client::of(&node).ask("anvil_mine", json!([]));
    assert!(refused["error"]["message"].as_str().unwrap().contains("development chain"));
    let launch = node.stop("TERM").with_flags(&["node", "--no-seal", "--no-ipc"]);
    let node = launch.start();
    assert!(!socket(&node).exists());
}

#[test]
fn called_as_anvil_the_socket_is_where_anvils_clients_look() {
    let launch = Launch::new(&["--ipc", "./given.ipc"]).without_directory();
    let link = launch.home().join("anvil");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    let node = launch.program(link).start();
    assert!(node.launch.home().join("given.ipc").exists());
}

#[test]
fn ethers_and_viem_work_over_the_socket() {
    let node = node(&[]);
    let path = socket(&node).display().to_string();
    node_script("ipc.mjs", &[("MAINSPRING_HTTP", &node.url()), ("MAINSPRING_IPC", &path)]);
}

#[test]
fn web3_py_works_over_the_socket() {
    let node = node(&[]);
    let path = socket(&node).display().to_string();
    python_script("ipc.py", &[("MAINSPRING_HTTP", &node.url()), ("MAINSPRING_IPC", &path)]);
}

#[test]
fn cast_works_over_the_socket() {
    let node = node(&[]);
    let foundry = Foundry::at(&socket(&node).display().to_string());
    assert_eq!(foundry.cast(&["chain-id"]), "31337");
    foundry.send(&Wallet::dev(0).private_key(), &[&fresh(1).to_string(), "--value", "5"]);
    assert_eq!(foundry.cast(&["balance", &fresh(1).to_string()]), "5");
}
