//! Why a command did not do what it was asked for.

use super::{devnet::DevnetError, genesis::GenesisError};
use crate::{
    chain::ChainError,
    config::ConfigError,
    dev::keyring::KeyringError,
    evm::trace::GuestError,
    node::{ExportFailure, ImportFailure, NodeError, database::CopyError},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node did not start, or stopped by itself.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A key, its file or its passphrase.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The network of a devnet, or what was asked of it.
    #[error(transparent)]
    Devnet(#[from] DevnetError),
    /// A script cannot be run.
    #[error(transparent)]
    Script(#[from] GuestError),
    /// The values of the start could not be written.
    #[error("cannot write --config-out {path}")]
    ConfigOut {
        /// Of the file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Standard output is closed.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// The process cannot hear signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// There is no pipe to watch.
    #[error("--until-stdin-closes needs a pipe as standard input")]
    Stdin(#[source] io::Error),
    /// A file cannot be read.
    #[error("cannot open {path}")]
    Open {
        /// Of the file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Of the file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file was not imported to its end.
    #[error("{path}: {source}")]
    Import {
        /// Of the file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<ImportFailure>,
    },
    /// The report has a no in it.
    #[error("{failed} of {all} checks failed")]
    Incompatible {
        /// Checks that failed.
        failed: usize,
        /// All checks.
        all: usize,
    },
    /// A check ended before it was done.
    #[error("a check failed in a way that nobody thought of; the lines above say where")]
    CheckPanicked,
    /// No genesis was written.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Blocks were not written into a file.
    #[error(transparent)]
    Export(#[from] ExportFailure),
    /// A chain was not copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A database with faults, which are listed before.
    #[error(
        "{count} faults in {dir}; restore a backup, or, if only the state or indexes are damaged, run \
         `mainspring db rebuild`"
    )]
    Damaged {
        /// How many.
        count: u64,
        /// Of the database.
        dir: PathBuf,
    },
}

impl CliError {
    /// Is it only that whoever read the output has had enough, as `head` has?
    pub(super) fn is_closed_pipe(&self) -> bool {
        let closed = match self {
            Self::Output(source) | Self::Node(NodeError::GenesisOutput(source)) => source,
            Self::Write { path, source } if path == Path::new("-") => source,
            _ => return false,
        };
        closed.kind() == io::ErrorKind::BrokenPipe
    }

    /// The chain failed.
    pub(super) fn chain(error: ChainError) -> Self {
        Self::Node(error.into())
    }
}
