//! What does a typed document say, in 32 bytes? [EIP-712](https://eips.ethereum.org/EIPS/eip-712) as
//! wallets implement it: versions 3 and 4 of `eth_signTypedData`.
//!
//! alloy's own encoder knows version 4 without types that refer to themselves; wallets sign both, so
//! structs and arrays are walked here and alloy reads the single values.

use alloy_dyn_abi::DynSolType;
use alloy_primitives::{B256, keccak256};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The type of the domain.
const DOMAIN: &str = "EIP712Domain";
/// What a domain without a type of its own may have, in the order of the EIP.
const DOMAIN_FIELDS: [(&str, &str); 5] = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
];
/// Text of type descriptions that one document may cost, in bytes. Real documents need a few
/// thousand; types that all refer to each other would cost the square of the document.
const MAX_TYPE_TEXT: usize = 16 << 20;

/// Why a document has no hash.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedDataError {
    /// A type that the document does not define and Solidity does not have.
    #[error("no definition for type {0:?} in the typed data")]
    UnknownType(String),
    /// A field of the message is not there.
    #[error("the typed data has no value for field {field:?} of type {kind}")]
    Missing {
        /// Name of the field.
        field: String,
        /// Its type.
        kind: String,
    },
    /// A value that its type cannot hold.
    #[error("the value of field {field:?} is no {kind}; large numbers are written as strings")]
    Value {
        /// Name of the field.
        field: String,
        /// Its type.
        kind: String,
    },
    /// An array of the wrong length.
    #[error("field {field:?} has {given} elements, its type is {kind}")]
    Length {
        /// Name of the field.
        field: String,
        /// Its type.
        kind: String,
        /// Elements there are.
        given: usize,
    },
    /// Version 3 has no arrays.
    #[error("arrays cannot be signed with eth_signTypedData_v3, use eth_signTypedData_v4")]
    ArrayInV3,
    /// The domain has no type, and a field that no domain has.
    #[error("the domain has a field {0:?} and the typed data does not define EIP712Domain")]
    DomainField(String),
    /// Types so many and so entangled that describing them takes too long.
    #[error("the types of the typed data refer to each other too often")]
    TooEntangled,
}

/// How structs are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Without arrays; absent fields are left out.
    V3,
    /// With arrays; an absent struct counts as zero.
    V4,
}

/// A document to sign.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypedData {
    types: BTreeMap<String, Vec<Field>>,
    primary_type: String,
    #[serde(default)]
    domain: Map<String, Value>,
    #[serde(default)]
    message: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

impl TypedData {
    /// The hash that is signed.
    pub fn signing_hash(mut self, version: Version) -> Result<B256, TypedDataError> {
        self.complete_domain()?;
        let mut encoder = Encoder { types: &self.types, version, hashes: BTreeMap::new(), text: 0 };
        let mut bytes = vec![0x19, 0x01];
        bytes.extend(encoder.hash_struct(DOMAIN, &self.domain)?);
        // A document may be a domain and nothing else.
        if self.primary_type != DOMAIN {
            bytes.extend(encoder.hash_struct(&self.primary_type, &self.message)?);
        }
        Ok(keccak256(bytes))
    }

    /// A domain whose type is left out has the fields that are there, as ethers and viem have it.
    fn complete_domain(&mut self) -> Result<(), TypedDataError> {
        if self.types.contains_key(DOMAIN) {
            return Ok(());
        }
        let is_known = |name: &String| DOMAIN_FIELDS.iter().any(|(known, _)| known == name);
        if let Some(unknown) = self.domain.keys().find(|name| !is_known(name)) {
            return Err(TypedDataError::DomainField(unknown.clone()));
        }
        let there = DOMAIN_FIELDS.iter().filter(|(name, _)| self.domain.contains_key(*name));
        let fields = there.map(|&(name, kind)| Field { name: name.into(), kind: kind.into() });
        self.types.insert(DOMAIN.to_owned(), fields.collect());
        Ok(())
    }
}

/// Walks a document. It ends because the document does: a type that refers to itself needs another
/// level of the document for each of its own.
struct Encoder<'a> {
    types: &'a BTreeMap<String, Vec<Field>>,
    version: Version,
    /// Hashes of types that were described already.
    hashes: BTreeMap<&'a str, B256>,
    /// Bytes of descriptions so far.
    text: usize,
}

impl<'a> Encoder<'a> {
    fn hash_struct(
        &mut self,
        kind: &str,
        data: &Map<String, Value>,
    ) -> Result<B256, TypedDataError> {
        let types = self.types;
        let unknown = || TypedDataError::UnknownType(kind.to_owned());
        let (kind, fields) = types.get_key_value(kind).ok_or_else(unknown)?;
        let mut encoded = self.type_hash(kind)?.to_vec();
        for field in fields {
            match data.get(&field.name) {
                None if self.version == Version::V3 => {}
                value => encoded.extend(self.field(&field.name, &field.kind, value)?),
            }
        }
        Ok(keccak256(encoded))
    }

