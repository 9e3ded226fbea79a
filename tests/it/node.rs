//! A chain in a temporary directory with its threads: start, stop, kill, reopen.

use crate::wallet::{CHAIN_ID, key};
use alloy_genesis::{CliqueConfig, EthashConfig};
use alloy_primitives::{Address, U256, address};
use mainspring::{
    chain::{
        BranchLimits, Chain, ChainError, ChainEvent, ChainSettings, FlushLimits, Founding, Opened,
        verify,
    },
    consensus::{Ethash, clique::Extra, ethash::Sizes},
    dev::{Dev, DevSettings},
    evm::EvmSettings,
    pool::{Limits, Order, Pool},
    primitives::{Block, Transaction},
    sealer::{
        Authority, BlockOptions, Miner, MinerSettings, Mode, SealError, Sealer, SealerHandle,
        SealerSettings, Wishes,
    },
    spec::{ChainSpec, Fork, MINIMUM_DIFFICULTY, dev::DevGenesis},
    state::full_root,
    storage::{Durability, Storage},
};
#[cfg(feature = "failpoints")]
use parking_lot::RwLockWriteGuard;
use parking_lot::{RwLock, RwLockReadGuard};
use rand::{Rng, rngs::StdRng};
use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

/// Who receives the tips.
pub(crate) const COINBASE: Address = address!("00000000000000000000000000000000c01bace0");

/// What each of the test keys starts with, in wei.
pub(crate) fn start_balance() -> U256 {
    U256::from(10).pow(U256::from(21))
}

/// What a test chain is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) fork: Fork,
    /// Number of the genesis block.
    pub(crate) first: u64,
    pub(crate) keys: u64,
    pub(crate) gas_limit: u64,
    pub(crate) code_size_limit: Option<usize>,
    pub(crate) flush: FlushLimits,
    /// Does the background writer run?
    pub(crate) writer: bool,
    pub(crate) trie_nodes: usize,
    pub(crate) mode: Mode,
    pub(crate) durability: Durability,
    /// Do blocks have a difficulty? Then nobody here seals, and blocks come from outside.
    pub(crate) work: bool,
    /// Is their work proven? It is little.
    pub(crate) proof: bool,
    /// Who is paid for blocks that are mined here, with this many threads. The work is proven and little.
    pub(crate) mines: Option<(Address, usize)>,
    /// Where the miner keeps datasets.
    pub(crate) dataset: Option<PathBuf>,
    /// So many of the test keys sign blocks in turn; none: no proof of authority.
    pub(crate) signers: u64,
    /// The test key that signs here.
    pub(crate) signs: Option<u64>,
    /// What it begins with instead of its genesis.
    pub(crate) founding: Option<Founding>,
    /// How many states are kept below the newest.
    pub(crate) keep_states: Option<u64>,
    /// Is there an index of addresses?
    pub(crate) address_index: bool,
    pub(crate) branches: BranchLimits,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            fork: Fork::Osaka,
            first: 0,
            keys: 4,
            gas_limit: 30_000_000,
            code_size_limit: None,
            flush: FlushLimits::default(),
            writer: true,
            trie_nodes: 100_000,
            mode: Mode::Manual,
            durability: Durability::Synced,
            work: false,
            proof: false,
            mines: None,
            dataset: None,
            signers: 0,
            signs: None,
            founding: None,
            keep_states: None,
            address_index: true,
            branches: BranchLimits::default(),
        }
    }
}

impl Setup {
    /// The state is written only when the test asks for it.
    pub(crate) fn quiet(self) -> Self {
        let flush = FlushLimits {
            blocks: usize::MAX,
            bytes: usize::MAX,
            gas: u64::MAX,
            age: Duration::from_secs(1 << 30),
        };
        Self { flush, writer: false, ..self }
    }

    /// Written after a few blocks, or as nodes do it; nothing is synced.
    pub(crate) fn at_any_pace(rng: &mut StdRng) -> Self {
        let tiny = FlushLimits {
            blocks: rng.random_range(1..6),
            age: Duration::from_millis(20),
            ..FlushLimits::default()
        };
        let flush = if rng.random_bool(0.5) { tiny } else { FlushLimits::default() };
        Self { flush, durability: Durability::Ephemeral, ..Self::default() }
    }

    pub(crate) fn genesis(&self) -> DevGenesis {
        DevGenesis {
            chain_id: CHAIN_ID,
            timestamp: 1_700_000_000,
            number: self.first,
            gas_limit: self.gas_limit,
            base_fee: 1_000_000_000,
            fork: self.fork,
            accounts: (0..self.keys).map(|key_| (key(key_).address(), start_balance())).collect(),
            create2_deployer: true,
        }
    }

