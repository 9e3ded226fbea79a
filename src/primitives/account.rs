//! Accounts, and what a block changed of them.

use alloy_consensus::constants::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, B256Map, U256Map},
};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// Names one life of a contract's storage. A contract that is created again at the same address
/// gets a new id, so wiping storage costs nothing. 0 = this account has never had storage.
pub type StorageId = u64;

/// An account as the state holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Number of transactions sent, or of contracts created by a contract.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// keccak256 of the code; [`KECCAK_EMPTY`] without code.
    pub code_hash: B256,
    /// Root of the account's storage trie. Filled in by the trie when a block is finished.
    pub storage_root: B256,
    /// Where the account's slots are stored.
    pub storage_id: StorageId,
    /// It comes from the upstream of a fork: slots that are not stored here are those it has there. Ends
    /// with the account's storage.
    #[serde(default)]
    pub is_remote: bool,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK_EMPTY,
            storage_root: EMPTY_ROOT_HASH,
            storage_id: 0,
            is_remote: false,
        }
    }
}

impl Account {
    /// No nonce, no balance, no code: what EIP-161 removes from the state.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK_EMPTY
    }

    /// Does the account carry code (a contract, or an EIP-7702 delegation)?
    pub fn has_code(&self) -> bool {
        self.code_hash != KECCAK_EMPTY
    }
}

/// What happened to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChange {
    /// The account afterwards; `None` if it does not exist any more.
    pub account: Option<Account>,
    /// All slots from before were dropped (destroyed, or created anew) before `storage` was written.
    pub wiped: bool,
    /// New values of the changed slots; zero clears a slot.
    pub storage: U256Map<U256>,
}

/// Everything a block (or a set of dev edits) changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChanges {
    /// Changed accounts.
    pub accounts: AddressMap<AccountChange>,
    /// Code that was not known before, by its hash.
    pub codes: B256Map<Bytes>,
}

impl StateChanges {
    /// Did nothing change?
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Number of changed rows: accounts and slots.
    pub fn len(&self) -> usize {
        self.accounts.values().map(|change| 1 + change.storage.len()).sum()
    }

    /// Lays `newer` over these changes.
    pub fn extend(&mut self, newer: &Self) {
        for (address, change) in &newer.accounts {
            let mine = self.accounts.entry(*address).or_default();
            mine.account = change.account;
            if change.wiped {
                mine.wiped = true;
                mine.storage.clear();
            }
            mine.storage.extend(change.storage.iter().map(|(slot, value)| (*slot, *value)));
        }
        self.codes.extend(newer.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }
}

/// A change that a developer made by hand (`anvil_setBalance` and its kind). It is journaled, lies
/// over the head at once, and becomes part of the next block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Sets a balance in wei.
    Balance(Address, U256),
    /// Sets a nonce.
    Nonce(Address, u64),
    /// Sets the code; empty removes it.
    Code(Address, Bytes),
    /// Sets one storage slot.
    Storage(Address, U256, U256),
}

/// The stored form of an [`Edit`]: a kind, and three fields of which a kind uses some.
#[derive(RlpEncodable, RlpDecodable)]
struct EditRow {
    kind: u8,
    address: Address,
    first: U256,
    second: U256,
    code: Bytes,
}

impl alloy_rlp::Encodable for Edit {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.row().encode(out);
    }

    fn length(&self) -> usize {
        self.row().length()
    }
}

impl Edit {
    fn row(&self) -> EditRow {
        let (kind, address, first, second, code) = match self {
            Self::Balance(address, value) => (0, *address, *value, U256::ZERO, Bytes::new()),
            Self::Nonce(address, nonce) => {
                (1, *address, U256::from(*nonce), U256::ZERO, Bytes::new())
            }
            Self::Code(address, code) => (2, *address, U256::ZERO, U256::ZERO, code.clone()),
            Self::Storage(address, slot, value) => (3, *address, *slot, *value, Bytes::new()),
        };
        EditRow { kind, address, first, second, code }
    }
}

impl alloy_rlp::Decodable for Edit {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let row = EditRow::decode(buf)?;
        match row.kind {
            0 => Ok(Self::Balance(row.address, row.first)),
            1 => {
                let nonce = u64::try_from(row.first);
                Ok(Self::Nonce(row.address, nonce.map_err(|_overflow| alloy_rlp::Error::Overflow)?))
            }
            2 => Ok(Self::Code(row.address, row.code)),
            3 => Ok(Self::Storage(row.address, row.first, row.second)),
            _ => Err(alloy_rlp::Error::Custom("unknown kind of edit")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_rlp::{Decodable, Encodable};

    #[test]
    fn an_edit_survives_its_stored_form() {
        let address = Address::repeat_byte(7);
        for edit in [
            Edit::Balance(address, U256::MAX),
            Edit::Nonce(address, u64::MAX),
            Edit::Code(address, Bytes::from_static(&[0x60, 0x00])),
            Edit::Storage(address, U256::from(3), U256::from(4)),
        ] {
            let mut row = Vec::new();
            edit.encode(&mut row);
            assert_eq!(Edit::decode(&mut row.as_slice()), Ok(edit));
        }
    }

    #[test]
    fn a_wipe_hides_older_slots_and_keeps_newer_ones() {
        let address = Address::repeat_byte(1);
        let slots = |pairs: &[(u64, u64)]| {
            pairs.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect()
        };
        let change = |wiped, storage| AccountChange { account: None, wiped, storage };
        let mut older = StateChanges::default();
        older.accounts.insert(address, change(false, slots(&[(1, 1), (2, 2)])));
        let mut newer = StateChanges::default();
        newer.accounts.insert(address, change(true, slots(&[(2, 9)])));
        older.extend(&newer);
        assert_eq!(older.accounts[&address], change(true, slots(&[(2, 9)])));
    }
}
