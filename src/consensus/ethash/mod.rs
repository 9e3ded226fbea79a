//! Ethash: does a nonce prove the work that the difficulty asks for?
//!
//! From the light cache of an epoch; a miner may have the whole dataset in a file instead. The algorithm
//! is that of <https://ethereum.org/developers/docs/consensus-mechanisms/pow/mining/mining-algorithms/ethash>.
//!
//! | file | what it answers |
//! |---|---|
//! | `keccak` | what is the 512-bit Keccak hash of a few words? |
//! | `hashimoto` | what does a nonce give, and how little must that be? |
//! | `cache` | what is in the cache of an epoch, and which dataset does it stand for? |
//! | `sizes` | how large are an epoch's cache and dataset, and what is its seed? |
//! | `shared` | which caches are in memory? |

mod cache;
mod hashimoto;
mod keccak;
mod shared;
mod sizes;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use hashimoto::{PAGE_WORDS, Work, boundary, hashimoto};
pub use shared::Ethash;
pub use sizes::{MAX_EPOCH, PAGE_BYTES, Sizes, seed_hash};

use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Encodable;

/// What the nonce is searched for: keccak256 of the header's RLP without mix hash and nonce. Fields
/// of later forks are part of it, in their order.
pub fn seal_hash(header: &Header) -> B256 {
    let mut payload = Vec::with_capacity(640);
    let fields: [&dyn Encodable; 13] = [
        &header.parent_hash,
        &header.ommers_hash,
        &header.beneficiary,
        &header.state_root,
        &header.transactions_root,
        &header.receipts_root,
        &header.logs_bloom,
        &header.difficulty,
        &header.number,
        &header.gas_limit,
        &header.gas_used,
        &header.timestamp,
        &header.extra_data,
    ];
    fields.into_iter().for_each(|field| field.encode(&mut payload));
    let later: [Option<&dyn Encodable>; 8] = [
        header.base_fee_per_gas.as_ref().map(|field| field as _),
        header.withdrawals_root.as_ref().map(|field| field as _),
        header.blob_gas_used.as_ref().map(|field| field as _),
        header.excess_blob_gas.as_ref().map(|field| field as _),
        header.parent_beacon_block_root.as_ref().map(|field| field as _),
        header.requests_hash.as_ref().map(|field| field as _),
        header.block_access_list_hash.as_ref().map(|field| field as _),
        header.slot_number.as_ref().map(|field| field as _),
    ];
    later.into_iter().flatten().for_each(|field| field.encode(&mut payload));
    let mut encoded = Vec::with_capacity(payload.len() + 3);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
    encoded.extend(payload);
    keccak256(encoded)
}
