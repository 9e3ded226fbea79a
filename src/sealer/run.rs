//! The sealer's thread: waits for a reason to make a block, and makes it.

use super::{
    BlockOptions, Mode, SealError, SealerHandle, SealerSettings,
    build::build_timed,
    handle::{MineRequest, Shared, State},
    trigger::next_tick,
};
use crate::{
    chain::{Chain, ChainError},
    pool::Pool,
};
use alloy_primitives::B256;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// After a block could not be made (a full disk), the next attempt comes this much later.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// Makes blocks. One a chain.
#[derive(Debug)]
pub struct Sealer {
    shared: Arc<Shared>,
}

/// Why a block is made.
#[derive(Debug)]
enum Reason {
    Asked(MineRequest),
    Tick,
    Arrival,
    Stop,
}

impl Sealer {
    /// A sealer for this chain and pool. [`Sealer::run`] starts it.
    pub fn new(chain: Arc<Chain>, pool: Arc<Pool>, settings: SealerSettings) -> Self {
        let state = State {
            mode: settings.mode,
            arrived: !pool.is_empty(),
            requests: Default::default(),
            waiting: Default::default(),
            failure: None,
            round: 0,
            hold: None,
            stop: false,
        };
        Self {
            shared: Arc::new(Shared {
                chain,
                pool,
                settings,
                state: Mutex::new(state),
                wake: Condvar::new(),
                sealing: Mutex::new(()),
                admission: RwLock::new(()),
                counted: Default::default(),
            }),
        }
    }

    /// A handle for everyone else.
    pub fn handle(&self) -> SealerHandle {
        SealerHandle { shared: self.shared.clone() }
    }

    /// The body of the sealer's thread. Ends after [`SealerHandle::stop`].
    pub fn run(self) {
        if let Some(authority) = &self.shared.settings.authority {
            return self.shared.run_authority(authority);
        }
        if let Some(miner) = &self.shared.settings.miner {
            return self.shared.run_work(miner);
        }
        let mut last_tick = Instant::now();
        loop {
            match self.shared.next_reason(&mut last_tick) {
                Reason::Stop => break self.shared.abandon(),
                Reason::Asked(request) => {
                    let made = self.shared.seal(request.options, true, |_mode| true);
                    let made = made.map(|hash| hash.unwrap_or_default());
                    // Whoever asked may have gone.
                    let _ = request.answer.send(made);
                }
                Reason::Tick => self.shared.seal_or_log(true, |mode| mode.interval().is_some()),
                Reason::Arrival => self.shared.seal_or_log(false, Mode::on_arrival),
            }
        }
    }
}

impl Shared {
    /// Waits for a reason to make a block.
    fn next_reason(&self, last_tick: &mut Instant) -> Reason {
        let mut state = self.state.lock();
        loop {
            if state.stop {
                return Reason::Stop;
            }
            if let Some(request) = state.requests.pop_front() {
                return Reason::Asked(request);
            }
            if state.mode.on_arrival() && std::mem::take(&mut state.arrived) {
                return Reason::Arrival;
            }
            if !self.wait(&mut state, last_tick) {
                return Reason::Tick;
            }
        }
    }

    /// Waits to be woken, or until the next tick: `false`.
    fn wait(&self, state: &mut MutexGuard<'_, State>, last_tick: &mut Instant) -> bool {
        let Some(interval) = state.mode.interval() else {
            self.wake.wait(state);
            *last_tick = Instant::now();
            return true;
        };
        let tick = next_tick(*last_tick, interval, Instant::now());
        if self.wake.wait_until(state, tick).timed_out() {
            *last_tick = tick;
            return false;
        }
        true
    }

    fn seal_or_log(&self, even_empty: bool, is_wanted: impl Fn(Mode) -> bool) {
        let made = self.seal(BlockOptions::default(), even_empty, is_wanted);
        let Err(error) = made else { return };
        tracing::error!(target: "sealer", %error, "no block was made");
        self.counted.failed.one();
        self.refuse_waiting(Arc::new(error));
        let mut state = self.state.lock();
        if !state.stop {
            self.wake.wait_for(&mut state, RETRY);
        }
        state.arrived |= !self.pool.is_empty();
    }

