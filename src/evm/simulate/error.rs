//! Why is something not simulated?

use crate::{
    evm::{CallError, EvmError, InvalidTx, error::ReadError},
    state::{StateError, TrieError},
};

/// Why a simulation stopped. The texts are close to geth's; callers go by the code.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// There is nothing to simulate.
    #[error("empty input")]
    Empty,
    /// More blocks than are simulated at once, gaps included.
    #[error("too many blocks: {asked} (max {limit})")]
    TooManyBlocks {
        /// Blocks asked for.
        asked: u64,
        /// Blocks allowed.
        limit: u64,
    },
    /// A block is not above the one before.
    #[error("block numbers must be in order: {number} <= {previous}")]
    BlockNumber {
        /// Its height.
        number: u64,
        /// The height of the block before.
        previous: u64,
    },
    /// A block is not later than the one before.
    #[error("block timestamps must be in order: {timestamp} <= {previous}")]
    BlockTimestamp {
        /// Its time in seconds.
        timestamp: u64,
        /// The time of the block before in seconds.
        previous: u64,
    },
    /// A block's base fee is beyond what a header can say.
    #[error("the override of {field} of block {block} is too large")]
    TooLarge {
        /// Name of the field as JSON-RPC spells it.
        field: &'static str,
        /// The block.
        block: u64,
    },
    /// A call asks for more gas than the block has left.
    #[error("block gas limit reached: remaining: {remaining}, required: {required}")]
    BlockGas {
        /// What the block has left.
        remaining: u64,
        /// What the call asks for.
        required: u64,
    },
    /// Earlier calls used up what one simulation may use.
    #[error("simulation gas limit exceeded: {left} gas left of {cap} for all calls together")]
    GasCap {
        /// What all calls may use together.
        cap: u64,
        /// What is left.
        left: u64,
    },
    /// A call is not valid in its block.
    #[error("err: {source} (supplied gas {gas})")]
    Invalid {
        /// Why.
        source: InvalidTx,
        /// The call's gas limit.
        gas: u64,
    },
    /// A call or an override contradicts itself.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Execution itself failed.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// The state root could not be made.
    #[error(transparent)]
    Trie(#[from] TrieError),
}

impl From<StateError> for SimulationError {
    fn from(error: StateError) -> Self {
        Self::Evm(error.into())
    }
}

impl From<ReadError> for SimulationError {
    fn from(error: ReadError) -> Self {
        Self::Evm(error.into())
    }
}
