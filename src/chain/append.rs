//! Appending: what a block is built on, and how an executed block becomes the head.

use super::{Chain, ChainError, ChainEvent, named::NamedBranches, visible::Recent};
use crate::{
    primitives::{
        Block, Edit, Participants, Receipt, SealedHeader, StateChanges, StorageId, Transaction,
    },
    spec::Fork,
    state::{Removals, StateTrie, StateView, StorageIds, TrieError},
    storage::{BlocksBatch, StateReader, StoredBlock},
};
use alloy_primitives::B256;
use std::sync::Arc;

/// What the writer remembers between two changes.
#[derive(Debug, Default)]
pub(super) struct WriterState {
    /// Set when memory and disk may differ after a failed write.
    pub(super) halted: Option<String>,
    /// Chains with names.
    pub(super) named: NamedBranches,
}

impl WriterState {
    pub(super) fn check(&self) -> Result<(), ChainError> {
        match &self.halted {
            Some(reason) => Err(ChainError::Halted { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

/// Everything a block is built from: the head, its state, and the edits that become part of it.
#[derive(Debug)]
pub struct BuildContext {
    /// The head.
    pub parent: Arc<SealedHeader>,
    /// The state of the head, without the edits.
    pub view: StateView,
    /// What the edits change.
    pub edits: Arc<StateChanges>,
    trie: TrieContext,
}

/// How the trie follows a block's changes.
#[derive(Debug)]
pub struct TrieStep {
    trie: StateTrie,
    removed: Removals,
    next_storage_id: u64,
    edits: Arc<Vec<Edit>>,
}

impl BuildContext {
    /// A context over a block that is not visible yet, and on which no edits lie.
    pub(super) fn without_edits(
        parent: Arc<SealedHeader>,
        view: StateView,
        trie: TrieContext,
    ) -> Self {
        Self { parent, view, edits: Arc::default(), trie }
    }

    /// The state for execution, and what [`TrieContext::root`] needs afterwards.
    pub fn split(self) -> (StateView, TrieContext) {
        (self.view, self.trie)
    }
}

/// The parent's trie, ready for a block's changes.
#[derive(Debug)]
pub struct TrieContext {
    pub(super) reader: StateReader,
    pub(super) trie: StateTrie,
    pub(super) next_storage_id: u64,
    pub(super) edits: Arc<Vec<Edit>>,
    pub(super) number: u64,
}

impl TrieContext {
    /// What an executor needs for state roots after each transaction, if the receipts of `fork` carry
    /// them: the parent's trie and the next storage id.
    pub fn for_receipts(&self, fork: Fork) -> Option<(StateTrie, StorageId)> {
        fork.has_roots_in_receipts().then(|| (self.trie.clone(), self.next_storage_id))
    }

    /// Applies a block's changes, fills in their storage roots, and answers the state root.
    pub fn root(mut self, changes: &mut StateChanges) -> Result<(B256, TrieStep), TrieError> {
        let mut ids = StorageIds::new(self.next_storage_id);
        let removed = self.trie.apply(changes, self.number, &self.reader, &mut ids)?;
        let root = self.trie.root();
        let step =
            TrieStep { trie: self.trie, removed, next_storage_id: ids.next(), edits: self.edits };
        Ok((root, step))
    }
}

/// A block that was executed and whose state root is known: all that can be appended.
#[derive(Debug)]
pub struct ExecutedBlock {
    /// Header and body.
    pub block: Block,
    /// One a transaction.
    pub receipts: Arc<Vec<Receipt>>,
    /// What it changed, with storage roots filled in.
    pub changes: StateChanges,
    /// How the trie follows.
    pub step: TrieStep,
    /// Whom only execution shows to take part in its transactions.
    pub participants: Participants,
}

impl ExecutedBlock {
    /// The block as it lies in memory, and the edits that are part of it.
    pub(super) fn into_recent(self) -> (Recent, Arc<Vec<Edit>>) {
        let hashes = self.block.body.transactions.iter().map(Transaction::hash);
        let places = hashes.enumerate().map(|(index, hash)| (hash, index as u32)).collect();
        let recent = Recent {
            stored: StoredBlock { block: self.block, receipts: self.receipts },
            changes: Arc::new(self.changes),
            trie: self.step.trie,
            removed: self.step.removed,
            next_storage_id: self.step.next_storage_id,
            places,
            inside: self.participants,
        };
        (recent, self.step.edits)
    }
}

impl Chain {
    /// What the next block is built from.
    pub fn build_context(&self) -> Result<BuildContext, ChainError> {
        let (visible, [below_view, below_trie]) = self.visible_readers()?;
        Ok(BuildContext {
            parent: visible.header.clone(),
            view: self.view(&visible.ground, visible.number(), visible.overlay.clone(), below_view),
            edits: visible.edit_changes.clone(),
            trie: TrieContext {
                reader: below_trie,
                trie: visible.trie.clone(),
                next_storage_id: visible.next_storage_id,
                edits: visible.edits.clone(),
                number: visible.number() + 1,
            },
        })
    }

    /// Makes an executed block durable, then visible, then news. Waits while too many blocks wait
    /// to be written to the state.
    ///
    /// # Errors
    /// [`ChainError::StaleParent`] when the head moved since the block was built, or edits that
    /// are part of it were taken back. Nothing is visible or stored unless this returns `Ok`.
    pub fn append(&self, executed: ExecutedBlock) -> Result<(), ChainError> {
        self.flush.wait_for_room(self)?;
        let (recent, used) = executed.into_recent();
        let recent = Arc::new(recent);
        let writer = self.writer.lock();
        writer.check()?;
        let visible = self.visible.load_full();
        let block = &recent.stored.block;
        let is_child = block.header.parent_hash == visible.header.seal();
        if !is_child || !visible.edits.starts_with(&used) {
            return Err(ChainError::StaleParent {
                number: block.number(),
                parent: block.header.parent_hash,
                head: visible.header.seal(),
            });
        }
        // Edits that came while the block was built lie over it.
        let later = visible.edits.get(used.len()..).unwrap_or_default().to_vec();
        let next = self.with_edits(visible.with_block(recent.clone()), later.clone())?;
        let (development, row) = self.development_after(&block.header);
        next.ground.keep_answers();
        self.storage.blocks.commit(&BlocksBatch {
            development: row.as_deref(),
            keep_edits: Some((block.number(), used.len())),
            blocks: std::slice::from_ref(&recent.stored),
            edits: Some((block.number() + 1, 0, &later)),
            ..Default::default()
        })?;
        self.settle_after(&block.header, development);
        self.visible.store(Arc::new(next));
        self.publish(ChainEvent::NewHead(recent.stored.clone()));
        drop(writer);
        self.flush.block_appended();
        Ok(())
    }

    /// Makes the pool's journal durable: removes rows, then adds rows.
    pub fn write_pool_journal(
        &self,
        removed: &[B256],
        added: &[(B256, Vec<u8>)],
    ) -> Result<(), ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        let batch = BlocksBatch { pool_removed: removed, pool_added: added, ..Default::default() };
        Ok(self.storage.blocks.commit(&batch)?)
    }

    /// The pool's journal as it was last made durable.
    pub fn pool_journal(&self) -> Result<Vec<(B256, Vec<u8>)>, ChainError> {
        Ok(self.storage.blocks.reader()?.pool()?)
    }
}
