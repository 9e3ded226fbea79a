//! The genesis of a development chain.

use super::{
    Fork, Mode,
    contracts::{
        CREATE2_DEPLOYER_ADDRESS, CREATE2_DEPLOYER_CODE, MULTICALL3_ADDRESS, system_contracts,
    },
    main_contract::{MAIN_ADDRESS, Main, Multicall3},
};
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, U256};

/// What shapes the genesis of a development chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevGenesis {
    /// EIP-155 id.
    pub chain_id: u64,
    /// Time of block zero in seconds.
    pub timestamp: u64,
    /// Number of the first block.
    pub number: u64,
    /// Gas limit of the first block.
    pub gas_limit: u64,
    /// Base fee of the first block in wei per gas.
    pub base_fee: u64,
    /// The fork whose rules hold from the first block on.
    pub fork: Fork,
    /// Who starts with how much wei.
    pub accounts: Vec<(Address, U256)>,
    /// Put the deterministic CREATE2 deployer in place?
    pub create2_deployer: bool,
}

impl DevGenesis {
    /// The genesis file: system contracts of the fork, Main, Multicall3, and the funded accounts.
    pub fn genesis(&self) -> Genesis {
        let is_london = self.fork >= Fork::London;
        let genesis = Genesis {
            config: self.config(),
            timestamp: self.timestamp,
            gas_limit: self.gas_limit,
            base_fee_per_gas: is_london.then(|| u128::from(self.base_fee)),
            number: (self.number > 0).then_some(self.number),
            ..Default::default()
        };
        genesis.extend_accounts(self.contracts()).extend_accounts(self.funded())
    }

    fn config(&self) -> ChainConfig {
        let by_number = |fork: Fork| (self.fork >= fork).then_some(0);
        let by_time = by_number;
        let is_osaka = self.fork >= Fork::Osaka;
        let mut config = ChainConfig {
            chain_id: self.chain_id,
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
            terminal_total_difficulty: (self.fork >= Fork::Paris).then_some(U256::ZERO),
            terminal_total_difficulty_passed: self.fork >= Fork::Paris,
            shanghai_time: by_time(Fork::Shanghai),
            cancun_time: by_time(Fork::Cancun),
            prague_time: by_time(Fork::Prague),
            osaka_time: by_time(Fork::Osaka),
            bpo1_time: is_osaka.then_some(0),
            bpo2_time: is_osaka.then_some(0),
            ..Default::default()
        };
        config.blob_schedule = self.blob_schedule();
        // Said, so that the chain is known for one of these wherever it is imported.
        let section = serde_json::json!({ "mode": Mode::Dev });
        config.extra_fields.insert("mainspring".to_owned(), section);
        config
    }

    /// Mainnet's limits, written out because other clients want an entry for each fork.
    fn blob_schedule(&self) -> std::collections::BTreeMap<String, BlobParams> {
        let entries = [
            (Fork::Cancun, "cancun", BlobParams::cancun()),
            (Fork::Prague, "prague", BlobParams::prague()),
            (Fork::Osaka, "osaka", BlobParams::osaka()),
            (Fork::Osaka, "bpo1", BlobParams::bpo1()),
            (Fork::Osaka, "bpo2", BlobParams::bpo2()),
        ];
        let active = entries.into_iter().filter(|(fork, ..)| *fork <= self.fork);
        active.map(|(_, name, params)| (name.to_owned(), in_file_form(params))).collect()
    }

    fn contracts(&self) -> Vec<(Address, GenesisAccount)> {
        let system = system_contracts().into_iter().filter(|each| each.since <= self.fork);
        let mut contracts: Vec<_> =
            system.map(|each| (each.address, contract(each.code))).collect();
        contracts.push((MAIN_ADDRESS, contract(Main::DEPLOYED_BYTECODE.clone())));
        contracts.push((MULTICALL3_ADDRESS, contract(Multicall3::DEPLOYED_BYTECODE.clone())));
        if self.create2_deployer {
            contracts.push((CREATE2_DEPLOYER_ADDRESS, contract(CREATE2_DEPLOYER_CODE)));
        }
        contracts
    }

