//! GenesisTests: does a genesis description give this block zero?

use super::{VectorError, bytes, number, read, same_bytes};
use crate::{
    primitives::{Block, Body},
    spec::ChainSpec,
    state::{StateTrie, StorageIds},
    storage::{Durability, Storage},
};
use serde_json::{Value, json};

/// The description is older than today's genesis format: it has no config, an account may have no
/// balance or call it `wei`, and an empty number is `0x`.
pub(super) fn check(mut case: Value) -> Result<(), VectorError> {
    let expected = case["result"].as_str().ok_or(VectorError::NoResult)?;
    let expected = bytes("result", expected)?;
    modernise(&mut case)?;
    let spec = ChainSpec::from_genesis(read(case)?)?;
    same_bytes("block", &genesis_block(&spec)?.encode(), &expected)
}

fn genesis_block(spec: &ChainSpec) -> Result<Block, VectorError> {
    let folder = tempfile::tempdir().map_err(VectorError::Folder)?;
    let storage = Storage::open(folder.path(), Durability::Ephemeral)?;
    let mut changes = spec.genesis_changes();
    let mut trie = StateTrie::empty();
    trie.apply(&mut changes, 0, &storage.state.reader()?, &mut StorageIds::new(1))?;
    Ok(Block::new(spec.genesis_header(trie.root()), Body::default()))
}

fn modernise(case: &mut Value) -> Result<(), VectorError> {
    case["config"] = json!({"chainId": 1, "ethash": {}});
    for field in ["nonce", "timestamp", "gasLimit", "difficulty"] {
        let text = case[field].as_str().unwrap_or("0x");
        case[field] = json!(number(text)?);
    }
    for account in case["alloc"].as_object_mut().into_iter().flat_map(|alloc| alloc.values_mut()) {
        let balance = account.get("balance").or_else(|| account.get("wei"));
        let balance = balance.and_then(Value::as_str).unwrap_or("0x");
        account["balance"] = json!(number(balance)?);
        if let Some(account) = account.as_object_mut() {
            account.remove("wei");
        }
    }
    Ok(())
}
