//! Is the seal of a header checked on this chain, and does it hold?

use super::Ethash;
use crate::spec::{ChainSpec, Mode};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use std::sync::Arc;

/// Why a seal does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The header's mix hash is not that of its nonce.
    #[error("mix hash {header}, the nonce gives {computed}")]
    MixHash {
        /// The header's.
        header: B256,
        /// By Ethash.
        computed: B256,
    },
    /// Not enough work.
    #[error("result {result} of difficulty {difficulty} is above {boundary:#x}")]
    TooLittleWork {
        /// By Ethash.
        result: B256,
        /// The header's.
        difficulty: U256,
        /// 2^256 by the difficulty.
        boundary: U256,
    },
    /// Work of difficulty zero proves nothing.
    #[error("proof of work with difficulty zero")]
    NoDifficulty,
    /// Higher than any chain with proof of work; its cache would not fit in memory.
    #[error("epoch {epoch} of Ethash, at most {max}")]
    Epoch {
        /// Of the header's number.
        epoch: u64,
        /// By our limit.
        max: u64,
    },
    /// Nothing is wrong with it; the node stops, and no cache is computed any more to look.
    #[error("the node stops")]
    Stopped,
}

impl SealError {
    /// The rule's name, as reports show it.
    pub const fn rule(&self) -> &'static str {
        "InvalidSeal"
    }
}

/// Whose seals are checked.
#[derive(Clone, Debug)]
pub enum SealPolicy {
    /// Nobody's.
    None,
    /// Proof of work, of every block and ommer that has a difficulty.
    Ethash(Arc<Ethash>),
}

impl SealPolicy {
    /// A chain of proof of work checks every seal. One that merged since was imported: its old seals
    /// are checked only where `verify_seal` asks for it.
    pub fn of(spec: &ChainSpec, verify_seal: bool, ethash: &Arc<Ethash>) -> Self {
        match spec.mode {
            Mode::Pow => Self::Ethash(ethash.clone()),
            Mode::Merged if verify_seal => Self::Ethash(ethash.clone()),
            _ => Self::None,
        }
    }

    /// Would [`SealPolicy::verify`] look at this header's seal?
    pub fn checks(&self, header: &Header) -> bool {
        matches!(self, Self::Ethash(_)) && !header.difficulty.is_zero()
    }

    /// Gives up what takes long: seals for which a cache is missing are not looked at any more, which is
    /// [`SealError::Stopped`].
    pub fn stop(&self) {
        if let Self::Ethash(ethash) = self {
            ethash.stop();
        }
    }

    /// Checks the seal of a block's or an ommer's header. Since the merge there is none.
    pub fn verify(&self, header: &Header) -> Result<(), SealError> {
        match self {
            Self::Ethash(ethash) if self.checks(header) => ethash.verify(header),
            _ => Ok(()),
        }
    }
}
