//! How hard must the next block of a proof-of-work chain be?

use super::{ChainSpec, Fork, Mode};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::U256;

/// Least difficulty of a block of Ethereum (yellow paper, 4.4.4).
pub const MINIMUM_DIFFICULTY: u64 = 131_072;

/// One step of the difficulty is this part of the parent's.
const STEP_DIVISOR: u64 = 2_048;

/// Most steps that the difficulty falls at once, since Homestead.
const MOST_STEPS_DOWN: u64 = 99;

/// The bomb doubles after this many blocks.
const BOMB_PERIOD: u64 = 100_000;

/// By how many blocks a fork puts the bomb off, newest first: [EIP-5133], [EIP-4345], [EIP-3554],
/// [EIP-2384], [EIP-1234], [EIP-649].
///
/// [EIP-5133]: https://eips.ethereum.org/EIPS/eip-5133
/// [EIP-4345]: https://eips.ethereum.org/EIPS/eip-4345
/// [EIP-3554]: https://eips.ethereum.org/EIPS/eip-3554
/// [EIP-2384]: https://eips.ethereum.org/EIPS/eip-2384
/// [EIP-1234]: https://eips.ethereum.org/EIPS/eip-1234
/// [EIP-649]: https://eips.ethereum.org/EIPS/eip-649
const BOMB_DELAYS: [(Fork, u64); 6] = [
    (Fork::GrayGlacier, 11_400_000),
    (Fork::ArrowGlacier, 10_700_000),
    (Fork::London, 9_700_000),
    (Fork::MuirGlacier, 9_000_000),
    (Fork::Constantinople, 5_000_000),
    (Fork::Byzantium, 3_000_000),
];

/// What a proof-of-work chain may set differently from Ethereum, in `config.mainspring`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DifficultyRules {
    /// Least difficulty of a block.
    pub(super) minimum: U256,
    /// Does the bomb tick?
    pub(super) bomb: bool,
}

/// Difficulty of the block after `parent` at `timestamp` in seconds, as long as work is proven: 0 on
/// a chain that never had proof of work, or whose parent has none any more. Whether the parent is
/// the last one with proof of work is decided by its total difficulty, in
/// [`check_header`](super::check_header).
pub fn next_difficulty(spec: &ChainSpec, parent: &Header, timestamp: u64) -> U256 {
    let works = matches!(spec.mode, Mode::Pow | Mode::Merged);
    let is_merged = spec.terminal_total_difficulty().is_some() && parent.difficulty.is_zero();
    if !works || is_merged {
        return U256::ZERO;
    }
    let number = parent.number.saturating_add(1);
    // Any difficulty above zero says that the block is not merged yet.
    let fork = spec.fork_of(number, timestamp, U256::ONE);
    let rules = spec.difficulty_rules();
    let adjusted = adjusted(fork, parent, timestamp);
    let bomb = if rules.bomb { bomb(number, bomb_delay(spec, fork, number)) } else { U256::ZERO };
    if fork >= Fork::Homestead {
        adjusted.max(rules.minimum).saturating_add(bomb)
    } else {
        let adjusted = adjusted.max(rules.minimum);
        adjusted.saturating_add(bomb).max(rules.minimum)
    }
}

/// The parent's difficulty, moved by how long the block took.
fn adjusted(fork: Fork, parent: &Header, timestamp: u64) -> U256 {
    let seconds = timestamp.saturating_sub(parent.timestamp);
    // Below 2,048, where only chains with a minimum of their own get, a step of zero would never end.
    let step = (parent.difficulty / U256::from(STEP_DIVISOR)).max(U256::ONE);
    let (up, down) = match fork {
        Fork::Frontier => (u64::from(seconds < 13), u64::from(seconds >= 13)),
        // EIP-2: one step up for a quick block, one less for every ten seconds.
        fork if fork < Fork::Byzantium => (1, seconds / 10),
        // EIP-100: nine seconds, and one step more where the parent has ommers.
        _ => (1 + u64::from(parent.ommers_hash != EMPTY_OMMER_ROOT_HASH), seconds / 9),
    };
    if up >= down {
        parent.difficulty.saturating_add(step.saturating_mul(U256::from(up - down)))
    } else {
        let down = (down - up).min(MOST_STEPS_DOWN);
        parent.difficulty.saturating_sub(step.saturating_mul(U256::from(down)))
    }
}

/// Blocks by which the bomb is late. The two glaciers before London and Gray Glacier may be left out
/// of a config, so each delay counts only where its own fork has begun.
fn bomb_delay(spec: &ChainSpec, fork: Fork, number: u64) -> u64 {
    let is_optional =
        |fork| matches!(fork, Fork::MuirGlacier | Fork::ArrowGlacier | Fork::GrayGlacier);
    let begun = |each: Fork| {
        if is_optional(each) { spec.has_begun(each, number) } else { fork >= each }
    };
    let delay = BOMB_DELAYS.into_iter().find(|(each, _)| begun(*each));
    delay.map_or(0, |(_, blocks)| blocks)
}

