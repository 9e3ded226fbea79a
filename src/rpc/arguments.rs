//! Which argument of a call is missing or cannot be read, and what belongs there? The library that reads
//! them says neither; the list that `rpc.discover` answers has their names and types.

use super::discover;
use crate::primitives::echo;
use regex::Regex;
use serde_json::{Value, value::RawValue};

/// What the library says where an argument is missing.
const MISSING: &str = "No more params";
/// What it says after the reason, before the place in the text of one argument.
const PLACE: &str = " at line 1 column ";
/// Arguments of more bytes are not looked at again.
pub(super) const LONGEST: usize = 1 << 16;

/// What to say of a call whose arguments cannot be read. Those are `given`, if anything is, and `None`
/// where nobody knows.
pub(super) fn explain(method: &str, given: Option<Option<&RawValue>>, reason: &str) -> String {
    let Some(takes) = discover::params_of(method) else {
        return format!("invalid argument: {}", echo(reason));
    };
    let given = given.and_then(|given| given.map_or(Some(Vec::new()), each));
    let is_missing = reason == MISSING;
    let index = given.and_then(|given| match is_missing {
        true => Some(given.len()),
        false => wrong(takes, &given, reason),
    });
    let named = index.and_then(|index| Some((index, takes.get(index)?)));
    match (named, is_missing) {
        (Some((index, name)), true) => format!(
            "missing value for required argument {index} ({name}); {method} takes ({})",
            takes.join(", ")
        ),
        (None, true) => {
            format!("missing value for a required argument; {method} takes ({})", takes.join(", "))
        }
        (Some((index, name)), false) => {
            format!("invalid argument {index} ({name}): {}", echo(reason))
        }
        (None, false) => format!("invalid argument: {}", echo(reason)),
    }
}

/// The arguments; `None` if they are not a list.
fn each(given: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(given.get()).ok()
}

/// The place of the argument that the reason is about, where that is sure: the only one that is long
/// enough for the place in it that the reason names, or the first of those that is not of its type.
fn wrong(takes: &[String], given: &[&RawValue], reason: &str) -> Option<usize> {
    let column = reason.rsplit_once(PLACE).and_then(|(_, column)| column.parse::<usize>().ok());
    let given = given.iter().enumerate().take(takes.len());
    // A blank before it counts.
    let is_long = |text: &RawValue| column.is_none_or(|at| at <= text.get().len() + 1);
    let mut long_enough = given.filter(|(_, text)| is_long(text));
    let mut others = long_enough.clone().skip(1);
    let first = long_enough.next()?;
    if others.next().is_none() {
        return Some(first.0);
    }
    let mut candidates = std::iter::once(first).chain(long_enough);
    candidates.find(|(index, text)| !fits(&takes[*index], text)).map(|(index, _)| index)
}

/// Is an argument what the list says of it, as far as its JSON shows?
fn fits(param: &str, text: &RawValue) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text.get()) else { return false };
    let (name, kind) = param.split_once(": ").unwrap_or((param, "json"));
    if value.is_null() && (name.ends_with('?') || kind.ends_with("|null")) {
        return true;
    }
    let kind = kind.trim_end_matches("|null");
    if kind.ends_with("[]") {
        return value.is_array();
    }
    let schema = discover::type_of(kind);
    let is_type = |wanted: &Value| match wanted.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("null") => value.is_null(),
        _ => true,
    };
    let is_typed = match &schema["type"] {
        Value::Array(any) => any.iter().any(is_type),
        one => is_type(one),
    };
    let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
    let is_matched = match (pattern, value.as_str()) {
        (Some(pattern), Some(text)) => pattern.is_match(text),
        _ => true,
    };
    is_typed && is_matched
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "\"0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f\"";

    fn said(method: &str, given: &str, reason: &str) -> String {
        let given = RawValue::from_string(given.to_owned()).unwrap();
        explain(method, Some(Some(&given)), reason)
    }

    #[test]
    fn a_missing_argument_is_named_with_its_place_and_type() {
        assert_eq!(
            said("clique_propose", "[]", MISSING),
            "missing value for required argument 0 (address: address); clique_propose takes \
             (address: address, authorize: bool)"
        );
        let text = said("clique_propose", &format!("[{ALICE}]"), MISSING);
        assert!(text.contains("required argument 1 (authorize: bool)"), "{text}");
        let text = explain("clique_propose", Some(None), MISSING);
        assert!(text.contains("required argument 0 (address: address)"), "{text}");
        let text = explain("clique_propose", None, MISSING);
        assert!(text.contains("required argument; clique_propose takes (address"), "{text}");
    }

    #[test]
    fn an_alias_is_told_what_its_method_takes() {
        let text = said("hardhat_setBalance", &format!("[{ALICE}]"), MISSING);
        assert!(text.contains("argument 1 (balance: number); hardhat_setBalance takes"), "{text}");
    }

    #[test]
    fn an_argument_that_cannot_be_read_is_named_where_that_is_sure() {
        let reason = "invalid type: integer `7`, expected a boolean at line 1 column 1";
        let text = said("clique_propose", &format!("[{ALICE}, 7]"), reason);
        assert_eq!(text, format!("invalid argument 1 (authorize: bool): {reason}"));
        let reason = "invalid string length at line 1 column 4";
        let text = said("clique_propose", "[\"0x\", false]", reason);
        assert!(text.starts_with("invalid argument 0 (address: address): invalid"), "{text}");
        let text =
            said("anvil_setStorageAt", "[\"0xzz\", \"0x1\", \"0x2\"]", "odd at line 1 column 5");
        assert!(text.starts_with("invalid argument 0 (address: address): odd"), "{text}");
        // Both could be meant, and both look right.
        let text = said("clique_propose", &format!("[{ALICE}, false]"), "odd at line 1 column 2");
        assert_eq!(text, "invalid argument: odd at line 1 column 2");
    }

    #[test]
    fn an_unlisted_method_keeps_the_reason() {
        assert_eq!(said("no_such", "[]", "why"), "invalid argument: why");
    }
}
