//! Is the state at the end exactly what a test says?

use super::case::AccountForm;
use crate::{
    primitives::Account,
    state::{StateError, StateView, TrieError, full_root},
    storage::StorageError,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use std::collections::BTreeMap;

/// What is different from the expected state.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostStateError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state could not be walked.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state has no root.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// The rows do not give the root of the head.
    #[error("the state has root {walked}, the head's header says {header}")]
    Root {
        /// From a walk over all rows.
        walked: B256,
        /// Of the head.
        header: B256,
    },
    /// The root is not the expected one.
    #[error("the state root is {found}, expected {expected}")]
    Hash {
        /// Ours.
        found: B256,
        /// The test's.
        expected: B256,
    },
    /// An account is there that should not be.
    #[error("account {address:?} exists, expected none (hash of its address {hashed})")]
    Unexpected {
        /// The account, where its address is known.
        address: Option<Address>,
        /// keccak256 of the address.
        hashed: B256,
    },
    /// An account is not there.
    #[error("account {0} is missing")]
    Missing(Address),
    /// A balance, in wei.
    #[error("account {address} has balance {found}, expected {expected}")]
    Balance {
        /// The account.
        address: Address,
        /// Ours.
        found: U256,
        /// The test's.
        expected: U256,
    },
    /// A nonce.
    #[error("account {address} has nonce {found}, expected {expected}")]
    Nonce {
        /// The account.
        address: Address,
        /// Ours.
        found: u64,
        /// The test's.
        expected: u64,
    },
    /// Code.
    #[error("account {address} has code with hash {found}, expected {expected}")]
    Code {
        /// The account.
        address: Address,
        /// Ours.
        found: B256,
        /// The test's.
        expected: B256,
    },
    /// A slot that is different, or is there and should not be.
    #[error("account {address} has {found} in the slot with hash {slot}, expected {expected}")]
    Slot {
        /// The account.
        address: Address,
        /// keccak256 of the slot's number.
        slot: B256,
        /// Ours.
        found: U256,
        /// The test's; zero if the slot should be empty.
        expected: U256,
    },
}

/// The rows of the written state at the head must give the root of its header.
pub(super) fn check_root(view: &StateView, root: B256) -> Result<(), PostStateError> {
    let walked = full_root(view.reader(), view.number())?;
    if walked != root {
        return Err(PostStateError::Root { walked, header: root });
    }
    Ok(())
}

/// Every expected account is there and is right, and no other account exists: a walk over all.
pub(super) fn check_accounts(
    view: &StateView,
    expected: &BTreeMap<Address, AccountForm>,
) -> Result<(), PostStateError> {
    let mut missing: BTreeMap<B256, (&Address, &AccountForm)> =
        expected.iter().map(|account| (keccak256(account.0), account)).collect();
    let mut found = Vec::new();
    view.reader().each_account(view.number(), |hashed, account| found.push((hashed, account)))?;
    for (hashed, account) in found {
        let Some((address, form)) = missing.remove(&hashed) else {
            let preimage = view.reader().preimage(hashed)?;
            let address = preimage.filter(|it| it.len() == 20).map(|it| Address::from_slice(&it));
            return Err(PostStateError::Unexpected { address, hashed });
        };
        check_account(*address, &account, form)?;
        check_slots(view, *address, &account, form)?;
    }
    match missing.into_values().next() {
        Some((address, _)) => Err(PostStateError::Missing(*address)),
        None => Ok(()),
    }
}

fn check_account(
    address: Address,
    account: &Account,
    form: &AccountForm,
) -> Result<(), PostStateError> {
    let (found, expected) = (account.balance, form.balance);
    if found != expected {
        return Err(PostStateError::Balance { address, found, expected });
    }
    let (found, expected) = (account.nonce, form.nonce);
    if found != expected {
        return Err(PostStateError::Nonce { address, found, expected });
    }
    let (found, expected) = (account.code_hash, keccak256(&form.code));
    if found != expected {
        return Err(PostStateError::Code { address, found, expected });
    }
    Ok(())
}

fn check_slots(
    view: &StateView,
    address: Address,
    account: &Account,
    form: &AccountForm,
) -> Result<(), PostStateError> {
    let slots = form.storage.iter().filter(|(_, value)| !value.is_zero());
    let mut expected: BTreeMap<B256, U256> =
        slots.map(|(slot, value)| (keccak256(B256::from(*slot)), *value)).collect();
    let mut wrong = None;
    view.reader().each_slot(account.storage_id, view.number(), |slot, found| {
        let expected = expected.remove(&slot).unwrap_or_default();
        if found != expected {
            wrong.get_or_insert(PostStateError::Slot { address, slot, found, expected });
        }
    })?;
    let absent = expected.into_iter().next().map(|(slot, expected)| PostStateError::Slot {
        address,
        slot,
        found: U256::ZERO,
        expected,
    });
    wrong.or(absent).map_or(Ok(()), Err)
}
