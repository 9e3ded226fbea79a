//! May a chain go on under a genesis file whose forks begin at other blocks or times?

use super::ChainSpec;
use alloy_genesis::Genesis;
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt};

/// Fields of `config` that say at which block a fork begins.
const BLOCKS: [&str; 15] = [
    "homesteadBlock",
    "daoForkBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
    "mergeNetsplitBlock",
];
/// Fields of `config` that say at which time a fork begins, in seconds.
const TIMES: [&str; 9] = [
    "shanghaiTime",
    "cancunTime",
    "pragueTime",
    "osakaTime",
    "bpo1Time",
    "bpo2Time",
    "bpo3Time",
    "bpo4Time",
    "bpo5Time",
];
/// The field of `config` with the limits for blobs.
const BLOB_LIMITS: &str = "blobSchedule";

/// A fork that begins elsewhere than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkChange {
    /// The field of the genesis file.
    pub field: &'static str,
    /// Block or time before; `None` is never.
    pub before: Option<u64>,
    /// Block or time from now on; `None` is never.
    pub after: Option<u64>,
}

impl ForkChange {
    /// Has the fork begun, or would it have, at a block of this height and time in seconds?
    pub fn reaches(&self, number: u64, timestamp: u64) -> bool {
        let at = if TIMES.contains(&self.field) { timestamp } else { number };
        [self.before, self.after].into_iter().flatten().any(|point| point <= at)
    }
}

impl fmt::Display for ForkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |point: Option<u64>| point.map_or("never".to_owned(), |point| point.to_string());
        write!(f, "{} {} instead of {}", self.field, at(self.after), at(self.before))
    }
}

/// Why a chain cannot go on under a genesis file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkChangeError {
    /// Something else than a fork differs.
    #[error("{field} is {after} in the file and {before} in the chain")]
    Other {
        /// The field of the file.
        field: String,
        /// In the chain.
        before: String,
        /// In the file.
        after: String,
    },
    /// Blocks were made under rules that would be others.
    #[error(
        "{0}: the head, block {number} at time {timestamp}, is not before both of them; only what lies \
         after the head can change",
        change
    )]
    Past {
        /// What would change.
        change: ForkChange,
        /// Height of the head.
        number: u64,
        /// Time of the head in seconds.
        timestamp: u64,
    },
    /// Blocks were made under limits for blobs that would be others.
    #[error(
        "the limits for blobs since {since} would be others, but the head is at time {timestamp}; only \
         what lies after the head can change"
    )]
    BlobLimits {
        /// Time from which the limits hold, in seconds.
        since: u64,
        /// Time of the head in seconds.
        timestamp: u64,
    },
}

/// The forks that begin elsewhere in `after` than in `before`, of a chain whose head has this height and
/// time in seconds. Only the head counts: side blocks may be later than it, and whoever adopts the changes
/// forgets those that a change [reaches](ForkChange::reaches).
///
/// # Errors
/// When anything else differs, or when a fork lies, or would lie, at the head or below.
pub fn fork_changes(
    before: &ChainSpec,
    after: &ChainSpec,
    number: u64,
    timestamp: u64,
) -> Result<Vec<ForkChange>, ForkChangeError> {
    let (old, new) = (fields(&before.genesis), fields(&after.genesis));
    check_rest(&old, &new)?;
    let mut changes = Vec::new();
    for field in BLOCKS.into_iter().chain(TIMES) {
        let at =
            |fields: &Map<String, Value>| fields.get(&in_config(field)).and_then(Value::as_u64);
        let change = ForkChange { field, before: at(&old), after: at(&new) };
        if change.before == change.after {
            continue;
        }
        if change.reaches(number, timestamp) {
            return Err(ForkChangeError::Past { change, number, timestamp });
        }
        changes.push(change);
    }
    check_blobs(before, after, timestamp)?;
    Ok(changes)
}

fn in_config(field: &str) -> String {
    format!("config.{field}")
}

/// The fields of a genesis file, those of its config by `config.NAME`.
fn fields(genesis: &Genesis) -> Map<String, Value> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(genesis) else { return Map::new() };
    let config = fields.remove("config");
    for (name, value) in config.as_ref().and_then(Value::as_object).into_iter().flatten() {
        fields.insert(in_config(name), value.clone());
    }
    fields
}

/// Is everything the same but for forks?
fn check_rest(old: &Map<String, Value>, new: &Map<String, Value>) -> Result<(), ForkChangeError> {
    let movable: BTreeSet<String> =
        BLOCKS.into_iter().chain(TIMES).chain([BLOB_LIMITS]).map(in_config).collect();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |name: &&&String| !movable.contains(**name) && old.get(**name) != new.get(**name);
    let Some(field) = names.iter().find(differs) else { return Ok(()) };
    let shown = |fields: &Map<String, Value>| {
        let text = fields.get(*field).map_or("not there".to_owned(), Value::to_string);
        // An alloc may be as long as a state.
        text.chars().take(80).collect()
    };
    Err(ForkChangeError::Other { field: (*field).clone(), before: shown(old), after: shown(new) })
}

