//! The pool as its callers see it.

use super::{
    testing::{ALICE, BOB, Tx, pool, rich, rules},
    *,
};
use alloy_consensus::Transaction as _;
use alloy_eips::Encodable2718;
use rand::{Rng, SeedableRng, rngs::StdRng};

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
    pool.reinject(mined, |_sender| 0);
    assert_eq!((pool.pending_len(), pool.queued_len()), (4, 0));
    assert_eq!(nonces_by_sender(&pool, 0, Order::Fifo).len(), 4);
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
    assert_eq!(after.restore(rows.added, |_sender| 0).unwrap(), 2);
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
fn a_stale_row_leaves_the_journal_and_a_damaged_one_is_named() {
    let before = pool();
    let added = add(&before, Tx::new(ALICE, 0)).unwrap();
    let rows = before.journal_changes().added;

    let after = pool();
    assert_eq!(after.restore(rows.clone(), |_sender| 1).unwrap(), 0);
    assert_eq!(after.journal_changes().removed, [added.hash]);

    let (hash, mut row) = rows[0].clone();
    row.truncate(20);
    let damaged = after.restore([(hash, row)], |_sender| 0).map_err(|error| error.to_string());
    assert_eq!(damaged, Err(format!("pool journal: the row of transaction {hash} is damaged")));
    let swapped = after.restore([(B256::ZERO, rows[0].1.clone())], |_sender| 0);
    assert!(matches!(swapped, Err(PoolError::Journal { .. })));
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
fn a_batch_answers_one_by_one() {
    let pool = pool();
    let batch = vec![
        (Tx::new(ALICE, 0).build(), rich(0)),
        (Tx::new(ALICE, 0).build(), rich(0)),
        (Tx::new(BOB, 0).build(), rich(4)),
        (Tx::new(ALICE, 1).build(), rich(0)),
    ];
    let answers: Vec<_> = pool.add_batch(batch, &rules()).iter().map(Result::is_ok).collect();
    assert_eq!(answers, [true, false, false, true]);
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

/// What the pool should hold, in the plainest form: fee by sender and nonce.
#[derive(Default)]
struct Model {
    nonces: BTreeMap<Address, u64>,
    waiting: BTreeMap<(Address, u64), u128>,
}

impl Model {
    fn add(&mut self, sender: Address, nonce: u64, fee: u128) -> bool {
        let account = self.nonces.get(&sender).copied().unwrap_or(0);
        let old = self.waiting.get(&(sender, nonce)).copied();
        if nonce < account || old.is_some_and(|old| fee <= old || fee < old * 110 / 100) {
            return false;
        }
        self.waiting.insert((sender, nonce), fee);
        true
    }

    fn mine(&mut self, sender: Address, count: u64) -> u64 {
        let nonce = self.nonces.entry(sender).or_default();
        *nonce += count;
        let nonce = *nonce;
        self.waiting.retain(|(owner, used), _fee| *owner != sender || *used >= nonce);
        nonce
    }

    fn pending(&self) -> usize {
        let senders: std::collections::BTreeSet<_> =
            self.waiting.keys().map(|(sender, _nonce)| *sender).collect();
        let runs = senders.into_iter().map(|sender| {
            let first = self.nonces.get(&sender).copied().unwrap_or(0);
            (first..).take_while(|nonce| self.waiting.contains_key(&(sender, *nonce))).count()
        });
        runs.sum()
    }
}

#[test]
fn random_histories_agree_with_a_plain_model() {
    for seed in 0..32 {
        let mut random = StdRng::seed_from_u64(seed);
        let (pool, mut model) = (pool(), Model::default());
        for step in 0..400 {
            let sender = [ALICE, BOB, CAROL][random.random_range(0..3)];
            let account = model.nonces.get(&sender).copied().unwrap_or(0);
            if random.random_ratio(1, 12) {
                let nonce = model.mine(sender, random.random_range(0..4));
                pool.set_account_nonce(sender, nonce);
            } else {
                let nonce = (account + random.random_range(0..12)).saturating_sub(1);
                let fee = random.random_range(90..140);
                let tx = Tx::fees(sender, nonce, fee, fee).build();
                let taken = pool.add(tx, &rich(account), &rules()).is_ok();
                assert_eq!(taken, model.add(sender, nonce, fee), "seed {seed}, step {step}");
            }
            let offered = pool.best(0, 1, Order::Fees).count();
            assert_eq!(offered, model.pending(), "seed {seed}, step {step}");
            assert_eq!((pool.len(), pool.pending_len()), (model.waiting.len(), offered));
        }
        let bytes: usize = pool.transactions().iter().map(|tx| tx.encode_2718_len()).sum();
        assert_eq!(pool.bytes(), bytes);
    }
}
