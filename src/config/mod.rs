//! Every setting, its default, its flag; plain data.
//!
//! A setting has one name: `--block-time` on the command line, `MAINSPRING_BLOCK_TIME` in the
//! environment, `block-time` in `mainspring.toml`. The first of the three that names it wins; a
//! switch is on if any of them turns it on.

mod accounts;
mod debugging;
mod error;
mod fork;
mod limits;
mod metrics;
mod mining;
mod network;
mod resolve;
mod settings;

pub use accounts::{AccountsConfig, parse_ether};
pub use debugging::DebuggingConfig;
pub use error::ConfigError;
pub use fork::{CacheConfig, ForkConfig};
pub use limits::{PoolConfig, RpcLimits, WriterConfig};
pub use metrics::{DEFAULT_METRICS, NoMetricsAddress, metrics_address};
pub use mining::{MiningConfig, parse_extra_data, parse_recommit};
pub use network::{NetworkArgs, NetworkConfig};
pub use settings::{DEFAULT_IPC, DialectName, OrderName, Settings};

use crate::{spec::Fork, upstream::UpstreamSettings};
use alloy_primitives::{Address, U256};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// Everything a node is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Who the node is on its chain.
    pub role: Role,
    /// Who signs blocks of a chain of proof of authority.
    pub signer: Option<SignerConfig>,
    /// Who mines a chain of proof of work, and how.
    pub mining: MiningConfig,
    /// Where the chain lives.
    pub data: DataConfig,
    /// Files that the chain is loaded from and dumped to.
    pub state: StateConfig,
    /// What block zero says.
    pub genesis: GenesisConfig,
    /// The chain that this one begins with a block of, if it is a fork.
    pub fork: Option<ForkConfig>,
    /// How an upstream is asked.
    pub upstream: UpstreamSettings,
    /// Where answers of an upstream are kept.
    pub cache: CacheConfig,
    /// Accounts with known keys.
    pub accounts: AccountsConfig,
    /// When blocks are made, and of what.
    pub sealing: SealingConfig,
    /// Rules of execution that a developer may lift.
    pub evm: EvmConfig,
    /// Where the node listens and to whom.
    pub server: ServerConfig,
    /// How it takes part in the network, if it does; a development chain never does.
    pub network: Option<NetworkConfig>,
    /// What a request may cost.
    pub rpc: RpcLimits,
    /// How much may wait, and what is admitted.
    pub pool: PoolConfig,
    /// When blocks are written from memory into the state.
    pub writer: WriterConfig,
    /// What the node tells of transactions.
    pub debugging: DebuggingConfig,
    /// What is printed.
    pub output: OutputConfig,
}

/// Who the node is on its chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It makes a development chain, if there is none, and its blocks.
    #[default]
    Development,
    /// It serves a chain that is there.
    Stored {
        /// Does it make blocks?
        seals: bool,
        /// Verify proof of work also where the mode does not ask for it.
        verify_seals: bool,
    },
}

/// The key that signs blocks: where it lies, and where its passphrase does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerConfig {
    /// Key file of web3 secret storage, version 3.
    pub key: PathBuf,
    /// File whose first line is its passphrase.
    pub password: PathBuf,
}

/// Where the chain lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataConfig {
    /// Directory of the database.
    pub dir: PathBuf,
    /// Keep nothing: the database lies in a temporary folder that goes with the process.
    pub ephemeral: bool,
    /// Delete the chain that lies there and start over.
    pub fresh: bool,
    /// A chain that starts over takes the next chain id.
    pub rotate_chain_id: bool,
    /// A chain that starts over or goes back keeps its block numbers rising.
    pub monotonic: bool,
    /// Keep the states of so many blocks below the newest; `None` keeps all.
    pub keep_states: Option<u64>,
    /// Keep no index of the transactions of each address.
    pub no_address_index: bool,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("./.mainspring"),
            ephemeral: false,
            fresh: false,
            rotate_chain_id: false,
            monotonic: false,
            keep_states: None,
            no_address_index: false,
        }
    }
}

/// Files that the chain is loaded from and dumped to, in anvil's format. A folder stands for the
/// `state.json` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateConfig {
    /// Loaded at the start.
    pub load: Option<PathBuf>,
    /// Is it an error if that file is not there?
    pub must_exist: bool,
    /// Written at the end, and at intervals.
    pub dump: Option<PathBuf>,
    /// How often it is written.
    pub interval: Duration,
    /// Are states of older blocks written as well?
    pub older_states: bool,
}

impl Default for StateConfig {
    fn default() -> Self {
        let interval = Duration::from_secs(60);
        Self { load: None, must_exist: false, dump: None, interval, older_states: false }
    }
}

/// What block zero says. A value that is `None` was not asked for: a stored chain keeps its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisConfig {
    /// A genesis file in geth's format, used as it is.
    pub init: Option<PathBuf>,
    /// EIP-155 id; [`DEFAULT_CHAIN_ID`] unless asked for.
    pub chain_id: Option<u64>,
    /// Time of block zero in seconds; now unless asked for.
    pub timestamp: Option<u64>,
    /// Number of block zero; 0 unless asked for.
    pub number: Option<u64>,
    /// The fork in force from block zero on; [`Fork::LATEST`] unless asked for.
    pub hardfork: Option<Fork>,
    /// Gas limit of a block; [`DEFAULT_GAS_LIMIT`] unless asked for.
    pub gas_limit: Option<u64>,
    /// Base fee of block zero in wei per gas; [`DEFAULT_BASE_FEE`] unless asked for.
    pub base_fee: Option<u64>,
    /// Leave the deterministic CREATE2 deployer out.
    pub no_create2: bool,
    /// Addresses that start with wei besides the accounts with known keys.
    pub funded: Vec<(Address, U256)>,
}

