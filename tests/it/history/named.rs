//! Chains with names: wherever one goes, each comes back exactly as it was left.

use super::{Run, STEPS, each_seed};
use crate::{node::Setup, world::World};
use alloy_primitives::{B256, map::B256Map};
use mainspring::chain::{BranchInfo, BranchLimits};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IteratorRandom};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Branches that the model keeps.
const MOST: usize = 6;

#[test]
fn every_branch_comes_back_as_the_model_remembers_it() {
    let (seeds, gone_to) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each_seed(|seed| {
        gone_to.fetch_add(Branches::new(seed).go(), Ordering::Relaxed);
        seeds.fetch_add(1, Ordering::Relaxed);
    });
    let (seeds, gone_to) = (seeds.into_inner(), gone_to.into_inner());
    assert!(gone_to > 2 * seeds || seeds < 10, "{gone_to} checkouts in {seeds} runs are too few");
}

/// A chain that somebody left.
#[derive(Clone)]
struct Left {
    blocks: Vec<(B256, World)>,
    now: World,
    snapshots: Vec<(u64, usize, World)>,
}

struct Branches {
    run: Run,
    current: String,
    others: BTreeMap<String, Left>,
    made: usize,
    checkouts: usize,
}

impl Branches {
    fn new(seed: u64) -> Self {
        let branches = BranchLimits { count: MOST + 1, ..BranchLimits::default() };
        let setup = Setup { branches, ..Setup::default() };
        let run = Run::start(StdRng::seed_from_u64(seed), setup);
        let current = "main".to_owned();
        Self { run, current, others: BTreeMap::new(), made: 0, checkouts: 0 }
    }

    /// Answers how often another branch became the chain.
    fn go(mut self) -> usize {
        for step in 0..STEPS {
            match self.run.rng.random_range(0..100) {
                0..26 => self.run.mine(),
                26..30 => self.run.mine_empty(),
                30..40 => self.run.edit(),
                40..45 => self.run.snapshot(),
                45..50 => self.run.revert(),
                50..56 => self.reorganise(),
                56..60 => self.roll_back(),
                60..70 => self.branch(),
                70..84 => self.checkout(),
                84..88 => self.delete(),
                88..94 => self.run.node.chain.flush_state().unwrap(),
                94..97 => self.restart(true),
                _ => self.restart(false),
            }
            self.run.check_head();
            self.check_list();
            let some = self.run.rng.random_range(0..self.run.blocks.len());
            self.run.check_block(some);
            if step % 10 == 9 {
                (0..self.run.blocks.len()).for_each(|number| self.run.check_block(number));
            }
        }
        self.run.check_everything();
        self.restart(false);
        for name in self.others.keys().cloned().collect::<Vec<_>>() {
            self.go_to(&name);
            self.run.check_head();
            self.run.check_everything();
        }
        if self.others.is_empty() {
            self.branch();
        }
        while let Some(name) = self.others.keys().next().cloned() {
            self.run.node.dev.delete_branch(&name).unwrap();
            self.others.remove(&name);
        }
        // What is left belongs to blocks of the current chain.
        let reader = self.run.node.storage.blocks.reader().unwrap();
        for kept in reader.kept_blocks().unwrap() {
            assert_eq!(reader.hash(kept.at.number).unwrap(), Some(kept.at.hash));
        }
        self.checkouts
    }

    fn here(&self) -> Left {
        Left {
            blocks: self.run.blocks.clone(),
            now: self.run.now.clone(),
            snapshots: self.run.snapshots.clone(),
        }
    }

    fn branch(&mut self) {
        let name = format!("branch-{}", self.made);
        let from = self.others.keys().choose(&mut self.run.rng).cloned();
        let from = from.filter(|_| self.run.rng.random_bool(0.4));
        let made = self.run.node.dev.branch(&name, from.as_deref());
        if self.others.len() >= MOST {
            assert!(made.unwrap_err().to_string().contains("--max-branches"));
            return;
        }
        made.unwrap();
        self.made += 1;
        let mut left = from.map_or_else(|| self.here(), |from| self.others[&from].clone());
        left.snapshots.clear();
        self.others.insert(name, left);
    }

