//! The pool: which transactions wait, in which order?
//!
//! [`admit`] decides who may enter, [`queue`] keeps one sender's transactions by nonce, `queues`
//! all of them under limits, `arrivals` tells who watches what is new, [`best`] offers them to the sealer, [`journal`] remembers them over a
//! restart. One lock, held for moments; nothing here waits, reads state or knows the chain.

mod admit;
mod arrivals;
mod best;
mod blob;
mod error;
mod journal;
mod queue;
mod queues;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use admit::{Rules, SenderState, check};
pub use arrivals::MissedArrivals;
pub use best::{Best, Order};
pub use blob::load_trusted_setup;
pub use error::PoolError;
pub use journal::JournalChanges;

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
use std::collections::BTreeMap;
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
}

impl Default for Limits {
    fn default() -> Self {
        Self { transactions: 100_000, bytes: 128 << 20, per_sender: 16_384 }
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

/// Waiting transactions of one sender or of all, by sender and nonce.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Can run.
    pub pending: BTreeMap<Address, BTreeMap<u64, Transaction>>,
    /// Wait for a nonce before them.
    pub queued: BTreeMap<Address, BTreeMap<u64, Transaction>>,
}

/// The transactions that wait for a block.
#[derive(Debug)]
pub struct Pool {
    queues: Mutex<Queues>,
    arrivals: Arrivals,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self { queues: Mutex::new(Queues::new(limits)), arrivals: Arrivals::default() }
    }

    /// Checks a transaction against its sender's account at the head and takes it in.
    pub fn add(
        &self,
        tx: Transaction,
        account: &SenderState,
        rules: &Rules,
    ) -> Result<Added, PoolError> {
        self.admit(&tx, account, rules)?;
        let pays = rules.pays(&tx);
        let place = (tx.sender(), tx.nonce());
        let insert = |queues: &mut Queues| queues.insert(tx, account.nonce);
        let added = self.arrivals.while_inserting(&mut self.queues.lock(), place, insert)?;
        Ok(Added { pays, ..added })
    }

    /// Like [`Self::add`] for many at once, under one lock; one answer for each, in order.
    pub fn add_batch(
        &self,
        batch: Vec<(Transaction, SenderState)>,
        rules: &Rules,
    ) -> Vec<Result<Added, PoolError>> {
        let checks: Vec<_> =
            batch.iter().map(|(tx, account)| self.admit(tx, account, rules)).collect();
        let mut queues = self.queues.lock();
        let checked = batch.into_iter().zip(checks);
        checked
            .map(|((tx, account), check)| {
                check?;
                let pays = rules.pays(&tx);
                let place = (tx.sender(), tx.nonce());
                let insert = |queues: &mut Queues| queues.insert(tx, account.nonce);
                let added = self.arrivals.while_inserting(&mut queues, place, insert)?;
                Ok(Added { pays, ..added })
            })
            .collect()
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

    /// A waiting transaction.
    pub fn get(&self, hash: B256) -> Option<Transaction> {
        self.queues.lock().get(hash).map(|entry| entry.tx.clone())
    }

    /// A waiting transaction by its sender and nonce.
    pub fn get_by_nonce(&self, sender: Address, nonce: u64) -> Option<Transaction> {
        let queues = self.queues.lock();
        queues.sender(sender)?.get(nonce).map(|entry| entry.tx.clone())
    }

    /// Does this transaction wait?
    pub fn contains(&self, hash: B256) -> bool {
        self.queues.lock().contains(hash)
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
        let mut entries: Vec<(u64, Transaction)> = {
            let queues = self.queues.lock();
            let all = queues.senders().flat_map(|(_sender, queue)| queue.entries());
            all.map(|(_nonce, entry)| (entry.arrival, entry.tx.clone())).collect()
        };
        entries.sort_unstable_by_key(|(arrival, _tx)| *arrival);
        entries.into_iter().map(|(_arrival, tx)| tx).collect()
    }

    /// A block was put on the chain: drops what it used up and lets the next nonces run.
    /// `account_nonce` answers for the state after that block.
    pub fn on_block(&self, mined: &[Transaction], account_nonce: impl Fn(Address) -> u64) {
        let touched = senders_touched(mined);
        let nonces: Vec<_> =
            touched.into_iter().map(|sender| (sender, account_nonce(sender))).collect();
        let mut queues = self.queues.lock();
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
    /// unless another one waits in their place. Blob transactions are lost, since blocks do not
    /// carry blobs. `account_nonce` answers for the state after the unwinding.
    pub fn reinject(&self, unwound: Vec<Transaction>, account_nonce: impl Fn(Address) -> u64) {
        let touched = senders_touched(&unwound);
        let nonces: AddressMap<u64> =
            touched.into_iter().map(|sender| (sender, account_nonce(sender))).collect();
        let mut queues = self.queues.lock();
        for (sender, nonce) in &nonces {
            queues.rebase(*sender, *nonce);
        }
        for tx in unwound {
            let sender = tx.sender();
            let taken = queues.sender(sender).is_some_and(|queue| queue.get(tx.nonce()).is_some());
            let lost_blobs = tx.is_eip4844() && blob::sidecar(&tx).is_none();
            if taken || lost_blobs {
                continue;
            }
            let nonce = nonces.get(&sender).copied().unwrap_or_default();
            if let Err(error) = queues.insert(tx, nonce) {
                tracing::debug!(target: "pool", %error, "an unwound transaction was dropped");
            }
        }
    }

    /// What waits, as the `txpool` namespace shows it.
    pub fn content(&self) -> Content {
        let queues = self.queues.lock();
        let mut content = Content::default();
        for (sender, queue) in queues.senders() {
            content.take(sender, queue);
        }
        content
    }

    /// What waits of one sender.
    pub fn content_of(&self, sender: Address) -> Content {
        let mut content = Content::default();
        if let Some(queue) = self.queues.lock().sender(sender) {
            content.take(sender, queue);
        }
        content
    }

    /// What the stored journal lacks and has too much since the last call. Hands it out once: the
    /// caller keeps it until it is written.
    pub fn journal_changes(&self) -> JournalChanges {
        let changes = self.queues.lock().drain_journal();
        changes.into()
    }

    /// Fills the pool from the stored journal; returns how many wait now. Transactions that
    /// became stale are dropped and leave the journal with the next changes.
    ///
    /// # Errors
    /// A damaged row; nothing was taken in.
    pub fn restore(
        &self,
        rows: impl IntoIterator<Item = (B256, Vec<u8>)>,
        account_nonce: impl Fn(Address) -> u64,
    ) -> Result<usize, PoolError> {
        let mut entries: Vec<Entry> = rows
            .into_iter()
            .map(|(hash, row)| journal::decode(hash, &row))
            .collect::<Result<_, _>>()?;
        entries.sort_unstable_by_key(|entry| entry.arrival);
        let nonces: Vec<u64> =
            entries.iter().map(|entry| account_nonce(entry.tx.sender())).collect();
        let mut queues = self.queues.lock();
        for (entry, nonce) in entries.into_iter().zip(nonces) {
            if let Err(error) = queues.restore(entry, nonce) {
                tracing::debug!(target: "pool", %error, "a journaled transaction was dropped");
            }
        }
        Ok(queues.len())
    }
}

impl Content {
    fn take(&mut self, sender: Address, queue: &SenderQueue) {
        for (nonce, entry) in queue.entries() {
            let runs = nonce < queue.next_nonce();
            let half = if runs { &mut self.pending } else { &mut self.queued };
            half.entry(sender).or_default().insert(nonce, entry.tx.clone());
        }
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
