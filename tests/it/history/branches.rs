//! Branches of random blocks replace each other, and every canonical block answers as the model does.

use super::{KEYS, Run, each_seed};
use crate::{
    maker::{FAST, Maker, SLOW, Wanted},
    node::{COINBASE, Setup},
    wallet::key,
    world::{Gas, Sent, World},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, U256, map::B256Map};
use mainspring::{
    chain::Imported,
    primitives::{Block, Transaction},
    spec::Fork,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::sync::atomic::{AtomicUsize, Ordering};

const STEPS: usize = 30;

#[test]
fn every_canonical_block_answers_as_the_model_whichever_branch_won() {
    let (seeds, won) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each_seed(|seed| {
        won.fetch_add(Tree::new(seed).go(), Ordering::Relaxed);
        seeds.fetch_add(1, Ordering::Relaxed);
    });
    let (seeds, won) = (seeds.into_inner(), won.into_inner());
    assert!(won > seeds || seeds < 10, "{won} reorganisations in {seeds} runs test too little");
}

/// A block that was made, and what the state is after it.
struct Known {
    block: Block,
    world: World,
    /// Of the block and all before it.
    total: U256,
}

/// All branches, and the chain that they are imported into.
struct Tree {
    run: Run,
    maker: Maker,
    known: B256Map<Known>,
    /// In the order in which they were imported.
    order: Vec<B256>,
    head: B256,
    reorganised: usize,
}

impl Tree {
    fn new(seed: u64) -> Self {
        let setup = Setup { fork: Fork::London, work: true, ..Setup::default() };
        let run = Run::start(StdRng::seed_from_u64(seed), setup);
        let maker = Maker::new(&run.node.setup);
        let genesis = maker.genesis();
        let block = run.node.chain.block(0).unwrap().unwrap();
        let total = block.header.difficulty;
        let known = Known { block, world: run.now.clone(), total };
        let known = B256Map::from_iter([(genesis, known)]);
        Self { run, maker, known, order: vec![genesis], head: genesis, reorganised: 0 }
    }

    /// Answers how often a branch won.
    fn go(mut self) -> usize {
        for step in 0..STEPS {
            match self.run.rng.random_range(0..100) {
                0..70 => self.grow(),
                70..78 => self.repeat(),
                78..90 => self.run.node.chain.flush_state().unwrap(),
                90..95 => self.run.restart(true),
                _ => self.run.restart(false),
            }
            self.run.check_head();
            let some = self.run.rng.random_range(0..self.run.blocks.len());
            self.run.check_block(some);
            self.run.check_proofs(some);
            if step % 10 == 9 {
                (0..self.run.blocks.len()).for_each(|number| self.run.check_block(number));
            }
        }
        self.run.check_everything();
        self.run.restart(false);
        self.run.check_head();
        self.run.check_everything();
        self.reorganised
    }

    /// Some blocks on the head, or on a block that was seen lately, one by one or in bulk.
    fn grow(&mut self) {
        let lately = &self.order[self.order.len().saturating_sub(10)..];
        let mut parent = match self.run.rng.random_bool(0.2) {
            true => self.head,
            false => *lately.choose(&mut self.run.rng).unwrap(),
        };
        let mut blocks = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..self.run.rng.random_range(1..6) {
            let block = self.make(parent);
            parent = block.hash();
            expected.push(self.choose(parent));
            blocks.push(block);
        }
        let chain = self.run.node.chain.clone();
        if self.run.rng.random_bool(0.5) {
            for (block, expected) in blocks.iter().zip(expected) {
                assert_eq!(chain.import(block).unwrap(), expected, "block {}", block.number());
            }
        } else {
            let mut import = chain.importing();
            for (block, expected) in blocks.iter().zip(expected) {
                assert_eq!(import.add(block).unwrap(), expected, "block {}", block.number());
            }
            import.commit().unwrap();
        }
        self.follow_head();
    }

    /// A block that was imported before comes again, and a damaged copy of it.
    fn repeat(&mut self) {
        let hash = *self.order.choose(&mut self.run.rng).unwrap();
        let block = self.known[&hash].block.clone();
        assert_eq!(self.run.node.chain.import(&block).unwrap(), Imported::Known);
        let mut header = block.header.inner().clone();
        header.state_root.0[0] ^= 1;
        let damaged = Block::new(header, block.body.as_ref().clone());
        assert!(self.run.node.chain.import(&damaged).is_err());
    }

    /// A block of random transactions, and the model's state after it.
    fn make(&mut self, parent: B256) -> Block {
        self.run.now = self.known[&parent].world.clone();
        let mut sent: B256Map<Sent> = B256Map::default();
        let mut transactions: Vec<Transaction> = Vec::new();
        let mut nonces: Vec<_> =
            (0..KEYS).map(|index| self.run.now.get(key(index).address()).nonce).collect();
        for _ in 0..self.run.rng.random_range(0..6) {
            let from = self.run.rng.random_range(0..KEYS);
            let (transaction, what) = self.run.transaction(from, nonces[from as usize]);
            nonces[from as usize] += 1;
            sent.insert(transaction.hash(), what);
            transactions.push(transaction);
        }
        let seconds = [FAST, SLOW, 40][self.run.rng.random_range(0..3)];
        // No two blocks are the same.
        let tag = self.order.len() as u8;
        let block = self.maker.make(parent, Wanted::with(transactions, seconds, tag));
        let world = self.after(&block, &sent);
        assert_eq!(block.header.state_root, world.root(), "the maker and the model agree");
        let total = self.known[&parent].total + block.header.difficulty;
        self.order.push(block.hash());
        self.known.insert(block.hash(), Known { block: block.clone(), world, total });
        block
    }

    fn after(&self, block: &Block, sent: &B256Map<Sent>) -> World {
        let mut world = self.run.now.clone();
        let header = block.header.inner();
        world.begin(Fork::London, header);
        let mut gas_before = 0;
        let receipts = self.maker.receipts();
        for (transaction, receipt) in block.body.transactions.iter().zip(receipts.iter()) {
            let used = receipt.cumulative_gas_used - gas_before;
            let gas = Gas { limit: transaction.gas_limit(), used };
            gas_before = receipt.cumulative_gas_used;
            let success = world.run(&sent[&transaction.hash()], Fork::London, header, gas);
            assert_eq!(receipt.status.coerce_status(), success);
        }
        world.reward(COINBASE, U256::from(2) * U256::from(10).pow(U256::from(18)));
        world
    }

    /// What importing this block must do; the head follows.
    fn choose(&mut self, hash: B256) -> Imported {
        let block = &self.known[&hash];
        if block.block.header.parent_hash == self.head {
            self.head = hash;
            return Imported::Extended;
        }
        if block.total <= self.known[&self.head].total {
            return Imported::Side;
        }
        let (old, new) = (self.path(self.head), self.path(hash));
        let shared = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
        self.head = hash;
        self.reorganised += 1;
        Imported::Reorganised {
            removed: (old.len() - shared) as u64,
            added: (new.len() - shared) as u64,
        }
    }

    /// From genesis to this block.
    fn path(&self, tip: B256) -> Vec<B256> {
        let mut path = Vec::new();
        let mut at = tip;
        while let Some(known) = self.known.get(&at) {
            path.push(at);
            at = known.block.header.parent_hash;
        }
        path.reverse();
        path
    }

    fn follow_head(&mut self) {
        let path = self.path(self.head).into_iter();
        self.run.blocks = path.map(|hash| (hash, self.known[&hash].world.clone())).collect();
        self.run.now = self.known[&self.head].world.clone();
    }
}
