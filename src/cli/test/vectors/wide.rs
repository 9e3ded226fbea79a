//! What does a transaction say whose fees are beyond 128 bits?
//!
//! By the letter of the rules a fee has up to 256 bits, as long as gas limit times fee fits in 256
//! bits too. No account of any chain can pay more than 128, so the node's own transactions hold no
//! more, and a block with such a transaction is refused. The vectors ask for the letter.

use super::transaction::Refusal;
use crate::primitives::Transaction;
use alloy_consensus::{Transaction as _, TxEnvelope, crypto::secp256k1::recover_signer_unchecked};
use alloy_eips::Decodable2718;
use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Header};

/// The transaction with its fees cut to 128 bits, and its true hash; `None` if no fee is beyond.
pub(super) fn decode(raw: &[u8]) -> Option<Result<(Transaction, B256), Refusal>> {
    let (kind, list) = raw.split_at(usize::from(matches!(raw.first(), Some(1..=4))));
    let fields = fields(list).ok()?;
    let fees: &[usize] = match kind {
        [] => &[1],
        [1] => &[2],
        _ => &[2, 3],
    };
    let read = |index: &usize| alloy_rlp::decode_exact::<U256>(fields.get(*index)?).ok();
    let values: Vec<U256> = fees.iter().map(read).collect::<Option<_>>()?;
    let most = U256::from(u128::MAX);
    if values.iter().all(|value| *value <= most) {
        return None;
    }
    let cut = alloy_rlp::encode(u128::MAX);
    let mut narrow = fields.clone();
    for (index, _) in fees.iter().zip(&values).filter(|(_, value)| **value > most) {
        narrow[*index] = cut.as_slice();
    }
    let narrow = [kind, &list_of(&narrow)].concat();
    Some(recover(raw, kind, &fields, &narrow, &values))
}

fn recover(
    raw: &[u8],
    kind: &[u8],
    fields: &[&[u8]],
    narrow: &[u8],
    fees: &[U256],
) -> Result<(Transaction, B256), Refusal> {
    let mut rest = narrow;
    let envelope = TxEnvelope::decode_2718(&mut rest)?;
    if !rest.is_empty() {
        return Err(Refusal::TrailingBytes(rest.len()));
    }
    check_fees(fees, envelope.gas_limit())?;
    let signed = signed_part(kind, fields, envelope.chain_id());
    let sender = recover_signer_unchecked(envelope.signature(), keccak256(signed))?;
    Ok((Transaction::new_unchecked(envelope, sender), keccak256(raw)))
}

/// The tip is within the fee, and the fee for all gas within 256 bits.
fn check_fees(fees: &[U256], gas_limit: u64) -> Result<(), Refusal> {
    let (Some(first), Some(last)) = (fees.first(), fees.last()) else { return Ok(()) };
    let cost = last.checked_mul(U256::from(gas_limit));
    if first > last || cost.is_none() {
        return Err(Refusal::Fees { first: *first, last: *last, gas_limit });
    }
    Ok(())
}

/// What the signature covers: all but itself, and the chain of a legacy transaction (EIP-155).
fn signed_part(kind: &[u8], fields: &[&[u8]], chain_id: Option<u64>) -> Vec<u8> {
    let unsigned = &fields[..fields.len() - 3];
    let chain_id = alloy_rlp::encode(chain_id.unwrap_or(0));
    let chain = [chain_id.as_slice(), &[EMPTY_STRING_CODE], &[EMPTY_STRING_CODE]];
    let names_chain = kind.is_empty() && chain_id != [EMPTY_STRING_CODE];
    let covered = if names_chain { [unsigned, &chain].concat() } else { unsigned.to_vec() };
    [kind, &list_of(&covered)].concat()
}

/// The encoded fields of a list that takes all bytes.
fn fields(list: &[u8]) -> alloy_rlp::Result<Vec<&[u8]>> {
    let mut rest = list;
    let mut payload = Header::decode_bytes(&mut rest, true)?;
    if !rest.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    let mut fields = Vec::new();
    while !payload.is_empty() {
        let field = payload;
        let length = Header::decode(&mut payload)?.payload_length;
        payload = &payload[length..];
        fields.push(&field[..field.len() - payload.len()]);
    }
    Ok(fields)
}

fn list_of(fields: &[&[u8]]) -> Vec<u8> {
    let payload = fields.concat();
    let mut out = Vec::with_capacity(payload.len() + 5);
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Signature, hex};

    #[test]
    fn fees_of_usual_size_are_left_to_the_node() {
        let tx = TxEip1559 { max_fee_per_gas: u128::MAX, ..Default::default() };
        let signed = tx.into_signed(Signature::test_signature());
        assert!(decode(&alloy_eips::Encodable2718::encoded_2718(&signed)).is_none());
        assert!(decode(&hex!("c0")).is_none());
        assert!(decode(&[]).is_none());
    }

    #[test]
    fn a_fee_for_all_gas_fits_in_256_bits() {
        let most = U256::MAX / U256::from(21_000);
        assert!(check_fees(&[most], 21_000).is_ok());
        assert!(check_fees(&[most + U256::ONE], 21_000).is_err());
        assert!(check_fees(&[most, most], 21_000).is_ok());
        assert!(check_fees(&[most, most - U256::ONE], 21_000).is_err());
    }
}
