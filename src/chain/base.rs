//! What does the chain stand on? Its genesis, or a block that was executed elsewhere.
//!
//! Nothing is executed at the base or below it. Blocks below may be stored as history; the state
//! begins at the base. Its trie covers what is stored here, so its root may be another one than the
//! base's header says: a dump may have no root, and of a forked chain only local changes are stored.

use super::{Chain, ChainError, ChainEvent, Development, query::check_kept, visible::Visible};
use crate::{
    primitives::{Block, BlockNumHash, Receipt, SealedHeader, StateChanges},
    state::{StateTrie, StorageIds},
    storage::{
        BlocksBatch, FlushBlock, StateBatch, StateReader, Storage, StorageError, StoredBlock,
        TrieChanges,
    },
};
use alloy_primitives::{B256, U256};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Where the first state of a chain comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BaseKind {
    /// The genesis block that the settings or a genesis file describe.
    Genesis,
    /// A dump.
    Loaded,
    /// A remote chain, which answers what is not stored here.
    #[serde(rename_all = "camelCase")]
    Forked {
        /// EIP-155 id of the remote chain.
        chain_id: u64,
        /// Height of its block.
        number: u64,
        /// Hash of its block.
        hash: B256,
    },
}

/// The lowest block whose state is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// Where its state comes from.
    pub kind: BaseKind,
    /// Its height.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Height of the lowest block that is stored: the base, or what was before it.
    pub earliest: u64,
    /// Hash of the genesis block that the chain's settings describe.
    pub genesis: B256,
    /// Root of what is stored of its state.
    pub trie_root: B256,
    /// The load that the chain comes from.
    #[serde(default)]
    pub load: Option<B256>,
}

impl Base {
    /// The root of the stored state after a block at or above the base.
    pub(super) fn trie_root_of(&self, header: &SealedHeader) -> B256 {
        if header.number == self.number { self.trie_root } else { header.state_root }
    }

    const fn num_hash(&self) -> BlockNumHash {
        BlockNumHash { number: self.number, hash: self.hash }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, hash, .. } = self;
        match self.kind {
            BaseKind::Genesis => write!(f, "begins with genesis {hash}"),
            BaseKind::Loaded => write!(f, "was loaded at block {number} ({hash})"),
            BaseKind::Forked { chain_id, number, hash } => {
                write!(f, "was forked from chain {chain_id} at block {number} ({hash})")
            }
        }
    }
}

/// A block that a new chain begins with instead of its genesis.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Where its state comes from.
    pub kind: BaseKind,
    /// The block. Its state root is not compared with anything.
    pub block: Block,
    /// One a transaction.
    pub receipts: Arc<Vec<Receipt>>,
    /// Difficulty of the block and all before it.
    pub total_difficulty: U256,
    /// What is stored of its state.
    pub changes: StateChanges,
}

impl Founding {
    /// Makes the chain in an empty directory: the state first, then the block that makes it count.
    pub(super) fn store(
        &self,
        storage: &Storage,
        genesis_json: &[u8],
        genesis: B256,
    ) -> Result<(), ChainError> {
        let mut changes = self.changes.clone();
        let mut trie = StateTrie::empty();
        let mut ids = StorageIds::new(1);
        let number = self.block.number();
        trie.apply(&mut changes, number + 1, &storage.state.reader()?, &mut ids)?;
        storage.state.flush(&StateBatch {
            blocks: vec![FlushBlock {
                block: self.block.num_hash(),
                root: trie.root(),
                changes: &changes,
                transactions: &self.block.body.transactions,
                receipts: &self.receipts,
                // Nobody here executed it.
                inside: Some(&[]),
            }],
            trie: TrieChanges { rows: trie.rows_since(None), ..Default::default() },
            next_storage_id: ids.next(),
        })?;
        fail::fail_point!("found-after-state", |_| Err(StorageError::Failpoint(
            "found-after-state"
        )
        .into()));
        let base = Base {
            kind: self.kind,
            number,
            hash: self.block.hash(),
            earliest: number,
            genesis,
            trie_root: trie.root(),
            load: None,
        };
        let stored = StoredBlock { block: self.block.clone(), receipts: self.receipts.clone() };
        Ok(storage.blocks.commit(&BlocksBatch {
            genesis: Some(genesis_json),
            base: Some(&row(&base)),
            blocks: &[stored],
            total_difficulty: Some((number, self.total_difficulty)),
            ..Default::default()
        })?)
    }

    /// Is this what the stored chain stands on?
    pub(super) fn check(&self, stored: &Base) -> Result<(), ChainError> {
        if self.kind == stored.kind && self.block.num_hash() == stored.num_hash() {
            return Ok(());
        }
        let given = Base { kind: self.kind, ..*stored };
        let BlockNumHash { number, hash } = self.block.num_hash();
        let given = Base { number, hash, ..given };
        Err(ChainError::OtherBase { stored: Box::new(*stored), given: Box::new(given) })
    }
}

