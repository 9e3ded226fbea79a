//! Flags about where the node listens, to whom, and what it prints.

use super::{Group, get, refused, send};
use crate::{
    harness::{BINARY, Launch, Node},
    wallet::{Wallet, fresh},
    wire::Client,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

pub(super) const GROUPS: &[Group] = &[
    Group {
        flags: &[
            "--host",
            "localhost,127.0.0.2,127.0.0.1",
            "--ipc",
            "--allow-origin",
            "http://a.example",
            "--no-request-size-limit",
            "--http-api",
            "eth,web3",
            "--rpc-dialect",
            "hardhat",
            "--config-out",
            "out.json",
            "--json-logs",
        ],
        rows: &[
            ("host", |node| {
                node.client()
                    .wait(|_| node.output().contains("Listening on 127.0.0.2:").then_some(()));
            }),
            ("ipc", |node| {
                UnixStream::connect(node.launch.data_dir().join("mainspring.ipc")).unwrap();
            }),
            ("allow-origin", |node| {
                let allowed = "access-control-allow-origin: http://a.example";
                assert!(head(node).contains(allowed), "{}", head(node));
            }),
            ("no-request-size-limit", |node| {
                let long = format!("{CHAIN_ID}{}", " ".repeat(11 << 20));
                let (status, _) = node.client().post(long.as_bytes()).unwrap();
                assert_eq!(status, 200);
            }),
            ("http-api", |node| {
                let said = refused(node, "net_version", json!([]));
                assert!(said.contains("net_version"), "{said}");
            }),
            ("rpc-dialect", |node| {
                let name = get(node, "web3_clientVersion", json!([]));
                assert!(name.as_str().unwrap().starts_with("HardhatNetwork/"), "{name}");
            }),
            ("config-out", |node| {
                let text = fs::read(node.launch.home().join("out.json")).unwrap();
                let config: Value = serde_json::from_slice(&text).unwrap();
                assert_eq!(config["private_keys"][0], Wallet::dev(0).private_key());
            }),
            ("json-logs", |node| {
                get(node, "eth_chainId", json!([]));
                node.client().wait(|client| {
                    client.block_number();
                    let output = node.output();
                    let mut logged = output.lines().filter(|line| line.contains("eth_chainId"));
                    logged.next_back().map(|line| {
                        let line: Value = serde_json::from_str(line).unwrap();
                        assert_eq!(line["target"], "rpc");
                    })
                });
            }),
        ],
    },
    Group {
        flags: &["--no-cors", "--verbosity", "0", "--rotate-chain-id", "--monotonic"],
        rows: &[
            ("no-cors", |node| assert!(!head(node).contains("access-control"), "{}", head(node))),
            ("verbosity", |node| {
                get(node, "eth_chainId", json!([]));
                send(node, json!({ "to": fresh(1) }));
                assert!(!node.output().contains("eth_"), "{}", node.output());
            }),
            ("rotate-chain-id", |node| {
                get(node, "anvil_reset", json!([]));
                assert_eq!(get(node, "eth_chainId", json!([])), "0x7a6a");
            }),
            ("monotonic", |node| {
                get(node, "anvil_mine", json!(["0x3"]));
                let before = node.client().block_number();
                get(node, "anvil_reset", json!([]));
                assert!(node.client().block_number() >= before);
            }),
        ],
    },
    Group {
        flags: &["--disable-console-log", "--no-address-index"],
        rows: &[
            ("disable-console-log", |node| {
                // log("hi") of console.sol, by hand.
                let code = "0x6341304fac60e01b5f5260206004526002602452616869\
                            60f01b6044525f5f60645f6a636f6e736f6c652e6c6f675afa00";
                get(node, "anvil_setCode", json!([fresh(5), code]));
                let sent = send(node, json!({ "to": fresh(5) }));
                let logs = get(node, "chain_getConsoleLogs", json!([sent]));
                assert_eq!(logs[0]["text"], "hi", "it can be asked for");
                node.client().wait(|client| {
                    client.block_number();
                    node.output().contains("Block Number: 1").then_some(())
                });
                assert!(!node.output().lines().any(|line| line.trim() == "hi"));
            }),
            ("no-address-index", |node| {
                let said = refused(node, "ots_searchTransactionsBefore", json!([fresh(5), 0, 5]));
                assert!(said.contains("address-index"), "{said}");
            }),
        ],
    },
];

const CHAIN_ID: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;

/// The head of an answer to a page of another origin.
fn head(node: &Node) -> String {
    let answer = node.client().ask_from_page("http://a.example", CHAIN_ID);
    answer.split("\r\n\r\n").next().unwrap().to_lowercase()
}

/// One that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_host_that_nobody_knows_is_refused_by_its_name() {
    for host in ["no-such-host.invalid", "127.0.0.1:8545"] {
        Launch::new(&["--host", host]).is_refused(&["--host", host, "in 127.0.0.1"]);
    }
}

#[test]
fn the_port_is_the_one_that_was_asked_for() {
    let port = free_port();
    let node = Launch::new(&[]).on_port(&port.to_string()).start();
    assert_eq!(node.address.port(), port);
}

#[test]
fn a_fresh_chain_begins_again() {
    let node = Node::start(&[]);
    get(&node, "evm_mine", json!([]));
    let launch = node.stop("TERM").with_flags(&["--fresh"]);
    assert_eq!(launch.start().client().block_number(), 0);
}

#[test]
fn a_quiet_node_prints_nothing_and_answers() {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut command = Command::new(BINARY);
    command.args(["--quiet", "--port", &port.to_string()]).current_dir(dir.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut client = Client::new(SocketAddr::from(([127, 0, 0, 1], port)));
    client.wait(|client| client.try_rpc("eth_chainId", json!([])).ok()).unwrap();
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said, "");
}

#[test]
fn the_version_is_printed() {
    let output = Command::new(BINARY).arg("--version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.trim(), format!("mainspring {}", env!("CARGO_PKG_VERSION")));
}