    /// Whoever waits for a block that cannot be made is told why; what they sent leaves the pool,
    /// so that it is not mined after it was refused.
    fn refuse_waiting(&self, reason: Arc<SealError>) {
        let mut state = self.state.lock();
        for (hash, (_, waiter)) in state.waiting.drain() {
            self.pool.remove(hash);
            // Whoever sent it may have gone.
            let _ = waiter.send(Err(reason.clone()));
        }
        state.failure = Some(reason);
    }

    /// Makes a block; `None` if it would have been empty and need not exist, or if the mode does not
    /// want it any more: whoever changed the mode and paused sealing since sees no block of the old one.
    fn seal(
        &self,
        options: BlockOptions,
        even_empty: bool,
        is_wanted: impl Fn(Mode) -> bool,
    ) -> Result<Option<B256>, SealError> {
        let _sealing = self.sealing.lock();
        let round = {
            let mut state = self.state.lock();
            if !is_wanted(state.mode) {
                return Ok(None);
            }
            state.round += 1;
            state.round
        };
        let made = loop {
            match self.seal_once(options, even_empty) {
                // The head moved while the block was built: build on the new one.
                Err(SealError::Chain(ChainError::StaleParent { .. })) => {}
                made => break made?,
            }
        };
        self.answer_waiting(round, made.is_none());
        Ok(made)
    }

    fn seal_once(
        &self,
        options: BlockOptions,
        even_empty: bool,
    ) -> Result<Option<B256>, SealError> {
        check_timestamp(&self.chain, options)?;
        if !even_empty && self.pool.pending_len() == 0 {
            return Ok(None);
        }
        let times = &self.counted.times;
        let executed = build_timed(&self.chain, &self.pool, &self.settings, options, times)?;
        let block = executed.block.clone();
        if block.body.transactions.is_empty() && !even_empty {
            return Ok(None);
        }
        times.append.time(|| self.chain.append(executed))?;
        self.counted.sealed.one();
        if let Some(timestamp) = options.timestamp
            && let Err(error) = self.chain.develop(|set| set.clock.go_on_from(timestamp))
        {
            // The block stands; only when the next one is made depends on it.
            tracing::error!(target: "sealer", %error, "the clock could not follow a block");
        }
        if let Err(error) = self.follow(&block.body.transactions) {
            // The block stands. What it used up is dropped when the next one is built.
            tracing::error!(target: "sealer", %error, "the pool could not follow a block");
        }
        // What arrived meanwhile goes into the next block.
        let mut state = self.state.lock();
        state.arrived |= !block.body.transactions.is_empty() && !self.pool.is_empty();
        state.failure = None;
        Ok(Some(block.hash()))
    }

    /// After a round nobody waits in vain: a transaction that is not in the pool any more was mined
    /// or dropped, and what a round left there that found nothing to execute does not fit or pay now.
    /// Whoever sent it may have gone.
    fn answer_waiting(&self, round: u64, nothing_left: bool) {
        let mut state = self.state.lock();
        state.waiting.retain(|hash, (since, _)| {
            self.pool.contains(*hash) && (*since >= round || !nothing_left)
        });
    }

    /// Nobody is left waiting; what was sent stays in the pool, which is journaled.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        let stopped = Arc::new(SealError::Stopped);
        for (_, (_, waiter)) in state.waiting.drain() {
            // Whoever sent it may have gone.
            let _ = waiter.send(Err(stopped.clone()));
        }
        state.requests.clear();
    }
}

impl State {
    /// Nobody makes blocks by asking where rules say when they come.
    pub(super) fn refuse_requests(&mut self, reason: impl Fn() -> SealError) {
        for request in self.requests.drain(..) {
            // Whoever asked may have gone.
            let _ = request.answer.send(Err(reason()));
        }
    }
}

fn check_timestamp(chain: &Chain, options: BlockOptions) -> Result<(), SealError> {
    let parent = chain.head().timestamp;
    let earliest = chain.clock().earliest(parent);
    match options.timestamp {
        Some(given) if given < earliest => Err(SealError::Timestamp { given, parent, earliest }),
        _ => Ok(()),
    }
}
