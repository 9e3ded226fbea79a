//! Why did the node not start, or not stop cleanly?

use crate::{
    chain::ChainError,
    dev::{accounts::AccountsError, dump::DumpError, forking::ForkError, keyring::KeyringError},
    network::NetworkError,
    rpc::{ServeError, SocketError, TokenError},
    sealer::SealError,
    spec::{self, SpecError},
    storage::StorageError,
};
use alloy_primitives::{Address, B256};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// Why the node did not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no token for callers.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Everyone could ask.
    #[error(
        "--host {host} lets other machines ask this node; give them a token with --rpc-token FILE, or \
         say that everyone may with --rpc-open"
    )]
    OpenRpc {
        /// The address.
        host: IpAddr,
    },
    /// The chain cannot be opened.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The genesis makes no chain.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The fork cannot be made, or is another one.
    #[error("{0}")]
    Fork(Box<ForkError>),
    /// The stored chain is none.
    #[error(
        "{dir} holds a chain that is no fork; leave --fork-url out, start over with --fresh, or choose \
         another directory with --datadir"
    )]
    NoFork {
        /// The directory.
        dir: PathBuf,
    },
    /// The transactions before a fork's first block cannot be executed.
    #[error("{0}")]
    Replay(Box<SealError>),
    /// The port of the metrics is taken, or not ours.
    #[error(
        "cannot serve metrics on {address}: {source}; choose another place with --metrics ADDR:PORT"
    )]
    Metrics {
        /// Where they were wanted.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The accounts cannot be made.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The stored keys cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The stored chain has no first block.
    #[error(
        "the stored chain has no genesis block; restore a backup, or start over with another --datadir \
         (dev also: --fresh)"
    )]
    NoGenesis,
    /// There is no chain in the directory.
    #[error("there is no chain in {dir}; make one with `mainspring init --datadir {dir}`")]
    NoChain {
        /// The directory.
        dir: PathBuf,
    },
    /// The genesis block is the stored one's, but the rules after it are not.
    #[error(
        "the chain in {dir} was made from a genesis file with another config: {source}; use that file, or \
         choose another directory with --datadir"
    )]
    OtherRules {
        /// The directory.
        dir: PathBuf,
        /// What is different.
        source: Box<ChainError>,
    },
    /// Another chain than the one that a reset made a fork of.
    #[error(
        "a reset made a fork of a chain that came from another genesis file than {path}; use that file, \
         start over with --fresh, or choose another directory with --datadir"
    )]
    OtherOrigin {
        /// The file.
        path: PathBuf,
    },
    /// A development chain cannot go on from a chain of others.
    #[error(
        "{dir} holds a chain of mode {mode:?}, which is no development chain; serve it with \
         `mainspring node --datadir {dir} --no-seal`, or choose another directory with --datadir"
    )]
    NotForDevelopment {
        /// The directory.
        dir: PathBuf,
        /// The chain's mode.
        mode: spec::Mode,
    },
    /// A development chain cannot begin with the genesis of others.
    #[error(
        "--init names the genesis of a chain of mode {mode:?}, which is no development chain; make it with \
         `mainspring init` and serve it with `mainspring node`, or say \"mode\": \"dev\" in its \
         config.mainspring"
    )]
    GenesisNotForDevelopment {
        /// The mode.
        mode: spec::Mode,
    },
    /// Nobody here makes blocks of such a chain.
    #[error("this node cannot make blocks of a chain of mode {mode:?}; serve it with --no-seal")]
    CannotSeal {
        /// The chain's mode.
        mode: spec::Mode,
    },
    /// Blocks of a chain of proof of authority are signed.
    #[error(
        "the blocks of this chain are signed in turn: give the key of a signer with --signer FILE \
         --password-file FILE, or follow the chain with --no-seal"
    )]
    NoSigner,
    /// A key that would sign nothing.
    #[error("--signer is for chains of proof of authority; this one is of mode {mode:?}")]
    NothingToSign {
        /// The chain's mode.
        mode: spec::Mode,
    },
    /// There is no work to prove.
    #[error("--mine is for chains of proof of work; this one is of mode {mode:?}")]
    NothingToMine {
        /// The chain's mode.
        mode: spec::Mode,
    },
    /// The network cannot be joined.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The port cannot be opened.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The Unix socket cannot be opened.
    #[error(transparent)]
    Ipc(#[from] SocketError),
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
    /// The genesis file has no end, or is no genesis.
    #[error("the genesis file {path} is longer than {limit} bytes")]
    GenesisTooLong {
        /// The file.
        path: PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// The genesis file is not a genesis.
    #[error("{path} is not a genesis file in geth's format: {source}")]
    GenesisFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The genesis file says something that nobody hears.
    #[error("{path}: {source}")]
    GenesisNames {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SpecError,
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
    #[error(
        "the stored genesis is damaged: {0}; restore a backup, or start over with another --datadir (dev \
         also: --fresh)"
    )]
    StoredGenesis(serde_json::Error),
    /// `--fresh` could not empty the directory.
    #[error("--fresh cannot remove {dir}: {source}")]
    Fresh {
        /// What could not be removed.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A dump that is to be loaded cannot be read.
    #[error("cannot read the dump {path}: {source}")]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A dump cannot be written.
    #[error("cannot write the dump {path}: {source}; choose another file with --dump-state")]
    DumpFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A dump was not loaded, or not written.
    #[error("{path}: {source}")]
    Dump {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<DumpError>,
    },
    /// A dump would take the place of a chain that went on.
    #[error(
        "{flag} {path}: the data directory holds a chain already, at block {at}; start over from the \
         dump with --fresh, choose another directory with --datadir, or leave {flag} out to go on \
         (--dump-state only writes)"
    )]
    StoredState {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// The stored head.
        at: u64,
    },
    /// Most of a fork's state is its upstream's.
    #[error(
        "{dir} holds a fork of another chain: most of its accounts are only on that chain, so that \
         its state cannot begin a network"
    )]
    ForkAsGenesis {
        /// The directory.
        dir: PathBuf,
    },
    /// A genesis that nobody could read.
    #[error(
        "the genesis file becomes longer than {limit} bytes, which is the most that `mainspring init` \
         reads: the state is too large to begin a network with"
    )]
    GenesisGrows {
        /// In bytes.
        limit: u64,
    },
    /// A genesis cannot be written.
    #[error("cannot write the genesis file: {0}")]
    GenesisOutput(std::io::Error),
    /// A genesis is no JSON.
    #[error("cannot write the genesis as JSON: {0}")]
    GenesisWrite(serde_json::Error),
    /// An account is known by its key only.
    #[error("the account with the key {0} cannot be written: nobody knows its address")]
    UnknownAccount(B256),
    /// A slot is known by its key only.
    #[error("account {address} cannot be written: nobody knows which slot has the key {slot}")]
    UnknownSlot {
        /// Whose it is.
        address: Address,
        /// keccak256 of the slot.
        slot: B256,
    },
    /// The key that signs blocks cannot be had.
    #[error("--signer {key} cannot be opened with --password-file {password}: {source}")]
    SignerKey {
        /// The key file.
        key: PathBuf,
        /// The file of its passphrase.
        password: PathBuf,
        /// What is wrong.
        source: KeyringError,
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

impl From<ForkError> for NodeError {
    fn from(error: ForkError) -> Self {
        Self::Fork(Box::new(error))
    }
}

impl From<SealError> for NodeError {
    fn from(error: SealError) -> Self {
        Self::Replay(Box::new(error))
    }
}
