//! Whatever is done to the clock, the next block gets the time that a simple model says.

use crate::node::{Setup, TestChain};
use mainspring::{
    chain::genesis_time as wall,
    sealer::{BlockOptions, Spacing},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;

/// Seconds that a test may be slow.
const SLACK: i64 = 30;

/// What time is it, as simply as it can be said?
#[derive(Clone, Debug, Default)]
struct Model {
    /// Seconds ahead of wall time; a block that was made at a set time moves it.
    ahead: i64,
    exact: Option<u64>,
    interval: Option<u64>,
}

impl Model {
    /// The earliest and the latest time that the block after `parent` may get now.
    fn next(&self, parent: u64) -> (u64, u64) {
        let least = parent + 1;
        if let Some(exact) = self.exact.or(self.interval.map(|seconds| parent + seconds)) {
            return (exact.max(least), exact.max(least));
        }
        let now = wall() as i64 + self.ahead;
        let (from, to) = (now - SLACK, now + SLACK);
        ((from.max(0) as u64).max(least), (to.max(0) as u64).max(least))
    }

    fn made(&mut self, time: u64) {
        if self.exact.take_if(|exact| *exact <= time).is_some() {
            self.ahead = time as i64 - wall() as i64;
        }
    }
}

fn run(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut node = TestChain::start(Setup::default());
    let (mut model, mut snapshots) = (Model::default(), Vec::new());
    for step in 0..120 {
        let head = node.chain.head().timestamp;
        match rng.random_range(0..100) {
            0..15 => {
                let seconds = rng.random_range(0..100_000);
                node.chain.develop(|set| set.clock.increase(seconds)).unwrap();
                model.ahead += seconds as i64;
            }
            15..25 => {
                let time = wall() + 1_000_000 - rng.random_range(0..2_000_000);
                node.chain.develop(|set| set.clock.go_on_from(time)).unwrap();
                model.ahead = time as i64 - wall() as i64;
            }
            25..38 => {
                let time = head + rng.random_range(1..50_000);
                node.chain.develop(|set| set.clock.set_next(time)).unwrap();
                model.exact = Some(time);
            }
            38..44 => {
                let interval = rng.random_bool(0.5).then(|| rng.random_range(1..100));
                node.chain.develop(|set| set.clock.set_interval(interval)).unwrap();
                model.interval = interval;
            }
            44..74 => {
                let (from, to) = model.next(head);
                node.mine().unwrap();
                let made = node.chain.head().timestamp;
                assert!((from..=to).contains(&made), "step {step}: {made} {from} {to} {model:?}");
                model.made(made);
            }
            74..80 => {
                let time = head + rng.random_range(1..10_000);
                let options = BlockOptions { timestamp: Some(time), empty: false };
                crate::node::wait(node.sealer.mine(options)).unwrap();
                assert_eq!(node.chain.head().timestamp, time);
                model.made(time);
                model.ahead = time as i64 - wall() as i64;
            }
            80..86 => {
                let (from, to) = model.next(head);
                if node.sealer.mine_empty(3, Spacing::Clock).unwrap() == 0 {
                    assert!(model.exact.is_some(), "nothing else stands in the way");
                    continue;
                }
                let first = node.chain.head().number - 2;
                let first = node.chain.header(first).unwrap().unwrap().timestamp;
                assert!((from..=to).contains(&first), "step {step}: {first} {from} {to}");
            }
            86..91 => snapshots.push((node.dev.snapshot().unwrap(), model.clone())),
            91..95 => {
                let Some((id, then)) = snapshots.pop() else { continue };
                assert!(node.dev.revert(id).unwrap());
                model = then;
            }
            _ => {
                snapshots.clear();
                node.reopen_after_crash();
                // A clock behind its head starts at the head.
                let head = node.chain.head().timestamp as i64;
                model.ahead = model.ahead.max(head - wall() as i64);
            }
        }
        let (head, next) = (node.chain.head(), node.chain.clock());
        let (from, to) = model.next(head.timestamp);
        let seen = next.next_timestamp(head.timestamp);
        assert!(
            (from..=to).contains(&seen),
            "seed {seed}, step {step}: {seen} {from} {to} {model:?}"
        );
    }
}

#[test]
fn the_next_block_gets_the_time_that_the_model_says() {
    (0..12).for_each(run);
}

#[test]
fn blocks_at_an_interval_follow_the_wall_clock() {
    let node = TestChain::start(Setup::default());
    let mut news = node.chain.subscribe();
    node.chain.develop(|set| set.clock.go_on_from(wall())).unwrap();
    let start = wall();
    node.sealer.set_mode(mainspring::sealer::Mode::of(false, Some(Duration::from_millis(400))));
    for _ in 0..8 {
        crate::node::wait(news.recv()).unwrap();
    }
    let (head, now) = (node.chain.head().timestamp, wall());
    // Eight blocks in about three seconds: each is later than the one before, and that is all.
    assert!(head >= start && head <= now + 8, "{start} {head} {now}");
}
