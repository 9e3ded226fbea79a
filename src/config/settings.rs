//! Settings as given: on the command line, in the environment, in `mainspring.toml`.

use super::{ConfigError, DEFAULT_METRICS, NetworkArgs, metrics_address};
use alloy_primitives::B256;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::{
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Longest settings file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Which of two executable transactions of different senders goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderName {
    /// The higher tip.
    #[default]
    Fees,
    /// The earlier arrival.
    Fifo,
}

/// In whose words the node says what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialectName {
    /// geth's, as most tools expect.
    #[default]
    Geth,
    /// Those of `hardhat node`.
    Hardhat,
}

/// Every setting, or `None` (a switch: `false`) where nobody named it.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Port for HTTP and WebSocket; 0 takes a free one [default: 8545]
    #[arg(short, long, env = "MAINSPRING_PORT", aliases = ["http.port", "ws.port"])]
    #[arg(value_name = "PORT", help_heading = SERVER)]
    pub port: Option<u16>,
    /// Addresses to listen on, or names that stand for one, as localhost does [default: 127.0.0.1]
    #[arg(long, env = "MAINSPRING_HOST", aliases = ["http.addr", "ws.addr"])]
    #[arg(value_name = "HOST", value_delimiter = ',', help_heading = SERVER)]
    pub host: Option<Vec<String>>,
    /// Answer on a Unix socket too; a bare name lies in the data directory
    #[arg(long, env = "MAINSPRING_IPC", visible_alias = "ipcpath", value_name = "PATH")]
    #[arg(num_args = 0..=1, default_missing_value = DEFAULT_IPC, help_heading = SERVER)]
    pub ipc: Option<PathBuf>,
    /// Origin of web pages that may call the node [default: *]
    #[arg(long, env = "MAINSPRING_ALLOW_ORIGIN", aliases = ["http.corsdomain"])]
    #[arg(value_name = "ORIGIN", help_heading = SERVER)]
    pub allow_origin: Option<String>,
    /// Send no CORS headers: web pages of other origins cannot read answers
    #[arg(long, env = "MAINSPRING_NO_CORS", help_heading = SERVER)]
    pub no_cors: bool,
    /// Take requests of any size up to 4 GiB
    #[arg(long, env = "MAINSPRING_NO_REQUEST_SIZE_LIMIT", help_heading = SERVER)]
    pub no_request_size_limit: bool,
    /// Namespaces to serve, as in eth,net,web3 [default: all but testing]
    #[arg(long, env = "MAINSPRING_HTTP_API", visible_alias = "http.api", alias = "ws.api")]
    #[arg(value_name = "NAMESPACE", value_delimiter = ',', help_heading = SERVER)]
    pub http_api: Option<Vec<String>>,
    /// Words of errors: geth's, or those of `hardhat node` [default: geth]
    #[arg(long, env = "MAINSPRING_RPC_DIALECT", value_enum, help_heading = SERVER)]
    pub rpc_dialect: Option<DialectName>,
    /// Serve the node's numbers at /metrics, in Prometheus' form [default: off; 127.0.0.1:9001]
    #[arg(long, env = "MAINSPRING_METRICS", value_name = "ADDR:PORT", help_heading = SERVER)]
    #[arg(num_args = 0..=1, default_missing_value = DEFAULT_METRICS, value_parser = metrics_address)]
    pub metrics: Option<SocketAddr>,

    /// Directory of the chain's database [default: ./.mainspring]
    #[arg(long, env = "MAINSPRING_DATADIR", value_name = "DIR", help_heading = DATA)]
    pub datadir: Option<PathBuf>,
    /// Keep nothing: the database lies in a temporary folder and goes with the process
    #[arg(long, env = "MAINSPRING_EPHEMERAL", help_heading = DATA)]
    pub ephemeral: bool,
    /// Delete the chain in the data directory and start over
    #[arg(long, env = "MAINSPRING_FRESH", help_heading = DATA)]
    pub fresh: bool,
    /// Take the next chain id whenever the chain starts over (--fresh, anvil_reset): wallets see a new
    /// network and need not forget the old one
    #[arg(long, env = "MAINSPRING_ROTATE_CHAIN_ID", help_heading = DATA)]
    pub rotate_chain_id: bool,
    /// Let block numbers only rise: a chain that starts over begins above its last block, and one that
    /// goes back (evm_revert, anvil_reset) is filled up with empty blocks
    #[arg(long, env = "MAINSPRING_MONOTONIC", help_heading = DATA)]
    pub monotonic: bool,
    /// Throw the states of old blocks away: those of so many blocks below the newest are kept (256 if no
    /// number is given); blocks, receipts and logs stay
    #[arg(long, env = "MAINSPRING_PRUNE_HISTORY", value_name = "BLOCKS")]
    #[arg(num_args = 0..=1, default_missing_value = "256", help_heading = DATA)]
    pub prune_history: Option<u64>,
    /// Keep no index of the transactions of each address: less is written, and explorers (ots_*) cannot
    /// search
    #[arg(long, env = "MAINSPRING_NO_ADDRESS_INDEX", help_heading = DATA)]
    pub no_address_index: bool,

    /// Load the chain from a dump in anvil's format if the file is there, and dump it to that file at
    /// the end. A stored chain that came from this file, or was dumped to it, goes on from where it
    /// was and is not loaded again; any other stored chain is refused (--fresh starts over)
    #[arg(long, env = "MAINSPRING_STATE", value_name = "PATH", help_heading = DATA)]
    pub state: Option<PathBuf>,
    /// Load the chain from a dump in anvil's format. A stored chain is refused (--fresh starts over)
    #[arg(long, env = "MAINSPRING_LOAD_STATE", value_name = "PATH", help_heading = DATA)]
    pub load_state: Option<PathBuf>,
    /// Dump the chain to a file in anvil's format at the end; to state.json in it, if it is a folder
    #[arg(long, env = "MAINSPRING_DUMP_STATE", value_name = "PATH", help_heading = DATA)]
    pub dump_state: Option<PathBuf>,
    /// Dump so often besides, in seconds [default: 60]
    #[arg(short = 's', long, env = "MAINSPRING_STATE_INTERVAL", value_name = "SECONDS")]
    #[arg(help_heading = DATA)]
    pub state_interval: Option<f64>,

    /// Dump the states of older blocks as well, each whole: of those that --prune-history keeps
    #[arg(long, env = "MAINSPRING_PRESERVE_HISTORICAL_STATES", help_heading = DATA)]
    pub preserve_historical_states: bool,

    /// Start from a genesis file in geth's format, used as it is
    #[arg(long, env = "MAINSPRING_INIT", value_name = "FILE", help_heading = GENESIS)]
    pub init: Option<PathBuf>,
    /// Chain id [default: 31337]
    #[arg(long, env = "MAINSPRING_CHAIN_ID", visible_alias = "chain")]
    #[arg(value_name = "ID", help_heading = GENESIS)]
    pub chain_id: Option<u64>,
    /// Time of the genesis block in seconds since 1970 [default: now]
    #[arg(long, env = "MAINSPRING_TIMESTAMP", value_name = "SECONDS", help_heading = GENESIS)]
    pub timestamp: Option<u64>,
    /// Number of the genesis block [default: 0]
    #[arg(long, env = "MAINSPRING_NUMBER", value_name = "NUMBER", help_heading = GENESIS)]
    pub number: Option<u64>,
    /// Fork in force from the genesis block on, frontier to osaka [default: osaka]
    #[arg(long, env = "MAINSPRING_HARDFORK", value_name = "FORK", help_heading = GENESIS)]
    pub hardfork: Option<String>,
    /// Gas limit of a block [default: 30000000]
    #[arg(long, env = "MAINSPRING_GAS_LIMIT", visible_alias = "block-gas-limit")]
    #[arg(value_name = "GAS", help_heading = GENESIS)]
    pub gas_limit: Option<u64>,
    /// Base fee of the genesis block in wei [default: 1000000000]
    #[arg(long, env = "MAINSPRING_BLOCK_BASE_FEE_PER_GAS", visible_alias = "base-fee")]
    #[arg(value_name = "WEI", help_heading = GENESIS)]
    pub block_base_fee_per_gas: Option<u64>,
    /// Leave out the deterministic CREATE2 deployer
    #[arg(long, env = "MAINSPRING_DISABLE_DEFAULT_CREATE2_DEPLOYER", visible_alias = "no-create2")]
    #[arg(help_heading = GENESIS)]
    pub disable_default_create2_deployer: bool,
    /// Fund more addresses, as ADDRESS or ADDRESS:ETHER
    #[arg(long, env = "MAINSPRING_FUND_ACCOUNTS", value_name = "ADDRESS:ETHER")]
    #[arg(value_delimiter = ',', num_args = 1.., help_heading = GENESIS)]
    pub fund_accounts: Option<Vec<String>>,

    /// Begin with the newest block of the chain that this JSON-RPC URL serves, or with URL@BLOCK. Given
    /// several times, the URLs are asked in turn
    #[arg(short = 'f', long, env = "MAINSPRING_FORK_URL", visible_alias = "rpc-url")]
    #[arg(value_name = "URL[@BLOCK]", hide_env_values = true, help_heading = FORK)]
    pub fork_url: Option<Vec<String>>,
    /// Begin with this block; a negative number counts back from the newest
    #[arg(long, env = "MAINSPRING_FORK_BLOCK_NUMBER", value_name = "NUMBER")]
    #[arg(allow_hyphen_values = true, help_heading = FORK)]
    pub fork_block_number: Option<i64>,
    /// Begin with the state after this transaction: its block's transactions up to it are executed again
    #[arg(long, env = "MAINSPRING_FORK_TRANSACTION_HASH", value_name = "HASH", help_heading = FORK)]
    pub fork_transaction_hash: Option<B256>,
    /// Chain id of the fork's upstream; another one is refused. With --fork-block-number the node starts
    /// without the network, if what it needs is cached
    #[arg(long, env = "MAINSPRING_FORK_CHAIN_ID", value_name = "ID", help_heading = FORK)]
    pub fork_chain_id: Option<u64>,
    /// Header of each request to the upstream, as in "Authorization: Bearer …"
    #[arg(long, env = "MAINSPRING_FORK_HEADER", value_name = "NAME: VALUE")]
    #[arg(hide_env_values = true, help_heading = FORK)]
    pub fork_header: Option<Vec<String>>,
    /// Milliseconds to wait for an answer of the upstream [default: 45000]
    #[arg(long, env = "MAINSPRING_TIMEOUT", value_name = "MS", help_heading = FORK)]
    pub timeout: Option<u64>,
    /// How often a request that the upstream turns away for now is sent again [default: 5]
    #[arg(long, env = "MAINSPRING_RETRIES", value_name = "COUNT", help_heading = FORK)]
    pub retries: Option<u32>,
    /// Milliseconds before the first of those; it doubles each time [default: 1000]
    #[arg(long, env = "MAINSPRING_FORK_RETRY_BACKOFF", value_name = "MS", help_heading = FORK)]
    pub fork_retry_backoff: Option<u64>,
    /// Compute units a second that an upstream allows which limits requests [default: 330]
    #[arg(long, env = "MAINSPRING_COMPUTE_UNITS_PER_SECOND", visible_alias = "cups")]
    #[arg(value_name = "UNITS", help_heading = FORK)]
    pub compute_units_per_second: Option<u64>,
    /// Never slow down for an upstream
    #[arg(long, env = "MAINSPRING_NO_RATE_LIMIT", visible_alias = "no-rpc-rate-limit")]
    #[arg(help_heading = FORK)]
    pub no_rate_limit: bool,
    /// Forget what the upstream answered when the node ends
    #[arg(long, env = "MAINSPRING_NO_STORAGE_CACHING", help_heading = FORK)]
    pub no_storage_caching: bool,
    /// Folder that keeps what the upstream answered [default: in the data directory; for --ephemeral in
    /// the user's cache folder]
    #[arg(long, env = "MAINSPRING_CACHE_PATH", value_name = "DIR", help_heading = FORK)]
    pub cache_path: Option<PathBuf>,

    /// How many accounts with known keys [default: 10]
    #[arg(short, long, env = "MAINSPRING_ACCOUNTS", value_name = "COUNT", help_heading = ACCOUNTS)]
    pub accounts: Option<usize>,
    /// What each of them starts with, in ether [default: 10000]
    #[arg(long, env = "MAINSPRING_BALANCE", value_name = "ETHER", help_heading = ACCOUNTS)]
    pub balance: Option<String>,
    /// Phrase of the accounts [default: test test … junk]
    #[arg(short, long, env = "MAINSPRING_MNEMONIC", hide_env_values = true)]
    #[arg(value_name = "PHRASE", help_heading = ACCOUNTS)]
    pub mnemonic: Option<String>,
    /// Use a new random phrase of 12, 15, 18, 21 or 24 words
    #[arg(long, env = "MAINSPRING_MNEMONIC_RANDOM", value_name = "WORDS")]
    #[arg(num_args = 0..=1, default_missing_value = "12", help_heading = ACCOUNTS)]
    pub mnemonic_random: Option<usize>,
    /// Use the phrase that belongs to a number; anyone can guess it
    #[arg(long, env = "MAINSPRING_MNEMONIC_SEED_UNSAFE", value_name = "SEED")]
    #[arg(help_heading = ACCOUNTS)]
    pub mnemonic_seed_unsafe: Option<u64>,
    /// Path of the accounts below the phrase [default: m/44'/60'/0'/0/]
    #[arg(long, env = "MAINSPRING_DERIVATION_PATH", value_name = "PATH", help_heading = ACCOUNTS)]
    pub derivation_path: Option<String>,
    /// Accounts that personal_newAccount and its relatives may add [default: 1000]
    #[arg(long, env = "MAINSPRING_MAX_STORED_ACCOUNTS", value_name = "COUNT")]
    #[arg(help_heading = ACCOUNTS)]
    pub max_stored_accounts: Option<usize>,
    /// Let every address send without a signature
    #[arg(long, env = "MAINSPRING_AUTO_IMPERSONATE", visible_alias = "auto-unlock")]
    #[arg(help_heading = ACCOUNTS)]
    pub auto_impersonate: bool,

    /// Seconds between blocks, also fractions; without it a transaction makes its block
    #[arg(short, long, env = "MAINSPRING_BLOCK_TIME", visible_alias = "blockTime")]
    #[arg(value_name = "SECONDS", help_heading = SEALING)]
    pub block_time: Option<f64>,
    /// Make blocks only when asked (evm_mine)
    #[arg(long, env = "MAINSPRING_NO_MINING", visible_alias = "no-mine", help_heading = SEALING)]
    pub no_mining: bool,
    /// With --block-time: make a block also when a transaction arrives
    #[arg(long, env = "MAINSPRING_MIXED_MINING", help_heading = SEALING)]
    pub mixed_mining: bool,
    /// Which transaction goes first: by tip or by arrival [default: fees]
    #[arg(long, env = "MAINSPRING_ORDER", value_enum, help_heading = SEALING)]
    pub order: Option<OrderName>,
    /// Answer a send at once instead of when its block is there
    #[arg(long, env = "MAINSPRING_ASYNC_AUTOMINE", help_heading = SEALING)]
    pub async_automine: bool,
    /// Transactions in a block at most [default: 100000]
    #[arg(long, env = "MAINSPRING_MAX_TRANSACTIONS", value_name = "COUNT", help_heading = SEALING)]
    pub max_transactions: Option<usize>,
    /// Let `safe` and `finalized` trail the head by one and two epochs of so many blocks
    #[arg(long, env = "MAINSPRING_SLOTS_IN_AN_EPOCH", value_name = "BLOCKS")]
    #[arg(help_heading = SEALING)]
    pub slots_in_an_epoch: Option<u64>,
    /// Gas price in wei that eth_gasPrice suggests at least
    #[arg(long, env = "MAINSPRING_GAS_PRICE", value_name = "WEI", help_heading = SEALING)]
    pub gas_price: Option<u64>,
    /// Advise no tip: eth_maxPriorityFeePerGas answers 0
    #[arg(long, env = "MAINSPRING_DISABLE_MIN_PRIORITY_FEE", visible_alias = "no-priority-fee")]
    #[arg(help_heading = SEALING)]
    pub disable_min_priority_fee: bool,
    /// Let a block have its parent's timestamp, as anvil does
    #[arg(long, env = "MAINSPRING_ALLOW_EQUAL_TIMESTAMPS", help_heading = SEALING)]
    pub allow_equal_timestamps: bool,

    /// Let a transaction use more gas than a block has
    #[arg(long, env = "MAINSPRING_DISABLE_BLOCK_GAS_LIMIT", help_heading = EVM)]
    pub disable_block_gas_limit: bool,
    /// Enforce the gas limit of one transaction (EIP-7825)
    #[arg(long, env = "MAINSPRING_ENABLE_TX_GAS_LIMIT", visible_alias = "tx-gas-limit")]
    #[arg(help_heading = EVM)]
    pub enable_tx_gas_limit: bool,
    /// Most bytes of code a contract may have [default: the fork's rule]
    #[arg(long, env = "MAINSPRING_CODE_SIZE_LIMIT", value_name = "BYTES", help_heading = EVM)]
    pub code_size_limit: Option<usize>,
    /// Let contracts have code of any size
    #[arg(long, env = "MAINSPRING_DISABLE_CODE_SIZE_LIMIT", help_heading = EVM)]
    pub disable_code_size_limit: bool,
    /// Most bytes of memory an execution may use [default: 134217728]
    #[arg(long, env = "MAINSPRING_MEMORY_LIMIT", value_name = "BYTES", help_heading = EVM)]
    pub memory_limit: Option<u64>,

    /// Admit transactions whose sender cannot pay
    #[arg(long, env = "MAINSPRING_DISABLE_POOL_BALANCE_CHECKS", help_heading = LIMITS)]
    pub disable_pool_balance_checks: bool,
    /// Transactions that may wait [default: 100000]
    #[arg(long, env = "MAINSPRING_POOL_MAX_TRANSACTIONS", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub pool_max_transactions: Option<usize>,
    /// Their size in bytes [default: 134217728]
    #[arg(long, env = "MAINSPRING_POOL_MAX_BYTES", value_name = "BYTES", help_heading = LIMITS)]
    pub pool_max_bytes: Option<usize>,
    /// Transactions of one sender that may wait [default: 16384]
    #[arg(long, env = "MAINSPRING_POOL_MAX_PER_SENDER", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub pool_max_per_sender: Option<usize>,
    /// Blobs of mined transactions that stay readable, in bytes [default: 67108864]
    #[arg(long, env = "MAINSPRING_POOL_KEPT_BLOB_BYTES", value_name = "BYTES")]
    #[arg(help_heading = LIMITS)]
    pub pool_kept_blob_bytes: Option<usize>,
    /// Bytes of one transaction, without blobs [default: 131072]
    #[arg(long, env = "MAINSPRING_MAX_TX_BYTES", value_name = "BYTES", help_heading = LIMITS)]
    pub max_tx_bytes: Option<usize>,
    /// Bytes of one request [default: 10485760]
    #[arg(long, env = "MAINSPRING_RPC_MAX_BODY_BYTES", value_name = "BYTES", help_heading = LIMITS)]
    pub rpc_max_body_bytes: Option<u32>,
    /// Requests in one batch [default: 1000]
    #[arg(long, env = "MAINSPRING_RPC_MAX_BATCH", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_max_batch: Option<u32>,
    /// Bytes of one answer [default: 26214400]
    #[arg(long, env = "MAINSPRING_RPC_MAX_RESPONSE_BYTES", value_name = "BYTES")]
    #[arg(help_heading = LIMITS)]
    pub rpc_max_response_bytes: Option<u32>,
    /// Blocks that one log query may look into, not counting those that the index rules out [default: 100000]
    #[arg(long, env = "MAINSPRING_RPC_LOG_RANGE", value_name = "BLOCKS", help_heading = LIMITS)]
    pub rpc_log_range: Option<u64>,
    /// Logs in one answer [default: 20000]
    #[arg(long, env = "MAINSPRING_RPC_MAX_LOGS", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_max_logs: Option<usize>,
    /// Transactions on one page of an explorer's search (ots_*) [default: 1000]
    #[arg(long, env = "MAINSPRING_RPC_MAX_PAGE", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_max_page: Option<usize>,
    /// Addresses, and topics at one place, in one log query or filter [default: 1000]
    #[arg(long, env = "MAINSPRING_RPC_MAX_LOG_TERMS", alias = "rpc.logquerylimit")]
    #[arg(value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_max_log_terms: Option<usize>,
    /// Addresses and topics that all filters and subscriptions watch for [default: 500000]
    #[arg(long, env = "MAINSPRING_RPC_MAX_WATCHED_TERMS", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub rpc_max_watched_terms: Option<usize>,
    /// Filters [default: 10000]
    #[arg(long, env = "MAINSPRING_RPC_MAX_FILTERS", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_max_filters: Option<usize>,
    /// Seconds after which a filter that nobody reads is removed [default: 300]
    #[arg(long, env = "MAINSPRING_RPC_FILTER_SECONDS", value_name = "SECONDS")]
    #[arg(help_heading = LIMITS)]
    pub rpc_filter_seconds: Option<f64>,
    /// Seconds after which a subscriber that takes nothing is unsubscribed [default: 60]
    #[arg(long, env = "MAINSPRING_RPC_SLOW_READER_SECONDS", value_name = "SECONDS")]
    #[arg(help_heading = LIMITS)]
    pub rpc_slow_reader_seconds: Option<f64>,
    /// Gas that a call or an estimate may use [default: 50000000]
    #[arg(long, env = "MAINSPRING_RPC_GAS_CAP", alias = "rpc.gascap")]
    #[arg(value_name = "GAS", help_heading = LIMITS)]
    pub rpc_gas_cap: Option<u64>,
    /// Calls, estimates, proofs and log searches that run at once [default: 16]
    #[arg(long, env = "MAINSPRING_RPC_HEAVY_CALLS", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_heavy_calls: Option<usize>,
    /// Storage slots in one proof [default: 1024]
    #[arg(long, env = "MAINSPRING_RPC_PROOF_SLOTS", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_proof_slots: Option<usize>,
    /// Blocks that one fee history looks at [default: 1024]
    #[arg(long, env = "MAINSPRING_RPC_FEE_HISTORY", value_name = "BLOCKS", help_heading = LIMITS)]
    pub rpc_fee_history: Option<u64>,
    /// Blocks that one evm_mine or anvil_mine may make [default: 100000]
    #[arg(long, env = "MAINSPRING_RPC_MINED_BLOCKS", value_name = "BLOCKS", help_heading = LIMITS)]
    pub rpc_mined_blocks: Option<u64>,
    /// Bytes that a dump for anvil_loadState may have when it is unpacked [default: 1073741824]
    #[arg(long, env = "MAINSPRING_RPC_LOAD_STATE_BYTES", value_name = "BYTES")]
    #[arg(help_heading = LIMITS)]
    pub rpc_load_state_bytes: Option<u64>,
    /// Bytes of a typed document to sign [default: 131072]
    #[arg(long, env = "MAINSPRING_RPC_TYPED_DATA_BYTES", value_name = "BYTES")]
    #[arg(help_heading = LIMITS)]
    pub rpc_typed_data_bytes: Option<usize>,
    /// Tracers in JavaScript that run at once, each in a process of its own [default: 4]
    #[arg(long, env = "MAINSPRING_SCRIPTS", value_name = "COUNT", help_heading = LIMITS)]
    pub scripts: Option<usize>,
    /// Bytes of memory that one of them may use [default: 268435456]
    #[arg(long, env = "MAINSPRING_SCRIPT_MEMORY_LIMIT", value_name = "BYTES")]
    #[arg(help_heading = LIMITS)]
    pub script_memory_limit: Option<u64>,
    /// Seconds that one request may run them, and may wait in line [default: 60]
    #[arg(long, env = "MAINSPRING_SCRIPT_SECONDS", value_name = "SECONDS", help_heading = LIMITS)]
    pub script_seconds: Option<f64>,
    /// Snapshots (evm_snapshot) that may be kept [default: 100000]
    #[arg(long, env = "MAINSPRING_MAX_SNAPSHOTS", value_name = "COUNT", help_heading = LIMITS)]
    pub max_snapshots: Option<usize>,
    /// Named branches (chain_branch) that may be kept, the current one counted [default: 1000]
    #[arg(long, env = "MAINSPRING_MAX_BRANCHES", value_name = "COUNT", help_heading = LIMITS)]
    pub max_branches: Option<usize>,
    /// Bytes that they may take: blocks off the current branch with what they changed
    /// [default: 268435456]
    #[arg(long, env = "MAINSPRING_MAX_BRANCH_BYTES", value_name = "BYTES", help_heading = LIMITS)]
    pub max_branch_bytes: Option<usize>,
    /// Open connections [default: 500]
    #[arg(long, env = "MAINSPRING_RPC_MAX_CONNECTIONS", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub rpc_max_connections: Option<u32>,
    /// Requests a second of one client, which is an IPv4 address or an IPv6 network of 64 bits; ten
    /// seconds' worth may come at once, and this machine is exempt [default: 1000]
    #[arg(long, env = "MAINSPRING_RPC_CLIENT_REQUESTS", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub rpc_client_requests: Option<u32>,
    /// Bytes of answers that a client gets a second [default: 26214400]
    #[arg(long, env = "MAINSPRING_RPC_CLIENT_BYTES", value_name = "BYTES", help_heading = LIMITS)]
    pub rpc_client_bytes: Option<u32>,
    /// Open connections of one client [default: 256]
    #[arg(long, env = "MAINSPRING_RPC_CLIENT_CONNECTIONS", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub rpc_client_connections: Option<u32>,
    /// Clients that are told apart; more share the limits of one [default: 10000]
    #[arg(long, env = "MAINSPRING_RPC_CLIENTS", value_name = "COUNT", help_heading = LIMITS)]
    pub rpc_clients: Option<usize>,
    /// Let the limits of clients hold for this machine too
    #[arg(long, env = "MAINSPRING_RPC_LIMIT_LOOPBACK", help_heading = LIMITS)]
    pub rpc_limit_loopback: bool,
    /// Subscriptions of one connection [default: 128]
    #[arg(long, env = "MAINSPRING_RPC_MAX_SUBSCRIPTIONS", value_name = "COUNT")]
    #[arg(help_heading = LIMITS)]
    pub rpc_max_subscriptions: Option<u32>,
    /// Blocks kept in memory before they are written into the state [default: 64]
    #[arg(long, env = "MAINSPRING_WRITER_BLOCKS", value_name = "COUNT", help_heading = LIMITS)]
    pub writer_blocks: Option<usize>,
    /// Their size in bytes [default: 16777216]
    #[arg(long, env = "MAINSPRING_WRITER_BYTES", value_name = "BYTES", help_heading = LIMITS)]
    pub writer_bytes: Option<usize>,
    /// Seconds they may be kept [default: 2]
    #[arg(long, env = "MAINSPRING_WRITER_SECONDS", value_name = "SECONDS", help_heading = LIMITS)]
    pub writer_seconds: Option<f64>,
    /// Gas they may have used: bounds the next start [default: 500000000]
    #[arg(long, env = "MAINSPRING_WRITER_GAS", value_name = "GAS", help_heading = LIMITS)]
    pub writer_gas: Option<u64>,
    /// Trie nodes that may stay in memory [default: 400000]
    #[arg(long, env = "MAINSPRING_TRIE_NODES", value_name = "COUNT", help_heading = LIMITS)]
    pub trie_nodes: Option<usize>,

    /// Do not print what contracts hand to console.log
    #[arg(long, env = "MAINSPRING_DISABLE_CONSOLE_LOG", visible_alias = "no-console-log")]
    #[arg(help_heading = DEBUGGING)]
    pub disable_console_log: bool,
    /// Print the calls of each transaction and call, with what they returned
    #[arg(long, env = "MAINSPRING_PRINT_TRACES", visible_alias = "enable-trace-printing")]
    #[arg(help_heading = DEBUGGING)]
    pub print_traces: bool,
    /// As in anvil; the steps of every transaction can be traced in any case, and nothing has to be
    /// recorded for it
    #[arg(long, env = "MAINSPRING_STEPS_TRACING", visible_alias = "tracing")]
    #[arg(help_heading = DEBUGGING)]
    pub steps_tracing: bool,
    /// Folders of compiled contracts, Foundry's out or Hardhat's artifacts, read again when they change:
    /// the node then names contracts, functions, errors and lines
    #[arg(long, env = "MAINSPRING_ARTIFACTS", value_name = "DIR", value_delimiter = ',')]
    #[arg(help_heading = DEBUGGING)]
    pub artifacts: Option<Vec<PathBuf>>,
    /// Bytes of one file of them [default: 134217728]
    #[arg(long, env = "MAINSPRING_ARTIFACTS_MAX_FILE_BYTES", value_name = "BYTES")]
    #[arg(help_heading = DEBUGGING)]
    pub artifacts_max_file_bytes: Option<u64>,
    /// Files of them [default: 20000]
    #[arg(long, env = "MAINSPRING_ARTIFACTS_MAX_FILES", value_name = "COUNT")]
    #[arg(help_heading = DEBUGGING)]
    pub artifacts_max_files: Option<usize>,
    /// Bytes of all of them [default: 536870912]
    #[arg(long, env = "MAINSPRING_ARTIFACTS_MAX_BYTES", value_name = "BYTES")]
    #[arg(help_heading = DEBUGGING)]
    pub artifacts_max_bytes: Option<u64>,

    /// The network; a table in the file
    #[arg(skip)]
    pub p2p: NetworkArgs,

    /// Print nothing but errors
    #[arg(short, long, env = "MAINSPRING_QUIET", alias = "silent", help_heading = OUTPUT)]
    pub quiet: bool,
    /// What the log says: 0 nothing, 1 errors, 2 warnings, 3 news, 4 debugging, 5 everything [default: 3]
    #[arg(long, env = "MAINSPRING_VERBOSITY", value_name = "LEVEL", help_heading = OUTPUT)]
    pub verbosity: Option<u64>,
    /// Print logs as JSON, a line each
    #[arg(long, env = "MAINSPRING_JSON_LOGS", alias = "json", help_heading = OUTPUT)]
    pub json_logs: bool,
    /// Write accounts, keys and genesis values as JSON into a file
    #[arg(long, env = "MAINSPRING_CONFIG_OUT", value_name = "FILE", help_heading = OUTPUT)]
    pub config_out: Option<PathBuf>,
}

