//! What is a node of the trie, and what is its RLP?
//!
//! A node lies in its parent together with its own RLP (or the hash of it), so that hashing a branch
//! reads no memory but the branch. Nodes are shared between tries through `Arc` and copied on write.

use super::TrieError;
use crate::{
    primitives::{Account, StorageId},
    storage::StateReader,
};
use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::{BufMut, EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieAccount,
    nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode},
};
use std::{hint::black_box, sync::Arc};

/// The version of a row to ask a reader for: the newest.
pub(super) const HEAD: u64 = u64::MAX;

/// When a node was last changed: block number + 1. [`STORED`] for a node that came from rows.
pub(super) type Epoch = u64;

/// The epoch of a node that was read from rows and not changed since.
pub(super) const STORED: Epoch = 0;

/// The epoch of what `block` changed.
pub(super) const fn epoch_of(block: u64) -> Epoch {
    block.saturating_add(1)
}

/// A node as its parent holds it. An empty `rlp` means: changed and not hashed yet.
#[derive(Clone, Debug)]
pub(super) enum Node<V> {
    /// Known by its RLP only; the rows of the flushed head say what it is.
    Blind { rlp: RlpNode, leaf: bool },
    /// One key.
    Leaf { rlp: RlpNode, leaf: Arc<Leaf<V>> },
    /// Two keys or more. `rlp` is that of the extension where the branch has a prefix.
    Branch { rlp: RlpNode, branch: Arc<Branch<V>> },
}

/// The end of a path.
#[derive(Clone, Debug)]
pub(super) struct Leaf<V> {
    /// What is left of the key below the parent.
    pub(super) path: Nibbles,
    pub(super) value: V,
    pub(super) epoch: Epoch,
}

/// A 16-way split, with the extension that leads to it.
#[derive(Debug)]
pub(super) struct Branch<V> {
    /// The extension; empty where the branch hangs directly under its parent.
    pub(super) prefix: Nibbles,
    /// Bit n: there is a child at nibble n.
    pub(super) mask: u16,
    /// The children in the order of their nibbles.
    pub(super) children: Vec<Node<V>>,
    /// Never older than that of any node below.
    pub(super) epoch: Epoch,
}

impl<V: Clone> Clone for Branch<V> {
    fn clone(&self) -> Self {
        warm(&self.children);
        let Self { prefix, mask, children, epoch } = self;
        Self { prefix: *prefix, mask: *mask, children: children.clone(), epoch: *epoch }
    }
}

impl<V> Drop for Branch<V> {
    fn drop(&mut self) {
        warm(&self.children);
    }
}

/// Loads the children's counters ahead of counting them up or down. Plain loads wait for memory all
/// at the same time; the locked increments that follow would wait one after the other.
fn warm<V>(children: &[Node<V>]) {
    let count = |node: &Node<V>| match node {
        Node::Blind { .. } => 0,
        Node::Leaf { leaf, .. } => Arc::strong_count(leaf),
        Node::Branch { branch, .. } => Arc::strong_count(branch),
    };
    black_box(children.iter().map(count).fold(0, usize::wrapping_add));
}

/// What a leaf can hold: an account, or the value of a slot.
pub(super) trait LeafValue: Clone + Send + Sync {
    /// Appends the RLP of the value, as a leaf wraps it.
    fn encode(&self, out: &mut Vec<u8>);

    /// Is the key as it was with this value instead?
    fn is_same(&self, other: &Self) -> bool;

    /// The first stored row of this kind with a key of at least `from`.
    fn first_from(
        reader: &StateReader,
        owner: StorageId,
        from: B256,
    ) -> Result<Option<(B256, Self)>, TrieError>;
}

/// An account, with as much of its storage trie as is loaded.
#[derive(Clone, Debug)]
pub(super) struct AccountLeaf {
    pub(super) account: Account,
    /// `None`: not loaded; `account.storage_root` says what it is.
    pub(super) storage: Option<Node<U256>>,
}

impl AccountLeaf {
    /// The root node of the account's storage trie; `None` if that trie is empty.
    pub(super) fn storage_node(&self) -> Option<Node<U256>> {
        self.storage.clone().or_else(|| Node::at(self.account.storage_root))
    }
}

impl LeafValue for AccountLeaf {
    fn encode(&self, out: &mut Vec<u8>) {
        let Account { nonce, balance, code_hash, storage_root, .. } = self.account;
        TrieAccount { nonce, balance, storage_root, code_hash }.encode(out);
    }

    fn is_same(&self, other: &Self) -> bool {
        self.account == other.account
    }

    fn first_from(
        reader: &StateReader,
        _owner: StorageId,
        from: B256,
    ) -> Result<Option<(B256, Self)>, TrieError> {
        let row = reader.account_from(from, HEAD)?;
        Ok(row.map(|(key, account)| (key, Self { account, storage: None })))
    }
}

impl LeafValue for U256 {
    fn encode(&self, out: &mut Vec<u8>) {
        Encodable::encode(self, out);
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn first_from(
        reader: &StateReader,
        owner: StorageId,
        from: B256,
    ) -> Result<Option<(B256, Self)>, TrieError> {
        Ok(reader.slot_from(owner, from, HEAD)?)
    }
}

/// Buffers that encoding reuses from node to node.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    value: Vec<u8>,
    node: Vec<u8>,
}

