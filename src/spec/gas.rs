//! How much gas must a transaction bring before its first instruction runs?

use super::Fork;
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;

const TRANSACTION: u64 = 21_000;
const CREATION: u64 = 32_000;
const ZERO_BYTE: u64 = 4;
const ACCESS_LIST_ADDRESS: u64 = 2_400;
const ACCESS_LIST_SLOT: u64 = 1_900;
const INIT_CODE_WORD: u64 = 2;
const AUTHORIZATION: u64 = 25_000;
/// A zero byte is one token, any other byte four ([EIP-7623]).
///
/// [EIP-7623]: https://eips.ethereum.org/EIPS/eip-7623
const FLOOR_PER_TOKEN: u64 = 10;

/// Gas a transaction costs before its first instruction (yellow paper 6.2, [EIP-2028],
/// [EIP-2930], [EIP-3860], [EIP-7702]).
///
/// [EIP-2028]: https://eips.ethereum.org/EIPS/eip-2028
/// [EIP-2930]: https://eips.ethereum.org/EIPS/eip-2930
/// [EIP-3860]: https://eips.ethereum.org/EIPS/eip-3860
/// [EIP-7702]: https://eips.ethereum.org/EIPS/eip-7702
pub fn intrinsic_gas(tx: &Transaction, fork: Fork) -> u64 {
    let (zeros, others) = count_bytes(tx.input());
    let other_byte = if fork >= Fork::Istanbul { 16 } else { 68 };
    let mut gas = TRANSACTION + zeros * ZERO_BYTE + others * other_byte;
    if tx.is_create() && fork >= Fork::Homestead {
        gas += CREATION;
    }
    if tx.is_create() && fork >= Fork::Shanghai {
        gas += INIT_CODE_WORD * (tx.input().len() as u64).div_ceil(32);
    }
    for item in tx.access_list().into_iter().flat_map(|list| list.iter()) {
        gas += ACCESS_LIST_ADDRESS + ACCESS_LIST_SLOT * item.storage_keys.len() as u64;
    }
    gas + AUTHORIZATION * tx.authorization_count().unwrap_or(0)
}

/// The least gas that a transaction with this calldata pays since Prague ([EIP-7623]).
///
/// [EIP-7623]: https://eips.ethereum.org/EIPS/eip-7623
pub fn floor_gas(tx: &Transaction) -> u64 {
    let (zeros, others) = count_bytes(tx.input());
    TRANSACTION + FLOOR_PER_TOKEN * (zeros + 4 * others)
}

/// Zero bytes and other bytes.
fn count_bytes(data: &[u8]) -> (u64, u64) {
    let zeros = data.iter().filter(|byte| **byte == 0).count();
    (zeros as u64, (data.len() - zeros) as u64)
}
