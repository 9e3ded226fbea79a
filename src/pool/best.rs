//! Which transactions go into the next block, and in which order?

use super::{Pool, queue::Entry};
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use std::{cmp::Reverse, collections::BinaryHeap};

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
    tx: OpaqueTransaction,
}

/// Never compared: arrivals are unique.
#[derive(Debug)]
struct OpaqueTransaction(Transaction);

impl PartialEq for OpaqueTransaction {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for OpaqueTransaction {}

impl PartialOrd for OpaqueTransaction {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OpaqueTransaction {
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
            tx: OpaqueTransaction(tx.clone()),
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
}

impl<'pool> Best<'pool> {
    pub(super) fn new(pool: &'pool Pool, base_fee: u64, blob_base_fee: u128, order: Order) -> Self {
        let heads = pool.queues.lock().heads(base_fee, blob_base_fee, order).into();
        Self { pool, base_fee, blob_base_fee, order, heads, last: None }
    }

    /// Leaves out everything else of a sender: its transaction did not fit, or failed its checks.
    pub fn skip_sender(&mut self, sender: Address) {
        match self.last {
            Some((last, _nonce)) if last == sender => self.last = None,
            _ => self.heads.retain(|head| head.sender != sender),
        }
    }

    fn advance(&mut self, sender: Address, nonce: u64) {
        let queues = self.pool.queues.lock();
        let next = nonce.checked_add(1).and_then(|next| queues.sender(sender)?.executable(next));
        let head =
            next.and_then(|entry| Head::of(entry, self.base_fee, self.blob_base_fee, self.order));
        self.heads.extend(head);
    }
}

impl Iterator for Best<'_> {
    type Item = Transaction;

    fn next(&mut self) -> Option<Transaction> {
        if let Some((sender, nonce)) = self.last.take() {
            self.advance(sender, nonce);
        }
        let head = self.heads.pop()?;
        self.last = Some((head.sender, head.nonce));
        Some(head.tx.0)
    }
}
