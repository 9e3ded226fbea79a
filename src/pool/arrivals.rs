//! Which transactions could run at last? A short memory of them, for those who watch the pool.

use super::{Added, PoolError, queues::Queues};
use crate::primitives::Transaction;
use alloy_eips::Encodable2718;
use alloy_primitives::Address;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::watch;

/// Transactions remembered at most, and their encoded size in bytes.
const KEPT: usize = 16_384;
const KEPT_BYTES: usize = 16 << 20;

/// The newest transactions that could run, in the order in which they could. Whoever watches keeps a
/// number and reads on from there; nothing is done for those who do not read.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    kept: Mutex<Kept>,
    count: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// How many came in all.
    count: u64,
    newest: VecDeque<Transaction>,
    bytes: usize,
}

/// More arrived than is remembered since somebody looked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{missed} pending transactions were missed: more arrived than are kept for slow readers")]
pub struct MissedArrivals {
    /// How many are forgotten.
    pub missed: u64,
}

impl Kept {
    fn push(&mut self, tx: &Transaction) {
        let tx = tx.without_sidecar();
        self.count += 1;
        self.bytes += tx.envelope().encode_2718_len();
        self.newest.push_back(tx);
        while self.newest.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.newest.pop_front() else { break };
            self.bytes -= oldest.envelope().encode_2718_len();
        }
    }

    fn forgotten(&self) -> u64 {
        self.count - self.newest.len() as u64
    }
}

impl Arrivals {
    /// Inserts, and remembers what can run since: the newcomer, and what waited for it.
    pub(super) fn while_inserting(
        &self,
        queues: &mut Queues,
        (sender, nonce): (Address, u64),
        insert: impl FnOnce(&mut Queues) -> Result<Added, PoolError>,
    ) -> Result<Added, PoolError> {
        let before = queues.sender(sender).map(|queue| queue.next_nonce());
        let added = insert(queues)?;
        let Some(queue) = queues.sender(sender).filter(|_| added.pending) else { return Ok(added) };
        let first = before.unwrap_or(0).max(queue.account_nonce());
        // A replacement could run before.
        let replacement = (nonce < first).then_some(nonce);
        let mut kept = self.kept.lock();
        for nonce in replacement.into_iter().chain(first..queue.next_nonce()) {
            if let Some(entry) = queue.get(nonce) {
                kept.push(&entry.tx);
            }
        }
        self.count.send_replace(kept.count);
        Ok(added)
    }

    /// Remembers these, which are in the pool.
    pub(super) fn note(&self, transactions: &[Transaction]) {
        if transactions.is_empty() {
            return;
        }
        let mut kept = self.kept.lock();
        transactions.iter().for_each(|tx| kept.push(tx));
        self.count.send_replace(kept.count);
    }

    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    pub(super) fn after(&self, seen: u64, most: usize) -> Result<Vec<Transaction>, MissedArrivals> {
        let kept = self.kept.lock();
        let Some(skipped) = seen.checked_sub(kept.forgotten()) else {
            return Err(MissedArrivals { missed: kept.forgotten() - seen });
        };
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Ok(kept.newest.iter().skip(skipped).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxLegacy;

    fn tx(nonce: u64, bytes: usize) -> Transaction {
        let input = vec![1; bytes].into();
        let tx = TxLegacy { nonce, input, ..Default::default() };
        Transaction::impersonate(tx.into(), Address::ZERO)
    }

    #[test]
    fn each_is_read_once_and_in_order() {
        let arrivals = Arrivals::default();
        (0..5).for_each(|nonce| arrivals.kept.lock().push(&tx(nonce, 0)));
        let read = |seen, most| arrivals.after(seen, most).unwrap();
        assert_eq!(read(0, 2), [tx(0, 0), tx(1, 0)]);
        assert_eq!(read(2, 9), [tx(2, 0), tx(3, 0), tx(4, 0)]);
        assert_eq!(read(5, 9), []);
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes_and_the_rest_is_named() {
        let arrivals = Arrivals::default();
        let more = KEPT as u64 + 7;
        (0..more).for_each(|nonce| arrivals.kept.lock().push(&tx(nonce, 0)));
        assert_eq!(arrivals.after(3, 1), Err(MissedArrivals { missed: 4 }));
        assert_eq!(arrivals.after(7, 1).unwrap(), [tx(7, 0)]);
        (0..400).for_each(|nonce| arrivals.kept.lock().push(&tx(nonce, 100_000)));
        assert!(arrivals.kept.lock().newest.len() < 170);
        assert!(arrivals.after(more, 1).is_err());
    }
}
