//! Why is a header of proof of authority refused?

use alloy_primitives::{Address, B64, B256, U256};

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliqueError {
    /// The extra data has no room for what it must hold.
    #[error("extra data of {length} bytes; 32 bytes and a seal of 65 are the least")]
    ExtraTooShort {
        /// In bytes.
        length: usize,
    },
    /// A header between checkpoints lists no signers.
    #[error("{bytes} bytes of signers in block {number}, which is no checkpoint")]
    SignersOutsideCheckpoint {
        /// The header's.
        number: u64,
        /// Between the vanity and the seal.
        bytes: usize,
    },
    /// The list of signers is no list of addresses.
    #[error("{bytes} bytes of signers, which is no multiple of 20")]
    SignersLength {
        /// Between the vanity and the seal.
        bytes: usize,
    },
    /// Nobody could ever seal a block.
    #[error("the list of signers is empty")]
    NoSigners,
    /// The list of signers is not in order, or names one twice.
    #[error("signer {0} is not above the one before it: the list must be sorted")]
    SignersOrder(Address),
    /// A checkpoint lists others than those who may sign.
    #[error("checkpoint {number} lists {listed:?}, the signers are {expected:?}")]
    CheckpointSigners {
        /// The header's.
        number: u64,
        /// In its extra data.
        listed: Vec<Address>,
        /// After the blocks before it.
        expected: Vec<Address>,
    },
    /// A checkpoint votes.
    #[error("checkpoint {number} votes on {beneficiary} with nonce {nonce}")]
    VoteInCheckpoint {
        /// The header's.
        number: u64,
        /// Must be zero.
        beneficiary: Address,
        /// Must be zero.
        nonce: B64,
    },
    /// A nonce is one of two.
    #[error("nonce {0}: a vote is 0xffffffffffffffff to add, 0x0000000000000000 to drop")]
    Nonce(B64),
    /// There is no work to mix.
    #[error("mix hash {0}, it must be zero")]
    MixHash(B256),
    /// A difficulty is 1 or 2, by whose turn it is.
    #[error("difficulty {header} of a block by {signer}, {expected} by the signer's turn")]
    Difficulty {
        /// The header's.
        header: U256,
        /// By whose turn it is.
        expected: U256,
        /// Who signed.
        signer: Address,
    },
    /// Too early after the parent.
    #[error("timestamp {header}, {earliest} is the earliest after the parent")]
    TooEarly {
        /// The header's, in seconds.
        header: u64,
        /// The parent's and the period.
        earliest: u64,
    },
    /// The seal is no signature.
    #[error("the seal is no signature")]
    Seal,
    /// Whoever signed may not.
    #[error("{signer} signed block {number} and is no signer")]
    Unauthorized {
        /// The header's.
        number: u64,
        /// Who signed it.
        signer: Address,
    },
    /// Whoever signed did so a moment ago.
    #[error(
        "{signer} signed block {number} and block {recent}; one of {limit} in a row is allowed"
    )]
    RecentlySigned {
        /// The header's.
        number: u64,
        /// Who signed it.
        signer: Address,
        /// The block that the same signer signed.
        recent: u64,
        /// More than half of the signers.
        limit: u64,
    },
    /// Headers are applied one after the other.
    #[error("block {header} does not follow block {number}")]
    Gap {
        /// The header's number.
        header: u64,
        /// The snapshot's.
        number: u64,
    },
}
