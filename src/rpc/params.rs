//! In which shapes do tools send blocks, numbers and options?

use super::RpcError;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, U256};
use alloy_serde::JsonStorageKey;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, Error, MapAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};
use serde_json::Value;
use std::fmt;

/// A block: number, tag, hash, `{blockNumber}` or `{blockHash, requireCanonical}`
/// ([EIP-1898](https://eips.ethereum.org/EIPS/eip-1898)), or a plain JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(pub BlockId);

impl At {
    /// What a missing block parameter means.
    pub const LATEST: Self = Self(BlockId::Number(BlockNumberOrTag::Latest));

    /// The block that was asked for, the newest by default.
    pub fn or_latest(given: Option<Self>) -> BlockId {
        given.unwrap_or(Self::LATEST).0
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = At;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a block number, tag, hash or EIP-1898 object")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<At, E> {
                Ok(At(number.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<At, E> {
                let words = StrDeserializer::<E>::new(text);
                BlockId::deserialize(words).map(At)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<At, A::Error> {
                BlockId::deserialize(MapAccessDeserializer::new(map)).map(At)
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

/// A number: hex with or without leading zeros, a decimal string, or a plain JSON number.
pub type Number = U256;

/// What `evm_mine` takes: nothing, a timestamp (ganache, hardhat), or options (anvil).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mine {
    /// Seconds since 1970 for the first new block.
    pub timestamp: Option<u64>,
    /// How many blocks; one if not given.
    pub blocks: Option<u64>,
}

impl<'de> Deserialize<'de> for Mine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Options {
            #[serde(default, with = "alloy_serde::quantity::opt")]
            timestamp: Option<u64>,
            #[serde(default, with = "alloy_serde::quantity::opt")]
            blocks: Option<u64>,
        }
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = Mine;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a timestamp, or an object with `timestamp` and `blocks`")
            }

            fn visit_u64<E: Error>(self, timestamp: u64) -> Result<Mine, E> {
                Ok(Mine { timestamp: Some(timestamp), blocks: None })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Mine, E> {
                let number = U256::deserialize(StrDeserializer::<E>::new(text))?;
                self.visit_u64(number.try_into().map_err(E::custom)?)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mine, A::Error> {
                let options = Options::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Mine { timestamp: options.timestamp, blocks: options.blocks })
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

/// A passphrase. It shows nowhere.
#[derive(Clone)]
pub struct Passphrase(String);

impl Passphrase {
    /// The words themselves.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl<'de> Deserialize<'de> for Passphrase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde would quote what it got.
        let wrong = |_secret| D::Error::custom("a passphrase is a string");
        String::deserialize(deserializer).map(Self).map_err(wrong)
    }
}

/// A private key in hex, with or without `0x`. It shows nowhere.
#[derive(Clone)]
pub struct RawKey(pub(super) B256);

impl fmt::Debug for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawKey")
    }
}

impl<'de> Deserialize<'de> for RawKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || D::Error::custom("a private key is 32 bytes in hex");
        let text = String::deserialize(deserializer).map_err(|_secret| wrong())?;
        text.parse().map(Self).map_err(|_secret| wrong())
    }
}

/// An address and something else, in whichever order they came; in the first place if both could be
/// addresses.
pub(super) fn either_order(first: Value, second: Value) -> Result<(Address, Value), RpcError> {
    let address = |value: &Value| Address::deserialize(value).ok();
    match (address(&first), address(&second)) {
        (Some(address), _) => Ok((address, second)),
        (None, Some(address)) => Ok((address, first)),
        (None, None) => Err(RpcError::NoAddress),
    }
}

/// A document that tools send as an object or as its JSON text.
#[derive(Debug)]
pub struct Document;

impl Document {
    /// Reads it, if it is not longer than `limit` bytes.
    pub(super) fn read<T: DeserializeOwned>(value: Value, limit: usize) -> Result<T, RpcError> {
        let text = match value {
            Value::String(text) => text,
            object => object.to_string(),
        };
        if text.len() > limit {
            return Err(RpcError::DocumentTooLong { limit });
        }
        serde_json::from_str(&text).map_err(RpcError::Document)
    }
}

/// One address, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected an address, or a list of addresses")]
pub enum Addresses {
    /// One.
    One(Address),
    /// Some.
    Many(Vec<Address>),
}

impl Addresses {
    /// All of them, in order.
    pub fn all(self) -> Vec<Address> {
        match self {
            Self::One(address) => vec![address],
            Self::Many(addresses) => addresses,
        }
    }
}

/// A storage slot or value: 32 bytes, or a number such as `0x0`.
pub type Word = JsonStorageKey;

/// The number that a slot or value stands for.
pub(super) fn word(word: Word) -> U256 {
    word.as_b256().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::RpcBlockHash;
    use serde_json::json;

    fn at(value: Value) -> Result<BlockId, String> {
        serde_json::from_value::<At>(value).map(|at| at.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_block_is_read_in_every_shape_that_tools_send() {
        let hash = B256::repeat_byte(7);
        for tag in ["latest", "pending", "safe", "finalized", "earliest"] {
            assert_eq!(at(json!(tag)), Ok(BlockId::Number(tag.parse().unwrap())));
        }
        assert_eq!(at(json!("0x10")), Ok(16.into()));
        assert_eq!(at(json!("0x0010")), Ok(16.into()));
        assert_eq!(at(json!(16)), Ok(16.into()));
        assert_eq!(at(json!({"blockNumber": "0x10"})), Ok(16.into()));
        assert_eq!(at(json!(hash)), Ok(hash.into()));
        assert_eq!(
            at(json!({"blockHash": hash, "requireCanonical": true})),
            Ok(BlockId::Hash(RpcBlockHash::from_hash(hash, Some(true))))
        );
    }

    #[test]
    fn a_wrong_block_is_refused() {
        for wrong in [json!("newest"), json!("16"), json!(true), json!(-1), json!({}), json!([])] {
            assert!(at(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_hex_or_decimal() {
        for text in [json!("0x0a"), json!("0xa"), json!("10"), json!(10)] {
            assert_eq!(serde_json::from_value::<Number>(text).unwrap(), U256::from(10));
        }
    }

    #[test]
    fn mining_takes_a_timestamp_or_options() {
        let read = |value| serde_json::from_value::<Mine>(value).unwrap();
        let wanted = Mine { timestamp: Some(255), blocks: None };
        assert_eq!(read(json!(255)), wanted);
        assert_eq!(read(json!("0xff")), wanted);
        assert_eq!(read(json!({"timestamp": 255})), wanted);
        assert_eq!(read(json!({"blocks": "0x2"})), Mine { timestamp: None, blocks: Some(2) });
    }

    #[test]
    fn short_storage_slots_are_slots() {
        let read = |text: &str| word(serde_json::from_value(json!(text)).unwrap());
        assert_eq!(read("0x0"), U256::ZERO);
        assert_eq!(read("0x01"), U256::from(1));
        assert_eq!(read(&B256::with_last_byte(9).to_string()), U256::from(9));
    }
}
