//! Which blocks lack a seal, and who is to stop working on what?

use crate::{
    chain::ExecutedBlock,
    consensus::ethash::{boundary, seal_hash},
    primitives::Block,
};
use alloy_primitives::{B256, U256};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A seal is taken for a block up to so many blocks below the newest work, as other clients do.
pub(super) const STALE: u64 = 7;
/// Blocks that were worked on before and are remembered.
const REMEMBERED: usize = 128;

/// A block that lacks its seal.
#[derive(Clone, Debug)]
pub struct Job {
    /// Executed, without mix hash and nonce.
    pub block: Block,
    /// What the nonce is searched for.
    pub seal_hash: B256,
    /// The most that a result may be.
    pub boundary: U256,
}

/// What is worked on, and what was.
#[derive(Debug, Default)]
struct Jobs {
    current: Option<(Arc<Job>, ExecutedBlock)>,
    earlier: VecDeque<Arc<Job>>,
    has_ended: bool,
}

/// Where work is put up for those who search.
#[derive(Debug, Default)]
pub(super) struct Board {
    jobs: Mutex<Jobs>,
    changed: Condvar,
    /// How often the work was another one. Read for each nonce, without the lock.
    turn: AtomicU64,
}

impl Board {
    /// Puts up a block; whatever was there before is given up. `None` if its difficulty is zero: no work
    /// proves that.
    pub(super) fn put(&self, executed: ExecutedBlock) -> Option<Arc<Job>> {
        let block = executed.block.clone();
        let job = Arc::new(Job {
            seal_hash: seal_hash(&block.header),
            boundary: boundary(block.header.difficulty)?,
            block,
        });
        let mut jobs = self.jobs.lock();
        jobs.give_up();
        let oldest = job.block.number().saturating_sub(STALE);
        jobs.earlier.retain(|earlier| earlier.block.number() >= oldest);
        jobs.current = Some((job.clone(), executed));
        self.turn.fetch_add(1, Ordering::Release);
        drop(jobs);
        self.changed.notify_all();
        Some(job)
    }

    /// Nothing is worked on from now on.
    pub(super) fn clear(&self) {
        let mut jobs = self.jobs.lock();
        if jobs.give_up() {
            self.turn.fetch_add(1, Ordering::Release);
        }
    }

    /// Whoever searches looks again, with what it searches.
    pub(super) fn look_again(&self) {
        self.turn.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }

    /// Nobody searches any more.
    pub(super) fn end(&self) {
        self.jobs.lock().has_ended = true;
        self.turn.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }

    /// What is worked on.
    pub(super) fn current(&self) -> Option<Arc<Job>> {
        self.jobs.lock().current.as_ref().map(|(job, _)| job.clone())
    }

    /// The block with this seal hash that is, or was, worked on.
    pub(super) fn find(&self, seal_hash: B256) -> Option<Arc<Job>> {
        let jobs = self.jobs.lock();
        let current = jobs.current.iter().map(|(job, _)| job);
        current.chain(&jobs.earlier).find(|job| job.seal_hash == seal_hash).cloned()
    }

    /// Takes the executed block down, if it is still worked on: somebody sealed it.
    pub(super) fn take(&self, seal_hash: B256) -> Option<ExecutedBlock> {
        let mut jobs = self.jobs.lock();
        let (job, executed) = jobs.current.take_if(|(job, _)| job.seal_hash == seal_hash)?;
        jobs.remember(job);
        self.turn.fetch_add(1, Ordering::Release);
        Some(executed)
    }

    /// Waits for work other than that of turn `seen`; `None` at the end.
    pub(super) fn wait(&self, seen: u64) -> Option<(u64, Arc<Job>)> {
        let mut jobs = self.jobs.lock();
        loop {
            if jobs.has_ended {
                return None;
            }
            let turn = self.turn.load(Ordering::Acquire);
            match &jobs.current {
                Some((job, _)) if turn != seen => return Some((turn, job.clone())),
                _ => self.changed.wait(&mut jobs),
            }
        }
    }

    /// Is the work of this turn what is wanted?
    pub(super) fn is_turn(&self, turn: u64) -> bool {
        self.turn.load(Ordering::Relaxed) == turn
    }
}

impl Jobs {
    /// Was there something to give up?
    fn give_up(&mut self) -> bool {
        let given_up = self.current.take();
        let was_there = given_up.is_some();
        given_up.into_iter().for_each(|(job, _)| self.remember(job));
        was_there
    }

    fn remember(&mut self, job: Arc<Job>) {
        self.earlier.push_front(job);
        self.earlier.truncate(REMEMBERED);
    }
}
