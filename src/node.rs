//! Wiring: the only file that knows every part, starts every thread and task, and stops them.
//!
//! | file | question |
//! |---|---|
//! | `access` | who may ask from other machines? |
//! | `directory` | where does the data live, and does it belong to this chain? |
//! | `database` | what can be done with a data directory as a whole? |
//! | `stored` | what do commands work on while nobody serves the chain? |
//! | `fork` | is the chain a fork, and who answers for the rest of it? |
//! | `genesis_file` | how does a genesis go into a file, and the state of a stored chain with it? |
//! | `files` | how do blocks lie in files? |
//! | `follow` | who tells the pool what others did to the chain? |
//! | `hold` | who tells the sealer what the network knows? |
//! | `library` | who reads artifacts, and reads them again when they change? |
//! | `import` | how do blocks come from a file into a chain? |
//! | `ipc` | does the node answer on a Unix socket? |
//! | `error` | why did it not start? |
//! | `network` | does the node have a network, and how do transactions of peers come into the pool? |
//! | `metrics` | what does the node say of itself in numbers? |
//! | `parts` | what does each part need of the settings? |
//! | `progress` | how far is long work? |
//! | `rules` | under which rules does the chain stand, and does the node make its blocks? |
//! | `state_file` | which file is the chain loaded from, and which is it dumped to? |
//! | `stories` | what did the transactions of a new block do that its receipts do not say? |
//! | `signers` | what does the log say of who may sign blocks? |
//! | `report` | what does the log say of the chain? |
//! | `watchdog` | does nothing come when a block is expected? |

mod access;
pub mod database;
mod directory;
mod error;
mod files;
mod follow;
mod fork;
mod genesis_file;
mod hold;
mod import;
mod ipc;
mod library;
mod metrics;
mod network;
mod parts;
mod progress;
mod report;
mod rules;
mod signers;
mod state_file;
mod stored;
mod stories;
mod watchdog;

pub use error::NodeError;
pub use files::{BlocksOut, ExportFailure, blocks_in, check_range, export, is_compressed};
pub use genesis_file::{SourceChain, write_genesis};
pub use import::{ImportFailure, Step, import};
pub use progress::Progress;
pub use stored::StoredChain;

use crate::{
    chain::{Chain, ChainError, ChainSettings, Opened},
    config::{Config, DialectName, Role},
    dev::{Answers, Dev, accounts::DevAccounts, keyring::key_from_files},
    network::NetworkHandle,
    pool::{self, Limits, Pool},
    primitives::SealedHeader,
    rpc::{self, Dialect, FeeSettings, Kind, Namespaces, RpcContext, Verbosity},
    sealer::{Authority, DatasetProgress, Miner, Sealer, SealerHandle, SealerSettings},
    spec::{self, ChainSpec},
};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, U256};
use directory::Directory;
use jsonrpsee::server::ServerHandle;
use metrics::{MetricsServer, Sources};
use state_file::StateFile;
use std::{
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};
use watchdog::Watched;

/// The pool's journal is made durable this often.
const JOURNAL_INTERVAL: Duration = Duration::from_secs(1);
/// Longest genesis file, in bytes: room for millions of accounts.
const MAX_GENESIS_BYTES: u64 = 256 << 20;
/// How often it is checked that all threads live.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// How long a node that stops waits for the answers that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A running node. Dropping it without [`NodeHandle::shutdown`] is like `kill -9`: nothing that
/// was visible is lost, and the next start executes the last blocks again.
#[derive(Debug)]
pub struct NodeHandle {
    addresses: Vec<SocketAddr>,
    chain: Arc<Chain>,
    accounts: Arc<DevAccounts>,
    genesis: Arc<SealedHeader>,
    opened: Opened,
    fees: FeeSettings,
    pool: Arc<Pool>,
    sealer: SealerHandle,
    servers: Vec<ServerHandle>,
    /// Serve requests until the very end: those that wait for a block are told that there comes none.
    ports: JoinSet<()>,
    network: Option<network::Joined>,
    ipc_path: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    tasks: JoinSet<()>,
    state_file: Option<Arc<StateFile>>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
    /// Of upstreams.
    answers: Arc<Answers>,
    library: Option<library::Reader>,
    _directory: Directory,
}

