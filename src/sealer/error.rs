//! Why no block was made, or a transaction was not taken.

use crate::{
    chain::ChainError,
    evm::EvmError,
    pool::{PoolError, UnmetCondition},
    state::{StateError, TrieError},
};

/// Why no block was made, or a transaction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The pool turned the transaction away.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The chain could not be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state root could not be computed.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// The block could not be executed.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// Timestamps must grow.
    #[error(
        "timestamp {given} is too early: the block before has {parent}; ask for {earliest} or more"
    )]
    Timestamp {
        /// What was asked for, in seconds.
        given: u64,
        /// The parent's, in seconds.
        parent: u64,
        /// The earliest that is allowed.
        earliest: u64,
    },
    /// A condition that the transaction's sender set does not hold.
    #[error("transaction condition not met: {0}")]
    Condition(Box<UnmetCondition>),
    /// The block that a transaction waited for could not be made.
    #[error(transparent)]
    NotMade(std::sync::Arc<Self>),
    /// Signers take turns.
    #[error("blocks of this chain are made by its signers in turn, not by asking")]
    InTurnOnly,
    /// The key could not sign a block.
    #[error("the block could not be signed: {0}")]
    Sign(alloy_signer::Error),
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopped,
}
