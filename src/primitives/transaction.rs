//! A transaction that knows its sender.

use alloy_consensus::{
    EthereumTypedTransaction, Signed, TxEip4844Variant, TxEnvelope,
    transaction::{Recovered, SignerRecoverable},
};
use alloy_eips::{Decodable2718, eip2718::Eip2718Error};
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use std::{ops::Deref, sync::Arc};

/// A transaction of any type with its sender. Cheap to clone. A blob transaction carries its
/// sidecar while it waits and loses it when it enters a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction(Arc<Recovered<TxEnvelope>>);

/// Why raw bytes are no transaction.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the transaction does.
    #[error("transaction bytes are empty")]
    Empty,
    /// Not a known envelope, or broken RLP.
    #[error("failed to decode signed transaction: {0}")]
    Encoding(#[from] Eip2718Error),
    /// The transaction is followed by something else.
    #[error("{0} bytes after the end of the transaction")]
    TrailingBytes(usize),
    /// No sender can be recovered from the signature.
    #[error("invalid sender: the signature is not valid (r, s or v out of range, or s too high)")]
    Signature,
}

impl Transaction {
    /// Decodes the EIP-2718 (or legacy) form that `eth_sendRawTransaction` takes and recovers the
    /// sender, which is the expensive part (about 35 microseconds).
    pub fn decode(raw: &[u8]) -> Result<Self, DecodeError> {
        if raw.is_empty() {
            return Err(DecodeError::Empty);
        }
        let mut rest = raw;
        let envelope = TxEnvelope::decode_2718(&mut rest)?;
        if !rest.is_empty() {
            return Err(DecodeError::TrailingBytes(rest.len()));
        }
        Self::recover(envelope)
    }

    /// Recovers the sender of an envelope. A signature with a high `s` is refused (EIP-2).
    pub fn recover(envelope: TxEnvelope) -> Result<Self, DecodeError> {
        let sender = envelope.recover_signer().map_err(|_invalid| DecodeError::Signature)?;
        Ok(Self::new_unchecked(envelope, sender))
    }

    /// Pairs an envelope with a sender that was recovered before.
    pub fn new_unchecked(envelope: TxEnvelope, sender: Address) -> Self {
        Self(Arc::new(Recovered::new_unchecked(envelope, sender)))
    }

    /// A transaction of an impersonated sender. Its signature holds the sender as `r` and zero as
    /// `s`, which no key can make, so the hash binds the sender.
    pub fn impersonate(
        transaction: EthereumTypedTransaction<TxEip4844Variant>,
        sender: Address,
    ) -> Self {
        let r = U256::from_be_bytes(sender.into_word().0);
        let signature = Signature::new(r, U256::ZERO, false);
        Self::new_unchecked(Signed::new_unhashed(transaction, signature).into(), sender)
    }

    /// A transaction of an impersonated sender that anvil mined: its signature is zero, and its hash
    /// is that of its encoding followed by the sender.
    pub fn of_dump(envelope: TxEnvelope, sender: Address) -> Self {
        let signature = envelope.signature();
        // Of the zero address such a signature is our own.
        let is_zero = signature.r().is_zero() && signature.s().is_zero();
        if !is_zero || sender.is_zero() {
            return Self::new_unchecked(envelope, sender);
        }
        let (signature, hash) = (*signature, hash_at_anvil(&envelope, sender));
        let envelope = match envelope {
            TxEnvelope::Legacy(it) => {
                Signed::new_unchecked(it.into_parts().0, signature, hash).into()
            }
            TxEnvelope::Eip2930(it) => {
                Signed::new_unchecked(it.into_parts().0, signature, hash).into()
            }
            TxEnvelope::Eip1559(it) => {
                Signed::new_unchecked(it.into_parts().0, signature, hash).into()
            }
            TxEnvelope::Eip4844(it) => {
                TxEnvelope::Eip4844(Signed::new_unchecked(it.into_parts().0, signature, hash))
            }
            TxEnvelope::Eip7702(it) => {
                Signed::new_unchecked(it.into_parts().0, signature, hash).into()
            }
        };
        Self::new_unchecked(envelope, sender)
    }

    /// The hash that anvil gives it: of an impersonated sender another one than ours.
    pub fn hash_in_dump(&self) -> B256 {
        let is_impersonated = self.is_impersonated();
        if is_impersonated { hash_at_anvil(self.envelope(), self.sender()) } else { self.hash() }
    }

    /// Was this made by [`Transaction::impersonate`], or by anvil for an impersonated sender?
    pub fn is_impersonated(&self) -> bool {
        let signature = self.0.signature();
        let bound = U256::from_be_bytes(self.sender().into_word().0);
        signature.s().is_zero() && (signature.r() == bound || signature.r().is_zero())
    }

    /// Did the sender sign it, or was it [`Transaction::impersonate`]d? Expensive.
    pub fn has_true_sender(&self) -> bool {
        self.is_impersonated() || self.0.recover_signer().is_ok_and(|by| by == self.sender())
    }

    /// Who pays and whose nonce counts.
    pub fn sender(&self) -> Address {
        self.0.signer()
    }

    /// keccak256 of the EIP-2718 encoding, without a blob sidecar.
    pub fn hash(&self) -> B256 {
        *self.0.tx_hash()
    }

    /// The signed transaction.
    pub fn envelope(&self) -> &TxEnvelope {
        self.0.inner()
    }

    /// The signed transaction and its sender, as alloy pairs them.
    pub fn recovered(&self) -> &Recovered<TxEnvelope> {
        &self.0
    }

    /// The form that goes into a block: without a blob sidecar.
    pub fn without_sidecar(&self) -> Self {
        let TxEnvelope::Eip4844(signed) = self.envelope() else { return self.clone() };
        let TxEip4844Variant::TxEip4844WithSidecar(with_sidecar) = signed.tx() else {
            return self.clone();
        };
        let bare = TxEip4844Variant::TxEip4844(with_sidecar.tx.clone());
        let signed = Signed::new_unchecked(bare, *signed.signature(), *signed.hash());
        Self::new_unchecked(TxEnvelope::Eip4844(signed), self.sender())
    }
}

/// The hash of an impersonated transaction in anvil: of its encoding followed by the sender.
fn hash_at_anvil(envelope: &TxEnvelope, sender: Address) -> B256 {
    let mut bound = alloy_rlp::encode(envelope);
    bound.extend_from_slice(sender.as_slice());
    keccak256(bound)
}

impl Deref for Transaction {
    type Target = TxEnvelope;

    fn deref(&self) -> &TxEnvelope {
        self.envelope()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxLegacy;
    use alloy_eips::Encodable2718;

    #[test]
    fn an_impersonated_hash_binds_its_sender_and_cannot_be_sent_raw() {
        let make = |byte| {
            let typed = EthereumTypedTransaction::Legacy(TxLegacy::default());
            Transaction::impersonate(typed, Address::repeat_byte(byte))
        };
        let (alice, bob) = (make(1), make(2));
        assert_ne!(alice.hash(), bob.hash());
        assert!(alice.is_impersonated());
        let raw = alice.envelope().encoded_2718();
        assert!(matches!(Transaction::decode(&raw), Err(DecodeError::Signature)));
    }

    #[test]
    fn broken_bytes_are_named() {
        assert!(matches!(Transaction::decode(&[]), Err(DecodeError::Empty)));
        assert!(matches!(Transaction::decode(&[0x05, 1, 2]), Err(DecodeError::Encoding(_))));
        assert!(matches!(Transaction::decode(&[0xc0]), Err(DecodeError::Encoding(_))));
    }
}
