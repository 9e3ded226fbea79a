//! What is a run of executed blocks above a canonical block, before anyone sees them?
//!
//! Blocks that extend the head wait here for their common commit; a side branch lives here while it
//! is compared with the canonical chain.

use super::{
    Chain, ChainError, ExecutedBlock, ImportError, InvalidBlock,
    append::TrieContext,
    query::check_kept,
    visible::{Recent, Visible},
};
use crate::{
    evm::{self, BlockTemplate},
    primitives::{Block, BlockNumHash, SealedHeader, StorageId},
    state::{Overlay, StateTrie, StateView, TrieError, rewind},
    storage::StateReader,
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_primitives::{B256, U256};
use std::{collections::BTreeMap, sync::Arc};

/// Executed blocks above a canonical one. A clone is a snapshot and copies little.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// The canonical block below.
    pub(super) base: BlockNumHash,
    /// The newest block, or the base.
    pub(super) tip: Arc<SealedHeader>,
    /// Of the tip.
    pub(super) total_difficulty: U256,
    /// Above the base, oldest first.
    pub(super) blocks: Vec<Arc<Recent>>,
    /// About how much memory the blocks take.
    pub(super) bytes: usize,
    /// Gas that the blocks used.
    pub(super) gas: u64,
    /// The newest changes of the state at the tip; the base's rows are below.
    overlay: Overlay,
    /// Hashes of the blocks.
    hashes: Arc<BTreeMap<u64, B256>>,
    trie: StateTrie,
    next_storage_id: StorageId,
}

impl Branch {
    /// Adds a block that was executed on the tip.
    pub(super) fn push(&mut self, recent: Arc<Recent>) {
        let header = &recent.stored.block.header;
        self.tip = header.clone();
        self.total_difficulty = self.total_difficulty.saturating_add(header.difficulty);
        self.overlay.push(recent.number(), recent.changes.clone());
        Arc::make_mut(&mut self.hashes).insert(recent.number(), header.seal());
        self.trie = recent.trie.clone();
        self.next_storage_id = recent.next_storage_id;
        let transactions = recent.stored.block.body.transactions.len();
        self.bytes += BLOCK_BYTES + recent.bytes() + transactions * TX_BYTES;
        self.gas += recent.gas();
        self.blocks.push(recent);
    }

    /// The trie of the tip.
    pub(super) const fn trie(&self) -> &StateTrie {
        &self.trie
    }

    /// The next storage id at the tip.
    pub(super) const fn next_storage_id(&self) -> StorageId {
        self.next_storage_id
    }

    /// Is this block the tip or below it, above the base?
    pub(super) fn contains(&self, block: BlockNumHash) -> bool {
        self.hashes.get(&block.number) == Some(&block.hash)
    }
}

/// Memory that an empty block takes with its trie, roughly.
const BLOCK_BYTES: usize = 12 << 10;
/// Memory that a transaction takes, roughly.
const TX_BYTES: usize = 512;

impl Chain {
    /// The empty branch at a canonical block with this total difficulty; `None` if the block is not
    /// canonical any more.
    pub(super) fn branch_at(
        &self,
        base: &Arc<SealedHeader>,
        total_difficulty: U256,
    ) -> Result<Option<Branch>, ChainError> {
        let (visible, [reader]) = self.visible_readers()?;
        check_kept(base.number, &reader)?;
        let at = BlockNumHash::new(base.number, base.seal());
        if !is_canonical(at, &visible, &reader)? {
            return Ok(None);
        }
        let (trie, next_storage_id) = trie_at(at.number, &visible, &reader)?;
        Ok(Some(Branch {
            base: at,
            tip: base.clone(),
            total_difficulty,
            blocks: Vec::new(),
            bytes: 0,
            gas: 0,
            overlay: visible.overlay_at(at.number),
            hashes: Arc::default(),
            trie,
            next_storage_id,
        }))
    }

