//! `kill -9` while somebody goes from branch to branch: no named branch is lost, and never half of one
//! is checked out.
//!
//! `MAINSPRING_CRASH_ROUNDS` sets how often (8), `MAINSPRING_CRASH_SEED` which moments.

use crate::{
    crash::setting,
    crash_witness::roots_hold,
    harness::{Launch, heavy},
    wire::{Client, hash, number},
};
use alloy_primitives::B256;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IteratorRandom};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Gets a wei in every block.
const PAID: &str = "0x00000000000000000000000000000000000bea7e";
const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

/// What was answered of the branches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    current: String,
    /// Number and hash of the newest block.
    tips: BTreeMap<String, (u64, B256)>,
}

/// What may be on its way when the node is killed.
#[derive(Clone, Debug)]
enum Step {
    Pay,
    Name(String, Option<String>),
    Checkout(String),
    Delete(String),
    Replace(u64),
    GoBack(u64),
}

impl Step {
    fn any(random: &mut StdRng, seen: &Seen, count: u64) -> Self {
        let others = || seen.tips.keys().filter(|name| **name != seen.current);
        let other = others().choose(random).cloned();
        let height = seen.tips[&seen.current].0;
        match (random.random_range(0..100), other) {
            (0..35, _) => Self::Pay,
            (35..75, Some(other)) => Self::Checkout(other),
            (75..82, Some(other)) if seen.tips.len() > 4 => Self::Delete(other),
            (82..88, _) => Self::Replace(random.random_range(0..=height.min(3))),
            (88..92, _) => Self::GoBack(random.random_range(0..=height.min(3))),
            (_, other) => {
                Self::Name(format!("branch-{count}"), other.filter(|_| count.is_multiple_of(2)))
            }
        }
    }

    fn ask(&self) -> (&'static str, Value) {
        match self {
            Self::Pay => {
                let pay = json!({ "from": ALICE, "to": PAID, "value": "0x1", "gas": "0x5208" });
                ("eth_sendTransaction", json!([pay]))
            }
            Self::Name(name, from) => ("chain_branch", json!([name, from])),
            Self::Checkout(name) => ("chain_checkout", json!([name])),
            Self::Delete(name) => ("chain_deleteBranch", json!([name])),
            Self::Replace(depth) => {
                let pay = json!({ "from": ALICE, "to": PAID, "value": "0x1", "gas": "0x5208" });
                let pairs: Vec<_> = (0..*depth).map(|offset| json!([pay, offset])).collect();
                ("anvil_reorg", json!([depth, pairs]))
            }
            Self::GoBack(depth) => ("anvil_rollback", json!([depth])),
        }
    }

    /// What is there afterwards. Hashes of new blocks are not known beforehand.
    fn after(&self, seen: &Seen) -> Seen {
        let mut after = seen.clone();
        let (height, _) = seen.tips[&seen.current];
        match self {
            Self::Pay => drop(after.tips.insert(seen.current.clone(), (height + 1, B256::ZERO))),
            Self::Name(name, from) => {
                let from = from.as_ref().unwrap_or(&seen.current);
                after.tips.insert(name.clone(), seen.tips[from]);
            }
            Self::Checkout(name) => after.current = name.clone(),
            Self::Delete(name) => drop(after.tips.remove(name)),
            Self::Replace(0) | Self::GoBack(0) => {}
            Self::Replace(_) => drop(after.tips.insert(seen.current.clone(), (height, B256::ZERO))),
            Self::GoBack(depth) => {
                after.tips.insert(seen.current.clone(), (height - depth, B256::ZERO));
            }
        }
        after
    }
}

impl Seen {
    fn list(client: &mut Client) -> Self {
        let mut seen = Self::default();
        for branch in client.get("chain_listBranches", json!([])).as_array().unwrap() {
            let name = branch["name"].as_str().unwrap().to_owned();
            if branch["current"] == true {
                seen.current = name.clone();
            }
            seen.tips.insert(name, (number(&branch["number"]), hash(&branch["hash"])));
        }
        seen
    }

    /// Is this what was expected, where hashes that nobody knew may be any?
    fn is_as(&self, expected: &Self) -> bool {
        let mut filled = expected.clone();
        for (name, (_, hash)) in filled.tips.iter_mut().filter(|(_, tip)| tip.1 == B256::ZERO) {
            *hash = self.tips.get(name).map_or(B256::ZERO, |tip| tip.1);
        }
        *self == filled
    }
}

