//! What can be done with a data directory as a whole: figures, verification, copies.
//!
//! | file | question |
//! |---|---|
//! | `rebuild` | how is what follows from the blocks made anew? |
//! | `copies` | how is a chain backed up, also while it is served, and how does it come back? |

mod copies;
mod rebuild;

pub use copies::{CopyError, backup, restore};
pub use rebuild::{Index, Rebuilding, rebuild_index, rebuild_state};

use super::{NodeError, StoredChain};
use crate::{
    chain::{self, Verified, Verifying},
    primitives::BlockNumHash,
    storage::{Copied, Durability, EnvironmentStats, Pruned, Storage, StorageError},
};
use serde::Serialize;
use std::path::Path;

/// Changed keys whose older versions one commit throws away at most.
const PRUNED_KEYS: usize = 100_000;

/// What a data directory holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseStats {
    /// The first block.
    pub first: u64,
    /// The last block.
    pub head: BlockNumHash,
    /// The block up to which the state is written; those above are executed again at the next start.
    pub state_head: Option<u64>,
    /// The first block whose state is there.
    pub first_state: Option<u64>,
    /// The block up to which the log index is complete.
    pub logs_indexed: Option<u64>,
    /// The block up to which the address index is complete.
    pub addresses_indexed: Option<u64>,
    /// Is a node running on it?
    pub in_use: bool,
    /// Files and tables.
    pub environments: [EnvironmentStats; 2],
}

/// The figures of a data directory, also of one that a node has open.
pub fn stats(dir: &Path) -> Result<DatabaseStats, NodeError> {
    let (storage, in_use) = open(dir)?;
    let (state, blocks) = (storage.state.reader()?, storage.blocks.reader()?);
    let (Some(first), Some(head)) = (blocks.first()?, blocks.head()?) else {
        return Err(NodeError::NoGenesis);
    };
    Ok(DatabaseStats {
        first: first.number,
        head: BlockNumHash::new(head.number, head.seal()),
        state_head: state.head()?.map(|head| head.number),
        first_state: state.first_state()?,
        logs_indexed: state.logs_indexed()?.map(|indexed| indexed.number),
        addresses_indexed: state.addresses_indexed()?.map(|indexed| indexed.number),
        in_use,
        environments: storage.stats()?,
    })
}

/// Looks at everything in a data directory.
///
/// # Errors
/// [`StorageError::InUse`] while a node has it open.
pub fn verify(dir: &Path, each: impl FnMut(Verifying)) -> Result<Verified, NodeError> {
    check_exists(dir)?;
    let storage = Storage::open(dir, Durability::Synced)?;
    Ok(chain::verify(&storage, each)?)
}

/// Throws away the states of all blocks that are more than `keep` below the head.
///
/// # Errors
/// [`StorageError::InUse`] while a node has the directory open.
pub fn prune(
    dir: &Path,
    keep: u64,
    mut each: impl FnMut(Pruned, u64),
) -> Result<Pruned, NodeError> {
    let stored = StoredChain::open_quietly(dir)?;
    let chain = stored.chain();
    chain.flush_state()?;
    let to = chain.head().number.saturating_sub(keep);
    let mut done = Pruned { first: chain.first_state()?, rows: 0 };
    while done.first < to {
        let Pruned { first, rows } = chain.prune(to, PRUNED_KEYS)?;
        done = Pruned { first, rows: done.rows + rows };
        each(done, to);
    }
    stored.close()?;
    Ok(done)
}

/// Rewrites a data directory without its free pages; answers its bytes before and after.
///
/// # Errors
/// [`StorageError::InUse`] while a node has it open, or somebody copies it.
pub fn compact(dir: &Path, each: impl FnMut(Copied)) -> Result<(u64, u64), NodeError> {
    check_exists(dir)?;
    Ok(Storage::compact(dir, each)?)
}

fn check_exists(dir: &Path) -> Result<(), NodeError> {
    match dir.join("blocks").is_dir() {
        true => Ok(()),
        false => Err(NodeError::NoChain { dir: dir.into() }),
    }
}

/// Opens a data directory, for reading if a node has it; answers whether one has.
fn open(dir: &Path) -> Result<(Storage, bool), NodeError> {
    check_exists(dir)?;
    match Storage::open(dir, Durability::Synced) {
        Err(StorageError::InUse { .. }) => Ok((Storage::open_beside(dir)?, true)),
        opened => Ok((opened?, false)),
    }
}
