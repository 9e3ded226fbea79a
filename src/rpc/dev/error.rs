//! What is wrong with what a developer asked for? Each error says what would be right.

use crate::spec::Fork;
use alloy_primitives::Address;

/// Why a development method was refused; nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// A time or a span that nobody counts.
    #[error("{what} is {given} seconds; at most {limit} are possible")]
    TooManySeconds {
        /// Which parameter.
        what: &'static str,
        /// As given.
        given: String,
        /// What is possible.
        limit: u64,
    },
    /// The next block cannot be so early.
    #[error(
        "timestamp {given} is too early: the newest block has {parent}; ask for {earliest} or more"
    )]
    TimestampTooEarly {
        /// As given, in seconds.
        given: u64,
        /// The head's, in seconds.
        parent: u64,
        /// The earliest that is possible.
        earliest: u64,
    },
    /// No block has such a gas limit.
    #[error("the gas limit of a block is {given}; it has to be from {least} to {most}")]
    GasLimit {
        /// As given.
        given: String,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// The fork in force does not know what was asked for.
    #[error("{what} needs the {since} fork or a later one; the next block is {fork}")]
    NotYet {
        /// What was asked for.
        what: &'static str,
        /// Where it began.
        since: Fork,
        /// The fork in force.
        fork: Fork,
    },
    /// The fork in force has other means.
    #[error(
        "a minimum gas price is not supported when EIP-1559 is active (the next block is {fork}); use \
         anvil_setNextBlockBaseFeePerGas"
    )]
    NoMinGasPrice {
        /// The fork in force.
        fork: Fork,
    },
    /// There is no upstream to replace.
    #[error(
        "this chain is no fork, so it has no upstream; start the node with --fork-url to fork another \
         chain"
    )]
    NoUpstream,
    /// Bytes that are no signature.
    #[error(
        "that is no signature: {length} bytes; it has 65: r, s, and v, which is 0, 1, 27 or 28"
    )]
    NoSignature {
        /// Bytes given.
        length: usize,
    },
    /// Nothing that the token reads is what its getter answers.
    #[error(
        "no storage slot of {token} holds what its {getter} answers: is it an ERC-20 token, and does \
         it keep the number as it is?"
    )]
    NoTokenSlot {
        /// The token.
        token: Address,
        /// The getter that was asked.
        getter: &'static str,
    },
    /// More blocks in one answer than allowed.
    #[error("{asked} blocks in one answer ({limit} allowed); ask for fewer, or use anvil_mine")]
    TooManyBlocksShown {
        /// Blocks asked for.
        asked: u64,
        /// Blocks allowed.
        limit: u64,
    },
}
