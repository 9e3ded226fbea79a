//! What rules does a public network have, and which does a fork of a chain go on with?

use super::{Fork, Mode, dev::DevGenesis};
use alloy_eips::eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS;
use alloy_genesis::{ChainConfig, Genesis};
use alloy_primitives::{Address, U256, address};

/// When the forks since the merge began on a network, in seconds: Shanghai, Cancun, Prague, Osaka, and
/// the two changes of blob limits after it.
struct Times([u64; 6]);

const MAINNET: Times = Times([
    1_681_338_455,
    1_710_338_135,
    1_746_612_311,
    1_764_798_551,
    1_765_290_071,
    1_767_747_671,
]);
const SEPOLIA: Times = Times([
    1_677_557_088,
    1_706_655_072,
    1_741_159_776,
    1_760_427_360,
    1_761_017_184,
    1_761_607_008,
]);
const HOLESKY: Times = Times([
    1_696_000_704,
    1_707_305_664,
    1_740_434_112,
    1_759_308_480,
    1_759_800_000,
    1_760_389_824,
]);
const HOODI: Times = Times([0, 0, 1_742_999_832, 1_761_677_592, 1_762_365_720, 1_762_955_544]);

const SEPOLIA_DEPOSITS: Address = address!("0x7f02C3E3c98b133055B8B348B2Ac625669Ed295D");
const HOLESKY_DEPOSITS: Address = address!("0x4242424242424242424242424242424242424242");

/// The rules of a public network of Ethereum; `None` for any other chain id.
pub fn network(chain_id: u64) -> Option<ChainConfig> {
    let config = |times: &Times, deposits, blocks: ChainConfig| {
        let [shanghai, cancun, prague, osaka, bpo1, bpo2] = times.0;
        ChainConfig {
            chain_id,
            shanghai_time: Some(shanghai),
            cancun_time: Some(cancun),
            prague_time: Some(prague),
            osaka_time: Some(osaka),
            bpo1_time: Some(bpo1),
            bpo2_time: Some(bpo2),
            deposit_contract_address: Some(deposits),
            ..blocks
        }
    };
    let merged =
        || ChainConfig { terminal_total_difficulty: Some(U256::ZERO), ..from_the_first_block() };
    Some(match chain_id {
        1 => config(&MAINNET, MAINNET_DEPOSIT_CONTRACT_ADDRESS, mainnet_blocks()),
        11_155_111 => {
            let ttd = Some(U256::from(17_000_000_000_000_000u64));
            let blocks = ChainConfig { terminal_total_difficulty: ttd, ..from_the_first_block() };
            config(&SEPOLIA, SEPOLIA_DEPOSITS, blocks)
        }
        17_000 => config(&HOLESKY, HOLESKY_DEPOSITS, merged()),
        560_048 => config(&HOODI, MAINNET_DEPOSIT_CONTRACT_ADDRESS, merged()),
        _ => return None,
    })
}

fn mainnet_blocks() -> ChainConfig {
    ChainConfig {
        homestead_block: Some(1_150_000),
        dao_fork_block: Some(1_920_000),
        dao_fork_support: true,
        eip150_block: Some(2_463_000),
        eip155_block: Some(2_675_000),
        eip158_block: Some(2_675_000),
        byzantium_block: Some(4_370_000),
        constantinople_block: Some(7_280_000),
        petersburg_block: Some(7_280_000),
        istanbul_block: Some(9_069_000),
        muir_glacier_block: Some(9_200_000),
        berlin_block: Some(12_244_000),
        london_block: Some(12_965_000),
        arrow_glacier_block: Some(13_773_000),
        gray_glacier_block: Some(15_050_000),
        terminal_total_difficulty: Some(U256::from(58_750_000_000_000_000_000_000u128)),
        ..Default::default()
    }
}

/// London, and all before it, in the first block.
fn from_the_first_block() -> ChainConfig {
    let always = Some(0);
    ChainConfig {
        homestead_block: always,
        eip150_block: always,
        eip155_block: always,
        eip158_block: always,
        byzantium_block: always,
        constantinople_block: always,
        petersburg_block: always,
        istanbul_block: always,
        muir_glacier_block: always,
        berlin_block: always,
        london_block: always,
        ..Default::default()
    }
}

/// What shapes a development chain that begins with a block of another chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkedGenesis {
    /// EIP-155 id of the other chain.
    pub chain_id: u64,
    /// Height of the block it begins with.
    pub number: u64,
    /// That block's time in seconds.
    pub timestamp: u64,
    /// The fork whose rules hold after that block; without it those of the network go on, or the newest
    /// hold where the network is not known.
    pub fork: Option<Fork>,
}

impl ForkedGenesis {
    /// The rules in the form of a genesis file. Its block is never used; it says what the chain is a fork
    /// of.
    pub fn genesis(&self) -> Genesis {
        let mut config = match network(self.chain_id) {
            Some(network) => match self.fork {
                Some(fork) => self.until(fork, network),
                None => network,
            },
            None => self.everywhere(self.fork.unwrap_or(Fork::LATEST)),
        };
        let section = serde_json::json!({ "mode": Mode::Dev });
        config.extra_fields.insert("mainspring".to_owned(), section);
        Genesis {
            config,
            timestamp: self.timestamp,
            gas_limit: 30_000_000,
            number: (self.number > 0).then_some(self.number),
            ..Default::default()
        }
    }