    /// The 32 bytes that stand for a value in its struct or array.
    fn field(
        &mut self,
        name: &str,
        kind: &str,
        value: Option<&Value>,
    ) -> Result<B256, TypedDataError> {
        let (field, kind_name) = (name.to_owned(), kind.to_owned());
        let value = value.filter(|value| !value.is_null());
        if self.types.contains_key(kind) {
            return match value {
                Some(Value::Object(data)) => self.hash_struct(kind, data),
                None if self.version == Version::V4 => Ok(B256::ZERO),
                None => Err(TypedDataError::Missing { field, kind: kind_name }),
                Some(_) => Err(TypedDataError::Value { field, kind: kind_name }),
            };
        }
        let Some(value) = value else {
            return Err(TypedDataError::Missing { field, kind: kind_name });
        };
        match element(kind) {
            Some((inner, length)) => self.array(name, kind, inner, length, value),
            None => atom(name, kind, value),
        }
    }

    fn array(
        &mut self,
        name: &str,
        kind: &str,
        inner: &str,
        length: Option<usize>,
        value: &Value,
    ) -> Result<B256, TypedDataError> {
        if self.version == Version::V3 {
            return Err(TypedDataError::ArrayInV3);
        }
        let (field, kind) = (name.to_owned(), kind.to_owned());
        let Value::Array(elements) = value else {
            return Err(TypedDataError::Value { field, kind });
        };
        if length.is_some_and(|length| length != elements.len()) {
            return Err(TypedDataError::Length { field, kind, given: elements.len() });
        }
        let mut encoded = Vec::with_capacity(32 * elements.len());
        for element in elements {
            encoded.extend(self.field(name, inner, Some(element))?);
        }
        Ok(keccak256(encoded))
    }

    fn type_hash(&mut self, kind: &'a str) -> Result<B256, TypedDataError> {
        if let Some(known) = self.hashes.get(kind) {
            return Ok(*known);
        }
        let description = self.describe(kind)?;
        let hash = keccak256(description);
        self.hashes.insert(kind, hash);
        Ok(hash)
    }

    /// The type and, in the order of their names, all that it refers to: `encodeType`.
    fn describe(&mut self, kind: &'a str) -> Result<String, TypedDataError> {
        let mut met = BTreeSet::from([kind]);
        let mut waiting = vec![kind];
        while let Some(next) = waiting.pop() {
            for field in self.types.get(next).into_iter().flatten() {
                let base = field.kind.split('[').next().unwrap_or_default();
                if self.types.contains_key(base) && met.insert(base) {
                    waiting.push(base);
                }
            }
        }
        met.remove(kind);
        let mut text = String::new();
        for name in std::iter::once(kind).chain(met) {
            let fields = self.types.get(name).into_iter().flatten();
            let fields: Vec<_> = fields.map(|it| format!("{} {}", it.kind, it.name)).collect();
            text.push_str(&format!("{name}({})", fields.join(",")));
            if self.text + text.len() > MAX_TYPE_TEXT {
                return Err(TypedDataError::TooEntangled);
            }
        }
        self.text += text.len();
        Ok(text)
    }
}

/// The element's type and the length of an array type such as `Person[]` or `uint8[2][3]`.
fn element(kind: &str) -> Option<(&str, Option<usize>)> {
    let (inner, length) = kind.strip_suffix(']')?.rsplit_once('[')?;
    if length.is_empty() { Some((inner, None)) } else { Some((inner, Some(length.parse().ok()?))) }
}

/// A value that is no struct and no array.
fn atom(name: &str, kind: &str, value: &Value) -> Result<B256, TypedDataError> {
    use DynSolType::{Address, Bool, Bytes, FixedBytes, Int, String, Uint};
    let unknown = || TypedDataError::UnknownType(kind.to_owned());
    let parsed = DynSolType::parse(kind).map_err(|_words| unknown())?;
    if !matches!(parsed, Address | Bool | Bytes | FixedBytes(_) | Int(_) | String | Uint(_)) {
        return Err(unknown());
    }
    let wrong = || TypedDataError::Value { field: name.to_owned(), kind: kind.to_owned() };
    // alloy reads a number without digits as zero; nobody means that.
    let is_number = matches!(parsed, Int(_) | Uint(_));
    if is_number
        && value.as_str().is_some_and(|text| !text.ends_with(|c: char| c.is_ascii_hexdigit()))
    {
        return Err(wrong());
    }
    let read = parsed.coerce_json(value).map_err(|_words| wrong())?;
    let packed = match read.as_word() {
        Some(word) => return Ok(word),
        None => read.as_packed_seq(),
    };
    packed.map(keccak256).ok_or_else(wrong)
}

#[cfg(test)]
#[path = "typed_data_tests.rs"]
mod tests;
