//! What waits follows the chain: over reorganisations, reverts, restarts and damage.

use crate::{
    maker::{Maker, SLOW, Wanted},
    node::{Setup, TestChain},
    wallet::{key, transfer},
};
use alloy_primitives::{Address, B256};
use mainspring::{primitives::Transaction, spec::Fork};

const BOB: Address = Address::repeat_byte(0xb0);

fn pay(from: u64, nonce: u64, wei: u64) -> Transaction {
    transfer(&key(from), nonce, BOB, wei)
}

#[test]
fn what_a_losing_branch_held_waits_again_unless_the_winner_used_its_nonce() {
    let setup = Setup { work: true, fork: Fork::London, ..Setup::default() };
    let mut maker = Maker::new(&setup);
    let node = TestChain::start(setup);
    let mut news = node.chain.subscribe();
    let mut follow = || {
        let mut heard = 0;
        while let Ok(event) = news.try_recv() {
            if node.sealer.is_news(&event) {
                node.sealer.follow(&event).unwrap();
                heard += 1;
            }
        }
        heard
    };
    let mut block = |parent: B256, transactions: Vec<Transaction>, tag: u8| {
        maker.make(parent, Wanted::with(transactions, SLOW, tag))
    };
    let genesis = node.chain.head().seal();
    let first = block(genesis, vec![pay(1, 0, 1), pay(1, 1, 1), pay(2, 0, 1)], 1);
    let second = block(first.hash(), vec![pay(1, 2, 1), pay(3, 0, 1)], 1);
    for waiting in [pay(1, 0, 1), pay(1, 3, 1), pay(2, 1, 1), pay(3, 0, 9)] {
        node.send(waiting).unwrap();
    }
    node.chain.import(&first).unwrap();
    node.chain.import(&second).unwrap();
    assert_eq!(follow(), 2, "both blocks used up what waited");
    assert_eq!(node.pool.transactions(), [pay(1, 3, 1), pay(2, 1, 1)]);
    assert_eq!(node.pool.pending_len(), 2);

    // The branch that wins has another first transaction of 2, and none of the others.
    let mut parent = genesis;
    for tag in 0..3_u8 {
        let transactions = if tag == 0 { vec![pay(2, 0, 5)] } else { Vec::new() };
        let next = block(parent, transactions, 2);
        parent = next.hash();
        node.chain.import(&next).unwrap();
    }
    assert_eq!(node.chain.head().seal(), parent);
    assert!(follow() >= 1);
    let mut waiting = node.pool.transactions();
    waiting.sort_unstable_by_key(|tx| (tx.sender(), tx.hash()));
    let mut expected =
        vec![pay(1, 0, 1), pay(1, 1, 1), pay(1, 2, 1), pay(1, 3, 1), pay(2, 1, 1), pay(3, 0, 1)];
    expected.sort_unstable_by_key(|tx| (tx.sender(), tx.hash()));
    assert_eq!(waiting, expected);
    assert_eq!((node.pool.pending_len(), node.pool.queued_len()), (6, 0));
}

#[test]
fn nothing_returns_after_a_revert_or_a_head_that_was_set() {
    let node = TestChain::start(Setup::default());
    let mut news = node.chain.subscribe();
    let id = node.dev.snapshot().unwrap();
    node.send(pay(0, 0, 1)).unwrap();
    node.mine().unwrap();
    node.send(pay(0, 1, 1)).unwrap();
    assert!(node.dev.revert(id).unwrap());
    assert!(node.pool.is_empty());
    node.send(pay(0, 0, 2)).unwrap();
    node.mine().unwrap();
    node.send(pay(1, 0, 1)).unwrap();
    node.dev.set_head(0).unwrap();
    assert_eq!(node.pool.transactions(), [pay(1, 0, 1)], "what waits goes on waiting");
    while let Ok(event) = news.try_recv() {
        assert!(!node.sealer.is_news(&event), "{event:?}");
    }
    node.sealer.catch_up().unwrap();
    assert_eq!(node.pool.transactions(), [pay(1, 0, 1)]);
}

#[test]
fn a_damaged_journal_costs_only_what_is_damaged() {
    let mut node = TestChain::start(Setup::default());
    for waiting in [pay(0, 0, 1), pay(0, 1, 1), pay(1, 0, 1)] {
        node.send(waiting).unwrap();
    }
    let mut changes = node.pool.journal_changes();
    let cut = changes.added.iter_mut().find(|(hash, _)| *hash == pay(0, 1, 1).hash()).unwrap();
    cut.1.truncate(cut.1.len() / 2);
    changes.added.push((B256::repeat_byte(7), vec![0xff; 40]));
    node.chain.write_pool_journal(&changes.removed, &changes.added).unwrap();
    for _ in 0..2 {
        node.reopen_after_crash();
        assert_eq!(node.pool.transactions(), [pay(0, 0, 1), pay(1, 0, 1)]);
        let gone = node.pool.journal_changes();
        node.chain.write_pool_journal(&gone.removed, &gone.added).unwrap();
    }
    assert!(node.pool.journal_changes().is_empty());
    node.mine().unwrap();
    assert_eq!(node.account(BOB).1.to::<u64>(), 2);
}
