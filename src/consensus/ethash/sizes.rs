//! How large are an epoch's cache and dataset, and what is its seed?

use alloy_primitives::{B256, keccak256};

/// The last epoch that is verified: its cache has 285 MB, and mainnet merged in epoch 517.
pub const MAX_EPOCH: u64 = 2_047;

/// Bytes of a row of the cache, and of an item of the dataset.
pub(super) const ROW_BYTES: u64 = 64;

/// Bytes of the dataset that one access reads.
pub const PAGE_BYTES: u64 = 128;

/// How large caches and datasets are, and for how many blocks they serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Blocks for which one cache and one dataset serve.
    epoch_blocks: u64,
    cache: Growth,
    dataset: Growth,
}

/// Bounds of a size in bytes; even numbers of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Growth {
    /// In the first epoch.
    first: u64,
    /// With each next one.
    step: u64,
}

impl Growth {
    const fn bound(self, epoch: u64) -> u64 {
        self.first + self.step * epoch
    }
}

/// Ethereum's.
impl Default for Sizes {
    fn default() -> Self {
        Self::ETHEREUM
    }
}

impl Sizes {
    /// Those of every chain.
    pub const ETHEREUM: Self = Self {
        epoch_blocks: 30_000,
        cache: Growth { first: 1 << 24, step: 1 << 17 },
        dataset: Growth { first: 1 << 30, step: 1 << 23 },
    };

    /// Small ones for tests: the same algorithm, on 2 KiB and 32 KiB, in short epochs.
    pub const TINY: Self = Self {
        epoch_blocks: 64,
        cache: Growth { first: 1 << 11, step: 1 << 7 },
        dataset: Growth { first: 1 << 15, step: 1 << 8 },
    };

    /// The epoch of a block.
    pub const fn epoch_of(self, number: u64) -> u64 {
        number / self.epoch_blocks
    }

    /// The first block of an epoch.
    pub const fn first_block(self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.epoch_blocks)
    }

    /// Bytes of an epoch's cache: the highest prime number of rows below its bound.
    pub fn cache_bytes(self, epoch: u64) -> u64 {
        below(self.cache.bound(epoch), ROW_BYTES)
    }

    /// Bytes of an epoch's dataset: the highest prime number of pages below its bound.
    pub fn dataset_bytes(self, epoch: u64) -> u64 {
        below(self.dataset.bound(epoch), PAGE_BYTES)
    }
}

/// Keccak256 of 32 zero bytes, once for every epoch.
pub fn seed_hash(epoch: u64) -> B256 {
    (0..epoch).fold(B256::ZERO, |seed, _| keccak256(seed))
}

/// The largest prime number of units below the bound, in bytes. Bounds are even numbers of units.
fn below(bound: u64, unit: u64) -> u64 {
    let mut units = bound / unit - 1;
    while !is_prime(units) {
        units -= 2;
    }
    units * unit
}

fn is_prime(odd: u64) -> bool {
    let mut divisors = (3..).step_by(2).take_while(|divisor| divisor * divisor <= odd);
    divisors.all(|divisor| !odd.is_multiple_of(divisor))
}