    /// One fork for all blocks.
    fn everywhere(&self, fork: Fork) -> ChainConfig {
        let dev = DevGenesis {
            chain_id: self.chain_id,
            timestamp: self.timestamp,
            number: self.number,
            gas_limit: 30_000_000,
            base_fee: 0,
            fork,
            accounts: Vec::new(),
            create2_deployer: false,
        };
        dev.genesis().config
    }

    /// The network's forks up to `fork`, which begins after the block if it has not yet, and none after
    /// it.
    fn until(&self, fork: Fork, network: ChainConfig) -> ChainConfig {
        let next_block = self.number.saturating_add(1);
        let later = self.timestamp.saturating_add(1);
        let by = |at: Option<u64>, of: Fork, latest: u64| match (fork >= of, at) {
            (true, at) => Some(at.unwrap_or(latest).min(latest)),
            (false, _) => None,
        };
        let number = |at, of| by(at, of, next_block);
        let time = |at, of| by(at, of, later);
        let had_merged = network.terminal_total_difficulty;
        ChainConfig {
            homestead_block: number(network.homestead_block, Fork::Homestead),
            eip150_block: number(network.eip150_block, Fork::Tangerine),
            eip155_block: number(network.eip155_block, Fork::SpuriousDragon),
            eip158_block: number(network.eip158_block, Fork::SpuriousDragon),
            byzantium_block: number(network.byzantium_block, Fork::Byzantium),
            constantinople_block: number(network.constantinople_block, Fork::Constantinople),
            petersburg_block: number(network.petersburg_block, Fork::Petersburg),
            istanbul_block: number(network.istanbul_block, Fork::Istanbul),
            muir_glacier_block: number(network.muir_glacier_block, Fork::MuirGlacier),
            berlin_block: number(network.berlin_block, Fork::Berlin),
            london_block: number(network.london_block, Fork::London),
            arrow_glacier_block: number(network.arrow_glacier_block, Fork::ArrowGlacier),
            gray_glacier_block: number(network.gray_glacier_block, Fork::GrayGlacier),
            terminal_total_difficulty: had_merged.filter(|_| fork >= Fork::Paris),
            shanghai_time: time(network.shanghai_time, Fork::Shanghai),
            cancun_time: time(network.cancun_time, Fork::Cancun),
            prague_time: time(network.prague_time, Fork::Prague),
            osaka_time: time(network.osaka_time, Fork::Osaka),
            bpo1_time: time(network.bpo1_time, Fork::Osaka),
            bpo2_time: time(network.bpo2_time, Fork::Osaka),
            ..network
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ChainSpec;

    fn spec(chain_id: u64, number: u64, timestamp: u64, fork: Option<Fork>) -> ChainSpec {
        let forked = ForkedGenesis { chain_id, number, timestamp, fork };
        ChainSpec::from_genesis(forked.genesis()).unwrap()
    }

    #[test]
    fn a_fork_of_mainnet_goes_on_with_the_rules_of_its_time() {
        let at = |number, timestamp, difficulty: u64| {
            spec(1, number, timestamp, None).fork_of(
                number + 1,
                timestamp + 12,
                U256::from(difficulty),
            )
        };
        assert_eq!(at(4_000_000, 1_499_000_000, 1), Fork::SpuriousDragon);
        assert_eq!(at(12_965_000, 1_628_166_822, 1), Fork::London);
        assert_eq!(at(15_537_400, 1_663_225_000, 0), Fork::Paris);
        assert_eq!(at(17_034_870, 1_681_338_443, 0), Fork::Shanghai, "the block before it began");
        assert_eq!(at(24_000_000, 1_770_000_000, 0), Fork::Osaka);
        let newest = spec(1, 24_000_000, 1_770_000_000, None).blob_params_at(1_770_000_000);
        assert_eq!(newest.max_blob_count, 21);
    }

    #[test]
    fn an_unknown_chain_has_the_newest_rules_and_a_hard_fork_that_is_named_its_own() {
        for number in [0, 7] {
            assert_eq!(spec(4242, number, 9, None).fork_of(8, 10, U256::ZERO), Fork::LATEST);
            let london = spec(4242, number, 9, Some(Fork::London));
            assert_eq!(london.fork_of(8, 10, U256::ZERO), Fork::London);
        }
        let (number, time) = (14_000_000, 1_642_000_000);
        let newer = spec(1, number, time, Some(Fork::Cancun));
        assert_eq!(newer.fork_of(number + 1, time + 1, U256::ZERO), Fork::Cancun);
        assert_eq!(newer.fork_of(number, time, U256::from(1)), Fork::ArrowGlacier);
        let older = spec(1, 24_000_000, 1_770_000_000, Some(Fork::Shanghai));
        assert_eq!(older.fork_of(24_000_001, 1_770_000_012, U256::ZERO), Fork::Shanghai);
    }
}