impl<V> Default for Node<V> {
    /// What is left in the place of a node that was taken out.
    fn default() -> Self {
        Self::Blind { rlp: RlpNode::default(), leaf: false }
    }
}

impl<V> Node<V> {
    /// The root node of the trie with this root hash; `None` for the empty trie.
    pub(super) fn at(root: B256) -> Option<Self> {
        let blind = || Self::Blind { rlp: RlpNode::word_rlp(&root), leaf: false };
        (root != EMPTY_ROOT_HASH).then(blind)
    }

    /// A leaf that is not hashed yet.
    pub(super) fn leaf(path: Nibbles, value: V, epoch: Epoch) -> Self {
        Self::Leaf { rlp: RlpNode::default(), leaf: Arc::new(Leaf { path, value, epoch }) }
    }

    /// A branch that is not hashed yet.
    pub(super) fn branch(branch: Arc<Branch<V>>) -> Self {
        Self::Branch { rlp: RlpNode::default(), branch }
    }

    /// The node's RLP if shorter than 32 bytes, its hash otherwise.
    pub(super) const fn rlp(&self) -> &RlpNode {
        match self {
            Self::Blind { rlp, .. } | Self::Leaf { rlp, .. } | Self::Branch { rlp, .. } => rlp,
        }
    }

    pub(super) const fn is_leaf(&self) -> bool {
        matches!(self, Self::Leaf { .. } | Self::Blind { leaf: true, .. })
    }

    /// The root hash of a trie that starts with this node, which must be hashed.
    pub(super) fn root_hash(&self) -> B256 {
        self.rlp().as_hash().unwrap_or_else(|| keccak256(self.rlp()))
    }
}

/// The root hash of a trie, empty or not.
pub(super) fn root_hash<V>(root: Option<&Node<V>>) -> B256 {
    root.map_or(EMPTY_ROOT_HASH, Node::root_hash)
}

impl<V: LeafValue> Node<V> {
    /// Hashes the node if it is not hashed yet. Its children must be.
    pub(super) fn seal(&mut self, scratch: &mut Scratch) {
        match self {
            Self::Leaf { rlp, leaf } if rlp.is_empty() => *rlp = leaf.reference(scratch),
            Self::Branch { rlp, branch } if rlp.is_empty() => *rlp = branch.reference(scratch),
            Self::Blind { .. } | Self::Leaf { .. } | Self::Branch { .. } => {}
        }
    }
}

impl<V: LeafValue> Leaf<V> {
    /// The leaf's full RLP.
    pub(super) fn encode<'a>(&self, scratch: &'a mut Scratch) -> &'a [u8] {
        scratch.value.clear();
        self.value.encode(&mut scratch.value);
        scratch.node.clear();
        LeafNodeRef::new(&self.path, &scratch.value).encode(&mut scratch.node);
        &scratch.node
    }

    fn reference(&self, scratch: &mut Scratch) -> RlpNode {
        RlpNode::from_rlp(self.encode(scratch))
    }
}

impl<V> Branch<V> {
    /// Where in `children` the child at `nibble` is, or would be.
    pub(super) const fn index(&self, nibble: u8) -> usize {
        (self.mask & ((1 << nibble) - 1)).count_ones() as usize
    }

    pub(super) const fn has(&self, nibble: u8) -> bool {
        self.mask & (1 << nibble) != 0
    }

    pub(super) fn child(&self, nibble: u8) -> Option<&Node<V>> {
        self.has(nibble).then(|| &self.children[self.index(nibble)])
    }

    /// The children with their nibbles.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &Node<V>)> {
        (0..16).filter(|nibble| self.has(*nibble)).zip(&self.children)
    }

    /// The full RLP of the branch itself, without its extension.
    pub(super) fn encode<'a>(&self, scratch: &'a mut Scratch) -> &'a [u8] {
        let present: usize = self.children.iter().map(|child| child.rlp().len()).sum();
        let payload_length = present + 16 - self.children.len() + 1;
        let out = &mut scratch.node;
        out.clear();
        Header { list: true, payload_length }.encode(out);
        let mut children = self.children.iter();
        for nibble in 0..16 {
            match self.has(nibble).then(|| children.next()).flatten() {
                Some(child) => out.put_slice(child.rlp()),
                None => out.put_u8(EMPTY_STRING_CODE),
            }
        }
        out.put_u8(EMPTY_STRING_CODE);
        out
    }

    /// The full RLP of the extension, given the branch's own reference.
    pub(super) fn encode_extension<'a>(
        &self,
        branch: &RlpNode,
        scratch: &'a mut Scratch,
    ) -> &'a [u8] {
        scratch.node.clear();
        ExtensionNodeRef::new(&self.prefix, branch).encode(&mut scratch.node);
        &scratch.node
    }

    fn reference(&self, scratch: &mut Scratch) -> RlpNode {
        let branch = RlpNode::from_rlp(self.encode(scratch));
        if self.prefix.is_empty() {
            return branch;
        }
        RlpNode::from_rlp(self.encode_extension(&branch, scratch))
    }
}

/// The first key below `path`: the path, filled up with zeros.
pub(super) fn first_key(path: &Nibbles) -> B256 {
    let mut key = B256::ZERO;
    path.pack_to(&mut key[..path.len().div_ceil(2)]);
    key
}
