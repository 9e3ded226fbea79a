//! In which shapes did versions of anvil write numbers, blocks, transactions and receipts?
//!
//! Numbers are hex, decimal or plain. Up to 1.2 the block's environment calls the beneficiary
//! `coinbase` and the header calls it `beneficiary`, transactions are tagged by the name of their type
//! (`{"EIP1559": {..}}`), and before 0.3 they stand without `impersonated_sender`.

use crate::primitives::{Block, Body, Receipt, Transaction};
use alloy_consensus::{Eip658Value, Header, TxEnvelope, TxType};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Log, U256};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

/// A number of up to 256 bits in hex, in decimal, or plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) U256);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl serde::de::Visitor<'_> for Shapes {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number in hex or decimal, of 32 bytes at most")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(U256::from(number)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let (digits, radix) = match text.strip_prefix("0x") {
                    Some(digits) => (digits, 16),
                    None => (text, 10),
                };
                let parsed = U256::from_str_radix(digits, radix).ok();
                let parsed = parsed.filter(|_| !digits.is_empty());
                let unexpected = serde::de::Unexpected::Str(text);
                parsed.map(Number).ok_or_else(|| E::invalid_value(unexpected, &self))
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

impl Number {
    /// As a number of 64 bits.
    pub(super) fn small<E: Error>(self) -> Result<u64, E> {
        u64::try_from(self.0).map_err(|_large| E::custom("a number does not fit into 64 bits"))
    }
}

/// The environment of the block that a dump was taken at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BlockEnvironment {
    pub(super) number: Option<Number>,
    #[serde(alias = "coinbase")]
    pub(super) beneficiary: Option<Address>,
    pub(super) timestamp: Option<Number>,
    pub(super) gas_limit: Option<Number>,
    pub(super) basefee: Option<Number>,
    pub(super) prevrandao: Option<B256>,
}

/// A block as it stands in a dump.
#[derive(Debug, Deserialize)]
struct DumpedBlock {
    header: Header,
    transactions: Vec<DumpedTransaction>,
    #[serde(default)]
    ommers: Vec<Header>,
    #[serde(default)]
    withdrawals: Option<Withdrawals>,
}

/// A block with the senders of its transactions. Where the header says that there are withdrawals,
/// anvil leaves an empty list out.
pub(super) fn block<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Block, D::Error> {
    let DumpedBlock { header, transactions, ommers, withdrawals } =
        DumpedBlock::deserialize(deserializer)?;
    let withdrawals =
        withdrawals.or_else(|| header.withdrawals_root.map(|_root| Withdrawals::default()));
    let transactions = transactions.into_iter().map(|it| it.0).collect();
    Ok(Block::new(header, Body { transactions, ommers, withdrawals }))
}

#[derive(Debug)]
struct DumpedTransaction(Transaction);

impl<'de> Deserialize<'de> for DumpedTransaction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        transaction(value).map(Self).map_err(D::Error::custom)
    }
}

/// Why a transaction or a receipt of a dump is none.
#[derive(Debug, thiserror::Error)]
enum ShapeError {
    #[error("a transaction: {0}")]
    Transaction(serde_json::Error),
    #[error("a transaction: {0}")]
    Sender(crate::primitives::DecodeError),
    #[error("a transaction or receipt is no object")]
    NoObject,
    #[error("a transaction or receipt has the type {0}, which is not one of Ethereum's")]
    Type(String),
    #[error("a receipt: {0}")]
    Receipt(serde_json::Error),
}

/// Names of the types before they had numbers.
const NAMES: [(&str, &str); 5] = [
    ("Legacy", "0x0"),
    ("EIP2930", "0x1"),
    ("EIP1559", "0x2"),
    ("EIP4844", "0x3"),
    ("EIP7702", "0x4"),
];

/// What a blob transaction carries while it waits.
const SIDECAR: [&str; 5] = ["blobs", "commitments", "proofs", "cellProofs", "sidecar"];

/// An object whose type is named by the one key around it gets it as a field.
fn typed(value: Value) -> Result<Map<String, Value>, ShapeError> {
    let Value::Object(mut object) = value else { return Err(ShapeError::NoObject) };
    if object.len() == 1
        && let Some((name, inner)) = object.iter_mut().next()
    {
        let number = NAMES.iter().find(|(known, _)| known == name).map(|(_, number)| *number);
        let number = number.ok_or_else(|| ShapeError::Type(name.clone()))?;
        let Value::Object(mut inner) = inner.take() else { return Err(ShapeError::NoObject) };
        inner.insert("type".to_owned(), number.into());
        return Ok(inner);
    }
    Ok(object)
}

fn transaction(value: Value) -> Result<Transaction, ShapeError> {
    let Value::Object(mut outer) = value else { return Err(ShapeError::NoObject) };
    let sender: Option<Address> = match outer.remove("impersonated_sender") {
        Some(sender) => serde_json::from_value(sender).map_err(ShapeError::Transaction)?,
        None => None,
    };
    let inner = outer.remove("transaction").unwrap_or(Value::Object(outer));
    let mut inner = typed(inner)?;
    SIDECAR.iter().for_each(|field| drop(inner.remove(*field)));
    let envelope: TxEnvelope =
        serde_json::from_value(Value::Object(inner)).map_err(ShapeError::Transaction)?;
    match sender {
        Some(sender) => Ok(Transaction::of_dump(envelope, sender)),
        None => Transaction::recover(envelope).map_err(ShapeError::Sender),
    }
}

/// What a dump says of a mined transaction, as far as it is kept.
#[derive(Debug, Deserialize)]
pub(super) struct DumpedReceipt {
    pub(super) info: Info,
    #[serde(deserialize_with = "receipt")]
    pub(super) receipt: Receipt,
    pub(super) block_hash: B256,
}

