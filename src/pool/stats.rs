//! What has the pool taken in and turned away so far, and how full is it?

use super::{Added, Pool, PoolError};
use crate::primitives::Count;

/// Why transactions are turned away, in classes that fit on a graph.
const CLASSES: [&str; 9] =
    ["known", "malformed", "gas", "fee", "nonce", "funds", "blobs", "limit", "full"];

/// What is counted while it happens.
#[derive(Debug, Default)]
pub(super) struct Counted {
    added: Count,
    replaced: Count,
    refused: [Count; CLASSES.len()],
}

impl Counted {
    /// A transaction was offered.
    pub(super) fn offered(&self, outcome: &Result<Added, PoolError>) {
        match outcome {
            Ok(added) => {
                self.added.one();
                self.replaced.add(u64::from(added.replaced.is_some()));
            }
            Err(refusal) => {
                let class = CLASSES.iter().position(|class| *class == class_of(refusal));
                if let Some(count) = class.and_then(|class| self.refused.get(class)) {
                    count.one();
                }
            }
        }
    }
}

/// The class of a refusal: what its sender would have to change.
const fn class_of(refusal: &PoolError) -> &'static str {
    match refusal {
        PoolError::AlreadyKnown => "known",
        PoolError::TypeNotSupported { .. }
        | PoolError::ChainId { .. }
        | PoolError::Oversized { .. }
        | PoolError::InitCodeSize { .. }
        | PoolError::NoAuthorizations
        | PoolError::SenderNotEoa { .. } => "malformed",
        PoolError::GasCap { .. }
        | PoolError::BlockGasLimit { .. }
        | PoolError::IntrinsicGas { .. }
        | PoolError::FloorDataGas { .. } => "gas",
        PoolError::TipAboveFeeCap { .. }
        | PoolError::TipTooLow { .. }
        | PoolError::BlobFeeTooLow { .. }
        | PoolError::ReplacementFeeCap { .. }
        | PoolError::ReplacementTip { .. }
        | PoolError::ReplacementBlobFee { .. } => "fee",
        PoolError::NonceMax { .. } | PoolError::NonceTooLow { .. } => "nonce",
        PoolError::InsufficientFunds { .. } | PoolError::InsufficientFundsForAll { .. } => "funds",
        PoolError::MissingSidecar
        | PoolError::NoBlobs
        | PoolError::TooManyBlobs { .. }
        | PoolError::BlobCount { .. }
        | PoolError::SidecarVersion { .. }
        | PoolError::Kzg(_) => "blobs",
        PoolError::AccountLimit { .. }
        | PoolError::InFlightLimit { .. }
        | PoolError::GappedFromDelegated { .. }
        | PoolError::AuthorityReserved { .. } => "limit",
        PoolError::FutureReplacesPending { .. } | PoolError::Full { .. } => "full",
    }
}

/// The pool in numbers; what is counted is counted since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Transactions that could run.
    pub pending: usize,
    /// Transactions that wait for others of their senders.
    pub queued: usize,
    /// Encoded size of all of them, in bytes.
    pub bytes: usize,
    /// Taken in.
    pub added: u64,
    /// Taken in instead of another one.
    pub replaced: u64,
    /// Turned away, by class.
    pub refused: [(&'static str, u64); CLASSES.len()],
}

impl Pool {
    /// The pool in numbers.
    pub fn stats(&self) -> PoolStats {
        let counted = &self.counted;
        let mut refused = CLASSES.map(|class| (class, 0));
        for ((_class, read), count) in refused.iter_mut().zip(&counted.refused) {
            *read = count.get();
        }
        PoolStats {
            pending: self.pending_len(),
            queued: self.queued_len(),
            bytes: self.bytes(),
            added: counted.added.get(),
            replaced: counted.replaced.get(),
            refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_counted_in_its_class() {
        let counted = Counted::default();
        let low = || PoolError::NonceTooLow { next: 2, given: 1 };
        counted.offered(&Err(low()));
        counted.offered(&Err(low()));
        counted.offered(&Err(PoolError::Full { transactions: 1, bytes: 1 }));
        let count = |class: &str| {
            let place = CLASSES.iter().position(|it| *it == class).unwrap();
            counted.refused[place].get()
        };
        assert_eq!((count("nonce"), count("full"), count("fee")), (2, 1, 0));
        assert_eq!(counted.added.get(), 0);
    }
}
