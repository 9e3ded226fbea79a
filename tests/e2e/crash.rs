//! `kill -9` in the middle of everything: what a client had seen stays as it was.
//!
//! `MAINSPRING_CRASH_ROUNDS` sets how often (8), `MAINSPRING_CRASH_SEED` which moments.

use crate::{
    crash_witness::{Load, Witness, roots_hold, watch},
    harness::{Launch, Node, heavy},
    wallet::Wallet,
    wire::address,
};
use alloy_primitives::Address;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{sync::mpsc, time::Duration};

const CLIENTS: u32 = 4;
const WALLETS_OF_A_CLIENT: u32 = 3;

pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// The first start: twelve accounts and a token that all of them may send nothing of.
fn prepared(launch: &Launch) -> (Node, Address) {
    let node = launch.start();
    let receipt = node.client().mined(&Wallet::dev(12).deploy_token(1));
    (node, address(&receipt["contractAddress"]))
}

/// Sends from several threads until `end` has ended the node; what they have seen by then.
fn load<T>(
    node: Node,
    token: Address,
    seed: u64,
    end: impl FnOnce(Node, mpsc::Receiver<()>) -> T,
) -> (Witness, T) {
    let (answered, answers) = mpsc::channel();
    let loads: Vec<Load> = (0..CLIENTS)
        .map(|client| Load {
            client: node.new_client(),
            wallets: (0..WALLETS_OF_A_CLIENT)
                .map(|wallet| Wallet::dev(client * WALLETS_OF_A_CLIENT + wallet))
                .collect(),
            token,
            random: StdRng::seed_from_u64(seed ^ u64::from(client)),
            answered: answered.clone(),
        })
        .collect();
    drop(answered);
    let watching = node.new_client();
    std::thread::scope(|scope| {
        let mut running: Vec<_> =
            loads.into_iter().map(|load| scope.spawn(move || load.run())).collect();
        running.push(scope.spawn(move || watch(watching)));
        let ended = end(node, answers);
        let mut witness = Witness::default();
        for load in running {
            witness.merge(load.join().unwrap());
        }
        (witness, ended)
    })
}

#[test]
fn nothing_that_was_seen_is_lost_or_changed_by_kill_9() {
    let _alone = heavy();
    let rounds = setting("MAINSPRING_CRASH_ROUNDS", 8);
    let seed = setting("MAINSPRING_CRASH_SEED", 0x6d61_696e);
    let mut random = StdRng::seed_from_u64(seed);
    let launch = Launch::new(&["--accounts", "13"]);
    let (mut node, token) = prepared(&launch);
    let (mut all, mut starts) = (Witness::default(), Vec::new());
    for round in 0..rounds {
        // Now and then right after it listens, when it may still be writing what it executed again.
        let moment = if random.random_bool(0.1) { 0 } else { random.random_range(1..400) };
        let (seen, dead) = load(node, token, random.random(), |node, answers| {
            for _ in 0..moment {
                answers.recv().unwrap();
            }
            node.kill9()
        });
        roots_hold(&dead);
        node = dead.start();
        starts.push(node.started_in);
        seen.check(&mut node.client());
        let share = 300.0 / (all.len() as f64).max(300.0);
        all.sample(&mut random, share).check(&mut node.client());
        all.merge(seen);
        println!("round {round}: killed after {moment} answers, {} receipts in all", all.len());
    }
    all.check(&mut node.client());
    let slowest = starts.iter().max().copied().unwrap_or_default();
    let mean = starts.iter().sum::<Duration>() / starts.len().max(1) as u32;
    println!(
        "{rounds} rounds, seed {seed}: restart until it listens: mean {mean:?}, slowest {slowest:?}"
    );
    if setting("MAINSPRING_SOAK", 0) == 1 {
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    }
}

/// Where a commit can end, and how often it may be passed before it does.
#[cfg(feature = "failpoints")]
const ENDS: [(&str, std::ops::Range<u32>); 6] = [
    ("blocks-commit-before", 20..100),
    ("blocks-commit-middle", 20..100),
    ("blocks-commit-after", 20..100),
    ("state-flush-before", 2..5),
    ("state-flush-middle", 2..5),
    ("state-flush-after", 2..5),
];

#[cfg(feature = "failpoints")]
#[test]
fn an_end_inside_a_commit_loses_nothing() {
    use std::os::unix::process::ExitStatusExt;
    let _alone = heavy();
    let rounds = setting("MAINSPRING_CRASH_ROUNDS", 8).div_ceil(8);
    let mut random = StdRng::seed_from_u64(setting("MAINSPRING_CRASH_SEED", 0x6d61_696e));
    let (node, token) = prepared(&Launch::new(&["--accounts", "13"]));
    let mut all = Witness::default();
    let mut launch = node.kill9();
    for (point, hits) in (0..rounds).flat_map(|_round| ENDS) {
        let place = format!("{point}:{}", random.random_range(hits));
        let node = launch.env("MAINSPRING_ABORT_AT", &place).start();
        let (seen, (status, dead)) =
            load(node, token, random.random(), |node, _answers| node.ended());
        assert_eq!(status.signal(), Some(6), "{place}: {status}");
        roots_hold(&dead);
        let node = dead.without_env().start();
        println!("{place}: {} receipts seen, restart in {:?}", seen.len(), node.started_in);
        seen.check(&mut node.client());
        all.merge(seen);
        launch = node.kill9();
    }
    all.check(&mut launch.start().client());
}

