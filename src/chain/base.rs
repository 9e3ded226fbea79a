//! What does the chain stand on? Its genesis, or a block that was executed elsewhere.
//!
//! Nothing is executed at the base or below it. Blocks below may be stored as history; the state
//! begins at the base. Its trie covers what is stored here, so its root may be another one than the
//! base's header says: a dump may have no root, and of a forked chain only local changes are stored.

use super::{
    Chain, ChainError, ChainEvent, Development, open::Genesis, query::check_kept, visible::Visible,
};
use crate::{
    primitives::{Block, BlockNumHash, Receipt, SealedHeader, StateChanges},
    spec::ChainSpec,
    state::{Remote, StateTrie, StorageIds},
    storage::{
        BlocksBatch, FlushBlock, StateBatch, StateDb, StateReader, Storage, StorageError,
        StoredBlock, TrieChanges,
    },
};
use alloy_primitives::{B256, U256};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

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

/// All that changes only when another chain takes the place of this one: it is part of what readers see,
/// so that nobody sees the rules of one chain and the head of another.
#[derive(Debug)]
pub(super) struct Ground {
    /// The lowest block whose state is here.
    pub(super) base: Arc<Base>,
    /// The rules.
    pub(super) spec: Arc<ChainSpec>,
    /// Of a fork: the chain that answers what is not stored here.
    pub(super) remote: Option<Arc<Remote>>,
}

/// A chain that stands, or stood, here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing(u64);

/// While it is there, rows are those of one chain and the head that of another.
#[derive(Debug)]
pub(super) struct Replacing<'a>(&'a AtomicU64);

impl Drop for Replacing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Ground {
    /// The remote chain, for a block below the base.
    pub(super) fn remote_below(&self, number: u64) -> Option<&Arc<Remote>> {
        self.remote.as_ref().filter(|remote| number < remote.fork().number)
    }

    /// Makes durable what the remote chain has answered, before a block or an edit is that depends on it:
    /// opening may execute that again where nobody can be asked.
    pub(super) fn keep_answers(&self) {
        if let Some(remote) = &self.remote {
            remote.cache().flush();
        }
    }

    /// Height of the lowest block that can be answered.
    fn earliest(&self) -> u64 {
        if self.remote.is_some() { 0 } else { self.base.earliest }
    }

