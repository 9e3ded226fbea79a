//! Blocks are made, and what was sent is in them.

use crate::{
    node::{Running, Setup, TestChain, start_balance, wait},
    wallet::{key, sign, transfer},
};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use mainspring::{
    chain::{Chain, ChainEvent},
    primitives::{Edit, Transaction},
    sealer::{BlockOptions, Mode, SealError, Sealer, SealerSettings},
    storage::StoredBlock,
};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use tokio::sync::broadcast::Receiver;

const BOB: Address = Address::repeat_byte(0xb0);

fn start(mode: Mode) -> TestChain {
    TestChain::start(Setup { mode, keys: 20, ..Setup::default() })
}

/// The next block that becomes visible.
fn next_block(news: &mut Receiver<ChainEvent>) -> StoredBlock {
    loop {
        let waited = wait(async {
            tokio::time::timeout(Duration::from_secs(20), news.recv()).await.expect("no stall")
        });
        if let ChainEvent::NewHead(stored) = waited.unwrap() {
            return stored;
        }
    }
}

/// Sends `count` transfers of each of 20 senders on 8 threads; thread `t` takes every eighth, so
/// that the nonces of a sender arrive on all threads and out of order.
fn flood(node: &Running, count: u64, sent: impl Fn(&Transaction) + Sync) {
    let all: Vec<_> = (0..count)
        .flat_map(|nonce| (0..20).map(move |sender| transfer(&key(sender), nonce, BOB, 1)))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let mine = all.iter().skip(thread).step_by(8);
            let sent = &sent;
            scope.spawn(move || {
                for transaction in mine {
                    node.send(transaction.clone()).unwrap();
                    sent(transaction);
                }
            });
        }
    });
}

#[test]
fn two_thousand_transfers_of_twenty_senders_on_eight_threads_are_all_mined() {
    let node = start(Mode::Instant);
    flood(&node, 100, |_| ());
    // A transaction that came before its predecessor was answered at once; its block follows.
    let mut news = node.chain.subscribe();
    while !node.pool.is_empty() {
        next_block(&mut news);
    }
    assert_eq!(node.account(BOB).1, U256::from(2_000));
    for sender in 0..20 {
        assert_eq!(node.account(key(sender).address()).0, 100);
    }
    assert!(node.chain.head().number <= 2_000);
}

#[test]
fn nothing_executable_is_left_behind_when_nonces_arrive_while_blocks_are_made() {
    for _ in 0..5 {
        let node = start(Mode::Instant);
        flood(&node, 10, |_| ());
        wait(async {
            let drained = async {
                let mut news = node.chain.subscribe();
                while !node.pool.is_empty() {
                    news.recv().await.unwrap();
                }
            };
            tokio::time::timeout(Duration::from_secs(20), drained).await.unwrap_or_else(|_| {
                panic!("{} wait, {} of them queued", node.pool.len(), node.pool.queued_len())
            });
        });
        assert_eq!(node.account(BOB).1, U256::from(200));
    }
}

#[test]
fn a_send_returns_when_its_receipt_is_visible() {
    let node = start(Mode::Instant);
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let node = &node;
            scope.spawn(move || {
                let key = key(sender);
                for nonce in 0..25 {
                    let transaction = transfer(&key, nonce, BOB, 1);
                    node.send(transaction.clone()).unwrap();
                    let place = node.chain.locate(transaction.hash()).unwrap().expect("is mined");
                    let receipts = node.chain.receipts(place.block).unwrap().unwrap();
                    assert!(receipts[place.index as usize].status.coerce_status());
                    assert_eq!(node.account(key.address()).0, nonce + 1);
                }
            });
        }
    });
    assert_eq!(node.account(BOB).1, U256::from(200));
    assert!(node.pool.is_empty());
}

#[test]
fn at_an_interval_blocks_come_without_and_with_transactions() {
    let node = start(Mode::Interval(Duration::from_millis(30)));
    let mut news = node.chain.subscribe();
    assert!(next_block(&mut news).receipts.is_empty());
    node.send(transfer(&key(0), 0, BOB, 7)).unwrap();
    while next_block(&mut news).receipts.is_empty() {}
    assert_eq!(node.account(BOB).1, U256::from(7));
}

