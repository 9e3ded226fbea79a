//! How is something counted or timed so that it costs next to nothing? A part of the node counts what it
//! does by itself; whoever wants the numbers reads them.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Upper bounds of the classes of durations, in seconds: from a look into memory to a request that
/// somebody gives up on.
const BOUNDS: [f64; 16] = [
    0.000_025, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// At least so many: for the largest of many values.
    pub fn at_least(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, each time that it was done: a histogram.
#[derive(Debug)]
pub struct Durations {
    /// One for each bound, and one for what took longer than the last.
    classes: [Count; BOUNDS.len() + 1],
    nanoseconds: Count,
}

impl Default for Durations {
    fn default() -> Self {
        Self { classes: array::from_fn(|_class| Count::default()), nanoseconds: Count::default() }
    }
}

impl Durations {
    /// It took this long.
    pub fn note(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let class = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(class) = self.classes.get(class) {
            class.one();
        }
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// It has taken from `start` until now.
    pub fn since(&self, start: Instant) {
        self.note(start.elapsed());
    }

    /// Does something, and notes how long it took.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.since(start);
        done
    }

    /// The durations so far.
    pub fn read(&self) -> Spread {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let classes: Vec<_> = bounds.zip(self.classes.iter().map(Count::get)).collect();
        Spread {
            seconds: self.nanoseconds.get() as f64 / 1e9,
            // Of the classes as they were read, so that both agree.
            count: classes.iter().map(|(_bound, count)| count).sum(),
            classes,
        }
    }
}

/// How long something took, in classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// All of it together, in seconds.
    pub seconds: f64,
    /// How often it was done.
    pub count: u64,
    /// Upper bounds in seconds, and how often it took so long, but longer than the bound before.
    pub classes: Vec<(f64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_class_that_holds_it() {
        let durations = Durations::default();
        for took in [0, 25, 26, 1_000, 1_001, 60_000_000] {
            durations.note(Duration::from_micros(took));
        }
        let read = durations.read();
        let class = |bound: f64| read.classes.iter().find(|(it, _)| *it == bound).unwrap().1;
        assert_eq!((class(0.000_025), class(0.000_1)), (2, 1), "a bound is part of its class");
        assert_eq!((class(0.001), class(0.002_5), class(f64::INFINITY)), (1, 1, 1));
        assert_eq!(read.count, 6);
        assert!((read.seconds - 60.002_052).abs() < 1e-9, "{}", read.seconds);
    }

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS.is_sorted_by(|one, next| one < next));
    }
}
