//! Who signed a header, and how is one signed?

use super::{CliqueError, extra::SEAL};
use alloy_consensus::{Header, crypto::secp256k1::recover_signer};
use alloy_primitives::{Address, B256, Signature, U256};

/// What a signer signs: the hash of the header without the seal, with the fields of every fork.
///
/// # Errors
/// [`CliqueError::ExtraTooShort`] where there is no room for a seal.
pub fn seal_hash(header: &Header) -> Result<B256, CliqueError> {
    let length = header.extra_data.len();
    let unsealed = length.checked_sub(SEAL).ok_or(CliqueError::ExtraTooShort { length })?;
    let extra_data = header.extra_data.slice(..unsealed);
    Ok(Header { extra_data, ..header.clone() }.hash_slow())
}

/// The header with this signature of its [`seal_hash`] as its seal.
///
/// # Errors
/// [`CliqueError::ExtraTooShort`] where there is no room for a seal.
pub fn sealed(header: Header, signature: &Signature) -> Result<Header, CliqueError> {
    let length = header.extra_data.len();
    let unsealed = length.checked_sub(SEAL).ok_or(CliqueError::ExtraTooShort { length })?;
    let mut extra_data = header.extra_data[..unsealed].to_vec();
    extra_data.extend_from_slice(&signature.r().to_be_bytes::<32>());
    extra_data.extend_from_slice(&signature.s().to_be_bytes::<32>());
    extra_data.push(u8::from(signature.v()));
    Ok(Header { extra_data: extra_data.into(), ..header })
}

/// Who signed a header. A signature has one form only ([EIP-2](https://eips.ethereum.org/EIPS/eip-2)):
/// nobody but the signer can make a second block of the same content.
pub fn signer(header: &Header) -> Result<Address, CliqueError> {
    let hash = seal_hash(header)?;
    let seal = header.extra_data.split_at(header.extra_data.len() - SEAL).1;
    let (r, rest) = seal.split_at(32);
    let (s, parity) = rest.split_at(32);
    let parity = match parity {
        [0] => false,
        [1] => true,
        _ => return Err(CliqueError::Seal),
    };
    let signature = Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity);
    recover_signer(&signature, hash).map_err(|_no_point| CliqueError::Seal)
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};
    use alloy_primitives::{Bytes, bytes};

    #[test]
    fn the_signer_is_read_off_the_seal_and_any_change_names_another() {
        let key = testing::key("A");
        let mut header = Header { number: 5, gas_limit: 30_000_000, ..Default::default() };
        header.extra_data = vec![0; 97].into();
        testing::sign(&mut header, &key);
        assert_eq!(signer(&header), Ok(key.address()));
        let changed = Header { gas_used: 1, ..header.clone() };
        assert_ne!(signer(&changed), Ok(key.address()));
        let newer = Header { requests_hash: Some(B256::ZERO), ..header };
        assert_ne!(signer(&newer), Ok(key.address()));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let with_extra = |extra_data: Bytes| Header { extra_data, ..Default::default() };
        assert_eq!(signer(&with_extra(vec![0; 97].into())), Err(CliqueError::Seal));
        assert_eq!(signer(&with_extra(vec![0xff; 97].into())), Err(CliqueError::Seal));
        let short = signer(&with_extra(bytes!("00")));
        assert_eq!(short, Err(CliqueError::ExtraTooShort { length: 1 }));
    }

    #[test]
    fn the_mirrored_signature_is_refused() {
        let order = alloy_primitives::uint!(
            0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256
        );
        let mut header = Header { extra_data: vec![0; 97].into(), ..Default::default() };
        testing::sign(&mut header, &testing::key("A"));
        let mut extra = header.extra_data.to_vec();
        let at = extra.len() - SEAL;
        let s = order - U256::from_be_slice(&extra[at + 32..at + 64]);
        extra[at + 32..at + 64].copy_from_slice(&s.to_be_bytes::<32>());
        extra[at + 64] ^= 1;
        header.extra_data = extra.into();
        assert_eq!(signer(&header), Err(CliqueError::Seal));
    }
}