/// Goes on until the node is gone; what was seen, and what was on its way.
fn walk(mut client: Client, seed: u64, steps: &AtomicU64) -> (Seen, Step) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut seen = Seen::list(&mut client);
    loop {
        let step = Step::any(&mut random, &seen, steps.load(Ordering::SeqCst));
        let (method, params) = step.ask();
        match client.try_rpc(method, params.clone()) {
            Err(_gone) => return (seen, step),
            Ok(answer) => {
                drop(answer.unwrap_or_else(|error| panic!("{method} {params}: {error:?}")))
            }
        }
        let expected = step.after(&seen);
        steps.fetch_add(1, Ordering::SeqCst);
        // The list may be what is not answered any more.
        let Ok(list) = client.try_rpc("chain_listBranches", json!([])) else {
            return (expected, Step::Replace(0));
        };
        drop(list.unwrap());
        let Ok(head) = client.try_rpc("eth_getBlockByNumber", json!(["latest", false])) else {
            return (expected, Step::Replace(0));
        };
        let head = head.unwrap();
        seen = expected;
        let tip = (number(&head["number"]), hash(&head["hash"]));
        let known = seen.tips.insert(seen.current.clone(), tip).unwrap();
        assert_eq!(known.0, tip.0, "height after {step:?}");
        assert!(known.1 == B256::ZERO || known.1 == tip.1, "hash after {step:?}");
    }
}

#[test]
fn no_branch_is_lost_and_none_is_half_checked_out_by_kill_9() {
    let _alone = heavy();
    let rounds = setting("MAINSPRING_CRASH_ROUNDS", 8);
    let mut random = StdRng::seed_from_u64(setting("MAINSPRING_CRASH_SEED", 0x6272_616e));
    let mut node = Launch::new(&[]).start();
    let steps = AtomicU64::new(0);
    for round in 0..rounds {
        let (client, seed) = (node.new_client(), random.random());
        let until = steps.load(Ordering::SeqCst) + random.random_range(0..60);
        let (seen, dead, step) = std::thread::scope(|scope| {
            let walking = scope.spawn(|| walk(client, seed, &steps));
            let mut watch = node.new_client();
            // Every look is an answer of the node: nothing is waited for that does not happen.
            while steps.load(Ordering::SeqCst) < until {
                watch.get("eth_chainId", json!([]));
                assert!(!walking.is_finished(), "the walk has stopped");
            }
            let dead = node.kill9();
            let (seen, step) = walking.join().unwrap();
            (seen, dead, step)
        });
        roots_hold(&dead);
        node = dead.start();
        let mut client = node.new_client();
        let found = Seen::list(&mut client);
        let after = step.after(&seen);
        assert!(
            found.is_as(&seen) || found.is_as(&after),
            "round {round}, {step:?}: {found:#?} is neither {seen:#?} nor {after:#?}"
        );
        for (name, (height, tip)) in &found.tips {
            client.get("chain_checkout", json!([name]));
            let head = client.get("eth_getBlockByNumber", json!(["latest", false]));
            assert_eq!((number(&head["number"]), hash(&head["hash"])), (*height, *tip), "{name}");
            assert_eq!(client.balance(PAID.parse().unwrap(), "latest"), *height, "{name}");
        }
    }
    let steps = steps.into_inner();
    println!("{rounds} rounds, {steps} steps were answered");
}

/// Where a checkout's commit can end.
#[cfg(feature = "failpoints")]
#[test]
fn an_end_inside_a_checkout_leaves_the_old_or_the_new_branch() {
    let node = Launch::new(&[]).start();
    let mut client = node.new_client();
    let pay = json!([{ "from": ALICE, "to": PAID, "value": "0x1", "gas": "0x5208" }]);
    client.get("eth_sendTransaction", pay.clone());
    client.get("chain_branch", json!(["other"]));
    client.get("chain_checkout", json!(["other"]));
    client.get("eth_sendTransaction", pay);
    client.get("chain_checkout", json!(["main"]));
    client.get("anvil_mine", json!(["0x3"]));
    let seen = Seen::list(&mut client);
    let mut launch = node.kill9();
    for (point, moved) in [
        ("blocks-commit-before", false),
        ("blocks-commit-middle", false),
        ("blocks-commit-after", true),
        ("checkout-after-blocks", true),
        ("checkout-before-swap", true),
        ("state-unwind-before", true),
        ("state-unwind-middle", true),
    ] {
        // Starting writes what is in memory; only then the checkout takes the state back.
        launch.start().stop("TERM");
        let node = launch.env("MAINSPRING_ABORT_AT", &format!("{point}:1")).start();
        let mut client = node.new_client();
        assert!(client.try_rpc("chain_checkout", json!(["other"])).is_err(), "{point}");
        let (_status, dead) = node.ended();
        roots_hold(&dead);
        let node = dead.without_env().start();
        let mut client = node.new_client();
        let mut expected = seen.clone();
        if moved {
            expected.current = "other".to_owned();
        }
        assert_eq!(Seen::list(&mut client), expected, "{point}");
        let height = client.block_number();
        assert_eq!(height, seen.tips[&expected.current].0, "{point}");
        client.get("chain_checkout", json!(["main"]));
        launch = node.kill9();
    }
}
