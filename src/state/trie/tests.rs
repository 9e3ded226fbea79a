//! Do tries, proofs and history agree with a model, over real rows?

use super::{history::full_root, proof::hashed, *};
use crate::{
    primitives::{Account, AccountChange, BlockNumHash, StateChanges},
    storage::{Durability, FlushBlock, StateBatch, StateReader, Storage, TrieChanges, TrieRow},
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{
    HashBuilder, TrieAccount,
    proof::{ProofRetainer, verify_proof},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::collections::{BTreeMap, hash_map::Entry};

/// Balance and slots by address.
type Model = BTreeMap<Address, (u64, BTreeMap<U256, U256>)>;

/// Keys that share most of their nibbles, so that nodes lie deep and inside one another.
pub(super) fn crowded_key(rng: &mut StdRng) -> B256 {
    let base = [0x00, 0x11, 0x77][rng.random_range(0..3)];
    let mut key = B256::repeat_byte(base);
    let places: &[usize] = &[0, 15, 29, 30, 31, 31, 31];
    for _ in 0..rng.random_range(0..3) {
        let place = *places.choose(rng).unwrap();
        key[place] ^= [0x01, 0x10, 0x02][rng.random_range(0..3)];
    }
    key
}

fn root_of(leaves: BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack_array(&key.0), &value);
    }
    builder.root()
}

fn slots_root(slots: &BTreeMap<U256, U256>) -> B256 {
    let leaf = |(slot, value): (&U256, &U256)| {
        (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value))
    };
    root_of(slots.iter().map(leaf).collect())
}

fn trie_account(balance: u64, slots: &BTreeMap<U256, U256>) -> TrieAccount {
    let storage_root = slots_root(slots);
    TrieAccount { balance: U256::from(balance), storage_root, ..Default::default() }
}

fn model_root(model: &Model) -> B256 {
    let leaf = |(address, (balance, slots)): (&Address, &(u64, BTreeMap<U256, U256>))| {
        (keccak256(address), alloy_rlp::encode(trie_account(*balance, slots)))
    };
    root_of(model.iter().map(leaf).collect())
}

/// A small chain: a trie at its head, rows behind it, a model of every block.
struct World {
    rng: StdRng,
    storage: Storage,
    _dir: tempfile::TempDir,
    trie: StateTrie,
    ids: StorageIds,
    /// One model a block.
    history: Vec<Model>,
    /// Blocks that are not written yet.
    pending: Vec<(u64, B256, StateChanges)>,
    removals: Removals,
    flushed: Option<u64>,
    accounts: u64,
    slots: u64,
}

fn block_hash(number: u64) -> BlockNumHash {
    BlockNumHash::new(number, keccak256(number.to_be_bytes()))
}

