//! Which rules apply at a block: the forks in order, and when each begins.

use super::SpecError;
use alloy_genesis::ChainConfig;
use alloy_primitives::U256;
use std::{fmt, str::FromStr};

/// Ethereum's forks in the order in which they add rules. A later fork includes all earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// The first rules.
    Frontier,
    /// EIP-2, EIP-7.
    Homestead,
    /// The DAO's balance moves, no new rules for the machine.
    Dao,
    /// EIP-150: prices of calls.
    Tangerine,
    /// EIP-155, EIP-158, EIP-161, EIP-170.
    SpuriousDragon,
    /// Receipts carry a status instead of a root.
    Byzantium,
    /// CREATE2, EXTCODEHASH.
    Constantinople,
    /// Constantinople without EIP-1283.
    Petersburg,
    /// CHAINID, SELFBALANCE.
    Istanbul,
    /// A later difficulty bomb.
    MuirGlacier,
    /// Access lists.
    Berlin,
    /// Base fee.
    London,
    /// A later difficulty bomb.
    ArrowGlacier,
    /// A later difficulty bomb.
    GrayGlacier,
    /// The merge: PREVRANDAO.
    Paris,
    /// Withdrawals, PUSH0.
    Shanghai,
    /// Blobs, transient storage.
    Cancun,
    /// Requests, code of EOAs.
    Prague,
    /// CLZ, transaction gas cap, blob reserve price.
    Osaka,
}

impl Fork {
    /// All forks, oldest first.
    pub const ALL: [Self; 19] = [
        Self::Frontier,
        Self::Homestead,
        Self::Dao,
        Self::Tangerine,
        Self::SpuriousDragon,
        Self::Byzantium,
        Self::Constantinople,
        Self::Petersburg,
        Self::Istanbul,
        Self::MuirGlacier,
        Self::Berlin,
        Self::London,
        Self::ArrowGlacier,
        Self::GrayGlacier,
        Self::Paris,
        Self::Shanghai,
        Self::Cancun,
        Self::Prague,
        Self::Osaka,
    ];

    /// The newest fork known here, and the one a development chain starts with.
    pub const LATEST: Self = Self::Osaka;

    /// The name in lower case, as `--hardfork` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frontier => "frontier",
            Self::Homestead => "homestead",
            Self::Dao => "dao",
            Self::Tangerine => "tangerine",
            Self::SpuriousDragon => "spuriousdragon",
            Self::Byzantium => "byzantium",
            Self::Constantinople => "constantinople",
            Self::Petersburg => "petersburg",
            Self::Istanbul => "istanbul",
            Self::MuirGlacier => "muirglacier",
            Self::Berlin => "berlin",
            Self::London => "london",
            Self::ArrowGlacier => "arrowglacier",
            Self::GrayGlacier => "grayglacier",
            Self::Paris => "paris",
            Self::Shanghai => "shanghai",
            Self::Cancun => "cancun",
            Self::Prague => "prague",
            Self::Osaka => "osaka",
        }
    }
}

impl Fork {
    /// Do receipts carry the state root after their transaction, rather than a status
    /// ([EIP-658](https://eips.ethereum.org/EIPS/eip-658))?
    pub fn has_roots_in_receipts(self) -> bool {
        self < Self::Byzantium
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No fork has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown hard fork \"{0}\"; known are frontier to osaka, and latest")]
pub struct UnknownFork(pub String);

impl FromStr for Fork {
    type Err = UnknownFork;

    /// Takes a name in any case, with or without `_` and `-`, and the second names in use.
    fn from_str(name: &str) -> Result<Self, UnknownFork> {
        let plain = name.to_ascii_lowercase().replace(['_', '-', ' '], "");
        let fork = match plain.as_str() {
            "latest" => Some(Self::LATEST),
            "eip150" => Some(Self::Tangerine),
            "eip158" | "eip155" => Some(Self::SpuriousDragon),
            "merge" => Some(Self::Paris),
            "daofork" => Some(Self::Dao),
            "tangerinewhistle" => Some(Self::Tangerine),
            "constantinoplefix" => Some(Self::Petersburg),
            other => Self::ALL.into_iter().find(|fork| fork.name() == other),
        };
        fork.ok_or_else(|| UnknownFork(name.to_owned()))
    }
}

/// When each fork of a chain begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Forks that begin at a block number, oldest first.
    by_number: Vec<(Fork, u64)>,
    /// Forks that begin at a timestamp, oldest first.
    by_time: Vec<(Fork, u64)>,
    /// Total difficulty at which proof of work ends.
    terminal_total_difficulty: Option<U256>,
}

impl Schedule {
    /// Reads geth's config and refuses forks that begin before an older one.
    pub(super) fn from_config(config: &ChainConfig) -> Result<Self, SpecError> {
        let schedule = Self {
            by_number: by_number(config),
            by_time: by_time(config),
            terminal_total_difficulty: config.terminal_total_difficulty,
        };
        check_order(&schedule.by_number)?;
        check_order(&schedule.by_time)?;
        Ok(schedule)
    }

