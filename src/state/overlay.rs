//! What did the newest blocks, which are not written yet, change?

use crate::primitives::{Account, StateChanges};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::sync::Arc;

/// The changes of a run of blocks as immutable layers. A clone is cheap and never sees blocks that
/// are pushed later.
///
/// Layers are merged like the digits of a binary counter: a key is copied a logarithmic number of
/// times, and a lookup visits a logarithmic number of layers.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    /// The newest block in this layer.
    last: u64,
    /// May not be merged with newer layers: it is being written and will be dropped.
    closed: bool,
    size: usize,
    changes: Arc<StateChanges>,
}

impl Overlay {
    /// Adds the changes of block `number`.
    pub fn push(&mut self, number: u64, changes: Arc<StateChanges>) {
        let mut layer = Layer { last: number, closed: false, size: changes.len(), changes };
        while let Some(older) = self.layers.last() {
            if older.closed || older.size > layer.size {
                break;
            }
            let mut merged = StateChanges::clone(&older.changes);
            merged.extend(&layer.changes);
            layer.size = merged.len();
            layer.changes = Arc::new(merged);
            self.layers.pop();
        }
        self.layers.push(layer);
    }

    /// These changes with `changes` on top, unmerged: for edits and overrides.
    pub fn with(mut self, changes: Arc<StateChanges>) -> Self {
        if !changes.is_empty() {
            let layer = Layer { last: u64::MAX, closed: true, size: changes.len(), changes };
            self.layers.push(layer);
        }
        self
    }

    /// Keeps all layers so far apart from newer ones, because they are about to be written.
    pub fn close(&mut self) {
        self.layers.iter_mut().for_each(|layer| layer.closed = true);
    }

    /// Drops layers that hold only blocks up to `number`, which are written now.
    pub fn drop_through(&mut self, number: u64) {
        self.layers.retain(|layer| layer.last > number);
    }

    /// The layers' changes, the oldest first.
    pub(super) fn changes(&self) -> impl Iterator<Item = &StateChanges> {
        self.layers.iter().map(|layer| &*layer.changes)
    }

    /// The account, if one of the layers changed it; inner `None` = it does not exist.
    pub fn account(&self, address: Address) -> Option<Option<Account>> {
        let change = |layer: &Layer| layer.changes.accounts.get(&address).map(|it| it.account);
        self.layers.iter().rev().find_map(change)
    }

    /// The slot's value, if one of the layers knows it.
    pub fn slot(&self, address: Address, slot: U256) -> Option<U256> {
        for layer in self.layers.iter().rev() {
            let Some(change) = layer.changes.accounts.get(&address) else { continue };
            if let Some(value) = change.storage.get(&slot) {
                return Some(*value);
            }
            if change.wiped || change.account.is_none() {
                return Some(U256::ZERO);
            }
        }
        None
    }

    /// Code that one of the layers brought.
    pub fn code(&self, hash: B256) -> Option<Bytes> {
        self.layers.iter().rev().find_map(|layer| layer.changes.codes.get(&hash).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::AccountChange;
    use std::collections::BTreeMap;

    fn balance(address: Address, value: u64) -> Arc<StateChanges> {
        let account = Some(Account { balance: U256::from(value), ..Default::default() });
        let mut changes = StateChanges::default();
        changes.accounts.insert(address, AccountChange { account, ..Default::default() });
        Arc::new(changes)
    }

    #[test]
    fn the_newest_block_answers_and_older_clones_do_not_see_it() {
        let mut overlay = Overlay::default();
        let mut model = BTreeMap::new();
        for number in 0..200u64 {
            let address = Address::with_last_byte((number * 7 % 31) as u8);
            let before = overlay.clone();
            overlay.push(number, balance(address, number));
            assert_eq!(
                before.account(address).flatten().map(|it| it.balance),
                model.insert(address, U256::from(number)),
            );
            for (address, value) in &model {
                assert_eq!(overlay.account(*address).flatten().unwrap().balance, *value);
            }
        }
        assert!(overlay.layers.len() < 10, "{} layers", overlay.layers.len());
    }

    #[test]
    fn closed_layers_are_dropped_when_they_are_written() {
        let (old, new) = (Address::with_last_byte(1), Address::with_last_byte(2));
        let mut overlay = Overlay::default();
        overlay.push(1, balance(old, 1));
        overlay.close();
        overlay.push(2, balance(new, 2));
        overlay.drop_through(1);
        assert_eq!(overlay.account(old), None);
        assert!(overlay.account(new).is_some());
    }

    #[test]
    fn a_destroyed_account_has_no_slots() {
        let address = Address::with_last_byte(1);
        let slots = |account, pairs: &[(u64, u64)]| {
            let storage =
                pairs.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect();
            let mut changes = StateChanges::default();
            changes.accounts.insert(address, AccountChange { account, wiped: false, storage });
            Arc::new(changes)
        };
        let overlay = Overlay::default().with(slots(Some(Account::default()), &[(1, 5), (2, 6)]));
        assert_eq!(overlay.slot(address, U256::from(1)), Some(U256::from(5)));
        assert_eq!(overlay.slot(address, U256::from(3)), None);
        let overlay = overlay.with(slots(None, &[]));
        assert_eq!(overlay.slot(address, U256::from(1)), Some(U256::ZERO));
    }
}
