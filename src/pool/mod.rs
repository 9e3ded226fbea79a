//! The pool: which transactions wait, in which order?
//!
//! [`admit`] decides who may enter, [`queue`] keeps one sender's transactions by nonce, `queues`
//! all of them under limits, `arrivals` tells who watches what is new, [`best`] offers them to the
//! sealer, [`journal`] remembers them over a restart, `kept_blobs` keeps the blobs of mined ones, `stats`
//! counts. One lock, held for moments; nothing here waits, reads state or knows the chain.

mod admit;
mod arrivals;
mod authority;
mod best;
mod blob;
mod conditions;
mod content;
mod error;
mod journal;
mod kept_blobs;
mod queue;
mod queues;
mod stats;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use admit::{Rules, SenderState, check};
pub use arrivals::MissedArrivals;
pub use best::{Best, Order};
pub use blob::{load_trusted_setup, sidecar, with_cell_proofs};
pub use conditions::{Conditions, KnownStorage, UnmetCondition};
pub use content::Content;
pub use error::PoolError;
pub use journal::JournalChanges;
pub use stats::PoolStats;

use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::{
    Address, B256,
    map::{AddressMap, AddressSet},
};
use arrivals::Arrivals;
use parking_lot::Mutex;
use queue::{Entry, SenderQueue};
use queues::Queues;
use std::sync::Arc;
use tokio::sync::watch;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions in all.
    pub transactions: usize,
    /// Their encoded size in bytes, blobs included.
    pub bytes: usize,
    /// Transactions of one sender.
    pub per_sender: usize,
    /// Blobs of mined transactions that stay readable, in bytes.
    pub kept_blob_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transactions: 100_000,
            bytes: 128 << 20,
            per_sender: 16_384,
            kept_blob_bytes: 64 << 20,
        }
    }
}

/// An admitted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Of the transaction.
    pub hash: B256,
    /// No nonce is missing before it, so that something new can run (it, and what waited for it).
    pub pending: bool,
    /// It pays the base fee and blob base fee of the [`Rules`] it was admitted under.
    pub pays: bool,
    /// The transaction it took the place of.
    pub replaced: Option<B256>,
}

/// What waited at some moment, for [`Pool::bring_back`].
#[derive(Clone, Debug, Default)]
pub struct SavedPool(Arc<Vec<Entry>>);

impl SavedPool {
    /// How many transactions waited.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Did nothing wait?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Do both hold the same transactions, in the same order?
    pub fn holds_the_same(&self, other: &Self) -> bool {
        let hashes = |saved: &Self| saved.0.iter().map(|entry| entry.tx.hash()).collect::<Vec<_>>();
        hashes(self) == hashes(other)
    }

    /// As the journal has it: hashes and rows.
    pub fn rows(&self) -> Vec<(B256, Vec<u8>)> {
        let row = |entry: &Entry| (entry.tx.hash(), journal::encode_entry(entry));
        self.0.iter().map(row).collect()
    }

    /// Reads what [`Self::rows`] gave; rows that are damaged are left out.
    pub fn from_rows(rows: &[(B256, Vec<u8>)]) -> Self {
        let entry = |(hash, row): &(B256, Vec<u8>)| journal::decode(*hash, row);
        Self(Arc::new(rows.iter().filter_map(entry).collect()))
    }

    /// Are both one and the same in memory?
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The transactions that wait for a block.
#[derive(Debug)]
pub struct Pool {
    queues: Mutex<Queues>,
    arrivals: Arrivals,
    /// What was taken in, also what cannot run yet.
    taken: Arrivals,
    /// What left the chain and waits again.
    returns: Arrivals,
    counted: stats::Counted,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self {
            queues: Mutex::new(Queues::new(limits)),
            arrivals: Arrivals::default(),
            taken: Arrivals::default(),
            returns: Arrivals::default(),
            counted: Default::default(),
        }
    }

    /// Checks a transaction against its sender's account at the head and takes it in.
    pub fn add(
        &self,
        tx: Transaction,
        account: &SenderState,
        rules: &Rules,
    ) -> Result<Added, PoolError> {
        self.add_with(tx, None, account, rules)
    }

    /// Like [`Self::add`], for a transaction that may enter a block only under `conditions`.
    pub fn add_with(
        &self,
        tx: Transaction,
        conditions: Option<Arc<Conditions>>,
        account: &SenderState,
        rules: &Rules,
    ) -> Result<Added, PoolError> {
        let added = self.take_in(tx, conditions, account, rules);
        self.counted.offered(&added);
        added
    }

