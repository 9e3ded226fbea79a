//! The rules of one chain: what its genesis file says, ready to ask.

use super::{
    ChainIds, FeeMarket, Fork, MINIMUM_DIFFICULTY, SpecError,
    difficulty::DifficultyRules,
    fees::{BlobSchedule, next_excess_blob_gas},
    forks::Schedule,
};
use alloy_consensus::Header;
use alloy_eips::{eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7840::BlobParams};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

/// Most that a genesis may say of its number and its timestamp: far from where adding overflows.
const MAX_GENESIS: u64 = i64::MAX as u64;

/// Who makes the blocks of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A development chain: this node, without a seal.
    #[default]
    Dev,
    /// Signers in turn ([EIP-225](https://eips.ethereum.org/EIPS/eip-225)).
    Poa,
    /// Ethash proof of work.
    Pow,
    /// A chain that was proof of work and merged at a total difficulty above zero: nobody here
    /// makes its blocks, they are imported.
    Merged,
    /// Validators that vote.
    Bft,
}

impl Mode {
    /// What seals its blocks, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Dev => "a developer",
            Self::Poa => "proof of authority",
            Self::Pow => "proof of work",
            Self::Merged => "proof of work and later by nobody here",
            Self::Bft => "validators that vote",
        }
    }
}

/// What of `config.mainspring` the rules need; other keys belong to the consensus modes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MainspringConfig {
    mode: Option<Mode>,
    fee_market: FeeMarket,
    minimum_difficulty: Option<U256>,
    bomb: Option<bool>,
}

impl MainspringConfig {
    /// Ethereum's rules, where the genesis says nothing else.
    fn difficulty_rules(&self) -> DifficultyRules {
        DifficultyRules {
            minimum: self.minimum_difficulty.unwrap_or(U256::from(MINIMUM_DIFFICULTY)),
            bomb: self.bomb.unwrap_or(true),
        }
    }
}

/// The rules of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    /// [EIP-155](https://eips.ethereum.org/EIPS/eip-155) ids, by block.
    pub chain_ids: ChainIds,
    /// The genesis file as it was given.
    pub genesis: Genesis,
    /// Who makes blocks.
    pub mode: Mode,
    /// How the base fee comes about.
    pub fee_market: FeeMarket,
    /// Whose logs are deposit requests ([EIP-6110](https://eips.ethereum.org/EIPS/eip-6110)).
    pub deposit_contract: Address,
    pub(super) forks: Schedule,
    pub(super) blobs: BlobSchedule,
    difficulty: DifficultyRules,
}

impl ChainSpec {
    /// Reads and checks a genesis in geth's format. Without `config.mainspring.mode` a config with
    /// `clique` is PoA, one with `ethash` and no terminal total difficulty is PoW, one with a
    /// terminal total difficulty above zero is merged.
    pub fn from_genesis(genesis: Genesis) -> Result<Self, SpecError> {
        let forks = Schedule::from_config(&genesis.config)?;
        let blobs = BlobSchedule::from_config(&genesis.config, &forks)?;
        let mainspring = mainspring_config(&genesis)?;
        let deposit_contract = genesis.config.deposit_contract_address;
        let spec = Self {
            chain_ids: ChainIds::new(genesis.config.chain_id),
            mode: mainspring.mode.unwrap_or_else(|| mode_of(&genesis)),
            fee_market: mainspring.fee_market,
            deposit_contract: deposit_contract.unwrap_or(MAINNET_DEPOSIT_CONTRACT_ADDRESS),
            difficulty: mainspring.difficulty_rules(),
            forks,
            blobs,
            genesis,
        };
        spec.check_genesis()?;
        Ok(spec)
    }

    /// Names in the genesis file's `config` that mean nothing here, as a misspelt fork time does.
    pub fn unread_names(&self) -> Vec<&str> {
        let names = self.genesis.config.extra_fields.keys().map(String::as_str);
        names.filter(|name| *name != "mainspring" && !OF_OTHERS.contains(name)).collect()
    }

    /// The [EIP-155](https://eips.ethereum.org/EIPS/eip-155) id of new transactions.
    pub fn chain_id(&self) -> u64 {
        self.chain_ids.newest()
    }

