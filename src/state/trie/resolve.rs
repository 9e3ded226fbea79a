//! What is behind a blind node, and which blind nodes does a batch of edits need?
//!
//! Only this file reads rows while a trie is changed. It opens every path that the edits touch, and
//! each node that may move up when a branch loses its other children, so that the edits themselves
//! run without a reader, on all threads.

use super::{
    TrieError,
    edit::{Edit, PARALLEL_FROM, below, groups},
    node::{Branch, Leaf, LeafValue, Node, STORED, Scratch, first_key},
    rows::{self, pushed},
};
use crate::{primitives::StorageId, storage::StateReader};
use alloy_trie::Nibbles;
use rayon::prelude::*;
use std::sync::Arc;

/// Turns blind nodes of one trie into nodes.
pub(super) struct Opener<'a> {
    reader: &'a StateReader,
    owner: StorageId,
    scratch: Scratch,
    /// Number of nodes read so far.
    pub(super) opened: usize,
}

impl<'a> Opener<'a> {
    pub(super) fn new(reader: &'a StateReader, owner: StorageId) -> Self {
        Self { reader, owner, scratch: Scratch::default(), opened: 0 }
    }

    /// The node itself: what was loaded, or what the rows say.
    pub(super) fn resolve<V: LeafValue>(
        &mut self,
        node: &Node<V>,
        path: &Nibbles,
    ) -> Result<Node<V>, TrieError> {
        let Node::Blind { rlp, leaf } = node else { return Ok(node.clone()) };
        let mut found = match leaf {
            true => self.read_leaf(path)?,
            false => self.read_branch(path)?,
        };
        found.seal(&mut self.scratch);
        if found.rlp() != rlp {
            return Err(self.stale(path));
        }
        self.opened += 1;
        Ok(found)
    }

    /// A trie's root may be a leaf, and nothing but the rows says so.
    fn read_branch<V: LeafValue>(&self, path: &Nibbles) -> Result<Node<V>, TrieError> {
        match self.reader.branch_from(self.owner, path)? {
            Some((found, row)) if found.starts_with(path) => {
                let prefix = found.slice(path.len()..);
                let bad_row = TrieError::BadRow { owner: self.owner, path: found };
                Ok(Node::branch(Arc::new(rows::decode(prefix, &row).ok_or(bad_row)?)))
            }
            _ if path.is_empty() => self.read_leaf(path),
            _ => Err(self.stale(path)),
        }
    }

    fn read_leaf<V: LeafValue>(&self, path: &Nibbles) -> Result<Node<V>, TrieError> {
        let row = V::first_from(self.reader, self.owner, first_key(path))?;
        let (key, value) = row.ok_or_else(|| self.stale(path))?;
        let key = Nibbles::unpack_array(&key.0);
        if !key.starts_with(path) {
            return Err(self.stale(path));
        }
        Ok(Node::leaf(key.slice(path.len()..), value, STORED))
    }

    pub(super) fn stale(&self, path: &Nibbles) -> TrieError {
        TrieError::Stale { owner: self.owner, path: *path }
    }

