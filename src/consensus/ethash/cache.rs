//! What is in the cache of an epoch, and what does it give for a nonce?

use super::{
    keccak::{Row, keccak512},
    seal_hash,
    sizes::{PAGE_BYTES, cache_bytes, dataset_bytes, seed_hash},
};
use crate::consensus::SealError;
use alloy_consensus::Header;
use alloy_primitives::{B64, B256, U256, keccak256};

/// How often the cache is mixed through.
const CACHE_ROUNDS: usize = 3;

/// Rows of the cache that make an item of the dataset.
const PARENTS: u32 = 256;

/// Pages of the dataset that a nonce reads.
const ACCESSES: u32 = 64;

/// Words of a page of the dataset.
const PAGE_WORDS: usize = 32;

const FNV_PRIME: u32 = 0x0100_0193;

/// The light cache of one epoch: 16 MB in the first, 128 KiB more in each next.
#[derive(Debug)]
pub struct Cache {
    rows: Vec<Row>,
    /// In the dataset that the cache stands for.
    pages: u32,
}

/// What Ethash gives for a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// What the header must name.
    pub mix_hash: B256,
    /// What must be at most 2^256 by the difficulty.
    pub result: B256,
}

impl Cache {
    /// Computes the cache of an epoch; about half a second for the first.
    pub fn new(epoch: u64) -> Self {
        let count = (cache_bytes(epoch) / size_of::<Row>() as u64) as usize;
        let mut rows = Vec::with_capacity(count);
        let mut row = keccak512(&words(seed_hash(epoch)));
        while rows.len() < count {
            rows.push(row);
            row = keccak512(&row);
        }
        for _ in 0..CACHE_ROUNDS {
            for index in 0..count {
                let before = rows[(index + count - 1) % count];
                let other = rows[rows[index][0] as usize % count];
                rows[index] = keccak512(&std::array::from_fn::<u32, 16, _>(|word| {
                    before[word] ^ other[word]
                }));
            }
        }
        Self { rows, pages: (dataset_bytes(epoch) / PAGE_BYTES) as u32 }
    }

    /// The rows as bytes, for comparison with published hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.rows.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// What a nonce gives for the hash of a header without its seal.
    pub fn hashimoto(&self, seal_hash: B256, nonce: B64) -> Work {
        let mut start = [0; 10];
        start[..8].copy_from_slice(&words(seal_hash));
        let nonce = u64::from_be_bytes(nonce.0);
        start[8..].copy_from_slice(&[nonce as u32, (nonce >> 32) as u32]);
        let seed = keccak512(&start);
        let mut mix: [u32; PAGE_WORDS] = std::array::from_fn(|word| seed[word % 16]);
        for access in 0..ACCESSES {
            let page = fnv(access ^ seed[0], mix[access as usize % PAGE_WORDS]) % self.pages;
            let halves = [self.item(2 * page), self.item(2 * page + 1)];
            for (word, new) in mix.iter_mut().zip(halves.iter().flatten()) {
                *word = fnv(*word, *new);
            }
        }
        let mut end = [0; 96];
        for (bytes, word) in end.chunks_exact_mut(4).zip(seed.into_iter().chain(shortened(&mix))) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Work { mix_hash: B256::from_slice(&end[64..]), result: keccak256(end) }
    }

    /// Does the header's nonce prove the work of its difficulty?
    pub fn verify(&self, header: &Header) -> Result<(), SealError> {
        let boundary = boundary(header.difficulty).ok_or(SealError::NoDifficulty)?;
        let Work { mix_hash, result } = self.hashimoto(seal_hash(header), header.nonce);
        if header.mix_hash != mix_hash {
            return Err(SealError::MixHash { header: header.mix_hash, computed: mix_hash });
        }
        if U256::from_be_bytes(result.0) > boundary {
            return Err(SealError::TooLittleWork {
                result,
                difficulty: header.difficulty,
                boundary,
            });
        }
        Ok(())
    }

    /// An item of the dataset.
    fn item(&self, index: u32) -> Row {
        let count = self.rows.len() as u32;
        let mut mix = self.rows[(index % count) as usize];
        mix[0] ^= index;
        mix = keccak512(&mix);
        for parent in 0..PARENTS {
            let row = fnv(index ^ parent, mix[parent as usize % 16]) % count;
            for (word, new) in mix.iter_mut().zip(&self.rows[row as usize]) {
                *word = fnv(*word, *new);
            }
        }
        keccak512(&mix)
    }
}

/// The multiply-and-xor step that Ethash has from the FNV hash.
const fn fnv(one: u32, other: u32) -> u32 {
    one.wrapping_mul(FNV_PRIME) ^ other
}

/// Each four words of the mix as one.
fn shortened(mix: &[u32; PAGE_WORDS]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, four) in words.iter_mut().zip(mix.chunks_exact(4)) {
        *word = fnv(fnv(fnv(four[0], four[1]), four[2]), four[3]);
    }
    words
}

fn words(hash: B256) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(hash.0.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}

/// 2^256 by the difficulty, rounded down; `None` for zero.
fn boundary(difficulty: U256) -> Option<U256> {
    let below = U256::MAX.checked_div(difficulty)?;
    let divides_evenly = difficulty.is_power_of_two();
    Some(below.saturating_add(U256::from(divides_evenly)))
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
