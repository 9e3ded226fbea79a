//! A crash or a failed write loses nothing that was visible.

#[cfg(feature = "failpoints")]
mod checkout;
#[cfg(feature = "failpoints")]
mod failpoints;

use crate::{
    node::{Setup, TestChain, check_rows},
    wallet::{CHAIN_ID, FEE_CAP, key, sign_tx, transfer},
};
use alloy_consensus::{Eip658Value, TxEip1559, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use mainspring::{
    chain::{ChainError, FlushLimits},
    primitives::Edit,
    spec::Fork,
    storage::BlocksBatch,
};

const BOB: Address = Address::repeat_byte(0xb0);

/// A chain whose state is written only when the test asks for it.
fn quiet() -> Setup {
    Setup::default().quiet()
}

/// Mines blocks of one transfer of one wei each to Bob.
fn mine(node: &TestChain, blocks: u64) {
    let (nonce, _) = node.account(key(0).address());
    for nonce in nonce..nonce + blocks {
        node.send(transfer(&key(0), nonce, BOB, 1)).unwrap();
        node.mine().unwrap();
    }
}

/// What anyone could have seen: every header and receipt, and Bob at every block.
fn seen(node: &TestChain) -> Vec<(B256, usize, U256)> {
    let at = |number| {
        let header = node.chain.header(number).unwrap().unwrap();
        let receipts = node.chain.receipts(number).unwrap().unwrap().len();
        let bob = node.chain.state_at(number).unwrap().account(BOB).unwrap();
        (header.seal(), receipts, bob.map_or(U256::ZERO, |bob| bob.balance))
    };
    (0..=node.chain.head().number).map(at).collect()
}

#[test]
fn blocks_above_the_written_state_are_executed_again() {
    let mut node = TestChain::start(quiet());
    mine(&node, 3);
    node.chain.flush_state().unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(500))]).unwrap();
    mine(&node, 4);
    node.chain.edit(vec![Edit::Nonce(BOB, 9)]).unwrap();
    let before = seen(&node);
    let opened = node.reopen_after_crash();
    assert_eq!((opened.created, opened.executed), (false, 4));
    assert_eq!(seen(&node), before);
    assert_eq!(node.account(BOB), (9, U256::from(504)));
    check_rows(&node);
}

#[test]
fn a_chain_of_any_fork_comes_back_with_its_receipts() {
    for fork in Fork::ALL {
        let mut node = TestChain::start(Setup { fork, ..quiet() });
        for nonce in 0..3 {
            // A signature from before EIP-155: valid on every fork.
            let tx = |to| TxLegacy {
                chain_id: None,
                nonce,
                gas_price: FEE_CAP,
                gas_limit: 300_000,
                to,
                value: U256::from(1),
                input: Bytes::new(),
            };
            node.send(sign_tx(&key(0), tx(BOB.into()))).unwrap();
            node.send(sign_tx(&key(1), tx(TxKind::Create))).unwrap();
            node.mine().unwrap();
        }
        let receipts = |node: &TestChain| {
            let of = |number| node.chain.receipts(number).unwrap().unwrap();
            (1..=3).map(of).collect::<Vec<_>>()
        };
        let before = (seen(&node), receipts(&node));
        assert_eq!(node.reopen_after_crash().executed, 3, "{fork}");
        assert_eq!((seen(&node), receipts(&node)), before, "{fork}");
        check_rows(&node);
        // Nothing follows the last transaction on these forks, so its root is the block's.
        let root = node.chain.head().state_root;
        let expected = match fork < Fork::Byzantium {
            true => Eip658Value::PostState(root),
            false => Eip658Value::Eip658(true),
        };
        assert_eq!(before.1[2][1].status, expected, "{fork}");
        let block = node.chain.block(3).unwrap().unwrap();
        assert_eq!(node.chain.outputs_of(&block).unwrap()[1], Bytes::new(), "{fork}");
    }
}

#[test]
fn a_clean_stop_leaves_nothing_to_execute() {
    let mut node = TestChain::start(quiet());
    mine(&node, 5);
    let before = seen(&node);
    node.stop();
    node.open().unwrap();
    assert_eq!((node.opened.executed, seen(&node)), (0, before));
}

#[test]
fn an_unwind_that_crashed_between_blocks_and_state_is_finished_at_the_next_start() {
    let mut node = TestChain::start(quiet());
    mine(&node, 6);
    node.chain.flush_state().unwrap();
    let before = seen(&node);
    let cut = BlocksBatch { truncate_above: Some(2), ..Default::default() };
    node.storage.blocks.commit(&cut).unwrap();
    node.reopen_after_crash();
    assert_eq!(node.chain.head().number, 2);
    assert_eq!(seen(&node), before[..3]);
    check_rows(&node);
    mine(&node, 3);
    assert_eq!(node.account(BOB).1, U256::from(5));
    check_rows(&node);
}

#[test]
fn an_unwind_that_crashed_after_other_blocks_took_the_place_is_finished_too() {
    let mut node = TestChain::start(quiet());
    mine(&node, 4);
    node.chain.flush_state().unwrap();
    node.chain.unwind(2, 0).unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(70))]).unwrap();
    mine(&node, 3);
    let before = seen(&node);
    node.reopen_after_crash();
    assert_eq!(seen(&node), before);
    assert_eq!(node.account(BOB).1, U256::from(73));
    check_rows(&node);
}

