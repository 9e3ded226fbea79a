//! Flags that bound what is held in memory and what runs at once: the node's numbers show it.

use super::{Group, get};
use crate::{
    harness::Node,
    metrics::page::{place, scrape},
    wallet::{Wallet, fresh},
};
use serde_json::json;
use std::thread;

/// As many times its limits may wait for the state's writer before the next block does.
const ROOM: f64 = 4.0;
/// Blocks after which everybody writes: `--writer-blocks` as it is without the flag.
const EVERYBODY: usize = 64;

pub(super) const GROUPS: &[Group] = &[
    Group {
        flags: &["--metrics=0", "--writer-blocks", "1", "--trie-nodes", "1"],
        rows: &[
            ("writer-blocks", |node| most_unwritten(node, ROOM)),
            ("trie-nodes", |node| {
                let accounts: Vec<_> = (0..300).map(|account| fresh(1_000 + account)).collect();
                for account in &accounts {
                    get(node, "anvil_setBalance", json!([account, "0x1"]));
                }
                get(node, "evm_mine", json!([]));
                node.client().wait(|_| (unwritten(node) == 0.0).then_some(()));
                // All that an empty block touches, and the way there: far fewer than the accounts.
                get(node, "evm_mine", json!([]));
                node.client().wait(|_| (unwritten(node) == 0.0).then_some(()));
                let kept = number(node, "mainspring_chain_trie_nodes");
                assert!(kept < 100.0, "{kept} nodes in memory");
                // What is not in memory is found below.
                assert_eq!(get(node, "eth_getBalance", json!([accounts[7], "latest"])), "0x1");
            }),
        ],
    },
    // A block has far more bytes, and a transfer more gas, than the room that these leave for others.
    Group {
        flags: &["--metrics=0", "--writer-bytes", "1"],
        rows: &[("writer-bytes", |node| most_unwritten(node, 1.0))],
    },
    Group {
        flags: &["--metrics=0", "--writer-gas", "1"],
        rows: &[("writer-gas", |node| most_unwritten(node, 1.0))],
    },
    Group {
        flags: &["--metrics=0", "--writer-seconds", "0.01"],
        rows: &[("writer-seconds", |node| {
            let mut wallet = Wallet::dev(0);
            let was_written = (1..EVERYBODY).any(|made| {
                node.client().mined(&wallet.transfer(fresh(1), 1));
                unwritten(node) < made as f64
            });
            assert!(was_written, "nothing is written before there are {EVERYBODY} blocks");
        })],
    },
    Group {
        flags: &["--metrics=0", "--rpc-heavy-calls", "1", "--rpc-gas-cap", "40000000"],
        rows: &[("rpc-heavy-calls", |node| {
            // JUMPDEST PUSH0 JUMP until the gas is used up.
            let endless = json!({ fresh(1).to_string(): { "code": "0x5b5f56" } });
            let call = json!([{ "to": fresh(1) }, "latest", endless]);
            let running = || number(node, "mainspring_rpc_heavy_calls");
            thread::scope(|scope| {
                let calls: Vec<_> = (0..4)
                    .map(|_| {
                        let (mut client, call) = (node.new_client(), call.clone());
                        scope.spawn(move || client.refused("eth_call", call))
                    })
                    .collect();
                let mut seen: f64 = 0.0;
                while calls.iter().any(|call| !call.is_finished()) {
                    seen = seen.max(running());
                    thread::yield_now();
                }
                assert_eq!(seen, 1.0, "four were asked for, one runs at a time");
            });
        })],
    },
];

fn number(node: &Node, name: &str) -> f64 {
    scrape(place(&node.banner)).value(name)
}

/// Blocks that are durable and not yet part of the written state.
fn unwritten(node: &Node) -> f64 {
    number(node, "mainspring_chain_unwritten_blocks")
}

/// Makes more blocks than anyone writes at once; never more than these may wait to be written.
#[track_caller]
fn most_unwritten(node: &Node, most: f64) {
    let mut wallet = Wallet::dev(0);
    wallet.nonce = node.client().nonce(wallet.address(), "latest");
    for _ in 0..40 {
        node.client().mined(&wallet.transfer(fresh(1), 1));
        let waiting = unwritten(node);
        assert!(waiting <= most, "{waiting} blocks wait to be written");
    }
}
