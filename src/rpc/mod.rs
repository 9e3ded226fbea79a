//! Ethereum JSON-RPC: translate, call one thing below, translate back.
//!
//! | file | question |
//! |---|---|
//! | `server` | on which port, with which layers around the methods? |
//! | `access` | who may ask: who knows the token |
//! | `clients` | who calls, and has that client had its share? |
//! | `middleware` | what happens to every request: log line, unknown methods, batches |
//! | `arguments` | which argument of a call is missing or cannot be read? |
//! | `calls` | how often was which method called, and how long did it take? |
//! | `ipc/` | what is answered over a Unix socket? |
//! | `ids` | is the id of a request one that an answer can carry? |
//! | `namespaces` | which methods are served, on which kind of node? |
//! | `admin` | where is the chain, and how does it go into a file and back? |
//! | `pages` | which web pages may ask? |
//! | `health` | is the node alive, can it take work? |
//! | `peers` | who is connected, who should be, and who is this node to others? |
//! | `peer_events` | `admin_subscribe`: who comes and who goes? |
//! | `push` | how does news come to a subscriber? |
//! | `resolve` | which block does a number, tag or hash mean? |
//! | `convert` | how do blocks, transactions, receipts and logs look on the wire? |
//! | `room` | how much room is left in an answer that is collected? |
//! | `params` | in which shapes do tools send blocks, numbers and options? |
//! | `drop` | what leaves the pool on demand? |
//! | `blobs` | what was in a blob? |
//! | `build` | `testing_*`: which block would be made of this? |
//! | `discover`, `openrpc/` | which methods are there, and what do they answer? |
//! | `chain` | `chain_*`: which branches have names? |
//! | `clique` | `clique_*`: who may sign blocks, and who votes for whom? |
//! | `status` | `chain_status`: who makes the next block, and why is it not there? |
//! | `dialect` | in whose words is it said? |
//! | `error` | what does a caller read when something goes wrong? |
//! | `limits` | how much may one caller ask, and which fees do we advise? |
//! | `tell` | what does the log say of calls that nobody mines? |
//! | `decoded` | what did a transaction do, in words its author knows? |
//! | `verbosity` | how much does the log say? |
//! | `anvil`, `dev` | what a developer does by hand, under all the names that tools use |
//! | `ots`, `erigon` | what do explorers ask? |
//! | `eth`, `net`, `web3`, `txpool`, `debug`, `trace`, `personal` | one documented trait a namespace or a part of it |

mod access;
pub mod admin;
pub mod anvil;
mod arguments;
pub mod blobs;
pub mod build;
mod calls;
pub mod chain;
mod clients;
pub mod clique;
mod convert;
pub mod debug;
pub mod decoded;
pub mod dev;
mod dialect;
pub mod discover;
pub mod drop;
pub mod erigon;
pub mod error;
pub mod eth;
mod health;
mod ids;
pub mod ipc;
pub mod limits;
mod middleware;
pub mod miner;
mod namespaces;
pub mod net;
pub mod ots;
mod pages;
pub mod params;
pub mod peer_events;
pub mod peers;
pub mod personal;
mod push;
mod resolve;
mod room;
mod server;
pub mod status;
mod tell;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod txpool;
mod verbosity;
pub mod web3;

pub use access::{Token, TokenError};
pub use admin::ChainFiles;
pub use calls::{MethodStats, RpcStats};
pub use clients::ClientLimits;
pub use dialect::Dialect;
pub use error::RpcError;
pub use health::Readiness;
pub use ipc::{IpcServer, SocketError};
pub use limits::{FeePolicy, FeeSettings, RpcLimits};
pub use namespaces::{Kind, Namespaces, UnknownNamespace};
pub use server::{ServeError, ServerSettings, serve};
pub use verbosity::Verbosity;

use crate::{
    chain::Chain,
    dev::{Dev, keyring::Keyring},
    evm::trace::ScriptHost,
    explain::Told,
    network::NetworkHandle,
    pool::Pool,
    sealer::SealerHandle,
};
use calls::{Calls, Subscriptions};
use eth::{nonces::Nonces, watch::Filters};
use jsonrpsee::Methods;
use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{Arc, OnceLock},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a method answers.
pub type Answer<T> = Result<T, RpcError>;

/// Everything that the methods work on, handed in by the node.
pub struct RpcContext {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Transactions that wait.
    pub pool: Arc<Pool>,
    /// Where transactions are handed in and blocks are asked for.
    pub sealer: SealerHandle,
    /// Accounts whose keys the node holds.
    pub accounts: Arc<Keyring>,
    /// Impersonations and snapshots.
    pub dev: Arc<Dev>,
    /// Bounds.
    pub limits: RpcLimits,
    /// Advised fees.
    pub fees: FeeSettings,
    /// The words of errors.
    pub dialect: Dialect,
    /// Which methods are served.
    pub namespaces: Namespaces,
    /// Asked by `/ready`.
    pub ready: Readiness,
    /// The level of the log.
    pub verbosity: Verbosity,
    /// Where the chain is, and how it goes into a file and back.
    pub files: ChainFiles,
    /// Where tracers in JavaScript run.
    pub scripts: ScriptHost,
    /// What the log says of transactions and calls by itself.
    pub told: Told,
    /// Other nodes; `None` where there is no network.
    pub network: Option<NetworkHandle>,
}

impl RpcContext {
    /// Advised fees on the chain as it is now.
    fn fee_policy(&self) -> FeePolicy {
        self.fees.on(self.chain.spec().fee_market)
    }

