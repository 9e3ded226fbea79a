//! Who made a block, and so gets its tips?

use super::clique;
use crate::spec::{ChainSpec, Mode};
use alloy_consensus::Header;
use alloy_primitives::Address;

/// The beneficiary that a header names; under proof of authority, where that field is a vote, who
/// signed it. A header that nobody signed, such as the genesis, is its beneficiary's.
pub fn author(spec: &ChainSpec, header: &Header) -> Address {
    match spec.mode {
        Mode::Poa => clique::signer(header).unwrap_or(header.beneficiary),
        _ => header.beneficiary,
    }
}