/// Starts a node of the role that the settings say. It listens when this returns. `verbosity` changes
/// the level of the log.
pub async fn start(mut config: Config, verbosity: Verbosity) -> Result<NodeHandle, NodeError> {
    if config.role != Role::Development {
        // Keys that everyone knows have no place on a chain of others.
        config.accounts.count = 0;
    }
    let token = access::token(&config)?;
    let accounts = Arc::new(config.accounts.derive()?);
    let metrics = MetricsServer::open(config.server.metrics).await?;
    let funded = funded(&config, &accounts);
    let directory = Directory::open(&config)?;
    let answers = Arc::new(Answers::in_folder(fork::cache_dir(&config)));
    let (fork, origin) = fork::open(&config, &directory, &funded, &answers)?;
    let spec = rules::of(&config, &directory, &funded, fork.as_ref(), origin.as_ref())?;
    let spec = Arc::new(spec);
    rules::check_sealing(&mut config, &spec)?;
    let authority = authority(&config, &spec)?;
    let storage = directory.storage.clone();
    let mut settings = parts::chain_settings(&config, &spec);
    let miner = miner(&config, &spec, &settings)?;
    settings.remote = fork.as_ref().map(fork::Fork::remote);
    let founding = fork.as_ref().and_then(fork::Fork::founding);
    let (chain, opened) = Chain::open_on(storage, spec, settings, founding)?;
    if let Some(fork) = &fork {
        fork::settle(&config, fork, origin.is_some(), &chain)?;
    }
    if origin.is_none() {
        chain.forget_origin()?;
    }
    let first = chain.first();
    if let Some(before) = directory.before.filter(|_| config.data.rotate_chain_id) {
        // A genesis with an id of its own is a new network already.
        if before.genesis_chain_id == chain.spec().chain_id() {
            chain.develop(|set| set.set_chain_id(first, before.next_chain_id))?;
        }
    }
    let state_file = state_file::open(&config.state, &chain, config.output.quiet)?;
    let genesis = chain.header(chain.first())?.ok_or(NodeError::NoGenesis)?;
    let pool = Arc::new(restore_pool(&chain, &config)?);

    let settings = SealerSettings { authority, miner, ..parts::sealer_settings(&config) };
    let sealer = Sealer::new(chain.clone(), pool.clone(), settings);
    let handle = sealer.handle();
    hold::begin(&config, &chain, &handle);
    let dev = Dev::new(chain.clone(), pool.clone(), handle.clone(), parts::dev_settings(&config));
    let dev = dev.with_beginnings(fork::beginnings(&config, &chain, origin, funded, &answers)?);
    let writer = chain.clone();
    let threads = vec![
        ("sealer", thread("sealer", move || sealer.run())?),
        ("state writer", thread("state writer", move || writer.run_state_writer())?),
    ];
    if config.role != Role::Development && chain.head().excess_blob_gas.is_some() {
        // Nobody waits for its end. Development chains hardly see blobs and start in no time.
        drop(thread("blob setup", pool::load_trusted_setup)?);
    }
    let keyring = Arc::new(directory::keyring(&config, &accounts)?);
    let mut tasks = JoinSet::new();
    tasks.spawn(fork::keep_answers(answers.clone()));
    let told = parts::told(&config);
    let library = library::follow(&config.debugging, told.shelf.clone())?;
    tasks.spawn(report::report(chain.clone(), told.clone(), chain.subscribe()));
    tasks.spawn(journal(chain.clone(), pool.clone()));
    if chain.spec().mode == spec::Mode::Poa {
        tasks.spawn(signers::tell(chain.clone(), chain.subscribe()));
    }
    if let Some(file) = state_file.clone() {
        tasks.spawn(state_file::keep(file, chain.clone(), config.state.interval));
    }
    tasks.spawn(follow::follow(handle.clone(), chain.subscribe()));

    let network = network::join(&config, &directory.path, &chain, &pool, &handle).await?;
    let peers = network.as_ref().map(|it| it.handle().clone());
    tasks.spawn(watchdog::watch(Watched {
        chain: chain.clone(),
        pool: pool.clone(),
        sealer: handle.clone(),
        network: peers.clone(),
        is_development: config.role == Role::Development,
    }));
    let api = rpc::Api::new(RpcContext {
        chain: chain.clone(),
        pool: pool.clone(),
        sealer: handle.clone(),
        accounts: keyring,
        dev: Arc::new(dev),
        limits: parts::rpc_limits(&config),
        fees: parts::fee_settings(&config),
        dialect: match config.server.dialect {
            DialectName::Geth => Dialect::Geth,
            DialectName::Hardhat => Dialect::Hardhat,
        },
        namespaces: Namespaces {
            kind: match config.role {
                Role::Development => Kind::Development,
                Role::Stored { .. } => Kind::Stored(chain.spec().mode),
            },
            admin: config.server.hosts.iter().all(std::net::IpAddr::is_loopback),
            named: config.server.namespaces.clone(),
        },
        ready: network::readiness(&config, &chain, &handle, peers.as_ref()),
        verbosity,
        files: files::files(&chain, directory.path.clone()),
        scripts: parts::script_host(&config),
        told,
        network: peers.clone(),
    });
    let settings = access::settings(&config, token);
    let (mut addresses, mut servers, mut ports) = (Vec::new(), Vec::new(), JoinSet::new());
    for host in &config.server.hosts {
        let wanted = SocketAddr::new(*host, config.server.port);
        let (address, server, serving) = rpc::serve(&api, wanted, &settings).await?;
        ports.spawn(serving);
        addresses.push(address);
        servers.push(server);
    }
    let fees = api.fees;
    let ipc = ipc::open(&api, &config.server.ipc, &directory.path)?;
    let ipc_path = ipc.as_ref().map(|server| server.path().clone());
    ipc.map(|server| tasks.spawn(server.run()));
    let metrics_address = metrics.as_ref().map(MetricsServer::address);
    if let Some(server) = metrics {
        let (storage, sealer) = (directory.storage.clone(), handle.clone());
        let (chain, pool) = (chain.clone(), pool.clone());
        tasks.spawn(server.run(Sources { chain, pool, sealer, api, storage, network: peers }));
    }
    Ok(NodeHandle {
        addresses,
        chain,
        accounts,
        genesis,
        opened,
        fees,
        pool,
        sealer: handle,
        servers,
        ports,
        network,
        ipc_path,
        metrics: metrics_address,
        tasks,
        state_file,
        threads,
        answers,
        library,
        _directory: directory,
    })
}