    /// The state at the tip of a branch, and the rows below its trie.
    ///
    /// # Errors
    /// [`ChainError::StaleParent`] when the base is not canonical any more.
    pub(super) fn branch_readers(
        &self,
        branch: &Branch,
    ) -> Result<(StateView, StateReader), ChainError> {
        let (visible, [below, below_trie]) = self.visible_readers()?;
        if !is_canonical(branch.base, &visible, &below)? {
            let (number, parent) = (branch.tip.number + 1, branch.base.hash);
            return Err(ChainError::StaleParent { number, parent, head: visible.header.seal() });
        }
        let view = self.view(&visible.ground, branch.base.number, branch.overlay.clone(), below);
        Ok((view.with_hashes(branch.hashes.clone()), below_trie))
    }

    /// Executes a block on the tip of a branch and compares every result with its header.
    pub(super) fn execute_on(
        &self,
        branch: &Branch,
        block: &Block,
    ) -> Result<Arc<Recent>, ImportError> {
        let (view, below_trie) = match self.branch_readers(branch) {
            Err(ChainError::StaleParent { .. }) => return Err(ImportError::Moved),
            readers => readers?,
        };
        let trie = TrieContext {
            reader: below_trie,
            trie: branch.trie.clone(),
            next_storage_id: branch.next_storage_id,
            edits: Arc::default(),
            number: block.number(),
        };
        let invalid = |reason| ImportError::invalid(block, reason);
        let header = block.header.inner();
        let spec = self.spec();
        let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
        let (edits, roots) = (Default::default(), trie.for_receipts(fork));
        let (spec, limits) = (&spec, &self.settings.evm);
        let template = BlockTemplate::from_block_by(self.author(&block.header), spec, block);
        let run = || evm::execute_as(&template, spec, limits, view, edits, block, roots);
        let executed = self.counted.execute.time(run);
        let mut executed = executed.map_err(|error| ImportError::executing(block, error))?;
        evm::check(header, &executed).map_err(|error| ImportError::executing(block, error))?;
        let root = self.counted.root.time(|| trie.root(&mut executed.changes));
        let (root, step) = root.map_err(ChainError::from)?;
        if root != header.state_root {
            let header = header.state_root;
            return Err(invalid(InvalidBlock::StateRoot { header, executed: root }));
        }
        let executed = ExecutedBlock {
            block: block.clone(),
            receipts: Arc::new(executed.receipts),
            changes: executed.changes,
            step,
            participants: executed.participants,
        };
        let (recent, _no_edits) = executed.into_recent();
        Ok(Arc::new(recent))
    }

    /// The same branch made anew, after the rows below its trie went on to newer blocks.
    pub(super) fn execute_again_on_base(&self, branch: &Branch) -> Result<Branch, ImportError> {
        let base = self.header(branch.base.number)?.ok_or(ImportError::Moved)?;
        let total_difficulty = self.total_difficulty(base.number)?;
        let mut anew = self.branch_at(&base, total_difficulty)?.ok_or(ImportError::Moved)?;
        for recent in &branch.blocks {
            let recent = self.execute_on(&anew, &recent.stored.block)?;
            anew.push(recent);
        }
        Ok(anew)
    }
}

/// Is this block canonical where both of these were read?
fn is_canonical(
    block: BlockNumHash,
    visible: &Visible,
    reader: &StateReader,
) -> Result<bool, ChainError> {
    if block.number == visible.number() {
        return Ok(block.hash == visible.header.seal());
    }
    if let Some(recent) = visible.recent(block.number) {
        return Ok(block.hash == recent.stored.block.hash());
    }
    Ok(reader.block_hash(block.number)? == Some(block.hash))
}

/// The trie of a canonical block and the next storage id: from memory where the rows below are not
/// newer, else the trie of the rows taken back.
pub(super) fn trie_at(
    number: u64,
    visible: &Visible,
    reader: &StateReader,
) -> Result<(StateTrie, StorageId), TrieError> {
    if number == visible.number() {
        return Ok((visible.trie.clone(), visible.next_storage_id));
    }
    let written = reader.head()?.map_or(0, |head| head.number);
    match visible.recent(number) {
        Some(recent) if written <= number => Ok((recent.trie.clone(), recent.next_storage_id)),
        _ => {
            let root = reader.head_root()?.unwrap_or(EMPTY_ROOT_HASH);
            Ok((rewind(reader, root, number)?.trie, reader.next_storage_id()?))
        }
    }
}
