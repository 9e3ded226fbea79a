//! Which forks by time does a chain have, and what names its rules at a time?

use super::ChainSpec;
use alloy_eips::eip2124::{ForkFilter, ForkFilterKey, ForkHash, Head};
use alloy_primitives::B256;
use std::collections::BTreeSet;

impl ChainSpec {
    /// Times at which rules or blob limits change, oldest first.
    pub fn fork_times(&self) -> Vec<u64> {
        let times: BTreeSet<_> = self.forks.times().chain(self.blobs.times()).collect();
        times.into_iter().collect()
    }

    /// The fork hash at `timestamp`, all forks by number passed: a checksum over the genesis hash and
    /// what the chain forked at ([EIP-2124](https://eips.ethereum.org/EIPS/eip-2124),
    /// [EIP-6122](https://eips.ethereum.org/EIPS/eip-6122)).
    pub fn fork_hash(&self, genesis: B256, timestamp: u64) -> [u8; 4] {
        let from_genesis = self.genesis.timestamp;
        let times = self.fork_times().into_iter();
        let times = times.filter(|at| *at > from_genesis && *at <= timestamp);
        let all = self.fork_numbers().into_iter().chain(times);
        all.fold(ForkHash::from(genesis), |hash, at| hash + at).0
    }

    /// The first fork after those that a fork hash names, by block or time, 0 where none is planned; `None`
    /// where the hash is none of this chain's, as far as its forks are known here.
    pub fn fork_after(&self, genesis: B256, hash: [u8; 4]) -> Option<u64> {
        let times = self.fork_times().into_iter().filter(|at| *at > self.genesis.timestamp);
        let mut forks = self.fork_numbers().into_iter().chain(times);
        let mut at = ForkHash::from(genesis);
        loop {
            let next = forks.next();
            if at.0 == hash {
                return Some(next.unwrap_or(0));
            }
            at += next?;
        }
    }

    /// What names the chain's rules at a head, and tells whether another node's name for its own goes with
    /// it ([EIP-2124](https://eips.ethereum.org/EIPS/eip-2124)).
    pub fn fork_filter(&self, genesis: B256, number: u64, timestamp: u64) -> ForkFilter {
        let head = Head { number, timestamp, ..Default::default() };
        let numbers = self.fork_numbers().into_iter().map(ForkFilterKey::Block);
        let times = self.fork_times().into_iter().map(ForkFilterKey::Time);
        ForkFilter::new(head, genesis, self.genesis.timestamp, numbers.chain(times))
    }

    /// Heights above the first block at which rules change.
    fn fork_numbers(&self) -> BTreeSet<u64> {
        let config = &self.genesis.config;
        let numbers = [
            config.homestead_block,
            config.dao_fork_block,
            config.eip150_block,
            config.eip155_block,
            config.eip158_block,
            config.byzantium_block,
            config.constantinople_block,
            config.petersburg_block,
            config.istanbul_block,
            config.muir_glacier_block,
            config.berlin_block,
            config.london_block,
            config.arrow_glacier_block,
            config.gray_glacier_block,
            config.merge_netsplit_block,
        ];
        numbers.into_iter().flatten().filter(|at| *at > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, hex};
    use serde_json::json;

    #[test]
    fn mainnet_has_the_hashes_that_the_proposals_list() {
        let genesis = json!({
            "config": {
                "chainId": 1, "homesteadBlock": 1150000, "daoForkBlock": 1920000,
                "daoForkSupport": true, "eip150Block": 2463000, "eip155Block": 2675000,
                "eip158Block": 2675000, "byzantiumBlock": 4370000,
                "constantinopleBlock": 7280000, "petersburgBlock": 7280000,
                "istanbulBlock": 9069000, "muirGlacierBlock": 9200000, "berlinBlock": 12244000,
                "londonBlock": 12965000, "arrowGlacierBlock": 13773000,
                "grayGlacierBlock": 15050000, "shanghaiTime": 1681338455,
                "cancunTime": 1710338135, "terminalTotalDifficulty": "0xc70d808a128d7380000"
            },
            "gasLimit": "0x1388", "difficulty": "0x400000000", "alloc": {}
        });
        let spec = ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap();
        let hash = b256!("0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        let at = |time| hex::encode(spec.fork_hash(hash, time));
        assert_eq!(at(1_681_338_454), "f0afd0e3");
        assert_eq!(at(1_681_338_455), "dce96c2d");
        assert_eq!(at(1_710_338_135), "9f3d2254");
        assert_eq!(spec.fork_times(), [1_681_338_455, 1_710_338_135]);
        assert_eq!(spec.fork_after(hash, spec.fork_hash(hash, 1_681_338_454)), Some(1_681_338_455));
        assert_eq!(spec.fork_after(hash, spec.fork_hash(hash, u64::MAX)), Some(0));
        assert_eq!(spec.fork_after(hash, ForkHash::from(hash).0), Some(1_150_000));
        assert_eq!(spec.fork_after(hash, [1, 2, 3, 4]), None);
        let current = spec.fork_filter(hash, 17_034_870, 1_681_338_455).current();
        assert_eq!((hex::encode(current.hash.0), current.next), ("dce96c2d".into(), 1_710_338_135));
    }
}