/// The chain id that anvil and Hardhat use.
pub const DEFAULT_CHAIN_ID: u64 = 31337;
/// Gas limit of a block.
pub const DEFAULT_GAS_LIMIT: u64 = 30_000_000;
/// Base fee of block zero in wei per gas.
pub const DEFAULT_BASE_FEE: u64 = 1_000_000_000;

/// When blocks are made, and of what.
#[derive(Clone, Debug, PartialEq)]
pub struct SealingConfig {
    /// Time between blocks; `None` makes one when a transaction arrives.
    pub block_time: Option<Duration>,
    /// Make blocks only when asked.
    pub no_mining: bool,
    /// With a block time: make one also when a transaction arrives.
    pub mixed: bool,
    /// Which transaction goes first.
    pub order: OrderName,
    /// Answer a send at once instead of when its block is there.
    pub async_automine: bool,
    /// Transactions in a block at most.
    pub max_transactions: usize,
    /// Half the distance in blocks from the head to `finalized`; `None` makes the head final.
    pub slots_in_an_epoch: Option<u64>,
    /// Gas price in wei that `eth_gasPrice` suggests at least; `None` leaves it to the fees.
    pub gas_price: Option<u128>,
    /// Is no tip advised?
    pub no_tip: bool,
    /// May a block have its parent's timestamp?
    pub allow_equal_timestamps: bool,
}

impl Default for SealingConfig {
    fn default() -> Self {
        Self {
            block_time: None,
            no_mining: false,
            mixed: false,
            order: OrderName::Fees,
            async_automine: false,
            max_transactions: 100_000,
            slots_in_an_epoch: None,
            gas_price: None,
            no_tip: false,
            allow_equal_timestamps: false,
        }
    }
}

/// Rules of execution that a developer may lift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmConfig {
    /// Let a transaction and a call use more gas than a block has.
    pub disable_block_gas_limit: bool,
    /// Enforce EIP-7825's gas limit of one transaction.
    pub tx_gas_cap: bool,
    /// Most bytes of code a contract may have; `None` is the fork's rule.
    pub code_size_limit: Option<usize>,
    /// Most bytes of memory an execution may use.
    pub memory_limit: u64,
    /// Every sender may send without a signature.
    pub auto_impersonate: bool,
}

impl Default for EvmConfig {
    fn default() -> Self {
        Self {
            disable_block_gas_limit: false,
            tx_gas_cap: false,
            code_size_limit: None,
            memory_limit: 128 << 20,
            auto_impersonate: false,
        }
    }
}

/// Where the node listens and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Addresses to listen on.
    pub hosts: Vec<IpAddr>,
    /// HTTP and WebSocket; 0 takes a free one.
    pub port: u16,
    /// Who may ask from other machines.
    pub access: RpcAccess,
    /// Whether and where a Unix socket is.
    pub ipc: IpcConfig,
    /// Value of the CORS header `access-control-allow-origin`; `None` sends no CORS headers.
    pub allow_origin: Option<String>,
    /// Namespaces of methods to serve; `None` is all but `testing`.
    pub namespaces: Option<Vec<String>>,
    /// The words of errors.
    pub dialect: DialectName,
    /// Where the node's numbers are; `None` is nowhere.
    pub metrics: Option<SocketAddr>,
}

/// Who may ask over HTTP and WebSocket. The Unix socket is its owner's in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RpcAccess {
    /// Programs on this machine; on other addresses than loopback only a development chain listens.
    #[default]
    Machine,
    /// Everyone.
    Open,
    /// Who sends the token in this file, from this machine too.
    Token(PathBuf),
}

/// Whether and where the node answers on a Unix socket. A bare name lies in the data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IpcConfig {
    /// Nowhere.
    #[default]
    Off,
    /// At [`DEFAULT_IPC`], if it can be.
    Default,
    /// There, or the node does not start.
    At(PathBuf),
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            hosts: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 8545,
            access: RpcAccess::default(),
            ipc: IpcConfig::Off,
            allow_origin: Some("*".to_owned()),
            namespaces: None,
            dialect: DialectName::Geth,
            metrics: None,
        }
    }
}

/// What is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputConfig {
    /// Print nothing but errors.
    pub quiet: bool,
    /// What the log says, in geth's levels, 0 to 5.
    pub verbosity: Option<u64>,
    /// Print logs as JSON, a line each.
    pub json_logs: bool,
    /// Write what the banner says as JSON into this file.
    pub config_out: Option<PathBuf>,
}

impl Config {
    /// A throw-away node on a free port, for tests.
    pub fn ephemeral() -> Self {
        let data = DataConfig { ephemeral: true, ..DataConfig::default() };
        let server = ServerConfig { port: 0, ..ServerConfig::default() };
        Self { data, server, ..Self::default() }
    }
}
