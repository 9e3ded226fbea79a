//! Do the stored branches, accounts and slots give the root of the head, each where it belongs?

use super::{
    TrieError,
    node::{AccountLeaf, LeafValue, Node},
    resolve::Opener,
    rows::{ACCOUNTS, pushed},
};
use crate::{
    primitives::{Account, StorageId},
    storage::{StateReader, StorageError},
};
use alloy_primitives::{B256, U256};
use alloy_trie::Nibbles;
use std::cell::RefCell;

/// What a walk through the stored tries found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Accounts that the root covers.
    pub accounts: u64,
    /// Slots that it covers.
    pub slots: u64,
    /// Branches.
    pub branches: u64,
}

/// Walks every node below the root of the head, compares each with the reference that its parent has
/// of it, and hands out the accounts. A node that is not what it should be goes to `wrong`, and the
/// walk goes on beside it.
pub fn walk_stored(
    reader: &StateReader,
    root: B256,
    mut account: impl FnMut(&Account),
    mut wrong: impl FnMut(TrieError),
) -> Result<Walked, StorageError> {
    let wrong = RefCell::new(&mut wrong as &mut dyn FnMut(TrieError));
    let walk = |owner| Walk { reader, owner, branches: 0, wrong: &wrong };
    let mut walked = Walked::default();
    let mut accounts = walk(ACCOUNTS);
    let mut leaf = |leaf: &AccountLeaf| {
        walked.accounts += 1;
        account(&leaf.account);
        let Some(storage) = Node::at(leaf.account.storage_root) else { return Ok(()) };
        let mut slots = walk(leaf.account.storage_id);
        let mut count = |_: &U256| {
            walked.slots += 1;
            Ok(())
        };
        slots.node(&storage, Nibbles::new(), &mut count)?;
        walked.branches += slots.branches;
        Ok(())
    };
    if let Some(node) = Node::at(root) {
        accounts.node(&node, Nibbles::new(), &mut leaf)?;
    }
    walked.branches += accounts.branches;
    Ok(walked)
}

struct Walk<'a> {
    reader: &'a StateReader,
    owner: StorageId,
    branches: u64,
    wrong: &'a RefCell<&'a mut dyn FnMut(TrieError)>,
}

impl Walk<'_> {
    fn node<V: LeafValue>(
        &mut self,
        node: &Node<V>,
        path: Nibbles,
        leaf: &mut dyn FnMut(&V) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        match Opener::new(self.reader, self.owner).resolve(node, &path) {
            Err(TrieError::Storage(error)) => Err(error),
            Err(error) => {
                (self.wrong.borrow_mut())(error);
                Ok(())
            }
            Ok(Node::Leaf { leaf: found, .. }) => leaf(&found.value),
            Ok(Node::Branch { branch, .. }) => {
                self.branches += 1;
                let path = path.join(&branch.prefix);
                branch
                    .iter()
                    .try_for_each(|(nibble, child)| self.node(child, pushed(path, nibble), leaf))
            }
            Ok(Node::Blind { .. }) => Ok(()),
        }
    }
}
