//! A chain goes on from a block that it did not execute, and its state begins there.

use crate::{
    code::{STORE, store},
    node::{Setup, TestChain, check_rows},
    wallet::{key, sign, transfer},
};
use alloy_consensus::{Header, constants::EMPTY_WITHDRAWALS};
use alloy_primitives::{Address, B256, U256, keccak256};
use mainspring::{
    chain::{BaseKind, ChainError, Founding},
    primitives::{Account, AccountChange, Block, Body, Edit, StateChanges},
    spec::Fork,
};
use std::sync::Arc;

const BASE: u64 = 1_000;
const CONTRACT: Address = Address::repeat_byte(0xcc);
const BOB: Address = Address::repeat_byte(0xb0);
/// No root of any state.
const ROOT: B256 = B256::repeat_byte(0xee);

fn upstream() -> BaseKind {
    BaseKind::Forked { chain_id: 1, number: BASE, hash: B256::repeat_byte(1) }
}

fn founding(kind: BaseKind) -> Founding {
    let header = Header {
        number: BASE,
        parent_hash: B256::repeat_byte(9),
        state_root: ROOT,
        gas_limit: 30_000_000,
        timestamp: 1_800_000_000,
        base_fee_per_gas: Some(1_000_000_000),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        ..Default::default()
    };
    let body = Body { withdrawals: Some(Default::default()), ..Default::default() };
    let mut changes = StateChanges::default();
    let account = |account, slots: &[(u64, u64)]| AccountChange {
        account: Some(account),
        wiped: false,
        storage: slots
            .iter()
            .map(|(slot, value)| (U256::from(*slot), U256::from(*value)))
            .collect(),
    };
    let rich =
        Account { balance: U256::from(10).pow(U256::from(20)), nonce: 5, ..Default::default() };
    changes.accounts.insert(key(0).address(), account(rich, &[]));
    let hash = keccak256(STORE);
    changes.codes.insert(hash, STORE);
    let contract = Account { code_hash: hash, nonce: 1, ..Default::default() };
    changes.accounts.insert(CONTRACT, account(contract, &[(1, 11), (2, 22)]));
    Founding {
        kind,
        block: Block::new(header, body),
        receipts: Arc::default(),
        total_difficulty: U256::from(17),
        changes,
    }
}

/// Without contracts that the system calls after each block.
fn setup(kind: BaseKind) -> Setup {
    Setup { founding: Some(founding(kind)), fork: Fork::Cancun, ..Setup::default() }
}

fn start(kind: BaseKind) -> TestChain {
    TestChain::start(setup(kind))
}

fn slot(node: &TestChain, number: u64, slot: u64) -> U256 {
    node.chain.state_at(number).unwrap().storage(CONTRACT, U256::from(slot)).unwrap()
}

/// Two blocks: a transfer, and a contract that changes its slots.
fn go_on(node: &TestChain) {
    node.send(transfer(&key(0), 5, BOB, 7)).unwrap();
    node.mine().unwrap();
    let input = store(&[(U256::from(1), U256::ZERO), (U256::from(3), U256::from(33))]);
    node.send(sign(&key(0), 6, CONTRACT.into(), U256::ZERO, input)).unwrap();
    node.mine().unwrap();
}

#[test]
fn a_chain_goes_on_from_a_block_whose_root_is_of_another_state() {
    let mut node = start(upstream());
    assert!(node.opened.created);
    assert_eq!((node.chain.first(), node.chain.head().state_root), (BASE, ROOT));
    go_on(&node);
    assert_eq!(node.account(key(0).address()).0, 7);
    assert_eq!(node.account(BOB).1, U256::from(7));
    assert_eq!([1, 2, 3].map(|it| slot(&node, BASE, it)), [11, 22, 0].map(U256::from));
    assert_eq!([1, 2, 3].map(|it| slot(&node, BASE + 2, it)), [0, 22, 33].map(U256::from));
    check_rows(&node);
    assert_eq!(node.chain.total_difficulty(BASE + 2).unwrap(), U256::from(17));

    let opened = node.reopen_after_crash();
    assert!(!opened.created);
    assert_eq!(node.chain.base().kind, upstream());
    assert_eq!([1, 2, 3].map(|it| slot(&node, BASE + 2, it)), [0, 22, 33].map(U256::from));
}

#[test]
fn blocks_above_the_base_that_were_not_written_are_executed_again() {
    let mut node = TestChain::start(setup(BaseKind::Loaded).quiet());
    go_on(&node);
    assert_eq!(node.reopen_after_crash().executed, 2);
    check_rows(&node);
}