impl World {
    fn new(seed: u64, accounts: u64, slots: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            rng: StdRng::seed_from_u64(seed),
            storage: Storage::open(dir.path(), Durability::Ephemeral).unwrap(),
            _dir: dir,
            trie: StateTrie::empty(),
            ids: StorageIds::new(1),
            history: Vec::new(),
            pending: Vec::new(),
            removals: Removals::default(),
            flushed: None,
            accounts,
            slots,
        }
    }

    fn reader(&self) -> StateReader {
        self.storage.state.reader().unwrap()
    }

    fn model(&self) -> Model {
        self.history.last().cloned().unwrap_or_default()
    }

    fn address(&mut self) -> Address {
        Address::from_word(B256::from(U256::from(self.rng.random_range(0..self.accounts))))
    }

    fn random_slots(&mut self, into: &mut BTreeMap<U256, U256>, change: &mut AccountChange) {
        for _ in 0..self.rng.random_range(0..8) {
            let slot = U256::from(self.rng.random_range(0..self.slots));
            let value = [0, 0, 1, 127, 128, u64::MAX][self.rng.random_range(0..6)];
            let value = U256::from(value);
            change.storage.insert(slot, value);
            match value.is_zero() {
                true => into.remove(&slot),
                false => into.insert(slot, value),
            };
        }
    }

    fn random_change(&mut self, model: &mut Model, address: Address) -> AccountChange {
        let mut change = AccountChange::default();
        let kind = self.rng.random_range(0..10);
        if kind < 2 {
            model.remove(&address);
            return change;
        }
        let balance = self.rng.random_range(0..1000);
        let (known, mut slots) = model.remove(&address).unwrap_or_default();
        if kind == 2 {
            change.wiped = true;
            slots.clear();
        }
        if kind > 4 {
            self.random_slots(&mut slots, &mut change);
        }
        let balance = if kind == 9 { known } else { balance };
        let account = Account { balance: U256::from(balance), ..Default::default() };
        change.account = Some(account);
        model.insert(address, (balance, slots));
        change
    }

    fn block(&mut self) {
        let number = self.history.len() as u64;
        let (mut model, mut changes) = (self.model(), StateChanges::default());
        for _ in 0..self.rng.random_range(0..12) {
            let address = self.address();
            if let Entry::Vacant(new) = changes.accounts.entry(address) {
                new.insert(self.random_change(&mut model, address));
            }
        }
        self.history.push(model);
        self.commit(changes);
        let (model, (.., changes)) = (self.model(), self.pending.last().unwrap());
        assert_eq!(self.trie.root(), model_root(&model), "block {number}");
        for (address, change) in &changes.accounts {
            let Some(account) = change.account else { continue };
            assert_eq!(account.storage_root, slots_root(&model[address].1));
            assert!(account.storage_id != 0 || account.storage_root == EMPTY_ROOT_HASH);
        }
    }

    /// Applies the changes as the block above the newest one applied.
    fn commit(&mut self, mut changes: StateChanges) {
        let newest = self.pending.last().map(|(number, ..)| *number).or(self.flushed);
        let number = newest.map_or(0, |newest| newest + 1);
        let reader = self.reader();
        let gone = self.trie.apply(&mut changes, number, &reader, &mut self.ids).unwrap();
        self.removals.extend(gone);
        self.pending.push((number, self.trie.root(), changes));
    }

    fn flush(&mut self) {
        let Some((last, ..)) = self.pending.last() else { return };
        let flushed = Some(*last);
        let removals = std::mem::take(&mut self.removals);
        let trie = TrieChanges {
            removed_owners: removals.owners,
            removed: removals.branches,
            rows: self.trie.rows_since(self.flushed),
        };
        let block = |(number, root, changes)| FlushBlock {
            root,
            block: block_hash(number),
            changes,
            transactions: &[],
            inside: None,
            receipts: &[],
        };
        let blocks =
            self.pending.iter().map(|(number, root, changes)| block((*number, *root, changes)));
        let next_storage_id = self.ids.next();
        let batch = StateBatch { blocks: blocks.collect(), trie, next_storage_id };
        self.storage.state.flush(&batch).unwrap();
        self.pending.clear();
        self.flushed = flushed;
    }

    fn check_proof(&self, proof: &AccountProof, model: &Model, address: Address) {
        let known = model.get(&address);
        let leaf = known.map(|(balance, slots)| trie_account(*balance, slots));
        let value = leaf.as_ref().map(alloy_rlp::encode);
        let key = hashed(address.as_slice());
        verify_proof(model_root(model), key, value, &proof.proof).unwrap();
        assert_eq!(proof.account.is_some(), known.is_some());
        for slot in &proof.storage {
            let value = known.and_then(|(_, slots)| slots.get(&slot.slot)).copied();
            assert_eq!(slot.value, value.unwrap_or_default());
            let root = leaf.as_ref().map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
            let key = hashed(&slot.slot.to_be_bytes::<32>());
            verify_proof(root, key, value.map(alloy_rlp::encode), &slot.proof).unwrap();
        }
    }

    fn some_slots(&self) -> Vec<U256> {
        (0..self.slots + 2).step_by(1 + self.slots as usize / 8).map(U256::from).collect()
    }

    fn check_head_proofs(&mut self) {
        let (reader, model) = (self.reader(), self.model());
        for _ in 0..4 {
            let address = self.address();
            let proof = self.trie.prove(&reader, address, &self.some_slots()).unwrap();
            self.check_proof(&proof, &model, address);
        }
    }

    /// Every block up to the flushed head, from rows alone.
    fn check_history(&mut self) {
        let Some(flushed) = self.flushed else { return };
        let reader = self.reader();
        let head_root = model_root(&self.history[flushed as usize]);
        for at in 0..=flushed {
            let (address, model) = (self.address(), self.history[at as usize].clone());
            let root = model_root(&model);
            assert_eq!(full_root(&reader, at).unwrap(), root);
            let slots = self.some_slots();
            let proof = prove_at(&reader, head_root, at, root, address, &slots).unwrap();
            self.check_proof(&proof, &model, address);
            let wrong = prove_at(&reader, head_root, at, B256::ZERO, address, &[]);
            assert!(matches!(wrong, Err(TrieError::RootMismatch { .. })));
            let rewound = rewind(&reader, head_root, at).unwrap();
            assert_eq!(rewound.trie.root(), root);
            let rewound = rewound.trie.prove(&reader, address, &[]).unwrap();
            assert_eq!(rewound.proof, proof.proof);
        }
    }

    /// The stored branches are exactly those of the flushed head, and lead to every leaf.
    fn check_rows(&self) {
        let Some(flushed) = self.flushed else { return };
        let model = &self.history[flushed as usize];
        let reader = self.reader();
        let mut trie = StateTrie::empty();
        let mut changes = StateChanges::default();
        for (address, (balance, slots)) in model {
            let account = Account { balance: U256::from(*balance), ..Default::default() };
            let storage = slots.iter().map(|(slot, value)| (*slot, *value)).collect();
            let change = AccountChange { account: Some(account), wiped: false, storage };
            changes.accounts.insert(*address, change);
        }
        let mut ids = StorageIds::new(1);
        trie.apply(&mut changes, 0, &reader, &mut ids).unwrap();
        let bare = |row: TrieRow| (row.path, row.value);
        let (mut expected, mut stored) = (BTreeMap::new(), BTreeMap::new());
        for row in trie.rows_since(None) {
            let owner = if row.owner == 0 { 0 } else { 1 };
            *expected.entry((owner, bare(row))).or_insert(0) += 1;
        }
        for owner in 0..self.ids.next() {
            let mut from = Some(Nibbles::new());
            while let Some(at) = from.take() {
                let Some((path, value)) = reader.branch_from(owner, &at).unwrap() else { break };
                *stored.entry((owner.min(1), (path, value))).or_insert(0) += 1;
                from = Some(path.join(&Nibbles::from_nibbles([0])));
            }
        }
        assert_eq!(stored, expected);
    }

    fn unwind(&mut self) {
        let Some(flushed) = self.flushed else { return };
        let to = self.rng.random_range(0..=flushed);
        let head_root = model_root(&self.history[flushed as usize]);
        let rewound = rewind(&self.reader(), head_root, to).unwrap();
        let root = rewound.trie.root();
        self.storage.state.unwind(block_hash(to), root, &rewound.stored).unwrap();
        self.trie = rewound.trie;
        self.history.truncate(to as usize + 1);
        self.pending.clear();
        self.removals = Removals::default();
        self.flushed = Some(to);
        assert_eq!(self.trie.root(), model_root(&self.model()));
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.rng.random_range(0..20) {
                0..12 => self.block(),
                12..15 => self.flush(),
                15..17 => {
                    let budget = [0, 3, 20, 60][self.rng.random_range(0..4)];
                    if let Some(flushed) = self.flushed {
                        self.trie.collapse(flushed, budget);
                    }
                }
                17 if !self.history.is_empty() => self.check_head_proofs(),
                18 => self.check_rows(),
                19 if self.rng.random_bool(0.3) => self.unwind(),
                _ => {}
            }
        }
        self.flush();
        self.check_rows();
        self.check_history();
        assert_eq!(full_root(&self.reader(), u64::MAX).unwrap(), self.trie.root());
        let blind = StateTrie::at(self.trie.root());
        for _ in 0..10 {
            let address = self.address();
            let slots = self.some_slots();
            let proof = blind.prove(&self.reader(), address, &slots).unwrap();
            assert_eq!(proof, self.trie.prove(&self.reader(), address, &slots).unwrap());
            self.check_proof(&proof, &self.model(), address);
        }
    }
}

