//! Who made a block, and so gets its tips?

use super::clique::{self, CliqueError};
use crate::spec::{ChainSpec, Mode};
use alloy_consensus::Header;
use alloy_primitives::Address;

/// The beneficiary that a header names; under proof of authority, where that field is a vote, who
/// signed it. A header that nobody signed, such as the genesis, is its beneficiary's.
pub fn author(spec: &ChainSpec, header: &Header) -> Address {
    author_signed(spec, header, || clique::signer(header))
}

/// [`author`], where the caller may know already who signed the header.
pub fn author_signed(
    spec: &ChainSpec,
    header: &Header,
    signer: impl FnOnce() -> Result<Address, CliqueError>,
) -> Address {
    match spec.mode {
        Mode::Poa => signer().unwrap_or(header.beneficiary),
        _ => header.beneficiary,
    }
}