    fn checkout(&mut self) {
        let Some(name) = self.others.keys().choose(&mut self.run.rng).cloned() else {
            let refused = self.run.node.dev.checkout("nobody").unwrap_err().to_string();
            assert!(refused.contains("no branch \"nobody\""), "{refused}");
            return;
        };
        self.go_to(&name);
    }

    fn go_to(&mut self, name: &str) {
        self.run.node.dev.checkout(name).unwrap();
        self.checkouts += 1;
        let left = self.here();
        let Left { blocks, now, snapshots } = self.others.remove(name).unwrap();
        (self.run.blocks, self.run.now, self.run.snapshots) = (blocks, now, snapshots);
        self.others.insert(std::mem::replace(&mut self.current, name.to_owned()), left);
    }

    fn delete(&mut self) {
        if let Some(name) = self.others.keys().choose(&mut self.run.rng).cloned() {
            self.run.node.dev.delete_branch(&name).unwrap();
            self.others.remove(&name);
        }
        let refused = self.run.node.dev.delete_branch(&self.current).unwrap_err().to_string();
        assert!(refused.contains("is the current branch"), "{refused}");
    }

    /// The newest blocks are replaced by empty ones.
    fn reorganise(&mut self) {
        let depth = self.run.rng.random_range(0..self.run.blocks.len().min(5));
        self.run.node.dev.reorganise(depth as u64, Vec::new()).unwrap();
        self.run.node.pool.drop_all();
        if depth > 0 {
            self.went_back(depth);
            let above = self.run.blocks.len() as u64;
            for number in above..above + depth as u64 {
                self.run.follow_block(number, &B256Map::default());
            }
        }
    }

    fn roll_back(&mut self) {
        let depth = self.run.rng.random_range(0..self.run.blocks.len().min(5));
        self.run.node.dev.roll_back(depth as u64).unwrap();
        self.went_back(depth);
    }

    fn went_back(&mut self, depth: usize) {
        let left = self.run.blocks.len() - depth;
        self.run.blocks.truncate(left);
        self.run.now = self.run.blocks[left - 1].1.clone();
        self.run.snapshots.retain(|(_, height, _)| *height < left);
    }

    fn restart(&mut self, clean: bool) {
        self.run.restart(clean);
        self.others.values_mut().for_each(|left| left.snapshots.clear());
    }

    /// Names, newest blocks, and how many blocks each has alone.
    fn check_list(&self) {
        let here = [(&self.current, &self.run.blocks)];
        let others = self.others.iter().map(|(name, left)| (name, &left.blocks));
        let all: BTreeMap<&String, &Vec<(B256, World)>> = here.into_iter().chain(others).collect();
        let list = self.run.node.dev.branches().unwrap();
        assert_eq!(
            list.iter().map(|it| &it.name).collect::<Vec<_>>(),
            all.keys().copied().collect::<Vec<_>>()
        );
        for BranchInfo { name, tip, is_current, own_blocks } in list {
            let blocks = all[&name];
            assert_eq!(
                (tip.number as usize, tip.hash),
                (blocks.len() - 1, blocks[blocks.len() - 1].0)
            );
            assert_eq!(is_current, name == self.current);
            let elsewhere: BTreeSet<B256> = all
                .iter()
                .filter(|(other, _)| ***other != name)
                .flat_map(|(_, blocks)| blocks.iter().map(|(hash, _)| *hash))
                .collect();
            let own = blocks.iter().filter(|(hash, _)| !elsewhere.contains(hash)).count();
            // The first block is everybody's, also of the only one.
            let own = own - usize::from(all.len() == 1);
            assert_eq!(own_blocks as usize, own, "own blocks of {name}");
        }
    }
}
