//! What happens before miners have found the first block of a network? The caches of Ethash are made, then
//! nonces are tried: nothing is to be seen of either in a block, and both take their time.

use super::{
    member::Member,
    report::quantity,
    shape::{Consensus, Shape},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// How often it is said again that there is nothing yet.
const AGAIN: Duration = Duration::from_secs(10);

/// Told of until it is there.
#[derive(Debug)]
pub(super) struct FirstBlock {
    difficulty: u64,
    began: Instant,
    told: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was told yet.
    New,
    /// Caches are made.
    Caches,
    /// Nonces are tried.
    Searching,
    /// The block is there.
    Found,
}

impl FirstBlock {
    /// Of a network of miners.
    pub(super) fn of(shape: &Shape) -> Option<Self> {
        (shape.consensus == Consensus::Pow).then(|| Self {
            difficulty: shape.difficulty,
            began: Instant::now(),
            told: Instant::now(),
            stage: Stage::New,
        })
    }

    /// Is there nothing more to tell?
    pub(super) fn is_there(&self) -> bool {
        self.stage == Stage::Found
    }

    /// What is new, a line each.
    pub(super) fn look(&mut self, members: &[Member]) -> Option<String> {
        let height = members.iter().filter_map(height).max().unwrap_or_default();
        let rate = members.iter().filter_map(rate).fold(0, u64::saturating_add);
        let stage = match (height, rate) {
            (1.., _) => Stage::Found,
            (0, 0) if self.stage != Stage::Searching => Stage::Caches,
            (0, _) => Stage::Searching,
        };
        if stage == self.stage && self.told.elapsed() < AGAIN {
            return None;
        }
        if stage == Stage::Found {
            self.stage = stage;
            let after = self.began.elapsed().as_secs_f64();
            return Some(format!("Mining:   block {height} is there, after {after:.0} s"));
        }
        let is_new = stage != self.stage;
        (self.stage, self.told) = (stage, Instant::now());
        Some(self.words(is_new, rate))
    }

    fn words(&self, is_new: bool, rate: u64) -> String {
        let after = self.began.elapsed().as_secs_f64();
        match (self.stage, is_new) {
            (Stage::New | Stage::Caches, true) => {
                "Mining:   each worker makes the cache of Ethash \
                 (16 MiB, a second or more), then it tries nonces; its log says how far it is"
                    .to_owned()
            }
            (Stage::New | Stage::Caches, false) => {
                format!("Mining:   the caches are still being made, after {after:.0} s")
            }
            (Stage::Searching, true) => format!(
                "Mining:   nonces are tried, {rate} a second: at difficulty {} expect a block every {}",
                self.difficulty,
                seconds(self.difficulty, rate)
            ),
            (Stage::Searching, false) => format!(
                "Mining:   no block yet after {after:.0} s, {rate} nonces a second; with a smaller \
                 --difficulty (and --fresh) blocks come sooner"
            ),
            (Stage::Found, _) => "Mining:   blocks are there".to_owned(),
        }
    }
}

/// How long a block takes on average.
fn seconds(difficulty: u64, rate: u64) -> String {
    let seconds = difficulty as f64 / rate.max(1) as f64;
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

/// Of its newest block, if it answers.
fn height(member: &Member) -> Option<u64> {
    ask(member, "eth_blockNumber")
}

/// Nonces that it tries a second, if it answers.
fn rate(member: &Member) -> Option<u64> {
    ask(member, "eth_hashrate")
}

fn ask(member: &Member, method: &'static str) -> Option<u64> {
    if !member.is_running() {
        return None;
    }
    quantity(&member.ask(method, &json!([])).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_a_block_follows_from_difficulty_and_rate() {
        assert_eq!(seconds(2_000, 800), "2.5 s");
        assert_eq!(seconds(2_000, 0), "2000 s");
        let first = FirstBlock {
            difficulty: 2_000,
            began: Instant::now(),
            told: Instant::now(),
            stage: Stage::Searching,
        };
        assert!(
            first
                .words(true, 800)
                .ends_with("800 a second: at difficulty 2000 expect a block every 2.5 s")
        );
    }
}
