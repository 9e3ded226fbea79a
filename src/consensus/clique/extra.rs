//! What does the extra data of a header hold? 32 free bytes, the signers at a checkpoint, a seal.

use super::CliqueError;
use alloy_primitives::{Address, Bytes};

/// Bytes that a signer may fill as it likes.
const VANITY: usize = 32;
/// Bytes of a seal: r, s and the parity of y.
pub(super) const SEAL: usize = 65;

/// The extra data of a header, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Whatever the signer likes.
    pub vanity: [u8; VANITY],
    /// Ascending; empty but at a checkpoint.
    pub signers: Vec<Address>,
    /// r, s, parity; `None` before the block is signed.
    pub seal: Option<[u8; SEAL]>,
}

impl Extra {
    /// Takes the extra data of a signed header apart.
    pub fn parse(data: &[u8]) -> Result<Self, CliqueError> {
        let too_short = CliqueError::ExtraTooShort { length: data.len() };
        let Some((vanity, rest)) = data.split_first_chunk::<VANITY>() else {
            return Err(too_short);
        };
        let Some((signers, seal)) = rest.split_last_chunk::<SEAL>() else { return Err(too_short) };
        let (signers, []) = signers.as_chunks::<20>() else {
            return Err(CliqueError::SignersLength { bytes: signers.len() });
        };
        let signers: Vec<Address> = signers.iter().map(Address::from).collect();
        if let Some(pair) = signers.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(CliqueError::SignersOrder(pair[1]));
        }
        Ok(Self { vanity: *vanity, signers, seal: Some(*seal) })
    }

    /// As it stands in a header. Without a seal its place is filled with zeros, as in a genesis.
    pub fn to_bytes(&self) -> Bytes {
        let mut data = Vec::with_capacity(VANITY + SEAL + 20 * self.signers.len());
        data.extend_from_slice(&self.vanity);
        self.signers.iter().for_each(|signer| data.extend_from_slice(signer.as_slice()));
        data.extend_from_slice(&self.seal.unwrap_or([0; SEAL]));
        data.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(byte: u8) -> Address {
        Address::repeat_byte(byte)
    }

    #[test]
    fn extra_data_is_read_as_it_was_written() {
        for signers in [vec![], vec![address(1)], vec![address(1), address(2), address(9)]] {
            let extra = Extra { vanity: [7; VANITY], signers, seal: Some([3; SEAL]) };
            assert_eq!(Extra::parse(&extra.to_bytes()), Ok(extra));
        }
    }

    #[test]
    fn what_is_no_extra_data_is_named() {
        let parse = |length: usize| Extra::parse(&vec![0; length]);
        assert_eq!(parse(96), Err(CliqueError::ExtraTooShort { length: 96 }));
        assert_eq!(parse(31), Err(CliqueError::ExtraTooShort { length: 31 }));
        assert_eq!(parse(97 + 19), Err(CliqueError::SignersLength { bytes: 19 }));
        for pair in [[2, 1], [2, 2]] {
            let signers = pair.map(address).to_vec();
            let extra = Extra { signers, ..Default::default() };
            let refused = Extra::parse(&extra.to_bytes());
            assert_eq!(refused, Err(CliqueError::SignersOrder(address(pair[1]))));
        }
    }
}
