//! What is the 512-bit Keccak hash of a few words?
//!
//! Keccak as Ethash uses it: the original padding, on whole 32-bit words, in little-endian order.
//! (The Keccak of our other hashes comes with 256 bits only.)

/// A row of the cache, an item of the dataset, a hash of 512 bits.
pub(super) type Row = [u32; 16];

/// 64-bit words that take input in one turn of the sponge: 1600 bits less twice the hash.
const RATE: usize = 9;

const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Where the lanes go in step pi, beginning with lane 1.
const PI: [usize; 24] =
    [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];

/// By how many bits each of them turns on the way, in step rho.
const RHO: [u32; 24] =
    [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];

/// The 512-bit Keccak hash of at most 17 words.
///
/// # Panics
/// With more words than one turn of the sponge takes.
pub(super) fn keccak512(words: &[u32]) -> Row {
    assert!(words.len() < 2 * RATE, "more than one block of input");
    let mut block = [0u32; 2 * RATE];
    block[..words.len()].copy_from_slice(words);
    block[words.len()] = 0x01;
    block[2 * RATE - 1] |= 0x8000_0000;
    let mut state = [0u64; 25];
    for (lane, pair) in state.iter_mut().zip(block.chunks_exact(2)) {
        *lane = u64::from(pair[0]) | u64::from(pair[1]) << 32;
    }
    permute(&mut state);
    let mut hash = [0; 16];
    for (pair, lane) in hash.chunks_exact_mut(2).zip(state) {
        pair[0] = lane as u32;
        pair[1] = (lane >> 32) as u32;
    }
    hash
}

/// Keccak-f[1600].
#[inline]
fn permute(state: &mut [u64; 25]) {
    for constant in ROUND_CONSTANTS {
        theta(state);
        rho_and_pi(state);
        chi(state);
        state[0] ^= constant;
    }
}

#[inline(always)]
fn theta(state: &mut [u64; 25]) {
    let mut parity = [0u64; 5];
    for x in 0..5 {
        parity[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
    }
    for x in 0..5 {
        let change = parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1);
        for y in 0..5 {
            state[5 * y + x] ^= change;
        }
    }
}

#[inline(always)]
fn rho_and_pi(state: &mut [u64; 25]) {
    let mut carried = state[1];
    for step in 0..24 {
        let next = state[PI[step]];
        state[PI[step]] = carried.rotate_left(RHO[step]);
        carried = next;
    }
}

#[inline(always)]
fn chi(state: &mut [u64; 25]) {
    for y in 0..5 {
        let row =
            [state[5 * y], state[5 * y + 1], state[5 * y + 2], state[5 * y + 3], state[5 * y + 4]];
        for x in 0..5 {
            state[5 * y + x] = row[x] ^ (!row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn the_hash_of_nothing_is_the_published_one() {
        let hash: Vec<u8> = keccak512(&[]).iter().flat_map(|word| word.to_le_bytes()).collect();
        let published = "0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304\
                         c00fa9caf9d87976ba469bcbe06713b435f091ef2769fb160cdab33d3670680e";
        assert_eq!(hex::encode(hash), published);
    }
}