#[test]
fn the_base_becomes_the_head_again_and_the_chain_takes_another_way() {
    let mut node = start(BaseKind::Loaded);
    let id = node.dev.snapshot().unwrap();
    go_on(&node);
    node.chain.flush_state().unwrap();
    assert!(node.dev.revert(id).unwrap());
    assert_eq!((node.chain.head().number, node.account(BOB).1), (BASE, U256::ZERO));
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(9))]).unwrap();
    node.mine().unwrap();
    check_rows(&node);
    node.chain.foundation(BASE).unwrap();
    node.dev.set_head(BASE).unwrap();
    assert_eq!((node.chain.head().number, slot(&node, BASE, 1)), (BASE, U256::from(11)));
    node.reopen_after_crash();
    go_on(&node);
    check_rows(&node);
    assert!(matches!(node.chain.unwind(BASE - 1, 0), Err(ChainError::UnknownBlock { .. })));
}

#[test]
fn what_is_proven_above_the_base_is_not_proven_at_it() {
    let node = start(BaseKind::Loaded);
    go_on(&node);
    let proven = node.chain.prove(BASE + 1, CONTRACT, &[U256::from(1)]).unwrap();
    assert_eq!(proven.storage[0].value, U256::from(11));
    node.chain.flush_state().unwrap();
    node.chain.prove(BASE + 1, CONTRACT, &[]).unwrap();
    let refused = node.chain.prove(BASE, CONTRACT, &[]).unwrap_err().to_string();
    assert!(refused.contains("was loaded at block 1000"), "{refused}");
}

#[test]
fn the_base_cannot_be_executed_and_nothing_is_below_it() {
    let node = start(upstream());
    go_on(&node);
    let base = node.chain.block(BASE).unwrap().unwrap();
    let refused = node.chain.replay_of(base).unwrap_err().to_string();
    assert!(refused.contains("forked from chain 1 at block 1000"), "{refused}");
    let above = node.chain.block(BASE + 1).unwrap().unwrap();
    assert!(node.chain.replay_of(above).unwrap().is_some());
    assert!(matches!(node.chain.state_at(BASE - 1), Err(ChainError::UnknownBlock { .. })));
}

#[test]
fn another_base_than_the_stored_one_is_refused_with_a_way_out() {
    let mut node = start(upstream());
    let again = |node: &mut TestChain, founding| {
        node.stop();
        node.setup.founding = founding;
        node.open().map_err(|error| error.to_string())
    };
    again(&mut node, None).unwrap();
    let other = BaseKind::Forked { chain_id: 10, number: 5, hash: B256::ZERO };
    let refused = again(&mut node, Some(founding(other))).unwrap_err();
    assert!(refused.contains("forked from chain 1 at block 1000"), "{refused}");
    assert!(refused.contains("not one that was forked from chain 10 at block 5"), "{refused}");
    assert!(refused.contains("--fresh") && refused.contains("--datadir"), "{refused}");
    node.setup.keys = 3;
    let refused = again(&mut node, None).unwrap_err();
    assert!(refused.contains("--fresh"), "{refused}");
}

#[test]
fn a_base_on_a_chain_with_a_genesis_is_refused() {
    let mut node = TestChain::start(Setup::default());
    node.stop();
    node.setup.founding = Some(founding(upstream()));
    let refused = node.open().unwrap_err().to_string();
    assert!(refused.contains("begins with genesis"), "{refused}");
}

#[test]
fn a_chain_with_a_genesis_stands_on_it() {
    let mut node = TestChain::start(Setup { first: 7, ..Setup::default() });
    node.mine().unwrap();
    let base = *node.chain.base();
    assert_eq!((base.kind, base.number, base.earliest), (BaseKind::Genesis, 7, 7));
    assert_eq!(base.hash, base.genesis);
    node.reopen_after_crash();
    assert_eq!(*node.chain.base(), base);
}

#[cfg(feature = "failpoints")]
#[test]
fn a_founding_that_was_cut_short_leaves_nothing_behind() {
    let mut node = TestChain::start_alone(Setup::default());
    node.stop();
    for after in [Setup::default(), setup(BaseKind::Loaded)] {
        let dir = tempfile::tempdir().unwrap();
        let cut = setup(upstream());
        fail::cfg("found-after-state", "return").unwrap();
        assert!(crate::node::Running::open(dir.path(), &cut).is_err());
        fail::remove("found-after-state");
        let mut other = crate::node::Running::open(dir.path(), &after).unwrap();
        assert!(other.opened.created);
        other.mine().unwrap();
        other.join();
    }
}
