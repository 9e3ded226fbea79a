//! Wiring: the only file that knows every part, starts every thread and task, and stops them.
//!
//! | file | question |
//! |---|---|
//! | `directory` | where does the data live, and does it belong to this chain? |
//! | `stored` | what do commands work on while nobody serves the chain? |
//! | `follow` | who tells the pool what others did to the chain? |
//! | `import` | how do blocks come from a file into a chain? |
//! | `report` | what does the log say of the chain? |

mod directory;
mod follow;
mod import;
mod report;
mod stored;

pub use import::{ImportFailure, Step, import};
pub use stored::StoredChain;

use crate::{
    chain::{self, Chain, ChainError, ChainSettings, FlushLimits, Opened},
    config::{
        AccountsConfig, Config, DEFAULT_BASE_FEE, DEFAULT_CHAIN_ID, DEFAULT_GAS_LIMIT, OrderName,
        Role,
    },
    dev::{
        Dev,
        accounts::{AccountsError, DevAccounts},
    },
    evm::EvmSettings,
    pool::{self, Limits, Order, Pool},
    primitives::SealedHeader,
    rpc::{
        self, FeePolicy, Namespaces, Readiness, RpcContext, RpcLimits, ServeError, ServerSettings,
        Verbosity,
    },
    sealer::{Mode, Sealer, SealerHandle, SealerSettings},
    spec::{self, ChainSpec, Fork, SpecError, dev::DevGenesis},
    storage::StorageError,
};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, U256};
use directory::Directory;
use jsonrpsee::server::ServerHandle;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::task::JoinSet;