    /// The newest fork active in a block of this height, timestamp in seconds, and difficulty: a
    /// chain that merges at a total difficulty above zero is merged where blocks have none.
    pub fn fork_of(&self, number: u64, timestamp: u64, difficulty: U256) -> Fork {
        self.forks.of(number, timestamp, difficulty)
    }

    /// The total difficulty at which proof of work ends; `None` if it never does.
    pub const fn terminal_total_difficulty(&self) -> Option<U256> {
        self.genesis.config.terminal_total_difficulty
    }

    /// Has a fork by number begun at this block, itself and not only a later one?
    pub(super) fn has_begun(&self, fork: Fork, number: u64) -> bool {
        self.forks.has_begun(fork, number)
    }

    /// What of the difficulty the genesis sets.
    pub(super) const fn difficulty_rules(&self) -> DifficultyRules {
        self.difficulty
    }

    /// The block where the DAO's wei move ([EIP-779](https://eips.ethereum.org/EIPS/eip-779)); `None`
    /// on a chain without the fork, or against it.
    pub fn dao_fork_block(&self) -> Option<u64> {
        let config = &self.genesis.config;
        config.dao_fork_block.filter(|_| config.dao_fork_support)
    }

    /// Blob limits at `timestamp` in seconds.
    pub fn blob_params_at(&self, timestamp: u64) -> BlobParams {
        self.blobs.at(timestamp)
    }

    /// Base fee of the block after `parent` in wei per gas; `None` before London.
    pub fn next_base_fee(&self, parent: &Header) -> Option<u64> {
        let number = parent.number.saturating_add(1);
        let is_london = self.fork_of(number, parent.timestamp, parent.difficulty) >= Fork::London;
        is_london.then(|| self.fee_market.next_base_fee(parent))
    }

    /// Excess blob gas of the block after `parent` at `timestamp`; `None` before Cancun.
    pub fn next_excess_blob_gas(&self, parent: &Header, timestamp: u64) -> Option<u64> {
        let number = parent.number.saturating_add(1);
        let is_cancun = self.fork_of(number, timestamp, parent.difficulty) >= Fork::Cancun;
        is_cancun.then(|| next_excess_blob_gas(&self.blob_params_at(timestamp), parent))
    }

    /// Blob base fee inside this block in wei per blob gas; `None` before Cancun.
    pub fn blob_base_fee(&self, header: &Header) -> Option<u128> {
        let excess = header.excess_blob_gas?;
        Some(self.blob_params_at(header.timestamp).calc_blob_fee(excess))
    }

    /// What the opcode 0x44 answers in a block with this header since Paris: the mix hash after the
    /// merge, zero under PoA, the difficulty where blocks still have one.
    pub fn prev_randao(&self, header: &Header) -> B256 {
        match self.mode {
            Mode::Poa => B256::ZERO,
            _ if header.difficulty.is_zero() => header.mix_hash,
            _ => B256::from(header.difficulty),
        }
    }

    /// The rules of a chain that other clients make. Where its genesis names no mode and has a terminal
    /// total difficulty, also one of zero, every rule for merged chains counts: nobody is a developer
    /// there. How blocks come about must be said, and only once.
    pub fn of_others(mut genesis: Genesis) -> Result<Self, SpecError> {
        let mode = mainspring_config(&genesis)?.mode;
        check_consensus(&genesis, mode)?;
        if mode.is_none()
            && genesis.config.clique.is_none()
            && genesis.config.terminal_total_difficulty.is_some()
        {
            let section = genesis.config.extra_fields.entry("mainspring".to_owned());
            let section = section.or_insert_with(|| serde_json::json!({}));
            if let Some(section) = section.as_object_mut() {
                section.insert("mode".to_owned(), serde_json::json!(Mode::Merged));
            }
        }
        Self::from_genesis(genesis)
    }

