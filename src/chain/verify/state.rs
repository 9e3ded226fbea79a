//! Do the rows of the state give the root in the header, from nothing but themselves?

use super::{BaseKind, Fault, Faults, Work};
use crate::{
    state::{TrieError, Walked, full_root, walk_stored},
    storage::StorageError,
};
use alloy_consensus::constants::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use alloy_primitives::map::B256Set;

impl Work<'_> {
    /// Codes, preimages, accounts, slots and branches.
    pub(super) fn check_state(&mut self) {
        self.check_hashes();
        let (number, head_root) = (self.written.number, self.state.head_root());
        let root = match head_root {
            Ok(root) => root.unwrap_or(EMPTY_ROOT_HASH),
            Err(error) => return self.unreadable("head of the state", number, error),
        };
        let header = self.blocks.header(number).ok().flatten();
        if header.is_some_and(|header| self.base.trie_root_of(&header) != root) {
            self.found.faults.add(Fault::State("its root is not the one in its block's header"));
        }
        match full_root(&self.state, number) {
            Ok(computed) if computed == root => {}
            Ok(computed) => {
                let (field, stored) = ("stateRoot", root);
                self.found.faults.add(Fault::Field { number, field, stored, computed });
            }
            Err(TrieError::Storage(error)) => self.unreadable("accounts and slots", number, error),
            Err(error) => self.found.faults.add(Fault::Trie(error)),
        }
        if let Err(error) = self.check_tries(root) {
            self.unreadable("branches", number, error);
        }
    }

    fn check_hashes(&mut self) {
        let (mut wrong, mut seen) = (Faults::default(), 0);
        let checked = self.state.check_hashes(
            |table, key| wrong.add(Fault::Hash { table, key }),
            || {
                seen += 1;
                if seen % 1_024 == 0 {
                    self.at.done += 1_024;
                    (self.each)(self.at);
                }
            },
        );
        self.found.faults.absorb(wrong);
        if let Err(error) = checked {
            self.unreadable("codes and preimages", self.written.number, error);
        }
    }

    fn check_tries(&mut self, root: alloy_primitives::B256) -> Result<(), StorageError> {
        let (mut codes, mut faults) = (B256Set::default(), Faults::default());
        let mut seen = 0;
        let walked = walk_stored(
            &self.state,
            root,
            |account| {
                codes.insert(account.code_hash);
                seen += 1;
                if seen % 1_024 == 0 {
                    self.at.done += 1_024;
                    (self.each)(self.at);
                }
            },
            |fault| faults.add(Fault::Trie(fault)),
        )?;
        let is_whole = faults.count() == 0;
        self.found.faults.absorb(faults);
        let Walked { accounts, slots, branches } = walked;
        (self.found.accounts, self.found.slots, self.found.branches) = (accounts, slots, branches);
        let rows = self.state.branch_rows()?;
        if is_whole && rows != branches {
            self.found.faults.add(Fault::Rows { table: "trie", rows, expected: branches });
        }
        if matches!(self.base.kind, BaseKind::Forked { .. }) {
            // Code that nobody deployed here is the remote chain's, and asked for again if need be.
            codes.clear();
        }
        for hash in codes.into_iter().filter(|hash| *hash != KECCAK_EMPTY) {
            if !self.state.has_code(hash)? {
                self.found.faults.add(Fault::Code(hash));
            }
        }
        Ok(())
    }
}