#[test]
fn an_unwind_below_the_first_block_is_refused() {
    let node = TestChain::start(Setup { first: 100, ..Setup::default() });
    mine(&node, 2);
    let refused = node.chain.unwind(99, 0);
    assert!(matches!(refused, Err(ChainError::UnknownBlock { number: 99, head: 102 })));
    assert!(matches!(node.chain.unwind(103, 0), Err(ChainError::UnknownBlock { .. })));
    assert_eq!(node.chain.unwind(100, 0).unwrap().len(), 2);
}

#[test]
fn there_is_no_state_before_the_first_block() {
    let node = TestChain::start(Setup { first: 100, ..Setup::default() });
    for number in [0, 99, 101] {
        let state = node.chain.state_at(number).map(drop);
        assert!(matches!(state, Err(ChainError::UnknownBlock { .. })), "block {number}");
        let proof = node.chain.prove(number, BOB, &[]);
        assert!(matches!(proof, Err(ChainError::UnknownBlock { .. })), "block {number}");
    }
    assert!(node.chain.state_at(100).is_ok());
}

#[test]
fn another_genesis_is_refused_and_nothing_is_written() {
    let mut node = TestChain::start(Setup::default());
    mine(&node, 2);
    let before = seen(&node);
    node.stop();
    let ours = node.setup.clone();
    let changes: [fn(&mut Setup); 4] = [
        |setup| setup.keys = 5,
        |setup| setup.fork = Fork::London,
        |setup| setup.first = 1,
        |setup| setup.first = 100,
    ];
    for change in changes {
        node.setup = ours.clone();
        change(&mut node.setup);
        let refused = node.open();
        assert!(matches!(&refused, Err(ChainError::OtherGenesis { .. })), "{refused:?}");
    }
    node.setup = ours;
    node.open().unwrap();
    assert_eq!(seen(&node), before);
}

#[test]
fn the_pools_journal_survives_a_crash() {
    let mut node = TestChain::start(Setup::default());
    let waiting: Vec<_> = (0..3).map(|nonce| transfer(&key(0), nonce, BOB, 1)).collect();
    for transaction in &waiting {
        node.send(transaction.clone()).unwrap();
    }
    let journal = node.pool.journal_changes();
    node.chain.write_pool_journal(&journal.removed, &journal.added).unwrap();
    node.reopen_after_crash();
    assert_eq!(node.pool.transactions(), waiting);
    node.mine().unwrap();
    assert_eq!(node.account(BOB).1, U256::from(3));
}

#[test]
fn appending_does_not_wait_for_a_writer_that_was_stopped() {
    let flush = FlushLimits { blocks: 1, ..FlushLimits::default() };
    let mut node = TestChain::start(Setup { flush, ..Setup::default() });
    node.chain.stop();
    mine(&node, 20);
    node.reopen_after_crash();
    assert_eq!(node.account(BOB).1, U256::from(20));
}

#[test]
fn an_exact_time_set_while_a_block_is_made_is_for_the_next_block() {
    let node = TestChain::start(Setup::default());
    let executed = {
        let settings = node.setup.sealer_settings();
        mainspring::sealer::build(&node.chain, &node.pool, &settings, Default::default()).unwrap()
    };
    let exact = executed.block.header.timestamp + 5_000;
    node.chain.develop(|set| set.clock.set_next(exact)).unwrap();
    node.chain.append(executed).unwrap();
    node.mine().unwrap();
    assert_eq!(node.chain.head().timestamp, exact);
}

#[test]
fn a_block_with_edits_that_were_taken_back_is_not_appended() {
    let mut node = TestChain::start(Setup::default());
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(5))]).unwrap();
    let settings = node.setup.sealer_settings();
    let built =
        mainspring::sealer::build(&node.chain, &node.pool, &settings, Default::default()).unwrap();
    node.chain.unwind(0, 0).unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(6))]).unwrap();
    assert!(matches!(node.chain.append(built), Err(ChainError::StaleParent { .. })));
    node.mine().unwrap();
    node.reopen_after_crash();
    assert_eq!(node.account(BOB).1, U256::from(6));
}

#[test]
fn the_state_is_built_again_from_blocks_alone() {
    let mut node = TestChain::start(Setup::default());
    mine(&node, 5);
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(70))]).unwrap();
    mine(&node, 2);
    let before = seen(&node);
    node.stop();
    std::fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    node.open().unwrap();
    assert_eq!((node.opened.executed, seen(&node)), (7, before));
    check_rows(&node);
}

#[test]
fn a_state_of_another_genesis_is_refused() {
    let mut node = TestChain::start(Setup::default());
    mine(&node, 2);
    node.stop();
    std::fs::remove_dir_all(node.dir.path().join("blocks")).unwrap();
    node.setup.keys += 1;
    let refused = node.open();
    assert!(matches!(&refused, Err(ChainError::OtherGenesis { .. })), "{refused:?}");
}

#[test]
fn blocks_made_under_other_limits_are_executed_again_under_those() {
    let mut node = TestChain::start(Setup { code_size_limit: Some(60_000), ..quiet() });
    // return(0, 40000): code of 40,000 zero bytes, more than the protocol allows.
    let large = bytes!("619c406000f3");
    let create = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 12_000_000,
        max_fee_per_gas: FEE_CAP,
        input: large,
        ..Default::default()
    };
    node.send(sign_tx(&key(0), create)).unwrap();
    node.mine().unwrap();
    let receipts = node.chain.receipts(1).unwrap().unwrap();
    assert!(receipts[0].status.coerce_status());
    let before = seen(&node);
    node.setup.code_size_limit = None;
    for executed in [1, 0] {
        assert_eq!(node.reopen_after_crash().executed, executed);
        assert_eq!(seen(&node), before);
    }
    mine(&node, 1);
    node.reopen_after_crash();
    check_rows(&node);
}
