//! Which nodes may leave memory?
//!
//! Those whose rows are stored, the longest unchanged first; the top of the account trie last. A
//! node is never younger than its parent, so whole subtrees go.

use super::{
    StateTrie,
    node::{AccountLeaf, Branch, Epoch, Leaf, Node, epoch_of},
};
use alloy_primitives::U256;
use std::{collections::BTreeMap, sync::Arc};

/// Branches of the account trie above this depth (in nibbles) stay as long as they fit.
const TOP: usize = 4;

impl StateTrie {
    /// Number of nodes in memory, storage tries included. Never too low by more than nodes that
    /// were removed together with their account; exact after [`StateTrie::collapse`].
    pub const fn resident(&self) -> usize {
        self.resident
    }

    /// If more than `budget` nodes are in memory, drops nodes whose rows are stored (last changed by
    /// block `flushed` or earlier) until three quarters of the budget are left, or only nodes that
    /// no row holds yet.
    pub fn collapse(&mut self, flushed: u64, budget: usize) {
        if self.resident <= budget {
            return;
        }
        let mut census = Census { flushed: epoch_of(flushed), ..Census::default() };
        if let Some(root) = &self.root {
            census.count_accounts(root, 0);
        }
        let mut sieve = census.sieve(budget - budget / 4);
        if let Some(root) = &self.root
            && let Some(sifted) = sieve.sift_accounts(root, 0)
        {
            self.root = Some(sifted);
        }
        self.resident = sieve.kept;
    }
}

/// How many nodes there are, by what decides whether they stay.
#[derive(Debug, Default)]
struct Census {
    flushed: Epoch,
    /// Not stored yet.
    unflushed: usize,
    /// Stored, at the top of the account trie.
    top: usize,
    /// All other stored ones, by epoch.
    by_epoch: BTreeMap<Epoch, usize>,
}

impl Census {
    fn count(&mut self, epoch: Epoch, top: bool) {
        match (epoch > self.flushed, top) {
            (true, _) => self.unflushed += 1,
            (false, true) => self.top += 1,
            (false, false) => *self.by_epoch.entry(epoch).or_default() += 1,
        }
    }

    fn count_accounts(&mut self, node: &Node<AccountLeaf>, depth: usize) {
        match node {
            Node::Blind { .. } => {}
            Node::Leaf { leaf, .. } => {
                self.count(leaf.epoch, false);
                leaf.value.storage.iter().for_each(|storage| self.count_slots(storage));
            }
            Node::Branch { branch, .. } => {
                let depth = depth + branch.prefix.len();
                self.count(branch.epoch, depth < TOP);
                branch.children.iter().for_each(|child| self.count_accounts(child, depth + 1));
            }
        }
    }

    fn count_slots(&mut self, node: &Node<U256>) {
        match node {
            Node::Blind { .. } => {}
            Node::Leaf { leaf, .. } => self.count(leaf.epoch, false),
            Node::Branch { branch, .. } => {
                self.count(branch.epoch, false);
                branch.children.iter().for_each(|child| self.count_slots(child));
            }
        }
    }

    /// Decides who stays, so that `target` nodes are left if possible.
    fn sieve(&self, target: usize) -> Sieve {
        let keep_top = self.unflushed + self.top <= target;
        let mut room = target.saturating_sub(self.unflushed + self.top);
        let mut sieve = Sieve { keep_top, flushed: self.flushed, ..Sieve::default() };
        for (epoch, count) in self.by_epoch.iter().rev() {
            sieve.oldest = *epoch;
            sieve.of_oldest = room.min(*count);
            if room < *count {
                break;
            }
            room -= count;
        }
        sieve
    }
}

/// Lets those nodes through that stay.
#[derive(Debug, Default)]
struct Sieve {
    flushed: Epoch,
    keep_top: bool,
    /// The oldest epoch of which some stay.
    oldest: Epoch,
    /// How many more of that epoch stay.
    of_oldest: usize,
    /// Nodes that stayed.
    kept: usize,
}

impl Sieve {
    fn keeps(&mut self, epoch: Epoch, top: bool) -> bool {
        let mut keeps = epoch > self.flushed || epoch > self.oldest || (top && self.keep_top);
        if !keeps && epoch == self.oldest && self.of_oldest > 0 {
            self.of_oldest -= 1;
            keeps = true;
        }
        self.kept += usize::from(keeps);
        keeps
    }

    /// What replaces the node; `None` if all of it stays.
    fn sift_accounts(
        &mut self,
        node: &Node<AccountLeaf>,
        depth: usize,
    ) -> Option<Node<AccountLeaf>> {
        match node {
            Node::Blind { .. } => None,
            Node::Leaf { leaf, .. } if !self.keeps(leaf.epoch, false) => Some(blind(node)),
            Node::Leaf { rlp, leaf } => {
                let storage = self.sift_slots(leaf.value.storage.as_ref()?)?;
                let value = AccountLeaf { storage: Some(storage), ..leaf.value };
                let leaf = Leaf { path: leaf.path, value, epoch: leaf.epoch };
                Some(Node::Leaf { rlp: rlp.clone(), leaf: Arc::new(leaf) })
            }
            Node::Branch { rlp, branch } => {
                let depth = depth + branch.prefix.len();
                if !self.keeps(branch.epoch, depth < TOP) {
                    return Some(blind(node));
                }
                let sifted = sift(branch, |child| self.sift_accounts(child, depth + 1))?;
                Some(Node::Branch { rlp: rlp.clone(), branch: Arc::new(sifted) })
            }
        }
    }

    fn sift_slots(&mut self, node: &Node<U256>) -> Option<Node<U256>> {
        match node {
            Node::Blind { .. } => None,
            Node::Leaf { leaf, .. } => (!self.keeps(leaf.epoch, false)).then(|| blind(node)),
            Node::Branch { rlp, branch } => {
                if !self.keeps(branch.epoch, false) {
                    return Some(blind(node));
                }
                let sifted = sift(branch, |child| self.sift_slots(child))?;
                Some(Node::Branch { rlp: rlp.clone(), branch: Arc::new(sifted) })
            }
        }
    }
}

/// A copy of the branch with every child replaced for which there is a replacement.
fn sift<V: Clone>(
    branch: &Branch<V>,
    mut replace: impl FnMut(&Node<V>) -> Option<Node<V>>,
) -> Option<Branch<V>> {
    let mut copy: Option<Branch<V>> = None;
    for (index, child) in branch.children.iter().enumerate() {
        if let Some(replacement) = replace(child) {
            copy.get_or_insert_with(|| branch.clone()).children[index] = replacement;
        }
    }
    copy
}

fn blind<V>(node: &Node<V>) -> Node<V> {
    Node::Blind { rlp: node.rlp().clone(), leaf: node.is_leaf() }
}
