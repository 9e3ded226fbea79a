//! State: accounts and slots at a block, their trie, their proofs.

mod edit;
mod overlay;
mod range;
mod remote;
mod trie;
mod view;

pub use edit::{edits_to_changes, more_edits_to_changes};
pub use overlay::Overlay;
pub use range::{Keyed, next_key};
pub use remote::Remote;
pub use trie::{
    AccountProof, Removals, SlotProof, StateTrie, StorageIds, TrieError, Walked, full_root,
    prove_at, prove_by_pass, rewind, walk_stored,
};
pub use view::StateView;

use crate::{storage::StorageError, upstream::UpstreamError};

/// Why the state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An account refers to code that is not stored.
    #[error(
        "code {0} is missing from the database; restore a backup, or start over with another --datadir \
         (dev also: --fresh)"
    )]
    MissingCode(alloy_primitives::B256),
    /// What is not stored here is not to be had from the chain this one is a fork of.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}
