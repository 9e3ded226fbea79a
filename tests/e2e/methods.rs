//! Does every method that the node lists do what the list says, under every one of its names?
//!
//! The list is in `src/rpc/openrpc`. Each method has an example there; it runs here on a real node, on
//! the chain that the calls of `scenario.json` make.

use crate::{
    authority::{Key, network},
    harness::{Launch, Node},
    tools::{Foundry, root},
    wallet::{Wallet, fresh},
    wire::Client,
    work,
};
use jsonrpsee::{
    core::client::ClientT,
    ws_client::{WsClient, WsClientBuilder},
};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// A development chain has no ommers: there is nothing else to answer.
const RIGHTLY_NULL: [&str; 2] =
    ["eth_getUncleByBlockNumberAndIndex", "eth_getUncleByBlockHashAndIndex"];
/// What a reset does not undo: their examples begin on a new node.
const OWN_NODE: [&str; 4] = ["chain_", "personal_", "evm_addAccount", "evm_removeAccount"];
/// What only some chains serve, and what a node of another chain says of it.
const SPECIAL: [(&str, &[&str]); 4] = [
    (
        "development chain",
        &[
            "anvil_",
            "chain_branch",
            "chain_checkout",
            "chain_deleteBranch",
            "chain_listBranches",
            "evm_",
            "hardhat_",
            "personal_",
            "tenderly_",
        ],
    ),
    (
        "node of a network",
        &[
            "admin_addPeer",
            "admin_addTrustedPeer",
            "admin_isolate",
            "admin_peerEvents",
            "admin_removePeer",
            "admin_removeTrustedPeer",
            "admin_subscribe",
            "admin_unsubscribe",
        ],
    ),
    ("proof of authority", &["clique_"]),
    ("proof of work", &["eth_getWork", "eth_submitHashrate", "eth_submitWork", "miner_"]),
];
const EVERY_CHAIN: [&str; 2] = ["--timestamp", "1700000000"];

