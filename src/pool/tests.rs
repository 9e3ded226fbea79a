//! The pool as its callers see it.

use super::{
    testing::{ALICE, BOB, Tx, blob_tx, pool, rich, rules},
    *,
};
use alloy_eips::Encodable2718;
use alloy_primitives::U256;

const CAROL: Address = Address::repeat_byte(0xca);

fn add(pool: &Pool, tx: Tx) -> Result<Added, PoolError> {
    pool.add(tx.build(), &rich(0), &rules())
}

fn nonces_by_sender(pool: &Pool, base_fee: u64, order: Order) -> Vec<(Address, u64)> {
    pool.best(base_fee, 1, order).map(|tx| (tx.sender(), tx.nonce())).collect()
}

#[test]
fn a_transaction_is_taken_once() {
    let pool = pool();
    let added = add(&pool, Tx::new(ALICE, 0)).unwrap();
    assert!(added.pending && added.pays && added.replaced.is_none());
    assert!(pool.contains(added.hash));
    let again = add(&pool, Tx::new(ALICE, 0)).map_err(|error| error.to_string());
    assert_eq!(again, Err("already known".into()));
}

#[test]
fn a_replacement_takes_the_place_of_the_old_one() {
    let pool = pool();
    let old = add(&pool, Tx::fees(ALICE, 0, 100, 10)).unwrap();
    let new = add(&pool, Tx::fees(ALICE, 0, 110, 11)).unwrap();
    assert_eq!(new.replaced, Some(old.hash));
    assert_eq!((pool.len(), pool.get(old.hash)), (1, None));
}

#[test]
fn a_gap_is_queued_and_runs_once_it_closes() {
    let pool = pool();
    assert!(!add(&pool, Tx::new(ALICE, 1)).unwrap().pending);
    assert_eq!((pool.pending_len(), pool.queued_len()), (0, 1));
    assert_eq!(pool.next_nonce(ALICE, 0), 0);
    assert!(pool.best(0, 1, Order::Fees).next().is_none());
    assert!(add(&pool, Tx::new(ALICE, 0)).unwrap().pending);
    assert_eq!((pool.pending_len(), pool.queued_len()), (2, 0));
    assert_eq!(pool.next_nonce(ALICE, 0), 2);
}

#[test]
fn the_higher_tip_goes_first_and_nonces_stay_in_order() {
    let pool = pool();
    for (sender, nonce, tip) in [(ALICE, 0, 5), (ALICE, 1, 50), (BOB, 0, 20), (CAROL, 0, 20)] {
        add(&pool, Tx::fees(sender, nonce, 1_000, tip)).unwrap();
    }
    let by_fees = [(BOB, 0), (CAROL, 0), (ALICE, 0), (ALICE, 1)];
    assert_eq!(nonces_by_sender(&pool, 100, Order::Fees), by_fees);
    let by_arrival = [(ALICE, 0), (ALICE, 1), (BOB, 0), (CAROL, 0)];
    assert_eq!(nonces_by_sender(&pool, 100, Order::Fifo), by_arrival);
}

#[test]
fn the_base_fee_eats_into_the_tip_and_holds_back_who_cannot_pay_it() {
    let pool = pool();
    add(&pool, Tx::fees(ALICE, 0, 110, 100)).unwrap();
    add(&pool, Tx::fees(BOB, 0, 1_000, 50)).unwrap();
    add(&pool, Tx::fees(CAROL, 0, 99, 1)).unwrap();
    add(&pool, Tx::fees(CAROL, 1, 1_000, 1)).unwrap();
    assert_eq!(nonces_by_sender(&pool, 100, Order::Fees), [(BOB, 0), (ALICE, 0)]);
    assert_eq!(pool.len(), 4, "who cannot pay waits");
    assert_eq!(nonces_by_sender(&pool, 99, Order::Fees).len(), 4);
    assert!(!add(&pool, Tx::fees(CAROL, 2, 999_999_999, 1)).unwrap().pays);
}

#[test]
fn a_skipped_sender_is_not_offered_again() {
    let pool = pool();
    for (sender, nonce) in [(ALICE, 0), (ALICE, 1), (BOB, 0), (BOB, 1), (CAROL, 0)] {
        add(&pool, Tx::new(sender, nonce)).unwrap();
    }
    let mut best = pool.best(0, 1, Order::Fifo);
    assert_eq!(best.next().map(|tx| tx.sender()), Some(ALICE));
    best.skip_sender(ALICE);
    best.skip_sender(CAROL);
    let rest: Vec<_> = best.map(|tx| (tx.sender(), tx.nonce())).collect();
    assert_eq!(rest, [(BOB, 0), (BOB, 1)]);
}

