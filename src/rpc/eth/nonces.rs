//! Which nonce gets the next transaction of a sender?

use crate::rpc::{Answer, RpcContext};
use alloy_primitives::{Address, map::AddressMap};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{Mutex as Line, OwnedMutexGuard};

/// Senders for whom the node makes a transaction just now. From the moment it reads the next nonce until
/// the transaction is in the pool, nobody else gets one: two `eth_sendTransaction` of one sender at the
/// same time leave neither a gap nor a nonce used twice, also when the first of them is refused.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Nonces(Mutex<AddressMap<Arc<Line<()>>>>);

/// A sender's turn, until this is dropped.
#[derive(Debug)]
pub(in crate::rpc) struct Turn<'a> {
    nonces: &'a Nonces,
    sender: Address,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Nonces {
    /// Waits for the sender's turn.
    pub(super) async fn turn(&self, sender: Address) -> Turn<'_> {
        let line = self.0.lock().entry(sender).or_default().clone();
        Turn { nonces: self, sender, guard: Some(line.lock_owned().await) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut lines = self.nonces.0.lock();
        // Nobody else stands in the line.
        if lines.get(&self.sender).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.sender);
        }
    }
}

/// The nonce of the account, after all that can run in the pool.
pub(super) fn pending(node: &RpcContext, sender: Address) -> Answer<u64> {
    loop {
        let (head, view) = node.chain.latest()?;
        let nonce = view.account(sender)?.map_or(0, |account| account.nonce);
        let next = node.pool.next_nonce(sender, nonce);
        // With a block in between, its transactions may have been counted in neither of the two.
        if node.chain.head().seal() == head.seal() {
            return Ok(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ALICE: Address = Address::repeat_byte(1);
    const BOB: Address = Address::repeat_byte(2);

    #[tokio::test]
    async fn one_sender_is_served_after_the_other_and_nothing_is_kept() {
        let nonces = Nonces::default();
        let first = nonces.turn(ALICE).await;
        let other = nonces.turn(BOB).await;
        let second = nonces.turn(ALICE);
        tokio::pin!(second);
        let waits = tokio::time::timeout(Duration::from_millis(1), &mut second).await;
        assert!(waits.is_err(), "the second waits for the first");
        drop(first);
        let second = second.await;
        drop(other);
        assert_eq!(nonces.0.lock().len(), 1);
        drop(second);
        assert!(nonces.0.lock().is_empty());
    }
}
