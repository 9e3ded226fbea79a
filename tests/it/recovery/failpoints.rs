//! Writes that fail where it hurts most.

use super::{BOB, check_rows, mine, quiet, seen};
use crate::{
    node::{Setup, TestChain, wait},
    wallet::{key, transfer},
};
use alloy_primitives::U256;
use fail::FailScenario;
use mainspring::{
    chain::{ChainError, ChainEvent, FlushLimits},
    primitives::Edit,
    sealer::{Mode, SealError},
    storage::StorageError,
};
use std::time::Duration;

const IN_BLOCKS: [&str; 2] = ["blocks-commit-before", "blocks-commit-middle"];
const IN_STATE: [&str; 2] = ["state-flush-before", "state-flush-middle"];
const IN_UNWIND: [&str; 2] = ["state-unwind-before", "state-unwind-middle"];

#[test]
fn a_block_whose_commit_failed_was_never_there_and_the_next_one_is() {
    for point in IN_BLOCKS {
        let scenario = FailScenario::setup();
        let mut node = TestChain::start_alone(quiet());
        mine(&node, 3);
        let before = seen(&node);
        node.send(transfer(&key(0), 3, BOB, 1)).unwrap();
        fail::cfg(point, "1*return").unwrap();
        let failed = node.mine();
        assert!(
            matches!(
                &failed,
                Err(SealError::Chain(ChainError::Storage(StorageError::Failpoint(at))))
                    if *at == point
            ),
            "{failed:?}"
        );
        assert_eq!((seen(&node), node.account(BOB).1), (before, U256::from(3)));
        node.mine().unwrap();
        assert_eq!(node.account(BOB).1, U256::from(4));
        let before = seen(&node);
        node.reopen_after_crash();
        assert_eq!(seen(&node), before);
        check_rows(&node);
        scenario.teardown();
    }
}

#[test]
fn an_edit_whose_commit_failed_is_not_seen() {
    for point in IN_BLOCKS {
        let scenario = FailScenario::setup();
        let mut node = TestChain::start_alone(Setup::default());
        node.chain.edit(balance(5)).unwrap();
        fail::cfg(point, "1*return").unwrap();
        assert!(node.chain.edit(balance(6)).is_err());
        assert_eq!(node.account(BOB).1, U256::from(5));
        node.reopen_after_crash();
        assert_eq!(node.account(BOB).1, U256::from(5));
        node.mine().unwrap();
        assert_eq!(node.account(BOB).1, U256::from(5));
        scenario.teardown();
    }
}

fn balance(wei: u64) -> Vec<Edit> {
    vec![Edit::Balance(BOB, U256::from(wei))]
}

#[test]
fn what_waits_is_mined_without_another_send_once_writing_works_again() {
    let scenario = FailScenario::setup();
    let node = TestChain::start_alone(Setup::default());
    let mut news = node.chain.subscribe();
    node.send(transfer(&key(0), 0, BOB, 9)).unwrap();
    fail::cfg("blocks-commit-before", "1*return").unwrap();
    node.sealer.set_mode(Mode::Instant);
    let mined = wait(async { tokio::time::timeout(Duration::from_secs(20), news.recv()).await });
    assert!(matches!(mined, Ok(Ok(ChainEvent::NewHead(_)))), "{mined:?}");
    assert_eq!(node.account(BOB).1, U256::from(9));
    scenario.teardown();
}

#[test]
fn a_send_whose_block_failed_is_refused_with_the_reason_and_may_be_sent_again() {
    let scenario = FailScenario::setup();
    let node = TestChain::start_alone(Setup { mode: Mode::Instant, ..Setup::default() });
    let transaction = transfer(&key(0), 0, BOB, 9);
    fail::cfg("blocks-commit-middle", "1*return").unwrap();
    let refused = node.send(transaction.clone()).unwrap_err();
    assert!(matches!(refused, SealError::NotMade(_)), "{refused}");
    assert!(refused.to_string().contains("blocks-commit-middle"), "{refused}");
    assert_eq!((node.account(BOB).1, node.pool.len()), (U256::ZERO, 0));
    node.send(transaction).unwrap();
    assert_eq!(node.account(BOB).1, U256::from(9));
    scenario.teardown();
}