#[test]
fn by_hand_a_block_comes_only_when_asked() {
    let node = start(Mode::Manual);
    node.send(transfer(&key(0), 0, BOB, 7)).unwrap();
    node.send(transfer(&key(1), 0, BOB, 7)).unwrap();
    assert_eq!((node.chain.head().number, node.pool.len()), (0, 2));
    node.mine().unwrap();
    assert_eq!((node.chain.head().number, node.pool.len()), (1, 0));
    node.mine().unwrap();
    assert_eq!(node.chain.head().number, 2);
    assert_eq!(node.account(BOB).1, U256::from(14));
}

#[test]
fn mixed_blocks_come_on_arrival_and_at_an_interval() {
    let node = start(Mode::Mixed(Duration::from_millis(30)));
    let mut news = node.chain.subscribe();
    node.send(transfer(&key(0), 0, BOB, 7)).unwrap();
    assert_eq!(node.account(BOB).1, U256::from(7));
    while !next_block(&mut news).receipts.is_empty() {}
    node.send(transfer(&key(0), 1, BOB, 7)).unwrap();
    assert_eq!(node.account(BOB).1, U256::from(14));
}

#[test]
fn who_waits_for_a_block_is_answered_when_blocks_come_only_by_hand_from_now_on() {
    let node = start(Mode::Manual);
    // Nobody runs this sealer: its block would never come.
    let settings = SealerSettings { mode: Mode::Instant, ..node.setup.sealer_settings() };
    let sealer = Sealer::new(node.chain.clone(), node.pool.clone(), settings).handle();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(sealer.submit(transfer(&key(0), 0, BOB, 7))));
        while node.pool.is_empty() {
            std::thread::yield_now();
        }
        sealer.set_mode(Mode::Manual);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(node.pool.len(), 1);
}

#[test]
fn who_waits_for_a_transaction_that_was_dropped_is_answered_by_the_next_block() {
    let node = start(Mode::Manual);
    let settings = SealerSettings { mode: Mode::Instant, ..node.setup.sealer_settings() };
    let sealer = Sealer::new(node.chain.clone(), node.pool.clone(), settings);
    let handle = sealer.handle();
    std::thread::scope(|scope| {
        let dropped = transfer(&key(0), 0, BOB, 7);
        let hash = dropped.hash();
        let first = scope.spawn(|| wait(handle.submit(dropped)));
        while node.pool.remove(hash).is_none() {
            std::thread::yield_now();
        }
        let second = scope.spawn(|| wait(handle.submit(transfer(&key(1), 0, BOB, 7))));
        while node.pool.is_empty() {
            std::thread::yield_now();
        }
        scope.spawn(|| sealer.run());
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
        handle.stop();
    });
    assert_eq!(node.account(BOB).1, U256::from(7));
}

/// A block that was begun before, because the sealer was woken for nothing, must not take the send.
#[test]
fn a_time_that_was_set_is_that_of_the_next_send_whatever_the_sealer_was_doing() {
    let node = start(Mode::Instant);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                node.sealer.wake();
            }
        });
        let wrong = (0..200).find_map(|nonce| {
            let wanted = node.chain.head().timestamp + 1_000_000;
            node.sealer.develop(|set| set.clock.set_next(wanted)).unwrap();
            node.send(transfer(&key(0), nonce, BOB, 1)).unwrap();
            let made = node.chain.head().timestamp;
            (made != wanted).then_some((nonce, wanted, made))
        });
        done.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None, "nonce, wanted, made");
    });
}

#[test]
fn a_timestamp_that_does_not_grow_is_refused_with_both() {
    let node = start(Mode::Manual);
    let parent = node.chain.head().timestamp;
    let options = BlockOptions { timestamp: Some(parent), ..Default::default() };
    let error = wait(node.sealer.mine(options)).unwrap_err();
    assert!(
        matches!(error, SealError::Timestamp { given, parent: p, .. } if given == p && p == parent)
    );
    assert_eq!(node.chain.head().number, 0);
}

#[test]
fn what_can_never_be_executed_blocks_nobody() {
    let node = start(Mode::Manual);
    let poor = key(0).address();
    node.send(sign(&key(0), 0, TxKind::Call(BOB), start_balance() / U256::from(2), Bytes::new()))
        .unwrap();
    node.send(transfer(&key(0), 1, BOB, 1)).unwrap();
    node.send(transfer(&key(1), 0, BOB, 5)).unwrap();
    node.chain.edit(vec![Edit::Balance(poor, U256::ZERO)]).unwrap();
    node.mine().unwrap();
    assert_eq!(node.account(BOB).1, U256::from(5));
    assert_eq!(node.pool.pending_len(), 0);
    node.sealer.set_mode(Mode::Instant);
    node.send(transfer(&key(1), 1, BOB, 5)).unwrap();
    assert_eq!(node.account(BOB).1, U256::from(10));
}

