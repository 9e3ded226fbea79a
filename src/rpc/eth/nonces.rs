//! Which nonce gets the next transaction that the node makes for a sender?

use alloy_primitives::{Address, map::AddressMap};
use parking_lot::Mutex;

/// Nonces given to transactions that are on their way into the pool. Two `eth_sendTransaction` of
/// one sender at the same time would both read the same nonce from the pool; here the second sees
/// that the first has taken it.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Nonces(Mutex<AddressMap<Taken>>);

/// What is on its way for one sender.
#[derive(Debug, Default)]
struct Taken {
    /// The nonce after the last one given out.
    next: u64,
    /// How many are on their way; with none left the pool alone knows.
    on_their_way: usize,
}

/// A nonce that is taken until this is dropped.
#[derive(Debug)]
pub(in crate::rpc) struct Ticket<'a> {
    nonces: &'a Nonces,
    sender: Address,
    /// The nonce.
    pub(super) nonce: u64,
}

impl Nonces {
    /// Takes the next nonce. `pooled` reads what the pool would give; it is asked while nobody else
    /// can take one, so that what a transaction on its way has become is not missed.
    pub(super) fn take<E>(
        &self,
        sender: Address,
        pooled: impl FnOnce() -> Result<u64, E>,
    ) -> Result<Ticket<'_>, E> {
        let mut all = self.0.lock();
        let pooled = pooled()?;
        let taken = all.entry(sender).or_default();
        let nonce = taken.next.max(pooled);
        taken.next = nonce.saturating_add(1);
        taken.on_their_way += 1;
        Ok(Ticket { nonces: self, sender, nonce })
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut all = self.nonces.0.lock();
        if let Some(taken) = all.get_mut(&self.sender) {
            taken.on_their_way -= 1;
            if taken.on_their_way == 0 {
                all.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Address = Address::repeat_byte(1);
    const BOB: Address = Address::repeat_byte(2);

    fn take(nonces: &Nonces, sender: Address, pooled: u64) -> Ticket<'_> {
        nonces.take(sender, || Ok::<_, ()>(pooled)).unwrap()
    }

    #[test]
    fn sends_at_the_same_time_get_different_nonces() {
        let nonces = Nonces::default();
        let first = take(&nonces, ALICE, 7);
        let second = take(&nonces, ALICE, 7);
        assert_eq!((first.nonce, second.nonce), (7, 8));
        assert_eq!(take(&nonces, BOB, 7).nonce, 7, "another sender counts for itself");
        assert_eq!(take(&nonces, ALICE, 20).nonce, 20, "the pool has moved on");
    }

    #[test]
    fn a_nonce_whose_transaction_was_refused_is_free_again() {
        let nonces = Nonces::default();
        drop(take(&nonces, ALICE, 7));
        assert_eq!(take(&nonces, ALICE, 7).nonce, 7);
        assert!(nonces.0.lock().is_empty(), "nothing is kept");
    }

    #[test]
    fn a_failed_read_takes_nothing() {
        let nonces = Nonces::default();
        assert!(nonces.take(ALICE, || Err("no disk")).is_err());
        assert!(nonces.0.lock().is_empty());
    }
}