#[test]
fn what_arrives_while_a_block_is_built_is_still_offered() {
    let pool = pool();
    add(&pool, Tx::new(ALICE, 0)).unwrap();
    let mut best = pool.best(0, 1, Order::Fees);
    assert_eq!(best.next().map(|tx| tx.nonce()), Some(0));
    add(&pool, Tx::new(ALICE, 1)).unwrap();
    assert_eq!(best.next().map(|tx| tx.nonce()), Some(1));
}

#[test]
fn a_block_uses_up_its_transactions_and_what_they_outran() {
    let pool = pool();
    for nonce in [0, 1, 2, 4] {
        add(&pool, Tx::new(ALICE, nonce)).unwrap();
    }
    add(&pool, Tx::new(BOB, 0)).unwrap();
    let mined = Tx::fees(ALICE, 0, 7, 7).build();
    pool.on_block(&[mined], |_sender| 1);
    assert_eq!((pool.pending_len(), pool.queued_len()), (3, 1));
    pool.on_block(&[Tx::new(ALICE, 3).build()], |_sender| 4);
    assert_eq!((pool.pending_len(), pool.queued_len()), (2, 0));
    let late = pool.add(Tx::new(ALICE, 3).build(), &rich(3), &rules());
    let late = late.map_err(|error| error.to_string());
    assert_eq!(late, Err("nonce too low: next nonce 4, tx nonce 3".into()));
}

#[test]
fn unwound_transactions_wait_again_behind_the_old_nonce() {
    let pool = pool();
    let mined: Vec<_> = (0..3).map(|nonce| Tx::new(ALICE, nonce).build()).collect();
    add(&pool, Tx::new(ALICE, 3)).unwrap();
    pool.on_block(&mined, |_sender| 3);
    let news = pool.returns();
    pool.reinject(mined.clone(), |_sender| 1);
    assert_eq!((pool.pending_len(), pool.queued_len()), (3, 0));
    assert_eq!(*news.borrow(), 2, "one was mined on the other branch too");
    assert_eq!(pool.returned_after(0, 9).as_deref(), Ok(&mined[1..]));
    assert_eq!(pool.returned_after(1, 9).as_deref(), Ok(&mined[2..]));
    pool.reinject(mined, |_sender| 0);
    assert_eq!((pool.pending_len(), pool.queued_len()), (4, 0));
    assert_eq!(*news.borrow(), 3, "those that wait anyhow are no news");
    assert_eq!(nonces_by_sender(&pool, 0, Order::Fifo).len(), 4);
}

#[test]
fn what_waits_for_a_nonce_is_taken_in_and_has_not_arrived() {
    let pool = pool();
    let nonces = |read: Result<Vec<Transaction>, MissedArrivals>| {
        read.unwrap().iter().map(|tx| tx.nonce()).collect::<Vec<u64>>()
    };
    add(&pool, Tx::new(ALICE, 1)).unwrap();
    assert_eq!(
        (nonces(pool.taken_after(0, 9)), nonces(pool.arrived_after(0, 9))),
        (vec![1], vec![])
    );
    add(&pool, Tx::new(ALICE, 0)).unwrap();
    assert_eq!(nonces(pool.taken_after(0, 9)), [1, 0]);
    assert_eq!(nonces(pool.arrived_after(0, 9)), [0, 1]);
    assert!(add(&pool, Tx::new(ALICE, 0)).is_err());
    assert_eq!(*pool.taken().borrow(), 2, "what is refused is not taken in");
}

