//! A snapshot brings back everything that a developer set, not only the state.

use crate::{
    node::{Setup, TestChain},
    wallet::{key, transfer},
};
use alloy_primitives::{Address, U256};
use mainspring::{primitives::Edit, sealer::Mode};

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
    node.dev.impersonate(BOB);
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
