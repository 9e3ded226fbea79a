//! How do a block's changes reach the tries, and what storage roots and ids do they give?

use super::{
    StateTrie, TrieError,
    edit::{Edit, Editor, PARALLEL_FROM, drop_unchanged},
    node::{AccountLeaf, Epoch, LeafValue, Node, epoch_of, root_hash},
    resolve::Opener,
    rows::ACCOUNTS,
};
use crate::{
    primitives::{Account, AccountChange, StateChanges, StorageId},
    storage::StateReader,
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_primitives::{Address, B256, U256, keccak256, map::U256Map};
use alloy_trie::Nibbles;
use rayon::prelude::*;

/// Hands out storage ids, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageIds {
    next: StorageId,
}

impl StorageIds {
    /// Starts at `next`; 0 is no id, so the first is 1.
    pub const fn new(next: StorageId) -> Self {
        Self { next: if next == 0 { 1 } else { next } }
    }

    /// The next id that no contract has.
    pub const fn next(&self) -> StorageId {
        self.next
    }

    const fn take(&mut self) -> StorageId {
        let id = self.next;
        self.next += 1;
        id
    }
}

/// Stored branches that a block made void. Delete them before newer rows are put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removals {
    /// There is no branch at these paths any more.
    pub branches: Vec<(StorageId, Nibbles)>,
    /// These storage tries are gone as a whole.
    pub owners: Vec<StorageId>,
}

impl Removals {
    /// Adds what a later block made void.
    pub fn extend(&mut self, later: Self) {
        self.branches.extend(later.branches);
        self.owners.extend(later.owners);
    }
}

impl StateTrie {
    /// Applies a block's changes. Fills in `storage_root` and `storage_id` of each account in
    /// `changes`, whatever they said before: the trie knows the account as it was.
    ///
    /// # Errors
    /// Whatever reading blind nodes gives. The trie and `ids` are then as before, and the same call
    /// may be repeated with another reader.
    pub fn apply(
        &mut self,
        changes: &mut StateChanges,
        block: u64,
        reader: &StateReader,
        ids: &mut StorageIds,
    ) -> Result<Removals, TrieError> {
        let mut batch = Batch::new(changes, block);
        let mut next_ids = *ids;
        let root = batch.open(self.root.clone(), reader)?;
        let mut storage = batch.settle(changes, reader, &mut next_ids)?;
        run(&mut storage)?;
        batch.take(changes, storage);
        let root = batch.write(root)?;
        self.root = root;
        self.resident = self.resident.saturating_add_signed(batch.grown);
        *ids = next_ids;
        Ok(batch.removals)
    }
}

/// One block's edits of the account trie, in the order of hashed addresses.
struct Batch {
    epoch: Epoch,
    addresses: Vec<Address>,
    edits: Vec<Edit<AccountLeaf>>,
    removals: Removals,
    /// Nodes that came into memory less nodes that went.
    grown: isize,
}

impl Batch {
    fn new(changes: &StateChanges, block: u64) -> Self {
        let keys = sorted_by_hash(changes.accounts.keys().copied().collect(), |address| {
            keccak256(address)
        });
        let edit = |(hash, address): &(B256, Address)| Edit {
            removes: changes.accounts[address].account.is_none(),
            ..Edit::new(*hash, None)
        };
        Self {
            epoch: epoch_of(block),
            edits: keys.iter().map(edit).collect(),
            addresses: keys.into_iter().map(|(_, address)| address).collect(),
            removals: Removals::default(),
            grown: 0,
        }
    }

    /// Loads what the edits need of the account trie, and the accounts as they were.
    fn open(
        &mut self,
        root: Option<Node<AccountLeaf>>,
        reader: &StateReader,
    ) -> Result<Option<Node<AccountLeaf>>, TrieError> {
        let mut opener = Opener::new(reader, ACCOUNTS);
        let root = open(&mut opener, root, &mut self.edits)?;
        self.grown += opener.opened as isize;
        Ok(root)
    }

    /// Decides for each account which storage it goes on with, and opens that storage's trie where
    /// slots change.
    fn settle(
        &mut self,
        changes: &mut StateChanges,
        reader: &StateReader,
        ids: &mut StorageIds,
    ) -> Result<Vec<StorageEdits>, TrieError> {
        let mut work = Vec::new();
        for (index, (edit, address)) in self.edits.iter_mut().zip(&self.addresses).enumerate() {
            let Some(change) = changes.accounts.get_mut(address) else { continue };
            let before = edit.before.as_ref().map(|leaf| &leaf.value);
            let kept = before.filter(|_| !change.wiped && change.account.is_some());
            let lost = before.filter(|_| kept.is_none()).map(|leaf| leaf.account.storage_id);
            self.removals.owners.extend(lost.filter(|id| *id != ACCOUNTS));
            let Some(account) = &mut change.account else { continue };
            account.storage_id = kept.map_or(ACCOUNTS, |leaf| leaf.account.storage_id);
            account.storage_root = kept.map_or(EMPTY_ROOT_HASH, |leaf| leaf.account.storage_root);
            if needs_id(account, &change.storage) {
                account.storage_id = ids.take();
            }
            edit.after = Some(AccountLeaf {
                account: *account,
                storage: kept.and_then(|leaf| leaf.storage.clone()),
            });
            if let (Some(leaf), false) = (&edit.after, change.storage.is_empty()) {
                work.extend(StorageEdits::open(index, leaf, change, self.epoch, reader)?);
            }
        }
        Ok(work)
    }

