//! All senders' queues under the pool's limits: every sum is kept as entries come and go.

use super::{
    Added, Limits, Order, PoolError,
    best::Head,
    journal::{Changes, Journal},
    queue::{Entry, SenderQueue},
};
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256Map},
};
use std::{cmp::Reverse, collections::BTreeSet};

/// Everything that waits. The pool holds it behind its one lock.
#[derive(Debug)]
pub(super) struct Queues {
    limits: Limits,
    by_hash: B256Map<(Address, u64)>,
    senders: AddressMap<SenderQueue>,
    /// The last entry of every sender, the one to evict first in front.
    tails: BTreeSet<Tail>,
    totals: Totals,
    arrivals: u64,
    journal: Journal,
}

/// The last entry of a sender's queue. Ordered by who goes first when the pool is full: those
/// behind a gap, then the cheaper, then the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tail {
    executable: bool,
    fee_cap: u128,
    arrival: Reverse<u64>,
    sender: Address,
    nonce: u64,
}

/// Sums over all queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) pending: usize,
    pub(super) queued: usize,
    pub(super) bytes: usize,
}

impl Totals {
    fn of(queue: &SenderQueue) -> Self {
        Self { pending: queue.pending(), queued: queue.queued(), bytes: queue.bytes() }
    }

    fn replace(&mut self, before: Self, after: Self) {
        self.pending = self.pending + after.pending - before.pending;
        self.queued = self.queued + after.queued - before.queued;
        self.bytes = self.bytes + after.bytes - before.bytes;
    }
}

fn tail_of(sender: Address, queue: &SenderQueue) -> Option<Tail> {
    let (nonce, entry) = queue.tail()?;
    Some(Tail {
        executable: nonce < queue.next_nonce(),
        fee_cap: entry.tx.max_fee_per_gas(),
        arrival: Reverse(entry.arrival),
        sender,
        nonce,
    })
}

