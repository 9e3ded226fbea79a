//! What were the trie, a proof, the root of an older block?
//!
//! Stored branches are those of the flushed head. An older block is reached from there by setting
//! the keys that were written since to what they were then, or by one pass over the rows as of then.

use super::{
    AccountProof, SlotProof, StateTrie, TrieError,
    apply::open,
    edit::{Edit, Editor, drop_unchanged},
    node::{AccountLeaf, HEAD, LeafValue, Node, epoch_of, root_hash},
    proof::{hashed, prove_slots},
    resolve::Opener,
    rows::ACCOUNTS,
};
use crate::{
    primitives::{Account, StorageId},
    storage::{ChangedKeys, StateReader, StorageError, TrieChanges},
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{
    HashBuilder, Nibbles,
    proof::{ProofNodes, ProofRetainer},
};
use std::collections::BTreeSet;

/// Setting one key costs about as much as passing over this many accounts.
const KEY_COST: u64 = 8;

/// The state of an older block, ready to become the head again.
#[derive(Debug)]
pub struct Rewound {
    /// The trie as of that block; nothing in it counts as unflushed once `stored` is written.
    pub trie: StateTrie,
    /// How the stored trie follows.
    pub stored: TrieChanges,
}

/// Takes the trie of the flushed head, whose root is `head_root`, back to block `to`, with all
/// storage tries: for an unwind.
pub fn rewind(reader: &StateReader, head_root: B256, to: u64) -> Result<Rewound, TrieError> {
    let mut past = Past::new(reader, to)?;
    let mut trie = past.accounts(head_root, Past::account_with_storage)?;
    trie.resident = usize::try_from(past.resident).unwrap_or_default();
    let mut stored = past.stored;
    stored.rows = trie.rows_since(None);
    Ok(Rewound { trie, stored })
}

/// Proves an account and some of its slots as of block `at`, given the root of the flushed head and
/// the root that block `at` has.
///
/// # Errors
/// [`TrieError::RootMismatch`] if the rows do not give `expected`.
pub fn prove_at(
    reader: &StateReader,
    head_root: B256,
    at: u64,
    expected: B256,
    address: Address,
    slots: &[U256],
) -> Result<AccountProof, TrieError> {
    if reader.changed_count_since(at)?.saturating_mul(KEY_COST) > reader.account_rows()? {
        return prove_by_pass(reader, at, expected, address, slots);
    }
    let key = keccak256(address);
    let account = reader.account(key, at)?;
    let mut past = Past::new(reader, at)?;
    let trie = past.accounts(head_root, Past::account)?;
    check_root(at, expected, trie.root())?;
    let proof = trie.prove_account(reader, address)?.proof;
    let storage = match account {
        Some(account) => past.prove_slots(key, &account, slots)?,
        None => no_slots(slots),
    };
    Ok(AccountProof { account, proof, storage })
}

/// Like [`prove_at`], from the accounts and slots as of then alone: also where it is not recorded what
/// changed since.
pub fn prove_by_pass(
    reader: &StateReader,
    at: u64,
    expected: B256,
    address: Address,
    slots: &[U256],
) -> Result<AccountProof, TrieError> {
    let key = keccak256(address);
    let account = reader.account(key, at)?;
    let proof = pass_accounts(reader, at, expected, key)?;
    let storage = account.map(|account| pass_slots(reader, at, &account, slots));
    let storage = storage.transpose()?.unwrap_or_else(|| no_slots(slots));
    Ok(AccountProof { account, proof, storage })
}

fn no_slots(slots: &[U256]) -> Vec<SlotProof> {
    let none = |slot: &U256| SlotProof { slot: *slot, value: U256::ZERO, proof: Vec::new() };
    slots.iter().map(none).collect()
}

/// The state root as of block `at` from nothing but accounts and slots: no stored branch and no
/// stored storage root is trusted. Costs one pass over the state.
pub fn full_root(reader: &StateReader, at: u64) -> Result<B256, TrieError> {
    let mut accounts = HashBuilder::default();
    let mut failed = None;
    reader.each_account(at, |key, mut account| {
        match slots_root(reader, account.storage_id, at) {
            Ok(root) => account.storage_root = root,
            Err(error) => failed = failed.take().or(Some(error)),
        }
        add_account(&mut accounts, key, account);
    })?;
    failed.map_or_else(|| Ok(accounts.root()), |error| Err(error.into()))
}

fn slots_root(reader: &StateReader, id: StorageId, at: u64) -> Result<B256, StorageError> {
    if id == ACCOUNTS {
        return Ok(EMPTY_ROOT_HASH);
    }
    let mut slots = HashBuilder::default();
    reader.each_slot(id, at, |key, value| add_slot(&mut slots, key, value))?;
    Ok(slots.root())
}

fn add_slot(slots: &mut HashBuilder, key: B256, value: U256) {
    slots.add_leaf(Nibbles::unpack_array(&key.0), &alloy_rlp::encode_fixed_size(&value));
}

fn add_account(accounts: &mut HashBuilder, key: B256, account: Account) {
    let mut value = Vec::with_capacity(112);
    AccountLeaf { account, storage: None }.encode(&mut value);
    accounts.add_leaf(Nibbles::unpack_array(&key.0), &value);
}

/// An account's proof from one pass over all accounts, in little memory.
fn pass_accounts(
    reader: &StateReader,
    at: u64,
    expected: B256,
    key: B256,
) -> Result<Vec<Bytes>, TrieError> {
    let target = Nibbles::unpack_array(&key.0);
    let retainer = ProofRetainer::from_iter([target]);
    let mut accounts = HashBuilder::default().with_proof_retainer(retainer);
    reader.each_account(at, |key, account| add_account(&mut accounts, key, account))?;
    check_root(at, expected, accounts.root())?;
    Ok(listed(&accounts.take_proof_nodes(), &target))
}

/// The proofs of an account's slots from one pass over all of them, in little memory.
fn pass_slots(
    reader: &StateReader,
    at: u64,
    account: &Account,
    slots: &[U256],
) -> Result<Vec<SlotProof>, TrieError> {
    if account.storage_root == EMPTY_ROOT_HASH {
        return Ok(no_slots(slots));
    }
    let target = |slot: &U256| hashed(&slot.to_be_bytes::<32>());
    let retainer = ProofRetainer::from_iter(slots.iter().map(target));
    let mut builder = HashBuilder::default().with_proof_retainer(retainer);
    let id = account.storage_id;
    reader.each_slot(id, at, |key, value| add_slot(&mut builder, key, value))?;
    check_root(at, account.storage_root, builder.root())?;
    let nodes = builder.take_proof_nodes();
    let prove = |slot: &U256| {
        let value = reader.slot(id, keccak256(slot.to_be_bytes::<32>()), at)?;
        Ok(SlotProof { slot: *slot, value, proof: listed(&nodes, &target(slot)) })
    };
    slots.iter().map(prove).collect()
}

/// The nodes on the way to a key, without those that lie inside their parent.
pub(super) fn listed(nodes: &ProofNodes, key: &Nibbles) -> Vec<Bytes> {
    let nodes = nodes.matching_nodes_sorted(key).into_iter();
    let nodes =
        nodes.filter(|(path, node)| node.len() >= 32 || (path.is_empty() && node.len() > 1));
    nodes.map(|(_, node)| node).collect()
}

fn check_root(block: u64, expected: B256, computed: B256) -> Result<(), TrieError> {
    if expected == computed {
        return Ok(());
    }
    Err(TrieError::RootMismatch { block, expected, computed })
}

/// Takes tries from the flushed head back to block `at`.
struct Past<'a> {
    reader: &'a StateReader,
    at: u64,
    /// What was written since.
    changed: ChangedKeys,
    stored: TrieChanges,
    /// Nodes that came into memory less nodes that went.
    resident: isize,
}

