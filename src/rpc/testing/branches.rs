//! Named branches over RPC: what is answered, what filters see, what is refused.

use super::*;
use crate::{
    rpc::{Kind, Namespaces},
    spec,
};

/// Emits an empty event with topic 7 for every call.
const EMITTER: &str = "60075f5fa100";

async fn list(node: &TestNode) -> Vec<(String, u64, bool, u64)> {
    let all = node.ask("chain_listBranches", json!([])).await;
    let branch = |it: &Value| {
        let name = it["name"].as_str().unwrap().to_owned();
        (name, hex(&it["number"]), it["current"].as_bool().unwrap(), hex(&it["ownBlocks"]))
    };
    all.as_array().unwrap().iter().map(branch).collect()
}

#[tokio::test]
async fn suites_start_from_one_base_and_filters_see_what_goes_and_comes() {
    let node = TestNode::start();
    let emitter = node.deploy(EMITTER).await;
    let touch = json!({ "from": ALICE, "to": emitter });
    let base = node.ask("chain_branch", json!(["base"])).await;
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let wanted = json!({
        "name": "base", "number": "0x1", "hash": head["hash"], "current": false, "ownBlocks": "0x0",
    });
    assert_eq!(base, wanted);
    let logs = node.ask("eth_newFilter", json!([{ "address": emitter }])).await;
    let blocks = node.ask("eth_newBlockFilter", json!([])).await;
    let on_main = [node.send(touch.clone()).await, node.send(touch.clone()).await];
    node.ask("chain_branch", json!({ "name": "suite", "from": "base" })).await;
    let there = node.ask("chain_checkout", json!(["suite"])).await;
    assert_eq!((&there["number"], &there["current"]), (&json!("0x1"), &json!(true)));
    node.ask("anvil_setNonce", json!([ALICE, "0x5"])).await;
    let on_suite = node.send(touch).await;
    assert_eq!(on_suite["blockNumber"], "0x2");
    let gone = node.ask("eth_getTransactionReceipt", json!([on_main[0]["transactionHash"]])).await;
    assert_eq!(gone, Value::Null);
    let named = |name: &str, number, current, own| (name.to_owned(), number, current, own);
    let wanted =
        [named("base", 1, false, 0), named("main", 3, false, 2), named("suite", 2, true, 1)];
    assert_eq!(list(&node).await, wanted);

    let back = node.ask("chain_checkout", json!(["main"])).await;
    assert_eq!(back["hash"], on_main[1]["blockHash"]);
    for receipt in &on_main {
        let again =
            node.ask("eth_getTransactionReceipt", json!([receipt["transactionHash"]])).await;
        assert_eq!(again, *receipt);
    }
    let log = |receipt: &Value, removed: bool| {
        let mut log = receipt["logs"][0].clone();
        log["removed"] = json!(removed);
        log
    };
    let [first, second] = &on_main;
    let told = node.ask("eth_getFilterChanges", json!([logs])).await;
    let wanted = [
        log(first, false),
        log(second, false),
        log(second, true),
        log(first, true),
        log(&on_suite, false),
        log(&on_suite, true),
        log(first, false),
        log(second, false),
    ];
    assert_eq!(told, json!(wanted));
    let hashes = node.ask("eth_getFilterChanges", json!([blocks])).await;
    let hash = |receipt: &Value| receipt["blockHash"].clone();
    let seen = [hash(first), hash(second), hash(&on_suite), hash(first), hash(second)];
    assert_eq!(hashes, json!(seen));
    node.ask("chain_deleteBranch", json!(["suite"])).await;
    assert_eq!(list(&node).await, [named("base", 1, false, 0), named("main", 3, true, 2)]);
    let stays = node.ask("chain_checkout", json!(["main"])).await;
    assert_eq!(stays, back, "who is there already stays there");
}

#[tokio::test]
async fn branches_that_cannot_be_are_refused_with_the_reason() {
    let node = TestNode::start();
    node.ask("chain_branch", json!(["base"])).await;
    for (method, params, wanted) in [
        ("chain_branch", json!(["base"]), "there is a branch \"base\" already"),
        ("chain_branch", json!(["main"]), "there is a branch \"main\" already"),
        ("chain_branch", json!([""]), "is no name for a branch"),
        ("chain_branch", json!(["new", "nobody"]), "there is no branch \"nobody\""),
        ("chain_checkout", json!(["nobody"]), "there is no branch \"nobody\""),
        ("chain_deleteBranch", json!(["nobody"]), "there is no branch \"nobody\""),
        ("chain_deleteBranch", json!(["main"]), "\"main\" is the current branch"),
        ("chain_checkout", json!([]), "Invalid params"),
        ("chain_checkout", json!([7]), "Invalid params"),
    ] {
        let (code, text) = node.refusal(method, params.clone()).await;
        assert!(code == -32602 && text.contains(wanted), "{method} {params}: {code} {text}");
    }
    let long = "x".repeat(1_000_000);
    let (_, text) = node.refusal("chain_checkout", json!([long])).await;
    assert!(text.len() < 300, "a long name is not repeated");
    assert_eq!(list(&node).await.len(), 2);
}

#[tokio::test]
async fn branches_are_for_development_chains_only() {
    let node = TestNode::start();
    let all = node.api.all_methods();
    let served = |kind| Namespaces { kind, admin: false, named: None }.select(&all);
    let stored = Kind::Stored(spec::Mode::Dev);
    for name in ["chain_branch", "chain_checkout", "chain_deleteBranch", "chain_listBranches"] {
        assert!(served(Kind::Development).method(name).is_some());
        assert!(served(stored).method(name).is_none());
        assert!(stored.lacks(name).is_some());
    }
}
