//! One sender's transactions by nonce: which can run now, which wait for a gap to close?

use super::{Conditions, PoolError, admit::cost_of, authority};
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, U256};
use std::{collections::BTreeMap, sync::Arc};

/// Percent by which a replacement must raise both fees.
const PRICE_BUMP: u128 = 10;
/// The same for a blob transaction, whose replacement costs every peer much more.
const BLOB_PRICE_BUMP: u128 = 100;

/// A transaction that waits.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) tx: Transaction,
    /// Grows with every admission: ties are served in order of arrival.
    pub(super) arrival: u64,
    /// Encoded size with blobs, and that of its conditions.
    pub(super) bytes: usize,
    /// The most it can cost its sender, in wei.
    pub(super) cost: U256,
    /// Who signed an authorization in it, each once.
    pub(super) authorities: Box<[Address]>,
    /// When it may enter a block, if its sender has said.
    pub(super) conditions: Option<Arc<Conditions>>,
    /// Is it in the stored journal?
    pub(super) journaled: bool,
}

impl Entry {
    /// Recovers the signers of authorizations (35 microseconds each): not to be called under a lock.
    pub(super) fn new(tx: Transaction) -> Self {
        let bytes = tx.encode_2718_len();
        let (cost, authorities) = (cost_of(&tx), authority::signers(&tx));
        Self { tx, arrival: 0, bytes, cost, authorities, conditions: None, journaled: false }
    }

    /// The same under conditions, which take memory too.
    pub(super) fn under(mut self, conditions: Option<Arc<Conditions>>) -> Self {
        self.bytes += conditions.as_ref().map_or(0, |conditions| conditions.size());
        self.conditions = conditions;
        self
    }
}

/// Waiting transactions of one sender.
#[derive(Debug)]
pub(super) struct SenderQueue {
    /// Nonce of the account as last heard; every entry has this or a higher one.
    account_nonce: u64,
    /// First nonce from `account_nonce` on that has no entry: those below can run.
    next_nonce: u64,
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
    /// What those that can run cost at most, in wei. Wraps: beyond 2^256 no balance covers it.
    pending_cost: U256,
}

impl SenderQueue {
    pub(super) fn new(account_nonce: u64) -> Self {
        Self {
            account_nonce,
            next_nonce: account_nonce,
            entries: BTreeMap::new(),
            bytes: 0,
            pending_cost: U256::ZERO,
        }
    }

    pub(super) fn account_nonce(&self) -> u64 {
        self.account_nonce
    }

    pub(super) fn next_nonce(&self) -> u64 {
        self.next_nonce
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many can run, one after the other.
    pub(super) fn pending(&self) -> usize {
        // Every nonce between the two has its entry, so the difference is at most `len`.
        (self.next_nonce - self.account_nonce) as usize
    }

    /// What those that can run cost at most, in wei.
    pub(super) fn pending_cost(&self) -> U256 {
        self.pending_cost
    }

    /// How many wait for a gap to close.
    pub(super) fn queued(&self) -> usize {
        self.len() - self.pending()
    }

    pub(super) fn get(&self, nonce: u64) -> Option<&Entry> {
        self.entries.get(&nonce)
    }

    pub(super) fn get_mut(&mut self, nonce: u64) -> Option<&mut Entry> {
        self.entries.get_mut(&nonce)
    }

    /// The entry with this nonce, if all before it are here.
    pub(super) fn executable(&self, nonce: u64) -> Option<&Entry> {
        if nonce < self.next_nonce { self.entries.get(&nonce) } else { None }
    }

    /// The entry with the highest nonce, which nothing else waits for.
    pub(super) fn tail(&self) -> Option<(u64, &Entry)> {
        self.entries.last_key_value().map(|(nonce, entry)| (*nonce, entry))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(nonce, entry)| (*nonce, entry))
    }

    /// Adds an entry, or replaces the one with its nonce if it pays enough more; returns that one.
    pub(super) fn insert(&mut self, entry: Entry) -> Result<Option<Entry>, PoolError> {
        let nonce = entry.tx.nonce();
        if nonce == u64::MAX {
            return Err(PoolError::NonceMax { sender: entry.tx.sender(), nonce });
        }
        if nonce < self.account_nonce {
            return Err(PoolError::NonceTooLow { next: self.account_nonce, given: nonce });
        }
        if let Some(old) = self.entries.get(&nonce) {
            check_replacement(&old.tx, &entry.tx)?;
        }
        Ok(self.put(entry))
    }

