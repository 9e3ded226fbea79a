//! What is read of the state page by page and inside blocks does not depend on what is written yet.

use crate::{
    code::{Constructor, STORE, destroy, store},
    node::{Setup, TestChain},
    wallet::{key, sign, transfer},
    world::create2_address,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use mainspring::{
    chain::Chain,
    primitives::Account,
    spec::{Fork, contracts::CREATE2_DEPLOYER_ADDRESS},
    state::{Keyed, StateView, next_key},
};
use std::collections::{BTreeMap, BTreeSet};

const SALT: B256 = B256::repeat_byte(5);
const CONSTRUCTOR: Constructor = Constructor::Writes(11, 22);

/// Nothing is written to the state unless a test says so.
fn start(fork: Fork) -> TestChain {
    TestChain::start(Setup { fork, writer: false, ..Setup::default() })
}

fn contract() -> Address {
    create2_address(SALT, CONSTRUCTOR)
}

fn deploy(nonce: u64) -> mainspring::primitives::Transaction {
    let input: Bytes = [SALT.as_slice(), &CONSTRUCTOR.code()].concat().into();
    sign(&key(0), nonce, TxKind::Call(CREATE2_DEPLOYER_ADDRESS), U256::ZERO, input)
}

fn call(nonce: u64, input: Bytes) -> mainspring::primitives::Transaction {
    sign(&key(0), nonce, TxKind::Call(contract()), U256::ZERO, input)
}

/// All entries, read in pages.
fn in_pages<K: Copy, V: Copy>(
    size: usize,
    page: impl Fn(B256, usize) -> Vec<Keyed<K, V>>,
) -> Vec<Keyed<K, V>> {
    let (mut all, mut from) = (Vec::new(), Some(B256::ZERO));
    while let Some(start) = from {
        let found = page(start, size);
        from = found.last().filter(|_| found.len() == size).and_then(|last| next_key(last.hash));
        all.extend(found);
    }
    all
}

/// What a block's state holds, without where the slots are stored.
fn accounts(view: &StateView, size: usize) -> BTreeMap<Address, Account> {
    let all = in_pages(size, |from, limit| view.accounts_from(from, limit).unwrap());
    assert!(all.is_sorted_by_key(|entry| entry.hash));
    let named = all.into_iter().map(|entry| {
        let address = entry.key.expect("every address is known");
        assert_eq!(entry.hash, keccak256(address));
        (address, Account { storage_id: 0, ..entry.value })
    });
    named.collect()
}

fn slots(view: &StateView, address: Address, size: usize) -> BTreeMap<U256, U256> {
    let Some(account) = view.account(address).unwrap() else { return BTreeMap::new() };
    let page = |from, limit| view.slots_from(Some(address), &account, from, limit).unwrap();
    let all = in_pages(size, page);
    assert!(all.is_sorted_by_key(|entry| entry.hash));
    all.into_iter().map(|entry| (entry.key.expect("every slot is known"), entry.value)).collect()
}

fn states(chain: &Chain) -> Vec<StateView> {
    (0..=chain.head().number).map(|number| chain.state_at(number).unwrap()).collect()
}

fn numbers(pairs: &[(u64, u64)]) -> BTreeMap<U256, U256> {
    pairs.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect()
}

#[test]
fn accounts_are_the_same_in_every_page_size_before_and_after_they_are_written() {
    let node = start(Fork::LATEST);
    for number in 0..6_u64 {
        for index in 0..10_u64 {
            let to = Address::with_last_byte((100 + number * 7 + index) as u8);
            node.send(transfer(&key(0), number * 10 + index, to, 1)).unwrap();
        }
        node.mine().unwrap();
        if number == 2 {
            node.chain.flush_state().unwrap();
        }
    }
    let in_memory: Vec<_> = states(&node.chain).iter().map(|view| accounts(view, 1_000)).collect();
    for (view, all) in states(&node.chain).iter().zip(&in_memory) {
        assert_eq!(accounts(view, 7), *all);
        for (address, account) in all {
            let read = view.account(*address).unwrap().unwrap();
            assert_eq!(Account { storage_id: 0, ..read }, *account);
        }
    }
    let count = |number: usize| in_memory[number].len();
    assert!(count(1) >= count(0) + 10 && count(6) >= count(1) + 35, "new ones in every block");
    node.chain.flush_state().unwrap();
    let written: Vec<_> = states(&node.chain).iter().map(|view| accounts(view, 3)).collect();
    assert_eq!(written, in_memory);
}

#[test]
fn slots_of_a_contract_that_was_destroyed_and_made_again_are_those_of_its_new_life() {
    let node = start(Fork::Shanghai);
    let many: Vec<_> = (3..20_u64).map(|slot| (U256::from(slot), U256::from(slot))).collect();
    let block = |transaction| {
        node.send(transaction).unwrap();
        node.mine().unwrap();
    };
    block(deploy(0));
    block(call(1, store(&many)));
    node.chain.flush_state().unwrap();
    block(call(2, store(&[(U256::from(7), U256::ZERO), (U256::from(90), U256::from(9))])));
    block(call(3, destroy(Address::ZERO)));
    block(deploy(4));
    block(call(5, store(&[(U256::from(90), U256::from(1))])));
    let mut lived = numbers(&[(1, 11), (2, 22)]);
    lived.extend(many.iter().copied());
    let mut changed = lived.clone();
    changed.remove(&U256::from(7));
    changed.insert(U256::from(90), U256::from(9));
    let wanted = [
        numbers(&[]),
        numbers(&[(1, 11), (2, 22)]),
        lived,
        changed,
        numbers(&[]),
        numbers(&[(1, 11), (2, 22)]),
        numbers(&[(1, 11), (2, 22), (90, 1)]),
    ];
    for _ in 0..2 {
        for size in [1, 5, 1_000] {
            let found: Vec<_> =
                states(&node.chain).iter().map(|view| slots(view, contract(), size)).collect();
            assert_eq!(found, wanted, "pages of {size}");
        }
        node.chain.flush_state().unwrap();
    }
    assert!(STORE.len() > 30, "the contract under test is there");
}

#[test]
fn inside_a_block_the_state_is_what_its_transactions_made_it_so_far() {
    let node = start(Fork::LATEST);
    node.send(deploy(0)).unwrap();
    for nonce in 1..=4 {
        let pair = (U256::from(50 + nonce), U256::from(nonce));
        node.send(call(nonce, store(&[pair]))).unwrap();
    }
    node.mine().unwrap();
    let block = node.chain.block(1).unwrap().unwrap();
    assert_eq!(block.body.transactions.len(), 5);
    for _ in 0..2 {
        for count in 0..=5_u64 {
            let view = node.chain.state_within(&block, count as usize).unwrap();
            let mut wanted = if count > 0 { numbers(&[(1, 11), (2, 22)]) } else { numbers(&[]) };
            wanted.extend((1..count).map(|nonce| (U256::from(50 + nonce), U256::from(nonce))));
            assert_eq!(slots(&view, contract(), 2), wanted, "after {count} transactions");
        }
        let roots = node.chain.intermediate_roots(&block).unwrap();
        assert_eq!(roots.len(), 5);
        assert_eq!(roots.iter().collect::<BTreeSet<_>>().len(), 5, "each changes something");
        assert_eq!(roots[4], block.header.state_root);
        // Once more from the rows, with newer blocks over them.
        node.mine().unwrap();
        node.chain.flush_state().unwrap();
    }
}

#[test]
fn modified_accounts_are_found_as_a_comparison_of_whole_states_finds_them() {
    let node = start(Fork::LATEST);
    node.send(deploy(0)).unwrap();
    node.mine().unwrap();
    node.send(call(1, store(&[(U256::from(60), U256::from(1))]))).unwrap();
    node.mine().unwrap();
    node.chain.flush_state().unwrap();
    node.send(transfer(&key(1), 0, Address::repeat_byte(0xaa), 1)).unwrap();
    node.mine().unwrap();
    // Back to what it was: modified against the block before, not against the one before that.
    node.send(call(2, store(&[(U256::from(60), U256::ZERO)]))).unwrap();
    node.mine().unwrap();
    let all: Vec<_> = states(&node.chain).iter().map(|view| accounts(view, 100)).collect();
    for from in 0..all.len() {
        for to in from + 1..all.len() {
            let differs = |address: &&Address| all[from].get(*address) != all[to].get(*address);
            let wanted: BTreeSet<_> = all[to].keys().filter(differs).copied().collect();
            let found = node.chain.modified_accounts(from as u64, to as u64).unwrap();
            assert!(found.is_sorted_by_key(keccak256));
            assert_eq!(BTreeSet::from_iter(found), wanted, "{from} to {to}");
        }
    }
    let is_modified =
        |from, to| node.chain.modified_accounts(from, to).unwrap().contains(&contract());
    assert_eq!([is_modified(1, 4), is_modified(3, 4), is_modified(0, 4)], [false, true, true]);
}