/// The pool's journal is made durable this often.
const JOURNAL_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is checked that all threads live.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Why the node did not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The chain cannot be opened.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The genesis makes no chain.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The accounts cannot be made.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The stored chain has no first block.
    #[error("the stored chain has no genesis block; restore a backup, or start over with --fresh")]
    NoGenesis,
    /// There is no chain in the directory.
    #[error("there is no chain in {dir}; make one with `mainspring init --datadir {dir}`")]
    NoChain {
        /// The directory.
        dir: PathBuf,
    },
    /// The genesis block is the stored one's, but the rules after it are not.
    #[error(
        "the chain in {dir} was made from a genesis file with another config; use that file, or \
         choose another directory with --datadir"
    )]
    OtherRules {
        /// The directory.
        dir: PathBuf,
    },
    /// Nobody here makes blocks of such a chain.
    #[error("this node cannot make blocks of a chain of mode {mode:?}; serve it with --no-seal")]
    CannotSeal {
        /// The chain's mode.
        mode: spec::Mode,
    },
    /// The port cannot be opened.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A setting that shapes the genesis is not what the stored chain was made with.
    #[error(
        "{flag} says {given}, but the data directory holds a chain with {stored}; leave the flag \
         out, start over with --fresh, or choose another directory with --datadir"
    )]
    Differs {
        /// The flag.
        flag: &'static str,
        /// Its value.
        given: String,
        /// The stored value.
        stored: String,
    },
    /// The genesis file cannot be read.
    #[error("cannot read the genesis file {path}: {source}")]
    GenesisFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The genesis file is not a genesis.
    #[error("{path} is not a genesis file in geth's format: {source}")]
    GenesisFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The genesis file lacks what every genesis has.
    #[error("{path} is not a genesis file in geth's format: it has no {field}")]
    GenesisField {
        /// The file.
        path: PathBuf,
        /// What is missing.
        field: &'static str,
    },
    /// The stored genesis cannot be read back.
    #[error("the stored genesis is damaged: {0}; restore a backup, or start over with --fresh")]
    StoredGenesis(serde_json::Error),
    /// `--fresh` could not empty the directory.
    #[error("--fresh cannot remove {dir}: {source}")]
    Fresh {
        /// What could not be removed.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No temporary directory for `--ephemeral`.
    #[error("cannot make a temporary directory: {0}")]
    Temporary(std::io::Error),
    /// The system starts no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A thread of the node ended by itself.
    #[error("the {0} thread failed; the log says why")]
    ThreadFailed(&'static str),
}

/// A running node. Dropping it without [`NodeHandle::shutdown`] is like `kill -9`: nothing that
/// was visible is lost, and the next start executes the last blocks again.
#[derive(Debug)]
pub struct NodeHandle {
    addresses: Vec<SocketAddr>,
    chain: Arc<Chain>,
    accounts: Arc<DevAccounts>,
    genesis: Arc<SealedHeader>,
    opened: Opened,
    fees: FeePolicy,
    pool: Arc<Pool>,
    sealer: SealerHandle,
    servers: Vec<ServerHandle>,
    tasks: JoinSet<()>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
    _directory: Directory,
}

/// Starts a node of the role that the settings say. It listens when this returns. `verbosity` changes
/// the level of the log.
pub async fn start(mut config: Config, verbosity: Verbosity) -> Result<NodeHandle, NodeError> {
    if config.role != Role::Development {
        // Keys that everyone knows have no place on a chain of others.
        config.accounts.count = 0;
    }
    let accounts = Arc::new(config.accounts.derive()?);
    let funded = funded(&config, &accounts);
    let directory = Directory::open(&config)?;
    let spec = Arc::new(chain_spec(&config, &directory, &funded)?);
    check_sealing(&mut config, &spec)?;
    let storage = directory.storage.clone();
    let first = spec.genesis.number.unwrap_or(0);
    let settings = chain_settings(&config, &spec);
    let (chain, opened) = Chain::open(storage, spec, settings)?;
    let genesis = chain.header(first)?.ok_or(NodeError::NoGenesis)?;
    let pool = Arc::new(restore_pool(&chain, &config)?);

    let sealer = Sealer::new(chain.clone(), pool.clone(), sealer_settings(&config));
    let handle = sealer.handle();
    let dev = Dev::new(chain.clone(), pool.clone(), handle.clone(), config.evm.auto_impersonate);
    let writer = chain.clone();
    let threads = vec![
        ("sealer", thread("sealer", move || sealer.run())?),
        ("state writer", thread("state writer", move || writer.run_state_writer())?),
    ];
    if config.role != Role::Development && chain.head().excess_blob_gas.is_some() {
        // Nobody waits for its end. Development chains hardly see blobs and start in no time.
        drop(thread("blob setup", pool::load_trusted_setup)?);
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(report::report(chain.clone(), chain.subscribe()));
    tasks.spawn(journal(chain.clone(), pool.clone()));
    tasks.spawn(follow::follow(handle.clone(), chain.subscribe()));

    let api = rpc::Api::new(RpcContext {
        chain: chain.clone(),
        pool: pool.clone(),
        sealer: handle.clone(),
        accounts: accounts.clone(),
        dev: Arc::new(dev),
        limits: rpc_limits(&config),
        fees: fee_policy(&config),
        namespaces: Namespaces {
            development: config.role == Role::Development,
            named: config.server.namespaces.clone(),
        },
        ready: readiness(&chain, &handle),
        verbosity,
    });
    let settings = ServerSettings { allow_origin: config.server.allow_origin.clone() };
    let (mut addresses, mut servers) = (Vec::new(), Vec::new());
    for host in &config.server.hosts {
        let wanted = SocketAddr::new(*host, config.server.port);
        let (address, server) = rpc::serve(&api, wanted, &settings).await?;
        addresses.push(address);
        servers.push(server);
    }
    Ok(NodeHandle {
        addresses,
        chain,
        accounts,
        genesis,
        opened,
        fees: fee_policy(&config),
        pool,
        sealer: handle,
        servers,
        tasks,
        threads,
        _directory: directory,
    })
}

impl NodeHandle {
    /// Where it listens: one address a host.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The chain.
    pub const fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Its development accounts and their keys.
    pub fn accounts(&self) -> &DevAccounts {
        &self.accounts
    }

    /// The first block's header.
    pub fn genesis(&self) -> &Header {
        self.genesis.inner()
    }

    /// The first block's hash.
    pub fn genesis_hash(&self) -> B256 {
        self.genesis.seal()
    }

    /// EIP-155 id.
    pub fn chain_id(&self) -> u64 {
        self.chain.spec().chain_id
    }

    /// Height of the head.
    pub fn head_number(&self) -> u64 {
        self.chain.head().number
    }

    /// What opening the chain found.
    pub const fn opened(&self) -> Opened {
        self.opened
    }

    /// What `eth_gasPrice` answers at the head, in wei per gas.
    pub fn gas_price(&self) -> u128 {
        self.fees.gas_price(self.chain.spec().next_base_fee(&self.chain.head()))
    }

    /// Returns when the node cannot go on: a thread of it has ended.
    pub async fn ended(&self) {
        let mut checks = tokio::time::interval(WATCH_INTERVAL);
        while !self.threads.iter().any(|(_, thread)| thread.is_finished()) {
            checks.tick().await;
        }
    }

    /// Stops serving, finishes the block that is being made, and writes everything.
    pub async fn shutdown(mut self) -> Result<(), NodeError> {
        for server in &self.servers {
            // Stopped already is stopped.
            let _ = server.stop();
        }
        self.tasks.shutdown().await;
        self.sealer.stop();
        self.chain.stop();
        for (name, thread) in self.threads.drain(..) {
            thread.join().map_err(|_panicked| NodeError::ThreadFailed(name))?;
        }
        write_journal(&self.chain, &self.pool)?;
        Ok(self.chain.flush_state()?)
    }
}

/// The development accounts and those that `--fund-accounts` names, with their balances in wei.
fn funded(config: &Config, accounts: &DevAccounts) -> Vec<(Address, U256)> {
    let own = accounts.addresses().into_iter().map(|address| (address, config.accounts.balance));
    own.chain(config.genesis.funded.iter().copied()).collect()
}

/// The rules: of the stored chain, of a genesis file, or of a new development chain.
fn chain_spec(
    config: &Config,
    directory: &Directory,
    funded: &[(Address, U256)],
) -> Result<ChainSpec, NodeError> {
    if config.role != Role::Development {
        return Ok(ChainSpec::from_genesis(directory.genesis()?.ok_or(NodeError::NoGenesis)?)?);
    }
    let given = config.genesis.init.as_deref().map(read_genesis).transpose()?;
    match (directory.genesis()?, given) {
        // Opening compares the genesis hashes.
        (_, Some(given)) => Ok(ChainSpec::from_genesis(given)?),
        (Some(stored), None) => {
            let stored = ChainSpec::from_genesis(stored)?;
            directory::check_flags(config, &stored)?;
            if accounts_were_chosen(config) {
                directory::check_accounts(funded, &stored.genesis)?;
            }
            Ok(stored)
        }
        (None, None) => Ok(ChainSpec::from_genesis(dev_genesis(config, funded).genesis())?),
    }
}

/// A stored chain makes blocks only if it is one of ours and nobody said no.
fn check_sealing(config: &mut Config, spec: &ChainSpec) -> Result<(), NodeError> {
    match config.role {
        Role::Stored { seals: true, .. } if spec.mode != spec::Mode::Dev => {
            Err(NodeError::CannotSeal { mode: spec.mode })
        }
        Role::Stored { seals: false, .. } => {
            config.sealing.no_mining = true;
            config.sealing.block_time = None;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn read_genesis(path: &Path) -> Result<Genesis, NodeError> {
    let text = std::fs::read(path)
        .map_err(|source| NodeError::GenesisFile { path: path.into(), source })?;
    let format = |source| NodeError::GenesisFormat { path: path.into(), source };
    let genesis: serde_json::Value = serde_json::from_slice(&text).map_err(format)?;
    // Without these, geth takes a file for no genesis either; a chain would come of anything else.
    for field in ["config", "gasLimit", "difficulty", "alloc"] {
        if genesis.get(field).is_none() {
            return Err(NodeError::GenesisField { path: path.into(), field });
        }
    }
    serde_json::from_value(genesis).map_err(format)
}

fn dev_genesis(config: &Config, funded: &[(Address, U256)]) -> DevGenesis {
    let genesis = &config.genesis;
    DevGenesis {
        chain_id: genesis.chain_id.unwrap_or(DEFAULT_CHAIN_ID),
        timestamp: genesis.timestamp.unwrap_or_else(chain::genesis_time),
        number: genesis.number.unwrap_or(0),
        gas_limit: genesis.gas_limit.unwrap_or(DEFAULT_GAS_LIMIT),
        base_fee: genesis.base_fee.unwrap_or(DEFAULT_BASE_FEE),
        fork: genesis.hardfork.unwrap_or(Fork::LATEST),
        accounts: funded.to_vec(),
        create2_deployer: !genesis.no_create2,
    }
}

fn chain_settings(config: &Config, spec: &ChainSpec) -> ChainSettings {
    let verify_seals = matches!(config.role, Role::Stored { verify_seals: true, .. });
    ChainSettings {
        evm: EvmSettings {
            code_size_limit: config.evm.code_size_limit,
            disable_block_gas_limit: config.evm.disable_block_gas_limit,
            // A developer may leave the cap out; elsewhere it is a rule.
            transaction_gas_cap: config.evm.tx_gas_cap || spec.mode != spec::Mode::Dev,
            memory_limit: config.evm.memory_limit,
            call_gas_cap: config.rpc.gas_cap,
        },
        flush: FlushLimits {
            blocks: config.writer.blocks,
            bytes: config.writer.bytes,
            gas: config.writer.gas,
            age: config.writer.age,
        },
        trie_nodes: config.writer.trie_nodes,
        slots_in_an_epoch: config.sealing.slots_in_an_epoch.unwrap_or(0),
        verify_seals,
    }
}

fn sealer_settings(config: &Config) -> SealerSettings {
    let sealing = &config.sealing;
    SealerSettings {
        mode: Mode::from_settings(sealing.block_time, sealing.mixed, sealing.no_mining),
        order: match sealing.order {
            OrderName::Fees => Order::Fees,
            OrderName::Fifo => Order::Fifo,
        },
        coinbase: Address::ZERO,
        answer_at_once: sealing.async_automine,
        max_transactions: sealing.max_transactions,
        max_tx_bytes: config.pool.max_tx_bytes,
        min_tip: 0,
        disable_balance_check: config.pool.disable_balance_checks,
    }
}

fn rpc_limits(config: &Config) -> RpcLimits {
    RpcLimits {
        body_bytes: config.rpc.max_body_bytes,
        response_bytes: config.rpc.max_response_bytes,
        batch_requests: config.rpc.max_batch as usize,
        connections: config.rpc.max_connections,
        subscriptions: config.rpc.max_subscriptions,
        log_range: config.rpc.log_range,
        logs: config.rpc.max_logs,
        heavy_calls: config.rpc.heavy_calls,
        proof_slots: config.rpc.proof_slots,
        fee_history_blocks: config.rpc.fee_history,
        mined_blocks: config.rpc.mined_blocks,
        ..RpcLimits::default()
    }
}

fn fee_policy(config: &Config) -> FeePolicy {
    let min_gas_price = config.sealing.gas_price.unwrap_or(0);
    FeePolicy { min_gas_price, ..FeePolicy::default() }
}

/// Does a flag say which accounts are funded? Without one, a stored chain keeps its own.
fn accounts_were_chosen(config: &Config) -> bool {
    config.accounts != AccountsConfig::default() || !config.genesis.funded.is_empty()
}

fn restore_pool(chain: &Chain, config: &Config) -> Result<Pool, NodeError> {
    let pool = Pool::new(Limits {
        transactions: config.pool.max_transactions,
        bytes: config.pool.max_bytes,
        per_sender: config.pool.max_per_sender,
        kept_blob_bytes: config.pool.kept_blob_bytes,
    });
    let (_, view) = chain.latest()?;
    let nonce = |sender| view.account(sender).ok().flatten().map_or(0, |account| account.nonce);
    pool.restore(chain.pool_journal()?, nonce);
    Ok(pool)
}

/// Makes the pool's journal durable at intervals.
async fn journal(chain: Arc<Chain>, pool: Arc<Pool>) {
    let mut ticks = tokio::time::interval(JOURNAL_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (chain, pool) = (chain.clone(), pool.clone());
        let written = tokio::task::spawn_blocking(move || write_journal(&chain, &pool)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(target: "pool", %error, "the journal was not written");
        }
    }
}

fn write_journal(chain: &Chain, pool: &Pool) -> Result<(), ChainError> {
    let changes = pool.journal_changes();
    if changes.is_empty() {
        return Ok(());
    }
    let written = chain.write_pool_journal(&changes.removed, &changes.added);
    if written.is_err() {
        pool.journal_not_written(changes);
    }
    written
}

fn readiness(chain: &Arc<Chain>, sealer: &SealerHandle) -> Readiness {
    let (chain, sealer) = (chain.clone(), sealer.clone());
    Readiness::new(move || match (chain.write_failure(), sealer.failure()) {
        (None, None) => Ok(()),
        (Some(failure), _) => Err(failure.to_string()),
        (None, Some(failure)) => Err(failure.to_string()),
    })
}

fn thread(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, NodeError> {
    std::thread::Builder::new().name(name.into()).spawn(body).map_err(NodeError::Thread)
}
