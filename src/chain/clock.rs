//! Which timestamp does the next block get? The only reader of wall time.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The latest time that a developer may set, in seconds: what JavaScript's numbers hold exactly. It
/// leaves room for more blocks than there will ever be.
pub const MAX_TIMESTAMP: u64 = (1 << 53) - 1;

/// So many seconds may a block of others be ahead of wall time, as in other clients.
const MAX_AHEAD: u64 = 15;

/// Where a chain's wall time comes from: this machine's clock, or one that a simulation moves.
#[derive(Clone, Debug, Default)]
pub struct WallTime(Option<Arc<AtomicU64>>);

impl WallTime {
    /// A clock that shows so many milliseconds since 1970.
    pub const fn simulated(millis: Arc<AtomicU64>) -> Self {
        Self(Some(millis))
    }

    /// Since 1970.
    fn now(&self) -> Duration {
        let simulated = self.0.as_ref().map(|it| Duration::from_millis(it.load(Ordering::Relaxed)));
        simulated.unwrap_or_else(wall_time)
    }

    fn seconds(&self) -> u64 {
        self.now().as_secs()
    }
}

/// The chain's clock: wall time plus an offset that a developer may set.
#[derive(Debug, Default)]
pub struct Clock {
    wall: WallTime,
    state: Mutex<ClockState>,
    /// May a block have its parent's timestamp?
    allow_equal: bool,
    /// When the newest block was made, in seconds of wall time.
    made: AtomicU64,
}

/// What a developer set; part of a snapshot, and kept over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// Seconds that the chain's time is ahead of wall time.
    offset: i64,
    /// The exact timestamp of the next block, in seconds.
    next: Option<u64>,
    /// Seconds from every block to the one after it, whatever the wall clock says.
    interval: Option<u64>,
}

impl ClockState {
    /// Moves the clock by `seconds` and answers the total offset.
    pub fn increase(&mut self, seconds: u64) -> i64 {
        let most = signed(MAX_TIMESTAMP).saturating_sub(signed(wall_seconds()));
        self.offset = self.offset.saturating_add_unsigned(seconds).min(most);
        self.offset
    }

    /// From now on it is `timestamp`, in seconds.
    pub fn go_on_from(&mut self, timestamp: u64) {
        self.go_on_at(timestamp, wall_seconds());
    }

    /// At a wall time it is `timestamp`, both in seconds.
    fn go_on_at(&mut self, timestamp: u64, wall: u64) {
        self.offset = signed(timestamp).saturating_sub(signed(wall));
    }

    /// Sets the exact timestamp of the next block, in seconds.
    pub const fn set_next(&mut self, timestamp: u64) {
        self.next = Some(timestamp);
    }

    /// Is a time set that the next block uses up?
    pub const fn is_fixed_once(&self) -> bool {
        self.next.is_some()
    }

    /// Puts every block `seconds` after the one before; `None` lets time pass again.
    pub const fn set_interval(&mut self, seconds: Option<u64>) {
        self.interval = seconds;
    }

    /// Ends [`Self::set_interval`]; was there one?
    pub const fn remove_interval(&mut self) -> bool {
        self.interval.take().is_some()
    }

    /// This clock after a block with this timestamp: an exact time that it used up is over, and time
    /// goes on from there. One that was set while the block was made is still to come.
    fn after(mut self, timestamp: u64) -> Self {
        if self.next.take_if(|next| *next <= timestamp).is_some() {
            self.go_on_from(timestamp);
        }
        self
    }

    /// The chain's time at a wall time, in seconds.
    const fn at(self, wall: u64) -> u64 {
        wall.saturating_add_signed(self.offset)
    }
}

impl Clock {
    /// A clock at wall time. Unless equal timestamps are allowed, each block is later than its parent.
    pub fn new(allow_equal: bool, wall: WallTime) -> Self {
        Self { allow_equal, wall, ..Self::default() }
    }

    /// Goes on as it was when the node stopped; a head in the future stays in the future.
    pub(super) fn resume(&self, stored: ClockState, head: u64) {
        let (mut state, wall) = (stored, self.wall.seconds());
        if state.at(wall) < head {
            state.go_on_at(head, wall);
        }
        state.next = state.next.filter(|next| *next > head);
        *self.state.lock() = state;
        // Nobody wrote down when it was made; no block is made before its time.
        self.made.store(head.min(wall), Ordering::Relaxed);
    }

