//! Conditions that a sender sets for its transaction (EIP-7796): when may it enter a block?

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

/// When a transaction may enter a block. What is not named is not asked for.
///
/// See [EIP-7796](https://eips.ethereum.org/EIPS/eip-7796).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// What the storage of these accounts has to be just before the transaction.
    pub known_accounts: Vec<(Address, KnownStorage)>,
    /// First block it may be in.
    pub block_number_min: Option<u64>,
    /// Last block it may be in.
    pub block_number_max: Option<u64>,
    /// Earliest time of its block, in seconds since 1970.
    pub timestamp_min: Option<u64>,
    /// Latest time of its block, in seconds since 1970.
    pub timestamp_max: Option<u64>,
}

/// What is known of an account's storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KnownStorage {
    /// The root of its storage trie.
    Root(B256),
    /// Some of its slots, with their values.
    Slots(Vec<(U256, U256)>),
}

/// Which condition does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnmetCondition {
    /// The block comes too early.
    #[error("block number {number} is less than the minimum {minimum}")]
    BlockTooEarly {
        /// Of the block.
        number: u64,
        /// As asked for.
        minimum: u64,
    },
    /// The block comes too late.
    #[error("block number {number} is greater than the maximum {maximum}")]
    BlockTooLate {
        /// Of the block.
        number: u64,
        /// As asked for.
        maximum: u64,
    },
    /// The block's time is too early.
    #[error("timestamp {timestamp} is less than the minimum {minimum}")]
    TimeTooEarly {
        /// Of the block, in seconds.
        timestamp: u64,
        /// As asked for, in seconds.
        minimum: u64,
    },
    /// The block's time is too late.
    #[error("timestamp {timestamp} is greater than the maximum {maximum}")]
    TimeTooLate {
        /// Of the block, in seconds.
        timestamp: u64,
        /// As asked for, in seconds.
        maximum: u64,
    },
    /// The storage of an account is not what was known.
    #[error("storage root of {address} is not {expected}")]
    Root {
        /// The account.
        address: Address,
        /// As asked for.
        expected: B256,
    },
    /// A slot is not what was known.
    #[error("storage slot {slot:#x} of {address} is {found:#x}, not {expected:#x}")]
    Slot {
        /// The account.
        address: Address,
        /// The slot.
        slot: U256,
        /// What it holds.
        found: U256,
        /// As asked for.
        expected: U256,
    },
}

impl UnmetCondition {
    /// Can the condition hold in a later block?
    pub const fn may_hold_later(&self) -> bool {
        matches!(self, Self::BlockTooEarly { .. } | Self::TimeTooEarly { .. })
    }
}

impl Conditions {
    /// What they take in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let accounts = self.known_accounts.len() * size_of::<(Address, KnownStorage)>();
        size_of::<Self>() + accounts + self.cost() * size_of::<(U256, U256)>()
    }

    /// How many reads checking takes: what the number of conditions is limited by.
    pub fn cost(&self) -> usize {
        let storage = self.known_accounts.iter().map(|(_address, known)| match known {
            KnownStorage::Root(_) => 1,
            KnownStorage::Slots(slots) => slots.len().max(1),
        });
        storage.sum()
    }

    /// The condition that a block of this number and time (in seconds) does not meet, if any.
    pub const fn unmet_by_block(&self, number: u64, timestamp: u64) -> Option<UnmetCondition> {
        match (self.block_number_max, self.timestamp_max) {
            (Some(maximum), _) if number > maximum => {
                return Some(UnmetCondition::BlockTooLate { number, maximum });
            }
            (_, Some(maximum)) if timestamp > maximum => {
                return Some(UnmetCondition::TimeTooLate { timestamp, maximum });
            }
            _ => {}
        }
        match (self.block_number_min, self.timestamp_min) {
            (Some(minimum), _) if number < minimum => {
                Some(UnmetCondition::BlockTooEarly { number, minimum })
            }
            (_, Some(minimum)) if timestamp < minimum => {
                Some(UnmetCondition::TimeTooEarly { timestamp, minimum })
            }
            _ => None,
        }
    }

    /// The first condition on storage that is not met. `read` answers the value of an account's slot,
    /// or without a slot the root of its storage trie: `None` if that changed in a way that no root is
    /// known of.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn unmet_by_storage<E>(
        &self,
        mut read: impl FnMut(Address, Option<U256>) -> Result<Option<B256>, E>,
    ) -> Result<Option<UnmetCondition>, E> {
        for (address, known) in &self.known_accounts {
            let address = *address;
            match known {
                KnownStorage::Root(expected) => {
                    if read(address, None)? != Some(*expected) {
                        let expected = *expected;
                        return Ok(Some(UnmetCondition::Root { address, expected }));
                    }
                }
                KnownStorage::Slots(slots) => {
                    for (slot, expected) in slots.iter().copied() {
                        let found = read(address, Some(slot))?.unwrap_or_default().into();
                        if found != expected {
                            return Ok(Some(UnmetCondition::Slot {
                                address,
                                slot,
                                found,
                                expected,
                            }));
                        }
                    }
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Address = Address::repeat_byte(0xa1);

    #[test]
    fn a_block_has_to_lie_between_the_bounds() {
        let conditions = Conditions {
            block_number_min: Some(5),
            block_number_max: Some(7),
            timestamp_min: Some(100),
            timestamp_max: Some(200),
            ..Default::default()
        };
        let unmet = |number, timestamp| {
            conditions.unmet_by_block(number, timestamp).map(|unmet| unmet.to_string())
        };
        assert_eq!(unmet(5, 100), None);
        assert_eq!(unmet(7, 200), None);
        let reads = |text: &str| Some(text.to_owned());
        assert_eq!(unmet(4, 150), reads("block number 4 is less than the minimum 5"));
        assert_eq!(unmet(8, 150), reads("block number 8 is greater than the maximum 7"));
        assert_eq!(unmet(6, 99), reads("timestamp 99 is less than the minimum 100"));
        assert_eq!(unmet(6, 201), reads("timestamp 201 is greater than the maximum 200"));
        assert_eq!(unmet(8, 99), unmet(8, 150), "what never holds again is said first");
    }

    #[test]
    fn storage_has_to_be_what_was_known() {
        let (one, two) = (U256::from(1), U256::from(2));
        let slots = KnownStorage::Slots(vec![(one, one), (two, two)]);
        let root = KnownStorage::Root(B256::repeat_byte(7));
        let known_accounts = vec![(ALICE, slots), (ALICE, root)];
        let conditions = Conditions { known_accounts, ..Default::default() };
        assert_eq!(conditions.cost(), 3);
        let unmet = |second: U256, root: Option<u8>| {
            let read = |_: Address, slot: Option<U256>| {
                Ok::<_, ()>(match slot {
                    Some(slot) => Some(B256::from(if slot == two { second } else { slot })),
                    None => root.map(B256::repeat_byte),
                })
            };
            conditions.unmet_by_storage(read).unwrap().map(|unmet| unmet.to_string())
        };
        assert_eq!(unmet(two, Some(7)), None);
        let slot = format!("storage slot 0x2 of {ALICE} is 0x9, not 0x2");
        assert_eq!(unmet(U256::from(9), Some(7)), Some(slot));
        let root = format!("storage root of {ALICE} is not {}", B256::repeat_byte(7));
        assert_eq!(unmet(two, Some(8)), Some(root.clone()));
        assert_eq!(unmet(two, None), Some(root));
    }
}