#[test]
fn an_edit_that_lands_while_blocks_are_built_is_not_lost() {
    let node = start(Mode::Instant);
    let ended = AtomicBool::new(false);
    let edits = AtomicUsize::new(0);
    let address = |index: usize| Address::left_padding_from(&(0xed17_0000 + index).to_be_bytes());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                let index = edits.load(Ordering::Relaxed);
                let edit = Edit::Balance(address(index), U256::from(index + 1));
                node.chain.edit(vec![edit]).unwrap();
                assert_eq!(node.account(address(index)).1, U256::from(index + 1));
                edits.store(index + 1, Ordering::Relaxed);
            }
        });
        flood(&node, 10, |_| ());
        ended.store(true, Ordering::Release);
    });
    let mut node = node;
    for _ in 0..2 {
        for index in 0..edits.load(Ordering::Relaxed) {
            assert_eq!(node.account(address(index)).1, U256::from(index + 1), "edit {index}");
        }
        node.reopen_after_crash();
    }
}

/// What any reader may rely on at any moment.
fn check_consistent(chain: &Chain) {
    let (head, view) = chain.latest().unwrap();
    let sum: u64 =
        (0..20).map(|sender| view.account(key(sender).address()).unwrap().unwrap().nonce).sum();
    let paid = view.account(BOB).unwrap().map_or(U256::ZERO, |account| account.balance);
    assert_eq!(U256::from(sum), paid, "nonces and balance of one moment agree");
    assert_eq!(view.number(), head.number);
    // The block may be taken off the chain at any moment: it is there whole, or not at all.
    if let Some(block) = chain.block_by_hash(head.seal()).unwrap() {
        assert_eq!(block.hash(), head.seal());
    }
    drop(view);
    if let Ok(view) = chain.state_at(head.number.saturating_sub(2)) {
        view.account(BOB).unwrap();
    }
}

#[test]
fn readers_never_see_half_a_block() {
    let node = start(Mode::Instant);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) {
                    check_consistent(&node.chain);
                }
            });
        }
        flood(&node, 20, |transaction| {
            // Whoever was told of a block finds all of it.
            let Some(place) = node.chain.locate(transaction.hash()).unwrap() else { return };
            let header = node.chain.header(place.block).unwrap().unwrap();
            let block = node.chain.block_by_hash(header.seal()).unwrap().unwrap();
            let receipts = node.chain.receipts(place.block).unwrap().unwrap();
            assert_eq!(receipts.len(), block.body.transactions.len());
        });
        ended.store(true, Ordering::Release);
    });
}

#[test]
fn readers_never_see_an_error_while_the_chain_goes_back_and_forth() {
    let node = start(Mode::Manual);
    let ended = AtomicBool::new(false);
    let read = AtomicUsize::new(0);
    let base = node.dev.snapshot().unwrap();
    assert_eq!(base, 1);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) {
                    check_consistent(&node.chain);
                    let (head, view) = node.chain.latest().unwrap();
                    drop(view);
                    match node.chain.prove(head.number.min(1), BOB, &[U256::ZERO]) {
                        Ok(_) => {}
                        Err(mainspring::chain::ChainError::UnknownBlock { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    read.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut rounds = 0;
        while rounds < 60 || read.load(Ordering::Relaxed) < 200 {
            let id = node.dev.snapshot().unwrap();
            let nonces: Vec<_> =
                (0..3).map(|sender| node.account(key(sender).address()).0).collect();
            for step in 0..rounds % 5 + 1 {
                for sender in 0..3 {
                    let nonce = nonces[sender as usize] + step;
                    node.send(transfer(&key(sender), nonce, BOB, 1)).unwrap();
                }
                node.mine().unwrap();
            }
            if rounds % 3 == 0 {
                node.chain.flush_state().unwrap();
            }
            if rounds % 7 != 0 {
                assert!(node.dev.revert(id).unwrap());
            }
            rounds += 1;
        }
        ended.store(true, Ordering::Release);
    });
}