/// Are the limits for blobs the same up to the head?
fn check_blobs(
    before: &ChainSpec,
    after: &ChainSpec,
    timestamp: u64,
) -> Result<(), ForkChangeError> {
    let times = before.fork_times().into_iter().chain(after.fork_times());
    let mut past = times.filter(|since| *since <= timestamp);
    let other = past.find(|since| before.blob_params_at(*since) != after.blob_params_at(*since));
    other.map_or(Ok(()), |since| Err(ForkChangeError::BlobLimits { since, timestamp }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use serde_json::json;

    fn spec(change: impl FnOnce(&mut Value)) -> ChainSpec {
        let mut genesis = json!({
            "config": {
                "chainId": 5, "homesteadBlock": 0, "londonBlock": 0, "grayGlacierBlock": 500,
                "shanghaiTime": 0, "cancunTime": 100, "clique": { "period": 1, "epoch": 10 }
            },
            "gasLimit": "0x1c9c380", "difficulty": "0x1", "alloc": {}
        });
        change(&mut genesis);
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    fn with(field: &'static str, value: Value) -> ChainSpec {
        spec(|genesis| genesis["config"][field] = value)
    }

    /// Of a chain at block 50, time 150: after Cancun.
    fn asked(after: &ChainSpec) -> Result<Vec<ForkChange>, ForkChangeError> {
        fork_changes(&spec(|_| {}), after, 50, 150)
    }

    #[test]
    fn a_fork_after_the_head_is_added_moved_and_taken_back() {
        assert_eq!(asked(&spec(|_| {})), Ok(Vec::new()));
        let added = ForkChange { field: "pragueTime", before: None, after: Some(151) };
        let prague = with("pragueTime", json!(151));
        assert_eq!(asked(&prague), Ok(vec![added]));
        let later = with("pragueTime", json!(900));
        let moved = ForkChange { field: "pragueTime", before: Some(151), after: Some(900) };
        assert_eq!(moved.to_string(), "pragueTime 900 instead of 151");
        assert_eq!(fork_changes(&prague, &later, 50, 150), Ok(vec![moved]));
        let gone = ForkChange { field: "pragueTime", before: Some(151), after: None };
        assert_eq!(fork_changes(&prague, &spec(|_| {}), 50, 150), Ok(vec![gone]));
        assert_eq!(asked(&with("grayGlacierBlock", json!(51))).unwrap().len(), 1);
    }

    #[test]
    fn what_lies_at_the_head_or_below_stays() {
        let cancun = |time: Value| asked(&with("cancunTime", time)).unwrap_err();
        for refused in [cancun(json!(99)), cancun(json!(200)), cancun(Value::Null)] {
            assert!(matches!(refused, ForkChangeError::Past { .. }), "{refused}");
        }
        let refused = asked(&with("pragueTime", json!(150))).unwrap_err().to_string();
        for word in ["pragueTime 150", "never", "block 50", "time 150"] {
            assert!(refused.contains(word), "{refused}");
        }
        assert!(asked(&with("grayGlacierBlock", json!(50))).is_err());
        assert!(
            fork_changes(&spec(|_| {}), &with("grayGlacierBlock", json!(900)), 500, 150).is_err()
        );
    }

    #[test]
    fn limits_for_blobs_change_with_forks_to_come_only() {
        let limits = |name: &str| {
            let entry = json!({ "target": 1, "max": 2, "baseFeeUpdateFraction": 3338477 });
            spec(|genesis| {
                genesis["config"]["blobSchedule"] = json!({ name: entry });
                genesis["config"]["pragueTime"] = json!(151);
            })
        };
        let refused = asked(&limits("cancun")).unwrap_err();
        assert_eq!(refused, ForkChangeError::BlobLimits { since: 100, timestamp: 150 });
        assert_eq!(asked(&limits("prague")).unwrap().len(), 1);
    }

    #[test]
    fn nothing_but_forks_may_differ() {
        let differs = |after: ChainSpec| asked(&after).unwrap_err().to_string();
        let id = differs(with("chainId", json!(6)));
        assert_eq!(id, "config.chainId is 6 in the file and 5 in the chain");
        assert!(differs(with("clique", json!({ "period": 2, "epoch": 10 }))).contains("clique"));
        assert!(differs(spec(|genesis| genesis["gasLimit"] = json!("0x1"))).contains("gasLimit"));
        let zero = "0x0000000000000000000000000000000000000000";
        assert!(
            differs(spec(|it| it["alloc"][zero] = json!({"balance": "0x1"}))).contains("alloc")
        );
    }

    #[test]
    fn the_fork_hash_is_the_old_one_until_the_fork() {
        let (old, new) = (spec(|_| {}), with("pragueTime", json!(200)));
        let genesis = B256::repeat_byte(1);
        assert_eq!(old.fork_hash(genesis, 199), new.fork_hash(genesis, 199));
        assert_ne!(old.fork_hash(genesis, 200), new.fork_hash(genesis, 200));
        assert_eq!(old.genesis_header(genesis), new.genesis_header(genesis));
    }
}
