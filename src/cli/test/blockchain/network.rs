//! Which chain does the name of a network in a test stand for?

use crate::spec::Fork;
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{ChainConfig, EthashConfig};
use alloy_primitives::U256;
use std::collections::BTreeMap;

/// Why a name is no network.
#[derive(Debug, thiserror::Error)]
#[error("unknown network \"{0}\"")]
pub(super) struct UnknownNetwork(String);

/// Forks in the order of their rules: Ethereum's, then those that change only blob limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Rules(Fork),
    /// Blob-parameter-only fork 1, 2, ... ([EIP-7892](https://eips.ethereum.org/EIPS/eip-7892)).
    Blobs(u8),
}

/// When the second fork of a transition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Block(u64),
    Time(u64),
    TotalDifficulty(U256),
}

/// The configuration of the network `name`: a fork from genesis with all forks before it (without
/// the DAO's), or a transition such as `BerlinToLondonAt5`.
pub(super) fn config(name: &str) -> Result<ChainConfig, UnknownNetwork> {
    let unknown = || UnknownNetwork(name.to_owned());
    let (first, transition) = match name.split_once("To") {
        None => (name, None),
        Some((first, rest)) => (first, Some(rest.rsplit_once("At").ok_or_else(unknown)?)),
    };
    let first = step(first).ok_or_else(unknown)?;
    let mut config = ChainConfig {
        chain_id: 1,
        ethash: (first < Step::Rules(Fork::Paris)).then_some(EthashConfig {}),
        terminal_total_difficulty: (first >= Step::Rules(Fork::Paris)).then_some(U256::ZERO),
        blob_schedule: blob_schedule(),
        ..Default::default()
    };
    for fork in steps().filter(|fork| *fork <= first && *fork != Step::Rules(Fork::Dao)) {
        begin(&mut config, fork, From::Block(0));
    }
    if let Some((second, at)) = transition {
        let (second, from) = (step(second), from(at));
        let (second, from) = (second.ok_or_else(unknown)?, from.ok_or_else(unknown)?);
        let is_between = |fork: &Step| *fork > first && *fork <= second;
        for fork in steps().filter(is_between) {
            if fork != Step::Rules(Fork::Dao) || second == fork {
                begin(&mut config, fork, from);
            }
        }
    }
    Ok(config)
}

fn steps() -> impl Iterator<Item = Step> {
    Fork::ALL.into_iter().map(Step::Rules).chain((1..=5).map(Step::Blobs))
}

/// A fork by the name that tests use.
fn step(name: &str) -> Option<Step> {
    let rules = match name {
        "EIP150" => Fork::Tangerine,
        "EIP158" => Fork::SpuriousDragon,
        "ConstantinopleFix" => Fork::Petersburg,
        "Merge" => Fork::Paris,
        other => match other.strip_prefix("BPO").map(str::parse) {
            Some(Ok(number @ 1..=5)) => return Some(Step::Blobs(number)),
            _ => other.parse().ok().filter(|_| other.starts_with(char::is_uppercase))?,
        },
    };
    Some(Step::Rules(rules))
}

/// What follows `At`: `5`, `Time15k` or `DiffC0000`.
fn from(text: &str) -> Option<From> {
    if let Some(difficulty) = text.strip_prefix("Diff") {
        return U256::from_str_radix(difficulty, 16).ok().map(From::TotalDifficulty);
    }
    if let Some(time) = text.strip_prefix("Time") {
        let seconds = match time.strip_suffix('k') {
            Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1_000)?,
            None => time.parse().ok()?,
        };
        return Some(From::Time(seconds));
    }
    text.parse().ok().map(From::Block)
}

fn begin(config: &mut ChainConfig, fork: Step, from: From) {
    // Forks by time begin at genesis where a test names no time.
    let at = match from {
        From::Block(at) | From::Time(at) => Some(at),
        From::TotalDifficulty(_) => None,
    };
    match fork {
        Step::Rules(fork) => begin_rules(config, fork, at, from),
        Step::Blobs(1) => config.bpo1_time = at,
        Step::Blobs(2) => config.bpo2_time = at,
        Step::Blobs(3) => config.bpo3_time = at,
        Step::Blobs(4) => config.bpo4_time = at,
        Step::Blobs(_) => config.bpo5_time = at,
    }
}