impl NodeHandle {
    /// Where it listens: one address a host.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where its Unix socket is, if it has one.
    pub fn ipc_path(&self) -> Option<&Path> {
        self.ipc_path.as_deref()
    }

    /// Its network, if it has one.
    pub fn network(&self) -> Option<&NetworkHandle> {
        self.network.as_ref().map(network::Joined::handle)
    }

    /// Where its numbers are, if it serves them.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The chain.
    pub const fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Its development accounts and their keys.
    pub fn accounts(&self) -> &DevAccounts {
        &self.accounts
    }

    /// What its development accounts have at the head, in wei.
    pub fn balances(&self) -> Result<Vec<U256>, NodeError> {
        let (_head, view) = self.chain.latest()?;
        let account = |address| view.account(address).map_err(ChainError::from);
        let balance = |address| Ok(account(address)?.map_or(U256::ZERO, |found| found.balance));
        self.accounts.addresses().into_iter().map(balance).collect()
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
        self.chain.spec().chain_id()
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
        let policy = self.fees.on(self.chain.spec().fee_market);
        policy.gas_price(self.chain.next_base_fee(&self.chain.head()))
    }

    /// How far the dataset is that the miner makes, if it makes one.
    pub fn dataset_progress(&self) -> Option<DatasetProgress> {
        self.sealer.miner()?.dataset_progress()
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
        self.chain.stop_checking_seals();
        for server in &self.servers {
            // Stopped already is stopped.
            let _ = server.stop();
        }
        // What is answered yet the peers are told below.
        let answered = async { while self.ports.join_next().await.is_some() {} };
        let _ = timeout(LAST_ANSWERS, answered).await;
        self.tasks.shutdown().await;
        if let Some(network) = self.network.take() {
            network.leave().await;
        }
        self.sealer.stop();
        self.chain.stop();
        drop(self.library.take());
        for (name, thread) in self.threads.drain(..) {
            thread.join().map_err(|_panicked| NodeError::ThreadFailed(name))?;
        }
        write_journal(&self.chain, &self.pool)?;
        if let Some(cache) = self.answers.opened() {
            cache.flush();
        }
        self.chain.flush_state()?;
        self.state_file.map_or(Ok(()), |file| file.write(&self.chain))
    }
}

