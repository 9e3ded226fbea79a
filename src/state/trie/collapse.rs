//! Which nodes may leave memory?
//!
//! Those whose rows are stored, the longest unchanged first; the top of the account trie last. A
//! node is never younger than its parent, so whole subtrees go. Leaves count as older than they are:
//! a slot that is inserted next to one needs the branch, seldom the leaf itself.

use super::{
    StateTrie,
    node::{AccountLeaf, Branch, Epoch, Leaf, Node, epoch_of},
};
use alloy_primitives::U256;
use std::sync::Arc;

/// Branches of the account trie above this depth (in nibbles) stay as long as they fit.
const TOP: usize = 4;
/// A leaf with nothing below it counts as this many times as old as it is.
const LEAF_AGE: u64 = 8;
/// Ages, in blocks, that are told apart; whatever is older goes first.
const AGES: usize = 4096;

/// What decides whether a node stays.
#[derive(Clone, Copy, Debug)]
enum Rank {
    /// Not stored yet: must stay.
    Unflushed,
    /// Stored, at the top of the account trie.
    Top,
    /// Any other stored node, by the number of blocks since it was changed.
    Age(usize),
}

fn rank(epoch: Epoch, flushed: Epoch, weight: u64) -> Rank {
    match flushed.checked_sub(epoch) {
        None => Rank::Unflushed,
        Some(age) => {
            let age = usize::try_from(age.saturating_mul(weight)).unwrap_or(usize::MAX);
            Rank::Age(age.min(AGES - 1))
        }
    }
}

fn rank_of_branch<V>(branch: &Branch<V>, flushed: Epoch, is_top: bool) -> Rank {
    match rank(branch.epoch, flushed, 1) {
        Rank::Age(_) if is_top => Rank::Top,
        rank => rank,
    }
}

fn rank_of_slot(leaf: &Leaf<U256>, flushed: Epoch) -> Rank {
    rank(leaf.epoch, flushed, LEAF_AGE)
}

fn rank_of_account(leaf: &Leaf<AccountLeaf>, flushed: Epoch) -> Rank {
    let weight = if leaf.value.storage.is_some() { 1 } else { LEAF_AGE };
    rank(leaf.epoch, flushed, weight)
}

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
        let mut census = Census::new(epoch_of(flushed));
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
#[derive(Debug)]
struct Census {
    flushed: Epoch,
    unflushed: usize,
    top: usize,
    by_age: Vec<usize>,
}

impl Census {
    fn new(flushed: Epoch) -> Self {
        Self { flushed, unflushed: 0, top: 0, by_age: vec![0; AGES] }
    }

    fn count(&mut self, rank: Rank) {
        match rank {
            Rank::Unflushed => self.unflushed += 1,
            Rank::Top => self.top += 1,
            Rank::Age(age) => self.by_age[age] += 1,
        }
    }

    fn count_accounts(&mut self, node: &Node<AccountLeaf>, depth: usize) {
        match node {
            Node::Blind { .. } => {}
            Node::Leaf { leaf, .. } => {
                self.count(rank_of_account(leaf, self.flushed));
                leaf.value.storage.iter().for_each(|storage| self.count_slots(storage));
            }
            Node::Branch { branch, .. } => {
                let depth = depth + branch.prefix.len();
                self.count(rank_of_branch(branch, self.flushed, depth < TOP));
                branch.children.iter().for_each(|child| self.count_accounts(child, depth + 1));
            }
        }
    }

    fn count_slots(&mut self, node: &Node<U256>) {
        match node {
            Node::Blind { .. } => {}
            Node::Leaf { leaf, .. } => self.count(rank_of_slot(leaf, self.flushed)),
            Node::Branch { branch, .. } => {
                self.count(rank_of_branch(branch, self.flushed, false));
                branch.children.iter().for_each(|child| self.count_slots(child));
            }
        }
    }

    /// Decides who stays, so that `target` nodes are left if possible.
    fn sieve(&self, target: usize) -> Sieve {
        let keep_top = self.unflushed + self.top <= target;
        let mut room = target.saturating_sub(self.unflushed + self.top);
        let mut sieve = Sieve { flushed: self.flushed, keep_top, ..Sieve::default() };
        for (age, count) in self.by_age.iter().enumerate() {
            sieve.oldest = age;
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
    /// The greatest age of which some stay.
    oldest: usize,
    /// How many more of that age stay.
    of_oldest: usize,
    /// Nodes that stayed.
    kept: usize,
}

impl Sieve {
    fn keeps(&mut self, rank: Rank) -> bool {
        let keeps = match rank {
            Rank::Unflushed => true,
            Rank::Top if self.keep_top => true,
            Rank::Top => false,
            Rank::Age(age) if age == self.oldest && self.of_oldest > 0 => {
                self.of_oldest -= 1;
                true
            }
            Rank::Age(age) => age < self.oldest,
        };
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
            Node::Leaf { leaf, .. } if !self.keeps(rank_of_account(leaf, self.flushed)) => {
                Some(blind(node))
            }
            Node::Leaf { rlp, leaf } => {
                let storage = self.sift_slots(leaf.value.storage.as_ref()?)?;
                let value = AccountLeaf { storage: Some(storage), ..leaf.value };
                let leaf = Leaf { path: leaf.path, value, epoch: leaf.epoch };
                Some(Node::Leaf { rlp: rlp.clone(), leaf: Arc::new(leaf) })
            }
            Node::Branch { rlp, branch } => {
                let depth = depth + branch.prefix.len();
                if !self.keeps(rank_of_branch(branch, self.flushed, depth < TOP)) {
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
            Node::Leaf { leaf, .. } => {
                (!self.keeps(rank_of_slot(leaf, self.flushed))).then(|| blind(node))
            }
            Node::Branch { rlp, branch } => {
                if !self.keeps(rank_of_branch(branch, self.flushed, false)) {
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