fn file(name: &str) -> Value {
    let path = root().join("src/rpc/openrpc").join(name);
    let text = fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every listed method with its example, by each of its names.
fn listed() -> BTreeMap<String, Value> {
    let files = fs::read_dir(root().join("src/rpc/openrpc")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let lists = names.filter(|name| !["types.json", "scenario.json"].contains(&name.as_str()));
    let methods = lists.flat_map(|name| file(&name).as_array().unwrap().clone());
    let named = methods.flat_map(|method| {
        let aliases = method["aliases"].as_array().cloned().unwrap_or_default();
        let names = [&[method["name"].clone()][..], &aliases[..]].concat();
        names.into_iter().map(move |name| (name.as_str().unwrap().to_owned(), method.clone()))
    });
    named.collect()
}

fn required() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("tests/e2e/required_methods.txt")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The methods that a node says it serves.
fn discovered(client: &mut Client) -> BTreeSet<String> {
    let document = client.get("rpc.discover", json!([]));
    assert_eq!(document["openrpc"], "1.3.2");
    let methods = document["methods"].as_array().unwrap();
    methods.iter().map(|method| method["name"].as_str().unwrap().to_owned()).collect()
}

/// Is a method there? Asked with parameters that none takes, it answers something other than -32601.
fn is_served(client: &mut Client, method: &str) -> bool {
    // An ended filter, an unknown key: nothing is changed by the asking.
    let answer = client.rpc(method, json!({ "no such parameter": true }));
    let is_push = answer.as_ref().is_err_and(|failure| failure.message.contains("notifications"));
    is_push || !answer.is_err_and(|failure| failure.code == -32601)
}

#[test]
fn everything_that_must_be_served_is_listed() {
    let listed: BTreeSet<String> = listed().into_keys().collect();
    let missing: Vec<_> = required().difference(&listed).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Which chains serve a method that not all do.
fn special(name: &str) -> Option<&'static str> {
    let is_one = |names: &&[&str]| names.iter().any(|it| name.starts_with(it));
    SPECIAL.iter().find(|(_, names)| is_one(names)).map(|(chains, _)| *chains)
}

/// A node serves the whole list but what has to be asked for and what means nothing on its chain; of
/// that it says where it is.
fn serves_the_list(node: &Node, chains: &[&str], has_to_be_named: &[&str]) {
    let mut client = node.client();
    let elsewhere = |name: &str| special(name).filter(|it| !chains.contains(it));
    let named = |name: &str| has_to_be_named.iter().any(|space| name.starts_with(space));
    let (absent, wanted): (BTreeSet<_>, BTreeSet<_>) =
        listed().into_keys().partition(|name| named(name) || elsewhere(name).is_some());
    assert_eq!(discovered(&mut client), wanted, "{chains:?}");
    for name in wanted {
        assert!(is_served(&mut client, &name), "{name} on {chains:?}");
    }
    for name in absent {
        let refused = client.refused(&name, json!([]));
        assert_eq!(refused.code, -32601, "{name} on {chains:?}");
        let says = elsewhere(&name).unwrap_or("--http.api");
        assert!(refused.message.contains(says), "{name} on {chains:?}: {}", refused.message);
    }
}

#[test]
fn a_development_node_serves_what_is_listed_but_testing() {
    serves_the_list(&Node::start(&[]), &["development chain"], &["testing_"]);
}

#[test]
fn a_node_of_a_stored_chain_serves_what_is_listed_but_what_changes_a_chain_by_hand() {
    let launch = Launch::new(&[]);
    launch.start().stop("TERM");
    let node = launch.with_flags(&["node", "--no-seal"]).start();
    serves_the_list(&node, &[], &["testing_"]);
}

#[test]
fn a_node_of_a_network_serves_what_its_chain_has() {
    for (chains, consensus) in [
        ("proof of authority", json!({ "clique": { "period": 1, "epoch": 10 } })),
        ("proof of work", json!({ "ethash": {} })),
    ] {
        let launch = Launch::new(&["node", "--no-seal"]);
        network(&launch, Wallet::dev(1).address(), consensus);
        serves_the_list(&launch.start(), &[chains, "node of a network"], &["testing_"]);
    }
}

#[test]
fn every_method_answers_its_example_under_every_name() {
    let node = chain(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shared = runtime.block_on(connected(&node));
    let working = work::node_that_finds_nothing();
    let mut wrong = Vec::new();
    for (name, method) in listed() {
        let example = &method["example"];
        let is_news = |part: &&str| method["name"].as_str().unwrap().contains(*part);
        let done = if ["subscribe", "peerEvents"].iter().any(is_news) {
            let own = (example["network"] == true).then(network_node);
            let ws = own.as_ref().map(|own| runtime.block_on(connected(own)));
            runtime.block_on(runs_over_websocket(ws.as_ref().unwrap_or(&shared), &name, example))
        } else if let Some(flags) = example["flags"].as_array() {
            let flags: Vec<&str> = flags.iter().map(|flag| flag.as_str().unwrap()).collect();
            runs(&chain(&flags), &name, example)
        } else if example["chain"] == "authority" {
            runs_on_signers(&name, example)
        } else if example["chain"] == "work" {
            runs(&working, &name, example)
        } else if example["network"] == true {
            runs(&network_node(), &name, example)
        } else if example["fork"] == true {
            runs_on_a_fork(&name, example)
        } else if OWN_NODE.iter().any(|own| name.starts_with(own)) {
            let own = chain(&[]);
            begin(&own).and_then(|()| runs(&own, &name, example))
        } else {
            begin(&node).and_then(|()| runs(&node, &name, example))
        };
        wrong.extend(done.err().map(|reason| format!("{name}: {reason}")));
    }
    assert!(wrong.is_empty(), "{} examples:\n{}", wrong.len(), wrong.join("\n"));
}

/// A node whose first block is that of the examples.
fn chain(flags: &[&str]) -> Node {
    Node::start(&[&EVERY_CHAIN[..], flags].concat())
}

async fn connected(node: &Node) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", node.address)).await.unwrap()
}

/// Makes the chain of the examples, whatever was there before.
fn begin(node: &Node) -> Result<(), String> {
    let mut client = node.client();
    client.get("anvil_reset", json!([]));
    for call in file("scenario.json").as_array().unwrap() {
        client.rpc(call[0].as_str().unwrap(), call[1].clone()).map_err(|bad| format!("{bad:?}"))?;
    }
    Ok(())
}

/// Answers of earlier calls that later ones name.
#[derive(Default)]
struct Names(Vec<(String, String)>);

impl Names {
    fn learn(&mut self, call: &Value, answer: &Value) {
        if let (Some(name), Some(real)) = (call[2].as_str(), answer.as_str()) {
            self.0.push((name.to_owned(), real.to_owned()));
        }
    }

    fn real(&self, params: &Value) -> Value {
        let mut text = params.to_string();
        for (name, real) in &self.0 {
            text = text.replace(name, real);
        }
        serde_json::from_str(&text).unwrap()
    }
}

fn runs(node: &Node, name: &str, example: &Value) -> Result<(), String> {
    let mut client = node.client();
    let mut names = Names::default();
    for before in example["before"].as_array().into_iter().flatten() {
        let answer = call(&mut client, before[0].as_str().unwrap(), names.real(&before[1]))?;
        names.learn(before, &answer);
    }
    let answer = call(&mut client, name, names.real(&example["params"]))?;
    check(example, &answer)?;
    for after in example["then"].as_array().into_iter().flatten() {
        let (method, params) = (after[0].as_str().unwrap(), names.real(&after[1]));
        let answer = match client.rpc(method, params) {
            Ok(answer) => answer,
            Err(failure) => json!({ "error": failure.message }),
        };
        holds(&after[2], &answer).map_err(|reason| format!("then {method}: {reason}"))?;
    }
    drop(client);
    seen_by_hand(node, name, example)
}

/// On a chain with one signer and one block.
fn runs_on_signers(name: &str, example: &Value) -> Result<(), String> {
    let key = Key::of(8);
    let launch = key.launch();
    network(&launch, key.address, json!({ "clique": { "period": 0, "epoch": 10 } }));
    let node = launch.start();
    let mut client = node.client();
    let sent = client.send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
    client.wait_for_receipt(sent);
    let genesis = client.get("eth_getBlockByNumber", json!(["0x0", false]));
    drop(client);
    let text = example.to_string().replace("GENESIS", genesis["hash"].as_str().unwrap());
    runs(&node, name, &serde_json::from_str(&text).unwrap())
}

/// A node of a network, which nobody has joined yet.
fn network_node() -> Node {
    let launch = Launch::new(&["node", "--no-seal", "--p2p-host", "127.0.0.1", "--p2p-port", "0"]);
    network(&launch, Wallet::dev(1).address(), json!({ "clique": { "period": 1, "epoch": 10 } }));
    launch.start()
}

/// With an upstream in the place of the usual address.
fn runs_on_a_fork(name: &str, example: &Value) -> Result<(), String> {
    let upstream = chain(&[]);
    begin(&upstream)?;
    let fork = Node::start(&["--fork-url", &upstream.url()]);
    let text = example.to_string().replace("http://127.0.0.1:8545", &upstream.url());
    runs(&fork, name, &serde_json::from_str(&text).unwrap())
}

fn call(client: &mut Client, method: &str, params: Value) -> Result<Value, String> {
    let failed = |failure| format!("{method} {params}: {failure:?}");
    client.rpc(method, params.clone()).map_err(failed)
}

async fn runs_over_websocket(ws: &WsClient, name: &str, example: &Value) -> Result<(), String> {
    let mut names = Names::default();
    let failed = |error| format!("{name}: {error}");
    for before in example["before"].as_array().into_iter().flatten() {
        let params = list(names.real(&before[1]));
        let method = before[0].as_str().unwrap();
        let answer: Value = ws.request(method, params).await.map_err(failed)?;
        names.learn(before, &answer);
    }
    let params = list(names.real(&example["params"]));
    let answer: Value = ws.request(name, params).await.map_err(failed)?;
    check(example, &answer)
}

fn list(params: Value) -> Vec<Value> {
    params.as_array().unwrap().clone()
}

fn check(example: &Value, answer: &Value) -> Result<(), String> {
    let shown = &example["result"];
    let Some(pattern) = example["pattern"].as_str() else { return holds(shown, answer) };
    matches(pattern, shown)?;
    matches(pattern, answer)
}

fn matches(pattern: &str, value: &Value) -> Result<(), String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_match = Regex::new(pattern).unwrap().is_match(&text);
    if is_match { Ok(()) } else { Err(format!("{text} is not {pattern}")) }
}

/// Does an answer say what is wanted? Fields that nobody asks about may be there too; a text that
/// begins with `^` is a pattern.
fn holds(wanted: &Value, answer: &Value) -> Result<(), String> {
    match (wanted, answer) {
        (Value::String(pattern), _) if pattern.starts_with('^') => matches(pattern, answer),
        (Value::Object(wanted), Value::Object(found)) => fields_hold(wanted, found),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).try_for_each(|(wanted, found)| holds(wanted, found))
        }
        _ if wanted == answer => Ok(()),
        _ => Err(format!("{wanted} was wanted, not {answer}")),
    }
}