    fn check_genesis(&self) -> Result<(), SpecError> {
        if self.difficulty.minimum.is_zero() {
            return Err(SpecError::MinimumDifficulty);
        }
        if let Some(fee) = self.genesis.base_fee_per_gas {
            u64::try_from(fee).map_err(|_too_large| SpecError::BaseFee(fee))?;
        }
        let (number, timestamp) = (self.genesis.number.unwrap_or(0), self.genesis.timestamp);
        for (field, value) in [("number", number), ("timestamp", timestamp)] {
            if value > MAX_GENESIS {
                return Err(SpecError::NoRoom { field, value, max: MAX_GENESIS });
            }
        }
        let mut supply = U256::ZERO;
        for (address, account) in &self.genesis.alloc {
            supply = supply.checked_add(account.balance).ok_or(SpecError::Supply(*address))?;
        }
        Ok(())
    }
}

/// Names that geth writes or wrote into `config`, and that change nothing here.
const OF_OTHERS: [&str; 5] = [
    "eip150Hash",
    "enableVerkleAtGenesis",
    "isDev",
    "terminalTotalDifficultyPassed",
    "trieNodeType",
];

fn mainspring_config(genesis: &Genesis) -> Result<MainspringConfig, SpecError> {
    let section = genesis.config.extra_fields.get_deserialized("mainspring");
    section.transpose().map_err(SpecError::Mainspring).map(Option::unwrap_or_default)
}

/// Is it said how blocks come about, in one way?
fn check_consensus(genesis: &Genesis, mode: Option<Mode>) -> Result<(), SpecError> {
    let config = &genesis.config;
    let is_merged = config.terminal_total_difficulty.is_some();
    match (mode, config.clique.is_some(), config.ethash.is_some()) {
        (Some(Mode::Poa), false, _) => Err(SpecError::NoClique),
        (Some(Mode::Poa), _, true) => {
            Err(SpecError::OtherSection { mode: "poa", section: "ethash" })
        }
        (Some(Mode::Pow), true, _) => {
            Err(SpecError::OtherSection { mode: "pow", section: "clique" })
        }
        (None, true, true) => Err(SpecError::TwoWays),
        (None, false, false) if !is_merged => Err(SpecError::NoWay),
        _ => Ok(()),
    }
}