/// What the bomb adds to the difficulty of block `number`.
fn bomb(number: u64, delay: u64) -> U256 {
    let periods = number.saturating_sub(delay) / BOMB_PERIOD;
    match periods.checked_sub(2) {
        None => U256::ZERO,
        Some(exponent) if exponent < 256 => U256::ONE << exponent,
        Some(_) => U256::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(config: serde_json::Value) -> ChainSpec {
        let genesis = json!({
            "config": config, "gasLimit": "0x1388", "difficulty": "0x20000", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    fn parent(number: u64, difficulty: u64) -> Header {
        Header {
            number,
            difficulty: U256::from(difficulty),
            timestamp: 1_000,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Default::default()
        }
    }

    #[test]
    fn mainnets_first_blocks_have_their_difficulty() {
        let spec = spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 1_150_000}));
        let mut parent = parent(0, 17_179_869_184);
        parent.timestamp = 0;
        let first = next_difficulty(&spec, &parent, 1_438_269_988);
        assert_eq!(first, U256::from(17_171_480_576_u64));
        parent = Header { number: 1, difficulty: first, timestamp: 1_438_269_988, ..parent };
        let second = next_difficulty(&spec, &parent, 1_438_270_017);
        assert_eq!(second, U256::from(17_163_096_064_u64));
    }

    #[test]
    fn a_slow_block_falls_by_at_most_ninety_nine_steps() {
        let spec = spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0}));
        let parent = parent(1, 2_048_000);
        assert_eq!(next_difficulty(&spec, &parent, 1_009), U256::from(2_049_000));
        assert_eq!(next_difficulty(&spec, &parent, 1_010), U256::from(2_048_000));
        assert_eq!(next_difficulty(&spec, &parent, 1_999), U256::from(2_048_000 - 98_000));
        assert_eq!(next_difficulty(&spec, &parent, u64::MAX), U256::from(2_048_000 - 99_000));
    }

    #[test]
    fn ommers_of_the_parent_count_since_byzantium() {
        let spec = spec(json!({"chainId": 1, "ethash": {}, "byzantiumBlock": 0}));
        let mut parent = parent(1, 2_048_000);
        assert_eq!(next_difficulty(&spec, &parent, 1_008), U256::from(2_049_000));
        parent.ommers_hash = Default::default();
        assert_eq!(next_difficulty(&spec, &parent, 1_008), U256::from(2_050_000));
        assert_eq!(next_difficulty(&spec, &parent, 1_009), U256::from(2_049_000));
    }

    #[test]
    fn each_delay_of_the_bomb_begins_with_its_own_fork() {
        let at = |config, fork_number: u64| {
            let parent = parent(fork_number - 1, 2_048_000_000);
            next_difficulty(&spec(config), &parent, 1_010) - parent.difficulty
        };
        let berlin = json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0, "byzantiumBlock": 0,
            "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0});
        assert_eq!(at(berlin.clone(), 5_600_000), U256::from(16));
        let mut muir = berlin;
        muir["muirGlacierBlock"] = json!(0);
        assert_eq!(at(muir.clone(), 9_600_000), U256::from(16));
        muir["londonBlock"] = json!(0);
        assert_eq!(at(muir.clone(), 10_300_000), U256::from(16));
        muir["grayGlacierBlock"] = json!(0);
        assert_eq!(at(muir.clone(), 12_000_000), U256::from(16));
        muir["mainspring"] = json!({"bomb": false});
        assert_eq!(at(muir, 99_000_000), U256::ZERO);
    }

    #[test]
    fn the_difficulty_stays_above_the_minimum_of_the_genesis() {
        let plain = spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0}));
        let low = parent(1, 131_072);
        assert_eq!(next_difficulty(&plain, &low, 9_999), U256::from(MINIMUM_DIFFICULTY));
        let ours = spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0,
            "mainspring": {"minimumDifficulty": 500}}));
        assert_eq!(next_difficulty(&ours, &low, 9_999), U256::from(131_072 - 99 * 64));
        assert_eq!(next_difficulty(&ours, &parent(1, 500), 9_999), U256::from(500));
        assert_eq!(next_difficulty(&ours, &parent(1, 600), 1_005), U256::from(601));
        assert_eq!(next_difficulty(&ours, &parent(1, 600), 1_040), U256::from(597));
    }

    #[test]
    fn a_merged_chain_and_a_chain_without_work_have_no_difficulty() {
        let merged = spec(json!({"chainId": 1, "ethash": {}, "terminalTotalDifficulty": 5}));
        assert_eq!(next_difficulty(&merged, &parent(1, 0), 1_010), U256::ZERO);
        assert!(next_difficulty(&merged, &parent(1, 131_072), 1_010) > U256::ZERO);
        let dev = spec(json!({"chainId": 1, "terminalTotalDifficulty": 0}));
        assert_eq!(next_difficulty(&dev, &parent(1, 131_072), 1_010), U256::ZERO);
    }
}
