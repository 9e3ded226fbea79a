//! TrieTests: do these keys and values give this root?

use super::{VectorError, bytes, same_hash};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Encodable, Header};
use alloy_trie::{
    EMPTY_ROOT_HASH, HashBuilder, Nibbles,
    nodes::{ExtensionNodeRef, LeafNodeRef},
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A case of the file.
#[derive(Deserialize)]
pub(super) struct TrieCase {
    #[serde(rename = "in")]
    steps: Value,
    root: B256,
}

/// What is in a trie, by key.
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) fn check(case: TrieCase, is_secure: bool) -> Result<(), VectorError> {
    let mut entries = Entries::new();
    for (key, value) in steps(&case.steps)? {
        let key = if is_secure { keccak256(key).to_vec() } else { key };
        match value {
            Some(value) if !value.is_empty() => entries.insert(key, value),
            _ => entries.remove(&key),
        };
    }
    same_hash("root", root(&entries), case.root)?;
    // The trie of a block's transactions and receipts has no value above another.
    if is_prefix_free(&entries) {
        same_hash("root by hash builder", built_root(&entries), case.root)?;
    }
    Ok(())
}

/// Inserts a value under a key, or deletes the key where there is none.
type Step = (Vec<u8>, Option<Vec<u8>>);

fn steps(steps: &Value) -> Result<Vec<Step>, VectorError> {
    let pairs: Vec<(String, Value)> = match steps {
        Value::Object(pairs) => pairs.iter().map(|(key, v)| (key.clone(), v.clone())).collect(),
        pairs => serde_json::from_value(pairs.clone()).map_err(VectorError::Format)?,
    };
    let read = |(key, value): (String, Value)| {
        let value = match value {
            Value::Null => None,
            Value::String(text) => Some(raw(&text)?),
            other => return Err(VectorError::Number(other.to_string())),
        };
        Ok((raw(&key)?, value))
    };
    pairs.into_iter().map(read).collect()
}

/// Hex where it begins with `0x`, plain text otherwise.
fn raw(text: &str) -> Result<Vec<u8>, VectorError> {
    if text.starts_with("0x") { bytes("in", text) } else { Ok(text.as_bytes().to_vec()) }
}

fn is_prefix_free(entries: &Entries) -> bool {
    let keys: Vec<_> = entries.keys().collect();
    keys.windows(2).all(|pair| !pair[1].starts_with(pair[0]))
}

fn built_root(entries: &Entries) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// The root by the definition (yellow paper, appendix D), values at branches included.
fn root(entries: &Entries) -> B256 {
    let leaves: Vec<_> =
        entries.iter().map(|(key, value)| (Nibbles::unpack(key), value.as_slice())).collect();
    if leaves.is_empty() { EMPTY_ROOT_HASH } else { keccak256(node(&leaves, 0)) }
}

/// RLP of the node over these leaves, whose keys agree in the first `depth` nibbles.
fn node(leaves: &[(Nibbles, &[u8])], depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let (first, last) = (&leaves[0].0, &leaves[leaves.len() - 1].0);
    if let [(key, value)] = leaves {
        LeafNodeRef { key: &key.slice(depth..), value }.encode(&mut out);
        return out;
    }
    // The leaves are in order, so what the first and the last share, all share.
    let shared = first.common_prefix_length(last);
    if shared > depth {
        let child = reference(node(leaves, shared));
        ExtensionNodeRef { key: &first.slice(depth..shared), child: &child }.encode(&mut out);
        return out;
    }
    branch(leaves, depth)
}

fn branch(leaves: &[(Nibbles, &[u8])], depth: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    let (value, below) = match leaves {
        [(key, value), below @ ..] if key.len() == depth => (*value, below),
        all => (&[][..], all),
    };
    for nibble in 0..16 {
        let of = |leaf: &&(Nibbles, &[u8])| leaf.0.get_unchecked(depth) == nibble;
        let children: Vec<_> = below.iter().filter(of).copied().collect();
        match children.as_slice() {
            [] => payload.push(alloy_rlp::EMPTY_STRING_CODE),
            children => payload.extend(reference(node(children, depth + 1))),
        }
    }
    value.encode(&mut payload);
    let mut out = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    out
}

/// A short node is in its parent as it is, a longer one by its hash.
fn reference(node: Vec<u8>) -> Vec<u8> {
    if node.len() < 32 { node } else { alloy_rlp::encode(keccak256(node)) }
}
