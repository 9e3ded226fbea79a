//! What does the owner of a miner want of it?

use super::{DatasetProgress, Job, board::Board, datasets::Datasets, rate::Rates};
use crate::{consensus::Ethash, sealer::SealError, spec::MAX_EXTRA_DATA};
use alloy_primitives::{Address, B256, Bytes};
use parking_lot::Mutex;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// The shortest time after which work is made anew for what arrived since.
const LEAST_RECOMMIT: Duration = Duration::from_millis(100);

/// What a miner begins with.
#[derive(Clone, Debug)]
pub struct MinerSettings {
    /// Threads that search for nonces. With none only others do, who ask for work.
    pub threads: usize,
    /// What its owner wants.
    pub wishes: Wishes,
    /// Where datasets lie; `None` mines with the light cache.
    pub dataset: Option<PathBuf>,
}

/// What the owner of a miner wants. All of it may be changed while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Does it mine?
    pub mines: bool,
    /// Who is paid.
    pub coinbase: Option<Address>,
    /// Threads that search; `None` is all there are.
    pub threads: Option<usize>,
    /// Free bytes of the header, at most 32.
    pub extra_data: Bytes,
    /// Gas limit that blocks move towards; `None` keeps the parent's.
    pub gas_limit: Option<u64>,
    /// Least tip of a transaction in wei per gas; `None` is what the pool admits.
    pub min_tip: Option<u128>,
    /// What arrived since is taken in after so much time.
    pub recommit: Duration,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            mines: false,
            coinbase: None,
            threads: None,
            extra_data: Bytes::from_static(
                concat!("mainspring/", env!("CARGO_PKG_VERSION")).as_bytes(),
            ),
            gas_limit: None,
            min_tip: None,
            recommit: Duration::from_secs(2),
        }
    }
}

/// Mines, if its owner wants that. One a node of a chain of proof of work.
#[derive(Debug)]
pub struct Miner {
    threads: usize,
    ethash: Arc<Ethash>,
    wishes: Mutex<(u64, Wishes)>,
    pub(super) board: Board,
    pub(super) rates: Rates,
    pub(super) datasets: Option<Datasets>,
}

impl Miner {
    /// A miner that proves its work with these caches, which are the chain's.
    pub fn new(settings: MinerSettings, ethash: Arc<Ethash>) -> Self {
        let threads = settings.threads;
        Self {
            threads,
            wishes: Mutex::new((0, settings.wishes)),
            board: Board::default(),
            rates: Rates::new(threads),
            datasets: settings.dataset.map(|dir| Datasets::new(dir, ethash.clone(), threads)),
            ethash,
        }
    }

    /// Threads that search.
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Proves and verifies work.
    pub(super) const fn ethash(&self) -> &Arc<Ethash> {
        &self.ethash
    }

    /// What its owner wants now.
    pub fn wishes(&self) -> Wishes {
        self.wishes.lock().1.clone()
    }

    /// The epoch of a block.
    pub fn epoch_of(&self, number: u64) -> u64 {
        self.ethash.sizes().epoch_of(number)
    }

    /// How far the dataset is that is being made.
    pub fn dataset_progress(&self) -> Option<DatasetProgress> {
        self.datasets.as_ref()?.progress()
    }

    /// May thread `index` search?
    pub(super) fn is_wanted(&self, index: usize) -> bool {
        self.wishes.lock().1.threads.is_none_or(|threads| index < threads)
    }

    /// The same, and how often it was changed.
    pub(super) fn numbered_wishes(&self) -> (u64, Wishes) {
        self.wishes.lock().clone()
    }

    /// Changes what its owner wants. Whoever calls it wakes the sealer.
    ///
    /// # Errors
    /// What no block may say; nothing has changed then.
    pub(super) fn wish(&self, change: impl FnOnce(&mut Wishes)) -> Result<(), SealError> {
        let mut wishes = self.wishes.lock();
        let mut wanted = wishes.1.clone();
        change(&mut wanted);
        if wanted.mines && wanted.coinbase.is_none() {
            return Err(SealError::NoCoinbase);
        }
        if wanted.extra_data.len() > MAX_EXTRA_DATA {
            let length = wanted.extra_data.len();
            return Err(SealError::ExtraData { length, max: MAX_EXTRA_DATA });
        }
        wanted.recommit = wanted.recommit.max(LEAST_RECOMMIT);
        if wanted != wishes.1 {
            *wishes = (wishes.0 + 1, wanted);
        }
        Ok(())
    }

    /// The block that is worked on, if there is one.
    pub fn work(&self) -> Option<Arc<Job>> {
        self.board.current()
    }

    /// Nonces that its threads try a second.
    pub fn own_rate(&self) -> u64 {
        self.rates.own()
    }

    /// Nonces that its threads and others who said so try a second.
    pub fn rate(&self) -> u64 {
        self.rates.own().saturating_add(self.rates.of_others(Instant::now()))
    }

    /// Somebody who works for this node tries so many nonces a second.
    pub fn note_rate(&self, who: B256, rate: u64) {
        self.rates.note(who, rate, Instant::now());
    }
}