#[test]
fn a_full_pool_drops_the_queued_first_then_the_cheapest() {
    let limits = Limits { transactions: 3, ..Limits::default() };
    let pool = Pool::new(limits);
    let gapped = add(&pool, Tx::fees(ALICE, 5, 9_000, 1)).unwrap();
    let cheap = add(&pool, Tx::fees(BOB, 0, 10, 1)).unwrap();
    add(&pool, Tx::fees(CAROL, 0, 30, 1)).unwrap();
    add(&pool, Tx::fees(CAROL, 1, 20, 1)).unwrap();
    assert!(!pool.contains(gapped.hash), "it could not run anyway");
    add(&pool, Tx::fees(CAROL, 2, 40, 1)).unwrap();
    assert!(!pool.contains(cheap.hash));
    let refused = add(&pool, Tx::fees(BOB, 0, 10, 1)).map_err(|error| error.to_string());
    let bytes = pool.bytes();
    assert_eq!(refused, Err(format!("txpool is full: 3 transactions, {bytes} bytes")));
    assert_eq!(pool.len(), 3);
}

#[test]
fn bytes_are_limited_too() {
    let size = Tx::new(ALICE, 0).build().envelope().encode_2718_len();
    let pool = Pool::new(Limits { bytes: 2 * size, ..Limits::default() });
    add(&pool, Tx::fees(ALICE, 0, 2_000_000_001, 1_000_000_000)).unwrap();
    add(&pool, Tx::fees(BOB, 0, 2_000_000_002, 1_000_000_000)).unwrap();
    add(&pool, Tx::fees(CAROL, 0, 2_000_000_003, 1_000_000_000)).unwrap();
    assert_eq!((pool.len(), pool.bytes()), (2, 2 * size));
    assert_eq!(pool.next_nonce(ALICE, 0), 0);
}

#[test]
fn one_sender_cannot_fill_the_pool() {
    let pool = Pool::new(Limits { per_sender: 2, ..Limits::default() });
    add(&pool, Tx::fees(ALICE, 0, 100, 1)).unwrap();
    add(&pool, Tx::fees(ALICE, 1, 100, 1)).unwrap();
    let third = add(&pool, Tx::fees(ALICE, 2, 100, 1)).map_err(|error| error.to_string());
    assert_eq!(third, Err("account limit exceeded: pooled 2 txs".into()));
    assert!(add(&pool, Tx::fees(ALICE, 1, 200, 2)).is_ok(), "a replacement needs no room");
}

#[test]
fn the_journal_brings_everything_back() {
    let before = pool();
    let alice = add(&before, Tx::new(ALICE, 0)).unwrap();
    add(&before, Tx::new(BOB, 3)).unwrap();
    let rows = before.journal_changes();
    assert_eq!((rows.added.len(), rows.removed.len()), (2, 0));
    assert!(before.journal_changes().is_empty(), "handed out once");

    let after = pool();
    assert_eq!(after.restore(rows.added, |_sender| 0), 2);
    assert_eq!(after.transactions(), before.transactions());
    assert!(after.get(alice.hash).unwrap().is_impersonated());
    assert!(after.journal_changes().is_empty(), "it is stored already");
    after.remove(alice.hash);
    assert_eq!(after.journal_changes().removed, [alice.hash]);
}

#[test]
fn what_comes_and_goes_between_two_drains_is_never_stored() {
    let pool = pool();
    let tx = Tx::new(ALICE, 0).build();
    pool.add(tx.clone(), &rich(0), &rules()).unwrap();
    pool.on_block(&[tx], |_sender| 1);
    assert!(pool.journal_changes().is_empty());
}

#[test]
fn a_stale_row_leaves_the_journal() {
    let before = pool();
    let added = add(&before, Tx::new(ALICE, 0)).unwrap();
    let rows = before.journal_changes().added;
    let after = pool();
    assert_eq!(after.restore(rows, |_sender| 1), 0);
    assert_eq!(after.journal_changes().removed, [added.hash]);
}

#[test]
fn damaged_rows_leave_the_journal_and_the_others_come_back() {
    let before = pool();
    let hashes: Vec<_> =
        (0..4).map(|nonce| add(&before, Tx::new(ALICE, nonce)).unwrap().hash).collect();
    let mut rows = before.journal_changes().added;
    rows[1].1.truncate(20);
    rows[2].1.push(0);
    rows[3].0 = B256::ZERO;
    rows.push((B256::repeat_byte(1), Vec::new()));
    let after = pool();
    assert_eq!(after.restore(rows, |_sender| 0), 1);
    assert!(after.contains(hashes[0]));
    let removed = after.journal_changes().removed;
    assert_eq!(removed, [hashes[1], hashes[2], B256::ZERO, B256::repeat_byte(1)]);
}

