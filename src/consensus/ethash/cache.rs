//! What is in the cache of an epoch, and which dataset does it stand for?

use super::{
    Work,
    hashimoto::{PAGE_WORDS, boundary, fnv, hashimoto, words},
    keccak::{Row, keccak512},
    seal_hash,
    sizes::{PAGE_BYTES, ROW_BYTES, Sizes, seed_hash},
};
use crate::consensus::SealError;
use alloy_consensus::Header;
use alloy_primitives::{B64, B256, U256};

/// How often the cache is mixed through.
const CACHE_ROUNDS: usize = 3;

/// Rows that are computed before it is asked whether anybody still wants them.
const ASKED: usize = 4_096;

/// Rows of the cache that make an item of the dataset.
const PARENTS: u32 = 256;

/// A dataset up to this size is computed with its cache, in bytes: that of tests.
const SMALL_DATASET: u64 = 1 << 16;

/// The light cache of one epoch: 16 MB in the first, 128 KiB more in each next.
#[derive(Debug)]
pub struct Cache {
    rows: Vec<Row>,
    by_rows: Modulo,
    /// In the dataset that the cache stands for.
    pages: u32,
    /// All of them, where they are few.
    small: Vec<[u32; PAGE_WORDS]>,
}

impl Cache {
    /// Computes the cache of an epoch; about half a second for Ethereum's first.
    pub fn new(sizes: Sizes, epoch: u64) -> Self {
        Self::new_unless(sizes, epoch, |_percent| false).expect("nobody gives it up")
    }

    /// The same, unless somebody gives it up, who is told how much is done, in percent, and asked every few
    /// milliseconds.
    pub(super) fn new_unless(
        sizes: Sizes,
        epoch: u64,
        mut is_given_up: impl FnMut(u8) -> bool,
    ) -> Option<Self> {
        let count = (sizes.cache_bytes(epoch) / ROW_BYTES) as usize;
        // Rows are written once, and then in every round.
        let percent = |round: usize, row: usize| {
            let all = count * (CACHE_ROUNDS + 1);
            ((round * count + row) * 100 / all.max(1)) as u8
        };
        let mut rows = Vec::with_capacity(count);
        let mut row = keccak512(&words(seed_hash(epoch)));
        while rows.len() < count {
            if rows.len() % ASKED == 0 && is_given_up(percent(0, rows.len())) {
                return None;
            }
            rows.push(row);
            row = keccak512(&row);
        }
        for round in 1..=CACHE_ROUNDS {
            for index in 0..count {
                if index % ASKED == 0 && is_given_up(percent(round, index)) {
                    return None;
                }
                let before = rows[(index + count - 1) % count];
                let other = rows[rows[index][0] as usize % count];
                rows[index] = keccak512(&std::array::from_fn::<u32, 16, _>(|word| {
                    before[word] ^ other[word]
                }));
            }
        }
        let bytes = sizes.dataset_bytes(epoch);
        let pages = (bytes / PAGE_BYTES) as u32;
        let by_rows = Modulo::new(count as u32);
        let mut cache = Self { rows, by_rows, pages, small: Vec::new() };
        if bytes <= SMALL_DATASET {
            cache.small = (0..pages).map(|page| cache.compute_page(page)).collect();
        }
        Some(cache)
    }

    /// The rows as bytes, for comparison with published hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.rows.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// What a nonce gives for the hash of a header without its seal.
    pub fn hashimoto(&self, seal_hash: B256, nonce: B64) -> Work {
        hashimoto(seal_hash, nonce, self.pages, |page| self.page(page))
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

    /// Pages of the dataset that the cache stands for.
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// A page of that dataset: two items.
    pub fn page(&self, page: u32) -> [u32; PAGE_WORDS] {
        match self.small.get(page as usize) {
            Some(known) => *known,
            None => self.compute_page(page),
        }
    }

    /// Each read depends on the one before and is seldom in the processor's cache: both items are
    /// computed side by side, so that one waits while the other does.
    fn compute_page(&self, page: u32) -> [u32; PAGE_WORDS] {
        let indices = [2 * page, 2 * page + 1];
        let mut mixes = indices.map(|index| {
            let mut mix = self.rows[self.by_rows.of(index) as usize];
            mix[0] ^= index;
            keccak512(&mix)
        });
        for parent in 0..PARENTS {
            for (index, mix) in indices.iter().zip(&mut mixes) {
                let row = self.by_rows.of(fnv(index ^ parent, mix[parent as usize % 16]));
                for (word, new) in mix.iter_mut().zip(&self.rows[row as usize]) {
                    *word = fnv(*word, *new);
                }
            }
        }
        let mut page = [0; PAGE_WORDS];
        for (half, mix) in page.chunks_exact_mut(16).zip(mixes) {
            half.copy_from_slice(&keccak512(&mix));
        }
        page
    }
}

/// The remainder by a number that stays the same, without a division
/// ([Lemire, Kaser and Kurz, 2019](https://arxiv.org/abs/1902.01961)).
#[derive(Clone, Copy, Debug)]
struct Modulo {
    divisor: u32,
    /// 2^64 by the divisor, rounded up.
    reciprocal: u64,
}

impl Modulo {
    /// By a divisor above one.
    const fn new(divisor: u32) -> Self {
        Self { divisor, reciprocal: u64::MAX / divisor as u64 + 1 }
    }

    #[inline]
    const fn of(self, number: u32) -> u32 {
        let fraction = self.reciprocal.wrapping_mul(number as u64);
        ((fraction as u128 * self.divisor as u128) >> 64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remainder_is_that_of_a_division() {
        for divisor in [2, 3, 31, 64, 262_139, 4_456_441, u32::MAX] {
            let modulo = Modulo::new(divisor);
            let near = [0, 1, divisor - 1, divisor, divisor.wrapping_add(1), u32::MAX];
            let spread = (0..1_000u32).map(|step| step.wrapping_mul(4_294_967));
            for number in near.into_iter().chain(spread) {
                assert_eq!(modulo.of(number), number % divisor, "{number} by {divisor}");
            }
        }
    }
}
