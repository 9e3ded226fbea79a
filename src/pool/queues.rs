//! All senders' queues under the pool's limits: every sum is kept as entries come and go.

use super::{
    Added, Limits, Order, PoolError, SenderState,
    authority::{self, Authorities},
    best::Head,
    journal::{Changes, Fresh, Journal},
    kept_blobs::KeptBlobs,
    queue::{Entry, SenderQueue},
};
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map},
};
use std::{cmp::Reverse, collections::BTreeSet};

/// Everything that waits. The pool holds it behind its one lock.
#[derive(Debug)]
pub(super) struct Queues {
    limits: Limits,
    by_hash: B256Map<(Address, u64)>,
    /// The newest that waits with a blob of this versioned hash.
    by_blob: B256Map<B256>,
    senders: AddressMap<SenderQueue>,
    /// The last entry of every sender, the one to evict first in front.
    tails: BTreeSet<Tail>,
    totals: Totals,
    authorities: Authorities,
    arrivals: u64,
    journal: Journal,
    blobs: KeptBlobs,
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

/// Why a newcomer finds no room in a full pool.
#[derive(Clone, Copy, Debug)]
enum Refused {
    /// Everything else pays more.
    Cheapest,
    /// It cannot run yet, and everything else can.
    Future,
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
            by_blob: B256Map::default(),
            senders: AddressMap::default(),
            tails: BTreeSet::new(),
            totals: Totals::default(),
            authorities: Authorities::default(),
            arrivals: 0,
            journal: Journal::default(),
            blobs: KeptBlobs::new(limits.kept_blob_bytes),
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

    pub(super) fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// A transaction with its blobs, waiting or mined.
    pub(super) fn with_blobs(&self, hash: B256) -> Option<&Transaction> {
        self.get(hash).map(|entry| &entry.tx).or_else(|| self.blobs.get(hash))
    }

    /// A transaction, waiting or mined, that has a blob of this versioned hash.
    pub(super) fn with_blob(&self, versioned_hash: B256) -> Option<&Transaction> {
        let waiting = self.by_blob.get(&versioned_hash).and_then(|hash| self.get(*hash));
        waiting.map(|entry| &entry.tx).or_else(|| self.blobs.with_blob(versioned_hash))
    }

    /// The blobs of a transaction that was mined stay readable.
    pub(super) fn keep_blobs(&mut self, mined: B256) {
        let waiting = self.get(mined).map(|entry| entry.tx.clone());
        if let Some(tx) = waiting.filter(|tx| tx.is_eip4844()) {
            self.blobs.keep(tx);
        }
    }

    /// The first executable transaction of every sender that pays these fees.
    pub(super) fn heads(&self, base_fee: u64, blob_base_fee: u128, order: Order) -> Vec<Head> {
        self.senders
            .values()
            .filter_map(|queue| queue.executable(queue.account_nonce()))
            .filter_map(|entry| Head::of(entry, base_fee, blob_base_fee, order))
            .collect()
    }

    /// Adds a transaction whose sender the caller has looked at. `pays_for_all`: the sender has to
    /// be able to pay for all of its transactions that can run.
    pub(super) fn insert(
        &mut self,
        entry: Entry,
        account: &SenderState,
        pays_for_all: bool,
    ) -> Result<Added, PoolError> {
        let (sender, nonce) = (entry.tx.sender(), entry.tx.nonce());
        if self.contains(entry.tx.hash()) {
            return Err(PoolError::AlreadyKnown);
        }
        self.advance(sender, account.nonce);
        authority::check(self, (sender, nonce), &entry.authorities, account)?;
        if pays_for_all {
            self.check_funds(&entry, account.balance)?;
        }
        self.insert_unchecked(entry, account.nonce)
    }

    /// Adds a transaction that was admitted before; its account's nonce is `account_nonce` as far as
    /// the caller knows.
    pub(super) fn insert_unchecked(
        &mut self,
        mut entry: Entry,
        account_nonce: u64,
    ) -> Result<Added, PoolError> {
        if !entry.journaled {
            entry.arrival = self.arrivals;
        }
        let arrival = entry.arrival;
        let added = self.place(entry, account_nonce)?;
        self.arrivals = self.arrivals.max(arrival.saturating_add(1));
        Ok(added)
    }

    /// Adds an entry read back from the journal, with its old place in the order of arrival.
    pub(super) fn restore(&mut self, entry: Entry, account_nonce: u64) -> Result<Added, PoolError> {
        let hash = entry.tx.hash();
        let added = self.insert_unchecked(entry, account_nonce);
        if added.is_err() {
            self.journal.removed(hash);
        }
        added
    }

    /// A row of the stored journal that is no transaction any more.
    pub(super) fn drop_row(&mut self, hash: B256) {
        self.journal.removed(hash);
    }

    fn place(&mut self, entry: Entry, account_nonce: u64) -> Result<Added, PoolError> {
        let (hash, sender, nonce) = (entry.tx.hash(), entry.tx.sender(), entry.tx.nonce());
        if self.contains(hash) {
            return Err(PoolError::AlreadyKnown);
        }
        self.advance(sender, account_nonce);
        self.check_account_limit(sender, nonce)?;
        let replaced = self.update(sender, account_nonce, |queue| queue.insert(entry))?;
        if let Some(old) = &replaced {
            self.forget(old);
        }
        self.note(sender, nonce);
        let old_hash = replaced.as_ref().map(|old| old.tx.hash());
        let known = self.senders.get(&sender).map_or(account_nonce, SenderQueue::account_nonce);
        if let Some(refused) = self.make_room(hash) {
            replaced.into_iter().for_each(|old| self.put_back(old, known));
            let (transactions, bytes) = (self.len(), self.totals.bytes);
            return Err(match refused {
                Refused::Cheapest => PoolError::Full { transactions, bytes },
                Refused::Future => PoolError::FutureReplacesPending { transactions, bytes },
            });
        }
        let pending = self.senders.get(&sender).is_some_and(|queue| nonce < queue.next_nonce());
        Ok(Added { hash, pending, pays: true, replaced: old_hash })
    }

