//! How many nonces are tried a second, here and by others who work for this node?

use alloy_primitives::{B256, map::B256Map};
use parking_lot::Mutex;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A thread says how fast it is so often.
const MEASURED: Duration = Duration::from_secs(1);
/// What others say counts for so long.
const SAID: Duration = Duration::from_secs(10);
/// Others that are listened to.
const OTHERS: usize = 1_024;

/// Rates of hashing, in nonces a second.
#[derive(Debug)]
pub(super) struct Rates {
    threads: Vec<AtomicU64>,
    others: Mutex<B256Map<(u64, Instant)>>,
}

/// Counts the nonces of one thread while it searches.
#[derive(Debug)]
pub(super) struct Gauge<'a> {
    rate: &'a AtomicU64,
    since: Instant,
    count: u64,
}

impl Rates {
    pub(super) fn new(threads: usize) -> Self {
        let threads = (0..threads).map(|_| AtomicU64::default()).collect();
        Self { threads, others: Mutex::default() }
    }

    /// Of this node's threads.
    pub(super) fn own(&self) -> u64 {
        self.threads.iter().map(|rate| rate.load(Ordering::Relaxed)).sum()
    }

    /// Of those who said so a moment ago.
    pub(super) fn of_others(&self, now: Instant) -> u64 {
        let mut others = self.others.lock();
        others.retain(|_, (_, at)| now.saturating_duration_since(*at) < SAID);
        others.values().fold(0, |sum, (rate, _)| sum.saturating_add(*rate))
    }

    /// Somebody says how fast it is. Where too many did, the newest is not listened to.
    pub(super) fn note(&self, who: B256, rate: u64, now: Instant) {
        let mut others = self.others.lock();
        if others.len() >= OTHERS {
            others.retain(|_, (_, at)| now.saturating_duration_since(*at) < SAID);
        }
        if others.len() < OTHERS || others.contains_key(&who) {
            others.insert(who, (rate, now));
        }
    }

    /// Thread `index` begins to search.
    pub(super) fn gauge(&self, index: usize) -> Option<Gauge<'_>> {
        let rate = self.threads.get(index)?;
        Some(Gauge { rate, since: Instant::now(), count: 0 })
    }
}

impl Gauge<'_> {
    /// One more nonce was tried.
    pub(super) fn count(&mut self) {
        self.count += 1;
        let elapsed = self.since.elapsed();
        let has_rate = self.rate.load(Ordering::Relaxed) > 0;
        // The first nonces tell little, but more than nothing.
        if elapsed >= MEASURED || (!has_rate && elapsed >= MEASURED / 20) {
            let rate = self.count as f64 / elapsed.as_secs_f64();
            self.rate.store((rate as u64).max(1), Ordering::Relaxed);
            (self.since, self.count) = (Instant::now(), 0);
        }
    }
}

impl Rates {
    /// Thread `index` has nothing to search.
    pub(super) fn rest(&self, index: usize) {
        self.threads.get(index).into_iter().for_each(|rate| rate.store(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_counts_for_ten_seconds_and_for_many_at_most() {
        let (rates, start) = (Rates::new(0), Instant::now());
        rates.note(B256::repeat_byte(1), 100, start);
        rates.note(B256::repeat_byte(1), 150, start);
        rates.note(B256::repeat_byte(2), 7, start + SAID / 2);
        assert_eq!(rates.of_others(start + SAID / 2), 157);
        assert_eq!(rates.of_others(start + SAID), 7);
        for who in 0..2 * OTHERS as u64 {
            rates.note(B256::left_padding_from(&who.to_be_bytes()), u64::MAX, start + SAID);
        }
        assert_eq!(rates.others.lock().len(), OTHERS);
        assert_eq!(rates.of_others(start + SAID), u64::MAX, "no sum overflows");
    }
}
