//! How do inserts, updates and deletes change the nodes?
//!
//! One walk for the whole batch: it splits the sorted edits by nibble, goes down where there are
//! some, and hashes every changed node once on the way up. Everything it meets must be open
//! ([`Opener::open`](super::resolve::Opener::open)).

use super::{
    TrieError,
    node::{Branch, Epoch, Leaf, LeafValue, Node, Scratch},
    rows::pushed,
};
use crate::primitives::StorageId;
use alloy_primitives::B256;
use alloy_trie::{Nibbles, nodes::RlpNode};
use rayon::prelude::*;
use smallvec::SmallVec;
use std::{mem, sync::Arc};

/// A batch of this many edits is worth several threads.
pub(super) const PARALLEL_FROM: usize = 256;

/// What becomes of one key.
#[derive(Clone, Debug)]
pub(super) struct Edit<V> {
    /// All 64 nibbles.
    pub(super) key: Nibbles,
    /// Is the key going to be removed? Known before `after` is.
    pub(super) removes: bool,
    /// The leaf that was there; filled in while the trie is opened.
    pub(super) before: Option<Arc<Leaf<V>>>,
    /// The new value; `None` removes the key.
    pub(super) after: Option<V>,
}

impl<V> Edit<V> {
    /// An edit of a hashed key whose new value is known.
    pub(super) fn new(key: B256, after: Option<V>) -> Self {
        let key = Nibbles::unpack_array(&key.0);
        Self { key, removes: after.is_none(), before: None, after }
    }

    fn take(&mut self) -> Self {
        let Self { key, removes, .. } = *self;
        Self { key, removes, before: self.before.take(), after: self.after.take() }
    }
}

/// Leaves out the edits after which their key is as it was; the trie must have been opened for them.
pub(super) fn drop_unchanged<V: LeafValue>(edits: &mut Vec<Edit<V>>) {
    edits.retain(|edit| match (&edit.before, &edit.after) {
        (Some(before), Some(after)) => !before.value.is_same(after),
        (before, after) => before.is_some() || after.is_some(),
    });
}

/// The edits of keys that start with `path`.
pub(super) fn below<'e, V>(edits: &'e mut [Edit<V>], path: &Nibbles) -> &'e mut [Edit<V>] {
    if let (Some(first), Some(last)) = (edits.first(), edits.last())
        && first.key.starts_with(path)
        && last.key.starts_with(path)
    {
        return edits;
    }
    let start = edits.partition_point(|edit| edit.key < *path);
    let edits = &mut edits[start..];
    let end = edits.partition_point(|edit| edit.key.starts_with(path));
    &mut edits[..end]
}

/// The edits grouped by their nibble at `depth`. They must agree on everything before it.
pub(super) fn groups<V>(
    edits: &mut [Edit<V>],
    depth: usize,
) -> impl Iterator<Item = (u8, &mut [Edit<V>])> {
    let nibble = move |edit: &Edit<V>| edit.key.get_unchecked(depth);
    let groups = edits.chunk_by_mut(move |a, b| nibble(a) == nibble(b));
    groups.map(move |group| (nibble(&group[0]), group))
}

/// Changes one trie, and counts what it did.
#[derive(Debug)]
pub(super) struct Editor {
    owner: StorageId,
    epoch: Epoch,
    scratch: Scratch,
    /// Paths at which there is no branch any more.
    pub(super) removed: Vec<Nibbles>,
    /// Nodes made less nodes dropped.
    pub(super) grown: isize,
}

impl Editor {
    pub(super) fn new(owner: StorageId, epoch: Epoch) -> Self {
        Self { owner, epoch, scratch: Scratch::default(), removed: Vec::new(), grown: 0 }
    }

