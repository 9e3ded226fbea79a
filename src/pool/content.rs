//! What waits, as the `txpool` namespace shows it?

use super::{Pool, queue::SenderQueue};
use crate::primitives::Transaction;
use alloy_primitives::Address;
use std::collections::BTreeMap;

/// Waiting transactions of one sender or of all, by sender and nonce.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Can run.
    pub pending: BTreeMap<Address, BTreeMap<u64, Transaction>>,
    /// Wait for a nonce before them.
    pub queued: BTreeMap<Address, BTreeMap<u64, Transaction>>,
}

impl Pool {
    /// Everything that waits.
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
