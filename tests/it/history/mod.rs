//! Whatever happens, every block since genesis answers as the simple model does.

mod branches;
mod named;
mod steps;

use crate::{
    node::{COINBASE, Setup, TestChain, check_stored},
    wallet::key,
    world::{Holder, World},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{Nibbles, proof::verify_proof};
use mainspring::{
    chain::{ChainError, FlushLimits},
    spec::Fork,
    state::{StateView, full_root},
    storage::Durability,
};
use rand::{
    Rng, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, IteratorRandom},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const STEPS: usize = 40;
const KEYS: u64 = 4;
/// Slots that transactions and edits write.
const SLOTS: u64 = 6;

/// The seeds to run: `MAINSPRING_SEED` names one, `MAINSPRING_SEEDS` says how many.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("MAINSPRING_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MAINSPRING_SEEDS").unwrap_or(50),
    }
}

#[test]
fn every_block_answers_as_the_model_whatever_happened_since() {
    each_seed(|seed| Run::new(seed).go());
}

#[test]
fn kept_states_answer_as_the_model_and_pruned_ones_say_that_they_are_gone() {
    each_seed(|seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let fork = if rng.random_bool(0.5) { Fork::London } else { Fork::Osaka };
        let keep_states = Some(rng.random_range(0..8));
        Run::start(rng, Setup { fork, keep_states, ..Setup::default() }).go();
    });
}

/// Runs a test for every seed, on two threads.
pub(crate) fn each_seed(run: impl Fn(u64) + Sync) {
    let run = &run;
    let (seeds, next) = (seeds(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = seeds.start + next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
                        next.store(seeds.end, Ordering::Relaxed);
                        eprintln!("seed {seed} fails: run it alone with MAINSPRING_SEED={seed}");
                        resume_unwind(cause);
                    }
                }
            });
        }
    });
}

