//! Why is there no network, or why was a wish not granted?

use crate::{
    config::ConfigError,
    dev::{accounts::AccountsError, keyring::KeyringError},
    node::NodeError,
};
use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

/// Why there is no network, or why a wish was not granted.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum DevnetError {
    /// A file or directory cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that the network has written and that now says something else.
    #[error("{path} cannot be read: {source}; start over with --fresh")]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A second network in the same directory.
    #[error(
        "a devnet runs in {dir} already; end it with ctrl-c where it was started, or choose another \
         --datadir"
    )]
    Running {
        /// The directory.
        dir: PathBuf,
    },
    /// Nobody answers in the directory.
    #[error(
        "no devnet runs in {dir}; start one with `mainspring devnet --datadir {dir}`, or name the \
         directory of the one that runs with --datadir"
    )]
    NotRunning {
        /// The directory.
        dir: PathBuf,
    },
    /// Something else lies there.
    #[error("{dir} holds something that is no devnet; choose another directory with --datadir")]
    Foreign {
        /// The directory.
        dir: PathBuf,
    },
    /// Unix sockets have short names.
    #[error(
        "the path {path} of a socket is {length} bytes long, the system takes {limit}; choose a \
         --datadir with a shorter path"
    )]
    LongPath {
        /// The longest socket path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// What the system takes.
        limit: usize,
    },
    /// The network that lies there is another one.
    #[error(
        "the network in {dir} was made with {flag} {stored}, not {given}; leave {flag} out, start \
         over with --fresh, or choose another --datadir"
    )]
    Differs {
        /// The directory.
        dir: PathBuf,
        /// The setting.
        flag: &'static str,
        /// What lies there.
        stored: String,
        /// What was asked for.
        given: String,
    },
    /// A setting of the other kind of network.
    #[error("{flag} belongs to --consensus {consensus}")]
    OtherConsensus {
        /// The setting.
        flag: &'static str,
        /// Where it belongs.
        consensus: &'static str,
    },
    /// More nodes than ports after the first one.
    #[error("there are no {nodes} ports from {port} on; choose a lower --port, or 0")]
    NoPorts {
        /// The first port.
        port: u16,
        /// How many are needed.
        nodes: usize,
    },
    /// Somebody else has the port.
    #[error("port {port} for {name} is taken: {source}; choose another --port, or 0 for free ones")]
    PortTaken {
        /// The port.
        port: u16,
        /// Whose it would be.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A node that did not start.
    #[error("{name} did not start: {status}; the end of its log, {log}:\n{tail}")]
    DidNotStart {
        /// Which node.
        name: String,
        /// How its process ended.
        status: ExitStatus,
        /// Where its log is.
        log: PathBuf,
        /// The last lines.
        tail: String,
    },
    /// A node that neither listens nor ends.
    #[error("{name} did not listen within {} seconds; its log is {log}", patience.as_secs())]
    Silent {
        /// Which node.
        name: String,
        /// How long it was waited.
        patience: Duration,
        /// Where its log is.
        log: PathBuf,
    },
    /// A node that does not end.
    #[error("{name} did not end within {} seconds; `mainspring devnet kill {name}` ends it", patience.as_secs())]
    DidNotStop {
        /// Which node.
        name: String,
        /// How long it was waited.
        patience: Duration,
    },
    /// No node of that name.
    #[error("there is no node {given:?}; the nodes are {known}")]
    Unknown {
        /// As given.
        given: String,
        /// The names, with commas.
        known: String,
    },
    /// Stop or kill of a node that does not run.
    #[error("{0} does not run; `mainspring devnet start {0}` starts it")]
    Stopped(String),
    /// Start of a node that runs.
    #[error("{name} runs already, as process {pid}")]
    Runs {
        /// Which node.
        name: String,
        /// Its process.
        pid: u32,
    },
    /// A cut that leaves nobody on one side.
    #[error("all nodes were named: a cut needs some on each side")]
    NoOtherSide,
    /// A process that cannot be ended.
    #[error("the process of {name} cannot be ended: {source}")]
    Process {
        /// Which node.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A node that does not answer on its socket.
    #[error("{name} does not answer on its socket: {source}")]
    Socket {
        /// Which node.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A node that refuses what the network needs of it.
    #[error("{name} refuses {method}: {reason}")]
    Refused {
        /// Which node.
        name: String,
        /// What it was asked.
        method: &'static str,
        /// In its words.
        reason: String,
    },
    /// A node that has no address for others.
    #[error("{name} says no address where other nodes reach it")]
    NoAddress {
        /// Which node.
        name: String,
    },
    /// The supervisor refused a wish, in its own words.
    #[error("{0}")]
    Wish(Refusal),
    /// The supervisor is not heard.
    #[error("the devnet in {dir} does not answer: {source}")]
    Control {
        /// The directory.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A key was not made or found.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The accounts of developers cannot be made.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// Settings that mean nothing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A node's chain was not made.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Why the supervisor did not do something: the text of its own error.
#[derive(Debug)]
pub(in crate::cli) struct Refusal(pub(super) String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error of this file or directory.
pub(super) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> DevnetError + use<> {
    let path = path.to_owned();
    move |source| DevnetError::File { path, source }
}
