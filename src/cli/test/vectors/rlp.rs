//! RLPTests: does encoding a value give these bytes, decoding them the value, and is anything else
//! refused?

use super::{VectorError, bytes, same_bytes};
use alloy_rlp::{Encodable, Header};
use serde::Deserialize;
use serde_json::Value;

/// A case of the file.
#[derive(Deserialize)]
pub(super) struct RlpCase {
    #[serde(rename = "in")]
    value: Value,
    out: String,
}

/// What RLP can say.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    Bytes(Vec<u8>),
    List(Vec<Self>),
}

pub(super) fn check(case: RlpCase) -> Result<(), VectorError> {
    let encoded = bytes("out", &case.out)?;
    let decoded = decode_all(&encoded);
    match case.value.as_str() {
        Some("INVALID") => match decoded {
            Ok(_) => Err(VectorError::RlpTaken),
            Err(_) => Ok(()),
        },
        // The value is whatever the bytes say: it must give the same bytes.
        Some("VALID") => same_bytes("out", &encode(&valid(decoded)?), &encoded),
        _ => {
            let item = item_of(&case.value)?;
            same_bytes("out", &encode(&item), &encoded)?;
            same_bytes("in", &encode(&valid(decoded)?), &encode(&item))
        }
    }
}

fn valid(decoded: alloy_rlp::Result<Item>) -> Result<Item, VectorError> {
    decoded.map_err(VectorError::RlpRefused)
}

/// Decodes one item that takes all bytes.
fn decode_all(encoded: &[u8]) -> alloy_rlp::Result<Item> {
    let mut rest = encoded;
    let item = decode(&mut rest)?;
    if rest.is_empty() { Ok(item) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

fn decode(rest: &mut &[u8]) -> alloy_rlp::Result<Item> {
    let header = Header::decode(rest)?;
    let (mut payload, after) = rest.split_at(header.payload_length);
    *rest = after;
    if !header.list {
        return Ok(Item::Bytes(payload.to_vec()));
    }
    let mut items = Vec::new();
    while !payload.is_empty() {
        items.push(decode(&mut payload)?);
    }
    Ok(Item::List(items))
}

fn encode(item: &Item) -> Vec<u8> {
    let mut out = Vec::new();
    match item {
        Item::Bytes(bytes) => bytes.as_slice().encode(&mut out),
        Item::List(items) => {
            let payload: Vec<u8> = items.iter().flat_map(encode).collect();
            Header { list: true, payload_length: payload.len() }.encode(&mut out);
            out.extend(payload);
        }
    }
    out
}

/// Strings are bytes, numbers and `#numbers` are big-endian without leading zeros.
fn item_of(value: &Value) -> Result<Item, VectorError> {
    match value {
        Value::Array(items) => Ok(Item::List(items.iter().map(item_of).collect::<Result<_, _>>()?)),
        Value::Number(number) => decimal(&number.to_string()).map(Item::Bytes),
        Value::String(text) => match text.strip_prefix('#') {
            Some(digits) => decimal(digits).map(Item::Bytes),
            None => Ok(Item::Bytes(text.as_bytes().to_vec())),
        },
        other => Err(VectorError::Number(other.to_string())),
    }
}

/// A decimal number of any length as big-endian bytes.
fn decimal(digits: &str) -> Result<Vec<u8>, VectorError> {
    let mut little_endian: Vec<u8> = Vec::new();
    for digit in digits.chars() {
        let digit = digit.to_digit(10).ok_or_else(|| VectorError::Number(digits.to_owned()))?;
        let mut carry = digit;
        for byte in &mut little_endian {
            carry += u32::from(*byte) * 10;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        if carry > 0 {
            little_endian.push(carry.to_le_bytes()[0]);
        }
    }
    little_endian.reverse();
    Ok(little_endian)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_read_digit_by_digit() {
        assert!(decimal("0").unwrap().is_empty());
        assert_eq!(decimal("256").unwrap(), [1, 0]);
        assert_eq!(decimal("65535").unwrap(), [0xff, 0xff]);
        assert!(decimal("12a").is_err());
    }

    #[test]
    fn bytes_after_an_item_and_needless_lengths_are_refused() {
        for bad in ["0000", "8100", "b80100", "f800", "c281", ""] {
            assert!(decode_all(&alloy_primitives::hex::decode(bad).unwrap()).is_err(), "{bad}");
        }
        let list = decode_all(&[0xc2, 0xc0, 0x80]).unwrap();
        assert_eq!(list, Item::List(vec![Item::List(vec![]), Item::Bytes(vec![])]));
    }
}
