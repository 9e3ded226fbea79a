//! Why no block was made, or a transaction was not taken.

use crate::{
    chain::{ChainError, ImportError},
    evm::{ApplyError, EvmError},
    pool::{PoolError, UnmetCondition},
    state::{StateError, TrieError},
};
use alloy_primitives::B256;

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
    /// A transaction that was to be in a block is not valid there.
    #[error("transaction {hash} cannot be in block {block} of the new branch: {reason}")]
    NotPlaced {
        /// The transaction.
        hash: B256,
        /// Height of the block.
        block: u64,
        /// Why.
        reason: Box<ApplyError>,
    },
    /// A node remembers so many proposals.
    #[error("{limit} proposals are open already: discard one first (clique_discard)")]
    TooManyProposals {
        /// The most there may be.
        limit: usize,
    },
    /// Blocks are made together that do not fit into memory.
    #[error(
        "{depth} blocks are too many to replace at once: what they change does not fit into memory"
    )]
    TooManyBlocks {
        /// Blocks asked for.
        depth: u64,
    },
    /// The block that a transaction waited for could not be made.
    #[error(transparent)]
    NotMade(std::sync::Arc<Self>),
    /// Signers take turns.
    #[error("blocks of this chain are made by its signers in turn, not by asking")]
    InTurnOnly,
    /// Blocks come when a nonce is found.
    #[error("blocks of this chain are mined, not made by asking; miner_start begins to mine")]
    MinedOnly,
    /// This chain has no proof of work.
    #[error("this chain has no proof of work: there is nothing to mine")]
    NoMiner,
    /// Nothing is worked on yet.
    #[error("no mining work available yet")]
    NoWork,
    /// Somebody has to be paid.
    #[error(
        "etherbase must be explicitly specified: name who is paid with --coinbase ADDRESS, or with \
         miner_setEtherbase"
    )]
    NoCoinbase,
    /// What a block may say freely is short.
    #[error("extra exceeds max length. {length} > {max}")]
    ExtraData {
        /// In bytes.
        length: usize,
        /// In bytes.
        max: usize,
    },
    /// A block that this node sealed is not valid.
    #[error("a sealed block was refused: {0}")]
    Refused(Box<ImportError>),
    /// The key could not sign a block.
    #[error("the block could not be signed: {0}")]
    Sign(alloy_signer::Error),
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopped,
}
