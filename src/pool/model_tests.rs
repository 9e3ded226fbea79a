//! Random histories of the pool against a model that is as plain as can be. `MAINSPRING_SEEDS` sets
//! how many.

use super::{
    testing::{ALICE, BOB, Tx, rich, rules},
    *,
};
use alloy_consensus::Transaction as _;
use alloy_eips::Encodable2718;
use alloy_primitives::{U256, map::B256Set};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

const CAROL: Address = Address::repeat_byte(0xca);
const SENDERS: [Address; 3] = [ALICE, BOB, CAROL];
const GAS: u128 = 21_000;

fn seeds() -> u64 {
    std::env::var("MAINSPRING_SEEDS").map_or(32, |seeds| seeds.parse().unwrap())
}

/// What the pool should hold: fee by sender and nonce.
#[derive(Clone, Debug, Default)]
struct Model {
    nonces: BTreeMap<Address, u64>,
    waiting: BTreeMap<(Address, u64), u128>,
}

impl Model {
    fn nonce(&self, sender: Address) -> u64 {
        self.nonces.get(&sender).copied().unwrap_or(0)
    }

    fn add(&mut self, sender: Address, nonce: u64, fee: u128, balance: u128) -> bool {
        let old = self.waiting.get(&(sender, nonce)).copied();
        if nonce < self.nonce(sender) || old.is_some_and(|old| fee <= old || fee < old * 110 / 100)
        {
            return false;
        }
        let spent: u128 = self.run(sender).iter().map(|(_nonce, fee)| fee * GAS).sum();
        let replaced =
            self.run(sender).iter().find(|(used, _)| *used == nonce).map(|(_, fee)| *fee);
        if fee * GAS > balance || spent + (fee - replaced.unwrap_or(0)) * GAS > balance {
            return false;
        }
        self.waiting.insert((sender, nonce), fee);
        true
    }

    /// What can run, fees aside.
    fn run(&self, sender: Address) -> Vec<(u64, u128)> {
        let from = self.nonce(sender);
        (from..).map_while(|nonce| Some((nonce, *self.waiting.get(&(sender, nonce))?))).collect()
    }

    fn pending(&self) -> usize {
        SENDERS.iter().map(|sender| self.run(*sender).len()).sum()
    }

    fn set_nonce(&mut self, sender: Address, nonce: u64) {
        self.nonces.insert(sender, nonce);
        self.waiting.retain(|(owner, used), _fee| *owner != sender || *used >= nonce);
    }
}

/// A pool, its model, and the blocks that were made of it.
struct History {
    random: StdRng,
    pool: Pool,
    model: Model,
    /// Nonces before each block, and what it holds.
    blocks: Vec<(BTreeMap<Address, u64>, Vec<Transaction>)>,
}

impl History {
    fn step(&mut self) {
        let sender = SENDERS[self.random.random_range(0..3)];
        match self.random.random_range(0..24) {
            0 | 1 => self.mine(),
            2 => self.reorganise(),
            3 => {
                let nonce = self.random.random_range(0..20);
                self.pool.set_account_nonce(sender, nonce);
                self.model.set_nonce(sender, nonce);
                // An edit lies over the head: no older block can be taken back with it.
                self.blocks.clear();
            }
            4 => self.drop_one(),
            _ => self.add(sender),
        }
    }

    fn add(&mut self, sender: Address) {
        let account = self.model.nonce(sender);
        let nonce = (account + self.random.random_range(0..12)).saturating_sub(1);
        let fee = self.random.random_range(90..140);
        // Enough for a few, or for all.
        let balance = [5 * 120 * GAS, 1 << 60][usize::from(self.random.random_bool(0.8))];
        let state = SenderState { balance: U256::from(balance), ..rich(account) };
        let added = self.pool.add(Tx::fees(sender, nonce, fee, fee).build(), &state, &rules());
        assert_eq!(added.is_ok(), self.model.add(sender, nonce, fee, balance), "{added:?}");
    }

    fn mine(&mut self) {
        let room = self.random.random_range(0..6);
        let block: Vec<_> = self.pool.best(0, 1, Order::Fees).take(room).collect();
        self.blocks.push((self.model.nonces.clone(), block.clone()));
        for tx in &block {
            assert_eq!(tx.nonce(), self.model.nonce(tx.sender()), "a gap in a block");
            self.model.set_nonce(tx.sender(), tx.nonce() + 1);
        }
        self.pool.on_block(&block, |sender| self.model.nonce(sender));
    }

    fn reorganise(&mut self) {
        let depth = self.random.random_range(0..=self.blocks.len().min(3));
        let removed = self.blocks.split_off(self.blocks.len() - depth);
        let Some((nonces, _)) = removed.first() else { return };
        self.model.nonces = nonces.clone();
        let unwound: Vec<_> = removed.into_iter().flat_map(|(_, block)| block).collect();
        for tx in &unwound {
            let place = (tx.sender(), tx.nonce());
            self.model.waiting.entry(place).or_insert(tx.max_fee_per_gas());
        }
        self.pool.reinject(unwound, |sender| self.model.nonce(sender));
    }

    fn drop_one(&mut self) {
        let waiting = self.pool.transactions();
        if waiting.is_empty() {
            return;
        }
        let tx = &waiting[self.random.random_range(0..waiting.len())];
        assert!(self.pool.remove(tx.hash()).is_some());
        self.model.waiting.remove(&(tx.sender(), tx.nonce()));
    }

