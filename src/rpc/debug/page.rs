//! Where does a page of accounts or slots begin? Keys of the trie as geth sends and takes them.

use alloy_primitives::{B256, hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Letters of base64 ([RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-4)), in which geth
/// writes where the next page of a dump begins.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The first key of a page: hex of at most 32 bytes, filled up with zeros at the end, or the base64
/// of [`Next`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start(pub B256);

/// Where the next page of a dump begins, written in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next(pub B256);

impl Serialize for Next {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64(self.0.as_slice()))
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        let bytes = match text.strip_prefix("0x") {
            Some(digits) => hex::decode(digits).map_err(D::Error::custom)?,
            None => from_base64(&text).ok_or_else(|| D::Error::custom("neither hex nor base64"))?,
        };
        if bytes.len() > 32 {
            return Err(D::Error::custom("a key has at most 32 bytes"));
        }
        Ok(Self(B256::right_padding_from(&bytes)))
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for letter in 0..4 {
            let index = (bits >> (18 - 6 * letter)) as usize & 63;
            text.push(if letter <= chunk.len() { LETTERS[index].into() } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=').bytes();
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in letters {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 6 | value as u32) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(plain.as_bytes()), text);
            assert_eq!(from_base64(text), Some(plain.as_bytes().to_vec()));
        }
        assert_eq!(from_base64("Zm9*"), None);
    }

    #[test]
    fn the_next_page_begins_where_the_last_one_said() {
        let next = B256::from([0xf3; 32]);
        let text = serde_json::to_value(Next(next)).unwrap();
        assert_eq!(serde_json::from_value::<Start>(text).unwrap(), Start(next));
        assert_eq!(serde_json::from_value::<Start>(json!(next)).unwrap(), Start(next));
    }

    #[test]
    fn a_short_key_is_the_beginning_of_a_key() {
        let read = |value| serde_json::from_value::<Start>(value).map(|start| start.0).ok();
        assert_eq!(read(json!("0x")), Some(B256::ZERO));
        assert_eq!(read(json!(null)), Some(B256::ZERO));
        assert_eq!(read(json!("0x80")).unwrap()[..2], [0x80, 0]);
        for wrong in
            [json!("0x8"), json!("0xzz"), json!("!"), json!(format!("0x{}", "11".repeat(33)))]
        {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
    }
}
