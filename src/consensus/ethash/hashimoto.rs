//! What does a nonce give, over the pages of a dataset, and how little must that be?

use super::keccak::keccak512;
use alloy_primitives::{B64, B256, U256, keccak256};

/// Pages of the dataset that a nonce reads.
const ACCESSES: u32 = 64;

/// Words of a page of the dataset.
pub const PAGE_WORDS: usize = 32;

const FNV_PRIME: u32 = 0x0100_0193;

/// What Ethash gives for a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// What the header must name.
    pub mix_hash: B256,
    /// What must be at most 2^256 by the difficulty.
    pub result: B256,
}

/// What a nonce gives for the hash of a header without its seal, over so many pages.
pub fn hashimoto(
    seal_hash: B256,
    nonce: B64,
    pages: u32,
    read: impl Fn(u32) -> [u32; PAGE_WORDS],
) -> Work {
    let mut start = [0; 10];
    start[..8].copy_from_slice(&words(seal_hash));
    let nonce = u64::from_be_bytes(nonce.0);
    start[8..].copy_from_slice(&[nonce as u32, (nonce >> 32) as u32]);
    let seed = keccak512(&start);
    let mut mix: [u32; PAGE_WORDS] = std::array::from_fn(|word| seed[word % 16]);
    for access in 0..ACCESSES {
        let page = fnv(access ^ seed[0], mix[access as usize % PAGE_WORDS]) % pages;
        for (word, new) in mix.iter_mut().zip(read(page)) {
            *word = fnv(*word, new);
        }
    }
    let mut end = [0; 96];
    for (bytes, word) in end.chunks_exact_mut(4).zip(seed.into_iter().chain(shortened(&mix))) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Work { mix_hash: B256::from_slice(&end[64..]), result: keccak256(end) }
}

/// 2^256 by the difficulty, rounded down: the most that a result may be; `None` for zero.
pub fn boundary(difficulty: U256) -> Option<U256> {
    let below = U256::MAX.checked_div(difficulty)?;
    let divides_evenly = difficulty.is_power_of_two();
    Some(below.saturating_add(U256::from(divides_evenly)))
}

/// The multiply-and-xor step that Ethash has from the FNV hash.
#[inline]
pub(super) const fn fnv(one: u32, other: u32) -> u32 {
    one.wrapping_mul(FNV_PRIME) ^ other
}

/// A hash as words in little-endian order.
pub(super) fn words(hash: B256) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(hash.0.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}

/// Each four words of the mix as one.
fn shortened(mix: &[u32; PAGE_WORDS]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, four) in words.iter_mut().zip(mix.chunks_exact(4)) {
        *word = fnv(fnv(fnv(four[0], four[1]), four[2]), four[3]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_the_whole_range_by_the_difficulty() {
        assert_eq!(boundary(U256::ZERO), None);
        assert_eq!(boundary(U256::ONE), Some(U256::MAX));
        assert_eq!(boundary(U256::from(2)), Some(U256::ONE << 255));
        assert_eq!(boundary(U256::from(3)), Some(U256::MAX / U256::from(3)));
        assert_eq!(boundary(U256::MAX), Some(U256::ONE));
    }
}