/// A base as it is stored.
pub(super) fn row(base: &Base) -> Vec<u8> {
    serde_json::to_vec(base).expect("plain data is JSON")
}

/// What the stored chain stands on; `None` if there is no chain, or one that was made before this was
/// stored.
pub fn stored_kind(storage: &Storage) -> Result<Option<BaseKind>, ChainError> {
    let reader = storage.blocks.reader()?;
    let damaged = |_json| StorageError::Row { table: "meta", reason: "the base is no JSON" };
    let base: Option<Base> =
        reader.base()?.map(|row| serde_json::from_slice(&row).map_err(damaged)).transpose()?;
    let has_blocks = reader.first()?.is_some();
    Ok(base.map(|base| base.kind).or(has_blocks.then_some(BaseKind::Genesis)))
}

/// The base of the stored chain. A directory that was made before bases were stored begins with its
/// genesis.
pub(super) fn stored_base(storage: &Storage, genesis: B256) -> Result<Option<Base>, ChainError> {
    let reader = storage.blocks.reader()?;
    if let Some(row) = reader.base()? {
        let damaged = |_json| StorageError::Row { table: "meta", reason: "the base is no JSON" };
        return Ok(Some(serde_json::from_slice(&row).map_err(damaged)?));
    }
    let first = reader.first()?;
    Ok(first.map(|first| Base {
        kind: BaseKind::Genesis,
        number: first.number,
        hash: first.seal(),
        earliest: first.number,
        genesis,
        trie_root: first.state_root,
        load: None,
    }))
}

impl Chain {
    /// What the chain stands on.
    pub fn base(&self) -> Arc<Base> {
        self.visible.load().base.clone()
    }

    /// Everyone sees the chain that is stored now, whose head is its base; nothing of the one before is
    /// left. The caller holds the writers' locks.
    pub(super) fn stand_on(
        &self,
        base: Base,
        head: StoredBlock,
        development: Development,
    ) -> Result<(), ChainError> {
        let next_storage_id = self.storage.state.reader()?.next_storage_id()?;
        // Whoever reads what happened since has to begin anew.
        let unwinds = Arc::new(self.visible.load().unwinds.and_all_anew());
        let to = base.number.saturating_sub(1);
        let next = Visible::written(Arc::new(base), head.block.header.clone(), next_storage_id);
        self.settle(development);
        self.visible.store(Arc::new(Visible { unwinds, ..next }));
        self.publish(ChainEvent::Unwound { to, removed: Arc::default(), by_branch: false });
        self.publish(ChainEvent::NewHead(head));
        Ok(())
    }

    /// Height of the base: the lowest block with a state, above which blocks were executed here.
    pub fn first(&self) -> u64 {
        self.visible.load().base.number
    }

    /// Height of the lowest block that can be answered: stored here, or the first of the chain that this
    /// one is a fork of.
    pub fn earliest(&self) -> u64 {
        if self.remote.load().is_some() { 0 } else { self.stored_from() }
    }

    /// Is what is not stored here answered by another chain?
    pub(super) fn is_fork(&self) -> bool {
        matches!(self.base().kind, BaseKind::Forked { .. })
    }

    /// Height of the lowest block that is stored.
    pub(super) fn stored_from(&self) -> u64 {
        self.visible.load().base.earliest
    }

    /// Height of the lowest block whose state is to be had, here or from the chain this is a fork of.
    pub fn lowest(&self) -> u64 {
        if self.remote.load().is_some() { 0 } else { self.first() }
    }

    /// Refuses a height whose state is not here.
    pub(super) fn check_known(
        &self,
        number: u64,
        visible: &Visible,
        below: &StateReader,
    ) -> Result<(), ChainError> {
        let base = &visible.base;
        if self.remote_below(number).is_some() {
            return Ok(());
        }
        if number > visible.number() || number < base.earliest {
            return Err(ChainError::UnknownBlock { number, head: visible.number() });
        }
        // A dump may have states of older blocks. Each left the record of what it changed.
        if number < base.number && below.block_hash(number)?.is_none() {
            return Err(ChainError::BelowBase { number, base: Box::new(**base) });
        }
        check_kept(number, below)
    }

    /// Refuses a block that was executed elsewhere and cannot be executed here again. Of a genesis
    /// there is nothing to execute.
    pub(super) fn check_executed(&self, number: u64) -> Result<(), ChainError> {
        let base = self.base();
        let is_remote = self.remote.load().is_some();
        if base.kind == BaseKind::Genesis || is_remote || number > base.number {
            return Ok(());
        }
        Err(ChainError::NotExecuted { number, base: Box::new(*base) })
    }
}
