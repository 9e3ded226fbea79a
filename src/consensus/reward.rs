//! What do a block's miner and the miners of its ommers earn?

use crate::spec::{ChainSpec, Fork, Mode};
use alloy_consensus::Header;
use alloy_primitives::{Address, U256};

/// One ether in wei.
const ETHER: u64 = 1_000_000_000_000_000_000;

/// Rewards of a block and its ommers in wei, in the order in which they are paid (yellow paper,
/// 11.3). Only proof of work pays: nothing on a chain of another mode, and nothing since the merge. A
/// chain that never merges pays also under the rules of later forks.
pub fn rewards(spec: &ChainSpec, header: &Header, ommers: &[Header]) -> Vec<(Address, U256)> {
    let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
    let pays = match spec.mode {
        Mode::Pow => !header.difficulty.is_zero(),
        Mode::Merged => fork < Fork::Paris,
        Mode::Dev | Mode::Poa | Mode::Bft => false,
    };
    if !pays {
        return Vec::new();
    }
    let block_reward = U256::from(block_reward(fork));
    let nephew = block_reward / U256::from(32) * U256::from(ommers.len());
    let of_ommer = |ommer: &Header| {
        let distance = header.number.saturating_sub(ommer.number).min(8);
        (ommer.beneficiary, block_reward * U256::from(8 - distance) / U256::from(8))
    };
    let mut rewards: Vec<_> = ommers.iter().map(of_ommer).collect();
    rewards.push((header.beneficiary, block_reward + nephew));
    rewards
}

/// 5 ether, 3 since Byzantium ([EIP-649](https://eips.ethereum.org/EIPS/eip-649)), 2 since
/// Constantinople ([EIP-1234](https://eips.ethereum.org/EIPS/eip-1234)).
fn block_reward(fork: Fork) -> u64 {
    match fork {
        fork if fork < Fork::Byzantium => 5 * ETHER,
        fork if fork < Fork::Constantinople => 3 * ETHER,
        _ => 2 * ETHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(config: serde_json::Value) -> ChainSpec {
        let genesis = json!({
            "config": config, "gasLimit": "0x1c9c380", "difficulty": "0x1", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    #[test]
    fn a_miner_earns_a_thirty_second_for_each_ommer_and_ommers_earn_less_the_older_they_are() {
        let spec = spec(json!({"chainId": 1, "ethash": {}, "byzantiumBlock": 5}));
        let header = |number, miner| Header {
            number,
            beneficiary: Address::with_last_byte(miner),
            difficulty: U256::from(1),
            ..Default::default()
        };
        let ommers = [header(3, 2), header(1, 3)];
        let paid = rewards(&spec, &header(4, 1), &ommers);
        let eth = |numerator: u64, denominator: u64| {
            U256::from(ETHER) * U256::from(numerator) / U256::from(denominator)
        };
        let expected = [(2, eth(35, 8)), (3, eth(25, 8)), (1, eth(5 * 34, 32))];
        let expected = expected.map(|(miner, wei)| (Address::with_last_byte(miner), wei));
        assert_eq!(paid, expected);
        assert_eq!(rewards(&spec, &header(5, 1), &[])[0].1, eth(3, 1));
    }

    #[test]
    fn work_is_paid_under_the_rules_of_the_newest_fork_too() {
        let config = json!({
            "chainId": 1, "ethash": {}, "byzantiumBlock": 0, "constantinopleBlock": 0,
            "londonBlock": 0, "shanghaiTime": 0, "cancunTime": 0
        });
        let header = Header { number: 1, difficulty: U256::from(1), ..Default::default() };
        let paid = rewards(&spec(config), &header, &[]);
        assert_eq!(paid, [(Address::ZERO, U256::from(2 * ETHER))]);
    }

    #[test]
    fn a_chain_without_proof_of_work_pays_nothing() {
        let dev = spec(json!({"chainId": 1, "terminalTotalDifficulty": 0}));
        assert!(rewards(&dev, &Header { number: 1, ..Default::default() }, &[]).is_empty());
    }
}
