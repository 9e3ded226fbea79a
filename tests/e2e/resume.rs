//! `forge script` is killed while its transactions wait: does `--resume` finish what it began, once?

use crate::{
    harness::{Node, heavy},
    tools::{Foundry, Running, root},
    wallet::{CHAIN_ID, Wallet},
    wire::{Client, address, hash, number},
};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Three transactions; whoever repeats one of the last two ends with another total.
const SCRIPT: &str = r"
    pragma solidity ^0.8.20;

    interface Vm {
        function startBroadcast() external;
        function stopBroadcast() external;
    }

    contract Counter {
        uint256 public total;

        function add(uint256 more) external {
            total += more;
        }
    }

    contract Count {
        Vm private constant vm = Vm(address(uint160(uint256(keccak256('hevm cheat code')))));
        bool public constant IS_SCRIPT = true;

        function run() external {
            vm.startBroadcast();
            Counter counter = new Counter();
            counter.add(10);
            counter.add(200);
            vm.stopBroadcast();
        }
    }
";

/// A project with the script, a node that mines nothing by itself, and one who sends.
struct Stage {
    node: Node,
    foundry: Foundry,
    project: TempDir,
    sender: Wallet,
}

impl Stage {
    fn new() -> Self {
        let project = tempfile::tempdir().unwrap();
        let folder = project.path().join("script");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("Count.s.sol"), SCRIPT).unwrap();
        let node = Node::start(&["--no-mining"]);
        let foundry = Foundry::at(&node.url());
        Self { node, foundry, project, sender: Wallet::dev(0) }
    }

    /// Calls forge with the arguments that every run of the script needs, and these.
    fn script<T>(&self, more: &[&str], run: impl FnOnce(&[&str], &[(&str, &str)]) -> T) -> T {
        let solc = root().join("scripts/solc.js");
        let env = [("FOUNDRY_SOLC", text(&solc)), ("FOUNDRY_OFFLINE", "true")];
        let (url, key) = (self.node.url(), self.sender.private_key());
        let script = format!("{}/script/Count.s.sol:Count", text(self.project.path()));
        let place = ["script", &script, "--root", text(self.project.path())];
        let sends = ["--rpc-url", &url, "--private-key", &key, "--broadcast"];
        run(&[&place[..], &sends, more].concat(), &env)
    }

    /// Starts the script, waits until this many of its transactions wait in the pool, and kills it
    /// there. Their hashes.
    #[track_caller]
    fn killed_with(&self, waiting: usize, more: &[&str]) -> Vec<B256> {
        let mut forge: Running =
            self.script(more, |arguments, env| self.foundry.start_forge(arguments, env));
        let client = &mut self.node.client();
        // forge asks for receipts when it has written down what it sent, and not before: there is no
        // half-written file to resume from.
        client.wait(|_client| {
            assert!(forge.runs(), "forge ended with its transactions unmined");
            self.node.output().contains("eth_getTransactionReceipt").then_some(())
        });
        drop(forge);
        let status = json!({ "pending": format!("{waiting:#x}"), "queued": "0x0" });
        assert_eq!(client.get("txpool_status", json!([])), status);
        let record = self.foundry.broadcast("Count.s.sol", CHAIN_ID);
        let pending: Vec<_> = record["pending"].as_array().unwrap().iter().map(hash).collect();
        assert_eq!(pending.len(), waiting);
        pending
    }

    /// Resumes the script: every transaction of it is mined once, and nothing else is or waits.
    #[track_caller]
    fn resumed(&self, more: &[&str]) {
        let more = [&["--resume"], more].concat();
        let printed = self.script(&more, |arguments, env| self.foundry.forge(arguments, env));
        assert!(printed.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{printed}");
        let record = self.foundry.broadcast("Count.s.sol", CHAIN_ID);
        assert_eq!(record["pending"], json!([]));
        // forge does not wait for one answer before it sends the next, and writes them down as they come.
        let mut recorded = hashes(&record["transactions"]);
        recorded.sort();
        assert_eq!(recorded.len(), 3);
        let client = &mut self.node.client();
        let mut mined = mined(client);
        mined.sort();
        assert_eq!(mined, recorded);
        for transaction in recorded {
            assert_eq!(client.receipt(transaction)["status"], "0x1");
        }
        assert_eq!(client.nonce(self.sender.address(), "pending"), 3);
        let status = client.get("txpool_status", json!([]));
        assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
        let counter = address(&record["transactions"][0]["contractAddress"]);
        assert_eq!(total(client, counter), 210);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn hashes(transactions: &Value) -> Vec<B256> {
    transactions.as_array().unwrap().iter().map(|sent| hash(&sent["hash"])).collect()
}

/// Every transaction of the chain, in order.
fn mined(client: &mut Client) -> Vec<B256> {
    let blocks = 0..=client.block_number();
    let read = |number| client.get("eth_getBlockByNumber", json!([format!("{number:#x}"), true]));
    blocks.map(read).flat_map(|block| hashes(&block["transactions"])).collect()
}

/// The first slot of the counter.
fn total(client: &mut Client, counter: Address) -> u64 {
    number(&client.get("eth_call", json!([{ "to": counter, "data": "0x2ddbd13a" }, "latest"])))
}

#[test]
fn resume_finds_what_was_mined_meanwhile_and_sends_nothing_again() {
    let _alone = heavy();
    let stage = Stage::new();
    let mut sent = stage.killed_with(3, &[]);
    stage.node.client().get("evm_mine", json!([]));
    stage.resumed(&[]);
    sent.sort();
    let mut mined = mined(&mut stage.node.client());
    mined.sort();
    assert_eq!(mined, sent, "what was sent before the end of forge, all of it in one block");
    assert_eq!(stage.node.client().block_number(), 1);
}

#[test]
fn resume_sends_what_was_not_sent_before_the_end_of_forge() {
    let _alone = heavy();
    let stage = Stage::new();
    let sent = stage.killed_with(1, &["--slow"]);
    stage.node.client().get("evm_mine", json!([]));
    stage.node.client().get("evm_setAutomine", json!([true]));
    stage.resumed(&["--slow"]);
    assert_eq!(mined(&mut stage.node.client())[0], sent[0]);
    assert_eq!(stage.node.client().block_number(), 3);
}