    /// Puts an entry at its nonce, whatever stood there before; returns that. The nonce is the
    /// account's or a later one.
    pub(super) fn put(&mut self, entry: Entry) -> Option<Entry> {
        let (nonce, cost) = (entry.tx.nonce(), entry.cost);
        self.bytes += entry.bytes;
        let replaced = self.entries.insert(nonce, entry);
        self.bytes -= replaced.as_ref().map_or(0, |old| old.bytes);
        if nonce < self.next_nonce {
            let old = replaced.as_ref().map_or(U256::ZERO, |old| old.cost);
            self.pending_cost = self.pending_cost.wrapping_add(cost).wrapping_sub(old);
        } else if nonce == self.next_nonce {
            self.extend_run();
        }
        replaced
    }

    /// Takes an entry out; those after it wait for the gap to close.
    pub(super) fn remove(&mut self, nonce: u64) -> Option<Entry> {
        self.cut_run(nonce);
        let entry = self.entries.remove(&nonce)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// Sets the account's nonce, in either direction; returns the entries that are now stale.
    pub(super) fn rebase(&mut self, account_nonce: u64) -> Vec<Entry> {
        let within_run = (self.account_nonce..=self.next_nonce).contains(&account_nonce);
        if !within_run {
            self.cut_run(self.account_nonce);
        }
        let mut stale = Vec::new();
        while let Some(first) = self.entries.first_entry() {
            if *first.key() >= account_nonce {
                break;
            }
            stale.push(first.remove());
        }
        self.bytes -= stale.iter().map(|entry| entry.bytes).sum::<usize>();
        self.account_nonce = account_nonce;
        if within_run {
            for entry in &stale {
                self.pending_cost = self.pending_cost.wrapping_sub(entry.cost);
            }
        } else {
            self.next_nonce = account_nonce;
            self.extend_run();
        }
        stale
    }

    /// Lets those from `nonce` on wait.
    fn cut_run(&mut self, nonce: u64) {
        if !self.entries.contains_key(&nonce) || nonce >= self.next_nonce {
            return;
        }
        for (_nonce, entry) in self.entries.range(nonce..self.next_nonce) {
            self.pending_cost = self.pending_cost.wrapping_sub(entry.cost);
        }
        self.next_nonce = nonce;
    }

    fn extend_run(&mut self) {
        let mut next = self.next_nonce;
        for (nonce, entry) in self.entries.range(next..) {
            if *nonce != next {
                break;
            }
            self.pending_cost = self.pending_cost.wrapping_add(entry.cost);
            next += 1;
        }
        self.next_nonce = next;
    }
}

/// Must raise fee cap and tip by a tenth (rounded down, as wallets do), a blob transaction must
/// double them and its blob fee cap; and the fee cap must rise at all.
fn check_replacement(old: &Transaction, new: &Transaction) -> Result<(), PoolError> {
    let with_blobs = old.max_fee_per_blob_gas().is_some() || new.max_fee_per_blob_gas().is_some();
    let bump = if with_blobs { BLOB_PRICE_BUMP } else { PRICE_BUMP };
    let (given, queued) = (new.max_fee_per_gas(), old.max_fee_per_gas());
    if given < bumped(queued, bump) || given <= queued {
        return Err(PoolError::ReplacementFeeCap { given, queued, bump });
    }
    let (given, queued) = (new.priority_fee_or_price(), old.priority_fee_or_price());
    if given < bumped(queued, bump) {
        return Err(PoolError::ReplacementTip { given, queued, bump });
    }
    match (new.max_fee_per_blob_gas(), old.max_fee_per_blob_gas()) {
        (Some(given), Some(queued)) if given < bumped(queued, bump) => {
            Err(PoolError::ReplacementBlobFee { given, queued, bump })
        }
        _ => Ok(()),
    }
}

/// `price` plus `percent`, rounded down, never overflowing.
fn bumped(price: u128, percent: u128) -> u128 {
    let whole = (price / 100).saturating_mul(100 + percent);
    whole.saturating_add(price % 100 * (100 + percent) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::testing::{ALICE, Tx};

    fn entry(nonce: u64, fee_cap: u128, tip: u128) -> Entry {
        Entry::new(Tx::fees(ALICE, nonce, fee_cap, tip).build())
    }

    #[test]
    fn a_gap_holds_back_what_comes_after_it() {
        let mut queue = SenderQueue::new(5);
        for nonce in [5, 6, 8, 9] {
            assert!(queue.insert(entry(nonce, 10, 1)).is_ok());
        }
        assert_eq!((queue.pending(), queue.queued(), queue.next_nonce()), (2, 2, 7));
        assert!(queue.executable(8).is_none());
        assert!(queue.insert(entry(7, 10, 1)).is_ok());
        assert_eq!((queue.pending(), queue.queued(), queue.next_nonce()), (5, 0, 10));
        assert!(queue.remove(6).is_some());
        assert_eq!((queue.pending(), queue.queued(), queue.next_nonce()), (1, 3, 6));
    }

    #[test]
    fn a_replacement_needs_a_tenth_more_rounded_down() {
        let mut queue = SenderQueue::new(0);
        assert!(queue.insert(entry(0, 1_500_000_001, 1_500_000_001)).is_ok());
        let short = queue.insert(entry(0, 1_650_000_000, 1_650_000_000)).map(|_| ());
        assert_eq!(
            short.map_err(|error| error.to_string()),
            Err("replacement transaction underpriced: new tx gas fee cap 1650000000 < \
                 1500000001 queued + 10% replacement penalty"
                .to_string())
        );
        assert!(queue.insert(entry(0, 1_650_000_001, 1_650_000_001)).is_ok());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_replacement_needs_a_tenth_more_tip_too() {
        let mut queue = SenderQueue::new(0);
        assert!(queue.insert(entry(0, 100, 20)).is_ok());
        let short = queue.insert(entry(0, 200, 21)).map(|_| ());
        assert_eq!(
            short.map_err(|error| error.to_string()),
            Err("replacement transaction underpriced: new tx gas tip cap 21 < 20 queued + 10% \
                 replacement penalty"
                .to_string())
        );
        assert!(queue.insert(entry(0, 200, 22)).is_ok());
    }

    #[test]
    fn equal_fees_never_replace() {
        let mut queue = SenderQueue::new(0);
        assert!(queue.insert(entry(0, 0, 0)).is_ok());
        assert!(matches!(
            queue.insert(entry(0, 0, 0)),
            Err(PoolError::ReplacementFeeCap { given: 0, queued: 0, bump: 10 })
        ));
    }

    #[test]
    fn rebase_goes_both_ways() {
        let mut queue = SenderQueue::new(5);
        for nonce in [5, 6, 7, 9] {
            assert!(queue.insert(entry(nonce, 10, 1)).is_ok());
        }
        assert_eq!(queue.rebase(7).len(), 2);
        assert_eq!((queue.pending(), queue.queued()), (1, 1));
        assert_eq!(queue.rebase(4).len(), 0);
        assert_eq!((queue.pending(), queue.queued()), (0, 2));
        assert_eq!(queue.rebase(9).len(), 1);
        assert_eq!((queue.pending(), queue.queued(), queue.bytes()), (1, 0, entry(9, 10, 1).bytes));
    }

    #[test]
    fn what_can_run_is_added_up() {
        let cost =
            |nonces: &[u64]| U256::from(nonces.iter().map(|n| (n + 1) * 21_000).sum::<u64>());
        let mut queue = SenderQueue::new(5);
        for nonce in [5, 6, 8, 9] {
            assert!(queue.insert(entry(nonce, u128::from(nonce) + 1, 0)).is_ok());
        }
        assert_eq!(queue.pending_cost(), cost(&[5, 6]));
        assert!(queue.insert(entry(7, 8, 0)).is_ok());
        assert_eq!(queue.pending_cost(), cost(&[5, 6, 7, 8, 9]));
        assert!(queue.insert(entry(6, 100, 0)).is_ok());
        assert_eq!(queue.pending_cost(), cost(&[5, 99, 7, 8, 9]));
        queue.rebase(7);
        assert_eq!(queue.pending_cost(), cost(&[7, 8, 9]));
        assert!(queue.remove(8).is_some());
        assert_eq!(queue.pending_cost(), cost(&[7]));
        queue.rebase(9);
        assert_eq!((queue.pending_cost(), queue.pending()), (cost(&[9]), 1));
        queue.rebase(3);
        assert_eq!((queue.pending_cost(), queue.pending()), (U256::ZERO, 0));
    }

    #[test]
    fn a_bump_is_exact_up_to_the_largest_price() {
        assert_eq!(bumped(1_500_000_001, 10), 1_650_000_001);
        assert_eq!(bumped(9, 10), 9);
        assert_eq!(bumped(10, 10), 11);
        assert_eq!(bumped(u128::MAX, 10), u128::MAX);
    }
}
