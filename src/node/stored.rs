//! A stored chain that nobody serves: what `init`, `import` and `export` work on.

use super::{NodeError, directory::Directory, fork, parts, read_genesis, thread};
use crate::{
    chain::{Chain, Opened},
    config::Config,
    spec::{ChainSpec, ForkChange},
    state::Remote,
};
use std::{path::Path, sync::Arc, thread::JoinHandle};

/// A chain in a data directory, with its background writer.
#[derive(Debug)]
pub struct StoredChain {
    chain: Arc<Chain>,
    opened: Opened,
    adopted: Vec<ForkChange>,
    writer: Option<JoinHandle<()>>,
    _directory: Directory,
}

impl StoredChain {
    /// Makes the chain of a genesis file in geth's format, or opens it if it is there. Forks that lie
    /// after its head may begin elsewhere in the file: that holds from the next opening on.
    ///
    /// # Errors
    /// When another chain, or the same genesis block with other rules, lies there.
    pub fn init(dir: &Path, genesis: &Path) -> Result<Self, NodeError> {
        let spec = ChainSpec::of_others(read_genesis(genesis)?)?;
        let directory = Directory::at(dir)?;
        if let Some(stored) = directory.genesis()? {
            let stored = ChainSpec::from_genesis(stored)?;
            // Other blocks are told by their hash, when the chain is opened.
            if stored != spec && stored.genesis.alloc == spec.genesis.alloc {
                let mut chain = Self::start(directory, stored, false, None)?;
                let adopted = chain.chain.adopt_forks(&spec);
                let source =
                    |error| NodeError::OtherRules { dir: dir.into(), source: Box::new(error) };
                chain.adopted = adopted.map_err(source)?;
                return Ok(chain);
            }
        }
        Self::start(directory, spec, false, None)
    }

    /// Opens the chain in a directory.
    ///
    /// # Errors
    /// [`NodeError::NoChain`] where there is none.
    pub fn open(dir: &Path, verify_seals: bool) -> Result<Self, NodeError> {
        let directory = Directory::existing(dir)?;
        let stored = directory.genesis()?.ok_or(NodeError::NoGenesis)?;
        let remote = fork::offline(dir, &directory)?;
        Self::start(directory, ChainSpec::from_genesis(stored)?, verify_seals, remote)
    }

    /// Opens the chain of a directory without a background writer: for work on the state itself.
    pub(super) fn open_quietly(dir: &Path) -> Result<Self, NodeError> {
        Self::quietly(Directory::existing(dir)?)
    }

    /// Opens the chain of an open directory without a background writer.
    pub(super) fn quietly(directory: Directory) -> Result<Self, NodeError> {
        let stored = directory.genesis()?.ok_or(NodeError::NoGenesis)?;
        let spec = ChainSpec::from_genesis(stored)?;
        let mut settings = parts::chain_settings(&Config::default(), &spec);
        settings.remote = fork::offline(&directory.path, &directory)?;
        let (chain, opened) = Chain::open(directory.storage.clone(), Arc::new(spec), settings)?;
        Ok(Self { chain, opened, adopted: Vec::new(), writer: None, _directory: directory })
    }

    fn start(
        directory: Directory,
        spec: ChainSpec,
        verify_seals: bool,
        remote: Option<Arc<Remote>>,
    ) -> Result<Self, NodeError> {
        let mut settings = parts::chain_settings(&Config::default(), &spec);
        settings.verify_seals = verify_seals;
        settings.remote = remote;
        let (chain, opened) = Chain::open(directory.storage.clone(), Arc::new(spec), settings)?;
        let writing = chain.clone();
        let writer = thread("state writer", move || writing.run_state_writer())?;
        Ok(Self { chain, opened, adopted: Vec::new(), writer: Some(writer), _directory: directory })
    }

    /// The chain.
    pub const fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// What opening the chain found.
    pub const fn opened(&self) -> Opened {
        self.opened
    }

    /// Forks that begin elsewhere from the next opening on.
    pub fn adopted(&self) -> &[ForkChange] {
        &self.adopted
    }

    /// Writes everything and ends.
    pub fn close(self) -> Result<(), NodeError> {
        self.chain.stop();
        let failed = |_panicked| NodeError::ThreadFailed("state writer");
        self.writer.map_or(Ok(()), |writer| writer.join().map_err(failed))?;
        Ok(self.chain.flush_state()?)
    }
}
