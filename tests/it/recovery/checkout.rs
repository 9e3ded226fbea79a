//! A checkout that fails or crashes in the middle has not happened, or is finished.

use super::{BOB, check_rows, mine, quiet, seen};
use crate::{
    node::TestChain,
    wallet::{key, transfer},
};
use alloy_primitives::U256;
use fail::FailScenario;
use mainspring::{dev::Restart, primitives::Edit};

/// Two branches that have two blocks in common: `main` with five, `other` with three, an edit over it
/// and a transaction that waits. The first is current.
fn ready(flush: bool) -> TestChain {
    let node = TestChain::start_alone(quiet());
    mine(&node, 2);
    node.dev.branch("other", None).unwrap();
    node.dev.checkout("other").unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(70))]).unwrap();
    mine(&node, 1);
    node.chain.edit(vec![Edit::Nonce(BOB, 9)]).unwrap();
    node.send(transfer(&key(1), 0, BOB, 1)).unwrap();
    if flush {
        node.chain.flush_state().unwrap();
    }
    node.dev.checkout("main").unwrap();
    mine(&node, 3);
    if flush {
        node.chain.flush_state().unwrap();
    }
    node
}

fn current(node: &TestChain) -> String {
    node.dev.branches().unwrap().into_iter().find(|it| it.is_current).unwrap().name
}

#[test]
fn a_checkout_whose_commit_failed_did_not_happen() {
    for point in ["blocks-commit-before", "blocks-commit-middle"] {
        for flush in [false, true] {
            let scenario = FailScenario::setup();
            let mut node = ready(flush);
            let before = seen(&node);
            fail::cfg(point, "1*return").unwrap();
            let refused = node.dev.checkout("other").unwrap_err().to_string();
            assert!(refused.contains(point), "{refused}");
            assert_eq!((seen(&node), current(&node).as_str()), (before.clone(), "main"));
            node.reopen_after_crash();
            assert_eq!((seen(&node), current(&node).as_str()), (before.clone(), "main"));
            node.dev.checkout("other").unwrap();
            assert_eq!((node.account(BOB), node.pool.len()), ((9, U256::from(71)), 1));
            node.dev.checkout("main").unwrap();
            assert_eq!(seen(&node), before);
            check_rows(&node);
            scenario.teardown();
        }
    }
}

#[test]
fn a_checkout_that_stopped_after_its_commit_is_finished_at_the_next_start() {
    let points = [
        ("checkout-after-blocks", false),
        ("checkout-after-blocks", true),
        ("state-unwind-before", true),
        ("state-unwind-middle", true),
        ("checkout-before-swap", false),
        ("checkout-before-swap", true),
    ];
    for (point, flush) in points {
        let scenario = FailScenario::setup();
        let mut node = ready(flush);
        let before = seen(&node);
        fail::cfg(point, "1*return").unwrap();
        let refused = node.dev.checkout("other").unwrap_err().to_string();
        assert!(refused.contains(point), "{refused}");
        // Who reads still gets the head that everyone knew; nothing more is taken in.
        assert_eq!(node.chain.head().seal(), before[5].0);
        let halted = node.dev.checkout("other").unwrap_err().to_string();
        assert!(halted.contains("restart"), "{halted}");
        node.reopen_after_crash();
        assert_eq!(current(&node), "other");
        assert_eq!((node.account(BOB), node.pool.len()), ((9, U256::from(71)), 1));
        node.dev.checkout("main").unwrap();
        assert_eq!(seen(&node), before);
        node.reopen_after_crash();
        assert_eq!(seen(&node), before);
        check_rows(&node);
        scenario.teardown();
    }
}

#[test]
fn a_branch_whose_commit_failed_is_not_there_and_one_whose_deletion_failed_is() {
    let scenario = FailScenario::setup();
    let mut node = ready(false);
    let names = |node: &TestChain| {
        node.dev.branches().unwrap().into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    for point in ["blocks-commit-before", "blocks-commit-middle"] {
        fail::cfg(point, "1*return").unwrap();
        assert!(node.dev.branch("third", None).is_err());
        fail::cfg(point, "1*return").unwrap();
        assert!(node.dev.delete_branch("other").is_err());
        assert_eq!(names(&node), ["main", "other"]);
        fail::cfg(point, "1*return").unwrap();
        assert!(node.dev.reset(Restart::Own).is_err());
        assert_eq!(names(&node), ["main", "other"]);
    }
    node.reopen_after_crash();
    assert_eq!(names(&node), ["main", "other"]);
    node.dev.reset(Restart::Own).unwrap();
    node.dev.checkout("other").unwrap();
    assert_eq!(node.account(BOB), (9, U256::from(71)));
    check_rows(&node);
    scenario.teardown();
}