    /// The newest fork that is active in a block of this height, time and difficulty. A chain with a
    /// terminal total difficulty above zero is merged from its first block without difficulty, and
    /// forks by time wait for that ([EIP-3675](https://eips.ethereum.org/EIPS/eip-3675)). Without
    /// one, forks by time count from genesis.
    pub(super) fn of(&self, number: u64, timestamp: u64, difficulty: U256) -> Fork {
        let newest = |forks: &[(Fork, u64)], at: u64| {
            let active = forks.iter().rev().find(|(_, from)| *from <= at);
            active.map_or(Fork::Frontier, |(fork, _)| *fork)
        };
        let by_number = newest(&self.by_number, number);
        let by_time = newest(&self.by_time, timestamp);
        match self.terminal_total_difficulty {
            None => by_number.max(by_time),
            Some(terminal) if !terminal.is_zero() && !difficulty.is_zero() => by_number,
            Some(_) => by_number.max(by_time).max(Fork::Paris),
        }
    }

    /// Has a fork by number begun at this block?
    pub(super) fn has_begun(&self, fork: Fork, number: u64) -> bool {
        self.by_number.iter().any(|(each, from)| *each == fork && *from <= number)
    }

    /// Times at which forks begin, in seconds.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.by_time.iter().map(|(_, from)| *from)
    }

    /// When a fork by time begins.
    pub(super) fn time_of(&self, fork: Fork) -> Option<u64> {
        self.by_time.iter().find(|(each, _)| *each == fork).map(|(_, from)| *from)
    }
}

fn by_number(config: &ChainConfig) -> Vec<(Fork, u64)> {
    let dao = config.dao_fork_block.filter(|_| config.dao_fork_support);
    let forks = [
        (Fork::Homestead, config.homestead_block),
        (Fork::Dao, dao),
        (Fork::Tangerine, config.eip150_block),
        (Fork::SpuriousDragon, config.eip158_block.or(config.eip155_block)),
        (Fork::Byzantium, config.byzantium_block),
        (Fork::Constantinople, config.constantinople_block),
        (Fork::Petersburg, config.petersburg_block),
        (Fork::Istanbul, config.istanbul_block),
        (Fork::MuirGlacier, config.muir_glacier_block),
        (Fork::Berlin, config.berlin_block),
        (Fork::London, config.london_block),
        (Fork::ArrowGlacier, config.arrow_glacier_block),
        (Fork::GrayGlacier, config.gray_glacier_block),
    ];
    forks.into_iter().filter_map(|(fork, from)| Some((fork, from?))).collect()
}

fn by_time(config: &ChainConfig) -> Vec<(Fork, u64)> {
    let forks = [
        (Fork::Shanghai, config.shanghai_time),
        (Fork::Cancun, config.cancun_time),
        (Fork::Prague, config.prague_time),
        (Fork::Osaka, config.osaka_time),
    ];
    forks.into_iter().filter_map(|(fork, from)| Some((fork, from?))).collect()
}

fn check_order(forks: &[(Fork, u64)]) -> Result<(), SpecError> {
    for pair in forks.windows(2) {
        let [(earlier, earlier_at), (later, later_at)] = [pair[0], pair[1]];
        if later_at < earlier_at {
            return Err(SpecError::ForkOrder { later, later_at, earlier, earlier_at });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fork_is_found_by_its_own_name() {
        for fork in Fork::ALL {
            assert_eq!(fork.to_string().parse(), Ok(fork));
        }
        assert_eq!("Spurious_Dragon".parse(), Ok(Fork::SpuriousDragon));
        assert_eq!("latest".parse(), Ok(Fork::Osaka));
        assert_eq!("paradise".parse::<Fork>(), Err(UnknownFork("paradise".to_owned())));
        assert!(Fork::ALL.is_sorted());
    }

    #[test]
    fn forks_begin_at_their_number_and_time() {
        let config = ChainConfig {
            homestead_block: Some(0),
            london_block: Some(10),
            terminal_total_difficulty: Some(U256::from(1_000)),
            shanghai_time: Some(500),
            osaka_time: Some(900),
            ..Default::default()
        };
        let schedule = Schedule::from_config(&config).unwrap();
        let (work, merged) = (U256::from(7), U256::ZERO);
        assert_eq!(schedule.of(9, 100, work), Fork::Homestead);
        assert_eq!(schedule.of(10, 100, work), Fork::London);
        assert_eq!(schedule.of(10, 900, work), Fork::London);
        assert_eq!(schedule.of(20, 100, merged), Fork::Paris);
        assert_eq!(schedule.of(21, 500, merged), Fork::Shanghai);
        assert_eq!(schedule.of(21, 900, merged), Fork::Osaka);
    }

    #[test]
    fn a_fork_before_an_older_one_is_refused() {
        let config = ChainConfig {
            cancun_time: Some(10),
            prague_time: Some(9),
            terminal_total_difficulty: Some(U256::ZERO),
            ..Default::default()
        };
        let error = Schedule::from_config(&config).unwrap_err();
        assert_eq!(error.to_string(), "prague begins at 9, before cancun at 10");
    }
}
