//! When is there new work? At once when the head moves or the owner wants something else, at a bounded
//! pace when transactions arrive, and now and then so that the time in the block is true.

use super::{Miner, make::Made};
use crate::sealer::{
    SealError,
    handle::{Shared, State},
    run::RETRY,
};
use alloy_primitives::B256;
use parking_lot::MutexGuard;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Work is made anew after so much time also if nothing arrived: a later block may be less difficult.
const REFRESH: Duration = Duration::from_secs(10);

/// When the next work is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// When something changes.
    Never,
    Now,
    At(Instant),
}

impl Shared {
    /// The sealer's thread on a chain of proof of work: keeps work up for the threads that search.
    pub(in crate::sealer) fn run_work(&self, miner: &Miner) {
        std::thread::scope(|scope| {
            for index in 0..miner.threads() {
                let body = move || miner.search(self, index);
                let thread = std::thread::Builder::new().name(format!("miner {index}"));
                if let Err(error) = thread.spawn_scoped(scope, body) {
                    tracing::error!(target: "sealer", %error, "a thread cannot be started");
                }
            }
            if let Some(datasets) = &miner.datasets {
                let thread = std::thread::Builder::new().name("dataset".to_owned());
                let body = move || datasets.run(|| miner.board.look_again());
                if let Err(error) = thread.spawn_scoped(scope, body) {
                    tracing::error!(target: "sealer", %error, "a thread cannot be started");
                }
            }
            self.keep_work_up(miner);
            miner.board.end();
            miner.datasets.iter().for_each(|datasets| datasets.end());
        });
        self.abandon();
    }

    fn keep_work_up(&self, miner: &Miner) {
        let mut made: Option<Made> = None;
        loop {
            let arrived = std::mem::take(&mut self.state.lock().arrived);
            made.iter_mut().for_each(|made| made.has_news |= arrived);
            let due = self.due(miner, made.as_ref());
            if due == Due::Now {
                made = self.make_work_or_log(miner);
                if made.is_some() {
                    continue;
                }
            }
            let mut state = self.state.lock();
            if state.stop {
                return;
            }
            state.refuse_requests(|| SealError::MinedOnly);
            if !state.arrived {
                self.wait_for_work(&mut state, due);
            }
        }
    }

    fn wait_for_work(&self, state: &mut MutexGuard<'_, State>, due: Due) {
        match due {
            Due::Never => self.wake.wait(state),
            // It was due, and failed.
            Due::Now => drop(self.wake.wait_for(state, RETRY)),
            Due::At(at) => drop(self.wake.wait_until(state, at)),
        }
    }

    /// When work is made, if what is up was made like this. Takes down what nobody wants any more.
    fn due(&self, miner: &Miner, made: Option<&Made>) -> Due {
        let (version, wishes) = miner.numbered_wishes();
        if !wishes.mines || self.is_held() {
            miner.board.clear();
            return Due::Never;
        }
        let head = self.chain.head();
        let Some(made) = made.filter(|made| is_up_to_date(made, head.seal(), version)) else {
            miner.board.clear();
            // No block is of a time that has not come.
            let early = self.chain.clock().until(head.timestamp.saturating_add(1));
            return if early.is_zero() { Due::Now } else { Due::At(Instant::now() + early) };
        };
        let pace = if made.has_news { wishes.recommit } else { wishes.recommit.max(REFRESH) };
        let at = made.at + pace;
        if at <= Instant::now() { Due::Now } else { Due::At(at) }
    }

    fn make_work_or_log(&self, miner: &Miner) -> Option<Made> {
        match self.make_work(miner) {
            Ok(made) => Some(made),
            Err(error) => {
                tracing::error!(target: "sealer", %error, "no block can be made to work on");
                self.counted.failed.one();
                self.state.lock().failure = Some(Arc::new(error));
                None
            }
        }
    }
}

fn is_up_to_date(made: &Made, head: B256, wishes: u64) -> bool {
    made.parent == head && made.wishes == wishes
}