#[test]
fn random_blocks_over_few_accounts_agree_with_the_model() {
    for seed in 0..12 {
        World::new(seed, 12, 6).run(150);
    }
}

#[test]
fn random_blocks_over_many_accounts_and_slots_agree_with_the_model() {
    for seed in 100..104 {
        World::new(seed, 400, 200).run(200);
    }
}

fn changes(accounts: impl IntoIterator<Item = (u64, AccountChange)>) -> StateChanges {
    let address = |number| Address::from_word(B256::from(U256::from(number)));
    let accounts = accounts.into_iter().map(|(number, change)| (address(number), change));
    StateChanges { accounts: accounts.collect(), ..Default::default() }
}

fn funded(balance: u64) -> AccountChange {
    let account = Some(Account { balance: U256::from(balance), ..Default::default() });
    AccountChange { account, ..Default::default() }
}

#[test]
fn rows_of_another_block_are_stale_and_leave_the_trie_as_it_was() {
    let mut world = World::new(7, 300, 10);
    (0..40).for_each(|_| world.block());
    world.flush();
    let behind = StateTrie::at(world.trie.root());
    let (mut trie, mut ids) = (StateTrie::at(world.trie.root()), world.ids);
    (0..20).for_each(|_| world.block());
    world.flush();
    let all = || changes((0..300).map(|number| (number, funded(number + 1))));
    let reader = world.reader();
    let (root, known) = (trie.root(), ids);
    for _ in 0..2 {
        let error = trie.apply(&mut all(), 41, &reader, &mut ids);
        assert!(matches!(error, Err(TrieError::Stale { owner: 0, .. })), "{error:?}");
        assert_eq!((trie.root(), ids), (root, known));
    }
    let error = behind.prove(&reader, world.address(), &[]);
    assert!(matches!(error, Err(TrieError::Stale { .. })), "{error:?}");
}