    /// The caller may have read the account after a block that the pool has not heard of.
    fn advance(&mut self, sender: Address, account_nonce: u64) {
        let known = self.senders.get(&sender).map(SenderQueue::account_nonce);
        if known.is_some_and(|known| known < account_nonce) {
            self.rebase(sender, account_nonce);
        }
    }

    /// The sender has to be able to pay for what can run and for this.
    fn check_funds(&self, entry: &Entry, balance: U256) -> Result<(), PoolError> {
        let Some(queue) = self.senders.get(&entry.tx.sender()) else { return Ok(()) };
        let queued = queue.pending_cost();
        let old = queue.executable(entry.tx.nonce()).map(|old| old.cost);
        let cost = entry.cost.saturating_sub(old.unwrap_or_default());
        let needed = queued.saturating_add(cost);
        if old.is_some_and(|old| old >= entry.cost) || needed <= balance {
            return Ok(());
        }
        let bumps = old.is_some();
        Err(PoolError::InsufficientFundsForAll { balance, queued, cost, bumps })
    }

    fn check_account_limit(&self, sender: Address, nonce: u64) -> Result<(), PoolError> {
        match self.senders.get(&sender) {
            Some(queue) if queue.len() >= self.limits.per_sender && queue.get(nonce).is_none() => {
                Err(PoolError::AccountLimit { pooled: queue.len() })
            }
            _ => Ok(()),
        }
    }

    /// Drops tails until the limits hold again. If the newcomer would be the next to go, it goes, and
    /// everything else stays.
    fn make_room(&mut self, newcomer: B256) -> Option<Refused> {
        let mut evicted = Vec::new();
        while self.len() > self.limits.transactions || self.totals.bytes > self.limits.bytes {
            let tail = *self.tails.first()?;
            let known = self.senders.get(&tail.sender).map_or(0, SenderQueue::account_nonce);
            let entry = self.remove_at(tail.sender, tail.nonce)?;
            if entry.tx.hash() != newcomer {
                evicted.push((entry, known));
                continue;
            }
            let is_future = !tail.executable && self.totals.queued == 0;
            evicted.into_iter().rev().for_each(|(entry, known)| self.put_back(entry, known));
            return Some(if is_future { Refused::Future } else { Refused::Cheapest });
        }
        None
    }

    /// Puts back what was just taken out; its account's nonce was `account_nonce`.
    fn put_back(&mut self, mut entry: Entry, account_nonce: u64) {
        // Leaving has taken its row out of the journal.
        entry.journaled = false;
        let (sender, nonce) = (entry.tx.sender(), entry.tx.nonce());
        self.update(sender, account_nonce, |queue| queue.put(entry));
        self.note(sender, nonce);
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
        self.by_blob.clear();
        self.senders.clear();
        self.tails.clear();
        self.authorities.clear();
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
                    let (arrival, tx) = (entry.arrival, entry.tx.clone());
                    added.push(Fresh { arrival, tx, conditions: entry.conditions.clone() });
                }
                _ => {}
            }
        }
        Changes { added, removed }
    }

    /// What was drained could not be written: it is handed out again.
    pub(super) fn journal_not_written(&mut self, added: Vec<B256>, mut removed: Vec<B256>) {
        let mut fresh = Vec::with_capacity(added.len());
        for hash in added {
            let place = self.by_hash.get(&hash).copied();
            let queue = place.and_then(|(sender, _)| self.senders.get_mut(&sender));
            match place.zip(queue).and_then(|((_, nonce), queue)| queue.get_mut(nonce)) {
                Some(entry) => {
                    entry.journaled = false;
                    fresh.push(hash);
                }
                // It left meanwhile; a part of the rows may have been written.
                None => removed.push(hash),
            }
        }
        self.journal.not_written(fresh, removed);
    }

    /// Takes an entry that came into its queue into the indexes and the journal.
    fn note(&mut self, sender: Address, nonce: u64) {
        let queue = self.senders.get(&sender);
        let Some(entry) = queue.and_then(|queue| queue.get(nonce)) else { return };
        let hash = entry.tx.hash();
        self.by_hash.insert(hash, (sender, nonce));
        for blob in entry.tx.blob_versioned_hashes().unwrap_or_default() {
            self.by_blob.insert(*blob, hash);
        }
        self.authorities.added(&entry.authorities);
        if !entry.journaled {
            self.journal.added(hash, &self.by_hash);
        }
    }

    /// Takes an entry that left its queue out of the indexes and the journal.
    fn forget(&mut self, entry: &Entry) {
        let hash = entry.tx.hash();
        self.by_hash.remove(&hash);
        for blob in entry.tx.blob_versioned_hashes().unwrap_or_default() {
            if self.by_blob.get(blob) == Some(&hash) {
                self.by_blob.remove(blob);
            }
        }
        self.authorities.removed(&entry.authorities);
        if entry.journaled {
            self.journal.removed(hash);
        }
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
