//! Which transactions go into the next block, and in which order?

use super::{Conditions, Pool, queue::Entry};
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

/// Which of two executable transactions of different senders goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one that pays the higher tip; among equals the one that arrived first.
    #[default]
    Fees,
    /// The one that arrived first.
    Fifo,
}

/// The next transaction of one sender. The greatest goes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    tip: u128,
    arrival: Reverse<u64>,
    sender: Address,
    nonce: u64,
    offer: Offer,
}

/// Never compared: arrivals are unique.
#[derive(Debug)]
struct Offer {
    tx: Transaction,
    conditions: Option<Arc<Conditions>>,
}

impl PartialEq for Offer {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Offer {}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Offer {
    fn cmp(&self, _other: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Head {
    /// `None` if the transaction does not pay the fees: it waits, and all after it.
    pub(super) fn of(
        entry: &Entry,
        base_fee: u64,
        blob_base_fee: u128,
        order: Order,
    ) -> Option<Self> {
        let tx = &entry.tx;
        let tip = tx.effective_tip_per_gas(base_fee)?;
        if tx.max_fee_per_blob_gas().is_some_and(|fee_cap| fee_cap < blob_base_fee) {
            return None;
        }
        Some(Self {
            tip: if order == Order::Fees { tip } else { 0 },
            arrival: Reverse(entry.arrival),
            sender: tx.sender(),
            nonce: tx.nonce(),
            offer: Offer { tx: tx.clone(), conditions: entry.conditions.clone() },
        })
    }
}

/// Executable transactions, best first. A sender's next transaction becomes available once the one
/// before it was taken. Looks at the pool as it goes, so nothing is copied that is not used, and a
/// transaction that arrives meanwhile behind a known sender is still seen.
#[derive(Debug)]
pub struct Best<'pool> {
    pool: &'pool Pool,
    base_fee: u64,
    blob_base_fee: u128,
    order: Order,
    heads: BinaryHeap<Head>,
    /// Sender and nonce of what was handed out last: its successor is looked up only when asked.
    last: Option<(Address, u64)>,
    /// Its conditions.
    conditions: Option<Arc<Conditions>>,
}

impl<'pool> Best<'pool> {
    pub(super) fn new(pool: &'pool Pool, base_fee: u64, blob_base_fee: u128, order: Order) -> Self {
        let heads = pool.queues.lock().heads(base_fee, blob_base_fee, order).into();
        Self { pool, base_fee, blob_base_fee, order, heads, last: None, conditions: None }
    }

    /// Leaves out everything else of a sender: its transaction did not fit, or failed its checks.
    pub fn skip_sender(&mut self, sender: Address) {
        match self.last {
            Some((last, _nonce)) if last == sender => self.last = None,
            _ => self.heads.retain(|head| head.sender != sender),
        }
    }

    /// Goes on with the transaction of this nonce, if it can run: the sender's nonce is another one
    /// than that of its transaction that was handed out last.
    pub fn resume(&mut self, sender: Address, nonce: u64) {
        self.skip_sender(sender);
        self.offer(sender, nonce);
    }

    /// When the transaction that was handed out last may enter a block, if its sender has said.
    pub fn conditions(&self) -> Option<&Conditions> {
        self.conditions.as_deref()
    }

    fn offer(&mut self, sender: Address, nonce: u64) {
        let queues = self.pool.queues.lock();
        let entry = queues.sender(sender).and_then(|queue| queue.executable(nonce));
        let head =
            entry.and_then(|entry| Head::of(entry, self.base_fee, self.blob_base_fee, self.order));
        self.heads.extend(head);
    }
}

impl Iterator for Best<'_> {
    type Item = Transaction;

    fn next(&mut self) -> Option<Transaction> {
        if let Some((sender, nonce)) = self.last.take() {
            self.offer(sender, nonce.saturating_add(1));
        }
        let head = self.heads.pop()?;
        self.last = Some((head.sender, head.nonce));
        self.conditions = head.offer.conditions;
        Some(head.offer.tx)
    }
}
