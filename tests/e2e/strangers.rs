//! Nodes that may not talk: of another chain id, mode, rules or fork. Both refuse at the handshake, and both say
//! what is different, with both values, and what to do. Who listens for peers hears the same.

use crate::{
    authority::{Key, network_of},
    harness::{BINARY, Launch, Node},
    ipc,
    peers::{launch, printed, wait_for_peers},
    wallet::Wallet,
    wire::number,
};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};
use std::{fs, process::Command, time::Duration};

/// After every genesis of this file, and before every block: in 2023.
const PASSED: u64 = 1_700_000_000;
const POA: &str = r#"{ "clique": { "period": 1, "epoch": 10 } }"#;

/// A node that follows a chain with these parts of the config, and knows a peer.
fn follower(config: Value, peer: &Node) -> Node {
    let address = printed(peer);
    let launch = Launch::new(&["node", "--no-seal", "--p2p-host", "127.0.0.1"]);
    network_of(&launch, &[Wallet::dev(1).address()], config);
    let flags = ["node", "--no-seal", "--p2p-host", "127.0.0.1", "--p2p-port", "0"];
    launch.with_flags(&[&flags[..], &["--peer", &address]].concat()).start()
}

/// The same config with another chain id, or another mode.
fn with(config: &str, field: &str, value: Value) -> Value {
    let mut config: Value = serde_json::from_str(config).unwrap();
    config[field] = value;
    config
}

/// Waits until both have refused each other in these words, theirs first and then ours, and said what to do.
fn refuse_each_other(one: &Node, other: &Node, says: impl Fn(&str, &str) -> String, to_do: &str) {
    let [first, second] = [("31337", "5"), ("5", "31337")].map(|(ours, theirs)| says(theirs, ours));
    for (node, words) in [(one, first), (other, second)] {
        node.says(&words);
        let output = node.output();
        let line = output.lines().find(|line| line.contains(&words)).unwrap();
        assert!(line.contains("a peer is refused") && line.contains(to_do), "{line}");
        assert_eq!(node.client().get("net_peerCount", json!([])), "0x0");
    }
}

#[test]
fn nodes_of_another_chain_id_refuse_each_other_with_both() {
    let node = launch(&["--p2p-port", "0"]).start();
    let other = follower(with(POA, "chainId", json!(5)), &node);
    let says = |theirs: &str, ours: &str| format!("its chain id is {theirs}, ours {ours}");
    refuse_each_other(&node, &other, says, "one genesis file");
}

#[test]
fn nodes_of_another_mode_refuse_each_other_with_both() {
    let node = launch(&["--p2p-port", "0"]).start();
    let other = follower(json!({ "ethash": {} }), &node);
    let genesis = |node: &Node| {
        node.client().get("eth_getBlockByNumber", json!(["0x0", false]))["hash"].clone()
    };
    assert_eq!(genesis(&node), genesis(&other), "the first block says nothing of the mode");
    let name = |chain: &str| match chain {
        "5" => "proof of work",
        _ => "proof of authority",
    };
    let says = |theirs: &str, ours: &str| {
        format!("its blocks are sealed by {}, ours by {}", name(theirs), name(ours))
    };
    refuse_each_other(&node, &other, says, "one genesis file");
}

#[test]
fn nodes_whose_rules_differ_after_one_first_block_refuse_each_other_with_both() {
    let node = launch(&["--p2p-port", "0"]).start();
    let mut config = with(POA, "clique", json!({ "period": 5, "epoch": 10 }));
    config["mainspring"] = json!({ "feeMarket": "zero" });
    let other = follower(config, &node);
    let (period, fees) = (
        |chain: &str| if chain == "5" { 5 } else { 1 },
        |chain: &str| if chain == "5" { "zero" } else { "eip1559" },
    );
    let says = |theirs: &str, ours: &str| {
        format!("config.clique.period: theirs {}, ours {};", period(theirs), period(ours))
    };
    refuse_each_other(&node, &other, says, "one genesis file");
    let says = |theirs: &str, ours: &str| {
        format!("config.mainspring.feeMarket: theirs {}, ours {}:", fees(theirs), fees(ours))
    };
    refuse_each_other(&node, &other, says, "into a new directory");
}

