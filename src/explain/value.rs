//! How does a value of the ABI look, to a reader and in JSON?

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::hex;
use serde_json::Value;

/// As a reader wants it: numbers in decimal, text as it is at the top, in quotes inside of something.
pub(super) fn shown(value: &DynSolValue) -> String {
    match value {
        DynSolValue::String(text) => text.clone(),
        value => quoted(value),
    }
}

/// The same, with text in quotes.
pub(super) fn quoted(value: &DynSolValue) -> String {
    match value {
        DynSolValue::String(text) => format!("\"{}\"", text.escape_debug()),
        DynSolValue::Bool(value) => value.to_string(),
        DynSolValue::Int(value, _) => value.to_string(),
        DynSolValue::Uint(value, _) => value.to_string(),
        DynSolValue::Address(address) => address.to_string(),
        DynSolValue::Bytes(bytes) => hex::encode_prefixed(bytes),
        DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(&word[..(*size).min(32)]),
        DynSolValue::Function(function) => hex::encode_prefixed(function.as_slice()),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) => format!("[{}]", list(items)),
        DynSolValue::Tuple(items) => format!("({})", list(items)),
        // A struct only with the `eip712` feature, which names it.
        #[allow(unreachable_patterns, reason = "depends on a feature of the ABI crate")]
        other => format!("{other:?}"),
    }
}

/// Several, with commas.
pub(super) fn list(values: &[DynSolValue]) -> String {
    values.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// In JSON: numbers as decimal text, since they may be longer than a double can hold.
pub(super) fn json(value: &DynSolValue) -> Value {
    match value {
        DynSolValue::Bool(value) => Value::Bool(*value),
        DynSolValue::String(text) => Value::String(text.clone()),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) | DynSolValue::Tuple(items) => {
            Value::Array(items.iter().map(json).collect())
        }
        value => Value::String(quoted(value)),
    }
}