    fn take_in(
        &self,
        tx: Transaction,
        conditions: Option<Arc<Conditions>>,
        account: &SenderState,
        rules: &Rules,
    ) -> Result<Added, PoolError> {
        self.admit(&tx, account, rules)?;
        let pays = rules.pays(&tx);
        let place = (tx.sender(), tx.nonce());
        let entry = Entry::new(tx).under(conditions);
        let taken = entry.tx.clone();
        let pays_for_all = !rules.disable_balance_check;
        let insert = |queues: &mut Queues| queues.insert(entry, account, pays_for_all);
        let added = self.arrivals.while_inserting(&mut self.queues.lock(), place, insert)?;
        self.taken.note(&[taken]);
        Ok(Added { pays, ..added })
    }

    fn admit(
        &self,
        tx: &Transaction,
        account: &SenderState,
        rules: &Rules,
    ) -> Result<(), PoolError> {
        if self.contains(tx.hash()) {
            return Err(PoolError::AlreadyKnown);
        }
        check(tx, account, rules)
    }

    /// How many transactions could run so far, and news of it.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.count()
    }

    /// Up to `most` of the transactions that could run after the first `seen`, in that order. Some may
    /// have been mined or dropped since.
    pub fn arrived_after(
        &self,
        seen: u64,
        most: usize,
    ) -> Result<Vec<Transaction>, MissedArrivals> {
        self.arrivals.after(seen, most)
    }

    /// How many transactions were taken in so far, also those that cannot run yet, and news of it.
    pub fn taken(&self) -> watch::Receiver<u64> {
        self.taken.count()
    }

    /// Up to `most` of the transactions that were taken in after the first `seen`, in that order.
    ///
    /// # Errors
    /// [`MissedArrivals`] for a reader that is too far behind.
    pub fn taken_after(&self, seen: u64, most: usize) -> Result<Vec<Transaction>, MissedArrivals> {
        self.taken.after(seen, most)
    }

    /// How many transactions went back to the pool because their blocks left the chain. Changes when some
    /// do.
    pub fn returns(&self) -> watch::Receiver<u64> {
        self.returns.count()
    }

    /// Those that went back after the first `seen`, at most so many, oldest first.
    ///
    /// # Errors
    /// [`MissedArrivals`] for a reader that is too far behind.
    pub fn returned_after(
        &self,
        seen: u64,
        most: usize,
    ) -> Result<Vec<Transaction>, MissedArrivals> {
        self.returns.after(seen, most)
    }

    /// A waiting transaction.
    pub fn get(&self, hash: B256) -> Option<Transaction> {
        self.queues.lock().get(hash).map(|entry| entry.tx.clone())
    }

    /// A waiting transaction by its sender and nonce.
    pub fn get_by_nonce(&self, sender: Address, nonce: u64) -> Option<Transaction> {
        let queues = self.queues.lock();
        queues.sender(sender)?.get(nonce).map(|entry| entry.tx.clone())
    }

    /// The conditions of a waiting transaction, if it has some.
    pub fn conditions(&self, hash: B256) -> Option<Arc<Conditions>> {
        self.queues.lock().get(hash)?.conditions.clone()
    }

    /// Does this transaction wait?
    pub fn contains(&self, hash: B256) -> bool {
        self.queues.lock().contains(hash)
    }

    /// A blob transaction with its sidecar: it waits, or was mined not long ago.
    pub fn with_blobs(&self, hash: B256) -> Option<Transaction> {
        self.queues.lock().with_blobs(hash).cloned()
    }

    /// A transaction with its sidecar that has a blob of this versioned hash.
    pub fn with_blob(&self, versioned_hash: B256) -> Option<Transaction> {
        self.queues.lock().with_blob(versioned_hash).cloned()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queues.lock().len()
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many could run, fees aside.
    pub fn pending_len(&self) -> usize {
        self.queues.lock().totals().pending
    }

    /// How many wait for a nonce before them.
    pub fn queued_len(&self) -> usize {
        self.queues.lock().totals().queued
    }

    /// Encoded size in bytes of all that wait.
    pub fn bytes(&self) -> usize {
        self.queues.lock().totals().bytes
    }

    /// The nonce a new transaction of this account should have: the first from the account's own
    /// on that no waiting transaction uses.
    pub fn next_nonce(&self, sender: Address, account_nonce: u64) -> u64 {
        let queues = self.queues.lock();
        match queues.sender(sender) {
            Some(queue) if queue.account_nonce() <= account_nonce => {
                queue.next_nonce().max(account_nonce)
            }
            _ => account_nonce,
        }
    }

    /// Executable transactions that pay these fees (wei per gas, wei per blob gas), best first.
    pub fn best(&self, base_fee: u64, blob_base_fee: u128, order: Order) -> Best<'_> {
        Best::new(self, base_fee, blob_base_fee, order)
    }

    /// Takes a transaction out; later ones of its sender wait for the gap to close.
    pub fn remove(&self, hash: B256) -> Option<Transaction> {
        self.queues.lock().remove(hash).map(|entry| entry.tx)
    }

    /// Takes out everything of one sender.
    pub fn remove_sender(&self, sender: Address) -> Vec<Transaction> {
        self.queues.lock().remove_sender(sender)
    }

    /// Empties the pool; returns what waited, in order of arrival.
    pub fn drop_all(&self) -> Vec<Transaction> {
        self.queues.lock().clear()
    }

    /// All that wait, in order of arrival.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.in_order_of_arrival(|_nonce, _queue| true)
    }

    /// All that can run, fees aside, in order of arrival.
    pub fn pending(&self) -> Vec<Transaction> {
        self.in_order_of_arrival(|nonce, queue| nonce < queue.next_nonce())
    }

    /// All that wait for an earlier nonce of their sender, in order of arrival.
    pub fn queued(&self) -> Vec<Transaction> {
        self.in_order_of_arrival(|nonce, queue| nonce >= queue.next_nonce())
    }

    fn in_order_of_arrival(
        &self,
        is_wanted: impl Fn(u64, &SenderQueue) -> bool,
    ) -> Vec<Transaction> {
        let mut entries: Vec<(u64, Transaction)> = {
            let queues = self.queues.lock();
            let wanted = queues.senders().flat_map(|(_sender, queue)| {
                queue.entries().filter(|(nonce, _entry)| is_wanted(*nonce, queue))
            });
            wanted.map(|(_nonce, entry)| (entry.arrival, entry.tx.clone())).collect()
        };
        entries.sort_unstable_by_key(|(arrival, _tx)| *arrival);
        entries.into_iter().map(|(_arrival, tx)| tx).collect()
    }

    /// Everything that waits, to be brought back later.
    pub fn save(&self) -> SavedPool {
        let mut entries: Vec<Entry> = {
            let queues = self.queues.lock();
            let all = queues.senders().flat_map(|(_sender, queue)| queue.entries());
            all.map(|(_nonce, entry)| entry.clone()).collect()
        };
        entries.sort_unstable_by_key(|entry| entry.arrival);
        SavedPool(Arc::new(entries))
    }

    /// Makes what was saved wait again, and nothing else. What is stale by now stays away.
    /// `account_nonce` answers for the state at the head.
    pub fn bring_back(&self, saved: SavedPool, account_nonce: impl Fn(Address) -> u64) {
        let senders: AddressSet = saved.0.iter().map(|entry| entry.tx.sender()).collect();
        let nonces: AddressMap<u64> =
            senders.into_iter().map(|sender| (sender, account_nonce(sender))).collect();
        let mut queues = self.queues.lock();
        queues.clear();
        for entry in Arc::unwrap_or_clone(saved.0) {
            let nonce = nonces.get(&entry.tx.sender()).copied().unwrap_or_default();
            let entry = Entry { journaled: false, ..entry };
            if let Err(error) = queues.insert_unchecked(entry, nonce) {
                tracing::debug!(target: "pool", %error, "a saved transaction stays away");
            }
        }
    }

    /// Has the pool heard that this transaction was mined?
    pub fn has_followed(&self, mined: &Transaction) -> bool {
        let queues = self.queues.lock();
        queues.sender(mined.sender()).is_none_or(|queue| queue.account_nonce() > mined.nonce())
    }

    /// Everyone who has something waiting.
    pub fn senders(&self) -> Vec<Address> {
        self.queues.lock().senders().map(|(sender, _queue)| sender).collect()
    }

    /// A block was put on the chain: drops what it used up and lets the next nonces run.
    /// `account_nonce` answers for the state after that block.
    pub fn on_block(&self, mined: &[Transaction], account_nonce: impl Fn(Address) -> u64) {
        let touched = senders_touched(mined);
        let nonces: Vec<_> =
            touched.into_iter().map(|sender| (sender, account_nonce(sender))).collect();
        let mut queues = self.queues.lock();
        for tx in mined.iter().filter(|tx| tx.is_eip4844()) {
            queues.keep_blobs(tx.hash());
        }
        for (sender, nonce) in nonces {
            queues.rebase(sender, nonce);
        }
    }

    /// An account's nonce was changed otherwise (by a developer's hand, or unwound); returns the
    /// transactions that became stale.
    pub fn set_account_nonce(&self, sender: Address, nonce: u64) -> Vec<Transaction> {
        self.queues.lock().rebase(sender, nonce)
    }

    /// Blocks were taken off the chain: their transactions wait again as if they had just arrived,
    /// unless another one waits in their place. A blob transaction whose blobs are not kept any more
    /// is lost, since blocks do not carry blobs. `account_nonce` answers for the state after the
    /// unwinding.
    pub fn reinject(&self, unwound: Vec<Transaction>, account_nonce: impl Fn(Address) -> u64) {
        let touched = senders_touched(&unwound);
        let nonces: AddressMap<u64> =
            touched.into_iter().map(|sender| (sender, account_nonce(sender))).collect();
        let complete = unwound.into_iter().filter_map(|tx| {
            if !tx.is_eip4844() || sidecar(&tx).is_some() {
                return Some(tx);
            }
            self.with_blobs(tx.hash())
        });
        let entries: Vec<Entry> = complete.map(Entry::new).collect();
        let mut queues = self.queues.lock();
        for (sender, nonce) in &nonces {
            queues.rebase(*sender, *nonce);
        }
        let mut returned = Vec::new();
        for entry in entries {
            let (sender, nonce) = (entry.tx.sender(), entry.tx.nonce());
            if queues.sender(sender).is_some_and(|queue| queue.get(nonce).is_some()) {
                continue;
            }
            let account_nonce = nonces.get(&sender).copied().unwrap_or_default();
            let tx = entry.tx.clone();
            match queues.insert_unchecked(entry, account_nonce) {
                Ok(_) => returned.push(tx),
                Err(error) => {
                    tracing::debug!(target: "pool", %error, "an unwound transaction was dropped");
                }
            }
        }
        drop(queues);
        self.returns.note(&returned);
    }

    /// What the stored journal lacks and has too much since the last call. Hands it out once: the
    /// caller keeps it until it is written.
    pub fn journal_changes(&self) -> JournalChanges {
        let changes = self.queues.lock().drain_journal();
        changes.into()
    }

    /// Changes that were handed out could not be written: they are handed out again, with what is
    /// left of them.
    pub fn journal_not_written(&self, changes: JournalChanges) {
        let added = changes.added.into_iter().map(|(hash, _row)| hash).collect();
        self.queues.lock().journal_not_written(added, changes.removed);
    }

    /// Fills the pool from the stored journal; returns how many wait now. Transactions that
    /// became stale and rows that are damaged are dropped and leave the journal with the next
    /// changes.
    pub fn restore(
        &self,
        rows: impl IntoIterator<Item = (B256, Vec<u8>)>,
        account_nonce: impl Fn(Address) -> u64,
    ) -> usize {
        let (mut entries, mut damaged) = (Vec::new(), Vec::new());
        for (hash, row) in rows {
            match journal::decode(hash, &row) {
                Some(entry) => entries.push(entry),
                None => damaged.push(hash),
            }
        }
        entries.sort_unstable_by_key(|entry| entry.arrival);
        let nonces: Vec<u64> =
            entries.iter().map(|entry| account_nonce(entry.tx.sender())).collect();
        let mut queues = self.queues.lock();
        for (entry, nonce) in entries.into_iter().zip(nonces) {
            if let Err(error) = queues.restore(entry, nonce) {
                tracing::debug!(target: "pool", %error, "a journaled transaction was dropped");
            }
        }
        if let Some(first) = damaged.first() {
            let rows = damaged.len();
            tracing::warn!(
                target: "pool", rows, %first,
                "rows of the pool's journal are damaged; what waited there is lost"
            );
        }
        damaged.into_iter().for_each(|hash| queues.drop_row(hash));
        queues.len()
    }
}

/// Whose nonces these transactions change: their senders, and who signed an authorization.
fn senders_touched(transactions: &[Transaction]) -> AddressSet {
    let mut touched = AddressSet::default();
    for tx in transactions {
        touched.insert(tx.sender());
        for authorization in tx.authorization_list().unwrap_or_default() {
            touched.extend(authorization.recover_authority().ok());
        }
    }
    touched
}
