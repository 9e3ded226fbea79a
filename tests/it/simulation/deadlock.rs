//! The deadlock of [EIP-3436](https://eips.ethereum.org/EIPS/eip-3436): an even number of signers, cut in
//! halves, each half with a branch of the same weight on which all of it has signed lately. Whoever kept to
//! the branch that it saw first would wait for the others for ever, and they for it.

use super::{
    faults::{Fault, OVER, Plan, Trouble},
    world::World,
};
use crate::{node::Turn, wallet::key};
use alloy_primitives::{B256, U256};
use mainspring::{sealer, spec::Mode};
use rand::{SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

/// Signers; of so many each may sign one block in three.
const SIGNERS: usize = 4;
/// Seeds of which one leads there; each is as likely as not.
const SEEDS: u64 = 40;

/// Nothing is lost or slow, but the first and third signer hear only each other, and so do the second and
/// the fourth: each half has one block in turn and one out of turn before it has to wait.
fn halves() -> Plan {
    let mut order: Vec<usize> = (0..SIGNERS).collect();
    order.sort_by_key(|index| key(*index as u64).address());
    let mut groups = vec![0; SIGNERS];
    for (place, index) in order.into_iter().enumerate() {
        groups[index] = place % 2;
    }
    let faults = vec![(0, Fault::Cut(groups)), (OVER, Fault::Heal)];
    Plan { faults, lost: 0, doubled: 0, slow: 20, trouble: Trouble::Any }
}

impl World {
    /// The branches, by their newest block, with their weight and length; does nobody on any of them have a
    /// turn?
    fn branches(&self) -> (BTreeMap<B256, (U256, u64)>, bool) {
        let (mut branches, mut all_wait) = (BTreeMap::new(), true);
        for node in &self.nodes {
            let running = node.running.as_ref().expect("nobody was killed");
            let head = running.chain.head();
            let weight = running.chain.total_difficulty(head.number).unwrap();
            branches.insert(head.seal(), (weight, head.number));
            let plan = running.sealer.plan(&mut StdRng::seed_from_u64(0)).unwrap();
            let (_, turn, _) = plan.expect("all nodes have keys");
            all_wait &= matches!(turn, sealer::Turn::Recently { .. });
        }
        (branches, all_wait)
    }

    /// Are there two branches of one weight and length, and has everybody signed lately?
    fn is_deadlocked(&self) -> bool {
        let (branches, all_wait) = self.branches();
        let weights: Vec<_> = branches.values().collect();
        all_wait && weights.len() == 2 && weights[0] == weights[1]
    }
}

#[test]
fn signers_who_all_signed_lately_on_two_equal_branches_agree_on_one() {
    let _turn = Turn::with_others();
    let cut = |seed| {
        let mut world = World::with_plan(Mode::Poa, SIGNERS, halves(), StdRng::seed_from_u64(seed));
        world.run_until(OVER - 1);
        world
    };
    let mut worlds = (0..SEEDS).map(cut);
    let mut world = worlds.find(World::is_deadlocked).expect("some halves weigh the same");
    let (before, _) = world.branches();
    let (_, height) = before.values().next().unwrap();
    world.run();
    world.check();
    let chain = &world.nodes[0].running.as_ref().unwrap().chain;
    let kept = chain.header(*height).unwrap().unwrap().seal();
    assert!(before.contains_key(&kept), "one of the two branches is the chain");
    eprintln!("{}", world.summary());
}
