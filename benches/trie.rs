//! What does a state root cost after 10,000 of 1,000,000 accounts changed?
//!
//! Beside it alloy-trie's full root of the same accounts, in the same run: the ratio is what
//! carries from one machine to another.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, TrieAccount};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mainspring::{
    primitives::{Account, AccountChange, StateChanges},
    state::{StateTrie, StorageIds},
    storage::{Durability, StateReader, Storage},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACCOUNTS: u64 = 1_000_000;
const CHANGED: usize = 10_000;

/// A chain of which each block changes some accounts. The trie of the block before is kept, as a
/// node keeps it.
struct Chain {
    rng: StdRng,
    trie: StateTrie,
    ids: StorageIds,
    reader: StateReader,
    block: u64,
    _dir: tempfile::TempDir,
}

fn address(number: u64) -> Address {
    Address::from_word(B256::from(U256::from(number)))
}

fn account(balance: u64) -> Account {
    Account { nonce: 1, balance: U256::from(balance), ..Account::default() }
}

fn changes(accounts: impl Iterator<Item = (u64, u64)>) -> StateChanges {
    let change = |(number, balance)| {
        let account = Some(account(balance));
        (address(number), AccountChange { account, ..AccountChange::default() })
    };
    StateChanges { accounts: accounts.map(change).collect(), ..StateChanges::default() }
}

impl Chain {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let storage = Storage::open(dir.path(), Durability::Ephemeral).expect("a new database");
        let mut chain = Self {
            rng: StdRng::seed_from_u64(1),
            trie: StateTrie::empty(),
            ids: StorageIds::new(1),
            reader: storage.state.reader().expect("a reader"),
            block: 0,
            _dir: dir,
        };
        drop(chain.apply(changes((0..ACCOUNTS).map(|number| (number, 1_000_000)))));
        chain
    }

    fn changes(&mut self) -> StateChanges {
        let picks = rand::seq::index::sample(&mut self.rng, ACCOUNTS as usize, CHANGED);
        let balance = self.rng.random();
        changes(picks.into_iter().map(|number| (number as u64, balance)))
    }

    /// Returns the trie before.
    fn apply(&mut self, mut changes: StateChanges) -> StateTrie {
        let before = self.trie.clone();
        self.trie
            .apply(&mut changes, self.block, &self.reader, &mut self.ids)
            .expect("everything is in memory");
        self.block += 1;
        before
    }
}

fn leaves() -> Vec<(Nibbles, TrieAccount)> {
    let leaf = |number| {
        let Account { nonce, balance, storage_root, code_hash, .. } = account(number);
        let key = Nibbles::unpack(keccak256(address(number)));
        (key, TrieAccount { nonce, balance, storage_root, code_hash })
    };
    let mut leaves: Vec<_> = (0..ACCOUNTS).map(leaf).collect();
    leaves.sort_unstable_by_key(|(key, _)| *key);
    leaves
}

fn full_root(leaves: &[(Nibbles, TrieAccount)]) -> B256 {
    let mut builder = HashBuilder::default();
    let mut value = Vec::new();
    for (key, account) in leaves {
        value.clear();
        alloy_rlp::Encodable::encode(account, &mut value);
        builder.add_leaf(*key, &value);
    }
    builder.root()
}

fn median(mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..9).map(|_| run()).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn print_ratio(chain: &mut Chain, leaves: &[(Nibbles, TrieAccount)]) {
    let full = median(|| {
        let start = Instant::now();
        black_box(full_root(leaves));
        start.elapsed()
    });
    let incremental = median(|| {
        let changes = chain.changes();
        let start = Instant::now();
        let before = chain.apply(changes);
        let took = start.elapsed();
        drop(before);
        took
    });
    let ratio = full.as_secs_f64() / incremental.as_secs_f64();
    eprintln!("full {full:?}, {CHANGED} changed {incremental:?}: 1/{ratio:.1}");
}

fn roots(criterion: &mut Criterion) {
    let (mut chain, leaves) = (Chain::new(), leaves());
    print_ratio(&mut chain, &leaves);
    let mut group = criterion.benchmark_group("root of 1,000,000 accounts");
    group.sample_size(10);
    group.bench_function("alloy-trie, full", |bencher| bencher.iter(|| full_root(&leaves)));
    group.bench_function("10,000 changed", |bencher| {
        let chain = std::cell::RefCell::new(&mut chain);
        bencher.iter_batched(
            || chain.borrow_mut().changes(),
            |changes| chain.borrow_mut().apply(changes),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, roots);
criterion_main!(benches);