#[test]
fn a_branch_that_moved_up_is_not_dropped_before_its_parent_is_gone_from_the_rows() {
    let nibble = |number: &u64, at| {
        let address = Address::from_word(B256::from(U256::from(*number)));
        hashed(address.as_slice()).get_unchecked(at)
    };
    let lone = 0;
    let pair = (1..).find(|number| nibble(number, 0) != nibble(&lone, 0)).unwrap();
    let beside = |number: &u64| nibble(number, 0) == nibble(&pair, 0);
    let other = (pair + 1..).filter(beside).find(|it| nibble(it, 1) != nibble(&pair, 1)).unwrap();

    let mut world = World::new(11, 1, 1);
    world.commit(changes([lone, pair, other].map(|number| (number, funded(1)))));
    world.flush();
    world.commit(changes([(lone, AccountChange::default())]));
    world.trie.collapse(0, 0);
    world.commit(changes([(pair, funded(2))]));
    world.flush();
    assert_eq!(full_root(&world.reader(), 2).unwrap(), world.trie.root());
}

#[test]
fn nodes_inside_their_parent_are_not_listed_in_a_proof() {
    let (mut rng, world) = (StdRng::seed_from_u64(12), World::new(12, 1, 1));
    let reader = world.reader();
    let mut opener = resolve::Opener::new(&reader, 1);
    for size in [1, 2, 3, 10, 100] {
        let slots: BTreeMap<_, _> =
            (0..size).map(|_| (crowded_key(&mut rng), U256::from(9))).collect();
        let mut edits: Vec<_> =
            slots.iter().map(|(key, value)| edit::Edit::new(*key, Some(*value))).collect();
        let root = edit::Editor::new(1, 1).apply(None, &mut edits).unwrap();
        let keys: Vec<_> = (0..50).map(|_| crowded_key(&mut rng)).chain([B256::ZERO]).collect();
        let nibbles = |key: &B256| Nibbles::unpack_array(&key.0);
        let retainer = ProofRetainer::from_iter(keys.iter().map(nibbles));
        let mut builder = HashBuilder::default().with_proof_retainer(retainer);
        for (key, value) in &slots {
            builder.add_leaf(nibbles(key), &alloy_rlp::encode(value));
        }
        assert_eq!(builder.root(), root_hash(root.as_ref()));
        let passed = builder.take_proof_nodes();
        for key in &keys {
            let way = proof::walk(&mut opener, root.as_ref(), &nibbles(key)).unwrap();
            assert_eq!(way.value, slots.get(key).copied());
            let value = way.value.map(alloy_rlp::encode);
            verify_proof(builder.root(), nibbles(key), value, &way.proof).unwrap();
            assert_eq!(history::listed(&passed, &nibbles(key)), way.proof);
        }
    }
}

