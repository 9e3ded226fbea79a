//! Which caches are in memory?

use super::{Cache, MAX_EPOCH, Sizes};
use crate::consensus::SealError;
use alloy_consensus::Header;
use parking_lot::Mutex;
use std::sync::{Arc, LazyLock, OnceLock};

/// Caches that are kept: of the epoch of the head, of the one before, and of the one that begins.
const KEPT: usize = 3;

/// One for the process, because caches are large and the same for every chain.
static SHARED: LazyLock<Arc<Ethash>> = LazyLock::new(Arc::default);

/// A cache that is there, or that the first thread which needs it computes.
type Slot = Arc<OnceLock<Arc<Cache>>>;

/// Verifies seals on any number of threads. A cache is computed once, and at most three stay.
#[derive(Debug, Default)]
pub struct Ethash {
    sizes: Sizes,
    /// By epoch, the least recently used first.
    slots: Mutex<Vec<(u64, Slot)>>,
}

impl Ethash {
    /// The one of this process.
    pub fn shared() -> Arc<Self> {
        SHARED.clone()
    }

    /// One with sizes of its own, for tests.
    pub fn with_sizes(sizes: Sizes) -> Arc<Self> {
        Arc::new(Self { sizes, slots: Mutex::default() })
    }

    /// How large its caches are.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Does the header's nonce prove the work of its difficulty? The first question in an epoch
    /// takes half a second or more.
    pub fn verify(&self, header: &Header) -> Result<(), SealError> {
        self.cache(header.number)?.verify(header)
    }

    /// The cache of the epoch of block `number`. The first question in an epoch takes half a second or
    /// more.
    pub fn cache(&self, number: u64) -> Result<Arc<Cache>, SealError> {
        let epoch = self.sizes.epoch_of(number);
        if epoch > MAX_EPOCH {
            return Err(SealError::Epoch { epoch, max: MAX_EPOCH });
        }
        let make = || Arc::new(Cache::new(self.sizes, epoch));
        Ok(self.slot(epoch).get_or_init(make).clone())
    }

    fn slot(&self, epoch: u64) -> Slot {
        let mut slots = self.slots.lock();
        let known = slots.iter().position(|(each, _)| *each == epoch);
        let slot = known.map_or_else(Slot::default, |index| slots.remove(index).1);
        slots.push((epoch, slot.clone()));
        if slots.len() > KEPT {
            slots.remove(0);
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_three_caches_stay_and_the_last_used_are_among_them() {
        let ethash = Ethash::default();
        let first = ethash.slot(0);
        for epoch in [1, 2, 0, 3] {
            ethash.slot(epoch);
        }
        let kept: Vec<_> = ethash.slots.lock().iter().map(|(epoch, _)| *epoch).collect();
        assert_eq!(kept, [2, 0, 3]);
        assert!(Arc::ptr_eq(&first, &ethash.slot(0)), "the same cache as before");
    }

    #[test]
    fn a_block_number_beyond_all_chains_costs_no_memory() {
        let header = Header { number: u64::MAX, ..Default::default() };
        assert!(matches!(Ethash::default().verify(&header), Err(SealError::Epoch { .. })));
    }
}