    pub(crate) fn spec(&self) -> Arc<ChainSpec> {
        let mut genesis = self.genesis().genesis();
        if self.work {
            genesis.difficulty = U256::from(MINIMUM_DIFFICULTY);
            genesis.config.ethash = Some(EthashConfig {});
            // No development chain: the rest of the config says what it is.
            genesis.config.extra_fields.remove("mainspring");
            genesis.config.terminal_total_difficulty = Some(U256::MAX);
        }
        if self.proof {
            genesis.difficulty = U256::from(2);
            genesis.config.ethash = Some(EthashConfig {});
            let rules = serde_json::json!({"minimumDifficulty": "0x2"});
            genesis.config.extra_fields.insert("mainspring".to_owned(), rules);
            genesis.config.terminal_total_difficulty = None;
        }
        if self.signers > 0 {
            let mut signers: Vec<_> = (0..self.signers).map(|one| key(one).address()).collect();
            signers.sort();
            genesis.extra_data = Extra { signers, ..Default::default() }.to_bytes();
            genesis.difficulty = U256::from(1);
            genesis.config.clique = Some(CliqueConfig { period: Some(1), epoch: Some(20) });
            genesis.config.extra_fields.remove("mainspring");
        }
        Arc::new(ChainSpec::from_genesis(genesis).unwrap())
    }

    pub(crate) fn chain_settings(&self) -> ChainSettings {
        ChainSettings {
            wall: Default::default(),
            evm: EvmSettings { code_size_limit: self.code_size_limit, ..Default::default() },
            flush: self.flush,
            trie_nodes: self.trie_nodes,
            slots_in_an_epoch: 0,
            verify_seals: false,
            ethash: if self.proof { Ethash::with_sizes(Sizes::TINY) } else { Ethash::shared() },
            allow_equal_timestamps: false,
            keep_states: self.keep_states,
            address_index: self.address_index,
            takes_future_blocks: false,
            remote: None,
            branches: self.branches,
        }
    }

    fn miner(&self) -> Miner {
        let wishes = Wishes {
            mines: self.mines.is_some(),
            coinbase: self.mines.map(|(coinbase, _)| coinbase),
            recommit: Duration::from_millis(100),
            ..Wishes::default()
        };
        let threads = self.mines.map_or(0, |(_, threads)| threads);
        let settings = MinerSettings { threads, wishes, dataset: self.dataset.clone() };
        Miner::new(settings, Ethash::with_sizes(Sizes::TINY))
    }

    pub(crate) fn sealer_settings(&self) -> SealerSettings {
        SealerSettings {
            mode: self.mode,
            order: Order::default(),
            coinbase: COINBASE,
            answer_at_once: false,
            max_transactions: usize::MAX,
            max_tx_bytes: 1 << 17,
            min_tip: 0,
            disable_balance_check: false,
            authority: self.signs.map(|index| Arc::new(Authority::new(key(index)))),
            miner: self.proof.then(|| Arc::new(self.miner())),
        }
    }
}

/// A chain, and the directory that outlives it.
#[derive(Debug)]
pub(crate) struct TestChain {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) setup: Setup,
    running: Option<Running>,
    /// Held after everything above has ended.
    _turn: Turn,
}

/// Failpoints belong to the process: a test that sets some runs when no other chain does.
static TURN: RwLock<()> = RwLock::new(());

#[derive(Debug)]
pub(crate) enum Turn {
    WithOthers {
        _held: RwLockReadGuard<'static, ()>,
    },
    #[cfg(feature = "failpoints")]
    Alone {
        _held: RwLockWriteGuard<'static, ()>,
    },
}

impl Turn {
    /// No test that sets failpoints runs while this is held.
    pub(crate) fn with_others() -> Self {
        Self::WithOthers { _held: TURN.read() }
    }
}

/// The parts of a running chain.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) storage: Storage,
    pub(crate) chain: Arc<Chain>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) dev: Arc<Dev>,
    pub(crate) sealer: SealerHandle,
    pub(crate) opened: Opened,
    threads: Vec<JoinHandle<()>>,
}

/// The written rows alone give the root of the head.
pub(crate) fn check_rows(node: &TestChain) {
    node.chain.flush_state().unwrap();
    let reader = node.storage.state.reader().unwrap();
    let head = node.chain.head();
    assert_eq!(full_root(&reader, head.number).unwrap(), head.state_root);
}