#[test]
fn a_contract_keeps_its_storage_id_until_it_is_wiped() {
    let world = World::new(9, 1, 1);
    let (reader, mut trie, mut ids) = (world.reader(), StateTrie::empty(), StorageIds::new(5));
    let mut step = |block: u64, change: AccountChange| {
        let mut changes = changes([(1, change)]);
        let gone = trie.apply(&mut changes, block, &reader, &mut ids).unwrap();
        let account = changes.accounts.into_values().next().unwrap().account;
        (account.map(|account| account.storage_id), gone.owners)
    };
    let with = |wiped, value: u64| AccountChange {
        wiped,
        storage: [(U256::ONE, U256::from(value))].into_iter().collect(),
        ..funded(1)
    };
    assert_eq!(step(0, funded(1)), (Some(0), vec![]));
    assert_eq!(step(1, with(false, 0)), (Some(0), vec![]));
    assert_eq!(step(2, with(false, 7)), (Some(5), vec![]));
    assert_eq!(step(3, with(false, 0)), (Some(5), vec![]));
    assert_eq!(step(4, funded(9)), (Some(5), vec![]));
    assert_eq!(step(5, with(true, 7)), (Some(6), vec![5]));
    assert_eq!(step(6, AccountChange { wiped: true, ..funded(2) }), (Some(0), vec![6]));
    assert_eq!(step(7, with(false, 7)), (Some(7), vec![]));
    assert_eq!(step(8, AccountChange::default()), (None, vec![7]));
    assert_eq!(trie.root(), EMPTY_ROOT_HASH);
}

#[test]
fn a_collapse_keeps_to_its_budget_and_the_newest_blocks() {
    let world = World::new(10, 1, 1);
    let (reader, mut trie, mut ids) = (world.reader(), StateTrie::empty(), StorageIds::new(1));
    let mut old = changes((0..2000).map(|number| (number, funded(1))));
    let mut new = changes((0..50).map(|number| (number, funded(2))));
    trie.apply(&mut old, 1, &reader, &mut ids).unwrap();
    trie.apply(&mut new, 2, &reader, &mut ids).unwrap();
    let (root, all) = (trie.root(), trie.resident());
    assert!(all > 2500, "{all}");
    let mut unflushed = trie.clone();
    unflushed.collapse(0, 10);
    assert_eq!(unflushed.resident(), all);
    trie.collapse(2, 1000);
    assert_eq!(trie.resident(), 750);
    assert_eq!(trie.root(), root);
    trie.collapse(1, 10);
    assert!((50..300).contains(&trie.resident()), "{}", trie.resident());
    assert_eq!(trie.root(), root);
    assert!(!trie.rows_since(Some(1)).is_empty());
    trie.collapse(2, 10);
    assert!(trie.resident() <= 10, "{}", trie.resident());
    assert_eq!(trie.root(), root);
}