    /// When the newest block was made, in seconds of wall time.
    pub fn last_block_wall_time(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The chain's time now, in seconds since 1970.
    pub fn now(&self) -> u64 {
        self.state.lock().at(self.wall.seconds())
    }

    /// How long until it is `timestamp`, in seconds since 1970; nothing if that is over.
    pub fn until(&self, timestamp: u64) -> Duration {
        let offset = self.state.lock().offset;
        let wall = timestamp.saturating_add_signed(offset.saturating_neg());
        Duration::from_secs(wall).saturating_sub(self.wall.now())
    }

    /// The earliest timestamp of a block on a parent of `parent` seconds.
    pub fn earliest(&self, parent: u64) -> u64 {
        parent.saturating_add(u64::from(!self.allow_equal))
    }

    /// The timestamp that a block on a parent of `parent` seconds gets if it is built now.
    pub fn next_timestamp(&self, parent: u64) -> u64 {
        let exact = self.state.lock().next;
        exact.map_or_else(
            || self.passing_timestamp(parent),
            |exact| exact.max(self.earliest(parent)),
        )
    }

    /// Like [`Self::next_timestamp`], had nobody set an exact one: as time passes, or the interval says.
    pub fn passing_timestamp(&self, parent: u64) -> u64 {
        let state = *self.state.lock();
        let by_interval = state.interval.map(|seconds| parent.saturating_add(seconds));
        by_interval.unwrap_or_else(|| state.at(self.wall.seconds())).max(self.earliest(parent))
    }

    /// A block with this timestamp was appended: an exact time that it used up is over.
    pub(super) fn block_appended(&self, timestamp: u64) {
        let mut state = self.state.lock();
        *state = state.after(timestamp);
        self.made.store(self.wall.seconds(), Ordering::Relaxed);
    }

    /// What [`Self::block_appended`] will leave.
    pub(super) fn after(&self, timestamp: u64) -> ClockState {
        self.state.lock().after(timestamp)
    }

    /// Is a timestamp in seconds further ahead of wall time than clocks differ? Then wall time.
    pub(super) fn future(&self, timestamp: u64) -> Option<u64> {
        let now = self.wall.seconds();
        (timestamp > now.saturating_add(MAX_AHEAD)).then_some(now)
    }

    /// For a snapshot.
    pub fn save(&self) -> ClockState {
        *self.state.lock()
    }

    /// Back to a snapshot.
    pub(super) fn restore(&self, state: ClockState) {
        *self.state.lock() = state;
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// Wall time since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads wall time")]
fn wall_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Wall time in whole seconds since 1970.
fn wall_seconds() -> u64 {
    wall_time().as_secs()
}

/// Wall time, for a genesis that names no time of its own, in seconds since 1970.
pub fn genesis_time() -> u64 {
    wall_seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(clock: &Clock, change: impl FnOnce(&mut ClockState)) {
        change(&mut clock.state.lock());
    }

    #[test]
    fn time_always_grows_and_an_exact_time_moves_the_clock() {
        let clock = Clock::default();
        let far = wall_seconds() + 1_000_000;
        assert_eq!(clock.next_timestamp(far), far + 1);
        set(&clock, |state| state.set_next(far + 50));
        assert_eq!(clock.next_timestamp(0), far + 50);
        assert_eq!(clock.next_timestamp(0), far + 50, "asking does not use it up");
        clock.block_appended(far + 50);
        assert!(clock.now() >= far + 50);
    }

    #[test]
    fn equal_timestamps_have_to_be_allowed() {
        let far = wall_seconds() + 1_000_000;
        assert_eq!(Clock::new(true, WallTime::default()).next_timestamp(far), far);
        assert_eq!(Clock::new(false, WallTime::default()).next_timestamp(far), far + 1);
    }

    #[test]
    fn an_interval_counts_from_the_block_before_and_an_exact_time_goes_first() {
        let clock = Clock::default();
        set(&clock, |state| state.set_interval(Some(12)));
        assert_eq!(clock.next_timestamp(5), 17);
        set(&clock, |state| state.set_next(100));
        assert_eq!(clock.next_timestamp(5), 100);
        clock.block_appended(100);
        assert_eq!(clock.next_timestamp(100), 112);
        set(&clock, |state| state.set_interval(None));
        assert_eq!(clock.next_timestamp(u64::MAX), u64::MAX, "the end of time is no panic");
    }

    #[test]
    fn a_block_may_be_a_little_ahead_of_wall_time() {
        let wall = Arc::new(AtomicU64::new(5_900));
        let clock = Clock::new(false, WallTime::simulated(wall.clone()));
        assert_eq!(clock.future(5 + MAX_AHEAD), None);
        assert_eq!(clock.future(6 + MAX_AHEAD), Some(5));
        assert_eq!(clock.future(u64::MAX), Some(5));
        wall.store(6_000, Ordering::Relaxed);
        assert_eq!(clock.future(6 + MAX_AHEAD), None);
        assert_eq!(clock.until(8), Duration::from_secs(2));
    }

    #[test]
    fn no_step_leaves_the_years_that_can_be_counted() {
        let clock = Clock::default();
        set(&clock, |state| {
            state.increase(u64::MAX);
            state.increase(u64::MAX);
        });
        assert!(clock.now() <= MAX_TIMESTAMP);
    }

    #[test]
    fn time_goes_on_where_it_was_when_the_node_stopped() {
        let (clock, wall) = (Clock::default(), wall_seconds());
        let mut stored = ClockState::default();
        stored.go_on_from(wall - 5_000);
        stored.set_next(wall - 4_000);
        clock.resume(stored, wall - 6_000);
        assert!((wall - 5_000..wall - 4_900).contains(&clock.now()), "the past stays the past");
        assert_eq!(clock.next_timestamp(0), wall - 4_000);
        clock.resume(stored, wall + 500);
        assert!(clock.now() >= wall + 500, "a head in the future keeps the clock there");
        assert_eq!(clock.save().next, None, "a time before the head is none");
    }
}