    /// Takes the new storage tries into the accounts, and their roots into `changes`.
    fn take(&mut self, changes: &mut StateChanges, storage: Vec<StorageEdits>) {
        for done in storage {
            let address = &self.addresses[done.index];
            let id = done.owner;
            self.grown += done.editor.grown;
            self.removals.branches.extend(done.editor.removed.into_iter().map(|path| (id, path)));
            let leaf = &mut self.edits[done.index].after;
            let account = changes.accounts.get_mut(address).and_then(|it| it.account.as_mut());
            if let (Some(leaf), Some(account)) = (leaf, account) {
                account.storage_root = root_hash(done.root.as_ref());
                *leaf = AccountLeaf { account: *account, storage: done.root };
            }
        }
    }

    /// Writes the accounts that are not as they were into the trie.
    fn write(
        &mut self,
        root: Option<Node<AccountLeaf>>,
    ) -> Result<Option<Node<AccountLeaf>>, TrieError> {
        drop_unchanged(&mut self.edits);
        let mut editor = Editor::new(ACCOUNTS, self.epoch);
        let root = editor.apply(root, &mut self.edits)?;
        self.grown += editor.grown;
        let removed = editor.removed.into_iter().map(|path| (ACCOUNTS, path));
        self.removals.branches.extend(removed);
        Ok(root)
    }
}

/// Is this the account's first slot? A zero counts where it hides what an upstream has.
fn needs_id(account: &Account, slots: &U256Map<U256>) -> bool {
    let counts = |value: &U256| account.is_remote || !value.is_zero();
    account.storage_id == ACCOUNTS && slots.values().any(counts)
}

/// The edits of one storage trie.
struct StorageEdits {
    /// The account's place in the batch.
    index: usize,
    owner: StorageId,
    root: Option<Node<U256>>,
    edits: Vec<Edit<U256>>,
    editor: Editor,
}

impl StorageEdits {
    /// Opens the trie; `None` if no slot gets another value.
    fn open(
        index: usize,
        leaf: &AccountLeaf,
        change: &AccountChange,
        epoch: Epoch,
        reader: &StateReader,
    ) -> Result<Option<Self>, TrieError> {
        let owner = leaf.account.storage_id;
        let mut edits = slot_edits(&change.storage);
        let mut opener = Opener::new(reader, owner);
        let root = open(&mut opener, leaf.storage_node(), &mut edits)?;
        drop_unchanged(&mut edits);
        let mut editor = Editor::new(owner, epoch);
        editor.grown = opener.opened as isize;
        let open = Self { index, owner, root, edits, editor };
        Ok((!open.edits.is_empty()).then_some(open))
    }

    fn run(&mut self) -> Result<(), TrieError> {
        self.root = self.editor.apply(self.root.take(), &mut self.edits)?;
        Ok(())
    }
}

/// Slots in the order of their hashes; zero removes one.
fn slot_edits(slots: &U256Map<U256>) -> Vec<Edit<U256>> {
    let slots = slots.iter().map(|(slot, value)| (*slot, *value)).collect();
    let keys = sorted_by_hash(slots, |(slot, _)| keccak256(slot.to_be_bytes::<32>()));
    let edit = |(hash, (_, value)): (B256, (U256, U256))| {
        Edit::new(hash, Some(value).filter(|value| !value.is_zero()))
    };
    keys.into_iter().map(edit).collect()
}

/// Hashes each item once and sorts by the hash.
fn sorted_by_hash<T: Copy + Send>(
    items: Vec<T>,
    hash: impl Fn(&T) -> B256 + Sync,
) -> Vec<(B256, T)> {
    let keyed = |item: T| (hash(&item), item);
    let mut keys: Vec<_> = if items.len() < PARALLEL_FROM {
        items.into_iter().map(keyed).collect()
    } else {
        items.into_par_iter().with_min_len(PARALLEL_FROM).map(keyed).collect()
    };
    keys.sort_unstable_by_key(|(hash, _)| *hash);
    keys
}

/// Opens what `edits` need below `root`.
pub(super) fn open<V: LeafValue>(
    opener: &mut Opener<'_>,
    root: Option<Node<V>>,
    edits: &mut [Edit<V>],
) -> Result<Option<Node<V>>, TrieError> {
    match root {
        Some(root) if !edits.is_empty() => {
            let opened = opener.open(&root, Nibbles::new(), edits)?;
            Ok(Some(opened.unwrap_or(root)))
        }
        root => Ok(root),
    }
}

/// Runs the storage tries' edits; on several threads if there is much to do.
fn run(work: &mut [StorageEdits]) -> Result<(), TrieError> {
    let slots: usize = work.iter().map(|work| work.edits.len()).sum();
    if slots < PARALLEL_FROM {
        return work.iter_mut().try_for_each(StorageEdits::run);
    }
    work.par_iter_mut().try_for_each(StorageEdits::run)
}
