//! Which contracts are built into the machine, and since when?

use super::Fork;
use alloy_primitives::{Address, U160};

/// A contract that is part of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precompile {
    /// As [EIP-7910](https://eips.ethereum.org/EIPS/eip-7910) spells it.
    pub name: &'static str,
    /// Its address as a number.
    pub number: u16,
    /// The fork that brought it.
    pub since: Fork,
}

impl Precompile {
    /// Where it is.
    pub fn address(&self) -> Address {
        U160::from(self.number).into()
    }
}

/// All precompiles in the order of their addresses.
pub const PRECOMPILES: [Precompile; 18] = [
    precompile("ECREC", 0x01, Fork::Frontier),
    precompile("SHA256", 0x02, Fork::Frontier),
    precompile("RIPEMD160", 0x03, Fork::Frontier),
    precompile("ID", 0x04, Fork::Frontier),
    precompile("MODEXP", 0x05, Fork::Byzantium),
    precompile("BN254_ADD", 0x06, Fork::Byzantium),
    precompile("BN254_MUL", 0x07, Fork::Byzantium),
    precompile("BN254_PAIRING", 0x08, Fork::Byzantium),
    precompile("BLAKE2F", 0x09, Fork::Istanbul),
    precompile("KZG_POINT_EVALUATION", 0x0a, Fork::Cancun),
    precompile("BLS12_G1ADD", 0x0b, Fork::Prague),
    precompile("BLS12_G1MSM", 0x0c, Fork::Prague),
    precompile("BLS12_G2ADD", 0x0d, Fork::Prague),
    precompile("BLS12_G2MSM", 0x0e, Fork::Prague),
    precompile("BLS12_PAIRING_CHECK", 0x0f, Fork::Prague),
    precompile("BLS12_MAP_FP_TO_G1", 0x10, Fork::Prague),
    precompile("BLS12_MAP_FP2_TO_G2", 0x11, Fork::Prague),
    precompile("P256VERIFY", 0x100, Fork::Osaka),
];

const fn precompile(name: &'static str, number: u16, since: Fork) -> Precompile {
    Precompile { name, number, since }
}
