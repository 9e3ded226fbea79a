//! Wiring: the only file that knows every part, starts every thread and task, and stops them.

mod directory;
mod report;

use crate::{
    chain::{self, Chain, ChainError, ChainSettings, FlushLimits, Opened},
    config::Config,
    dev::{
        Dev,
        accounts::{AccountsError, DevAccounts},
    },
    pool::{Pool, PoolError},
    primitives::SealedHeader,
    rpc::{self, Readiness, RpcContext, ServeError, ServerSettings},
    sealer::{Mode, SealerHandle, SealerSettings, Sealer},
    spec::{ChainSpec, SpecError, dev::DevGenesis},
    storage::StorageError,
};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, U256};
use directory::Directory;
use jsonrpsee::server::ServerHandle;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::task::JoinSet;

/// The pool's journal is made durable this often.
const JOURNAL_INTERVAL: Duration = Duration::from_secs(1);

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
    /// The pool's journal is damaged.
    #[error(transparent)]
    Pool(#[from] PoolError),
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
    /// Where it listens; the first is the one to tell users.
    pub addresses: Vec<SocketAddr>,
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its development accounts and their keys.
    pub accounts: Arc<DevAccounts>,
    /// Accounts that the genesis funds, with their balance in wei.
    pub funded: Vec<(Address, U256)>,
    /// What opening the chain found.
    pub opened: Opened,
    /// Where the data lives; it is deleted at the end if `temporary`.
    pub data_dir: PathBuf,
    /// Is the data thrown away at the end?
    pub temporary: bool,
    pool: Arc<Pool>,
    sealer: SealerHandle,
    servers: Vec<ServerHandle>,
    tasks: JoinSet<()>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
    _directory: Directory,
}

/// Starts a development node. It listens when this returns.
pub async fn start(config: Config) -> Result<NodeHandle, NodeError> {
    let accounts = Arc::new(DevAccounts::from_config(&config.accounts)?);
    let funded = funded(&config, &accounts);
    let directory = Directory::open(&config)?;
    let spec = Arc::new(spec(&config, &directory, &funded)?);
    let storage = directory.storage.clone();
    let (chain, opened) = Chain::open(storage, spec, chain_settings(&config))?;
    let pool = Arc::new(restore_pool(&chain, &config)?);

    let sealer = Sealer::new(chain.clone(), pool.clone(), sealer_settings(&config));
    let handle = sealer.handle();
    let dev = Dev::new(chain.clone(), pool.clone(), handle.clone(), config.auto_impersonate);
    let writer = chain.clone();
    let threads = vec![
        ("sealer", thread("sealer", move || sealer.run())?),
        ("state writer", thread("state writer", move || writer.run_state_writer())?),
    ];
    let mut tasks = JoinSet::new();
    tasks.spawn(report::report(chain.clone(), chain.subscribe()));
    tasks.spawn(journal(chain.clone(), pool.clone()));

    let api = rpc::Api::new(RpcContext {
        chain: chain.clone(),
        pool: pool.clone(),
        sealer: handle.clone(),
        accounts: accounts.clone(),
        dev: Arc::new(dev),
        limits: config.rpc.clone(),
        fees: config.fees,
        ready: readiness(&chain),
    });
    let settings = ServerSettings { allow_origin: config.allow_origin.clone() };
    let (mut addresses, mut servers) = (Vec::new(), Vec::new());
    for host in &config.hosts {
        let wanted = SocketAddr::new(*host, config.port);
        let (address, server) = rpc::serve(&api, wanted, &settings).await?;
        addresses.push(address);
        servers.push(server);
    }
    Ok(NodeHandle {
        addresses,
        chain,
        accounts,
        funded,
        opened,
        data_dir: directory.path.clone(),
        temporary: config.ephemeral,
        pool,
        sealer: handle,
        servers,
        tasks,
        threads,
        _directory: directory,
    })
}