/// The development accounts and those that `--fund-accounts` names, with their balances in wei.
fn funded(config: &Config, accounts: &DevAccounts) -> Vec<(Address, U256)> {
    let own = accounts.addresses().into_iter().map(|address| (address, config.accounts.balance));
    own.chain(config.genesis.funded.iter().copied()).collect()
}

/// Who signs blocks here.
fn authority(config: &Config, spec: &ChainSpec) -> Result<Option<Arc<Authority>>, NodeError> {
    let Some(signer) = &config.signer else { return Ok(None) };
    if spec.mode != spec::Mode::Poa {
        return Err(NodeError::NothingToSign { mode: spec.mode });
    }
    if matches!(config.role, Role::Stored { seals: false, .. }) {
        return Ok(None);
    }
    let failed = |source| NodeError::SignerKey {
        key: signer.key.clone(),
        password: signer.password.clone(),
        source,
    };
    let key = key_from_files(&signer.key, &signer.password).map_err(failed)?;
    Ok(Some(Arc::new(Authority::new(key))))
}

/// Who mines here.
fn miner(
    config: &Config,
    spec: &ChainSpec,
    settings: &ChainSettings,
) -> Result<Option<Arc<Miner>>, NodeError> {
    let is_network = spec.mode == spec::Mode::Pow && config.role != Role::Development;
    if config.mining.mines && !is_network {
        return Err(NodeError::NothingToMine { mode: spec.mode });
    }
    let miner = || Arc::new(parts::miner(config, settings.ethash.clone()));
    Ok(is_network.then(miner))
}

/// The text of a genesis file, if it has not too many bytes.
///
/// # Errors
/// [`NodeError::GenesisFile`] or [`NodeError::GenesisTooLong`].
pub fn read_genesis_text(path: &Path) -> Result<Vec<u8>, NodeError> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path);
    file.and_then(|file| file.take(MAX_GENESIS_BYTES + 1).read_to_end(&mut text))
        .map_err(|source| NodeError::GenesisFile { path: path.into(), source })?;
    if text.len() as u64 > MAX_GENESIS_BYTES {
        return Err(NodeError::GenesisTooLong { path: path.into(), limit: MAX_GENESIS_BYTES });
    }
    Ok(text)
}

fn read_genesis(path: &Path) -> Result<Genesis, NodeError> {
    let text = read_genesis_text(path)?;
    let format = |source| NodeError::GenesisFormat { path: path.into(), source };
    let genesis: serde_json::Value = serde_json::from_slice(&text).map_err(format)?;
    // Without these, geth takes a file for no genesis either; a chain would come of anything else.
    for field in ["config", "gasLimit", "difficulty", "alloc"] {
        if genesis.get(field).is_none() {
            return Err(NodeError::GenesisField { path: path.into(), field });
        }
    }
    let names = |source| NodeError::GenesisNames { path: path.into(), source };
    spec::check_names(&genesis).map_err(names)?;
    serde_json::from_value(genesis).map_err(format)
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

/// Makes the pool's journal durable: at intervals, and at once when a branch lost what was durable in it.
async fn journal(chain: Arc<Chain>, pool: Arc<Pool>) {
    let mut ticks = tokio::time::interval(JOURNAL_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut returns = pool.returns();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = returns.changed() => {}
        }
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

fn thread(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, NodeError> {
    std::thread::Builder::new().name(name.into()).spawn(body).map_err(NodeError::Thread)
}
