//! How is what follows from the blocks made anew: an index, or the whole state?

use super::check_exists;
use crate::{
    chain::ChainError,
    node::{NodeError, StoredChain, directory::Directory},
    storage::Storage,
};
use std::{
    path::Path,
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

/// How often the progress of executing blocks is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An index beside the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Blocks by events.
    Logs,
    /// Transactions by address.
    Addresses,
    /// Transactions by hash.
    Transactions,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilding {
    /// The block at hand.
    pub block: u64,
    /// The last.
    pub of: u64,
}

/// Makes an index anew. When it is interrupted, the next start goes on with it.
pub fn rebuild_index(
    dir: &Path,
    index: Index,
    mut each: impl FnMut(Rebuilding),
) -> Result<(), NodeError> {
    let stored = StoredChain::open_quietly(dir)?;
    let chain = stored.chain();
    chain.flush_state()?;
    match index {
        Index::Logs => {
            chain.forget_log_index()?;
            while let Some((block, of)) = chain.extend_log_index()? {
                each(Rebuilding { block, of });
            }
        }
        Index::Addresses => {
            chain.forget_address_index()?;
            while let Some((block, of)) = chain.extend_address_index()? {
                each(Rebuilding { block, of });
            }
        }
        Index::Transactions => {
            chain.rebuild_transactions(|block, of| each(Rebuilding { block, of }))?;
        }
    }
    stored.close()
}

/// Executes all blocks again from the first on, into a new state with its indexes, which takes the place
/// of the old one when it is whole: until then, whatever happens, the old one stays. States that were
/// pruned are there again afterwards.
pub fn rebuild_state(dir: &Path, mut each: impl FnMut(Rebuilding)) -> Result<(), NodeError> {
    check_exists(dir)?;
    Storage::renew_state(dir, |storage| {
        let head = storage.blocks.reader()?.head()?.map_or(0, |head| head.number);
        let (finished, wait) = channel();
        std::thread::scope(|scope| {
            let renewed = storage.clone();
            let work = scope.spawn(move || {
                let done = StoredChain::quietly(Directory::of(renewed, dir))?.close();
                // Whoever waits may have stopped waiting.
                let _ = finished.send(());
                done
            });
            while wait.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let written = storage.state.reader()?.head()?;
                written.iter().for_each(|at| each(Rebuilding { block: at.number, of: head }));
            }
            work.join().map_err(|_panicked| NodeError::ThreadFailed("rebuild"))?
        })?;
        let written = storage.state.reader()?.head()?.map_or(0, |written| written.number);
        if written != head {
            return Err(ChainError::UnknownBlock { number: head, head: written }.into());
        }
        Ok(())
    })
}
