//! The genesis of a development chain.

use super::{
    Fork, ForkPlan, Mode,
    contracts::{
        CREATE2_DEPLOYER_ADDRESS, CREATE2_DEPLOYER_CODE, MULTICALL3_ADDRESS, system_contracts,
    },
    main_contract::{MAIN_ADDRESS, Main, Multicall3},
    network_genesis::contract,
};
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, U256};

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
        let mut config = ForkPlan::at_genesis(self.fork).config(self.chain_id);
        config.terminal_total_difficulty = (self.fork >= Fork::Paris).then_some(U256::ZERO);
        config.terminal_total_difficulty_passed = self.fork >= Fork::Paris;
        // Said, so that the chain is known for one of these wherever it is imported.
        let section = serde_json::json!({ "mode": Mode::Dev });
        config.extra_fields.insert("mainspring".to_owned(), section);
        config
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