impl<'a> Past<'a> {
    fn new(reader: &'a StateReader, at: u64) -> Result<Self, TrieError> {
        let changed = reader.changed_since(at)?;
        Ok(Self { reader, at, changed, stored: TrieChanges::default(), resident: 0 })
    }

    /// The trie of accounts, with each changed account as `leaf` tells.
    fn accounts(
        &mut self,
        head_root: B256,
        leaf: impl Fn(&mut Self, B256) -> Result<Option<AccountLeaf>, TrieError>,
    ) -> Result<StateTrie, TrieError> {
        let keys = std::mem::take(&mut self.changed.accounts);
        let edit = |key| Ok(Edit::new(key, leaf(self, key)?));
        let edits = keys.into_iter().map(edit).collect::<Result<Vec<_>, TrieError>>()?;
        let root = self.edit(ACCOUNTS, Node::at(head_root), edits)?;
        Ok(StateTrie { root, resident: 0 })
    }

    /// An account as of then.
    fn account(&mut self, key: B256) -> Result<Option<AccountLeaf>, TrieError> {
        let account = self.reader.account(key, self.at)?;
        Ok(account.map(|account| AccountLeaf { account, storage: None }))
    }

    /// An account as of then with its storage trie, which gets ready to be stored.
    fn account_with_storage(&mut self, key: B256) -> Result<Option<AccountLeaf>, TrieError> {
        let head = self.reader.account(key, HEAD)?;
        let account = self.reader.account(key, self.at)?;
        let lost = head.map(|head| head.storage_id).filter(|id| {
            *id != ACCOUNTS && account.is_none_or(|account| account.storage_id != *id)
        });
        self.stored.removed_owners.extend(lost);
        let Some(account) = account else { return Ok(None) };
        let storage = self.storage(&account, head)?;
        Ok(Some(AccountLeaf { account, storage }))
    }