    fn agrees(&self) {
        let waiting: BTreeMap<_, _> = self
            .pool
            .transactions()
            .iter()
            .map(|tx| ((tx.sender(), tx.nonce()), tx.max_fee_per_gas()))
            .collect();
        assert_eq!(waiting, self.model.waiting);
        let offered: Vec<_> = self.pool.best(0, 1, Order::Fees).collect();
        assert_eq!((offered.len(), self.pool.pending_len()), (self.model.pending(), offered.len()));
        assert_eq!(self.pool.queued_len(), waiting.len() - offered.len());
        for sender in SENDERS {
            let nonce = self.model.nonce(sender);
            let next = nonce + self.model.run(sender).len() as u64;
            assert_eq!(self.pool.next_nonce(sender, nonce), next);
        }
        let bytes: usize = self.pool.transactions().iter().map(|tx| tx.encode_2718_len()).sum();
        assert_eq!(self.pool.bytes(), bytes);
    }
}

#[test]
fn random_histories_agree_with_a_plain_model() {
    for seed in 0..seeds() {
        let random = StdRng::seed_from_u64(seed);
        let pool = Pool::new(Limits::default());
        let mut history = History { random, pool, model: Model::default(), blocks: Vec::new() };
        for step in 0..400 {
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                history.step();
                history.agrees();
            }));
            assert!(failed.is_ok(), "seed {seed}, step {step}");
        }
    }
}

fn hashes(transactions: &[Transaction]) -> B256Set {
    transactions.iter().map(Transaction::hash).collect()
}

/// Under small limits: whoever is refused changes nothing, what cannot run pushes nothing out that
/// can, limits hold, and the journal says what waits.
#[test]
fn random_floods_keep_the_limits_and_lose_nothing_that_can_run() {
    for seed in 0..seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let limits = Limits { transactions: 12, bytes: 2_000, per_sender: 6, ..Limits::default() };
        let pool = Pool::new(limits);
        let mut stored: BTreeMap<B256, Vec<u8>> = BTreeMap::new();
        for step in 0..300 {
            let sender = Address::repeat_byte(random.random_range(1..7));
            let fee = random.random_range(90..400);
            let mut tx = Tx::fees(sender, random.random_range(0..8), fee, fee);
            tx.inner.input = vec![0; random.random_range(0..4) * 100].into();
            tx.inner.gas_limit = 50_000;
            let (waited, could_run) = (hashes(&pool.transactions()), hashes(&pool.pending()));
            let added = pool.add(tx.build(), &rich(0), &rules());
            let (waits, can_run) = (hashes(&pool.transactions()), hashes(&pool.pending()));
            match added {
                Err(_) => assert_eq!(waits, waited, "seed {seed}, step {step}"),
                Ok(added) => {
                    assert!(waits.contains(&added.hash), "seed {seed}, step {step}");
                    let lost = could_run
                        .difference(&can_run)
                        .filter(|hash| Some(**hash) != added.replaced);
                    let lost = lost.count();
                    assert!(added.pending || lost == 0, "seed {seed}, step {step}: {lost} lost");
                }
            }
            assert!(pool.len() <= 12 && pool.bytes() <= 2_000, "seed {seed}, step {step}");
            if random.random_ratio(1, 5) {
                let changes = pool.journal_changes();
                // Now and then the disk is full, and it is written the next time.
                if random.random_ratio(1, 3) {
                    pool.journal_not_written(changes);
                } else {
                    stored.retain(|hash, _row| !changes.removed.contains(hash));
                    stored.extend(changes.added);
                }
            }
        }
        let changes = pool.journal_changes();
        stored.retain(|hash, _row| !changes.removed.contains(hash));
        stored.extend(changes.added);
        assert_eq!(stored.keys().copied().collect::<B256Set>(), hashes(&pool.transactions()));
        let after = Pool::new(limits);
        after.restore(stored, |_sender| 0);
        assert_eq!(after.transactions(), pool.transactions(), "seed {seed}");
    }
}

#[test]
fn a_hundred_thousand_gapped_transactions_push_out_nothing_that_can_run() {
    let pool = Pool::new(Limits { transactions: 10_000, ..Limits::default() });
    for sender in 0..5_000_u64 {
        let tx = Tx::fees(Address::left_padding_from(&sender.to_be_bytes()), 0, 1, 1).build();
        pool.add(tx, &rich(0), &rules()).unwrap();
    }
    let could_run = pool.pending();
    for number in 0..100_000_u64 {
        let sender = Address::left_padding_from(&(10_000 + number / 20).to_be_bytes());
        let tx = Tx::fees(sender, 1 + number % 20, 1_000_000, 1).build();
        // Taken while there is room, or in the place of another one that waits for a gap.
        let _taken = pool.add(tx, &rich(0), &rules());
        assert!(pool.len() <= 10_000);
    }
    assert_eq!((pool.pending(), pool.len()), (could_run, 10_000));
    // Nothing of it stands in the way of what can run.
    let tx = Tx::fees(Address::repeat_byte(9), 0, 1, 1).build();
    assert!(pool.add(tx, &rich(0), &rules()).unwrap().pending);
    let notes = pool.journal_changes();
    assert_eq!((notes.added.len(), notes.removed.len()), (10_000, 0));
}

#[test]
fn replacing_in_a_loop_grows_nothing() {
    let pool = Pool::new(Limits::default());
    let mut fee = 1_000_u128;
    for _ in 0..300 {
        pool.add(Tx::fees(ALICE, 0, fee, fee).build(), &rich(0), &rules()).unwrap();
        fee = fee * 110 / 100 + 1;
        if pool.len() == 1 && fee > 1 << 80 {
            break;
        }
    }
    assert_eq!((pool.len(), pool.journal_changes().added.len()), (1, 1));
}
