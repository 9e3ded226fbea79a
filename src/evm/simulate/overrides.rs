//! What does a simulated block pretend about accounts?

use super::SimulationError;
use crate::{
    evm::CallError,
    primitives::{Account, AccountChange, StateChanges},
    state::StateView,
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, keccak256};
use alloy_rpc_types::state::{AccountOverride, StateOverride};

/// Lays overrides over `changes`, as changes to the state of `view`: what a simulated block pretends
/// is part of its state. An account with overrides exists, however empty it is.
pub(super) fn lay(
    view: &StateView,
    changes: &mut StateChanges,
    overrides: StateOverride,
) -> Result<(), SimulationError> {
    for (address, account) in overrides {
        let AccountOverride { balance, nonce, code, state, state_diff, .. } = account;
        if state.is_some() && state_diff.is_some() {
            return Err(CallError::StateAndStateDiff(address).into());
        }
        let says_something = balance.is_some()
            || nonce.is_some()
            || code.is_some()
            || state.is_some()
            || state_diff.as_ref().is_some_and(|slots| !slots.is_empty());
        if !says_something {
            continue;
        }
        let mut now = account_of(view, changes, address)?.unwrap_or_default();
        now.balance = balance.unwrap_or(now.balance);
        now.nonce = nonce.unwrap_or(now.nonce);
        if let Some(code) = code {
            now.code_hash = if code.is_empty() { KECCAK_EMPTY } else { keccak256(&code) };
            changes.codes.insert(now.code_hash, code);
        }
        let change = changes.accounts.entry(address).or_default();
        change.account = Some(now);
        if state.is_some() {
            wipe(change);
        }
        for (key, value) in state.or(state_diff).into_iter().flatten() {
            change.storage.insert(key.into(), value.into());
        }
    }
    Ok(())
}

/// A whole new storage: nothing of the old one is left.
fn wipe(change: &mut AccountChange) {
    change.wiped = true;
    change.storage.clear();
    if let Some(account) = &mut change.account {
        let bare = Account::default();
        (account.storage_root, account.storage_id) = (bare.storage_root, bare.storage_id);
        account.is_remote = false;
    }
}

fn account_of(
    view: &StateView,
    changes: &StateChanges,
    address: Address,
) -> Result<Option<Account>, SimulationError> {
    match changes.accounts.get(&address) {
        Some(change) => Ok(change.account),
        None => Ok(view.account(address)?),
    }
}
