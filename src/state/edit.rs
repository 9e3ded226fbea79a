//! What do a developer's edits change?

use super::{StateError, StateView};
use crate::primitives::{Account, AccountChange, Edit, StateChanges};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, keccak256};

/// The changes that `edits`, in order, make to the state of `view`.
pub fn edits_to_changes(view: &StateView, edits: &[Edit]) -> Result<StateChanges, StateError> {
    more_edits_to_changes(view, StateChanges::default(), edits)
}

/// The changes of more edits on top of the `changes` of those before.
pub fn more_edits_to_changes(
    view: &StateView,
    mut changes: StateChanges,
    edits: &[Edit],
) -> Result<StateChanges, StateError> {
    for edit in edits {
        let change = load(view, &mut changes, address_of(edit))?;
        let account = change.account.get_or_insert_default();
        match edit {
            Edit::Balance(_, balance) => account.balance = *balance,
            Edit::Nonce(_, nonce) => account.nonce = *nonce,
            Edit::Code(_, code) => {
                account.code_hash = if code.is_empty() { KECCAK_EMPTY } else { keccak256(code) };
                let hash = account.code_hash;
                if !code.is_empty() {
                    changes.codes.insert(hash, code.clone());
                }
            }
            Edit::Storage(_, slot, value) => {
                change.storage.insert(*slot, *value);
            }
        }
    }
    for edit in edits {
        let Some(change) = changes.accounts.get_mut(&address_of(edit)) else { continue };
        let empty = change.account.as_ref().is_some_and(Account::is_empty);
        let bare = change.storage.values().all(|value| value.is_zero());
        if empty && bare && change.account.is_some_and(|account| account.storage_id == 0) {
            change.account = None;
        }
    }
    Ok(changes)
}

fn load<'a>(
    view: &StateView,
    changes: &'a mut StateChanges,
    address: Address,
) -> Result<&'a mut AccountChange, StateError> {
    use std::collections::hash_map::Entry;
    match changes.accounts.entry(address) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(new) => {
            let account = view.account(address)?;
            Ok(new.insert(AccountChange { account, ..Default::default() }))
        }
    }
}

const fn address_of(edit: &Edit) -> Address {
    match edit {
        Edit::Balance(address, _)
        | Edit::Nonce(address, _)
        | Edit::Code(address, _)
        | Edit::Storage(address, ..) => *address,
    }
}