/// Where a mined transaction stands.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) transaction_hash: B256,
    pub(super) transaction_index: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(rename = "type")]
    tx_type: Number,
    status: Value,
    cumulative_gas_used: Number,
    logs: Vec<Log>,
}

fn receipt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Receipt, D::Error> {
    let value = Value::deserialize(deserializer)?;
    read_receipt(value).map_err(D::Error::custom)
}

fn read_receipt(value: Value) -> Result<Receipt, ShapeError> {
    let mut fields = typed(value)?;
    if let Some(Value::Object(inner)) = fields.remove("receipt") {
        fields.extend(inner);
    }
    let fields: Fields =
        serde_json::from_value(Value::Object(fields)).map_err(ShapeError::Receipt)?;
    let number = fields.tx_type.0;
    let tx_type = u8::try_from(number).ok().and_then(|number| TxType::try_from(number).ok());
    let status = match &fields.status {
        Value::Bool(success) => Eip658Value::Eip658(*success),
        Value::String(root) if root.len() == 66 => {
            let root = serde_json::from_value(fields.status).map_err(ShapeError::Receipt)?;
            Eip658Value::PostState(root)
        }
        status => {
            let status = Number::deserialize(status).map_err(ShapeError::Receipt)?;
            Eip658Value::Eip658(!status.0.is_zero())
        }
    };
    Ok(Receipt {
        tx_type: tx_type.ok_or_else(|| ShapeError::Type(number.to_string()))?,
        status,
        cumulative_gas_used: fields.cumulative_gas_used.small().map_err(ShapeError::Receipt)?,
        logs: fields.logs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_in_hex_in_decimal_and_plain() {
        for number in [json!("0xff"), json!("255"), json!(255), json!("0x00ff")] {
            let read: Number = serde_json::from_value(number).unwrap();
            assert_eq!(read.0, U256::from(255));
        }
        let longest: Number = serde_json::from_value(json!(format!("{:#x}", U256::MAX))).unwrap();
        assert_eq!(longest.0, U256::MAX);
        for bad in [json!("0x"), json!("ff"), json!(-1), json!(1.5), json!(true), json!(null)] {
            assert!(serde_json::from_value::<Number>(bad.clone()).is_err(), "{bad}");
        }
        let long = json!(format!("{:#x}1", U256::MAX));
        assert!(serde_json::from_value::<Number>(long).is_err());
    }

    /// A transfer that anvil 1.7 mined for 0x..deadbeef without a signature.
    fn unsigned() -> Value {
        json!({
            "transaction": {
                "type": "0x2", "chainId": "0x7a69", "nonce": "0x0", "gas": "0x5208",
                "maxFeePerGas": "0x8189f2d0", "maxPriorityFeePerGas": "0x3b9aca00",
                "to": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8", "value": "0x5",
                "accessList": [], "input": "0x", "r": "0x0", "s": "0x0", "yParity": "0x0",
                "v": "0x0",
                "hash": "0xdcf1108839a8c52dd22d29cacdca8457c1ecf354d85f374d2c63092e5bc3f6c9"
            },
            "impersonated_sender": "0x00000000000000000000000000000000deadbeef"
        })
    }

    #[test]
    fn an_impersonated_transaction_has_the_hash_that_anvil_gave_it() {
        let read = transaction(unsigned()).unwrap();
        let hash = "0x352bfec6ba0993be01293faa5575454dae0cae5c5ea8c8e2a0e190acc6f828bf";
        assert_eq!(read.hash().to_string(), hash);
        assert_eq!(read.hash_in_dump(), read.hash());
        assert!(read.is_impersonated());
    }

    #[test]
    fn a_transaction_of_an_older_version_is_the_same_transaction() {
        let mut inner = unsigned()["transaction"].take();
        inner["r"] = json!("0xacba59ae8b999c662594f228fc0b8953d5302739217cb95b105deafbaeb3579b");
        inner["s"] = json!("0x7d57be48b64d94db1d5433045e32074bb3326b5969669efe128c4c3cc3012409");
        let newest = json!({"transaction": inner, "impersonated_sender": null});
        let mut untyped = inner.clone();
        untyped.as_object_mut().unwrap().remove("type");
        let tagged = json!({"EIP1559": untyped});
        let read = transaction(newest).unwrap();
        assert!(!read.is_impersonated());
        let wrapped = json!({"transaction": tagged, "impersonated_sender": null});
        for older in [inner, tagged, wrapped] {
            assert_eq!(transaction(older).unwrap(), read);
        }
        let other = transaction(json!({"Deposit": {"gas": "0x1"}})).unwrap_err().to_string();
        assert!(other.contains("Deposit"), "{other}");
        assert!(transaction(json!(7)).is_err() && transaction(json!({})).is_err());
    }

    #[test]
    fn receipts_are_tagged_nested_or_flat() {
        let flat = json!({
            "type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x5208", "logs": [],
            "logsBloom": "0x"
        });
        let nested = json!({"EIP1559": {
            "receipt": {"status": true, "cumulativeGasUsed": 21_000, "logs": []},
            "logsBloom": "0x"
        }});
        let receipt = read_receipt(flat).unwrap();
        assert_eq!(receipt.cumulative_gas_used, 21_000);
        assert_eq!(read_receipt(nested).unwrap(), receipt);
        let optimism = json!({"type": "0x7e", "status": "0x1", "cumulativeGasUsed": 1, "logs": []});
        assert!(read_receipt(optimism).unwrap_err().to_string().contains("126"));
    }
}