    /// Height of the lowest block whose state is to be had.
    fn lowest(&self) -> u64 {
        if self.remote.is_some() { 0 } else { self.base.number }
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
    pub(super) fn store(&self, storage: &Storage, genesis: &Genesis) -> Result<(), ChainError> {
        let trie_root = self.store_state(&storage.state)?;
        fail::fail_point!("found-after-state", |_| Err(StorageError::Failpoint(
            "found-after-state"
        )
        .into()));
        Ok(storage.blocks.commit(&BlocksBatch {
            genesis: Some(&genesis.json),
            base: Some(&row(&self.base(genesis.hash(), trie_root, None))),
            blocks: &[self.stored()],
            total_difficulty: Some((self.block.number(), self.total_difficulty)),
            ..Default::default()
        })?)
    }

    /// Writes its state into an empty one, and answers the root of what is there then.
    pub(super) fn store_state(&self, state: &StateDb) -> Result<B256, ChainError> {
        let mut changes = self.changes.clone();
        let mut trie = StateTrie::empty();
        let mut ids = StorageIds::new(1);
        let number = self.block.number();
        trie.apply(&mut changes, number + 1, &state.reader()?, &mut ids)?;
        state.flush(&StateBatch {
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
        Ok(trie.root())
    }

    /// The block as it is stored.
    pub(super) fn stored(&self) -> StoredBlock {
        StoredBlock { block: self.block.clone(), receipts: self.receipts.clone() }
    }

    /// What a chain stands on that begins with it.
    pub(super) fn base(&self, genesis: B256, trie_root: B256, load: Option<B256>) -> Base {
        let (number, hash) = (self.block.number(), self.block.hash());
        Base { kind: self.kind, number, hash, earliest: number, genesis, trie_root, load }
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
    /// What the chain stands on, all of one moment.
    pub(super) fn ground(&self) -> Arc<Ground> {
        self.visible.load().ground.clone()
    }

    /// What the chain stands on.
    pub fn base(&self) -> Arc<Base> {
        self.visible.load().ground.base.clone()
    }

    /// The rules of this chain. A reset may put a chain with others in its place: whoever asks twice may
    /// get two answers, as with the head.
    pub fn spec(&self) -> Arc<ChainSpec> {
        self.visible.load().ground.spec.clone()
    }

    /// Names the chain that stands here now, among all that took each other's place. Waits while one does.
    pub fn standing(&self) -> Standing {
        loop {
            let standing = Standing(self.replacements.load(Ordering::Acquire));
            if standing.0.is_multiple_of(2) {
                return standing;
            }
            drop(self.writer.lock());
        }
    }

    /// Is it still that chain? Then all that was read since is of it.
    pub fn stands(&self, standing: Standing) -> bool {
        std::sync::atomic::fence(Ordering::Acquire);
        self.replacements.load(Ordering::Relaxed) == standing.0
    }

    /// Says that another chain takes the place of this one, until it is dropped. The caller holds the
    /// writer's lock.
    pub(super) fn replacing(&self) -> Replacing<'_> {
        self.replacements.fetch_add(1, Ordering::AcqRel);
        Replacing(&self.replacements)
    }

    /// Everyone sees the chain that is stored now, whose head is its base; nothing of the one before is
    /// left. The caller holds the writers' locks.
    pub(super) fn stand_on(
        &self,
        ground: Ground,
        head: StoredBlock,
        development: Development,
    ) -> Result<(), ChainError> {
        let next_storage_id = self.storage.state.reader()?.next_storage_id()?;
        // Whoever reads what happened since has to begin anew.
        let unwinds = Arc::new(self.visible.load().unwinds.and_all_anew());
        let to = ground.base.number.saturating_sub(1);
        ground.spec.chain_ids.set(&development.chain_ids);
        let ground = Arc::new(ground);
        let next = Visible::written(ground, head.block.header.clone(), next_storage_id);
        self.visible.store(Arc::new(Visible { unwinds, ..next }));
        self.settle(development);
        self.ancestors.forget();
        self.publish(ChainEvent::Unwound { to, removed: Arc::default(), by_branch: false });
        self.publish(ChainEvent::NewHead(head));
        Ok(())
    }

    /// Height of the base: the lowest block with a state, above which blocks were executed here.
    pub fn first(&self) -> u64 {
        self.visible.load().ground.base.number
    }

    /// Height of the lowest block that can be answered: stored here, or the first of the chain that this
    /// one is a fork of.
    pub fn earliest(&self) -> u64 {
        self.visible.load().ground.earliest()
    }

    /// Is what is not stored here answered by another chain?
    pub(super) fn is_fork(&self) -> bool {
        matches!(self.base().kind, BaseKind::Forked { .. })
    }

    /// Height of the lowest block that is stored.
    pub(super) fn stored_from(&self) -> u64 {
        self.visible.load().ground.base.earliest
    }

    /// Height of the lowest block whose state is to be had, here or from the chain this is a fork of.
    pub fn lowest(&self) -> u64 {
        self.visible.load().ground.lowest()
    }

    /// Refuses a height whose state is not here.
    pub(super) fn check_known(
        &self,
        number: u64,
        visible: &Visible,
        below: &StateReader,
    ) -> Result<(), ChainError> {
        let base = &visible.ground.base;
        if visible.ground.remote_below(number).is_some() {
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
        let ground = self.ground();
        let (base, is_remote) = (&ground.base, ground.remote.is_some());
        if base.kind == BaseKind::Genesis || is_remote || number > base.number {
            return Ok(());
        }
        Err(ChainError::NotExecuted { number, base: Box::new(**base) })
    }
}