/// Gives a chain that nobody serves a fork at a time in seconds.
fn add_fork(launch: &Launch, field: &str, time: u64) {
    let file = launch.home().join("genesis.json");
    let mut genesis: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    genesis["config"][field] = json!(time);
    fs::write(&file, genesis.to_string()).unwrap();
    let mut init = Command::new(BINARY);
    init.arg("init").arg("--datadir").arg(launch.data_dir()).arg("--genesis").arg(&file);
    let said = init.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// What a line says of fork ids: theirs and ours.
fn fork_ids(node: &Node) -> [String; 2] {
    node.says("its fork id is 0x");
    let output = node.output();
    let line = output.lines().find(|line| line.contains("its fork id is")).unwrap();
    for words in ["a peer is refused", "genesis file with the newest fork times"] {
        assert!(line.contains(words), "{line}");
    }
    let after = |words: &str| line.split(words).nth(1).unwrap().split(' ').next().unwrap();
    [after("its fork id is "), after("ours ")].map(str::to_owned)
}

#[test]
fn a_node_that_missed_an_upgrade_is_refused_and_refuses_with_both_fork_ids() {
    let key = Key::of(8);
    let config = with(POA, "osakaTime", Value::Null);
    let upgraded = key.launch_with(&["--p2p-host", "127.0.0.1", "--p2p-port", "0"]);
    network_of(&upgraded, &[key.address], config.clone());
    add_fork(&upgraded, "osakaTime", PASSED);
    let upgraded = upgraded.start();
    upgraded.client().wait(|client| (client.block_number() > 0).then_some(()));
    let head = upgraded.client().get("eth_getBlockByNumber", json!(["latest", false]));
    assert!(number(&head["timestamp"]) >= PASSED);

    let address = printed(&upgraded);
    let flags = ["node", "--no-seal", "--p2p-host", "127.0.0.1", "--p2p-port", "0", "--peer"];
    let behind = Launch::new(&[&flags[..], &[&address]].concat());
    network_of(&behind, &[key.address], config);
    let behind = behind.start();
    let [theirs, ours] = fork_ids(&behind);
    assert_ne!(theirs, ours);
    assert_eq!(fork_ids(&upgraded), [ours, theirs]);
    assert_eq!(behind.client().block_number(), 0);

    // What the line says to do helps.
    let launch = behind.stop("TERM");
    add_fork(&launch, "osakaTime", PASSED);
    let behind = launch.start();
    behind.client().wait(|client| (client.block_number() > 0).then_some(()));
}

#[test]
fn a_fork_to_come_that_one_node_does_not_know_is_said_by_both_before_it_comes() {
    let config = |time: Value| with(POA, "bpo1Time", time);
    let node = launch(&["--p2p-port", "0"]).start();
    let other = follower(config(json!(4_000_000_000_u64)), &node);
    wait_for_peers(&node, 1);
    let time = "2096-10-02 07:06:40 UTC (time 4000000000)";
    node.says(&format!("a peer has a fork at {time} that this node does not know"));
    other.says(&format!("a peer does not know the fork at {time} that this node has"));
    for output in [node.output(), other.output()] {
        let lines: Vec<_> = output.lines().filter(|line| line.contains(time)).collect();
        assert!(lines.len() == 1 && lines[0].contains("mainspring init"), "{lines:?}");
    }
}

async fn connected(node: &Node) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", node.address)).await.unwrap()
}

/// The next piece of news of a peer; none within a minute is a fault.
async fn next(news: &mut Subscription<Value>) -> Value {
    let waited = tokio::time::timeout(Duration::from_secs(60), news.next()).await;
    waited.expect("news within a minute").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_is_told_over_websocket_and_ipc() {
    let node = launch(&["--p2p-port", "0"]).start();
    let ws = connected(&node).await;
    let params = rpc_params!["peerEvents"];
    let mut news = ws.subscribe("admin_subscribe", params, "admin_unsubscribe").await.unwrap();
    let mut local = ipc::Client::of(&node);
    let subscription = local.ask("admin_peerEvents", json!([]))["result"].clone();

    let address = printed(&node);
    let peer = launch(&["--p2p-port", "0", "--peer", &address]).start();
    let id = peer.client().get("admin_nodeInfo", json!([]))["id"].clone();
    let came = next(&mut news).await;
    assert_eq!((&came["type"], &came["peer"]), (&json!("add"), &id), "{came}");
    assert_eq!((&came["local"], &came["error"]), (&json!(address), &Value::Null));
    assert!(came["remote"].as_str().unwrap().ends_with(id.as_str().unwrap()), "{came}");
    let told = local.next().unwrap();
    assert_eq!(told["method"], "admin_peerEvents");
    assert_eq!(told["params"], json!({ "subscription": subscription, "result": came }));

    wait_for_peers(&node, 1);
    node.client().get("admin_removePeer", json!([id]));
    let gone = next(&mut news).await;
    assert_eq!((&gone["type"], &gone["peer"]), (&json!("drop"), &id), "{gone}");
    assert!(!gone["error"].as_str().unwrap().is_empty(), "{gone}");
    drop(peer);
    let mut answer = local.ask("admin_peerEvents_unsubscribe", json!([subscription]));
    while answer["method"] == "admin_peerEvents" {
        answer = local.next().unwrap();
    }
    assert_eq!(answer["result"], true);

    let stranger = follower(with(POA, "chainId", json!(5)), &node);
    let id = stranger.client().get("admin_nodeInfo", json!([]))["id"].clone();
    let refused = loop {
        let event = next(&mut news).await;
        if event["type"] == "drop" && event["peer"] == id {
            break event;
        }
    };
    let reason = refused["error"].as_str().unwrap();
    assert!(reason.contains("its chain id is 5, ours 31337"), "{reason}");
}

#[test]
fn news_of_peers_is_refused_where_there_is_none() {
    let node = launch(&["--p2p-port", "0"]).start();
    let refused = node.client().refused("admin_subscribe", json!(["peerEvents"]));
    assert!(refused.message.contains("notifications"), "{}", refused.message);
    let mut local = ipc::Client::of(&node);
    let unknown = local.ask("admin_subscribe", json!(["x".repeat(1_000)]));
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    assert!(unknown["error"]["message"].as_str().unwrap().len() < 200, "{unknown}");
    assert_eq!(local.ask("admin_unsubscribe", json!(["0x1"]))["result"], false);
    let flags = ["node", "--no-seal", "--no-p2p"];
    let alone = node.stop("TERM").with_flags(&flags).start();
    let refused = ipc::Client::of(&alone).ask("admin_subscribe", json!(["peerEvents"]));
    assert!(refused["error"]["message"].as_str().unwrap().contains("--no-p2p"), "{refused}");
}
