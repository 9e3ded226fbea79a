//! The canonical chain and its only writer.
//!
//! What a reader sees is one immutable [`visible::Visible`] that is swapped when a block is durable: no
//! reader ever sees half a block. Writers take [`Chain::writer`] one after the other.
//!
//! | file | question |
//! |---|---|
//! | `open` | what is in the directory, and what has to be done again? |
//! | `base` | what does the chain stand on? |
//! | `refound` | how does a chain with another beginning take the place of this one? |
//! | `origin` | what did the flags make, before a reset gave the chain another beginning? |
//! | `ancestors` | what came before the block with which a fork begins? |
//! | `visible`, `query` | what does a reader see? |
//! | `append`, `edits` | how does our own block, or a developer's edit, become the head? |
//! | `draft` | how do many of our own blocks become the head at once? |
//! | `import`, `import_error` | is a block from outside valid, and where does it belong? |
//! | `header_tip` | may these headers follow each other? |
//! | `branch`, `side` | what is executed above a canonical block, and what of it is remembered? |
//! | `rules` | under which rules does a stored chain go on? |
//! | `signers` | who may sign the block after a given one? |
//! | `proofs` | who signed a header, and does its work hold? |
//! | `ommers` | which blocks beside the chain may the next block name? |
//! | `fork_choice`, `adopt` | which branch is the chain, and how does it become that? |
//! | `named`, `kept` | which chains have names, and what is kept for them? |
//! | `checkout` | how does another of them become the chain? |
//! | `load`, `whole` | how does a dump become the chain, and what goes into one? |
//! | `unwind` | how does an older block become the head? |
//! | `flush` | when are blocks written into the state? |
//! | `log_search`, `log_index` | in which blocks are the events that somebody looks for? |
//! | `address_search`, `address_index` | in which transactions did an address take part? |
//! | `completion` | how does an index come to cover all blocks? |
//! | `foundation`, `inspect` | what do simulations stand on, and what did blocks change? |
//! | `spoken` | which new blocks called `console.log`? |
//! | `bad_blocks` | which blocks were refused? |
//! | `stats` | what has it done so far, and how long did that take? |
//! | `clock`, `events`, `follow` | what time is it, what is new, and what happened since? |
//! | `rebuild` | how is derived data made anew? |
//! | `verify` | is everything in a directory what it should be? |
//! | `development` | what did a developer set that is neither a block nor an edit? |

mod address_index;
mod address_search;
mod adopt;
mod ancestors;
mod append;
mod bad_blocks;
mod base;
mod branch;
mod checkout;
mod clock;
mod completion;
mod development;
mod draft;
mod edits;
mod error;
mod events;
mod flush;
mod follow;
mod fork_choice;
mod foundation;
mod header_tip;
mod import;
mod import_error;
mod inspect;
mod kept;
mod load;
mod log_index;
mod log_search;
mod named;
mod ommers;
mod open;
mod origin;
mod proofs;
mod query;
mod rebuild;
mod refound;
mod rules;
mod side;
mod signers;
mod spoken;
mod stats;
mod unwind;
mod verify;
mod visible;
mod whole;

pub use address_search::{Direction, Page};
pub use ancestors::remote_receipts;
pub use append::{BuildContext, ExecutedBlock, TrieContext, TrieStep};
pub use base::{Base, BaseKind, Founding, Standing, stored_kind};
pub use clock::{Clock, ClockState, MAX_TIMESTAMP, WallTime, genesis_time};
pub use development::{Development, NextBlock, stored_development};
pub use draft::Draft;
pub use error::ChainError;
pub use events::ChainEvent;
pub use flush::FlushLimits;
pub use follow::Cursor;
pub use header_tip::{HeaderRun, HeaderTip};
pub use import::{Import, Imported};
pub use import_error::{ImportError, InvalidBlock};
pub use load::{LoadHead, Loaded};
pub use log_search::{BlockLogs, FoundLog, LogSearch};
pub use named::{BranchError, BranchInfo, BranchLimits};
pub use open::Opened;
pub use origin::{Origin, stored_origin};
pub use query::{ByHand, Finality};
pub use refound::Beginning;
pub use stats::{ChainStats, ImportStats};
pub use verify::{Fault, Faults, Verified, Verifying, verify};
pub use whole::Whole;