impl NodeHandle {
    /// The head.
    pub fn head(&self) -> Arc<SealedHeader> {
        self.chain.head()
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
    let own = accounts.addresses().into_iter().map(|address| (address, config.balance));
    own.chain(config.fund_accounts.iter().copied()).collect()
}

/// The rules: of the stored chain, of a genesis file, or of a new development chain.
fn spec(
    config: &Config,
    directory: &Directory,
    funded: &[(Address, U256)],
) -> Result<ChainSpec, NodeError> {
    let given = config.init.as_ref().map(read_genesis).transpose()?;
    match (directory.genesis()?, given) {
        // Opening compares the genesis hashes.
        (_, Some(given)) => Ok(ChainSpec::from_genesis(given)?),
        (Some(stored), None) => {
            let stored = ChainSpec::from_genesis(stored)?;
            directory::check_flags(config, &stored)?;
            if config.accounts_given {
                directory::check_accounts(funded, &stored.genesis)?;
            }
            Ok(stored)
        }
        (None, None) => Ok(ChainSpec::from_genesis(dev_genesis(config, funded).genesis())?),
    }
}

fn read_genesis(path: &PathBuf) -> Result<Genesis, NodeError> {
    let text = std::fs::read(path)
        .map_err(|source| NodeError::GenesisFile { path: path.clone(), source })?;
    serde_json::from_slice(&text)
        .map_err(|source| NodeError::GenesisFormat { path: path.clone(), source })
}

fn dev_genesis(config: &Config, funded: &[(Address, U256)]) -> DevGenesis {
    DevGenesis {
        chain_id: config.chain_id.unwrap_or(Config::CHAIN_ID),
        timestamp: config.timestamp.unwrap_or_else(chain::genesis_time),
        number: config.number.unwrap_or(0),
        gas_limit: config.gas_limit.unwrap_or(Config::GAS_LIMIT),
        base_fee: config.base_fee.unwrap_or(Config::BASE_FEE),
        fork: config.hardfork.unwrap_or_default(),
        accounts: funded.to_vec(),
        create2_deployer: config.create2_deployer,
    }
}

fn chain_settings(config: &Config) -> ChainSettings {
    ChainSettings {
        evm: config.evm.clone(),
        flush: FlushLimits {
            blocks: config.flush_blocks,
            bytes: config.flush_bytes,
            gas: config.flush_gas,
            age: config.flush_age,
        },
        trie_nodes: config.trie_nodes,
        slots_in_an_epoch: config.slots_in_an_epoch,
    }
}

fn sealer_settings(config: &Config) -> SealerSettings {
    SealerSettings {
        mode: Mode::from_settings(config.block_time, config.mixed_mining, config.no_mining),
        order: config.order,
        coinbase: config.coinbase,
        answer_at_once: config.async_automine,
        max_transactions: config.max_transactions,
        max_tx_bytes: config.max_tx_bytes,
        min_tip: config.min_tip,
        disable_balance_check: config.disable_pool_balance_checks,
    }
}

fn restore_pool(chain: &Chain, config: &Config) -> Result<Pool, NodeError> {
    let pool = Pool::new(config.pool);
    let (_, view) = chain.latest()?;
    let nonce = |sender| view.account(sender).ok().flatten().map_or(0, |account| account.nonce);
    pool.restore(chain.pool_journal()?, nonce)?;
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
    chain.write_pool_journal(&changes.removed, &changes.added)
}

fn readiness(chain: &Arc<Chain>) -> Readiness {
    let chain = chain.clone();
    Readiness::new(move || match chain.write_failure() {
        None => Ok(()),
        Some(failure) => Err(failure.to_string()),
    })
}

#[expect(clippy::disallowed_methods, reason = "node is the one place that starts threads")]
fn thread(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, NodeError> {
    std::thread::Builder::new().name(name.into()).spawn(body).map_err(NodeError::Thread)
}
