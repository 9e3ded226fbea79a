//! Flags that bound what a caller, a sender or a subscriber may use.

use super::{Group, get, refused, run_code, send};
use crate::{
    harness::Node,
    tools::Foundry,
    wallet::{Wallet, fresh},
    wire::number,
};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

pub(super) const GROUPS: &[Group] = &[
    Group {
        flags: &["--rpc-limit-loopback", "--rpc-client-requests", "5"],
        rows: &[
            ("rpc-client-requests", |node| had_enough(node, "5 requests a second")),
            // The same flag on another node changes nothing without this one.
            ("rpc-limit-loopback", |node| {
                let exempt = Node::start(&["--rpc-client-requests", "1"]);
                (0..50).for_each(|_| _ = get(&exempt, "eth_chainId", json!([])));
                had_enough(node, "try again in");
            }),
        ],
    },
    Group {
        flags: &["--rpc-limit-loopback", "--rpc-client-bytes", "500"],
        rows: &[("rpc-client-bytes", |node| had_enough(node, "500 bytes of answers a second"))],
    },
    Group {
        flags: &["--rpc-limit-loopback", "--rpc-client-connections", "1"],
        rows: &[("rpc-client-connections", |node| {
            get(node, "eth_chainId", json!([]));
            let (status, answer) = node.new_client().post(b"{}").unwrap();
            assert_eq!(status, 429);
            assert!(answer.contains("1 connections of one client"), "{answer}");
        })],
    },
    Group {
        flags: &[
            "--rpc-max-body-bytes",
            "50000",
            "--rpc-max-batch",
            "2",
            "--rpc-max-response-bytes",
            "8000",
            "--rpc-log-range",
            "2",
            "--rpc-max-logs",
            "1",
            "--rpc-max-log-terms",
            "1",
            "--rpc-max-page",
            "2",
            "--rpc-gas-cap",
            "1000000",
            "--rpc-proof-slots",
            "1",
            "--rpc-fee-history",
            "2",
            "--rpc-mined-blocks",
            "5",
            "--rpc-typed-data-bytes",
            "100",
            "--max-snapshots",
            "2",
            "--max-branches",
            "2",
            "--max-tx-bytes",
            "500",
            "--rpc-max-watched-terms",
            "2",
        ],
        rows: &[
            ("rpc-max-body-bytes", |node| {
                let (status, _) = node.new_client().post(" ".repeat(50_001).as_bytes()).unwrap();
                assert_eq!(status, 413);
            }),
            ("rpc-max-batch", |node| {
                let (_, said) = node.client().post(b"[{},{},{}]").unwrap();
                assert!(said.contains("3 requests, 2 allowed"), "{said}");
            }),
            ("rpc-max-response-bytes", |node| {
                let said = refused(node, "debug_dumpBlock", json!(["latest"]));
                assert!(said.contains("too big"), "{said}");
            }),
            ("rpc-log-range", |node| {
                let mut wallet = Wallet::dev(1);
                for _ in 0..3 {
                    node.client().mined(&wallet.deposit(1));
                }
                let said =
                    refused(node, "eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "0x3" }]));
                assert!(said.contains("2 allowed"), "{said}");
            }),
            ("rpc-max-logs", |node| {
                let said =
                    refused(node, "eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "0x2" }]));
                assert!(said.contains('1'), "{said}");
            }),
            ("rpc-max-log-terms", |node| {
                let said =
                    refused(node, "eth_getLogs", json!([{ "address": [fresh(1), fresh(2)] }]));
                assert!(said.contains('1'), "{said}");
            }),
            ("rpc-max-watched-terms", |node| {
                let watch = |count| {
                    node.client().rpc("eth_newFilter", json!([{ "address": fresh(count) }]))
                };
                assert!(watch(1).is_ok() && watch(2).is_ok());
                assert!(watch(3).is_err());
            }),
            ("rpc-max-page", |node| {
                let sender = Wallet::dev(1).address();
                let said = refused(node, "ots_searchTransactionsBefore", json!([sender, 0, 3]));
                assert!(said.contains('2'), "{said}");
            }),
            ("rpc-gas-cap", |node| {
                // GAS, PUSH0, MSTORE, MSIZE, PUSH0, RETURN
                let left = number(&run_code(node, "0x5a5f52595ff3").map(short).unwrap());
                assert!((900_000..1_000_000).contains(&left), "{left}");
            }),
            ("rpc-proof-slots", |node| {
                let said =
                    refused(node, "eth_getProof", json!([fresh(1), ["0x1", "0x2"], "latest"]));
                assert_eq!(said, "too many slots (max 1)");
            }),
            ("rpc-fee-history", |node| {
                let history = get(node, "eth_feeHistory", json!(["0x3", "latest", []]));
                assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 2);
            }),
            ("rpc-mined-blocks", |node| {
                let said = refused(node, "anvil_mine", json!(["0x6"]));
                assert_eq!(said, "too many blocks to mine at once: 6 (max 5)");
            }),
            ("rpc-typed-data-bytes", |node| {
                let long = json!({ "types": {}, "text": "x".repeat(200) });
                let said =
                    refused(node, "eth_signTypedData_v4", json!([Wallet::dev(0).address(), long]));
                assert!(said.contains("100 bytes"), "{said}");
            }),
            ("max-tx-bytes", |node| {
                let data = format!("0x{}", "00".repeat(600));
                let from = Wallet::dev(0).address();
                let said = refused(
                    node,
                    "eth_sendTransaction",
                    json!([{ "from": from, "to": fresh(1), "data": data }]),
                );
                assert!(said.contains("limit 500"), "{said}");
            }),
            ("max-snapshots", |node| {
                get(node, "evm_snapshot", json!([]));
                get(node, "evm_snapshot", json!([]));
                let said = refused(node, "evm_snapshot", json!([]));
                assert!(said.contains('2'), "{said}");
            }),
            ("max-branches", |node| {
                let branch = |name: &str| node.client().rpc("chain_branch", json!([name]));
                assert!(branch("one").is_ok());
                assert!(branch("two").is_err() || branch("three").is_err());
            }),
        ],
    },
    Group {
        flags: &["--no-mining", "--pool-max-per-sender", "1", "--pool-max-transactions", "2"],
        rows: &[
            ("pool-max-per-sender", |node| {
                let mut wallet = Wallet::dev(0);
                node.client().send_raw(&wallet.transfer(fresh(1), 1));
                let next = wallet.transfer(fresh(1), 1);
                let said = refused(node, "eth_sendRawTransaction", json!([next]));
                assert!(said.contains("account limit exceeded"), "{said}");
            }),
            ("pool-max-transactions", |node| {
                node.client().send_raw(&Wallet::dev(1).transfer(fresh(1), 1));
                let third = Wallet::dev(2).transfer(fresh(1), 1);
                let said = refused(node, "eth_sendRawTransaction", json!([third]));
                assert!(said.contains("txpool is full"), "{said}");
            }),
        ],
    },
    Group {
        flags: &["--no-mining", "--pool-max-bytes", "200"],
        rows: &[("pool-max-bytes", |node| {
            node.client().send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
            let second = Wallet::dev(1).transfer(fresh(1), 1);
            let said = refused(node, "eth_sendRawTransaction", json!([second]));
            assert!(said.contains("txpool is full"), "{said}");
        })],
    },
    Group {
        flags: &[
            "--pool-kept-blob-bytes",
            "0",
            "--max-branch-bytes",
            "1",
            "--scripts",
            "1",
            "--script-seconds",
            "1",
            "--script-memory-limit",
            "100000000",
        ],
        rows: &[
            ("pool-kept-blob-bytes", |node| {
                let foundry = Foundry::at(&node.url());
                let blob = foundry.file("blob", b"soon gone");
                let to = fresh(1).to_string();
                let key = Wallet::dev(3).private_key();
                let sent = foundry.send(&key, &[&to, "--blob", "--path", &blob]);
                let kept =
                    get(node, "anvil_getBlobsByTransactionHash", json!([sent["transactionHash"]]));
                assert!(kept.is_null(), "nothing is kept");
            }),
            ("max-branch-bytes", |node| {
                send(node, json!({ "to": fresh(1) }));
                let said = refused(node, "chain_branch", json!(["before"]));
                assert!(
                    said.contains("(1 allowed)") && said.contains("--max-branch-bytes"),
                    "{said}"
                );
            }),
            ("scripts", |node| {
                let count = "{n: 0, step: function() { this.n++ }, fault: function() {}, \
                             result: function() { return this.n }}";
                assert_eq!(trace(node, count).unwrap(), json!(3));
            }),
            ("script-seconds", |node| {
                let endless = "{step: function() { while (true) {} }, fault: function() {}, \
                               result: function() { return 1 }}";
                assert_eq!(trace(node, endless).unwrap_err(), "execution timeout");
            }),
            ("script-memory-limit", |node| {
                let hungry = "{all: [], step: function() { while (true) { this.all.push('x'.repeat(1e6) + \
                              this.all.length) } }, fault: function() {}, result: function() { return 1 }}";
                assert!(trace(node, hungry).is_err());
                get(node, "eth_chainId", json!([]));
            }),
        ],
    },
    Group {
        flags: &["--rpc-max-connections", "2", "--rpc-max-subscriptions", "1"],
        rows: &[
            ("rpc-max-subscriptions", |node| {
                blocking(async {
                    let ws = WsClientBuilder::default().build(ws(node)).await.unwrap();
                    let heads = || {
                        ws.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe")
                    };
                    let first: Subscription<Value> = heads().await.unwrap();
                    assert!(heads().await.map(|_: Subscription<Value>| ()).is_err());
                    drop(first);
                });
            }),
            ("rpc-max-connections", |node| {
                blocking(async {
                    let build = || WsClientBuilder::default().build(ws(node));
                    let mut open = Vec::new();
                    // The connection of the row before may take a moment to be gone.
                    while let Ok(client) = build().await {
                        open.push(client);
                        assert!(open.len() <= 2, "more than two at once");
                    }
                });
            }),
        ],
    },
    Group {
        flags: &[
            "--ipc",
            "--rpc-slow-reader-seconds",
            "0.1",
            "--rpc-filter-seconds",
            "0.5",
            "--rpc-max-filters",
            "1",
        ],
        rows: &[
            ("rpc-max-filters", |node| {
                get(node, "eth_newBlockFilter", json!([]));
                assert!(node.client().rpc("eth_newBlockFilter", json!([])).is_err());
            }),
            ("rpc-filter-seconds", |node| {
                node.client().wait(|client| client.rpc("eth_newBlockFilter", json!([])).ok());
            }),
            ("rpc-slow-reader-seconds", |node| {
                let path = node.launch.data_dir().join("mainspring.ipc");
                let mut slow = UnixStream::connect(path).unwrap();
                slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                slow.write_all(
                    br#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#,
                )
                .unwrap();
                let mut lines = BufReader::new(slow).lines();
                assert!(lines.next().unwrap().unwrap().contains("result"));
                get(node, "anvil_mine", json!(["0x3e8"]));
                // Longer than the patience: a filter goes that was made after the last block.
                node.client().wait(|client| client.rpc("eth_newBlockFilter", json!([])).ok());
                node.client().wait(|client| client.rpc("eth_newBlockFilter", json!([])).ok());
                assert!(lines.any(|line| line.unwrap().contains("subscribe again")));
            }),
        ],
    },
];

/// Asks until the node says that it is enough.
#[track_caller]
fn had_enough(node: &Node, words: &str) {
    let refused = (0..1_000).find_map(|_| node.client().rpc("eth_chainId", json!([])).err());
    let refused = refused.expect("it answers for ever");
    assert_eq!(refused.code, -32005);
    assert!(refused.message.contains(words), "{}", refused.message);
}

fn quantity(value: &Value) -> alloy_primitives::U256 {
    crate::wire::quantity(value)
}

/// A word as a quantity.
fn short(word: Value) -> Value {
    json!(format!("0x{}", word.as_str().unwrap()[2..].trim_start_matches('0')))
}

/// Traces three instructions with a script.
fn trace(node: &Node, tracer: &str) -> Result<Value, String> {
    let there = json!({ fresh(7).to_string(): { "code": "0x5f5f00" } });
    let options = json!({ "tracer": tracer, "stateOverrides": there });
    let call = json!([{ "to": fresh(7) }, "latest", options]);
    node.client().rpc("debug_traceCall", call).map_err(|failure| failure.message)
}

fn ws(node: &Node) -> String {
    format!("ws://{}", node.address)
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}
