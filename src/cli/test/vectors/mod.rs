//! Test vectors: which cases does a file hold, and which rule does each one test?
//!
//! A case is known by its fields, not by the folder it lies in. See `docs` of
//! <https://github.com/ethereum/tests> for the formats.

mod difficulty;
mod ethash;
mod genesis;
mod rlp;
mod transaction;
mod trie;
mod wide;

use super::suite::Case;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// Why a vector does not hold.
#[derive(Debug, thiserror::Error)]
enum VectorError {
    /// No test of ours has such fields.
    #[error("no known kind of test")]
    UnknownKind,
    /// The case cannot be read.
    #[error("cannot read the case")]
    Format(#[source] serde_json::Error),
    /// A value is no hex.
    #[error("{field} is not hex")]
    Hex {
        /// Its name.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: hex::FromHexError,
    },
    /// A value is no number.
    #[error("{0:?} is not a number of this size")]
    Number(String),
    /// We know no such fork.
    #[error(transparent)]
    Fork(#[from] crate::spec::UnknownFork),
    /// The fork's rules could not be made.
    #[error(transparent)]
    Spec(#[from] crate::spec::SpecError),
    /// The state's root could not be computed.
    #[error(transparent)]
    Trie(#[from] crate::state::TrieError),
    /// A database in a temporary folder could not be opened.
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    /// There is no temporary folder.
    #[error("cannot make a temporary folder")]
    Folder(#[source] std::io::Error),
    /// A number differs.
    #[error("{field}: {computed}, expected {expected}")]
    OtherNumber {
        /// What was computed.
        field: &'static str,
        /// Ours.
        computed: U256,
        /// The vector's.
        expected: U256,
    },
    /// A hash differs.
    #[error("{field}: {computed}, expected {expected}")]
    Hash {
        /// What was computed.
        field: &'static str,
        /// Ours.
        computed: B256,
        /// The vector's.
        expected: B256,
    },
    /// Bytes differ.
    #[error("{field}: {computed}, expected {expected}")]
    Bytes {
        /// What was computed.
        field: &'static str,
        /// Ours.
        computed: Bytes,
        /// The vector's.
        expected: Bytes,
    },
    /// The sender differs.
    #[error("{fork}: sender {computed}, expected {expected}")]
    Sender {
        /// On which fork.
        fork: String,
        /// Ours.
        computed: Address,
        /// The vector's.
        expected: Address,
    },
    /// A valid transaction was refused.
    #[error("{fork}: refused, but it is valid")]
    Refused {
        /// On which fork.
        fork: String,
        /// Why.
        #[source]
        source: transaction::Refusal,
    },
    /// An invalid transaction was taken.
    #[error("{fork}: taken, but it is invalid: {exception}")]
    Taken {
        /// On which fork.
        fork: String,
        /// Why it is invalid.
        exception: String,
    },
    /// The case names no result.
    #[error("the case names no result")]
    NoResult,
    /// Valid RLP was refused.
    #[error("refused, but it is valid RLP")]
    RlpRefused(#[source] alloy_rlp::Error),
    /// Invalid RLP was taken.
    #[error("taken, but it is invalid RLP")]
    RlpTaken,
}

/// The cases of a file.
pub(super) fn cases(file: &Path, content: Value) -> Vec<Case> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_secure = name.contains("secure");
    let Value::Object(cases) = content else { return vec![unknown("(file)")] };
    let cases = cases.into_iter().filter(|(name, _)| name != "_info");
    cases.flat_map(|(name, case)| split(name, case, is_secure)).collect()
}

/// One case, or the many of a difficulty test.
fn split(name: String, case: Value, is_secure: bool) -> Vec<Case> {
    let has = |fields: &[&str]| fields.iter().all(|field| case.get(field).is_some());
    if has(&["txbytes", "result"]) {
        vec![Case::new(name, move || transaction::check(read(case)?))]
    } else if has(&["in", "root"]) {
        vec![Case::new(name, move || trie::check(read(case)?, is_secure))]
    } else if has(&["in", "out"]) {
        vec![Case::new(name, move || rlp::check(read(case)?))]
    } else if has(&["mixHash", "header", "seed"]) {
        vec![Case::new(name, move || ethash::check(read(case)?))]
    } else if has(&["alloc", "result"]) {
        vec![Case::new(name, move || genesis::check(case))]
    } else {
        difficulty::cases(&name, case).unwrap_or_else(|| vec![unknown(&name)])
    }
}

fn unknown(name: &str) -> Case {
    Case::new(name, || Err::<(), _>(VectorError::UnknownKind))
}

fn read<T: DeserializeOwned>(case: Value) -> Result<T, VectorError> {
    serde_json::from_value(case).map_err(VectorError::Format)
}

/// Reads hex with or without `0x`.
fn bytes(field: &'static str, text: &str) -> Result<Vec<u8>, VectorError> {
    hex::decode(text).map_err(|source| VectorError::Hex { field, source })
}

/// Reads a number in hex with `0x`, with or without leading zeros, or in decimals; `0x` is zero.
fn number(text: &str) -> Result<U256, VectorError> {
    let wrong = |_| VectorError::Number(text.to_owned());
    match text.strip_prefix("0x") {
        Some("") => Ok(U256::ZERO),
        Some(digits) => U256::from_str_radix(digits, 16).map_err(wrong),
        None => U256::from_str_radix(text, 10).map_err(wrong),
    }
}

fn small_number(text: &str) -> Result<u64, VectorError> {
    u64::try_from(number(text)?).map_err(|_overflow| VectorError::Number(text.to_owned()))
}

fn same_hash(field: &'static str, computed: B256, expected: B256) -> Result<(), VectorError> {
    if computed == expected { Ok(()) } else { Err(VectorError::Hash { field, computed, expected }) }
}

fn same_number(
    field: &'static str,
    computed: impl TryInto<U256>,
    expected: U256,
) -> Result<(), VectorError> {
    let computed = computed.try_into().unwrap_or(U256::MAX);
    if computed == expected {
        Ok(())
    } else {
        Err(VectorError::OtherNumber { field, computed, expected })
    }
}

fn same_bytes(field: &'static str, computed: &[u8], expected: &[u8]) -> Result<(), VectorError> {
    if computed == expected {
        return Ok(());
    }
    let (computed, expected) = (Bytes::copy_from_slice(computed), Bytes::copy_from_slice(expected));
    Err(VectorError::Bytes { field, computed, expected })
}
