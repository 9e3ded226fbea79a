//! Which accounts and slots come next, in the order of the trie's keys?

use super::{Overlay, StateError, StateView};
use crate::{primitives::Account, storage::StorageError};
use alloy_primitives::{Address, B256, U256, keccak256};
use std::{collections::BTreeMap, sync::Arc};

/// An account or a slot under its key in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed<K, V> {
    /// keccak256 of the address or the slot.
    pub hash: B256,
    /// The address or the slot, where it is known.
    pub key: Option<K>,
    /// The account or the slot's value.
    pub value: V,
}

/// What newer layers say of a key: whose hash it is, and the value, if there is one left.
type Newer<K, V> = BTreeMap<B256, (K, Option<V>)>;

impl StateView {
    /// At most `limit` accounts whose keys are `from` or greater.
    pub fn accounts_from(
        &self,
        from: B256,
        limit: usize,
    ) -> Result<Vec<Keyed<Address, Account>>, StateError> {
        let newer = by_key(self.overlay.accounts());
        let older = |from| self.reader.account_from(from, self.number);
        let found = merge(&newer, from, limit, older)?;
        found
            .into_iter()
            .map(|entry| self.named(entry, |raw| Address::try_from(raw).ok()))
            .collect()
    }

    /// At most `limit` slots of an account, not zero, whose keys are `from` or greater. The address
    /// finds what the newest blocks wrote.
    pub fn slots_from(
        &self,
        address: Option<Address>,
        account: &Account,
        from: B256,
        limit: usize,
    ) -> Result<Vec<Keyed<U256, U256>>, StateError> {
        let written = address.map(|address| self.overlay.slots(address)).unwrap_or_default();
        let written = written.into_iter();
        let newer: Newer<U256, U256> = written
            .map(|(slot, value)| {
                (keccak256(B256::from(slot)), (slot, (!value.is_zero()).then_some(value)))
            })
            .collect();
        let older = |from| match account.storage_id {
            0 => Ok(None),
            id => self.reader.slot_from(id, from, self.number),
        };
        let found = merge(&newer, from, limit, older)?;
        found.into_iter().map(|entry| self.named(entry, U256::try_from_be_slice)).collect()
    }

    /// The address or slot whose keccak256 this is, in as few bytes as it has: 20 or 32.
    pub fn preimage(&self, hash: B256) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.reader.preimage(hash)?.or_else(|| self.overlay.preimage(hash)))
    }

    /// This state with changes laid over it.
    pub fn with(mut self, changes: crate::primitives::StateChanges) -> Self {
        self.overlay = self.overlay.with(Arc::new(changes));
        self.storage_ids.take();
        self
    }

    fn named<K, V>(
        &self,
        entry: Keyed<K, V>,
        read: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Result<Keyed<K, V>, StateError> {
        let key = match entry.key {
            Some(key) => Some(key),
            None => self.reader.preimage(entry.hash)?.and_then(|raw| read(&raw)),
        };
        Ok(Keyed { key, ..entry })
    }
}

fn by_key(accounts: BTreeMap<Address, Option<Account>>) -> Newer<Address, Account> {
    accounts.into_iter().map(|(address, it)| (keccak256(address), (address, it))).collect()
}

/// Walks what newer layers say and the rows below side by side; a newer layer hides a row.
fn merge<K: Copy, V: Copy>(
    newer: &Newer<K, V>,
    from: B256,
    limit: usize,
    mut older_from: impl FnMut(B256) -> Result<Option<(B256, V)>, StorageError>,
) -> Result<Vec<Keyed<K, V>>, StateError> {
    let mut found = Vec::new();
    let mut newer = newer.range(from..).peekable();
    let mut older = older_from(from)?;
    while found.len() < limit {
        let is_newer = match (newer.peek(), &older) {
            (None, None) => break,
            (Some((key, _)), Some((row, _))) => *key <= row,
            (newer, _) => newer.is_some(),
        };
        let hash = if is_newer {
            let Some((hash, (key, value))) = newer.next() else { break };
            found.extend(value.map(|value| Keyed { hash: *hash, key: Some(*key), value }));
            *hash
        } else {
            let Some((hash, value)) = older else { break };
            found.push(Keyed { hash, key: None, value });
            hash
        };
        if older.is_some_and(|(row, _)| row == hash) {
            older = match next_key(hash) {
                Some(next) => older_from(next)?,
                None => None,
            };
        }
    }
    Ok(found)
}

/// The key after this one.
pub fn next_key(hash: B256) -> Option<B256> {
    U256::from_be_bytes(hash.0).checked_add(U256::from(1)).map(B256::from)
}

impl Overlay {
    /// Every account that a layer changed, as the newest of them left it.
    pub(super) fn accounts(&self) -> BTreeMap<Address, Option<Account>> {
        let mut accounts = BTreeMap::new();
        for changes in self.changes() {
            accounts.extend(changes.accounts.iter().map(|(address, it)| (*address, it.account)));
        }
        accounts
    }

    /// Every slot of an account that a layer wrote since the account was last wiped.
    pub(super) fn slots(&self, address: Address) -> BTreeMap<U256, U256> {
        let mut slots = BTreeMap::new();
        for change in self.changes().filter_map(|changes| changes.accounts.get(&address)) {
            if change.wiped || change.account.is_none() {
                slots.clear();
            }
            slots.extend(change.storage.iter().map(|(slot, value)| (*slot, *value)));
        }
        slots
    }

    /// An address or slot of a layer whose keccak256 this is.
    pub(super) fn preimage(&self, hash: B256) -> Option<Vec<u8>> {
        for (address, change) in self.changes().flat_map(|changes| &changes.accounts) {
            if keccak256(address) == hash {
                return Some(address.to_vec());
            }
            let mut slots = change.storage.keys().map(|slot| B256::from(*slot));
            if let Some(slot) = slots.find(|slot| keccak256(slot) == hash) {
                return Some(slot.to_vec());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    /// Rows 1, 3, 5 and 255 under a layer that changes 3, removes 5 and adds 2.
    fn page(from: u8, limit: usize) -> Vec<(B256, u64, bool)> {
        let rows: BTreeMap<B256, u64> =
            [(1, 10), (3, 30), (5, 50), (255, 7)].map(|(byte, it)| (key(byte), it)).into();
        let newer: Newer<u8, u64> =
            [(2, Some(20)), (3, Some(31)), (5, None)].map(|(it, v)| (key(it), (it, v))).into();
        let older = |from| Ok(rows.range(from..).next().map(|(key, value)| (*key, *value)));
        let found = merge(&newer, key(from), limit, older).unwrap();
        found.into_iter().map(|it| (it.hash, it.value, it.key.is_some())).collect()
    }

    #[test]
    fn newer_layers_add_change_and_hide_rows() {
        let all = [(1, 10, false), (2, 20, true), (3, 31, true), (255, 7, false)];
        let all = all.map(|(byte, value, newer)| (key(byte), value, newer));
        assert_eq!(page(0, 10), all);
        assert_eq!(page(0, 2), all[..2]);
        assert_eq!(page(3, 10), all[2..], "the last key of all ends the walk");
        assert_eq!(page(4, 1), all[3..]);
    }

    #[test]
    fn the_greatest_key_has_none_after_it() {
        assert_eq!(next_key(B256::ZERO), Some(B256::with_last_byte(1)));
        assert_eq!(next_key(key(255)), None);
    }
}
