//! What is the state root after each transaction of a block?

use super::{EvmError, block_state::BlockState};
use crate::{
    primitives::StorageId,
    state::{StateTrie, StorageIds},
};
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, HashSet},
};

/// A trie of its own that follows a block transaction by transaction.
#[derive(Debug)]
pub(super) struct Roots {
    trie: StateTrie,
    ids: StorageIds,
    made: Vec<B256>,
}

impl Roots {
    /// Starts with the parent's trie. From now on `state` remembers what no root knows yet.
    pub(super) fn new(trie: StateTrie, next: StorageId, state: &mut BlockState) -> Self {
        state.track();
        Self { trie, ids: StorageIds::new(next), made: Vec::new() }
    }

    /// Takes in what changed since the last root, and answers the root now.
    pub(super) fn next(&mut self, state: &mut BlockState, block: u64) -> Result<B256, EvmError> {
        let mut changes = state.take_unrooted();
        self.trie.apply(&mut changes, block, state.reader()?, &mut self.ids)?;
        let root = self.trie.root();
        self.made.push(root);
        Ok(root)
    }

    /// All roots so far.
    pub(super) fn made(&self) -> &[B256] {
        &self.made
    }
}

/// The accounts and slots that changed since the last root.
#[derive(Debug, Default)]
pub(super) struct Unrooted(pub(super) AddressMap<UnrootedAccount>);

/// What of an account no root knows yet.
#[derive(Debug, Default)]
pub(super) struct UnrootedAccount {
    /// All slots from before were dropped.
    pub(super) wiped: bool,
    /// Slots that were written, after the wipe if there was one.
    pub(super) slots: HashSet<U256>,
}

impl Unrooted {
    /// The account changed.
    pub(super) fn account(&mut self, address: Address) -> &mut UnrootedAccount {
        self.0.entry(address).or_default()
    }

    /// The account ended or began.
    pub(super) fn wipe(&mut self, address: Address) {
        let account = self.account(address);
        account.wiped = true;
        account.slots.clear();
    }
}
