//! Why a block from outside was not taken in: whose fault, which rule, which values.

use super::ChainError;
use crate::{
    consensus::{SealError, clique::CliqueError},
    evm::EvmError,
    primitives::{Block, BlockNumHash},
    spec::{BodyError, HeaderError, OmmerError},
    state::TrieError,
};
use alloy_primitives::B256;

/// Why a block was not imported. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The block breaks a rule.
    #[error("block {} ({}) is invalid: {}: {reason}", block.number, block.hash, reason.rule())]
    Invalid {
        /// Its height and hash.
        block: BlockNumHash,
        /// The rule, and both values.
        reason: Box<InvalidBlock>,
    },
    /// Neither the canonical chain nor a side branch has its parent.
    #[error("block {} ({}) has an unknown parent {parent}", block.number, block.hash)]
    UnknownParent {
        /// Its height and hash.
        block: BlockNumHash,
        /// The parent it names.
        parent: B256,
    },
    /// Its time has not come; it may be taken later.
    #[error(
        "block {} ({}) is a block in the future: its timestamp is {timestamp}, the time is {now}",
        block.number, block.hash
    )]
    Future {
        /// Its height and hash.
        block: BlockNumHash,
        /// The header's, in seconds.
        timestamp: u64,
        /// Wall time, in seconds.
        now: u64,
    },
    /// It branches off too far below the head.
    #[error(
        "block {} ({}) branches off {} blocks below the head {head}; at most {max} are followed",
        block.number, block.hash, head.saturating_sub(block.number)
    )]
    TooDeep {
        /// Its height and hash.
        block: BlockNumHash,
        /// Height of the head.
        head: u64,
        /// Blocks that a branch may begin below the head.
        max: u64,
    },
    /// Its branch holds more than memory may.
    #[error(
        "block {} ({}) is on a side branch of {bytes} bytes; at most {max} are kept in memory",
        block.number, block.hash
    )]
    BranchTooLarge {
        /// Its height and hash.
        block: BlockNumHash,
        /// What the branch takes.
        bytes: usize,
        /// What a branch may take.
        max: usize,
    },
    /// The canonical chain changed meanwhile; the import begins again.
    #[error("the canonical chain changed while the block was executed")]
    Moved,
    /// Not the block's fault.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// Which rule a block breaks.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBlock {
    /// It was given as the child of a block that it does not name.
    #[error("the parent is {named}, the block before is {before}")]
    Gap {
        /// The parent that it names.
        named: B256,
        /// The block that it was said to follow.
        before: B256,
    },
    /// A rule of headers.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its seal, or that of an ommer, proves no work.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A rule of proof of authority.
    #[error(transparent)]
    Clique(#[from] CliqueError),
    /// A rule of bodies.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A rule of ommers.
    #[error(transparent)]
    Ommers(#[from] OmmerError),
    /// It does not execute, or its header says something else than the execution.
    #[error(transparent)]
    Execution(#[from] EvmError),
    /// Executing it gives another state.
    #[error("state root {header} in the header, executing gives {executed}")]
    StateRoot {
        /// The header's.
        header: B256,
        /// What its execution gives.
        executed: B256,
    },
}

impl InvalidBlock {
    /// The rule's name, as reports show it.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "UnknownParent",
            Self::Header(error) => error.rule(),
            Self::Seal(error) => error.rule(),
            Self::Clique(_) => "InvalidSeal",
            Self::Body(error) => error.rule(),
            Self::Ommers(error) => error.rule(),
            Self::Execution(error) => execution_rule(error),
            Self::StateRoot { .. } => "InvalidStateRoot",
        }
    }
}

const fn execution_rule(error: &EvmError) -> &'static str {
    match error {
        EvmError::Transaction { .. } => "InvalidTransaction",
        EvmError::Count { .. } => "InvalidGasUsed",
        EvmError::Bloom { .. } => "InvalidLogsBloom",
        EvmError::Hash { .. } => "InvalidRoot",
        EvmError::MissingSystemContract { .. } | EvmError::SystemCall { .. } => {
            "SystemContractFailed"
        }
        EvmError::MalformedDeposit { .. } => "InvalidDepositLog",
        _ => "NotExecutable",
    }
}

impl ImportError {
    /// A block that breaks a rule.
    pub(super) fn invalid(block: &Block, reason: impl Into<InvalidBlock>) -> Self {
        Self::invalid_at(block.num_hash(), reason)
    }

    /// A header that breaks a rule.
    pub(super) fn invalid_at(block: BlockNumHash, reason: impl Into<InvalidBlock>) -> Self {
        Self::Invalid { block, reason: Box::new(reason.into()) }
    }

    /// A seal that does not hold, or that was not looked at.
    pub(super) fn unsealed(block: BlockNumHash, error: SealError) -> Self {
        match error {
            SealError::Stopped => Self::Chain(ChainError::Stopped),
            error => Self::invalid_at(block, error),
        }
    }

    /// A block that does not execute, by its own fault or by ours.
    pub(super) fn executing(block: &Block, error: EvmError) -> Self {
        match error {
            EvmError::State(error) => Self::Chain(error.into()),
            EvmError::Trie(error) => Self::Chain(error.into()),
            EvmError::NoTrie { .. }
            | EvmError::Machine(_)
            | EvmError::HungUp(_)
            | EvmError::NoRows => Self::Chain(error.into()),
            error => Self::invalid(block, error),
        }
    }

    /// The rule that the block breaks; `None` if it breaks none.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { reason, .. } => Some(reason.rule()),
            Self::UnknownParent { .. } => Some("UnknownParent"),
            Self::Chain(ChainError::OtherGenesis { .. }) => Some("OtherGenesis"),
            _ => None,
        }
    }

    /// Did rows that went on to newer blocks make a trie useless?
    pub(super) const fn is_stale_trie(&self) -> bool {
        matches!(self, Self::Chain(ChainError::Trie(TrieError::Stale { .. })))
    }
}
