//! What proves that an account or a slot has a value, or has none?

use super::{
    StateTrie, TrieError,
    node::{AccountLeaf, Branch, LeafValue, Node, Scratch},
    resolve::Opener,
    rows::ACCOUNTS,
};
use crate::{
    primitives::{Account, StorageId},
    storage::StateReader,
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, nodes::RlpNode};

/// What `eth_getProof` answers (EIP-1186): the RLP of each node from the root to where the key is or
/// would be. A node shorter than 32 bytes is part of its parent and not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// `None`: `proof` shows that there is no such account.
    pub account: Option<Account>,
    /// From the state root down.
    pub proof: Vec<Bytes>,
    /// One for each slot asked for, in the same order.
    pub storage: Vec<SlotProof>,
}

/// The proof of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// The slot's key as a contract sees it, not hashed.
    pub slot: U256,
    /// Zero: `proof` shows that the slot is not set.
    pub value: U256,
    /// From the account's storage root down; empty if the account has no storage.
    pub proof: Vec<Bytes>,
}

/// One key's way down a trie.
pub(super) struct Way<V> {
    pub(super) proof: Vec<Bytes>,
    /// `None` if the trie does not hold the key.
    pub(super) value: Option<V>,
}

impl StateTrie {
    /// Proves an account and some of its slots against [`StateTrie::root`].
    ///
    /// # Errors
    /// [`TrieError::Stale`] if a part that is not loaded has changed in the rows since.
    pub fn prove(
        &self,
        reader: &StateReader,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, TrieError> {
        let way = self.prove_account(reader, address)?;
        let leaf = way.value;
        let owner = leaf.as_ref().map_or(ACCOUNTS, |leaf| leaf.account.storage_id);
        let root = leaf.as_ref().and_then(AccountLeaf::storage_node);
        let storage = prove_slots(reader, owner, root.as_ref(), slots)?;
        Ok(AccountProof { account: leaf.map(|leaf| leaf.account), proof: way.proof, storage })
    }

    pub(super) fn prove_account(
        &self,
        reader: &StateReader,
        address: Address,
    ) -> Result<Way<AccountLeaf>, TrieError> {
        walk(&mut Opener::new(reader, ACCOUNTS), self.root.as_ref(), &hashed(address.as_slice()))
    }
}

/// Proves slots against the root of one storage trie.
pub(super) fn prove_slots(
    reader: &StateReader,
    owner: StorageId,
    root: Option<&Node<U256>>,
    slots: &[U256],
) -> Result<Vec<SlotProof>, TrieError> {
    let mut opener = Opener::new(reader, owner);
    let prove = |slot: &U256| {
        let way = walk(&mut opener, root, &hashed(&slot.to_be_bytes::<32>()))?;
        Ok(SlotProof { slot: *slot, value: way.value.unwrap_or_default(), proof: way.proof })
    };
    slots.iter().map(prove).collect()
}

/// The nibbles of a key's hash.
pub(super) fn hashed(key: &[u8]) -> Nibbles {
    Nibbles::unpack_array(&keccak256(key).0)
}

/// Goes from `root` to `key`, opening blind nodes on the way without keeping them.
pub(super) fn walk<V: LeafValue>(
    opener: &mut Opener<'_>,
    root: Option<&Node<V>>,
    key: &Nibbles,
) -> Result<Way<V>, TrieError> {
    let mut steps = Steps::default();
    let mut path = Nibbles::new();
    let mut next = root.cloned();
    while let Some(node) = next.take() {
        match opener.resolve(&node, &path)? {
            Node::Branch { branch, .. } => {
                path.extend(&branch.prefix);
                let through = key.starts_with(&path);
                steps.pass_branch(&branch, through);
                if through {
                    let nibble = key.get_unchecked(path.len());
                    path.push_unchecked(nibble);
                    next = branch.child(nibble).cloned();
                }
            }
            Node::Leaf { leaf, .. } => {
                steps.pass(leaf.encode(&mut Scratch::default()));
                let value = (path.join(&leaf.path) == *key).then(|| leaf.value.clone());
                return Ok(Way { proof: steps.proof, value });
            }
            Node::Blind { .. } => return Err(opener.stale(&path)),
        }
    }
    Ok(Way { proof: steps.proof, value: None })
}

/// The nodes that a walk has passed.
#[derive(Default)]
struct Steps {
    proof: Vec<Bytes>,
    scratch: Scratch,
}

impl Steps {
    fn pass(&mut self, rlp: &[u8]) {
        if self.proof.is_empty() || rlp.len() >= 32 {
            self.proof.push(Bytes::copy_from_slice(rlp));
        }
    }

    /// A key that leaves the extension never reaches the branch behind it.
    fn pass_branch<V>(&mut self, branch: &Branch<V>, through: bool) {
        let own = branch.encode(&mut self.scratch).to_vec();
        if !branch.prefix.is_empty() {
            let reference = RlpNode::from_rlp(&own);
            let extension = branch.encode_extension(&reference, &mut self.scratch).to_vec();
            self.pass(&extension);
        }
        if through {
            self.pass(&own);
        }
    }
}
