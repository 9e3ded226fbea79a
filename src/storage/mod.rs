//! Storage: what is on disk, in two MDBX environments written in two different rhythms.
//!
//! `blocks` is the truth: one small durable commit a block. `state` is derived and may lag: one
//! large sorted commit a batch of blocks. The word mdbx appears only on this floor.
//!
//! A third one, `upstream`, belongs to forks: what a remote chain answered. It is a cache.

mod address_index;
mod blocks;
mod blocks_writer;
mod branches;
mod check;
mod codec;
mod copy;
mod environment;
mod error;
mod log_index;
mod marker;
mod prune;
mod renewal;
mod side;
mod stage;
mod state_reader;
mod state_writer;
mod stats;
mod tables;
mod upstream_cache;

pub use address_index::BlockTransactions;
pub use blocks::{BlocksDb, BlocksReader, StoredBlock, TxLocation};
pub use blocks_writer::BlocksBatch;
pub use branches::{BranchChanges, KeptAt, KeptBlock, KeptRow, StoredBranch};
pub use check::{BlockRows, RowCount};
pub use copy::{Copied, StorageLock};
pub use error::StorageError;
pub use log_index::{BlockReceipts, LogKey};
pub use prune::Pruned;
pub use renewal::{IndexedBlock, NextState, Renewal};
pub use side::{SIDE_DEPTH, SideBlock};
pub use stage::{
    Stage, StageBatch, StageReader, StagedAccount, StagedReceipt, StagedSlot, StagedState,
};
pub use state_reader::{ChangedKeys, StateReader};
pub use state_writer::{FlushBlock, StateBatch, StateDb, TrieChanges, TrieRow};
pub use stats::{EnvironmentStats, TableStats};
pub use upstream_cache::{Point, UpstreamCache};

use environment::Environment;
use renewal::{STATE_DIR, remove};
use std::{path::Path, sync::Arc};

/// How hard a commit is pushed to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on the disk before it returns.
    Synced,
    /// Nothing is synced: for data that is thrown away at exit.
    Ephemeral,
    /// Synced too, but other processes may use the directory at the same time: for a cache.
    Shared,
}

/// Both environments of one data directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Headers, bodies, receipts, edits, the pool's journal.
    pub blocks: Arc<BlocksDb>,
    /// Accounts, slots, code, trie nodes, indexes.
    pub state: Arc<StateDb>,
    dir: Arc<Path>,
    durability: Durability,
}

impl Storage {
    /// Opens (or creates) the data directory `dir` and locks it for this process.
    ///
    /// # Errors
    /// [`StorageError::InUse`] when another process has it, [`StorageError::Schema`] when it was
    /// written by another version, [`StorageError::Corrupt`] when a file is damaged.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, StorageError> {
        let blocks = Environment::open(&dir.join("blocks"), tables::BLOCKS, durability)?;
        let state = |blocks: &BlocksDb| {
            renewal::settle(dir, blocks)?;
            Environment::open(&dir.join(STATE_DIR), tables::STATE, durability)
        };
        Self::of(dir, durability, blocks, state)
    }

    /// Opens the data directory `dir`, which another process has, for reading.
    pub fn open_beside(dir: &Path) -> Result<Self, StorageError> {
        let blocks = Environment::open_beside(&dir.join("blocks"), tables::BLOCKS)?;
        let state = |_: &BlocksDb| Environment::open_beside(&dir.join(STATE_DIR), tables::STATE);
        Self::of(dir, Durability::Synced, blocks, state)
    }

    fn of(
        dir: &Path,
        durability: Durability,
        blocks: Environment,
        state: impl FnOnce(&BlocksDb) -> Result<Environment, StorageError>,
    ) -> Result<Self, StorageError> {
        let blocks = BlocksDb::new(blocks)?;
        let state = StateDb::new(state(&blocks)?)?;
        let (blocks, state) = (Arc::new(blocks), Arc::new(state));
        Ok(Self { blocks, state, dir: dir.into(), durability })
    }
}
