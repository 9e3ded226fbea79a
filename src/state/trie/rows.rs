//! How is a branch stored, and which branches must be stored again?
//!
//! A row is the child mask and the leaf mask (2 bytes each, big-endian), then the reference of each
//! child behind one byte of length. Leaves are rows of `accounts` and `storage` already, and an
//! extension follows from the path under which its branch is found.

use super::{
    StateTrie,
    node::{AccountLeaf, Branch, Epoch, Node, STORED, epoch_of},
};
use crate::{primitives::StorageId, storage::TrieRow};
use alloy_primitives::U256;
use alloy_trie::{Nibbles, nodes::RlpNode};

/// The account trie's owner id.
pub(super) const ACCOUNTS: StorageId = 0;

/// Longest reference: a hash behind its one byte of RLP header.
const MAX_REFERENCE: usize = 33;

/// The stored form of a branch whose children are hashed.
pub(super) fn encode<V>(branch: &Branch<V>) -> Vec<u8> {
    let leaves = branch.iter().filter(|(_, child)| child.is_leaf());
    let leaf_mask = leaves.fold(0u16, |mask, (nibble, _)| mask | 1 << nibble);
    let mut row = Vec::with_capacity(4 + branch.children.len() * (1 + MAX_REFERENCE));
    row.extend_from_slice(&branch.mask.to_be_bytes());
    row.extend_from_slice(&leaf_mask.to_be_bytes());
    for child in &branch.children {
        row.push(child.rlp().len() as u8);
        row.extend_from_slice(child.rlp());
    }
    row
}

/// Reads a stored branch; `None` if the bytes are not one.
pub(super) fn decode<V>(prefix: Nibbles, row: &[u8]) -> Option<Branch<V>> {
    let (mask, rest) = row.split_first_chunk()?;
    let (leaf_mask, mut rest) = rest.split_first_chunk()?;
    let (mask, leaf_mask) = (u16::from_be_bytes(*mask), u16::from_be_bytes(*leaf_mask));
    let mut children = Vec::with_capacity(mask.count_ones() as usize);
    for nibble in (0..16).filter(|nibble| mask & (1 << nibble) != 0) {
        let (length, tail) = rest.split_first()?;
        let (reference, tail) = tail.split_at_checked(usize::from(*length))?;
        let leaf = leaf_mask & (1 << nibble) != 0;
        children.push(Node::Blind { rlp: RlpNode::from_raw(reference)?, leaf });
        rest = tail;
    }
    let whole = rest.is_empty() && children.len() >= 2 && leaf_mask & !mask == 0;
    whole.then_some(Branch { prefix, mask, children, epoch: STORED })
}

impl StateTrie {
    /// Every branch that a block above `flushed` changed, in key order; with `None`, every branch
    /// that was ever changed since the trie was opened. To be put after [`Removals`] are deleted.
    ///
    /// [`Removals`]: super::Removals
    pub fn rows_since(&self, flushed: Option<u64>) -> Vec<TrieRow> {
        let newer_than = flushed.map_or(STORED, epoch_of);
        let mut rows = Vec::new();
        if let Some(root) = &self.root {
            collect_accounts(root, Nibbles::new(), newer_than, &mut rows);
        }
        rows.sort_unstable_by(|a, b| (a.owner, &a.path).cmp(&(b.owner, &b.path)));
        rows
    }
}

fn collect_accounts(
    node: &Node<AccountLeaf>,
    path: Nibbles,
    newer_than: Epoch,
    rows: &mut Vec<TrieRow>,
) {
    match node {
        Node::Branch { branch, .. } if branch.epoch > newer_than => {
            let path = path.join(&branch.prefix);
            rows.push(TrieRow { owner: ACCOUNTS, path, value: encode(branch) });
            for (nibble, child) in branch.iter() {
                collect_accounts(child, pushed(path, nibble), newer_than, rows);
            }
        }
        Node::Leaf { leaf, .. } if leaf.epoch > newer_than => {
            if let Some(storage) = &leaf.value.storage {
                let owner = leaf.value.account.storage_id;
                collect_slots(storage, owner, Nibbles::new(), newer_than, rows);
            }
        }
        Node::Blind { .. } | Node::Leaf { .. } | Node::Branch { .. } => {}
    }
}

fn collect_slots(
    node: &Node<U256>,
    owner: StorageId,
    path: Nibbles,
    newer_than: Epoch,
    rows: &mut Vec<TrieRow>,
) {
    if let Node::Branch { branch, .. } = node
        && branch.epoch > newer_than
    {
        let path = path.join(&branch.prefix);
        rows.push(TrieRow { owner, path, value: encode(branch) });
        for (nibble, child) in branch.iter() {
            collect_slots(child, owner, pushed(path, nibble), newer_than, rows);
        }
    }
}

/// `path` with one more nibble.
pub(super) const fn pushed(mut path: Nibbles, nibble: u8) -> Nibbles {
    path.push_unchecked(nibble);
    path
}