    /// Opens what `edits` touch below `node` and tells each edit which leaf was at its key. Returns
    /// the node to go on with; `None` if everything was open already.
    pub(super) fn open<V: LeafValue>(
        &mut self,
        node: &Node<V>,
        path: Nibbles,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Node<V>>, TrieError> {
        match node {
            Node::Blind { .. } => {
                let found = self.resolve(node, &path)?;
                let opened = self.open(&found, path, edits)?;
                Ok(Some(opened.unwrap_or(found)))
            }
            Node::Leaf { leaf, .. } => {
                note(leaf, path.len(), edits);
                Ok(None)
            }
            Node::Branch { branch, .. } => {
                let copy = self.open_branch(branch, path.join(&branch.prefix), edits)?;
                let rlp = node.rlp().clone();
                Ok(copy.map(|copy| Node::Branch { rlp, branch: Arc::new(copy) }))
            }
        }
    }

    fn open_branch<V: LeafValue>(
        &mut self,
        branch: &Branch<V>,
        path: Nibbles,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Branch<V>>, TrieError> {
        let mut copy: Option<Branch<V>> = None;
        let mut may_go = 0u16;
        let edits = below(edits, &path);
        let open =
            if edits.len() < PARALLEL_FROM { 0 } else { open_children(branch, &path, edits) };
        for (nibble, group) in groups(edits, path.len()) {
            may_go |= removal(nibble, group);
            if open & (1 << nibble) == 0
                && let Some(child) = branch.child(nibble)
                && let Some(opened) = self.open(child, pushed(path, nibble), group)?
            {
                put(&mut copy, branch, nibble, opened);
            }
        }
        if let Some((nibble, child)) = last_to_stay(copy.as_ref().unwrap_or(branch), may_go) {
            let opened = self.resolve(child, &pushed(path, nibble))?;
            put(&mut copy, branch, nibble, opened);
        }
        Ok(copy)
    }
}

/// Puts a child into the copy of `branch`, which is made for the first one.
fn put<V: LeafValue>(copy: &mut Option<Branch<V>>, branch: &Branch<V>, nibble: u8, child: Node<V>) {
    let copy = copy.get_or_insert_with(|| branch.clone());
    let index = copy.index(nibble);
    copy.children[index] = child;
}

/// A bit for each child of a large batch below which nothing is blind that its edits need. The search
/// runs on all threads, other than reading rows.
fn open_children<V: LeafValue>(branch: &Branch<V>, path: &Nibbles, edits: &mut [Edit<V>]) -> u16 {
    let jobs: Vec<_> = groups(edits, path.len()).collect();
    let look = |(nibble, group): (u8, &mut [Edit<V>])| {
        let child = branch.child(nibble);
        let open = child.is_none_or(|child| is_open(child, path.len() + 1, group));
        u16::from(open) << nibble
    };
    jobs.into_par_iter().map(look).reduce(|| 0, |a, b| a | b)
}

/// Is nothing blind that the edits need below this node? If so, tells each edit which leaf was there.
fn is_open<V: LeafValue>(node: &Node<V>, depth: usize, edits: &mut [Edit<V>]) -> bool {
    match node {
        Node::Blind { .. } => false,
        Node::Leaf { leaf, .. } => {
            note(leaf, depth, edits);
            true
        }
        Node::Branch { branch, .. } => {
            let path = edits[0].key.slice(..depth).join(&branch.prefix);
            let mut may_go = 0u16;
            let open = groups(below(edits, &path), path.len()).all(|(nibble, group)| {
                may_go |= removal(nibble, group);
                let child = branch.child(nibble);
                child.is_none_or(|child| is_open(child, path.len() + 1, group))
            });
            open && last_to_stay(branch, may_go).is_none()
        }
    }
}

/// The bit of a child that may go, because an edit removes a key below it.
fn removal<V>(nibble: u8, edits: &[Edit<V>]) -> u16 {
    u16::from(edits.iter().any(|edit| edit.removes)) << nibble
}

/// The one child that stays if all of `may_go` go, where it is not open: it would move up.
fn last_to_stay<V>(branch: &Branch<V>, may_go: u16) -> Option<(u8, &Node<V>)> {
    let stays = branch.mask & !may_go;
    if branch.mask & may_go == 0 || stays.count_ones() != 1 {
        return None;
    }
    let nibble = stays.trailing_zeros() as u8;
    let child = branch.child(nibble)?;
    matches!(child, Node::Blind { .. }).then_some((nibble, child))
}

/// Tells the edit of this leaf's key, if there is one, what the leaf was.
fn note<V>(leaf: &Arc<Leaf<V>>, depth: usize, edits: &mut [Edit<V>]) {
    let same = |edit: &&mut Edit<V>| edit.key.slice(depth..) == leaf.path;
    if let Some(edit) = edits.iter_mut().find(same) {
        edit.before = Some(leaf.clone());
    }
}
