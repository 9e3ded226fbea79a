//! How does the chain go into a dump that anvil reads, and come out of one that anvil wrote?
//!
//! A dump is one JSON document (`--state`), or that document compressed with gzip (`anvil_dumpState`).
//! Neither is ever whole in memory: what is read goes to disk account by account, and what is written
//! comes from there.
//!
//! | file | question |
//! |---|---|
//! | `read` | what is in a dump? |
//! | `older` | which states of older blocks are in it? |
//! | `source` | where do its bytes come from, and how many may they be? |
//! | `shapes` | in which shapes did versions of anvil write numbers, blocks, transactions? |
//! | `write` | how is a dump written? |
//! | `write_older` | how are the states of older blocks written? |

mod older;
mod read;
mod shapes;
mod source;
mod write;
mod write_older;

pub use read::{Dump, read};
pub use write::write;

use super::{Dev, DevError, new_instance};
use crate::{
    chain::{ChainError, Loaded},
    state::StateError,
    storage::StorageError,
};
use alloy_primitives::{Address, B256};
use std::io::{self, Read};

/// Why there is no dump, or why it was not loaded. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Bytes that cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Not JSON, cut short, or a value that does not belong where it stands.
    #[error("this is no dump of a chain in anvil's format: {0}")]
    Format(serde_json::Error),
    /// JSON of something else.
    #[error(
        "this is no dump of a chain in anvil's format: it has no \"accounts\" (a genesis file is given \
         with --init)"
    )]
    NoAccounts,
    /// There is nothing.
    #[error("the dump is empty")]
    Empty,
    /// It ends within its compressed bytes.
    #[error("the compressed dump is cut short or damaged: {0}")]
    Compressed(io::Error),
    /// More bytes than are read.
    #[error(
        "the dump has more than {limit} bytes when it is unpacked; start the node with --load-state, \
         or raise --rpc-load-state-bytes"
    )]
    TooLong {
        /// Bytes that are read.
        limit: u64,
    },
    /// More bytes than are held in memory.
    #[error(
        "one account, block or transaction of the dump has more than {limit} bytes without its storage: \
         anvil writes no such dump"
    )]
    ElementTooLong {
        /// Bytes that are held.
        limit: u64,
    },
    /// More bytes than one answer may have.
    #[error(
        "the dump is longer than an answer may be ({limit} bytes); start the node with --dump-state, \
         or raise --rpc-max-response-bytes"
    )]
    TooLongToAnswer {
        /// Bytes that one answer may have.
        limit: u64,
    },
    /// An account is known by its key only.
    #[error("the account with the key {0} cannot be dumped: nobody knows its address")]
    UnknownAccount(B256),
    /// A slot is known by its key only.
    #[error("account {address} cannot be dumped: nobody knows which slot has the key {slot}")]
    UnknownSlot {
        /// Whose it is.
        address: Address,
        /// keccak256 of the slot.
        slot: B256,
    },
    /// A block is not where it should be.
    #[error("block {0} is missing; restore a backup")]
    MissingBlock(u64),
    /// The chain could not be read or changed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The developer's tools failed.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Dev {
    /// Reads a dump and puts it in the place of the chain. Accounts stay that it does not have. What
    /// waits, snapshots and what a developer set are gone, and whoever follows the chain begins anew.
    pub fn load_dump(&self, input: impl Read, limit: u64) -> Result<Loaded, DumpError> {
        // One after the other: both would read into the same folder.
        let _alone = self.loading.lock();
        let dump = read(&self.chain, input, Some(limit), &mut |_bytes| ())?;
        let _pause = self.sealer.pause();
        let mut snapshots = self.snapshots.lock();
        let loaded = dump.into_chain(&self.chain, None, &mut |_done, _of| ())?;
        snapshots.forget();
        self.pool.drop_all();
        *self.instance.lock() = new_instance();
        Ok(loaded)
    }
}

impl Dump {
    /// Puts the dump in the place of a chain.
    pub fn into_chain(
        self,
        chain: &crate::chain::Chain,
        file: Option<&str>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Loaded, DumpError> {
        Ok(chain.load(new_instance(), &self.stage, self.head, file, progress)?)
    }
}
