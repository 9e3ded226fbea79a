//! Networks of nodes under a virtual clock: whatever is delayed, lost, doubled, cut or killed, they agree in
//! the end, and no transaction is lost or mined twice.
//!
//! Each node is the real machine, chain, pool and signer on a disk of its own. One loop moves the time and
//! carries the messages; everything that is left to chance is drawn from one seed. A seed that fails is
//! printed, and runs alone with MAINSPRING_NETWORK_SEED=n; MAINSPRING_NETWORK_SEEDS=n runs so many of each
//! kind.
//!
//! | file | question |
//! |---|---|
//! | `node` | what is a node, and what does a crash leave of it? |
//! | `world` | what happens when? |
//! | `act` | what comes of what a node wants done? |
//! | `work` | who finds the next proof of work? |
//! | `faults` | what goes wrong in a run? |
//! | `deadlock` | what if every signer has signed lately, on two branches of one weight? |
//! | `claims` | is what is left right? |

mod act;
mod claims;
mod deadlock;
mod faults;
mod node;
mod work;
mod world;

use crate::{
    node::{Setup, Turn},
    wallet::key,
};
use alloy_genesis::{CliqueConfig, EthashConfig};
use alloy_primitives::U256;
use faults::Trouble;
use mainspring::{
    consensus::{
        clique::Extra,
        ethash::{Ethash, Sizes},
    },
    spec::{ChainSpec, Mode},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use world::World;

/// When a simulation begins, in milliseconds since 1970: a little after its genesis.
const MILLIS: u64 = 1_700_000_003_000;
/// Users; their keys come after those of the nodes.
const USERS: u64 = 6;
/// The key of the first user.
const FIRST_USER: u64 = 8;

/// What all nodes of a run have in common.
struct Rules {
    spec: Arc<ChainSpec>,
    ethash: Arc<Ethash>,
    signers: usize,
}

impl Rules {
    fn of(mode: Mode, nodes: usize) -> Self {
        let setup = Setup { keys: FIRST_USER + USERS, ..Setup::default() };
        let mut genesis = setup.genesis().genesis();
        genesis.config.extra_fields.remove("mainspring");
        if mode == Mode::Poa {
            let mut signers: Vec<_> = (0..nodes as u64).map(|one| key(one).address()).collect();
            signers.sort();
            genesis.extra_data = Extra { signers, ..Default::default() }.to_bytes();
            genesis.difficulty = U256::from(1);
            genesis.config.clique = Some(CliqueConfig { period: Some(2), epoch: Some(16) });
        } else {
            genesis.difficulty = U256::from(work::DIFFICULTY);
            genesis.config.terminal_total_difficulty = None;
            genesis.config.ethash = Some(EthashConfig {});
            let least = format!("{:#x}", work::DIFFICULTY);
            let rules = serde_json::json!({"minimumDifficulty": least, "bomb": false});
            genesis.config.extra_fields.insert("mainspring".to_owned(), rules);
        }
        Self {
            spec: Arc::new(ChainSpec::from_genesis(genesis).unwrap()),
            ethash: Ethash::with_sizes(Sizes::TINY),
            signers: if mode == Mode::Poa { nodes } else { 0 },
        }
    }

    const fn is_signer(&self, index: usize) -> bool {
        index < self.signers
    }
}

/// Runs one seed; panics if a claim does not hold. Answers what happened, as a hash.
fn run(mode: Mode, seed: u64, trouble: Option<Trouble>) -> alloy_primitives::B256 {
    let mut rng =
        StdRng::seed_from_u64(seed ^ if mode == Mode::Pow { 0x0057_0f57_ff57 } else { 0 });
    let nodes = rng.random_range(3..=7);
    let mut world = World::new(mode, nodes, trouble, rng);
    world.run();
    world.check();
    eprintln!("{mode:?} {seed}: {}", world.summary());
    world.trace()
}

/// Runs every `step`th seed from `first`, or those that the environment names.
fn run_seeds(mode: Mode, trouble: Option<Trouble>, first: u64, step: u64) {
    let _turn = Turn::with_others();
    let named = |name: &str| std::env::var(name).ok().map(|seed| seed.parse::<u64>().unwrap());
    let seeds: Vec<u64> =
        match (named("MAINSPRING_NETWORK_SEED"), named("MAINSPRING_NETWORK_SEEDS")) {
            (Some(seed), _) => vec![seed],
            (None, seeds) => (first..seeds.unwrap_or(25)).step_by(step as usize).collect(),
        };
    let mut failed = Vec::new();
    for seed in seeds {
        if catch_unwind(AssertUnwindSafe(|| run(mode, seed, trouble))).is_err() {
            eprintln!(
                "seed {seed} of {mode:?} failed; MAINSPRING_NETWORK_SEED={seed} runs it alone"
            );
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "seeds of {mode:?} that failed: {failed:?}");
}

#[test]
fn signers_agree_whatever_the_network_does_1() {
    run_seeds(Mode::Poa, None, 0, 2);
}

#[test]
fn signers_agree_whatever_the_network_does_2() {
    run_seeds(Mode::Poa, None, 1, 2);
}

#[test]
fn miners_agree_whatever_the_network_does_1() {
    run_seeds(Mode::Pow, None, 0, 2);
}

#[test]
fn miners_agree_whatever_the_network_does_2() {
    run_seeds(Mode::Pow, None, 1, 2);
}

#[test]
fn what_is_final_outlives_the_death_of_a_minority() {
    run_seeds(Mode::Poa, Some(Trouble::Deaths), 0, 3);
}

#[test]
fn a_seed_makes_the_same_run_each_time() {
    let _turn = Turn::with_others();
    let run = |seed| run(Mode::Poa, seed, None);
    assert_eq!(run(3), run(3));
    assert_ne!(run(4), run(3));
}