fn begin_rules(config: &mut ChainConfig, fork: Fork, at: Option<u64>, from: From) {
    match fork {
        Fork::Frontier => {}
        Fork::Homestead => config.homestead_block = at,
        Fork::Dao => {
            config.dao_fork_block = at;
            config.dao_fork_support = true;
        }
        Fork::Tangerine => config.eip150_block = at,
        Fork::SpuriousDragon => {
            config.eip155_block = at;
            config.eip158_block = at;
        }
        Fork::Byzantium => config.byzantium_block = at,
        Fork::Constantinople => config.constantinople_block = at,
        Fork::Petersburg => config.petersburg_block = at,
        Fork::Istanbul => config.istanbul_block = at,
        Fork::MuirGlacier => config.muir_glacier_block = at,
        Fork::Berlin => config.berlin_block = at,
        Fork::London => config.london_block = at,
        Fork::ArrowGlacier => config.arrow_glacier_block = at,
        Fork::GrayGlacier => config.gray_glacier_block = at,
        Fork::Paris => {
            if let From::TotalDifficulty(total) = from {
                config.terminal_total_difficulty = Some(total);
            }
        }
        Fork::Shanghai => config.shanghai_time = at,
        Fork::Cancun => config.cancun_time = at,
        Fork::Prague => config.prague_time = at,
        Fork::Osaka => config.osaka_time = at,
    }
}

/// Mainnet's limits, and those that the tests agreed on for the forks after them.
fn blob_schedule() -> BTreeMap<String, BlobParams> {
    let limits = |target, max, fraction| BlobParams {
        target_blob_count: target,
        max_blob_count: max,
        update_fraction: fraction,
        ..BlobParams::cancun()
    };
    let schedule = [
        ("cancun", limits(3, 6, 3_338_477)),
        ("prague", limits(6, 9, 5_007_716)),
        ("osaka", limits(6, 9, 5_007_716)),
        ("bpo1", limits(10, 15, 8_346_193)),
        ("bpo2", limits(14, 21, 11_684_671)),
        ("bpo3", limits(21, 32, 20_609_697)),
        ("bpo4", limits(14, 21, 13_739_630)),
    ];
    schedule.into_iter().map(|(fork, limits)| (fork.to_owned(), limits)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_from_genesis_has_all_before_it_but_the_daos() {
        let config = config("EIP158").unwrap();
        assert_eq!((config.homestead_block, config.eip150_block), (Some(0), Some(0)));
        assert_eq!((config.eip158_block, config.byzantium_block), (Some(0), None));
        assert!(config.dao_fork_block.is_none() && config.ethash.is_some());
    }

    #[test]
    fn a_transition_begins_its_second_fork_and_all_between() {
        let config = |name| super::config(name).unwrap();
        let byzantium = config("ByzantiumToConstantinopleFixAt5");
        assert_eq!(
            (byzantium.constantinople_block, byzantium.petersburg_block),
            (Some(5), Some(5))
        );
        let dao = config("HomesteadToDaoAt5");
        assert_eq!((dao.dao_fork_block, dao.dao_fork_support), (Some(5), true));
        let merge = config("ArrowGlacierToParisAtDiffC0000");
        assert_eq!(merge.terminal_total_difficulty, Some(U256::from(786_432)));
        assert!(merge.gray_glacier_block.is_none() && merge.ethash.is_some());
        let shanghai = config("ParisToShanghaiAtTime15k");
        assert_eq!((shanghai.shanghai_time, shanghai.cancun_time), (Some(15_000), None));
        assert_eq!(shanghai.terminal_total_difficulty, Some(U256::ZERO));
        let blobs = config("BPO1ToBPO2AtTime15k");
        assert_eq!((blobs.bpo1_time, blobs.bpo2_time), (Some(0), Some(15_000)));
    }

    #[test]
    fn other_names_are_unknown() {
        for name in ["", "Atlantis", "LondonTo", "LondonToParis", "BPO9", "berlin", "AToBAtTimeK"] {
            assert_eq!(
                config(name).unwrap_err().to_string(),
                format!("unknown network \"{name}\"")
            );
        }
    }
}