#[test]
fn a_state_write_that_failed_is_done_again_and_a_crash_before_that_loses_nothing() {
    for point in IN_STATE {
        let scenario = FailScenario::setup();
        let mut node = TestChain::start_alone(quiet());
        mine(&node, 3);
        node.chain.flush_state().unwrap();
        mine(&node, 3);
        let before = seen(&node);
        fail::cfg(point, "2*return").unwrap();
        assert!(node.chain.flush_state().is_err());
        assert_eq!(seen(&node), before);
        mine(&node, 1);
        assert!(node.chain.flush_state().is_err());
        let before = seen(&node);
        assert_eq!(node.reopen_after_crash().executed, 4);
        assert_eq!(seen(&node), before);
        check_rows(&node);
        assert_eq!(seen(&node), before);
        scenario.teardown();
    }
}

#[test]
fn a_chain_whose_state_cannot_be_written_goes_on_until_memory_is_full_and_says_why() {
    let scenario = FailScenario::setup();
    let flush = FlushLimits { blocks: 2, ..FlushLimits::default() };
    let mut node = TestChain::start_alone(Setup { flush, ..Setup::default() });
    fail::cfg("state-flush-before", "return").unwrap();
    let mut made = 0;
    let refused = loop {
        node.send(transfer(&key(0), made, BOB, 1)).unwrap();
        match node.mine() {
            Ok(()) => made += 1,
            Err(refused) => break refused,
        }
        assert!(made < 100, "memory is bounded");
    };
    assert!(refused.to_string().contains("failpoint state-flush-before"), "{refused}");
    assert!(node.chain.write_failure().is_some());
    assert_eq!(node.account(BOB).1, U256::from(made));
    fail::remove("state-flush-before");
    // The writer tries again by itself; the block that was refused finds room then.
    node.chain.flush_state().unwrap();
    node.mine().unwrap();
    assert_eq!(node.account(BOB).1, U256::from(made + 1));
    let before = seen(&node);
    node.reopen_after_crash();
    assert_eq!(seen(&node), before);
    check_rows(&node);
    scenario.teardown();
}

#[test]
fn an_unwind_that_failed_in_the_state_stops_changes_says_why_and_is_finished_at_the_next_start() {
    for point in IN_UNWIND {
        let scenario = FailScenario::setup();
        let mut node = TestChain::start_alone(quiet());
        mine(&node, 5);
        node.chain.flush_state().unwrap();
        let before = seen(&node);
        fail::cfg(point, "1*return").unwrap();
        assert!(node.chain.unwind(2, 0).is_err());
        for refused in [node.chain.edit(balance(1)), node.chain.unwind(1, 0).map(drop)] {
            let reason = refused.unwrap_err().to_string();
            assert!(reason.contains(point) && reason.contains("restart"), "{reason}");
        }
        assert!(node.mine().is_err());
        // Who reads still gets the head that everyone knew.
        assert_eq!(node.account(BOB).1, U256::from(5));
        node.reopen_after_crash();
        assert_eq!(seen(&node), before[..3]);
        check_rows(&node);
        mine(&node, 1);
        assert_eq!(node.account(BOB).1, U256::from(3));
        scenario.teardown();
    }
}

#[test]
fn an_unwind_whose_first_commit_failed_did_not_happen() {
    for point in IN_BLOCKS {
        let scenario = FailScenario::setup();
        let mut node = TestChain::start_alone(Setup::default());
        let id = node.dev.snapshot().unwrap();
        mine(&node, 3);
        let before = seen(&node);
        fail::cfg(point, "1*return").unwrap();
        assert!(node.dev.revert(id).is_err());
        assert_eq!(seen(&node), before);
        mine(&node, 1);
        assert!(node.dev.revert(id).unwrap(), "the snapshot is still there");
        assert_eq!(seen(&node), before[..1]);
        node.reopen_after_crash();
        assert_eq!(seen(&node), before[..1]);
        scenario.teardown();
    }
}
