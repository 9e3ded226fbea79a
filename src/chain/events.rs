//! News of the chain, for everyone above: published after the visible head was swapped.

use crate::storage::StoredBlock;
use std::sync::Arc;

/// Events that may wait for a slow subscriber before it is told that it missed some.
pub(super) const CAPACITY: usize = 1024;

/// What happened to the chain.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block became canonical and is visible. After an [`Self::Unwound`] the blocks of the branch that
    /// won follow one by one; the head is the last of them already.
    NewHead(StoredBlock),
    /// The chain went back to block `to`; `removed` were canonical, in ascending order. Where a great
    /// many were, these are the newest.
    Unwound {
        /// The newest block that stayed; the head, unless a branch follows.
        to: u64,
        /// The blocks that are gone.
        removed: Arc<Vec<StoredBlock>>,
    },
}
