//! A named branch brings back everything that a developer left there, over restarts and crashes.

use crate::{
    code::{Constructor, STORE},
    node::{Setup, TestChain, check_rows},
    wallet::{key, sign, transfer},
};
use alloy_consensus::{EthereumTypedTransaction, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mainspring::{
    chain::BranchLimits,
    dev::Restart,
    primitives::{Edit, Transaction},
    sealer::Mode,
};
use std::time::Duration;

const BOB: Address = Address::repeat_byte(0xb0);

fn edit(wei: u64) -> Vec<Edit> {
    vec![Edit::Balance(BOB, U256::from(wei))]
}

/// A block with one transfer to Bob.
fn pay(node: &TestChain, wei: u64) {
    let (nonce, _) = node.account(key(0).address());
    node.send(transfer(&key(0), nonce, BOB, wei)).unwrap();
    node.mine().unwrap();
}

fn bob(node: &TestChain) -> u64 {
    node.account(BOB).1.to()
}

fn hashes(node: &TestChain) -> Vec<B256> {
    let hash = |number| node.chain.header(number).unwrap().unwrap().seal();
    (0..=node.chain.head().number).map(hash).collect()
}

fn kept(node: &TestChain) -> usize {
    node.storage.blocks.reader().unwrap().kept_blocks().unwrap().len()
}

#[test]
fn a_branch_brings_back_pool_mode_clock_impersonations_and_edits_also_after_a_crash() {
    for crash in [false, true] {
        let mut node = TestChain::start(Setup::default());
        pay(&node, 5);
        let waiting: Vec<_> = [1, 2, 4].map(|nonce| transfer(&key(0), nonce, BOB, 1)).into();
        for transaction in &waiting {
            node.send(transaction.clone()).unwrap();
        }
        node.chain.edit(edit(50)).unwrap();
        node.dev.impersonate(BOB).unwrap();
        let mode = Mode::Interval(Duration::from_secs(1_000_000));
        node.sealer.set_mode(mode);
        node.chain.develop(|set| set.clock.increase(5_000)).unwrap();
        node.chain.develop(|set| set.next.base_fee = Some(77)).unwrap();
        let set = node.chain.development();
        node.dev.branch("base", None).unwrap();

        node.sealer.set_mode(Mode::Manual);
        node.dev.stop_impersonating(BOB);
        node.chain.develop(|set| set.clock.increase(1_000)).unwrap();
        node.pool.drop_all();
        node.chain.edit(edit(60)).unwrap();
        pay(&node, 1);
        node.send(transfer(&key(1), 0, BOB, 1)).unwrap();
        let main = (hashes(&node), node.chain.development(), bob(&node));
        if crash {
            node.reopen_after_crash();
        }
        node.dev.checkout("base").unwrap();
        assert_eq!((hashes(&node).len(), bob(&node)), (2, 50));
        assert_eq!(node.pool.transactions(), waiting);
        assert_eq!((node.pool.pending_len(), node.pool.queued_len()), (2, 1));
        assert_eq!((node.sealer.mode(), node.chain.development()), (mode, set));
        assert!(node.dev.is_impersonated(BOB));
        if crash {
            node.reopen_after_crash();
            assert_eq!(node.pool.transactions(), waiting, "the pool belongs to the commit");
            assert_eq!(bob(&node), 50);
        }
        node.dev.checkout("main").unwrap();
        assert_eq!((hashes(&node), node.chain.development(), bob(&node)), main);
        assert_eq!((node.sealer.mode(), node.pool.len()), (Mode::Manual, usize::from(!crash)));
        assert!(!node.dev.is_impersonated(BOB));
        check_rows(&node);
    }
}

#[test]
fn many_suites_start_from_one_base_and_none_sees_another() {
    let mut node = TestChain::start(Setup::default());
    pay(&node, 100);
    node.dev.branch("base", None).unwrap();
    for suite in 0..5 {
        let name = format!("suite/{suite}");
        node.dev.branch(&name, Some("base")).unwrap();
        node.dev.checkout(&name).unwrap();
        assert_eq!((bob(&node), node.chain.head().number), (100, 1));
        for _ in 0..suite {
            pay(&node, suite);
        }
        if suite % 2 == 0 {
            node.chain.flush_state().unwrap();
        }
    }
    node.reopen_after_crash();
    for suite in (0..5).rev() {
        node.dev.checkout(&format!("suite/{suite}")).unwrap();
        assert_eq!((bob(&node), node.chain.head().number), (100 + suite * suite, 1 + suite));
        check_rows(&node);
    }
    assert!(node.dev.branches().unwrap().iter().all(|it| {
        let suite = it.name.strip_prefix("suite/").map_or(0, |number| number.parse().unwrap());
        it.own_blocks == suite
    }));
}

#[test]
fn blocks_with_edits_and_without_signatures_and_destroyed_contracts_come_back_with_their_hashes() {
    let mut node =
        TestChain::start(Setup { fork: mainspring::spec::Fork::Shanghai, ..Setup::default() });
    node.dev.branch("empty", None).unwrap();
    let alice = key(0);
    let contract = alice.address().create(0);
    let creation = Constructor::Writes(3, 4).code();
    node.send(sign(&alice, 0, TxKind::Create, U256::ZERO, creation)).unwrap();
    node.mine().unwrap();
    node.chain.edit(vec![Edit::Storage(contract, U256::from(9), U256::from(8))]).unwrap();
    node.chain.edit(vec![Edit::Code(BOB, STORE), Edit::Nonce(BOB, 7)]).unwrap();
    let unsigned = TxLegacy {
        nonce: 7,
        gas_price: 100_000_000_000,
        gas_limit: 100_000,
        to: Address::repeat_byte(1).into(),
        ..TxLegacy::default()
    };
    let whale = Address::repeat_byte(0xcc);
    node.chain.edit(vec![Edit::Balance(whale, U256::MAX >> 8), Edit::Nonce(whale, 7)]).unwrap();
    let unsigned = Transaction::impersonate(EthereumTypedTransaction::Legacy(unsigned), whale);
    node.send(unsigned).unwrap();
    node.mine().unwrap();
    node.chain.flush_state().unwrap();
    let heir = crate::code::destroy(whale);
    node.send(sign(&alice, 1, contract.into(), U256::ZERO, heir)).unwrap();
    node.mine().unwrap();
    assert!(node.chain.latest().unwrap().1.account(contract).unwrap().is_none());
    for written in [false, true] {
        if written {
            node.chain.flush_state().unwrap();
        }
        let before = hashes(&node);
        assert_eq!(before.len(), 4);
        node.dev.checkout("empty").unwrap();
        assert_eq!(hashes(&node), before[..1]);
        check_rows(&node);
        node.reopen_after_crash();
        node.dev.checkout("main").unwrap();
        assert_eq!(hashes(&node), before);
        let view = node.chain.state_at(2).unwrap();
        assert_eq!(view.storage(contract, U256::from(9)).unwrap(), U256::from(8));
        let code = view.account(BOB).unwrap().unwrap().code_hash;
        assert_eq!(view.code(code).unwrap(), STORE);
        drop(view);
        assert!(node.chain.latest().unwrap().1.account(contract).unwrap().is_none());
        node.reopen_after_crash();
        assert_eq!(hashes(&node), before);
        check_rows(&node);
    }
}

#[test]
fn no_way_of_going_back_loses_a_branch() {
    let mut node = TestChain::start(Setup::default());
    for _ in 0..4 {
        pay(&node, 1);
    }
    node.dev.branch("high", None).unwrap();
    pay(&node, 1);
    node.chain.flush_state().unwrap();
    let high = hashes(&node)[..5].to_vec();
    let snapshot = node.dev.snapshot().unwrap();
    node.dev.reorganise(3, Vec::new()).unwrap();
    assert_eq!(kept(&node), 2, "of the three, those that the branch goes through");
    assert!(!node.dev.revert(snapshot).unwrap());
    node.dev.roll_back(1).unwrap();
    node.dev.reset(Restart::Own).unwrap();
    assert_eq!(kept(&node), 4);
    node.reopen_after_crash();
    pay(&node, 7);
    node.dev.checkout("high").unwrap();
    assert_eq!((hashes(&node), bob(&node)), (high, 4));
    node.dev.checkout("main").unwrap();
    assert_eq!((hashes(&node).len(), bob(&node)), (2, 7));
    node.dev.delete_branch("high").unwrap();
    assert_eq!(kept(&node), 1, "the block of the branch that became current");
    check_rows(&node);
}

#[test]
fn a_snapshot_belongs_to_its_branch() {
    let node = TestChain::start(Setup::default());
    pay(&node, 1);
    node.chain.edit(edit(10)).unwrap();
    node.dev.branch("other", None).unwrap();
    node.chain.edit(edit(20)).unwrap();
    let here = node.dev.snapshot().unwrap();
    node.dev.checkout("other").unwrap();
    node.chain.edit(edit(30)).unwrap();
    assert!(!node.dev.revert(here).unwrap());
    assert_eq!(bob(&node), 30, "nothing happened");
    let there = node.dev.snapshot().unwrap();
    node.dev.checkout("main").unwrap();
    pay(&node, 1);
    assert!(!node.dev.revert(there).unwrap());
    assert!(node.dev.revert(here).unwrap());
    assert_eq!(bob(&node), 20);
    node.dev.checkout("other").unwrap();
    assert!(node.dev.revert(there).unwrap(), "going back here took nothing away there");
    node.dev.checkout("main").unwrap();
    node.dev.delete_branch("other").unwrap();
    assert!(node.dev.kept_snapshots().is_empty());
}

#[test]
fn what_was_made_under_other_limits_comes_back_without_being_executed() {
    let large = Setup { code_size_limit: Some(100_000), ..Setup::default().quiet() };
    let mut node = TestChain::start(large);
    node.dev.branch("empty", None).unwrap();
    // PUSH2 length, PUSH0, RETURN: as many zeros as code.
    let creation = Bytes::from_static(&[0x61, 0x75, 0x30, 0x5f, 0xf3]);
    let tx = alloy_consensus::TxEip1559 {
        chain_id: crate::wallet::CHAIN_ID,
        gas_limit: 8_000_000,
        max_fee_per_gas: crate::wallet::FEE_CAP,
        to: TxKind::Create,
        input: creation,
        ..Default::default()
    };
    node.send(crate::wallet::sign_tx(&key(0), tx)).unwrap();
    node.mine().unwrap();
    assert!(node.chain.receipts(1).unwrap().unwrap()[0].status.coerce_status());
    let before = hashes(&node);
    node.dev.checkout("empty").unwrap();
    node.stop();
    node.setup.code_size_limit = None;
    node.open().unwrap();
    node.dev.checkout("main").unwrap();
    assert_eq!(hashes(&node), before);
    // The state is not written: the next start brings the block back as it was kept.
    assert_eq!(node.reopen_after_crash().executed, 1);
    assert_eq!(hashes(&node), before);
    check_rows(&node);
}

#[test]
fn branches_are_bounded_in_number_and_in_bytes_and_wrong_names_are_refused() {
    let branches = BranchLimits { count: 3, bytes: 200_000 };
    let node = TestChain::start(Setup { branches, ..Setup::default() });
    let refused =
        |name: &str, from: Option<&str>| node.dev.branch(name, from).unwrap_err().to_string();
    node.dev.branch("one", None).unwrap();
    for name in ["", "two words", "ä", &"x".repeat(65), "a\0"] {
        assert!(refused(name, None).contains("is no name for a branch"), "{name:?}");
    }
    assert!(refused("one", None).contains("already"));
    assert!(refused("main", None).contains("already"));
    assert!(refused("two", Some("nobody")).contains("no branch \"nobody\""));
    node.dev.branch("two", None).unwrap();
    assert!(refused("three", None).contains("3 branches are kept"));
    node.dev.delete_branch("two").unwrap();
    let far = loop {
        (0..20).for_each(|_| pay(&node, 1));
        match node.dev.checkout("one") {
            Ok(()) => node.dev.checkout("main").unwrap(),
            Err(refused) => break refused.to_string(),
        }
        assert!(node.chain.head().number < 200, "the bytes are bounded");
    };
    let before = hashes(&node);
    assert!(far.contains("200000 allowed") && far.contains("--max-branch-bytes"), "{far}");
    assert!(before.len() > 20 && !node.dev.branches().unwrap()[1].is_current);
    // A branch that could not be kept is not left behind either.
    node.dev.branch("high", None).unwrap();
    let lost = node.dev.reset(Restart::Own).unwrap_err().to_string();
    assert!(lost.contains("200000 allowed"), "{lost}");
    assert_eq!(hashes(&node), before);
    node.dev.delete_branch("high").unwrap();
    node.dev.reset(Restart::Own).unwrap();
    assert_eq!(hashes(&node), before[..1]);
    check_rows(&node);
}

#[test]
fn going_from_branch_to_branch_while_others_send_read_and_edit_harms_nobody() {
    let node = TestChain::start(Setup { mode: Mode::Instant, ..Setup::default() });
    node.dev.branch("other", None).unwrap();
    let wallets: Vec<u64> = (0..2).collect();
    std::thread::scope(|scope| {
        let mut working: Vec<_> = wallets
            .iter()
            .map(|wallet| {
                scope.spawn(|| {
                    let from = key(*wallet);
                    for _ in 0..60 {
                        let (nonce, _) = node.account(from.address());
                        // The branch may be another one by then, and the nonce used or not yet.
                        let _ = node.send(transfer(&from, nonce, BOB, 1));
                    }
                })
            })
            .collect();
        working.push(scope.spawn(|| {
            for round in 0..40 {
                node.dev.checkout(["other", "main"][round % 2]).unwrap();
            }
        }));
        working.push(scope.spawn(|| {
            for round in 0..40 {
                node.chain
                    .edit(vec![Edit::Balance(Address::repeat_byte(1), U256::from(round))])
                    .unwrap();
                let id = node.dev.snapshot().unwrap();
                node.dev.revert(id).unwrap();
                node.dev.reorganise(node.chain.head().number.min(1), Vec::new()).ok();
            }
        }));
        working.push(scope.spawn(|| {
            for _ in 0..60 {
                let (head, view) = node.chain.latest().unwrap();
                let account = view.account(BOB).unwrap();
                assert!(
                    account.is_none_or(|bob| bob.balance <= U256::from(120)),
                    "{}",
                    head.number
                );
            }
        }));
        working.into_iter().for_each(|work| work.join().unwrap());
    });
    for name in ["main", "other", "main"] {
        node.dev.checkout(name).unwrap();
        // What waited here is mined again.
        let _pause = node.sealer.pause();
        check_rows(&node);
        let blocks =
            (1..=node.chain.head().number).map(|it| node.chain.block(it).unwrap().unwrap());
        let paid: usize = blocks.map(|block| block.body.transactions.len()).sum();
        assert_eq!(bob(&node), paid as u64, "each transaction of {name} counts once");
    }
}

#[test]
fn a_branch_below_the_states_that_are_kept_is_refused_and_nothing_else_happens() {
    let mut node = TestChain::start(Setup { keep_states: Some(3), ..Setup::default().quiet() });
    pay(&node, 1);
    node.dev.branch("old", None).unwrap();
    for _ in 0..9 {
        pay(&node, 1);
    }
    node.chain.flush_state().unwrap();
    let refused = node.dev.checkout("old").unwrap_err().to_string();
    assert!(refused.contains("pruned history unavailable"), "{refused}");
    assert!(node.dev.roll_back(9).is_err() && node.dev.reorganise(9, Vec::new()).is_err());
    assert_eq!(node.chain.head().number, 10);
    node.dev.branch("new", None).unwrap();
    pay(&node, 1);
    node.dev.checkout("new").unwrap();
    node.reopen_after_crash();
    node.dev.checkout("main").unwrap();
    assert_eq!((node.chain.head().number, bob(&node)), (11, 11));
}