#[test]
fn every_cut_and_every_wrong_byte_of_a_row_is_survived() {
    let before = pool();
    add(&before, Tx::new(ALICE, 0)).unwrap();
    let (hash, row) = before.journal_changes().added.remove(0);
    for length in 0..row.len() {
        assert_eq!(pool().restore([(hash, row[..length].to_vec())], |_sender| 0), 0, "{length}");
    }
    for at in 0..row.len() {
        let mut wrong = row.clone();
        wrong[at] ^= 0x81;
        // A wrong place in the order, or a wrong sender, cannot be told from a right one.
        assert!(pool().restore([(hash, wrong)], |_sender| 0) <= 1);
    }
}

#[test]
fn conditions_come_back_with_their_transaction() {
    let conditions = Conditions { block_number_max: Some(9), ..Default::default() };
    let before = pool();
    let tx = Tx::new(ALICE, 0).build();
    before.add_with(tx, Some(Arc::new(conditions.clone())), &rich(0), &rules()).unwrap();
    let after = pool();
    assert_eq!(after.restore(before.journal_changes().added, |_sender| 0), 1);
    let saved = after.save();
    after.drop_all();
    after.bring_back(saved, |_sender| 0);
    let mut best = after.best(0, 1, Order::Fees);
    assert!(best.next().is_some());
    assert_eq!(best.conditions(), Some(&conditions));
}

#[test]
fn changes_that_could_not_be_written_are_handed_out_again() {
    let pool = pool();
    let stays = add(&pool, Tx::new(ALICE, 0)).unwrap().hash;
    let goes = add(&pool, Tx::new(BOB, 0)).unwrap().hash;
    let stored = add(&pool, Tx::new(CAROL, 0)).unwrap().hash;
    let first = pool.journal_changes();
    pool.remove(stored);
    let second = pool.journal_changes();
    assert_eq!(second.removed, [stored]);
    pool.journal_not_written(second);
    pool.remove(goes);
    pool.journal_not_written(first);
    let again = pool.journal_changes();
    let hashes: Vec<_> = again.added.iter().map(|(hash, _row)| *hash).collect();
    assert_eq!(hashes, [stays]);
    assert!([goes, stored].iter().all(|hash| again.removed.contains(hash)));
}

