//! The form of a blockchain test: a genesis, blocks, and what must be there at the end.

use super::network::{self, UnknownNetwork};
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::{Deserialize, Deserializer, de};
use serde_json::json;
use std::{borrow::Cow, collections::BTreeMap};

/// One case. Keys that are comments are not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case {
    network: String,
    #[serde(default)]
    seal_engine: SealEngine,
    pub(super) genesis_block_header: GenesisHeader,
    #[serde(rename = "genesisRLP")]
    pub(super) genesis_rlp: Option<Bytes>,
    pre: BTreeMap<Address, AccountForm>,
    pub(super) blocks: Vec<BlockForm>,
    pub(super) lastblockhash: B256,
    pub(super) post_state: Option<BTreeMap<Address, AccountForm>>,
    pub(super) post_state_hash: Option<B256>,
    #[serde(default)]
    config: ConfigForm,
}

/// Is the proof of work in the blocks real?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum SealEngine {
    #[default]
    Ethash,
    NoProof,
}

/// The fields of the first header that a genesis file has, and what must come of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenesisHeader {
    pub(super) hash: B256,
    pub(super) state_root: B256,
    parent_hash: B256,
    coinbase: Address,
    difficulty: U256,
    #[serde(deserialize_with = "small")]
    number: u64,
    #[serde(deserialize_with = "small")]
    gas_limit: u64,
    #[serde(deserialize_with = "small")]
    timestamp: u64,
    extra_data: Bytes,
    mix_hash: B256,
    #[serde(deserialize_with = "small")]
    nonce: u64,
    #[serde(default, deserialize_with = "small_or_none")]
    base_fee_per_gas: Option<u64>,
    #[serde(default, deserialize_with = "small_or_none")]
    blob_gas_used: Option<u64>,
    #[serde(default, deserialize_with = "small_or_none")]
    excess_blob_gas: Option<u64>,
}

/// A block to import. It must be refused exactly if the test has no header of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockForm {
    /// Anything but hex is an encoding that must be refused, as is a wrong block.
    pub(super) rlp: String,
    pub(super) block_header: Option<BlockHeader>,
    /// `expectException`, or one such key for each fork in older tests.
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// What a valid block must be.
#[derive(Debug, Deserialize)]
pub(super) struct BlockHeader {
    pub(super) hash: B256,
}

/// An account before or after.
#[derive(Debug, Deserialize)]
pub(super) struct AccountForm {
    pub(super) balance: U256,
    #[serde(deserialize_with = "small")]
    pub(super) nonce: u64,
    pub(super) code: Bytes,
    pub(super) storage: BTreeMap<U256, U256>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigForm {
    chainid: Option<U64>,
    blob_schedule: BTreeMap<String, BlobForm>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlobForm {
    #[serde(deserialize_with = "small")]
    target: u64,
    #[serde(deserialize_with = "small")]
    max: u64,
    #[serde(deserialize_with = "small")]
    base_fee_update_fraction: u64,
}

impl Case {
    /// The genesis file that describes this chain. Proof of work is checked where the case has real
    /// seals; every other rule holds in both modes.
    pub(super) fn genesis(&self) -> Result<Genesis, UnknownNetwork> {
        let header = &self.genesis_block_header;
        let mut config = network::config(&self.network)?;
        config.chain_id = self.config.chainid.map_or(config.chain_id, |id| id.to());
        let mode = match self.seal_engine {
            SealEngine::Ethash => "pow",
            SealEngine::NoProof => "merged",
        };
        config.extra_fields.insert("mainspring".to_owned(), json!({ "mode": mode }));
        for (fork, blobs) in &self.config.blob_schedule {
            config.blob_schedule.insert(fork.to_lowercase(), blobs.limits());
        }
        Ok(Genesis {
            config,
            nonce: header.nonce,
            timestamp: header.timestamp,
            extra_data: header.extra_data.clone(),
            gas_limit: header.gas_limit,
            difficulty: header.difficulty,
            mix_hash: header.mix_hash,
            coinbase: header.coinbase,
            alloc: self.pre.iter().map(|(address, form)| (*address, form.account())).collect(),
            base_fee_per_gas: header.base_fee_per_gas.map(u128::from),
            excess_blob_gas: header.excess_blob_gas,
            blob_gas_used: header.blob_gas_used,
            number: Some(header.number),
            parent_hash: Some(header.parent_hash),
            ..Default::default()
        })
    }
}

impl BlockForm {
    /// The reason for which a test calls the block invalid, where it names one.
    pub(super) fn expected_exception(&self) -> Option<&str> {
        let mut named = self.rest.iter().filter(|(key, _)| key.starts_with("expectException"));
        named.next().and_then(|(_, reason)| reason.as_str())
    }
}

impl AccountForm {
    fn account(&self) -> GenesisAccount {
        let slot = |(key, value): (&U256, &U256)| (B256::from(*key), B256::from(*value));
        GenesisAccount {
            nonce: Some(self.nonce),
            balance: self.balance,
            code: (!self.code.is_empty()).then(|| self.code.clone()),
            storage: Some(self.storage.iter().map(slot).collect()),
            ..Default::default()
        }
    }
}

impl BlobForm {
    fn limits(self) -> BlobParams {
        BlobParams {
            target_blob_count: self.target,
            max_blob_count: self.max,
            update_fraction: u128::from(self.base_fee_update_fraction),
            ..BlobParams::cancun()
        }
    }
}

/// A number of at most 64 bits in hex, with or without leading zeros.
fn small<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    number(&text)
}

fn small_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Option::<Cow<'de, str>>::deserialize(from)?.as_deref().map(number).transpose()
}

fn number<E: de::Error>(text: &str) -> Result<u64, E> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let trimmed = digits.trim_start_matches('0');
    if trimmed.is_empty() && !digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(trimmed, 16).map_err(|_wrong| E::custom(format!("{text} is no number")))
}