fn mode_of(genesis: &Genesis) -> Mode {
    let config = &genesis.config;
    match (&config.clique, &config.ethash, config.terminal_total_difficulty) {
        (Some(_), _, _) => Mode::Poa,
        (None, Some(_), None) => Mode::Pow,
        (None, _, Some(terminal)) if !terminal.is_zero() => Mode::Merged,
        _ => Mode::Dev,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn misspelt_names_are_told_from_those_of_others() {
        let config = json!({ "chainId": 1, "oskaTime": 5, "isDev": true, "mainspring": {} });
        assert_eq!(spec(config).unwrap().unread_names(), ["oskaTime"]);
    }

    fn spec(config: serde_json::Value) -> Result<ChainSpec, SpecError> {
        let genesis = json!({
            "config": config, "gasLimit": "0x1c9c380", "difficulty": "0x0", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap())
    }

    #[test]
    fn geth_names_are_read() {
        let spec = spec(json!({
            "chainId": 5, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
            "cancunTime": 10, "pragueTime": 20, "osakaTime": 30, "bpo1Time": 40,
            "blobSchedule": {
                "cancun": {"target": 1, "max": 2, "baseFeeUpdateFraction": 3338477},
                "prague": {"target": 4, "max": 8, "baseFeeUpdateFraction": 5007716},
                "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193}
            },
            "mainspring": {"mode": "poa", "period": 2, "feeMarket": "zero"}
        }))
        .unwrap();
        assert_eq!((spec.chain_id(), spec.mode), (5, Mode::Poa));
        assert_eq!(spec.fork_of(0, 0, U256::ZERO), Fork::Shanghai);
        let limits = |time| {
            let params = spec.blob_params_at(time);
            (params.target_blob_count, params.max_blob_count, params.max_blobs_per_tx)
        };
        assert_eq!(limits(10), (1, 2, 2));
        assert_eq!(limits(20), (4, 8, 8));
        assert_eq!(limits(30), (4, 8, 6));
        assert_eq!(limits(40), (10, 15, 6));
        let parent = Header { base_fee_per_gas: Some(7), timestamp: 9, ..Default::default() };
        assert_eq!(spec.next_base_fee(&parent), Some(0));
        assert_eq!(spec.next_excess_blob_gas(&parent, 9), None);
        assert_eq!(spec.next_excess_blob_gas(&parent, 10), Some(0));
    }

    #[test]
    fn a_merged_chain_of_others_has_no_developer() {
        let read = |config| {
            let genesis = json!({
                "config": config, "gasLimit": "0x1c9c380", "difficulty": "0x0", "alloc": {}
            });
            let genesis: Genesis = serde_json::from_value(genesis).unwrap();
            let others = ChainSpec::of_others(genesis.clone()).unwrap().mode;
            (ChainSpec::from_genesis(genesis).unwrap().mode, others)
        };
        let merged = json!({"chainId": 1, "terminalTotalDifficulty": 0});
        assert_eq!(read(merged), (Mode::Dev, Mode::Merged));
        let ours = json!({
            "chainId": 1, "terminalTotalDifficulty": 0, "mainspring": {"mode": "dev"}
        });
        assert_eq!(read(ours), (Mode::Dev, Mode::Dev));
        assert_eq!(read(json!({"chainId": 1, "ethash": {}})), (Mode::Pow, Mode::Pow));
    }

    #[test]
    fn a_chain_of_others_says_once_how_its_blocks_come_about() {
        let refused = |mut config: serde_json::Value| {
            config["chainId"] = json!(1);
            let genesis = json!({
                "config": config, "gasLimit": "0x1c9c380", "difficulty": "0x1", "alloc": {}
            });
            let read = ChainSpec::of_others(serde_json::from_value(genesis).unwrap());
            read.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(refused(json!({"mainspring": {"mode": "poa"}})).contains("no config.clique"));
        assert!(refused(json!({})).contains("does not say how blocks come about"));
        assert!(refused(json!({"clique": {}, "ethash": {}})).contains("leave one out"));
        for (mode, other) in [("poa", "ethash"), ("pow", "clique")] {
            let both = json!({"clique": {}, "ethash": {}, "mainspring": {"mode": mode}});
            let text = refused(both);
            assert!(
                text.contains(&format!("mode is {mode}, but there is config.{other}")),
                "{text}"
            );
        }
        for right in [
            json!({"clique": {"period": 1}}),
            json!({"mainspring": {"mode": "pow"}}),
            json!({"ethash": {}, "terminalTotalDifficulty": 5}),
            json!({"mainspring": {"mode": "dev"}}),
        ] {
            assert_eq!(refused(right), "");
        }
    }

    #[test]
    fn a_genesis_leaves_room_for_blocks() {
        for field in ["number", "timestamp"] {
            let mut genesis = json!({
                "config": {"chainId": 1}, "gasLimit": "0x1388", "difficulty": "0x0", "alloc": {}
            });
            genesis[field] = json!("0xffffffffffffffff");
            let error = ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap());
            let text = error.unwrap_err().to_string();
            assert!(text.starts_with(&format!("{field} {} of the genesis", u64::MAX)), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let blob = json!({"target": 3, "max": 2, "baseFeeUpdateFraction": 1});
        let error = spec(json!({"cancunTime": 0, "blobSchedule": {"cancun": blob}})).unwrap_err();
        assert!(error.to_string().starts_with("blobSchedule.cancun: target 3, max 2"));
        let error = spec(json!({"mainspring": {"mode": "magic"}})).unwrap_err();
        assert!(error.to_string().contains("magic"), "{error}");
    }

    #[test]
    fn the_base_fee_follows_the_parent() {
        let spec = spec(json!({"londonBlock": 5, "homesteadBlock": 0})).unwrap();
        let mut parent = Header { number: 3, gas_limit: 30_000_000, ..Default::default() };
        assert_eq!(spec.next_base_fee(&parent), None);
        parent.number = 4;
        assert_eq!(spec.next_base_fee(&parent), Some(1_000_000_000));
        parent = Header { number: 5, base_fee_per_gas: Some(1_000_000_000), ..parent };
        assert_eq!(spec.next_base_fee(&parent), Some(875_000_000));
        parent.gas_used = 30_000_000;
        assert_eq!(spec.next_base_fee(&parent), Some(1_125_000_000));
    }
}