#[test]
fn content_shows_both_halves() {
    let pool = pool();
    for nonce in [0, 1, 3] {
        add(&pool, Tx::new(ALICE, nonce)).unwrap();
    }
    let content = pool.content();
    assert_eq!(content.pending[&ALICE].keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(content.queued[&ALICE].keys().copied().collect::<Vec<_>>(), [3]);
    assert!(pool.content_of(BOB).pending.is_empty());
}

#[test]
fn emptying_leaves_nothing() {
    let pool = pool();
    for (sender, nonce) in [(ALICE, 0), (BOB, 0), (ALICE, 1), (ALICE, 7)] {
        add(&pool, Tx::new(sender, nonce)).unwrap();
    }
    assert_eq!(pool.remove_sender(ALICE).len(), 3);
    assert_eq!((pool.len(), pool.pending_len(), pool.queued_len()), (1, 1, 0));
    assert_eq!(pool.drop_all().len(), 1);
    assert_eq!((pool.len(), pool.bytes(), pool.pending_len()), (0, 0, 0));
}

#[test]
fn who_is_refused_pushes_nobody_out() {
    let size = Tx::new(ALICE, 0).build().envelope().encode_2718_len();
    let pool = Pool::new(Limits { bytes: 3 * size + 40, ..Limits::default() });
    for (sender, fee) in [(ALICE, 2_000_000_000), (BOB, 2_000_000_010), (CAROL, 2_000_000_020)] {
        add(&pool, Tx::fees(sender, 0, fee, 1)).unwrap();
    }
    let before = pool.transactions();
    let mut large = Tx::fees(BOB, 1, 2_000_000_005, 1);
    large.inner.input = vec![1; 2 * size].into();
    large.inner.gas_limit = 100_000;
    let refused = add(&pool, large.clone()).map_err(|error| error.to_string());
    assert_eq!(refused, Err(format!("txpool is full: 3 transactions, {} bytes", pool.bytes())));
    assert_eq!(pool.transactions(), before);
    // Too large for the pool, although it pays more than the one whose place it takes.
    large.inner.nonce = 0;
    large.inner.input = vec![1; 4 * size].into();
    large.inner.max_fee_per_gas = 9_000_000_000;
    large.inner.max_priority_fee_per_gas = 2;
    assert!(matches!(add(&pool, large), Err(PoolError::Full { transactions: 3, .. })));
    assert_eq!(pool.transactions(), before);
    assert_eq!(pool.next_nonce(BOB, 0), 1);
}

#[test]
fn what_cannot_run_yet_pushes_nothing_out_that_can() {
    let pool = Pool::new(Limits { transactions: 2, ..Limits::default() });
    add(&pool, Tx::fees(ALICE, 0, 100, 1)).unwrap();
    add(&pool, Tx::fees(BOB, 0, 100, 1)).unwrap();
    let refused = add(&pool, Tx::fees(CAROL, 7, 9_000, 1)).map_err(|error| error.to_string());
    let bytes = pool.bytes();
    let text = "future transaction tries to replace pending transaction: 2 transactions";
    assert_eq!(refused, Err(format!("{text}, {bytes} bytes")));
    assert_eq!((pool.len(), pool.pending_len()), (2, 2));
}

#[test]
fn an_evicted_transaction_leaves_the_journal() {
    let pool = Pool::new(Limits { transactions: 1, ..Limits::default() });
    let cheap = add(&pool, Tx::fees(ALICE, 0, 100, 1)).unwrap().hash;
    assert_eq!(pool.journal_changes().added.len(), 1);
    let refused = add(&pool, Tx::fees(BOB, 0, 50, 1));
    assert!(refused.is_err() && pool.journal_changes().is_empty());
    let dear = add(&pool, Tx::fees(BOB, 0, 200, 1)).unwrap().hash;
    let changes = pool.journal_changes();
    assert_eq!((changes.removed, changes.added[0].0), (vec![cheap], dear));
}

#[test]
fn a_sender_pays_for_all_that_can_run() {
    let pool = pool();
    let account = |wei: u64| SenderState { balance: U256::from(wei * 21_000), ..rich(0) };
    let add = |tx: Tx, wei: u64| {
        let added = pool.add(tx.build(), &account(wei), &rules());
        added.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(add(Tx::fees(ALICE, 0, 100, 1), 150), Ok(()));
    let text = "insufficient funds for gas * price + value: balance 3150000, queued cost 2100000";
    let second = add(Tx::fees(ALICE, 1, 60, 1), 150);
    assert_eq!(second, Err(format!("{text}, tx cost 1260000, overshot 210000")));
    let bumped = add(Tx::fees(ALICE, 0, 151, 2), 150);
    assert!(bumped.unwrap_err().contains("balance 3150000, tx cost 3171000, overshot 21000"));
    assert_eq!(add(Tx::fees(ALICE, 1, 50, 1), 150), Ok(()));
    let bumped = add(Tx::fees(ALICE, 0, 110, 2), 150);
    let text = "insufficient funds for gas * price + value: balance 3150000, queued cost 3150000";
    assert_eq!(bumped, Err(format!("{text}, tx bumped 210000, overshot 210000")));
    assert_eq!(add(Tx::fees(ALICE, 0, 110, 2), 160), Ok(()));
}

#[test]
fn blobs_stay_readable_after_their_block_and_wait_again_after_a_reorganisation() {
    let pool = pool();
    let tx = blob_tx(ALICE, 0, &[1, 2]);
    pool.queues.lock().insert_unchecked(Entry::new(tx.clone()), 0).unwrap();
    let blob = |seed| pool.with_blob(B256::repeat_byte(seed)).map(|tx| tx.hash());
    assert_eq!((blob(2), blob(3)), (Some(tx.hash()), None));
    pool.on_block(&[tx.without_sidecar()], |_sender| 1);
    assert_eq!((pool.len(), blob(1)), (0, Some(tx.hash())));
    assert_eq!(pool.with_blobs(tx.hash()).as_ref(), Some(&tx));
    pool.reinject(vec![tx.without_sidecar()], |_sender| 0);
    assert_eq!(pool.transactions(), std::slice::from_ref(&tx));
    pool.remove(tx.hash());
    let small = Pool::new(Limits { kept_blob_bytes: 1, ..Limits::default() });
    small.reinject(vec![tx.without_sidecar()], |_sender| 0);
    assert!(small.is_empty(), "its blobs are nowhere");
}