/// Nothing of what is stored is found wrong.
pub(crate) fn check_stored(node: &TestChain) {
    let verified = verify(&node.storage, |_| {}).unwrap();
    assert_eq!(verified.faults.count(), 0, "{:?}", verified.faults.listed());
}

impl TestChain {
    /// Sends every block of this node, from its first on, as the node's with this number.
    pub(crate) fn tell_blocks(&self, from: usize, heard: mpsc::Sender<(usize, Block)>) {
        let mut events = self.chain.subscribe();
        // It may have made some since it was started.
        for number in 1..=self.chain.head().number {
            heard.send((from, self.chain.block(number).unwrap().unwrap())).unwrap();
        }
        let pass_on = move || {
            while let Ok(event) = events.blocking_recv() {
                let ChainEvent::NewHead(new) = event else { continue };
                if heard.send((from, new.block)).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().spawn(pass_on).unwrap();
    }

    pub(crate) fn start(setup: Setup) -> Self {
        Self::start_in(setup, Turn::with_others())
    }

    /// Starts when no other chain of this process runs, and keeps it so.
    #[cfg(feature = "failpoints")]
    pub(crate) fn start_alone(setup: Setup) -> Self {
        Self::start_in(setup, Turn::Alone { _held: TURN.write() })
    }

    fn start_in(setup: Setup, turn: Turn) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let running = Some(Running::open(dir.path(), &setup).unwrap());
        Self { dir, setup, running, _turn: turn }
    }

    /// Ends everything and writes what is in memory.
    pub(crate) fn stop(&mut self) {
        self.end(true);
    }

    /// Ends everything and writes nothing: what `kill -9` leaves.
    pub(crate) fn crash(&mut self) {
        self.end(false);
    }

    fn end(&mut self, clean: bool) {
        let Some(mut running) = self.running.take() else { return };
        running.join();
        if clean {
            running.chain.flush_state().unwrap();
        }
    }

    pub(crate) fn open(&mut self) -> Result<(), ChainError> {
        assert!(self.running.is_none());
        self.running = Some(Running::open(self.dir.path(), &self.setup)?);
        Ok(())
    }

    pub(crate) fn reopen_after_crash(&mut self) -> Opened {
        self.crash();
        self.open().unwrap();
        self.opened
    }
}

impl std::ops::Deref for TestChain {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.running.as_ref().expect("the chain is open")
    }
}

impl Drop for TestChain {
    fn drop(&mut self) {
        self.crash();
    }
}

impl Running {
    pub(crate) fn open(dir: &std::path::Path, setup: &Setup) -> Result<Self, ChainError> {
        let storage = Storage::open(dir, setup.durability)?;
        let (chain, opened) = Chain::open_on(
            storage.clone(),
            setup.spec(),
            setup.chain_settings(),
            setup.founding.as_ref(),
        )?;
        let pool = Arc::new(Pool::new(Limits::default()));
        pool.restore(chain.pool_journal()?, |sender| nonce(&chain, sender));
        let sealer = Sealer::new(chain.clone(), pool.clone(), setup.sealer_settings());
        let handle = sealer.handle();
        let dev =
            Arc::new(Dev::new(chain.clone(), pool.clone(), handle.clone(), DevSettings::default()));
        let writer = chain.clone();
        let mut threads = vec![thread("sealer", move || sealer.run())];
        if setup.writer {
            threads.push(thread("state writer", move || writer.run_state_writer()));
        }
        Ok(Self { storage, chain, pool, dev, sealer: handle, opened, threads })
    }

    pub(crate) fn join(&mut self) {
        self.sealer.stop();
        self.chain.stop();
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread of the chain panicked");
        }
    }

    /// Sends and, where blocks are made on arrival, waits for the block.
    pub(crate) fn send(&self, transaction: Transaction) -> Result<(), SealError> {
        wait(self.sealer.submit(transaction)).map(drop)
    }

    /// Makes a block.
    pub(crate) fn mine(&self) -> Result<(), SealError> {
        wait(self.sealer.mine(BlockOptions::default())).map(drop)
    }

    /// Nonce and balance at the head, with edits.
    pub(crate) fn account(&self, address: Address) -> (u64, U256) {
        let (_, view) = self.chain.latest().unwrap();
        let account = view.account(address).unwrap().unwrap_or_default();
        (account.nonce, account.balance)
    }
}

fn nonce(chain: &Chain, address: Address) -> u64 {
    let (_, view) = chain.latest().unwrap();
    view.account(address).unwrap().map_or(0, |account| account.nonce)
}

/// Starts a named thread.
pub(crate) fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new().name(name.into()).spawn(body).unwrap()
}

/// Runs a future on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