const DEBUGGING: &str = "Debugging";
/// Name of the socket in the data directory.
pub const DEFAULT_IPC: &str = "mainspring.ipc";

const SERVER: &str = "Server";
const DATA: &str = "Data";
const GENESIS: &str = "Genesis";
const FORK: &str = "Fork";
const ACCOUNTS: &str = "Accounts";
const SEALING: &str = "Blocks";
const EVM: &str = "Execution";
const LIMITS: &str = "Limits";
const OUTPUT: &str = "Output";

impl Settings {
    /// Reads a settings file. The keys are the flags' names; an unknown one is an error.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut text = String::new();
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        if text.len() as u64 > MAX_BYTES {
            return Err(ConfigError::TooLong { path: path.to_owned(), limit: MAX_BYTES });
        }
        toml::from_str(&text)
            .map_err(|reason| ConfigError::File { path: path.to_owned(), reason: Box::new(reason) })
    }

    /// These settings, and for those that nobody named here what `weaker` says. A switch is on if
    /// either turns it on.
    pub fn over(self, weaker: Self) -> Result<Self, ConfigError> {
        let strong = serde_json::to_value(self).map_err(ConfigError::Combine)?;
        let mut merged = serde_json::to_value(weaker).map_err(ConfigError::Combine)?;
        merge(&mut merged, strong);
        serde_json::from_value(merged).map_err(ConfigError::Combine)
    }
}

/// Puts what is named in `strong` in the place of what `weak` says, also inside of tables.
fn merge(weak: &mut serde_json::Value, strong: serde_json::Value) {
    let (Some(weak), serde_json::Value::Object(strong)) = (weak.as_object_mut(), strong) else {
        return;
    };
    for (name, value) in strong.into_iter().filter(|(_name, value)| is_named(value)) {
        match weak.get_mut(&name) {
            Some(table) if table.is_object() => merge(table, value),
            _ => drop(weak.insert(name, value)),
        }
    }
}

fn is_named(value: &serde_json::Value) -> bool {
    !value.is_null() && value != false
}