/// A write that fails and works again later: whoever was answered is right either way.
#[cfg(feature = "failpoints")]
#[test]
fn a_commit_that_fails_is_told_and_the_next_one_works() {
    use crate::wallet::fresh;
    use alloy_primitives::U256;
    use serde_json::json;
    for point in ["blocks-commit-before", "blocks-commit-middle"] {
        let failing = format!("{point}=10*off->5*return->off");
        let node = Launch::new(&[]).env("FAILPOINTS", &failing).start();
        let mut client = node.new_client();
        let mut wallet = Wallet::dev(0);
        let mut refused = 0;
        for number in 0..40 {
            let raw = wallet.transfer(fresh(number), 1);
            let paid = |client: &mut crate::wire::Client| client.balance(fresh(number), "latest");
            match client.rpc("eth_sendRawTransaction", json!([raw])) {
                Ok(_) => assert_eq!(paid(&mut client), U256::from(1)),
                Err(failure) => {
                    assert!(failure.message.contains(point), "{failure:?}");
                    assert_eq!(paid(&mut client), U256::ZERO);
                    refused += 1;
                    wallet.nonce -= 1;
                }
            }
        }
        assert!((1..=5).contains(&refused), "{point}: {refused} were refused");
        let launch = node.kill9();
        roots_hold(&launch);
        let head = launch.without_env().start().client().block_number();
        assert_eq!(head, 40 - refused, "{point}");
    }
}

/// The state is written behind the blocks. If it cannot be, blocks stop before memory is full of them.
#[cfg(feature = "failpoints")]
#[test]
fn a_state_that_cannot_be_written_stops_new_blocks_and_loses_none() {
    use crate::wallet::fresh;
    use serde_json::json;
    let _alone = heavy();
    let node = Launch::new(&[]).env("FAILPOINTS", "state-flush-middle=2*off->return").start();
    let mut client = node.new_client();
    let mut wallet = Wallet::dev(0);
    let refused = loop {
        let raw = wallet.transfer(fresh(wallet.nonce), 1);
        match client.rpc("eth_sendRawTransaction", json!([raw])) {
            Ok(_) => assert!(wallet.nonce < 2_000, "blocks pile up in memory"),
            Err(failure) => break failure,
        }
    };
    assert!(refused.message.contains("state-flush-middle"), "{refused:?}");
    assert_eq!(client.get_page("/ready").unwrap().0, 503);
    let mined = wallet.nonce - 1;
    assert_eq!(client.nonce(wallet.address(), "latest"), mined, "reads go on");
    println!("{mined} blocks were made before new ones were refused");
    let dead = node.kill9();
    roots_hold(&dead);
    let node = dead.without_env().start();
    let mut client = node.client();
    assert_eq!(client.nonce(wallet.address(), "latest"), mined);
    for number in 0..mined {
        assert_eq!(client.balance(fresh(number), "latest"), 1, "transfer {number}");
    }
    wallet.nonce = mined;
    client.mined(&wallet.transfer(fresh(mined), 1));
}

/// The cut is not pushed to the disk by itself, which only a power cut could show.
#[test]
fn a_revert_survives_kill_9() {
    use crate::wallet::fresh;
    use serde_json::json;
    let mut node = Node::start(&[]);
    for round in 0..3 {
        let mut client = node.new_client();
        let nonce = client.nonce(Wallet::dev(0).address(), "latest");
        let mut wallet = Wallet { nonce, ..Wallet::dev(0) };
        client.mined(&wallet.transfer(fresh(1), 1));
        let before = client.get("eth_getBlockByNumber", json!(["latest", false]));
        let id = client.get("evm_snapshot", json!([]));
        for _ in 0..=round {
            client.mined(&wallet.transfer(fresh(2), 1));
        }
        client.get("anvil_setBalance", json!([fresh(3), "0x5"]));
        assert_eq!(client.get("evm_revert", json!([id])), true);
        node = node.restart();
        let after = node.client().get("eth_getBlockByNumber", json!(["latest", false]));
        assert_eq!(after, before, "round {round}");
        let zero = alloy_primitives::U256::ZERO;
        assert_eq!([2, 3].map(|it| node.client().balance(fresh(it), "latest")), [zero; 2]);
    }
}