    /// Applies sorted edits to a trie and hashes what changed. An edit that changes nothing costs a
    /// rehash of its path: see [`drop_unchanged`].
    pub(super) fn apply<V: LeafValue>(
        &mut self,
        root: Option<Node<V>>,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Node<V>>, TrieError> {
        if edits.is_empty() {
            return Ok(root);
        }
        let mut root = self.update(root, 0, edits)?;
        if let Some(root) = &mut root {
            root.seal(&mut self.scratch);
        }
        Ok(root)
    }

    /// The node that replaces `node`, itself not hashed yet: it may still move up.
    fn update<V: LeafValue>(
        &mut self,
        node: Option<Node<V>>,
        depth: usize,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Node<V>>, TrieError> {
        match node {
            None => self.build(depth, edits),
            Some(Node::Leaf { leaf, .. }) => self.update_leaf(leaf, depth, edits),
            Some(Node::Branch { branch, .. }) => self.update_branch(branch, depth, edits),
            Some(Node::Blind { .. }) => Err(self.stale(edits[0].key.slice(..depth))),
        }
    }

    fn stale(&self, path: Nibbles) -> TrieError {
        TrieError::Stale { owner: self.owner, path }
    }

    /// A new subtree of what the edits insert.
    fn build<V: LeafValue>(
        &mut self,
        depth: usize,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Node<V>>, TrieError> {
        let inserts = |edit: &Edit<V>| edit.after.is_some();
        let Some(first) = edits.iter().position(inserts) else { return Ok(None) };
        let last = edits.iter().rposition(inserts).unwrap_or(first);
        let edits = &mut edits[first..=last];
        self.grown += 1;
        if let [edit] = edits {
            let path = edit.key.slice(depth..);
            return Ok(edit.after.take().map(|value| Node::leaf(path, value, self.epoch)));
        }
        let shared = edits[0].key.common_prefix_length(&edits[last - first].key);
        let prefix = edits[0].key.slice(depth..shared);
        let branch = Branch { prefix, mask: 0, children: Vec::new(), epoch: self.epoch };
        let jobs = groups(edits, shared).map(|(nibble, group)| Job { nibble, child: None, group });
        self.finish(branch, shared, jobs.collect())
    }

    fn update_leaf<V: LeafValue>(
        &mut self,
        leaf: Arc<Leaf<V>>,
        depth: usize,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Node<V>>, TrieError> {
        self.grown -= 1;
        let key = edits[0].key.slice(..depth).join(&leaf.path);
        let at = edits.partition_point(|edit| edit.key < key);
        if edits.get(at).is_some_and(|edit| edit.key == key) {
            return self.build(depth, edits);
        }
        let value = Arc::unwrap_or_clone(leaf).value;
        let mut all: Vec<_> = edits.iter_mut().map(Edit::take).collect();
        all.insert(at, Edit { key, removes: false, before: None, after: Some(value) });
        self.build(depth, &mut all)
    }

    fn update_branch<V: LeafValue>(
        &mut self,
        mut branch: Arc<Branch<V>>,
        depth: usize,
        edits: &mut [Edit<V>],
    ) -> Result<Option<Node<V>>, TrieError> {
        let mut edits = edits;
        if !branch.prefix.is_empty() {
            let path = edits[0].key.slice(..depth).join(&branch.prefix);
            if let Some(at) = split_at(&path, edits) {
                branch = self.split(branch, at - depth);
            }
            edits = below(edits, &path.slice(..depth + branch.prefix.len()));
        }
        let mut branch = Arc::unwrap_or_clone(branch);
        let depth = depth + branch.prefix.len();
        let jobs = groups(edits, depth).map(|(nibble, group)| {
            let index = branch.index(nibble);
            let child = branch.has(nibble).then(|| mem::take(&mut branch.children[index]));
            Job { nibble, child, group }
        });
        let jobs = jobs.collect();
        self.finish(branch, depth, jobs)
    }

    /// A branch in the middle of `branch`'s extension, with `branch` as its only child until the
    /// edits below it have run.
    fn split<V: LeafValue>(&mut self, mut branch: Arc<Branch<V>>, at: usize) -> Arc<Branch<V>> {
        let lower = Arc::make_mut(&mut branch);
        let prefix = mem::take(&mut lower.prefix);
        lower.prefix = prefix.slice(at + 1..);
        self.grown += 1;
        Arc::new(Branch {
            prefix: prefix.slice(..at),
            mask: 1 << prefix.get_unchecked(at),
            children: vec![Node::branch(branch)],
            epoch: self.epoch,
        })
    }

    /// Runs the jobs of a branch, puts their results in, and tells what is left of the branch.
    fn finish<V: LeafValue>(
        &mut self,
        mut branch: Branch<V>,
        depth: usize,
        mut jobs: Jobs<'_, V>,
    ) -> Result<Option<Node<V>>, TrieError> {
        let key = jobs.first().map(|job| job.group[0].key).unwrap_or_default();
        self.run(&mut jobs, depth + 1)?;
        branch.children.reserve_exact(jobs.iter().filter(|job| !branch.has(job.nibble)).count());
        for job in jobs {
            place(&mut branch, job.nibble, job.child);
        }
        branch.epoch = self.epoch;
        if branch.children.len() >= 2 {
            branch.children.iter_mut().for_each(|child| child.seal(&mut self.scratch));
            return Ok(Some(Node::branch(Arc::new(branch))));
        }
        self.grown -= 1;
        let path = key.slice(..depth);
        self.removed.push(path);
        let Some(child) = branch.children.pop() else { return Ok(None) };
        let way = pushed(branch.prefix, branch.mask.trailing_zeros() as u8);
        let stale = || self.stale(path);
        move_up(child, &way, self.epoch).map(Some).ok_or_else(stale)
    }

    /// Runs each job on the child it has; on several threads if there is much to do.
    fn run<V: LeafValue>(&mut self, jobs: &mut Jobs<'_, V>, depth: usize) -> Result<(), TrieError> {
        let edits: usize = jobs.iter().map(|job| job.group.len()).sum();
        if edits < PARALLEL_FROM || jobs.len() < 2 {
            for job in jobs {
                job.child = self.update(job.child.take(), depth, job.group)?;
            }
            return Ok(());
        }
        let helpers = jobs.par_iter_mut().map(|job| {
            let mut helper = Self::new(self.owner, self.epoch);
            job.child = helper.update(job.child.take(), depth, job.group)?;
            if let Some(child) = &mut job.child {
                child.seal(&mut helper.scratch);
            }
            Ok((helper.removed, helper.grown))
        });
        for (removed, grown) in helpers.collect::<Result<Vec<_>, TrieError>>()? {
            self.removed.extend(removed);
            self.grown += grown;
        }
        Ok(())
    }
}

/// What has to be done below one nibble of a branch.
struct Job<'e, V> {
    nibble: u8,
    child: Option<Node<V>>,
    group: &'e mut [Edit<V>],
}

type Jobs<'e, V> = SmallVec<[Job<'e, V>; 2]>;

/// Puts what became of the child at `nibble` into the branch.
fn place<V>(branch: &mut Branch<V>, nibble: u8, child: Option<Node<V>>) {
    let index = branch.index(nibble);
    match (child, branch.has(nibble)) {
        (Some(child), true) => branch.children[index] = child,
        (Some(child), false) => {
            branch.children.insert(index, child);
            branch.mask |= 1 << nibble;
        }
        (None, true) => {
            branch.children.remove(index);
            branch.mask &= !(1 << nibble);
        }
        (None, false) => {}
    }
}

/// Where in `path`, which ends at a branch, the first of the edits leaves it to insert a key.
fn split_at<V>(path: &Nibbles, edits: &[Edit<V>]) -> Option<usize> {
    let inserts = |edit: &&Edit<V>| edit.after.is_some();
    let first = edits.iter().find(inserts)?;
    let last = edits.iter().rfind(inserts)?;
    let shared = |edit: &Edit<V>| edit.key.common_prefix_length(path);
    let at = shared(first).min(shared(last));
    (at < path.len()).then_some(at)
}

/// A node in the place of its parent, with `way` before its own path; `None` if nobody knows what it
/// is. It counts as changed: until the rows of this block are stored, a reader finds its parent here.
fn move_up<V: LeafValue>(mut node: Node<V>, way: &Nibbles, epoch: Epoch) -> Option<Node<V>> {
    match &mut node {
        Node::Blind { .. } => return None,
        Node::Leaf { rlp, leaf } => {
            let leaf = Arc::make_mut(leaf);
            leaf.path = way.join(&leaf.path);
            leaf.epoch = epoch;
            *rlp = RlpNode::default();
        }
        Node::Branch { rlp, branch } => {
            let branch = Arc::make_mut(branch);
            branch.prefix = way.join(&branch.prefix);
            branch.epoch = epoch;
            *rlp = RlpNode::default();
        }
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::trie::{node::root_hash, rows, tests::crowded_key};
    use alloy_primitives::U256;
    use alloy_trie::HashBuilder;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use std::collections::BTreeMap;

    type Model = BTreeMap<B256, U256>;

    fn model_root(model: &Model) -> B256 {
        let mut builder = HashBuilder::default();
        for (key, value) in model {
            let value = alloy_rlp::encode_fixed_size(value);
            builder.add_leaf(Nibbles::unpack_array(&key.0), &value);
        }
        builder.root()
    }

    fn apply(
        root: Option<Node<U256>>,
        changes: &Model,
        block: u64,
    ) -> (Option<Node<U256>>, Editor) {
        let edit = |(key, value): (&B256, &U256)| {
            Edit::new(*key, Some(*value).filter(|value| !value.is_zero()))
        };
        let mut edits: Vec<_> = changes.iter().map(edit).collect();
        let mut editor = Editor::new(7, block);
        let root = editor.apply(root, &mut edits).unwrap();
        (root, editor)
    }

    fn each_branch(
        node: &Node<U256>,
        path: Nibbles,
        each: &mut impl FnMut(&Branch<U256>, Nibbles),
    ) {
        if let Node::Branch { branch, .. } = node {
            let path = path.join(&branch.prefix);
            each(branch, path);
            for (nibble, child) in branch.iter() {
                each_branch(child, pushed(path, nibble), each);
            }
        }
    }

    fn paths(root: Option<&Node<U256>>) -> Vec<Nibbles> {
        let mut paths = Vec::new();
        root.iter().for_each(|root| {
            each_branch(root, Nibbles::new(), &mut |branch, path| {
                assert!(branch.children.len() >= 2);
                assert_eq!(branch.mask.count_ones() as usize, branch.children.len());
                paths.push(path);
            });
        });
        paths
    }

    fn count(node: &Node<U256>) -> isize {
        match node {
            Node::Branch { branch, .. } => 1 + branch.children.iter().map(count).sum::<isize>(),
            Node::Leaf { .. } | Node::Blind { .. } => 1,
        }
    }

    #[test]
    fn crowded_keys_give_the_roots_of_a_full_build() {
        let mut rng = StdRng::seed_from_u64(1);
        for round in 0..40 {
            let (mut model, mut root, mut nodes) = (Model::new(), None, 0);
            for block in 0..40 {
                let change = |rng: &mut StdRng| {
                    let value = if rng.random_bool(0.45) { 0 } else { rng.random_range(1..300) };
                    (crowded_key(rng), U256::from(value))
                };
                let size = rng.random_range(1..20);
                let changes: Model = (0..size).map(|_| change(&mut rng)).collect();
                let before = paths(root.as_ref());
                let editor;
                (root, editor) = apply(root, &changes, block);
                model.extend(&changes);
                model.retain(|_, value| !value.is_zero());
                assert_eq!(root_hash(root.as_ref()), model_root(&model), "{round}, {block}");
                nodes += editor.grown;
                assert_eq!(nodes, root.as_ref().map_or(0, count));
                let after = paths(root.as_ref());
                for gone in before.iter().filter(|path| !after.contains(path)) {
                    assert!(editor.removed.contains(gone), "{gone:?}");
                }
                assert!(!editor.removed.iter().any(|path| after.contains(path)));
            }
        }
    }

    #[test]
    fn a_branch_with_nodes_inside_it_survives_its_stored_form() {
        let mut rng = StdRng::seed_from_u64(2);
        let changes = (0..400).map(|_| (crowded_key(&mut rng), U256::from(5))).collect();
        let (root, _) = apply(None, &changes, 1);
        let (mut inline, mut scratch) = (0, Scratch::default());
        each_branch(&root.unwrap(), Nibbles::new(), &mut |branch, _| {
            inline += branch.children.iter().filter(|child| !child.rlp().is_hash()).count();
            let row = rows::encode(branch);
            let read = rows::decode::<U256>(branch.prefix, &row).unwrap();
            assert_eq!(read.encode(&mut scratch).to_vec(), branch.encode(&mut scratch).to_vec());
            let leaves =
                |branch: &Branch<U256>| branch.children.iter().map(Node::is_leaf).collect();
            let (left, right): (Vec<bool>, Vec<bool>) = (leaves(&read), leaves(branch));
            assert_eq!(left, right);
            for end in 0..row.len() {
                assert!(rows::decode::<U256>(branch.prefix, &row[..end]).is_none());
            }
        });
        assert!(inline > 20, "only {inline} nodes lay inside their parent");
    }

    #[test]
    fn many_edits_on_several_threads_give_the_same_root() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut model: Model =
            (0..3000).map(|_| (B256::from(rng.random::<[u8; 32]>()), U256::ONE)).collect();
        let (root, _) = apply(None, &model, 1);
        assert_eq!(root_hash(root.as_ref()), model_root(&model));
        let kept = |rng: &mut StdRng| if rng.random_bool(0.8) { U256::ZERO } else { U256::from(2) };
        let changes: Model = model.keys().map(|key| (*key, kept(&mut rng))).collect();
        let (changed, _) = apply(root.clone(), &changes, 2);
        assert_eq!(root_hash(root.as_ref()), model_root(&model));
        model.extend(&changes);
        model.retain(|_, value| !value.is_zero());
        assert_eq!(root_hash(changed.as_ref()), model_root(&model));
    }
}
