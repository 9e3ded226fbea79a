//! Admission of blob transactions: are the blobs there, and are they what the hashes say?

use super::{PoolError, Rules};
use crate::{primitives::Transaction, spec::Fork};
use alloy_consensus::{Transaction as _, TxEip4844Variant, TxEnvelope};
use alloy_eips::{
    eip4844::{BLOB_TX_MIN_BLOB_GASPRICE, env_settings::EnvKzgSettings},
    eip7594::BlobTransactionSidecarVariant,
};

/// The blobs that a waiting blob transaction carries.
pub(super) fn sidecar(tx: &Transaction) -> Option<&BlobTransactionSidecarVariant> {
    match tx.envelope() {
        TxEnvelope::Eip4844(signed) => match signed.tx() {
            TxEip4844Variant::TxEip4844WithSidecar(with_sidecar) => Some(with_sidecar.sidecar()),
            TxEip4844Variant::TxEip4844(_) => None,
        },
        _ => None,
    }
}

/// The cheap half: numbers and versions. Other transactions pass.
pub(super) fn check_shape(tx: &Transaction, rules: &Rules) -> Result<(), PoolError> {
    let Some(hashes) = tx.blob_versioned_hashes() else { return Ok(()) };
    if hashes.is_empty() {
        return Err(PoolError::NoBlobs);
    }
    if hashes.len() > rules.max_blobs {
        let permitted = rules.max_blobs;
        return Err(PoolError::TooManyBlobs { have: hashes.len(), permitted });
    }
    let fee_cap = tx.max_fee_per_blob_gas().unwrap_or(0);
    if fee_cap < BLOB_TX_MIN_BLOB_GASPRICE {
        return Err(PoolError::BlobFeeTooLow { fee_cap, minimum: BLOB_TX_MIN_BLOB_GASPRICE });
    }
    let sidecar = sidecar(tx).ok_or(PoolError::MissingSidecar)?;
    let want = u8::from(rules.fork >= Fork::Osaka);
    let got = u8::from(matches!(sidecar, BlobTransactionSidecarVariant::Eip7594(_)));
    if want != got {
        return Err(PoolError::SidecarVersion { want, got });
    }
    let blobs = sidecar.blobs().len();
    if blobs != hashes.len() {
        return Err(PoolError::BlobCount { blobs, hashes: hashes.len() });
    }
    Ok(())
}

/// Loads what proofs of blobs are checked with. It takes a second or more, which the first blob
/// transaction waits for otherwise.
pub fn load_trusted_setup() {
    EnvKzgSettings::Default.get();
}

/// The dear half: every proof is checked against its blob and every commitment against its hash
/// (milliseconds a blob, and the trusted setup is loaded the first time).
pub(super) fn check_proofs(tx: &Transaction) -> Result<(), PoolError> {
    match (tx.blob_versioned_hashes(), sidecar(tx)) {
        (Some(hashes), Some(sidecar)) => {
            sidecar.validate(hashes, EnvKzgSettings::Default.get()).map_err(PoolError::Kzg)
        }
        _ => Ok(()),
    }
}