    /// The storage trie of an account as of then.
    fn storage(
        &mut self,
        account: &Account,
        head: Option<Account>,
    ) -> Result<Option<Node<U256>>, TrieError> {
        let id = account.storage_id;
        if id == ACCOUNTS {
            return Ok(None);
        }
        let stored = head.filter(|head| head.storage_id == id);
        let root = match stored {
            Some(head) => self.rewound_slots(id, head.storage_root)?,
            None => self.rebuilt_slots(id)?,
        };
        check_root(self.at, account.storage_root, root_hash(root.as_ref()))?;
        Ok(root)
    }

    /// The proofs of slots of an account as of then.
    fn prove_slots(
        &mut self,
        key: B256,
        account: &Account,
        slots: &[U256],
    ) -> Result<Vec<SlotProof>, TrieError> {
        let head = self.reader.account(key, HEAD)?;
        match head.filter(|head| head.storage_id == account.storage_id) {
            Some(head) if head.storage_id != ACCOUNTS => {
                let root = self.rewound_slots(head.storage_id, head.storage_root)?;
                check_root(self.at, account.storage_root, root_hash(root.as_ref()))?;
                prove_slots(self.reader, account.storage_id, root.as_ref(), slots)
            }
            _ => pass_slots(self.reader, self.at, account, slots),
        }
    }

    fn rewound_slots(
        &mut self,
        id: StorageId,
        head_root: B256,
    ) -> Result<Option<Node<U256>>, TrieError> {
        let keys: BTreeSet<B256> = self.changed.slots.remove(&id).unwrap_or_default();
        let edit = |key| {
            let value = self.reader.slot(id, key, self.at)?;
            Ok(Edit::new(key, Some(value).filter(|value| !value.is_zero())))
        };
        let edits = keys.into_iter().map(edit).collect::<Result<Vec<_>, TrieError>>()?;
        self.edit(id, Node::at(head_root), edits)
    }

    /// The branches of a storage that was wiped since are not stored any more.
    fn rebuilt_slots(&mut self, id: StorageId) -> Result<Option<Node<U256>>, TrieError> {
        let mut edits = Vec::new();
        self.reader.each_slot(id, self.at, |key, value| edits.push(Edit::new(key, Some(value))))?;
        self.edit(id, None, edits)
    }

    fn edit<V: LeafValue>(
        &mut self,
        owner: StorageId,
        root: Option<Node<V>>,
        mut edits: Vec<Edit<V>>,
    ) -> Result<Option<Node<V>>, TrieError> {
        let mut opener = Opener::new(self.reader, owner);
        let root = open(&mut opener, root, &mut edits)?;
        drop_unchanged(&mut edits);
        let mut editor = Editor::new(owner, epoch_of(self.at));
        let root = editor.apply(root, &mut edits)?;
        self.resident += opener.opened as isize + editor.grown;
        self.stored.removed.extend(editor.removed.into_iter().map(|path| (owner, path)));
        Ok(root)
    }
}
