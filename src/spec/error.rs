//! Why a genesis file does not describe a chain.

use super::Fork;
use alloy_primitives::{Address, U256};

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
    /// A name in a genesis file that nobody reads.
    #[error("{name} means nothing in a genesis file: {advice}")]
    UnknownName {
        /// Where it stands.
        name: String,
        /// What was meant, or what may stand there.
        advice: String,
    },
    /// Signers, and no rules for them.
    #[error(
        "config.mainspring.mode is poa, but there is no config.clique: add \
         \"clique\": {{\"period\": 2, \"epoch\": 30000}} with the seconds and blocks that you want"
    )]
    NoClique,
    /// Two ways to make blocks.
    #[error("config has clique and ethash: leave one out, clique for signers or ethash for miners")]
    TwoWays,
    /// A mode, and the section of another.
    #[error(
        "config.mainspring.mode is {mode}, but there is config.{section}: leave one of them out"
    )]
    OtherSection {
        /// The mode.
        mode: &'static str,
        /// The other mode's section.
        section: &'static str,
    },
    /// No way to make blocks.
    #[error(
        "config does not say how blocks come about: add \"clique\": {{\"period\": 2, \"epoch\": 30000}} \
         for signers, \"ethash\": {{}} for miners, \"terminalTotalDifficulty\": 0 for a merged chain to \
         import, or \"mainspring\": {{\"mode\": \"dev\"}} for a development chain"
    )]
    NoWay,
    /// A base fee beyond what a header holds.
    #[error("baseFeePerGas {0} does not fit in 64 bits")]
    BaseFee(u128),
    /// Only newer forks begin at a time.
    #[error("{0} begins at no time; those that do are shanghai, cancun, prague, osaka")]
    ForkWithoutTime(Fork),
    /// A fork that begins with the genesis and at a time.
    #[error(
        "{fork} cannot begin at {time}: all forks up to {from_genesis} begin with the genesis; \
         let an older one be the first, or leave the time out"
    )]
    ForkBothWays {
        /// The fork.
        fork: Fork,
        /// Its time in seconds.
        time: u64,
        /// The newest fork of the first block.
        from_genesis: Fork,
    },
    /// The merge has no meaning where blocks are signed or mined.
    #[error("paris ends proof of work and authority: begin with grayglacier, or with shanghai")]
    SealedParis,
    /// Nobody could seal a block.
    #[error("no signer: a network of proof of authority needs one at least, and better three")]
    NoSigners,
    /// Nobody has its key.
    #[error("the zero address cannot be a signer")]
    ZeroSigner,
    /// A signer has one turn.
    #[error("signer {0} is named twice")]
    RepeatedSigner(Address),
    /// The first block would break the rule for those after it.
    #[error("difficulty {difficulty} of the genesis is below the least difficulty, {minimum}")]
    GenesisDifficulty {
        /// Of the genesis.
        difficulty: U256,
        /// Of every block.
        minimum: U256,
    },
    /// Extra data that no header may have.
    #[error("extra data of {bytes} bytes; {max} is the most")]
    ExtraTooLong {
        /// Given.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
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
