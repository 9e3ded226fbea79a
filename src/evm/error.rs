//! Why a block cannot be executed, or is not what its header says.

use super::ApplyError;
use crate::{
    primitives::or_none,
    spec::Fork,
    state::{StateError, TrieError},
};
use alloy_primitives::{Address, B256, Bloom};
use revm::context::{DBErrorMarker, result::EVMError, result::InvalidTransaction};

/// A failed read of the state, in the form in which revm hands it through.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Of rows in this process.
    #[error(transparent)]
    State(#[from] StateError),
    /// The process that serves the state is gone.
    #[error("the process that serves the state hung up: {0}")]
    HungUp(#[from] std::io::Error),
}

impl DBErrorMarker for ReadError {}

/// Why a block was not executed, or does not match its header.
#[derive(Debug, thiserror::Error)]
pub enum EvmError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The process that serves the state is gone.
    #[error("the process that serves the state hung up: {0}")]
    HungUp(std::io::Error),
    /// The state is served by another process, which alone can make state roots.
    #[error("the state is served by another process; there are no rows here")]
    NoRows,
    /// The trie could not follow the transactions of a block.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// Receipts before Byzantium carry the state root after the transaction.
    #[error("receipts of {fork} carry state roots, and the executor has no trie to make them")]
    NoTrie {
        /// The fork of the block.
        fork: Fork,
    },
    /// The header lacks a field that its fork requires.
    #[error("the header has no {field}, which {fork} requires")]
    MissingField {
        /// Name of the field as JSON-RPC spells it.
        field: &'static str,
        /// The fork of the block.
        fork: Fork,
    },
    /// The protocol calls a contract that is not there.
    #[error("no code at {address}, where {fork} requires the contract for {name}")]
    MissingSystemContract {
        /// What the contract is for.
        name: &'static str,
        /// Where it should be.
        address: Address,
        /// The fork of the block.
        fork: Fork,
    },
    /// A call that the protocol makes failed.
    #[error("the system call to {address} ({name}) failed: {reason}")]
    SystemCall {
        /// What the contract is for.
        name: &'static str,
        /// The contract.
        address: Address,
        /// How it stopped.
        reason: String,
    },
    /// A log of the deposit contract is not laid out as EIP-6110 says.
    #[error("deposit log {index} of the block has a malformed layout ({bytes} bytes)")]
    MalformedDeposit {
        /// Position among the deposit logs of the block.
        index: usize,
        /// Length of its data.
        bytes: usize,
    },
    /// revm refused the environment, a precompile broke, or a tracer's limit stopped the machine.
    #[error("the virtual machine stopped: {0}")]
    Machine(String),
    /// A transaction of a stored or received block is not valid there.
    #[error("transaction {index} ({hash}): {source}")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// Its hash.
        hash: B256,
        /// Why.
        source: Box<ApplyError>,
    },
    /// A header field and the execution differ.
    #[error("{field}: header says {header}, execution gives {executed}")]
    Count {
        /// Name of the field as JSON-RPC spells it.
        field: &'static str,
        /// The header's value.
        header: u64,
        /// Our value.
        executed: u64,
    },
    /// A hash in the header and the execution differ.
    #[error("{field}: header says {}, execution gives {}", or_none(.header), or_none(.executed))]
    Hash {
        /// Name of the field as JSON-RPC spells it.
        field: &'static str,
        /// The header's value; `None` if the field is absent.
        header: Option<B256>,
        /// Our value; `None` if the fork has no such field.
        executed: Option<B256>,
    },
    /// The bloom in the header and the logs differ.
    #[error("logsBloom: header says {header}, execution gives {executed}")]
    Bloom {
        /// The header's value.
        header: Box<Bloom>,
        /// Our value.
        executed: Box<Bloom>,
    },
}

impl From<ReadError> for EvmError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::State(error) => Self::State(error),
            ReadError::HungUp(error) => Self::HungUp(error),
        }
    }
}

/// Tells an invalid transaction from a failure of ours.
pub(super) fn split(error: EVMError<ReadError>) -> Result<InvalidTransaction, EvmError> {
    match error {
        EVMError::Transaction(invalid) => Ok(invalid),
        EVMError::Database(error) => Err(error.into()),
        EVMError::Header(error) => Err(EvmError::Machine(error.to_string())),
        EVMError::Custom(text) => Err(EvmError::Machine(text)),
        EVMError::CustomAny(error) => Err(EvmError::Machine(error.to_string())),
    }
}
