//! Which timestamp does the next block get? The only reader of wall time.

use parking_lot::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// So many seconds may a block of others be ahead of wall time, as in other clients.
const MAX_AHEAD: u64 = 15;

/// The chain's clock: wall time plus an offset that a developer may set.
#[derive(Debug, Default)]
pub struct Clock {
    state: Mutex<ClockState>,
}

/// What a developer set; part of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockState {
    /// Seconds that the chain's time is ahead of wall time.
    offset: i64,
    /// The exact timestamp of the next block, in seconds.
    next: Option<u64>,
}

impl Clock {
    /// A clock that goes on from a head: one in the future stays in the future.
    pub fn from_head(timestamp: u64) -> Self {
        let ahead = timestamp as i64 - wall_seconds() as i64;
        Self { state: Mutex::new(ClockState { offset: ahead.max(0), next: None }) }
    }

    /// The chain's time now, in seconds since 1970.
    pub fn now(&self) -> u64 {
        wall_seconds().saturating_add_signed(self.state.lock().offset)
    }

    /// The timestamp that a block on a parent of `parent` seconds gets if it is built now. Always
    /// later than the parent.
    pub fn next_timestamp(&self, parent: u64) -> u64 {
        let state = *self.state.lock();
        let now = wall_seconds().saturating_add_signed(state.offset);
        state.next.unwrap_or(now).max(parent.saturating_add(1))
    }

    /// A block with this timestamp was appended: an exact time that it used up is over, and time
    /// goes on from there. One that was set while the block was made is still to come.
    pub fn block_appended(&self, timestamp: u64) {
        let mut state = self.state.lock();
        if state.next.take_if(|next| *next <= timestamp).is_some() {
            state.offset = timestamp as i64 - wall_seconds() as i64;
        }
    }

    /// A block was made at a time that somebody named: the chain's time goes on from there.
    pub fn go_on_from(&self, timestamp: u64) {
        self.state.lock().offset = timestamp as i64 - wall_seconds() as i64;
    }

    /// Sets the exact timestamp of the next block, in seconds.
    pub fn set_next(&self, timestamp: u64) {
        self.state.lock().next = Some(timestamp);
    }

    /// Moves the clock by `seconds` and answers the total offset.
    pub fn increase(&self, seconds: u64) -> i64 {
        let mut state = self.state.lock();
        state.offset = state.offset.saturating_add_unsigned(seconds);
        state.offset
    }

    /// For a snapshot.
    pub fn save(&self) -> ClockState {
        *self.state.lock()
    }

    /// Back to a snapshot.
    pub fn restore(&self, state: ClockState) {
        *self.state.lock() = state;
    }
}

/// Wall time in whole seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads wall time")]
fn wall_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Is a timestamp in seconds further ahead of wall time than clocks differ? Then wall time.
pub(super) fn future(timestamp: u64) -> Option<u64> {
    let now = wall_seconds();
    (timestamp > now.saturating_add(MAX_AHEAD)).then_some(now)
}

/// Wall time, for a genesis that names no time of its own, in seconds since 1970.
pub fn genesis_time() -> u64 {
    wall_seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_always_grows_and_an_exact_time_moves_the_clock() {
        let clock = Clock::default();
        let far = wall_seconds() + 1_000_000;
        assert_eq!(clock.next_timestamp(far), far + 1);
        clock.set_next(far + 50);
        assert_eq!(clock.next_timestamp(0), far + 50);
        assert_eq!(clock.next_timestamp(0), far + 50, "asking does not use it up");
        clock.block_appended(far + 50);
        assert!(clock.now() >= far + 50);
    }

    #[test]
    fn time_goes_on_from_a_named_time() {
        let clock = Clock::default();
        let named = wall_seconds() + 7_000;
        clock.go_on_from(named);
        assert!((named..named + 60).contains(&clock.next_timestamp(0)));
    }

    #[test]
    fn a_snapshot_brings_the_offset_back() {
        let clock = Clock::default();
        let saved = clock.save();
        clock.increase(3600);
        assert!(clock.now() >= wall_seconds() + 3600);
        clock.restore(saved);
        assert!(clock.now() < wall_seconds() + 3600);
    }

    #[test]
    fn a_block_may_be_a_little_ahead_of_wall_time() {
        let now = wall_seconds();
        assert_eq!(future(now), None);
        assert_eq!(future(now + MAX_AHEAD), None);
        assert!(future(now + MAX_AHEAD + 60).is_some_and(|said| said >= now));
        assert!(future(u64::MAX).is_some());
    }

    #[test]
    fn a_head_in_the_future_keeps_the_clock_there() {
        let future = wall_seconds() + 500;
        assert!(Clock::from_head(future).now() >= future);
    }
}
