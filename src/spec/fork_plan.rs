//! When do the forks of a chain begin that is made here: with its genesis, or at a later time?

use super::{Fork, SpecError};
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::ChainConfig;
use std::collections::BTreeMap;

/// The forks that may begin at a time, oldest first.
pub const FORKS_BY_TIME: [Fork; 4] = [Fork::Shanghai, Fork::Cancun, Fork::Prague, Fork::Osaka];

/// When the forks of a chain begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkPlan {
    /// The fork whose rules hold from the first block on.
    from_genesis: Fork,
    /// Forks that begin later, and when, in seconds.
    later: BTreeMap<Fork, u64>,
}

impl ForkPlan {
    /// All forks up to this one from the first block on, and none later.
    pub const fn at_genesis(fork: Fork) -> Self {
        Self { from_genesis: fork, later: BTreeMap::new() }
    }

    /// Some forks begin later, at these times in seconds. Without `from_genesis`, all forks older than
    /// those begin with the genesis. A fork between two others begins together with the newer one.
    ///
    /// # Errors
    /// When a fork has no time, or has one although it begins with the genesis.
    pub fn new(from_genesis: Option<Fork>, times: &BTreeMap<Fork, u64>) -> Result<Self, SpecError> {
        if let Some(fork) = times.keys().find(|fork| !FORKS_BY_TIME.contains(fork)) {
            return Err(SpecError::ForkWithoutTime(*fork));
        }
        let before = |first: &Fork| match FORKS_BY_TIME.iter().position(|fork| fork == first) {
            Some(place) if place > 0 => FORKS_BY_TIME[place - 1],
            _ => Fork::GrayGlacier,
        };
        let newest = || times.keys().next().map_or(Fork::LATEST, before);
        let from_genesis = from_genesis.unwrap_or_else(newest);
        if let Some((&fork, &time)) = times.iter().find(|(fork, _)| **fork <= from_genesis) {
            return Err(SpecError::ForkBothWays { fork, time, from_genesis });
        }
        let mut later = times.clone();
        let mut next = None;
        for fork in FORKS_BY_TIME.into_iter().rev().filter(|fork| *fork > from_genesis) {
            next = later.get(&fork).copied().or(next);
            next.and_then(|time| later.insert(fork, time));
        }
        Ok(Self { from_genesis, later })
    }

    /// The fork whose rules hold from the first block on.
    pub const fn first(&self) -> Fork {
        self.from_genesis
    }

    /// Forks that begin later, oldest first, each with its time in seconds.
    pub fn later(&self) -> impl Iterator<Item = (Fork, u64)> {
        self.later.iter().map(|(fork, time)| (*fork, *time))
    }

    /// What a genesis file says of it. The newest limits for blobs come with Osaka.
    pub(super) fn config(&self, chain_id: u64) -> ChainConfig {
        let by_number = |fork: Fork| (self.from_genesis >= fork).then_some(0);
        let by_time = |fork: Fork| by_number(fork).or_else(|| self.later.get(&fork).copied());
        let osaka = by_time(Fork::Osaka);
        ChainConfig {
            chain_id,
            homestead_block: by_number(Fork::Homestead),
            eip150_block: by_number(Fork::Tangerine),
            eip155_block: by_number(Fork::SpuriousDragon),
            eip158_block: by_number(Fork::SpuriousDragon),
            byzantium_block: by_number(Fork::Byzantium),
            constantinople_block: by_number(Fork::Constantinople),
            petersburg_block: by_number(Fork::Petersburg),
            istanbul_block: by_number(Fork::Istanbul),
            muir_glacier_block: by_number(Fork::MuirGlacier),
            berlin_block: by_number(Fork::Berlin),
            london_block: by_number(Fork::London),
            arrow_glacier_block: by_number(Fork::ArrowGlacier),
            gray_glacier_block: by_number(Fork::GrayGlacier),
            shanghai_time: by_time(Fork::Shanghai),
            cancun_time: by_time(Fork::Cancun),
            prague_time: by_time(Fork::Prague),
            osaka_time: osaka,
            bpo1_time: osaka,
            bpo2_time: osaka,
            blob_schedule: self.blob_schedule(),
            ..Default::default()
        }
    }

    /// Mainnet's limits, written out because other clients want an entry for each fork.
    fn blob_schedule(&self) -> BTreeMap<String, BlobParams> {
        let newest = self.later.keys().next_back().copied().unwrap_or(self.from_genesis);
        let newest = newest.max(self.from_genesis);
        let entries = [
            (Fork::Cancun, "cancun", BlobParams::cancun()),
            (Fork::Prague, "prague", BlobParams::prague()),
            (Fork::Osaka, "osaka", BlobParams::osaka()),
            (Fork::Osaka, "bpo1", BlobParams::bpo1()),
            (Fork::Osaka, "bpo2", BlobParams::bpo2()),
        ];
        let active = entries.into_iter().filter(|(fork, ..)| *fork <= newest);
        active.map(|(_, name, params)| (name.to_owned(), in_file_form(params))).collect()
    }
}

/// Only what the file format can say, so that a genesis read back is equal.
const fn in_file_form(params: BlobParams) -> BlobParams {
    params.with_max_blobs_per_tx(params.max_blob_count).with_blob_base_cost(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times<const N: usize>(times: [(Fork, u64); N]) -> BTreeMap<Fork, u64> {
        times.into()
    }

    #[test]
    fn the_newest_fork_begins_with_the_genesis_unless_a_time_is_said() {
        let plan = ForkPlan::new(None, &times([])).unwrap();
        assert_eq!(plan, ForkPlan::at_genesis(Fork::LATEST));
        let plan = ForkPlan::new(None, &times([(Fork::Prague, 50)])).unwrap();
        assert_eq!(
            (plan.first(), plan.later().collect::<Vec<_>>()),
            (Fork::Cancun, vec![(Fork::Prague, 50)])
        );
        let config = plan.config(7);
        assert_eq!((config.cancun_time, config.prague_time), (Some(0), Some(50)));
        assert_eq!((config.osaka_time, config.bpo2_time), (None, None));
        assert_eq!(config.blob_schedule.keys().collect::<Vec<_>>(), ["cancun", "prague"]);
    }

    #[test]
    fn a_fork_between_two_others_comes_with_the_newer_one() {
        let plan =
            ForkPlan::new(Some(Fork::London), &times([(Fork::Prague, 50), (Fork::Osaka, 60)]));
        let config = plan.unwrap().config(7);
        let at = [config.shanghai_time, config.cancun_time, config.prague_time, config.osaka_time];
        assert_eq!(at, [Some(50), Some(50), Some(50), Some(60)]);
        assert_eq!((config.london_block, config.arrow_glacier_block), (Some(0), None));
        assert_eq!(config.bpo2_time, Some(60));
    }

    #[test]
    fn a_time_that_means_nothing_is_refused() {
        let refused = |first, at| ForkPlan::new(first, &at).unwrap_err().to_string();
        let text = refused(None, times([(Fork::London, 5)]));
        assert!(
            text.contains("london") && text.contains("shanghai, cancun, prague, osaka"),
            "{text}"
        );
        let text = refused(Some(Fork::Osaka), times([(Fork::Prague, 5)]));
        assert!(text.contains("prague") && text.contains("osaka") && text.contains('5'), "{text}");
    }
}
