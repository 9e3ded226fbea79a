//! The genesis of a network: who may seal, who owns what, and which contracts are there.

use super::{
    FeeMarket, Fork, ForkPlan, Mode, SpecError,
    contracts::{
        CREATE2_DEPLOYER_ADDRESS, CREATE2_DEPLOYER_CODE, MULTICALL3_ADDRESS, system_contracts,
    },
    main_contract::{MAIN_ADDRESS, Main, Multicall3},
};
use alloy_genesis::{ChainConfig, CliqueConfig, EthashConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, U256};
use serde_json::json;
use std::collections::BTreeMap;

/// Free bytes before the signers in the extra data of a genesis of proof of authority
/// ([EIP-225](https://eips.ethereum.org/EIPS/eip-225)).
const VANITY_BYTES: usize = 32;
/// Most bytes of extra data where it is not structured.
pub const MAX_EXTRA_BYTES: usize = 32;
/// Bytes of a seal, empty in a genesis.
const SEAL_BYTES: usize = 65;

/// How the blocks of a network come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkConsensus {
    /// Signers in turn.
    Authority {
        /// Who may sign, in any order.
        signers: Vec<Address>,
        /// Least seconds between a block and its parent; with 0 a block comes with transactions.
        period: u64,
        /// Blocks between two checkpoints.
        epoch: u64,
    },
    /// Ethash.
    Work {
        /// Of the genesis block.
        difficulty: U256,
        /// No block has less.
        minimum_difficulty: U256,
        /// Does the difficulty rise by itself with the height?
        bomb: bool,
    },
}

/// What shapes the genesis of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkGenesis {
    /// EIP-155 id.
    pub chain_id: u64,
    /// How blocks come about.
    pub consensus: NetworkConsensus,
    /// When the forks begin.
    pub forks: ForkPlan,
    /// How the base fee comes about.
    pub fee_market: FeeMarket,
    /// Time of block zero in seconds.
    pub timestamp: u64,
    /// Gas limit of the first block.
    pub gas_limit: u64,
    /// What stands in the extra data of block zero: at most 32 bytes.
    pub extra: Bytes,
    /// Who starts with what.
    pub accounts: BTreeMap<Address, GenesisAccount>,
    /// Put Main, Multicall3 and the deterministic CREATE2 deployer in place?
    pub tools: bool,
}

impl NetworkGenesis {
    /// The genesis file. Where an account is given at the address of a contract, it stays as it is.
    ///
    /// # Errors
    /// When the signers, the difficulty or the extra data make no chain.
    pub fn genesis(&self) -> Result<Genesis, SpecError> {
        let mut genesis = self.without_accounts()?;
        genesis.alloc = self.contracts().into_iter().collect();
        Ok(genesis.extend_accounts(self.accounts.clone()))
    }

    /// The genesis file but for its accounts and contracts.
    ///
    /// # Errors
    /// As [`Self::genesis`].
    pub fn without_accounts(&self) -> Result<Genesis, SpecError> {
        if self.forks.first() == Fork::Paris {
            return Err(SpecError::SealedParis);
        }
        if self.extra.len() > MAX_EXTRA_BYTES {
            return Err(SpecError::ExtraTooLong { bytes: self.extra.len(), max: MAX_EXTRA_BYTES });
        }
        let mut genesis = Genesis {
            config: self.forks.config(self.chain_id),
            timestamp: self.timestamp,
            gas_limit: self.gas_limit,
            extra_data: self.extra.clone(),
            ..Default::default()
        };
        if self.forks.first() >= Fork::London {
            genesis.base_fee_per_gas = Some(self.fee_market.first_base_fee().into());
        }
        match &self.consensus {
            NetworkConsensus::Authority { signers, period, epoch } => {
                genesis.difficulty = U256::ONE;
                genesis.extra_data = extra_data(&self.extra, signers)?;
                let clique = CliqueConfig { period: Some(*period), epoch: Some(*epoch) };
                genesis.config.clique = Some(clique);
                self.describe(&mut genesis.config, json!({ "mode": Mode::Poa }));
            }
            NetworkConsensus::Work { difficulty, minimum_difficulty, bomb } => {
                if difficulty < minimum_difficulty {
                    let (difficulty, minimum) = (*difficulty, *minimum_difficulty);
                    return Err(SpecError::GenesisDifficulty { difficulty, minimum });
                }
                genesis.difficulty = *difficulty;
                genesis.config.ethash = Some(EthashConfig {});
                let rules = json!({
                    "mode": Mode::Pow, "minimumDifficulty": minimum_difficulty, "bomb": bomb
                });
                self.describe(&mut genesis.config, rules);
            }
        }
        Ok(genesis)
    }

