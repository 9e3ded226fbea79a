//! When is a block made?

use std::time::{Duration, Instant};

/// When the blocks of a development chain are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As soon as an executable transaction arrives.
    Instant,
    /// At fixed intervals, with whatever waits, also empty.
    Interval(Duration),
    /// At fixed intervals, and when a transaction arrives.
    Mixed(Duration),
    /// Only when asked.
    Manual,
}

impl Mode {
    /// The mode that settings describe: an interval, also on arrival, or only when asked.
    pub fn from_settings(interval: Option<Duration>, mixed: bool, manual: bool) -> Self {
        match (interval, mixed, manual) {
            (Some(interval), true, _) => Self::Mixed(interval),
            (Some(interval), false, _) => Self::Interval(interval),
            (None, _, true) => Self::Manual,
            (None, _, false) => Self::Instant,
        }
    }

    /// The mode that makes blocks on arrival or not, and at an interval if there is one.
    pub fn of(on_arrival: bool, interval: Option<Duration>) -> Self {
        Self::from_settings(interval, on_arrival, !on_arrival)
    }

    /// Is a block made when a transaction arrives?
    pub const fn on_arrival(self) -> bool {
        matches!(self, Self::Instant | Self::Mixed(_))
    }

    /// The interval, where there is one.
    pub const fn interval(self) -> Option<Duration> {
        match self {
            Self::Interval(interval) | Self::Mixed(interval) => Some(interval),
            Self::Instant | Self::Manual => None,
        }
    }
}

/// The next tick after `last` on a grid of `interval`; a tick that was missed is not made up for.
pub(super) fn next_tick(last: Instant, interval: Duration, now: Instant) -> Instant {
    let next = last + interval;
    if next + interval < now { now } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stay_on_their_grid_and_missed_ones_are_gone() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(next_tick(start, second, start), start + second);
        assert_eq!(next_tick(start, second, start + second * 3 / 2), start + second);
        assert_eq!(next_tick(start, second, start + second * 5), start + second * 5);
    }

    #[test]
    fn modes_say_when() {
        assert!(Mode::Instant.on_arrival() && Mode::Mixed(Duration::ZERO).on_arrival());
        assert!(!Mode::Manual.on_arrival() && !Mode::Interval(Duration::ZERO).on_arrival());
        assert_eq!(Mode::Manual.interval(), None);
    }
}
