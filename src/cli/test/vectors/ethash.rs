//! PoWTests: do the sizes, the hashes and the results of Ethash come out?

use super::{VectorError, bytes, same_bytes, same_hash, same_number};
use crate::consensus::ethash::{Cache, Sizes, seal_hash, seed_hash};
use alloy_consensus::Header;
use alloy_primitives::{B64, B256, U256, keccak256};
use serde::Deserialize;

/// A case of the file. Hex has no `0x`.
#[derive(Deserialize)]
pub(super) struct EthashCase {
    nonce: String,
    #[serde(rename = "mixHash")]
    mix_hash: String,
    header: String,
    seed: String,
    result: String,
    cache_size: u64,
    full_size: u64,
    header_hash: String,
    cache_hash: String,
}

pub(super) fn check(case: EthashCase) -> Result<(), VectorError> {
    let encoded = bytes("header", &case.header)?;
    let header = alloy_rlp::decode_exact::<Header>(&encoded).map_err(VectorError::RlpRefused)?;
    let sizes = Sizes::ETHEREUM;
    let epoch = sizes.epoch_of(header.number);
    let nonce = B64::from_slice(&sized("nonce", &case.nonce, 8)?);
    same_bytes("nonce", header.nonce.as_slice(), nonce.as_slice())?;
    same_hash("header_hash", seal_hash(&header), hash("header_hash", &case.header_hash)?)?;
    same_hash("seed", seed_hash(epoch), hash("seed", &case.seed)?)?;
    same_number("cache_size", U256::from(sizes.cache_bytes(epoch)), U256::from(case.cache_size))?;
    same_number("full_size", U256::from(sizes.dataset_bytes(epoch)), U256::from(case.full_size))?;
    let cache = Cache::new(sizes, epoch);
    same_hash("cache_hash", keccak256(cache.to_bytes()), hash("cache_hash", &case.cache_hash)?)?;
    let computed = cache.hashimoto(seal_hash(&header), nonce);
    same_hash("mixHash", computed.mix_hash, hash("mixHash", &case.mix_hash)?)?;
    same_hash("mixHash of the header", header.mix_hash, computed.mix_hash)?;
    // The results are not those of enough work for the headers' difficulty.
    same_hash("result", computed.result, hash("result", &case.result)?)
}

fn hash(field: &'static str, text: &str) -> Result<B256, VectorError> {
    Ok(B256::from_slice(&sized(field, text, 32)?))
}

fn sized(field: &'static str, text: &str, length: usize) -> Result<Vec<u8>, VectorError> {
    let bytes = bytes(field, text)?;
    if bytes.len() == length { Ok(bytes) } else { Err(VectorError::Number(text.to_owned())) }
}