use crate::{
    consensus::{Ethash, SealPolicy},
    evm::EvmSettings,
    state::Remote,
    storage::Storage,
};
use arc_swap::ArcSwap;
use branch::Branch;
use parking_lot::Mutex;
use std::sync::{Arc, atomic::AtomicU64};
use tokio::sync::{broadcast, watch};
use visible::Visible;

/// What shapes a chain besides its genesis.
#[derive(Clone, Debug)]
pub struct ChainSettings {
    /// Rules of execution that are not consensus: limits a developer may lift.
    pub evm: EvmSettings,
    /// When blocks are written from memory into the state.
    pub flush: FlushLimits,
    /// Trie nodes that may stay in memory.
    pub trie_nodes: usize,
    /// With `Some(n)`, `safe` and `finalized` are n and 2n blocks behind the head; else the head.
    pub slots_in_an_epoch: u64,
    /// Verify the seals of imported blocks also where the chain's mode does not ask for it: on a
    /// chain that has merged since.
    pub verify_seals: bool,
    /// Verifies them, and has the caches for that.
    pub ethash: Arc<Ethash>,
    /// May a block have its parent's timestamp?
    pub allow_equal_timestamps: bool,
    /// Keep the states of so many blocks below the newest; `None` keeps all.
    pub keep_states: Option<u64>,
    /// Keep an index of the transactions of each address.
    pub address_index: bool,
    /// Take blocks of a proof-of-work chain whose time has not come yet.
    pub takes_future_blocks: bool,
    /// Of a fork: the chain that answers what is not stored here.
    pub remote: Option<Arc<Remote>>,
    /// How much may be kept for named branches.
    pub branches: BranchLimits,
    /// What time it is.
    pub wall: WallTime,
}

/// As a node has them that nobody configured.
impl Default for ChainSettings {
    fn default() -> Self {
        Self {
            evm: EvmSettings::default(),
            flush: FlushLimits::default(),
            trie_nodes: 400_000,
            slots_in_an_epoch: 0,
            verify_seals: false,
            ethash: Ethash::shared(),
            allow_equal_timestamps: false,
            keep_states: None,
            address_index: true,
            takes_future_blocks: false,
            remote: None,
            branches: BranchLimits::default(),
            wall: WallTime::default(),
        }
    }
}

/// The canonical chain. Shared; every method may be called from any thread.
#[derive(Debug)]
pub struct Chain {
    settings: ChainSettings,
    seals: SealPolicy,
    /// Of proof of authority.
    signers: signers::Signers,
    /// Of the headers that were looked at lately.
    proofs: proofs::Proofs,
    storage: Storage,
    ancestors: ancestors::Ancestors,
    clock: Clock,
    /// What a developer set; its clock is the one above.
    development: Mutex<Development>,
    visible: ArcSwap<Visible>,
    /// How often another chain began or ended to take the place of this one: odd while one does.
    replacements: AtomicU64,
    /// Held by whoever changes the chain; what is inside does not matter to readers.
    writer: Mutex<append::WriterState>,
    /// Held while rows are written to or removed from `state`.
    state_writer: Mutex<()>,
    /// Held while blocks from outside are imported: one import after the other.
    side: Mutex<side::SideBranches>,
    flush: flush::FlushSignal,
    events: broadcast::Sender<ChainEvent>,
    /// That something happened.
    changed: watch::Sender<()>,
    /// Refused by imports.
    bad_blocks: bad_blocks::BadBlocks,
    /// Printed by whoever reports.
    spoken: spoken::Spoken,
    /// Read by whoever measures.
    counted: stats::Counted,
}
