//! How large are an epoch's cache and dataset, and what is its seed?

use alloy_primitives::{B256, keccak256};

/// Blocks for which one cache and one dataset serve.
const EPOCH_BLOCKS: u64 = 30_000;

/// The last epoch that is verified: its cache has 285 MB, and mainnet merged in epoch 517.
pub const MAX_EPOCH: u64 = 2_047;

/// Bytes of a row of the cache, and of an item of the dataset.
const ROW_BYTES: u64 = 64;

/// Bytes of the dataset that one access reads.
pub(super) const PAGE_BYTES: u64 = 128;

const FIRST_CACHE_BYTES: u64 = 1 << 24;
const CACHE_GROWTH: u64 = 1 << 17;
const FIRST_DATASET_BYTES: u64 = 1 << 30;
const DATASET_GROWTH: u64 = 1 << 23;

/// The epoch of a block.
pub const fn epoch_of(number: u64) -> u64 {
    number / EPOCH_BLOCKS
}

/// Bytes of an epoch's cache: the highest prime number of rows below its bound.
pub fn cache_bytes(epoch: u64) -> u64 {
    below(FIRST_CACHE_BYTES + CACHE_GROWTH * epoch, ROW_BYTES)
}

/// Bytes of an epoch's dataset: the highest prime number of pages below its bound.
pub fn dataset_bytes(epoch: u64) -> u64 {
    below(FIRST_DATASET_BYTES + DATASET_GROWTH * epoch, PAGE_BYTES)
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
