//! DifficultyTests: does the formula of a fork give this difficulty?

use super::{VectorError, number, read, same_number, small_number};
use crate::{
    cli::test::suite::Case,
    spec::{ChainSpec, Fork, next_difficulty},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::B256;
use serde::Deserialize;
use serde_json::{Value, json};

/// Forks that change the formula or its bomb, and when mainnet's configs say so.
const FORKS: [(Fork, &str); 10] = [
    (Fork::Homestead, "homesteadBlock"),
    (Fork::Tangerine, "eip150Block"),
    (Fork::SpuriousDragon, "eip158Block"),
    (Fork::Byzantium, "byzantiumBlock"),
    (Fork::Constantinople, "constantinopleBlock"),
    (Fork::Petersburg, "petersburgBlock"),
    (Fork::MuirGlacier, "muirGlacierBlock"),
    (Fork::London, "londonBlock"),
    (Fork::ArrowGlacier, "arrowGlacierBlock"),
    (Fork::GrayGlacier, "grayGlacierBlock"),
];

/// One block of the file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DifficultyCase {
    parent_timestamp: String,
    parent_difficulty: String,
    current_timestamp: String,
    current_block_number: String,
    current_difficulty: String,
    /// 0x00, 0x01, or the hash of the parent's ommers.
    #[serde(default)]
    parent_uncles: Option<String>,
}

/// The cases of `{fork: {name: case}}`; `None` if this is something else.
pub(super) fn cases(name: &str, content: Value) -> Option<Vec<Case>> {
    let Value::Object(forks) = content else { return None };
    let mut cases = Vec::new();
    for (fork, blocks) in forks.into_iter().filter(|(key, _)| key != "_info") {
        let Value::Object(blocks) = blocks else { return None };
        for (block, case) in blocks {
            case.get("currentDifficulty")?;
            let title = format!("{name} / {fork} / {block}");
            let fork = fork.clone();
            cases.push(Case::new(title, move || check(&fork, read(case)?)));
        }
    }
    (!cases.is_empty()).then_some(cases)
}

fn check(fork: &str, case: DifficultyCase) -> Result<(), VectorError> {
    let spec = spec_of(fork.parse()?)?;
    let number_above = small_number(&case.current_block_number)?;
    let parent = Header {
        number: number_above.saturating_sub(1),
        timestamp: small_number(&case.parent_timestamp)?,
        difficulty: number(&case.parent_difficulty)?,
        ommers_hash: ommers_hash(case.parent_uncles.as_deref())?,
        ..Default::default()
    };
    let computed = next_difficulty(&spec, &parent, small_number(&case.current_timestamp)?);
    same_number("difficulty", computed, number(&case.current_difficulty)?)
}

fn ommers_hash(text: Option<&str>) -> Result<B256, VectorError> {
    let value = number(text.unwrap_or("0x"))?;
    Ok(if value.is_zero() { EMPTY_OMMER_ROOT_HASH } else { B256::from(value) })
}

/// A chain on which this fork and all before it are active from the first block.
fn spec_of(fork: Fork) -> Result<ChainSpec, VectorError> {
    let mut config = json!({"chainId": 1, "ethash": {}});
    for (_, key) in FORKS.iter().filter(|(each, _)| *each <= fork) {
        config[*key] = json!(0);
    }
    let genesis = json!({
        "config": config, "gasLimit": "0x1388", "difficulty": "0x20000", "alloc": {}
    });
    Ok(ChainSpec::from_genesis(read(genesis)?)?)
}