    /// Reads things of the chain that belong together; reads them again if another chain took its place
    /// meanwhile.
    fn at_once<T>(&self, read: impl Fn(&Self) -> T) -> T {
        loop {
            let before = self.chain.standing();
            let answer = read(self);
            if self.chain.stands(before) {
                return answer;
            }
        }
    }
}

/// The implementation of every trait: the context, and the lines in which heavy calls wait.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

struct Shared {
    context: RpcContext,
    heavy: Arc<Semaphore>,
    scripts: Arc<Semaphore>,
    nonces: Nonces,
    filters: Filters,
    /// Room for addresses and topics that filters and subscriptions watch for.
    watched: Arc<Semaphore>,
    calls: OnceLock<Arc<Calls>>,
    subscriptions: Subscriptions,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

impl Deref for Api {
    type Target = RpcContext;

    fn deref(&self) -> &RpcContext {
        &self.0.context
    }
}

impl Api {
    /// Wraps the context.
    pub fn new(context: RpcContext) -> Self {
        let heavy = Arc::new(Semaphore::new(context.limits.heavy_calls.max(1)));
        let scripts = Arc::new(Semaphore::new(context.limits.scripts.max(1)));
        let watched = context.limits.watched_terms.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            context,
            heavy,
            scripts,
            nonces: Nonces::default(),
            filters: Filters::default(),
            watched: Arc::new(Semaphore::new(watched)),
            calls: OnceLock::new(),
            subscriptions: Subscriptions::default(),
        }))
    }

    /// Runs work that takes long (calls, estimates, proofs, log searches, edits that wait for the
    /// disk) on the threads that tokio keeps for it, so that the runtime's own threads stay free
    /// for light requests. This is the one place in `rpc` that starts such work. At most
    /// [`RpcLimits::heavy_calls`] of them run at a time: their memory is bounded too.
    ///
    /// # Errors
    /// [`RpcError::Replaced`] if another chain took the place of this one meanwhile: what was read may be
    /// half of each.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RpcContext) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.blocking_apart(|node| {
            let before = node.chain.standing();
            let answer = work(node);
            if node.chain.stands(before) { answer } else { Err(RpcError::Replaced) }
        })
        .await
    }

    /// The same for work that does not read the chain, or puts another one in its place.
    async fn blocking_apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RpcContext) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let turn = self.0.heavy.clone().acquire_owned().await;
        let turn = turn.map_err(|_closed| RpcError::WorkerLost)?;
        let api = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let answer = work(&api);
            // The turn ends with the work, also when the caller has hung up before.
            drop(turn);
            answer
        });
        done.await.map_err(|_panicked| RpcError::WorkerLost)?
    }

    /// A turn to run a script. Who waits for one keeps no other work from its turn.
    async fn script_turn(&self) -> Answer<OwnedSemaphorePermit> {
        let turn = self.0.scripts.clone().acquire_owned();
        let waited = tokio::time::timeout(self.scripts.time, turn).await;
        let busy = |_| RpcError::ScriptsBusy { running: self.limits.scripts };
        waited.map_err(busy)?.map_err(|_closed| RpcError::WorkerLost)
    }

    /// Nonces of transactions that the node makes and that are on their way into the pool.
    fn nonces(&self) -> &Nonces {
        &self.0.nonces
    }

    /// What is polled.
    fn filters(&self) -> &Filters {
        &self.0.filters
    }

    /// Room for addresses and topics that are watched for.
    fn watched(&self) -> &Arc<Semaphore> {
        &self.0.watched
    }

    /// Where calls are counted.
    fn calls(&self) -> &Arc<Calls> {
        self.0.calls.get_or_init(|| Arc::new(Calls::of(&described(self.all_methods()))))
    }

    /// Every method that is served, under every name.
    pub fn methods(&self) -> Methods {
        described(self.namespaces.select(&self.all_methods()))
    }

    /// Every method that is served to programs on the same machine.
    fn local_methods(&self) -> Methods {
        described(self.namespaces.select_local(&self.all_methods()))
    }

    /// Every method that there is, served or not.
    fn all_methods(&self) -> Methods {
        let mut methods = eth::methods(self);
        for more in [
            admin::methods(self),
            peer_events::methods(self),
            peers::methods(self),
            net::methods(self),
            web3::methods(self),
            txpool::methods(self),
            anvil::methods(self),
            dev::methods(self),
            blobs::methods(self),
            drop::methods(self),
            build::methods(self),
            chain::methods(self),
            clique::methods(self),
            miner::methods(self),
            status::methods(self),
            personal::methods(self),
            debug::methods(self),
            trace::methods(self),
            ots::methods(self),
            erigon::methods(self),
            decoded::methods(self),
        ] {
            methods.merge(more).expect("namespaces differ, and no two traits share an alias");
        }
        methods
    }
}

/// The methods and those that tell of them.
fn described(mut methods: Methods) -> Methods {
    let modules = modules(&methods);
    methods.merge(web3::modules_method(modules)).expect("`rpc` is a namespace of its own");
    methods.merge(discover::method(&methods)).expect("no other method has this name");
    methods
}

/// The namespaces that have methods, each with version `1.0`, as `rpc_modules` answers them.
fn modules(methods: &Methods) -> BTreeMap<String, String> {
    let spaces = methods.method_names().filter_map(|name| name.split_once('_'));
    let rpc = std::iter::once("rpc");
    spaces.map(|(space, _)| space).chain(rpc).map(|s| (s.to_owned(), "1.0".to_owned())).collect()
}
