//! Admission of blob transactions: are the blobs there, and are they what the hashes say?

use super::{PoolError, Rules};
use crate::{primitives::Transaction, spec::Fork};
use alloy_consensus::{Signed, Transaction as _, TxEip4844Variant, TxEnvelope};
use alloy_eips::{
    eip4844::{BLOB_TX_MIN_BLOB_GASPRICE, env_settings::EnvKzgSettings},
    eip7594::BlobTransactionSidecarVariant,
};

/// The blobs that a waiting blob transaction carries.
pub fn sidecar(tx: &Transaction) -> Option<&BlobTransactionSidecarVariant> {
    match tx.envelope() {
        TxEnvelope::Eip4844(signed) => match signed.tx() {
            TxEip4844Variant::TxEip4844WithSidecar(with_sidecar) => Some(with_sidecar.sidecar()),
            TxEip4844Variant::TxEip4844(_) => None,
        },
        _ => None,
    }
}

/// The same transaction with the proofs that Osaka asks for, where it came with those from before
/// ([EIP-7594](https://eips.ethereum.org/EIPS/eip-7594)). Many tools still make those; geth turns them
/// into the new ones too. Takes a large part of a second a blob.
pub fn with_cell_proofs(tx: &Transaction, rules: &Rules) -> Result<Option<Transaction>, PoolError> {
    let TxEnvelope::Eip4844(signed) = tx.envelope() else { return Ok(None) };
    let TxEip4844Variant::TxEip4844WithSidecar(inner) = signed.tx() else { return Ok(None) };
    let is_old = matches!(inner.sidecar(), BlobTransactionSidecarVariant::Eip4844(_));
    let blobs = inner.sidecar().blobs().len();
    if rules.fork < Fork::Osaka || !is_old || blobs > rules.max_blobs {
        return Ok(None);
    }
    // Blobs that are not what the hashes say are not worth the time.
    check_proofs(tx)?;
    let mut inner = inner.clone();
    let sidecar = inner.sidecar.try_convert_into_eip7594();
    inner.sidecar = sidecar.map_err(|error| PoolError::Kzg(error.into()))?;
    let variant = TxEip4844Variant::TxEip4844WithSidecar(inner);
    let signed = Signed::new_unchecked(variant, *signed.signature(), *signed.hash());
    Ok(Some(Transaction::new_unchecked(TxEnvelope::Eip4844(signed), tx.sender())))
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