    /// What other clients do not know is said in a section of its own.
    fn describe(&self, config: &mut ChainConfig, mut section: serde_json::Value) {
        section["feeMarket"] = json!(self.fee_market);
        config.extra_fields.insert("mainspring".to_owned(), section);
    }

    /// The contracts that every such network starts with. Those of forks that are yet to come are there
    /// too: their forks can begin whenever the network wants.
    pub fn contracts(&self) -> Vec<(Address, GenesisAccount)> {
        let system = system_contracts().into_iter().map(|each| (each.address, each.code));
        let tools = [
            (MAIN_ADDRESS, Main::DEPLOYED_BYTECODE.clone()),
            (MULTICALL3_ADDRESS, Multicall3::DEPLOYED_BYTECODE.clone()),
            (CREATE2_DEPLOYER_ADDRESS, CREATE2_DEPLOYER_CODE),
        ];
        let tools = tools.into_iter().filter(|_| self.tools);
        system.chain(tools).map(|(address, code)| (address, contract(code))).collect()
    }
}

/// A contract account as creation leaves it: nonce 1 (EIP-161).
pub(super) fn contract(code: Bytes) -> GenesisAccount {
    GenesisAccount::default().with_nonce(Some(1)).with_code(Some(code))
}

/// Free bytes, the signers in the order of their addresses, and room for a seal.
fn extra_data(vanity: &[u8], signers: &[Address]) -> Result<Bytes, SpecError> {
    let mut sorted = signers.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(SpecError::RepeatedSigner(pair[0]));
    }
    match sorted.first() {
        None => return Err(SpecError::NoSigners),
        Some(first) if first.is_zero() => return Err(SpecError::ZeroSigner),
        Some(_) => {}
    }
    let mut extra = vanity.to_vec();
    extra.resize(VANITY_BYTES, 0);
    sorted.iter().for_each(|signer| extra.extend_from_slice(signer.as_slice()));
    extra.resize(extra.len() + SEAL_BYTES, 0);
    Ok(extra.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ChainSpec;
    use alloy_primitives::B256;

    fn network(consensus: NetworkConsensus) -> NetworkGenesis {
        let rich = GenesisAccount::default().with_balance(U256::from(5));
        NetworkGenesis {
            chain_id: 7,
            consensus,
            forks: ForkPlan::at_genesis(Fork::LATEST),
            fee_market: FeeMarket::Eip1559,
            timestamp: 0,
            gas_limit: 30_000_000,
            extra: Bytes::new(),
            accounts: [(Address::repeat_byte(9), rich)].into(),
            tools: true,
        }
    }

    fn authority(signers: &[u8]) -> NetworkGenesis {
        let signers = signers.iter().copied().map(Address::repeat_byte).collect();
        network(NetworkConsensus::Authority { signers, period: 2, epoch: 30_000 })
    }

    fn work(difficulty: u64, minimum: u64) -> NetworkGenesis {
        network(NetworkConsensus::Work {
            difficulty: U256::from(difficulty),
            minimum_difficulty: U256::from(minimum),
            bomb: false,
        })
    }

    /// As whoever runs `mainspring init` reads it.
    fn read_back(network: &NetworkGenesis) -> ChainSpec {
        let written = serde_json::to_string_pretty(&network.genesis().unwrap()).unwrap();
        ChainSpec::of_others(serde_json::from_str(&written).unwrap()).unwrap()
    }

    #[test]
    fn a_network_of_signers_lists_them_in_order() {
        let spec = read_back(&authority(&[3, 1, 2]));
        assert_eq!((spec.chain_id(), spec.mode), (7, Mode::Poa));
        let extra = &spec.genesis.extra_data;
        assert_eq!(extra.len(), 32 + 3 * 20 + 65);
        assert_eq!((extra[32], extra[52], extra[72]), (1, 2, 3));
        assert_eq!(spec.genesis.config.clique.unwrap().period, Some(2));
        assert_eq!(spec.fork_of(0, 0, U256::ONE), Fork::LATEST);
        let header = spec.genesis_header(B256::ZERO);
        assert_eq!((header.difficulty, header.base_fee_per_gas), (U256::ONE, Some(1_000_000_000)));
    }

    #[test]
    fn a_network_of_miners_has_its_difficulty_and_least_difficulty() {
        let spec = read_back(&work(2_000, 500));
        assert_eq!((spec.mode, spec.genesis.difficulty), (Mode::Pow, U256::from(2_000)));
        assert_eq!(spec.fork_of(0, 0, U256::from(2_000)), Fork::LATEST);
        let section = &spec.genesis.config.extra_fields["mainspring"];
        assert_eq!(section["minimumDifficulty"], "0x1f4");
        assert_eq!(section["bomb"], false);
    }

    #[test]
    fn contracts_of_forks_to_come_are_there_already() {
        let forks = ForkPlan::at_genesis(Fork::London);
        let london = NetworkGenesis { forks, tools: false, ..authority(&[1]) };
        let spec = read_back(&london);
        assert_eq!(spec.fork_of(9, 9, U256::ONE), Fork::London);
        for system in system_contracts() {
            assert!(spec.genesis.alloc.contains_key(&system.address), "{}", system.name);
        }
        assert!(!spec.genesis.alloc.contains_key(&MAIN_ADDRESS));
        let tools = read_back(&authority(&[1])).genesis.alloc;
        assert!(tools.contains_key(&MAIN_ADDRESS) && tools.contains_key(&MULTICALL3_ADDRESS));
    }

    #[test]
    fn every_fee_market_is_read_back_and_sets_the_first_base_fee() {
        for (fee_market, base_fee) in
            [(FeeMarket::Eip1559, 1_000_000_000), (FeeMarket::Zero, 0), (FeeMarket::Fixed(7), 7)]
        {
            let spec = read_back(&NetworkGenesis { fee_market, ..authority(&[1]) });
            assert_eq!(spec.fee_market, fee_market);
            assert_eq!(spec.genesis_header(B256::ZERO).base_fee_per_gas, Some(base_fee));
        }
    }

    #[test]
    fn what_makes_no_network_is_refused() {
        let refused = |network: NetworkGenesis| network.genesis().unwrap_err().to_string();
        assert!(refused(authority(&[])).contains("no signer"));
        assert!(refused(authority(&[1, 0])).contains("zero address"));
        let twice = refused(authority(&[1, 2, 1]));
        assert!(twice.contains("0x0101010101010101010101010101010101010101"), "{twice}");
        let easy = refused(work(499, 500));
        assert!(easy.contains("499") && easy.contains("500"), "{easy}");
        let long = NetworkGenesis { extra: vec![1; 33].into(), ..work(1, 1) };
        assert!(refused(long).contains("33"));
        let paris = NetworkGenesis { forks: ForkPlan::at_genesis(Fork::Paris), ..work(1, 1) };
        assert!(refused(paris).contains("grayglacier"));
    }
}
