//! News of the chain, for everyone above: published after the visible head was swapped.

use crate::storage::StoredBlock;
use std::sync::Arc;

/// Events that may wait for a slow subscriber before it is told that it missed some.
pub(super) const CAPACITY: usize = 1024;

/// What happened to the chain.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block was appended and is visible.
    NewHead(StoredBlock),
    /// The chain went back to block `to`; `removed` were canonical, in ascending order.
    Unwound {
        /// The head now.
        to: u64,
        /// The blocks that are gone.
        removed: Arc<Vec<StoredBlock>>,
    },
}
