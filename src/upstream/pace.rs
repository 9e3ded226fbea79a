//! How many requests a second does an endpoint that counts them allow?

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Once an endpoint has turned a request away, it is asked slowly for this long.
const CAREFUL: Duration = Duration::from_secs(60);

/// Lets requests through as fast as they come, until the endpoint says that this is too fast; then as
/// many a second as it was said to allow.
#[derive(Debug)]
pub(super) struct Pace {
    units_per_second: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    careful_until: Option<Instant>,
    /// When the next request may go.
    free_at: Option<Instant>,
}

impl Pace {
    pub(super) fn new(units_per_second: Option<u64>) -> Self {
        Self { units_per_second, state: Mutex::default() }
    }

    /// The endpoint turned something away.
    pub(super) fn slow_down(&self) {
        self.state.lock().careful_until = Some(Instant::now() + CAREFUL);
    }

    /// How long a request of that many units has to wait, which then counts as sent.
    pub(super) fn wait_for(&self, units: u64) -> Duration {
        self.wait_at(Instant::now(), units)
    }

    fn wait_at(&self, now: Instant, units: u64) -> Duration {
        let Some(rate) = self.units_per_second.filter(|rate| *rate > 0) else {
            return Duration::ZERO;
        };
        let mut state = self.state.lock();
        if state.careful_until.is_none_or(|until| until <= now) {
            state.free_at = None;
            return Duration::ZERO;
        }
        let start = state.free_at.map_or(now, |free_at| free_at.max(now));
        state.free_at = Some(start + Duration::from_secs_f64(units as f64 / rate as f64));
        start - now
    }
}

/// What the large providers count for a method, roughly.
pub(super) fn units(method: &str) -> u64 {
    match method {
        "eth_chainId" | "net_version" => 0,
        "eth_blockNumber" => 10,
        "eth_getLogs" => 60,
        "eth_getProof" => 21,
        _ => 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_until_an_endpoint_says_that_it_counts() {
        let pace = Pace::new(Some(100));
        let now = Instant::now();
        assert!((0..50).all(|_| pace.wait_at(now, 20).is_zero()));
        pace.slow_down();
        let waits = [0, 1, 2].map(|_| pace.wait_at(now, 20).as_millis());
        assert_eq!(waits, [0, 200, 400]);
        assert!(pace.wait_at(now + CAREFUL * 2, 20).is_zero(), "it is forgiven in time");
    }

    #[test]
    fn without_a_limit_nothing_ever_waits() {
        let pace = Pace::new(None);
        pace.slow_down();
        assert!((0..50).all(|_| pace.wait_for(20).is_zero()));
    }
}
