//! How does a thread search for a nonce?

use super::{Job, Miner, dataset::Dataset, rate::Gauge};
use crate::{
    consensus::{
        SealError as Unproven,
        ethash::{Cache, Work},
    },
    sealer::handle::Shared,
};
use alloy_primitives::{B64, U256};
use rand::Rng;
use std::sync::Arc;

/// Where the pages of the dataset come from.
#[derive(Debug)]
enum Pages {
    /// Computed from the light cache: about 400 nonces a second.
    Computed(Arc<Cache>),
    /// Read from a file.
    Stored(Arc<Dataset>),
}

impl Pages {
    fn hashimoto(&self, job: &Job, nonce: B64) -> Work {
        match self {
            Self::Computed(cache) => cache.hashimoto(job.seal_hash, nonce),
            Self::Stored(dataset) => dataset.hashimoto(job.seal_hash, nonce),
        }
    }
}

impl Miner {
    /// The body of search thread `index`: ends with the board.
    pub(super) fn search(&self, shared: &Shared, index: usize) {
        let (mut seen, mut gauge) = (0, None);
        loop {
            let idle = self.board.current().is_none() || !self.is_wanted(index);
            if idle {
                self.rates.rest(index);
                gauge = None;
            }
            let Some((turn, job)) = self.board.wait(seen) else { break };
            seen = turn;
            if !self.is_wanted(index) {
                continue;
            }
            gauge = gauge.or_else(|| self.rates.gauge(index));
            let pages = match self.pages(&job) {
                Ok(pages) => pages,
                Err(Unproven::Stopped) => break,
                Err(error) => {
                    tracing::error!(target: "sealer", %error, "no nonce can be searched");
                    continue;
                }
            };
            if let Some((nonce, work)) = self.try_nonces(&job, turn, &pages, gauge.as_mut()) {
                let is_stored = matches!(pages, Pages::Stored(_));
                shared.found(self, &job, nonce, work, is_stored);
            }
        }
        self.rates.rest(index);
    }

    fn pages(&self, job: &Job) -> Result<Pages, Unproven> {
        let number = job.block.number();
        let stored = self.datasets.as_ref().and_then(|datasets| datasets.of(number));
        match stored {
            Some(dataset) => Ok(Pages::Stored(dataset)),
            None => Ok(Pages::Computed(self.ethash().cache(number)?)),
        }
    }

    /// Tries one nonce after the other from a random one on, until one seals the block, or there is other
    /// work.
    fn try_nonces(
        &self,
        job: &Job,
        turn: u64,
        pages: &Pages,
        mut gauge: Option<&mut Gauge<'_>>,
    ) -> Option<(B64, Work)> {
        let mut nonce: u64 = rand::rng().random();
        while self.board.is_turn(turn) {
            let tried = B64::from(nonce.to_be_bytes());
            let work = pages.hashimoto(job, tried);
            gauge.iter_mut().for_each(|gauge| gauge.count());
            if U256::from_be_bytes(work.result.0) <= job.boundary {
                return Some((tried, work));
            }
            nonce = nonce.wrapping_add(1);
        }
        None
    }
}