impl Queues {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_hash: B256Map::default(),
            senders: AddressMap::default(),
            tails: BTreeSet::new(),
            totals: Totals::default(),
            arrivals: 0,
            journal: Journal::default(),
        }
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn contains(&self, hash: B256) -> bool {
        self.by_hash.contains_key(&hash)
    }

    pub(super) fn get(&self, hash: B256) -> Option<&Entry> {
        let (sender, nonce) = self.by_hash.get(&hash)?;
        self.senders.get(sender)?.get(*nonce)
    }

    pub(super) fn sender(&self, sender: Address) -> Option<&SenderQueue> {
        self.senders.get(&sender)
    }

    pub(super) fn senders(&self) -> impl Iterator<Item = (Address, &SenderQueue)> {
        self.senders.iter().map(|(sender, queue)| (*sender, queue))
    }

    /// The first executable transaction of every sender that pays these fees.
    pub(super) fn heads(&self, base_fee: u64, blob_base_fee: u128, order: Order) -> Vec<Head> {
        self.senders
            .values()
            .filter_map(|queue| queue.executable(queue.account_nonce()))
            .filter_map(|entry| Head::of(entry, base_fee, blob_base_fee, order))
            .collect()
    }

    /// Adds a transaction; its account's nonce is `account_nonce` as far as the caller knows.
    pub(super) fn insert(
        &mut self,
        tx: Transaction,
        account_nonce: u64,
    ) -> Result<Added, PoolError> {
        let arrival = self.arrivals;
        let added = self.insert_entry(Entry::new(tx, arrival), account_nonce)?;
        self.arrivals += 1;
        Ok(added)
    }

    /// Adds an entry read back from the journal, with its old place in the order of arrival.
    pub(super) fn restore(&mut self, entry: Entry, account_nonce: u64) -> Result<Added, PoolError> {
        self.arrivals = self.arrivals.max(entry.arrival.saturating_add(1));
        let hash = entry.tx.hash();
        let added = self.insert_entry(entry, account_nonce);
        if added.is_err() {
            self.journal.removed(hash);
        }
        added
    }

    fn insert_entry(&mut self, entry: Entry, account_nonce: u64) -> Result<Added, PoolError> {
        let (hash, sender, nonce) = (entry.tx.hash(), entry.tx.sender(), entry.tx.nonce());
        let journaled = entry.journaled;
        if self.contains(hash) {
            return Err(PoolError::AlreadyKnown);
        }
        self.advance(sender, account_nonce);
        self.check_account_limit(sender, nonce)?;
        let replaced = self.update(sender, account_nonce, |queue| queue.insert(entry))?;
        let replaced = replaced.map(|old| self.forget(&old));
        self.by_hash.insert(hash, (sender, nonce));
        if !journaled {
            self.journal.added(hash, &self.by_hash);
        }
        self.evict(hash)?;
        let pending = self.senders.get(&sender).is_some_and(|queue| nonce < queue.next_nonce());
        Ok(Added { hash, pending, pays: true, replaced })
    }

    /// The caller may have read the account after a block that the pool has not heard of.
    fn advance(&mut self, sender: Address, account_nonce: u64) {
        let known = self.senders.get(&sender).map(SenderQueue::account_nonce);
        if known.is_some_and(|known| known < account_nonce) {
            self.rebase(sender, account_nonce);
        }
    }

    fn check_account_limit(&self, sender: Address, nonce: u64) -> Result<(), PoolError> {
        match self.senders.get(&sender) {
            Some(queue) if queue.len() >= self.limits.per_sender && queue.get(nonce).is_none() => {
                Err(PoolError::AccountLimit { pooled: queue.len() })
            }
            _ => Ok(()),
        }
    }

    /// Drops tails until the limits hold again. The newcomer itself may be the first to go.
    fn evict(&mut self, newcomer: B256) -> Result<(), PoolError> {
        let mut refused = false;
        while self.len() > self.limits.transactions || self.totals.bytes > self.limits.bytes {
            let Some(tail) = self.tails.first().copied() else { break };
            let evicted = self.remove_at(tail.sender, tail.nonce);
            refused |= evicted.is_some_and(|entry| entry.tx.hash() == newcomer);
        }
        if refused {
            return Err(PoolError::Full { transactions: self.len(), bytes: self.totals.bytes });
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, hash: B256) -> Option<Entry> {
        let (sender, nonce) = *self.by_hash.get(&hash)?;
        self.remove_at(sender, nonce)
    }

    fn remove_at(&mut self, sender: Address, nonce: u64) -> Option<Entry> {
        let known = self.senders.get(&sender)?.account_nonce();
        let entry = self.update(sender, known, |queue| queue.remove(nonce))?;
        self.forget(&entry);
        Some(entry)
    }

    pub(super) fn remove_sender(&mut self, sender: Address) -> Vec<Transaction> {
        self.rebase(sender, u64::MAX)
    }

    /// Sets the nonce of an account and drops what became stale.
    pub(super) fn rebase(&mut self, sender: Address, account_nonce: u64) -> Vec<Transaction> {
        if !self.senders.contains_key(&sender) {
            return Vec::new();
        }
        let stale = self.update(sender, account_nonce, |queue| queue.rebase(account_nonce));
        for entry in &stale {
            self.forget(entry);
        }
        stale.into_iter().map(|entry| entry.tx).collect()
    }

    pub(super) fn clear(&mut self) -> Vec<Transaction> {
        let mut entries: Vec<(u64, Transaction)> = Vec::with_capacity(self.len());
        for queue in self.senders.values() {
            for (_nonce, entry) in queue.entries() {
                entries.push((entry.arrival, entry.tx.clone()));
                if entry.journaled {
                    self.journal.removed(entry.tx.hash());
                }
            }
        }
        self.by_hash.clear();
        self.senders.clear();
        self.tails.clear();
        self.totals = Totals::default();
        entries.sort_unstable_by_key(|(arrival, _tx)| *arrival);
        entries.into_iter().map(|(_arrival, tx)| tx).collect()
    }

    /// What the stored journal lacks and what it has too much.
    pub(super) fn drain_journal(&mut self) -> Changes {
        let (fresh, removed) = self.journal.drain();
        let mut added = Vec::with_capacity(fresh.len());
        for hash in fresh {
            let Some((sender, nonce)) = self.by_hash.get(&hash) else { continue };
            let queue = self.senders.get_mut(sender);
            match queue.and_then(|queue| queue.get_mut(*nonce)) {
                Some(entry) if !entry.journaled => {
                    entry.journaled = true;
                    added.push((entry.arrival, entry.tx.clone()));
                }
                _ => {}
            }
        }
        Changes { added, removed }
    }

    /// Takes an entry that left its queue out of the index and the journal.
    fn forget(&mut self, entry: &Entry) -> B256 {
        let hash = entry.tx.hash();
        self.by_hash.remove(&hash);
        if entry.journaled {
            self.journal.removed(hash);
        }
        hash
    }

    /// The only way a queue changes: sums and tails follow, an empty queue goes.
    fn update<R>(
        &mut self,
        sender: Address,
        account_nonce: u64,
        change: impl FnOnce(&mut SenderQueue) -> R,
    ) -> R {
        let queue = self.senders.entry(sender).or_insert_with(|| SenderQueue::new(account_nonce));
        let (totals, tail) = (Totals::of(queue), tail_of(sender, queue));
        let result = change(queue);
        let (new_totals, new_tail) = (Totals::of(queue), tail_of(sender, queue));
        if queue.len() == 0 {
            self.senders.remove(&sender);
        }
        self.totals.replace(totals, new_totals);
        if tail != new_tail {
            tail.map(|tail| self.tails.remove(&tail));
            self.tails.extend(new_tail);
        }
        result
    }
}
