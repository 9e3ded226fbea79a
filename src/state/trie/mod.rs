//! The trie: what is the root of the state, and what proves a part of it?
//!
//! A Merkle Patricia trie of accounts, each with its storage trie, in memory as far as it is in use;
//! the rest is blind (known by its hash) and read from rows when an edit or a proof gets there.
//! A clone costs nothing and is a snapshot: nodes are shared and copied when they change.
//!
//! | file | what it answers |
//! |---|---|
//! | `node` | what a node is, and its RLP |
//! | `apply` | how a block's changes reach the tries, and what storage roots and ids they give |
//! | `edit` | how inserts, updates and deletes change the nodes |
//! | `resolve` | what is behind a blind node |
//! | `rows` | how a branch is stored |
//! | `collapse` | which nodes may leave memory |
//! | `proof` | what proves an account or a slot |
//! | `check` | do the stored nodes give the root? |
//! | `history` | tries, proofs and roots of older blocks |

mod apply;
mod check;
mod collapse;
mod edit;
mod history;
mod node;
mod proof;
mod resolve;
mod rows;
#[cfg(test)]
mod tests;

pub use apply::{Removals, StorageIds};
pub use check::{Walked, walk_stored};
pub use history::{full_root, prove_at, prove_by_pass, rewind};
pub use proof::{AccountProof, SlotProof};

use crate::{primitives::StorageId, storage::StorageError};
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use node::{AccountLeaf, Node, root_hash};

/// Why a root or a proof could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum TrieError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The rows do not have the node that the trie refers to: they are of another block.
    #[error("the stored trie {owner} at path {path:?} is of another block than the root")]
    Stale {
        /// The contract's storage id; 0 for the trie of accounts.
        owner: StorageId,
        /// Where the node should be.
        path: Nibbles,
    },
    /// A stored branch is damaged.
    #[error("the stored trie {owner} is damaged at path {path:?}; run `mainspring db rebuild`")]
    BadRow {
        /// The contract's storage id; 0 for the trie of accounts.
        owner: StorageId,
        /// The branch's path.
        path: Nibbles,
    },
    /// The rows of a block do not give the root that its header has.
    #[error("the state of block {block} has root {computed}, expected {expected}")]
    RootMismatch {
        /// The block.
        block: u64,
        /// What the header, or the account, says.
        expected: B256,
        /// What the rows give.
        computed: B256,
    },
}

/// The trie of all accounts and their storage as of one block. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct StateTrie {
    root: Option<Node<AccountLeaf>>,
    /// About how many nodes are in memory.
    resident: usize,
}

impl StateTrie {
    /// The trie of a state without accounts.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The trie with this root, nothing of it loaded yet. The rows must be of the same block.
    pub fn at(root: B256) -> Self {
        Self { root: Node::at(root), resident: 0 }
    }

    /// The state root.
    pub fn root(&self) -> B256 {
        root_hash(self.root.as_ref())
    }
}