fn fields_hold(wanted: &Map<String, Value>, found: &Map<String, Value>) -> Result<(), String> {
    wanted.iter().try_for_each(|(key, value)| {
        let in_field = |reason| format!("{key}: {reason}");
        holds(value, found.get(key).ok_or_else(|| in_field("missing".into()))?).map_err(in_field)
    })
}

/// Checks what a method did where an answer does not show it; an example that checks nothing is wrong.
fn seen_by_hand(node: &Node, name: &str, example: &Value) -> Result<(), String> {
    match name {
        "anvil_getBlobByHash" | "anvil_getBlobsByTransactionHash" => {
            shows_a_blob(node, name);
            Ok(())
        }
        "anvil_setLoggingEnabled" | "hardhat_setLoggingEnabled" => {
            silences(node, name, json!([false]), json!([true]));
            Ok(())
        }
        "debug_verbosity" => {
            silences(node, name, json!([0]), json!([3]));
            Ok(())
        }
        name if RIGHTLY_NULL.contains(&name) => Ok(()),
        _ if example["result"].is_null() && example["then"].is_null() => {
            Err("the example checks nothing".into())
        }
        _ => Ok(()),
    }
}

fn shows_a_blob(node: &Node, name: &str) {
    let foundry = Foundry::at(&node.url());
    let blob = foundry.file("blob", b"carried beside the block");
    let to = fresh(1).to_string();
    let sent = foundry.send(&Wallet::dev(3).private_key(), &[&to, "--blob", "--path", &blob]);
    let mut client = node.client();
    let answer = if name == "anvil_getBlobByHash" {
        let found = client.get("eth_getTransactionByHash", json!([sent["transactionHash"]]));
        client.get(name, json!([found["blobVersionedHashes"][0]]))
    } else {
        client.get(name, json!([sent["transactionHash"]]))[0].take()
    };
    let blob = answer.as_str().unwrap();
    assert_eq!(blob.len(), 2 + (2 << 17), "a blob has 128 KiB");
    assert!(blob.contains(&alloy_primitives::hex::encode("carried beside the block")));
}

/// A call shows in the log while it is on, and not while it is off.
fn silences(node: &Node, name: &str, off: Value, on: Value) {
    let mut client = node.client();
    let count = || node.output().matches("web3_sha3").count();
    client.get(name, off);
    let before = count();
    client.get("web3_sha3", json!(["0x"]));
    client.get(name, on);
    client.get("web3_sha3", json!(["0x"]));
    client.wait(|client| {
        client.block_number();
        (count() > before).then_some(())
    });
    assert_eq!(count(), before + 1, "one of the two calls was logged");
}