/// The chain and what it should say.
struct Run {
    rng: StdRng,
    node: TestChain,
    /// By height: the hash, and the state.
    blocks: Vec<(B256, World)>,
    /// The head with the edits since.
    now: World,
    /// Id, height, and the head with the edits then.
    snapshots: Vec<(u64, usize, World)>,
    /// Whom transactions and edits are about.
    addresses: Vec<Address>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let forks = [Fork::London, Fork::Shanghai, Fork::Cancun, Fork::Osaka, Fork::Osaka];
        let fork = *forks.choose(&mut rng).unwrap();
        Self::start(rng, Setup { fork, ..Setup::default() })
    }

    /// With limits that the seed chooses.
    fn start(mut rng: StdRng, setup: Setup) -> Self {
        let tiny = FlushLimits {
            blocks: rng.random_range(1..4),
            bytes: 1 << rng.random_range(8..14),
            gas: 1_000_000,
            age: Duration::from_millis(20),
        };
        let setup = Setup {
            keys: KEYS,
            flush: if rng.random_bool(0.5) { tiny } else { FlushLimits::default() },
            trie_nodes: if rng.random_bool(0.6) { rng.random_range(8..64) } else { 100_000 },
            durability: Durability::Ephemeral,
            ..setup
        };
        let node = TestChain::start(setup);
        let world = World::genesis(&node.setup.genesis().genesis());
        let mut addresses: Vec<_> = (0..KEYS).map(|index| key(index).address()).collect();
        addresses.push(COINBASE);
        addresses.extend((1..4).map(|byte| Address::repeat_byte(0x70 + byte)));
        let blocks = vec![(node.chain.head().seal(), world.clone())];
        Self { rng, node, blocks, now: world, snapshots: Vec::new(), addresses }
    }

    fn go(mut self) {
        for step in 0..STEPS {
            match self.rng.random_range(0..100) {
                0..44 => self.mine(),
                44..50 => self.mine_empty(),
                50..64 => self.edit(),
                64..72 => self.snapshot(),
                72..82 => self.revert(),
                82..90 => self.node.chain.flush_state().unwrap(),
                90..95 => self.restart(true),
                _ => self.restart(false),
            }
            self.check_head();
            let some = self.rng.random_range(0..self.blocks.len());
            self.check_block(some);
            self.check_proofs(some);
            if step % 10 == 9 {
                (0..self.blocks.len()).for_each(|number| self.check_block(number));
            }
        }
        self.check_everything();
        self.restart(false);
        self.check_head();
        self.check_everything();
    }

    fn check_everything(&mut self) {
        for number in 0..self.blocks.len() {
            self.check_block(number);
            self.check_proofs(number);
        }
        self.node.chain.flush_state().unwrap();
        check_stored(&self.node);
        let reader = self.node.storage.state.reader().unwrap();
        let first = reader.first_state().unwrap().unwrap();
        for (number, (_, world)) in self.blocks.iter().enumerate().skip(first as usize) {
            assert_eq!(full_root(&reader, number as u64).unwrap(), world.root(), "rows {number}");
        }
    }

    /// The head, and the state with the edits since.
    fn check_head(&self) {
        let (head, view) = self.node.chain.latest().unwrap();
        let (hash, world) = self.blocks.last().unwrap();
        assert_eq!((head.number, head.seal()), (self.blocks.len() as u64 - 1, *hash));
        self.check_view(&view, &self.now, "latest");
        assert_eq!(head.state_root, world.root(), "root of block {}", head.number);
    }

    fn check_block(&self, number: usize) {
        let (hash, world) = &self.blocks[number];
        let header = self.node.chain.header(number as u64).unwrap().unwrap();
        assert_eq!(header.seal(), *hash, "hash of block {number}");
        let block = self.node.chain.block_by_hash(*hash).unwrap().unwrap();
        assert_eq!(block.number(), number as u64);
        for (index, transaction) in block.body.transactions.iter().enumerate() {
            let place = self.node.chain.locate(transaction.hash()).unwrap().unwrap();
            assert_eq!((place.block, place.index), (number as u64, index as u64));
        }
        let view = match self.node.chain.state_at(number as u64) {
            Err(ChainError::Pruned { number, first }) => return self.check_pruned(number, first),
            view => view.unwrap(),
        };
        self.check_view(&view, world, &format!("block {number}"));
    }

    /// The chain went back no further than to the first state that is kept.
    fn check_pruned(&self, number: u64, first: u64) {
        let has_pruning = self.node.setup.keep_states.is_some();
        assert!(
            has_pruning && number < first && first < self.blocks.len() as u64,
            "{number} {first}"
        );
    }

    fn check_view(&self, view: &StateView, world: &World, when: &str) {
        for address in world.holders.keys().chain(&self.addresses) {
            let Holder { nonce, balance, .. } = world.get(*address);
            let found = view.account(*address).unwrap();
            assert_eq!(
                found.is_some(),
                world.holders.contains_key(address),
                "{address} exists, {when}"
            );
            let account = found.unwrap_or_default();
            let holder = world.get(*address);
            assert_eq!((account.nonce, account.balance), (nonce, balance), "{address}, {when}");
            assert_eq!(account.code_hash, holder.code_hash(), "code of {address}, {when}");
            assert_eq!(view.code(account.code_hash).unwrap(), holder.code, "{address}, {when}");
            for slot in (0..SLOTS).map(U256::from).chain(holder.slots.keys().copied()) {
                let expected = holder.slots.get(&slot).copied().unwrap_or_default();
                let value = view.storage(*address, slot).unwrap();
                assert_eq!(value, expected, "slot {slot} of {address}, {when}");
            }
        }
    }

    /// Proofs of some accounts that exist or not, and of some slots.
    fn check_proofs(&mut self, number: usize) {
        let (_, world) = &self.blocks[number];
        let header = self.node.chain.header(number as u64).unwrap().unwrap();
        let all = world.holders.keys().chain(&self.addresses).chain(self.now.holders.keys());
        for address in all.choose_multiple(&mut self.rng, 12) {
            let holder = world.get(*address);
            let mut slots: Vec<_> = (0..SLOTS).map(U256::from).collect();
            slots.extend(holder.slots.keys().choose_multiple(&mut self.rng, 4));
            let proof = match self.node.chain.prove(number as u64, *address, &slots) {
                Err(ChainError::Pruned { number, first }) => {
                    return self.check_pruned(number, first);
                }
                proof => proof.unwrap(),
            };
            let value = world.holders.get(address).map(|it| alloy_rlp::encode(it.in_trie()));
            let path = Nibbles::unpack(keccak256(address));
            let proven = verify_proof(header.state_root, path, value, &proof.proof);
            assert_eq!(proven, Ok(()), "proof of {address} at block {number}");
            let root = holder.in_trie().storage_root;
            for (slot, proof) in slots.iter().zip(&proof.storage) {
                let value = holder.slots.get(slot).copied();
                assert_eq!((proof.slot, proof.value), (*slot, value.unwrap_or_default()));
                let value = value.map(|value| alloy_rlp::encode_fixed_size(&value).to_vec());
                let path = Nibbles::unpack(keccak256(B256::from(*slot)));
                let proven = verify_proof(root, path, value, &proof.proof);
                assert_eq!(proven, Ok(()), "slot {slot} of {address} at block {number}");
            }
        }
    }
}
