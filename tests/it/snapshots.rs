//! A snapshot brings back everything that a developer set, not only the state.

use crate::{
    node::{Setup, TestChain, check_rows},
    wallet::{key, transfer},
};
use alloy_primitives::{Address, U256};
use mainspring::{
    dev::{Dev, DevSettings, Restart},
    primitives::Edit,
    sealer::Mode,
    storage::Durability,
};

const BOB: Address = Address::repeat_byte(0xb0);

fn edit(wei: u64) -> Vec<Edit> {
    vec![Edit::Balance(BOB, U256::from(wei))]
}

#[test]
fn a_revert_brings_back_pool_mode_clock_impersonations_and_edits() {
    let node = TestChain::start(Setup::default());
    let waiting: Vec<_> = [0, 1, 3].map(|nonce| transfer(&key(0), nonce, BOB, 1)).into();
    for transaction in &waiting {
        node.send(transaction.clone()).unwrap();
    }
    node.chain.edit(edit(50)).unwrap();
    node.dev.impersonate(BOB).unwrap();
    let clock = node.chain.clock().save();
    let id = node.dev.snapshot().unwrap();

    node.chain.edit(edit(60)).unwrap();
    node.mine().unwrap();
    node.chain.develop(|set| set.clock.increase(1_000)).unwrap();
    node.dev.stop_impersonating(BOB);
    node.sealer.set_mode(Mode::Instant);
    node.send(transfer(&key(1), 0, BOB, 1)).unwrap();
    assert_eq!((node.account(BOB).1, node.pool.len()), (U256::from(63), 1));

    assert!(node.dev.revert(id).unwrap());
    assert_eq!(node.account(BOB).1, U256::from(50));
    assert_eq!(node.pool.transactions(), waiting);
    assert_eq!((node.pool.pending_len(), node.pool.queued_len()), (2, 1));
    assert_eq!((node.sealer.mode(), node.chain.clock().save()), (Mode::Manual, clock));
    assert!(node.dev.is_impersonated(BOB));
    assert!(!node.dev.revert(id).unwrap(), "a snapshot is good for one revert");
}

#[test]
fn a_snapshot_of_a_block_that_is_gone_is_refused() {
    let node = TestChain::start(Setup::default());
    node.mine().unwrap();
    let id = node.dev.snapshot().unwrap();
    node.chain.unwind(0, 0).unwrap();
    assert!(!node.dev.revert(id).unwrap());
    node.chain.edit(edit(1)).unwrap();
    node.mine().unwrap();
    assert!(!node.dev.revert(id).unwrap());
}

#[test]
fn a_long_run_of_snapshots_and_reverts_costs_no_more_than_a_short_one() {
    let node = TestChain::start(Setup { durability: Durability::Ephemeral, ..Setup::default() });
    let base = node.dev.snapshot().unwrap();
    let mut fixture = node.dev.snapshot().unwrap();
    for round in 0..2_500 {
        node.chain.edit(edit(round)).unwrap();
        node.mine().unwrap();
        let inner = node.dev.snapshot().unwrap();
        node.mine().unwrap();
        assert!(node.dev.revert(inner).unwrap());
        assert!(node.dev.revert(fixture).unwrap());
        fixture = node.dev.snapshot().unwrap();
        assert_eq!((node.chain.head().number, node.account(BOB).1), (0, U256::ZERO));
    }
    let kept: Vec<_> = node.dev.kept_snapshots().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(kept, [base, fixture]);
    check_rows(&node);
    let reader = node.storage.state.reader().unwrap();
    assert_eq!(reader.changed_count_since(0).unwrap(), 0, "nothing of the rounds is left");
}

#[test]
fn block_numbers_only_rise_if_that_is_wanted() {
    let node = TestChain::start(Setup::default());
    let settings = DevSettings { monotonic: true, filled_blocks: 400, ..DevSettings::default() };
    let dev = Dev::new(node.chain.clone(), node.pool.clone(), node.sealer.clone(), settings);
    node.chain.edit(edit(40)).unwrap();
    node.mine().unwrap();
    node.chain.edit(edit(50)).unwrap();
    node.chain.develop(|set| set.next.base_fee = Some(77)).unwrap();
    let id = dev.snapshot().unwrap();
    let fee = node.chain.head().base_fee_per_gas;
    for _ in 0..300 {
        node.chain.edit(edit(60)).unwrap();
        node.mine().unwrap();
    }
    assert!(dev.revert(id).unwrap());
    assert_eq!(node.chain.head().number, 302, "above every block that was there");
    assert_eq!(node.chain.head().base_fee_per_gas, fee, "only numbers were filled up");
    assert_eq!((node.account(BOB).1, node.chain.next_block().base_fee), (U256::from(50), Some(77)));
    check_rows(&node);
    dev.reset(Restart::Own).unwrap();
    assert_eq!((node.chain.head().number, node.account(BOB).1), (303, U256::ZERO));
    for _ in 0..100 {
        node.mine().unwrap();
    }
    let far = dev.reset(Restart::Own).unwrap_err().to_string();
    assert!(far.contains("404 empty blocks") && far.contains("400 allowed"), "{far}");
    assert_eq!(node.chain.head().number, 403, "nothing has changed");
}
