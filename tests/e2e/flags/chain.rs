//! Flags about the first block, the accounts, when blocks are made, and what runs in them.

use super::{Group, first_block, get, refused, run_code, send};
use crate::{
    harness::{Launch, Node},
    wallet::{Wallet, fresh},
    wire::{address, number},
};
use alloy_primitives::U256;
use serde_json::{Value, json};

const DEPLOYER: &str = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
/// The first account of the phrase that everyone knows.
const KNOWN: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

pub(super) const GROUPS: &[Group] = &[
    Group {
        flags: &[
            "--chain-id",
            "5",
            "--timestamp",
            "1700000000",
            "--number",
            "7",
            "--hardfork",
            "london",
            "--gas-limit",
            "20000000",
            "--block-base-fee-per-gas",
            "9",
            "--disable-default-create2-deployer",
            "--fund-accounts",
            "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e:2",
            "--accounts",
            "3",
            "--balance",
            "5",
            "--max-stored-accounts",
            "1",
            "--auto-impersonate",
            "--no-mining",
            "--order",
            "fifo",
            "--max-transactions",
            "1",
            "--slots-in-an-epoch",
            "2",
            "--gas-price",
            "5000000000",
        ],
        rows: &[
            ("chain-id", |node| assert_eq!(get(node, "eth_chainId", json!([])), "0x5")),
            ("timestamp", |node| assert_eq!(first_block(node)["timestamp"], "0x6553f100")),
            ("number", |node| assert_eq!(node.client().block_number(), 7)),
            ("hardfork", |node| {
                assert!(first_block(node)["withdrawalsRoot"].is_null());
                assert_eq!(get(node, "anvil_nodeInfo", json!([]))["hardFork"], "london");
            }),
            ("gas-limit", |node| assert_eq!(number(&first_block(node)["gasLimit"]), 20_000_000)),
            ("block-base-fee-per-gas", |node| {
                assert_eq!(first_block(node)["baseFeePerGas"], "0x9");
            }),
            ("disable-default-create2-deployer", |node| {
                assert_eq!(get(node, "eth_getCode", json!([DEPLOYER, "latest"])), "0x");
            }),
            ("fund-accounts", |node| {
                let funded = "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
                let balance = get(node, "eth_getBalance", json!([funded, "latest"]));
                assert_eq!(balance, "0x1bc16d674ec80000");
            }),
            ("accounts", |node| {
                assert_eq!(get(node, "eth_accounts", json!([])).as_array().unwrap().len(), 3);
            }),
            ("balance", |node| {
                let balance = node.client().balance(Wallet::dev(0).address(), "latest");
                assert_eq!(balance, U256::from(5) * U256::from(10).pow(U256::from(18)));
            }),
            ("max-stored-accounts", |node| {
                get(node, "personal_newAccount", json!(["secret"]));
                let said = refused(node, "personal_newAccount", json!(["secret"]));
                assert!(said.contains('1'), "{said}");
            }),
            ("order", |node| {
                assert_eq!(get(node, "anvil_nodeInfo", json!([]))["transactionOrder"], "fifo");
            }),
            ("gas-price", |node| {
                assert_eq!(number(&get(node, "eth_gasPrice", json!([]))), 5_000_000_000);
            }),
            ("no-mining", |node| {
                let sent = send(node, json!({ "to": fresh(1) }));
                send(node, json!({ "to": fresh(2) }));
                assert!(get(node, "eth_getTransactionReceipt", json!([sent])).is_null());
            }),
            ("max-transactions", |node| {
                get(node, "evm_mine", json!([]));
                let block = get(node, "eth_getBlockByNumber", json!(["latest", false]));
                assert_eq!(block["transactions"].as_array().unwrap().len(), 1, "two waited");
                get(node, "evm_mine", json!([]));
            }),
            ("auto-impersonate", |node| {
                let from = "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
                get(node, "eth_sendTransaction", json!([{ "from": from, "to": fresh(3) }]));
                get(node, "evm_mine", json!([]));
                let nonce = get(node, "eth_getTransactionCount", json!([from, "latest"]));
                assert_eq!(nonce, "0x1");
            }),
            ("slots-in-an-epoch", |node| {
                get(node, "anvil_mine", json!(["0x6"]));
                let height = |tag: &str| {
                    number(&get(node, "eth_getBlockByNumber", json!([tag, false]))["number"])
                };
                assert_eq!(height("latest") - height("safe"), 2);
                assert_eq!(height("latest") - height("finalized"), 4);
            }),
        ],
    },
    Group {
        flags: &[
            "--mnemonic",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
            "--block-time",
            "1000",
            "--mixed-mining",
            "--disable-min-priority-fee",
            "--allow-equal-timestamps",
            "--disable-block-gas-limit",
            "--disable-code-size-limit",
            "--disable-pool-balance-checks",
            "--memory-limit",
            "1000000",
        ],
        rows: &[
            ("mnemonic", |node| {
                let first = get(node, "eth_accounts", json!([]))[0].take();
                assert_eq!(first, "0x9858effd232b4033e47d90003d41ec34ecaeda94", "BIP-44's own");
            }),
            ("mixed-mining", |node| {
                let receipt = own_send(node, json!({ "to": fresh(1), "value": "0x1" }));
                assert_eq!(receipt["status"], "0x1", "long before the interval is over");
            }),
            ("block-time", |node| {
                assert_eq!(get(node, "anvil_getIntervalMining", json!([])), 1000);
            }),
            ("disable-min-priority-fee", |node| {
                assert_eq!(get(node, "eth_maxPriorityFeePerGas", json!([])), "0x0");
            }),
            ("allow-equal-timestamps", |node| {
                let head = get(node, "eth_getBlockByNumber", json!(["latest", false]));
                let time = number(&head["timestamp"]) + 1000;
                get(node, "evm_mine", json!([time]));
                get(node, "evm_mine", json!([time]));
                let again = get(node, "eth_getBlockByNumber", json!(["latest", false]));
                assert_eq!(number(&again["timestamp"]), time);
            }),
            ("disable-block-gas-limit", |node| {
                let receipt = own_send(node, json!({ "to": fresh(1), "gas": "0x5f5e100" }));
                assert_eq!(receipt["status"], "0x1", "with 100 million gas");
            }),
            ("disable-code-size-limit", |node| {
                let code = "0x61ea605ff3"; // 60,000 bytes of nothing
                let receipt = own_send(node, json!({ "data": code, "gas": "0x2faf080" }));
                assert_eq!(receipt["status"], "0x1", "{receipt}");
            }),
            ("disable-pool-balance-checks", |node| {
                let poor = Wallet::dev(9).transfer(fresh(1), 1);
                get(node, "eth_sendRawTransaction", json!([poor]));
            }),
            ("memory-limit", |node| {
                assert!(run_code(node, "0x5f620f0000525900").is_ok(), "below a million bytes");
                assert!(run_code(node, "0x5f621000005200").is_err(), "above");
            }),
        ],
    },
    Group {
        flags: &["--mnemonic-random", "--derivation-path", "m/44'/60'/1'/0/", "--async-automine"],
        rows: &[
            ("mnemonic-random", |node| {
                let line = node.banner.lines().find(|line| line.starts_with("Mnemonic:"));
                let words: Vec<_> = line.unwrap().split_whitespace().skip(1).collect();
                assert_eq!(words.len(), 12);
                assert_ne!(words[0], words[1], "not the known one");
            }),
            ("derivation-path", |node| assert!(node.banner.contains("m/44'/60'/1'/0/"))),
            ("async-automine", |node| {
                let from = get(node, "eth_accounts", json!([]))[0].clone();
                let sent =
                    get(node, "eth_sendTransaction", json!([{ "from": from, "to": fresh(1) }]));
                node.client().wait_for_receipt(crate::wire::hash(&sent));
            }),
        ],
    },
    Group {
        flags: &["--mnemonic-seed-unsafe", "5", "--enable-tx-gas-limit", "--code-size-limit", "10"],
        rows: &[
            ("mnemonic-seed-unsafe", |node| {
                let first = get(node, "eth_accounts", json!([]))[0].clone();
                assert_ne!(first, KNOWN);
                let again = Node::start(&["--mnemonic-seed-unsafe", "5"]);
                assert_eq!(get(&again, "eth_accounts", json!([]))[0], first);
            }),
            ("enable-tx-gas-limit", |node| {
                let from = get(node, "eth_accounts", json!([]))[0].clone();
                let request = json!([{ "from": from, "to": fresh(1), "gas": "0x1312d00" }]);
                let said = refused(node, "eth_sendTransaction", request);
                assert!(said.contains("16777216"), "{said}");
            }),
            ("code-size-limit", |node| {
                // Deploys 10 and 11 bytes of nothing.
                assert_eq!(
                    own_send(node, json!({ "data": "0x600a5ff3", "gas": "0x186a0" }))["status"],
                    "0x1"
                );
                assert_eq!(
                    own_send(node, json!({ "data": "0x600b5ff3", "gas": "0x186a0" }))["status"],
                    "0x0"
                );
            }),
        ],
    },
    Group {
        flags: &["--init", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/flags/genesis.json")],
        rows: &[("init", |node| {
            assert_eq!(get(node, "eth_chainId", json!([])), "0x4d2");
            assert_eq!(node.client().balance(fresh_of("0x0123"), "latest"), U256::from(7));
        })],
    },
];

fn fresh_of(end: &str) -> alloy_primitives::Address {
    address(&json!(format!("0x{:0>40}", &end[2..])))
}

/// Sends from the node's first account and answers the receipt.
fn own_send(node: &Node, mut request: Value) -> Value {
    request["from"] = get(node, "eth_accounts", json!([]))[0].clone();
    let sent = get(node, "eth_sendTransaction", json!([request]));
    node.client().wait_for_receipt(crate::wire::hash(&sent))
}

#[test]
fn blocks_come_at_the_interval() {
    let node = Node::start(&["--block-time", "0.05"]);
    node.client().wait(|client| (client.block_number() > 3).then_some(()));
}

/// The same settings from the environment and from a file.
#[test]
fn settings_of_the_environment_and_of_a_file_have_the_same_effect() {
    let launch = Launch::new(&["--order", "fifo"]).env("MAINSPRING_NO_MINING", "true");
    let file = "slots-in-an-epoch = 1\ndisable-min-priority-fee = true\nhost = [\"127.0.0.1\"]\n";
    std::fs::write(launch.home().join("mainspring.toml"), file).unwrap();
    let node = launch.env("MAINSPRING_RPC_MAX_BATCH", "2").start();
    assert_eq!(get(&node, "anvil_nodeInfo", json!([]))["transactionOrder"], "fifo");
    assert_eq!(get(&node, "eth_maxPriorityFeePerGas", json!([])), "0x0");
    assert_eq!(get(&node, "anvil_getAutomine", json!([])), false);
    let (_, batch) = node.client().post(b"[{},{},{}]").unwrap();
    assert!(batch.contains("batch too large"), "{batch}");
}
