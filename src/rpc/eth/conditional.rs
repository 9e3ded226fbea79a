//! In which shape does a client send the conditions of a transaction?

use crate::{
    pool::{Conditions, KnownStorage},
    rpc::{Answer, RpcError, params::Number},
};
use alloy_primitives::{Address, B256, U256};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Slots and roots that one transaction may ask for.
const MOST_CONDITIONS: usize = 1_000;

/// Conditions that would take too long to check.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("transaction conditions need {cost} reads of storage, {MOST_CONDITIONS} are allowed")]
pub struct TooManyConditions {
    /// Reads that they need.
    cost: usize,
}

/// Conditions of a transaction ([EIP-7796](https://eips.ethereum.org/EIPS/eip-7796)). A name that is
/// none of these is refused: a condition that is not understood is not kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Conditional {
    known_accounts: BTreeMap<Address, Known>,
    block_number_min: Option<Number>,
    block_number_max: Option<Number>,
    timestamp_min: Option<Number>,
    timestamp_max: Option<Number>,
}

/// A storage root, or values by slot.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Known {
    Root(B256),
    Slots(BTreeMap<U256, U256>),
}

impl Conditional {
    /// The conditions, if they are not too many.
    pub(super) fn checked(self) -> Answer<Conditions> {
        let known = |(address, known)| match known {
            Known::Root(root) => (address, KnownStorage::Root(root)),
            Known::Slots(slots) => (address, KnownStorage::Slots(slots.into_iter().collect())),
        };
        let small = |number: Option<Number>| number.map(|number| number.saturating_to());
        let conditions = Conditions {
            known_accounts: self.known_accounts.into_iter().map(known).collect(),
            block_number_min: small(self.block_number_min),
            block_number_max: small(self.block_number_max),
            timestamp_min: small(self.timestamp_min),
            timestamp_max: small(self.timestamp_max),
        };
        let cost = conditions.cost();
        if cost > MOST_CONDITIONS {
            return Err(RpcError::TooManyConditions(TooManyConditions { cost }));
        }
        Ok(conditions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ALICE: Address = Address::repeat_byte(0xa1);

    fn read(value: Value) -> Result<Conditions, String> {
        let read =
            serde_json::from_value::<Conditional>(value).map_err(|error| error.to_string())?;
        read.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn conditions_are_read_as_they_are_sent() {
        let root = B256::repeat_byte(7);
        let wire = json!({
            "knownAccounts": { ALICE.to_string(): { "0x1": format!("{:#066x}", 2) }, Address::ZERO.to_string(): root },
            "blockNumberMin": "0x5", "blockNumberMax": 7, "timestampMax": "0x6553f100",
        });
        let slots = KnownStorage::Slots(vec![(U256::from(1), U256::from(2))]);
        let expected = Conditions {
            known_accounts: vec![(Address::ZERO, KnownStorage::Root(root)), (ALICE, slots)],
            block_number_min: Some(5),
            block_number_max: Some(7),
            timestamp_min: None,
            timestamp_max: Some(1_700_000_000),
        };
        assert_eq!(read(wire), Ok(expected));
        assert_eq!(read(json!({})), Ok(Conditions::default()));
    }

    #[test]
    fn a_condition_that_is_not_understood_is_refused() {
        assert!(read(json!({ "blockNumberMaximum": 7 })).unwrap_err().contains("unknown field"));
        assert!(read(json!({ "knownAccounts": { ALICE.to_string(): 5 } })).is_err());
    }

    #[test]
    fn conditions_are_counted() {
        let slots = |count: usize| {
            let slots: serde_json::Map<String, Value> =
                (0..count).map(|slot| (format!("{slot:#x}"), json!("0x0"))).collect();
            read(json!({ "knownAccounts": { ALICE.to_string(): slots } }))
        };
        assert!(slots(1_000).is_ok());
        let text = "transaction conditions need 1001 reads of storage, 1000 are allowed";
        assert_eq!(slots(1_001), Err(text.to_owned()));
    }
}
