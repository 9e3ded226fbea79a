//! Storage: what is on disk, in two MDBX environments written in two different rhythms.
//!
//! `blocks` is the truth: one small durable commit a block. `state` is derived and may lag: one
//! large sorted commit a batch of blocks. The word mdbx appears only on this floor.

mod blocks;
mod blocks_writer;
mod codec;
mod environment;
mod error;
mod log_index;
mod renewal;
mod side;
mod stage;
mod state_reader;
mod state_writer;
mod tables;

pub use blocks::{BlocksDb, BlocksReader, StoredBlock, TxLocation};
pub use blocks_writer::BlocksBatch;
pub use error::StorageError;
pub use log_index::{BlockReceipts, LogKey};
pub use renewal::{IndexedBlock, NextState, Renewal};
pub use side::{SIDE_DEPTH, SideBlock};
pub use stage::{Stage, StageBatch, StageReader, StagedAccount, StagedReceipt, StagedSlot};
pub use state_reader::{ChangedKeys, StateReader};
pub use state_writer::{FlushBlock, StateBatch, StateDb, TrieChanges, TrieRow};

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
        let blocks = BlocksDb::new(blocks)?;
        renewal::settle(dir, &blocks)?;
        let state = Environment::open(&dir.join(STATE_DIR), tables::STATE, durability)?;
        let (blocks, state) = (Arc::new(blocks), Arc::new(StateDb::new(state)?));
        Ok(Self { blocks, state, dir: dir.into(), durability })
    }
}
