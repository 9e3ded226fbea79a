//! Which caches are in memory?

use super::{Cache, MAX_EPOCH, Sizes};
use crate::consensus::SealError;
use alloy_consensus::Header;
use parking_lot::Mutex;
use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Caches that are kept: of the epoch of the head, of the one before, and of the one that begins.
const KEPT: usize = 3;

/// While another thread computes a cache, this one looks so often whether anybody still wants it.
const LOOK: Duration = Duration::from_millis(20);

/// Those of the process, because caches are large and the same for every chain.
static SHARED: LazyLock<Arc<Caches>> = LazyLock::new(Arc::default);

/// A cache that is there, or that the first thread which needs it computes.
type Slot = Arc<Mutex<Option<Arc<Cache>>>>;

/// Making a cache is told of after so much time, and then so often.
const LONG: Duration = Duration::from_secs(2);

/// By epoch, the least recently used first.
#[derive(Debug, Default)]
struct Caches(Mutex<Vec<(u64, Slot)>>);

/// Verifies seals on any number of threads, until it is stopped. A cache is computed once, and at most three
/// stay.
#[derive(Debug, Default)]
pub struct Ethash {
    sizes: Sizes,
    caches: Arc<Caches>,
    is_stopped: AtomicBool,
}

impl Ethash {
    /// One with the caches of this process.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self { caches: SHARED.clone(), ..Self::default() })
    }

    /// One with sizes and caches of its own, for tests.
    pub fn with_sizes(sizes: Sizes) -> Arc<Self> {
        Arc::new(Self { sizes, ..Self::default() })
    }

    /// Caches that are not there are not computed any more; who waits for one hears
    /// [`SealError::Stopped`].
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Is no cache computed any more?
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
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
        let slot = self.slot(epoch);
        let mut made = loop {
            match slot.try_lock_for(LOOK) {
                Some(made) => break made,
                None if self.is_stopped() => return Err(SealError::Stopped),
                None => {}
            }
        };
        if let Some(cache) = &*made {
            return Ok(cache.clone());
        }
        let mut told = Told::new(epoch, self.sizes.cache_bytes(epoch));
        let cache = Cache::new_unless(self.sizes, epoch, |done| {
            told.at(done);
            self.is_stopped()
        });
        let cache = Arc::new(cache.ok_or(SealError::Stopped)?);
        told.end();
        *made = Some(cache.clone());
        Ok(cache)
    }

    fn slot(&self, epoch: u64) -> Slot {
        let mut slots = self.caches.0.lock();
        let known = slots.iter().position(|(each, _)| *each == epoch);
        let slot = known.map_or_else(Slot::default, |index| slots.remove(index).1);
        slots.push((epoch, slot.clone()));
        if slots.len() > KEPT {
            slots.remove(0);
        }
        slot
    }
}

/// What the log says of a cache that takes long.
struct Told {
    epoch: u64,
    bytes: u64,
    began: Instant,
    /// When the next line is due.
    next: Duration,
}

impl Told {
    fn new(epoch: u64, bytes: u64) -> Self {
        Self { epoch, bytes, began: Instant::now(), next: LONG }
    }

    fn at(&mut self, percent: u8) {
        let passed = self.began.elapsed();
        if passed >= self.next {
            self.next = passed + LONG;
            tracing::info!(
                target: "consensus",
                "making the Ethash cache of epoch {}, {} MiB: {percent} %",
                self.epoch,
                self.bytes >> 20
            );
        }
    }

    fn end(&self) {
        let (epoch, passed) = (self.epoch, self.began.elapsed());
        if self.next > LONG {
            tracing::info!(target: "consensus", "the Ethash cache of epoch {epoch} took {passed:.1?}");
        }
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
        let kept: Vec<_> = ethash.caches.0.lock().iter().map(|(epoch, _)| *epoch).collect();
        assert_eq!(kept, [2, 0, 3]);
        assert!(Arc::ptr_eq(&first, &ethash.slot(0)), "the same cache as before");
    }

    #[test]
    fn who_waits_for_a_cache_is_let_go_at_a_stop_and_the_next_one_computes_it() {
        let ethash = Ethash::with_sizes(Sizes::TINY);
        let slot = ethash.slot(0);
        let computing = slot.lock();
        let waited = std::thread::scope(|scope| {
            let waits = scope.spawn(|| ethash.cache(0).map(drop));
            ethash.stop();
            waits.join().unwrap()
        });
        assert_eq!(waited, Err(SealError::Stopped), "while another computes it");
        drop(computing);
        assert_eq!(ethash.cache(0).map(drop), Err(SealError::Stopped), "and to compute it");
        let other =
            Ethash { caches: ethash.caches.clone(), sizes: Sizes::TINY, ..Default::default() };
        let cache = other.cache(0).unwrap();
        assert!(Arc::ptr_eq(&cache, &ethash.cache(0).unwrap()), "what is there is there");
    }

    #[test]
    fn a_block_number_beyond_all_chains_costs_no_memory() {
        let header = Header { number: u64::MAX, ..Default::default() };
        assert!(matches!(Ethash::default().verify(&header), Err(SealError::Epoch { .. })));
    }
}
