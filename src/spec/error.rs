//! Why a genesis file does not describe a chain.

use super::Fork;
use alloy_primitives::Address;

/// Why a genesis was refused.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A fork begins before an older one.
    #[error("{later} begins at {later_at}, before {earlier} at {earlier_at}")]
    ForkOrder {
        /// The newer fork.
        later: Fork,
        /// Its block number or timestamp.
        later_at: u64,
        /// The older fork.
        earlier: Fork,
        /// Its block number or timestamp.
        earlier_at: u64,
    },
    /// A blob schedule entry that no block could follow.
    #[error(
        "blobSchedule.{fork}: target {target}, max {max}, baseFeeUpdateFraction {update_fraction}: \
         the fraction and max must be above zero, and target at most max"
    )]
    BlobLimits {
        /// Name of the entry.
        fork: &'static str,
        /// Blobs per block aimed at.
        target: u64,
        /// Most blobs per block.
        max: u64,
        /// How slowly the fee moves.
        update_fraction: u128,
    },
    /// `config.mainspring` cannot be read.
    #[error("config.mainspring: {0}")]
    Mainspring(#[source] serde_json::Error),
    /// A base fee beyond what a header holds.
    #[error("baseFeePerGas {0} does not fit in 64 bits")]
    BaseFee(u128),
    /// Work of difficulty zero is no work.
    #[error("config.mainspring.minimumDifficulty: 0, at least 1")]
    MinimumDifficulty,
    /// A genesis after which hardly a block fits.
    #[error("{field} {value} of the genesis is above {max}: no room for blocks after it")]
    NoRoom {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The most it may be.
        max: u64,
    },
    /// All balances together must stay below 2^256.
    #[error("the sum of all balances overflows at {0}")]
    Supply(Address),
}
