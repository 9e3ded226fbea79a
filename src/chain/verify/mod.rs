//! Is everything in a data directory what it should be? Reads all of it, changes nothing.
//!
//! | file | question |
//! |---|---|
//! | `blocks` | do blocks follow each other, and do bodies and receipts belong to their headers? |
//! | `state` | do the rows of the state give the root in the header? |
//! | `fault` | what may be wrong? |

mod blocks;
mod fault;
mod state;

pub use fault::{Fault, Faults};

use super::{Base, BaseKind, ChainError, base::stored_base};
use crate::{
    primitives::BlockNumHash,
    storage::{BlocksReader, StateReader, Storage},
};
use serde::Serialize;

/// How far a verification is, in blocks and rows together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verifying {
    /// Looked at.
    pub done: u64,
    /// To be looked at.
    pub of: u64,
    /// The block at hand.
    pub block: u64,
}

/// What was looked at, and what is wrong.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The first block.
    pub first: u64,
    /// The head.
    pub head: u64,
    /// Blocks.
    pub blocks: u64,
    /// Their transactions.
    pub transactions: u64,
    /// The first block whose state can be read.
    pub first_state: u64,
    /// The block up to which the state is written.
    pub state_head: u64,
    /// Accounts at that block.
    pub accounts: u64,
    /// Slots that are not zero at that block.
    pub slots: u64,
    /// Stored branches of tries.
    pub branches: u64,
    /// Blocks that the log index has.
    pub logs_indexed: Option<u64>,
    /// Blocks that the address index has.
    pub addresses_indexed: Option<u64>,
    /// What is wrong.
    pub faults: Faults,
}

/// Both environments at one moment, and what was found so far.
struct Work<'a> {
    blocks: BlocksReader,
    state: StateReader,
    written: BlockNumHash,
    base: Base,
    found: Verified,
    at: Verifying,
    each: &'a mut dyn FnMut(Verifying),
}

/// Looks at everything in a directory that nobody writes to.
///
/// # Errors
/// Only if there is nothing to look at. What cannot be read is a [`Fault`].
pub fn verify(storage: &Storage, mut each: impl FnMut(Verifying)) -> Result<Verified, ChainError> {
    let (state, blocks) = (storage.state.reader()?, storage.blocks.reader()?);
    let unknown = ChainError::UnknownBlock { number: 0, head: 0 };
    let (Some(first), Some(head)) = (blocks.first()?, blocks.head()?) else { return Err(unknown) };
    let written = state.head()?.unwrap_or_default();
    let base = stored_base(storage, first.seal())?
        .ok_or(ChainError::UnknownBlock { number: 0, head: 0 })?;
    let count = head.number + 1 - first.number;
    let rows = state.hashed_rows()? + state.account_rows()?;
    let found = Verified {
        first: first.number,
        head: head.number,
        first_state: state.first_state()?.unwrap_or(first.number),
        state_head: written.number,
        logs_indexed: state.logs_indexed()?.map(|it| it.number),
        addresses_indexed: state.addresses_indexed()?.map(|it| it.number),
        ..Default::default()
    };
    let at = Verifying { done: 0, of: count + rows, block: first.number };
    let mut work = Work { blocks, state, written, base, found, at, each: &mut each };
    work.check_blocks();
    work.check_state();
    Ok(work.found)
}

impl Work<'_> {
    fn step(&mut self, rows: u64) {
        self.at.done += rows;
        (self.each)(self.at);
    }
}