    fn funded(&self) -> impl Iterator<Item = (Address, GenesisAccount)> + '_ {
        let fund = |balance| GenesisAccount::default().with_balance(balance);
        self.accounts.iter().map(move |(address, balance)| (*address, fund(*balance)))
    }
}

/// A contract account as creation leaves it: nonce 1 (EIP-161).
fn contract(code: Bytes) -> GenesisAccount {
    GenesisAccount::default().with_nonce(Some(1)).with_code(Some(code))
}

/// Only what the file format can say, so that a genesis read back is equal.
const fn in_file_form(params: BlobParams) -> BlobParams {
    params.with_max_blobs_per_tx(params.max_blob_count).with_blob_base_cost(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ChainSpec;
    use alloy_primitives::B256;

    fn dev(fork: Fork) -> DevGenesis {
        DevGenesis {
            chain_id: 31337,
            timestamp: 1_700_000_000,
            number: 0,
            gas_limit: 30_000_000,
            base_fee: 1_000_000_000,
            fork,
            accounts: vec![(Address::repeat_byte(1), U256::from(10).pow(U256::from(22)))],
            create2_deployer: true,
        }
    }

    #[test]
    fn every_fork_back_to_london_is_active_from_the_first_block() {
        for fork in Fork::ALL.into_iter().filter(|fork| *fork >= Fork::London) {
            let spec = ChainSpec::from_genesis(dev(fork).genesis()).unwrap();
            assert_eq!(spec.fork_of(0, 0, U256::ZERO), fork);
            let header = spec.genesis_header(B256::ZERO);
            assert_eq!(header.base_fee_per_gas, Some(1_000_000_000));
            assert_eq!(header.withdrawals_root.is_some(), fork >= Fork::Shanghai);
            assert_eq!(header.excess_blob_gas.is_some(), fork >= Fork::Cancun);
            assert_eq!(header.requests_hash.is_some(), fork >= Fork::Prague);
        }
    }

    #[test]
    fn osaka_has_mainnets_newest_blob_limits() {
        let spec = ChainSpec::from_genesis(dev(Fork::Osaka).genesis()).unwrap();
        let params = spec.blob_params_at(0);
        assert_eq!((params.target_blob_count, params.max_blob_count), (14, 21));
        assert_eq!((params.update_fraction, params.max_blobs_per_tx), (11_684_671, 6));
        assert_eq!(params.blob_base_cost, 8_192);
    }

    #[test]
    fn contracts_are_in_place_with_nonce_one() {
        let changes =
            ChainSpec::from_genesis(dev(Fork::Osaka).genesis()).unwrap().genesis_changes();
        let system = system_contracts().map(|each| each.address);
        let tools = [MAIN_ADDRESS, MULTICALL3_ADDRESS, CREATE2_DEPLOYER_ADDRESS];
        for address in system.into_iter().chain(tools) {
            let account = changes.accounts[&address].account.unwrap();
            assert_eq!(account.nonce, 1, "{address}");
            assert!(!changes.codes[&account.code_hash].is_empty(), "{address}");
        }
        assert_eq!(changes.accounts.len(), 8);
        let london = ChainSpec::from_genesis(dev(Fork::London).genesis()).unwrap();
        assert_eq!(london.genesis_changes().accounts.len(), 4);
    }

    #[test]
    fn the_genesis_survives_its_file() {
        let genesis = dev(Fork::Osaka).genesis();
        let text = serde_json::to_string(&genesis).unwrap();
        let read: Genesis = serde_json::from_str(&text).unwrap();
        let before = ChainSpec::from_genesis(genesis).unwrap();
        assert_eq!(ChainSpec::from_genesis(read).unwrap(), before);
    }
}
