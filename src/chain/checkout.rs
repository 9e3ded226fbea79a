//! How does another named branch become the chain, and how do branches come and go?
//!
//! The chain goes back to the block where the branch leaves it, and the kept blocks of the branch are
//! appended again with what they changed: nothing is executed, and every state root is compared with its
//! header. `blocks` is written first, in one commit; after a crash opening brings the state there.

use super::{
    Chain, ChainError, ChainEvent, Development,
    branch::trie_at,
    named::{BranchError, BranchInfo, NamedBranches, Path},
    visible::{Recent, Visible},
};
use crate::{
    primitives::{BlockNumHash, Edit, Transaction},
    state::{StateTrie, StorageIds},
    storage::{BlocksBatch, BranchChanges, KeptBlock, StateReader, StoredBlock, StoredBranch},
};
use alloy_primitives::B256;
use std::sync::Arc;

/// What is prepared of a branch before anything changes.
struct Arrival {
    blocks: Vec<Arc<Recent>>,
    /// By height, those that are part of the blocks.
    edits: Vec<(u64, Vec<Edit>)>,
}

impl Chain {
    /// Names a branch: the chain as it is now, or as another branch is (`from`). `memo` is what the
    /// caller wants to know of the present chain again; another branch has its own.
    pub fn create_branch(
        &self,
        name: &str,
        from: Option<&str>,
        memo: Vec<u8>,
    ) -> Result<(), ChainError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        let named = &writer.named;
        named.check_new(name, self.settings.branches)?;
        let from = from.filter(|from| *from != named.current);
        let (branch, joins) = match from {
            Some(from) => {
                let other = named.other(from)?;
                (self.stored_branch(from)?, other.joins)
            }
            None => {
                let visible = self.visible.load();
                (self.as_branch(&visible, memo), visible.number())
            }
        };
        let bytes = branch.bytes();
        named.check_room(bytes, &[], self.settings.branches.bytes)?;
        let branches = BranchChanges { put: &[(name, &branch)], ..Default::default() };
        self.storage.blocks.commit(&BlocksBatch { branches, ..Default::default() })?;
        writer.named.add(name.to_owned(), branch.tip, joins, bytes);
        Ok(())
    }

    /// Forgets a branch, and the blocks that only it has. Answers what named it while this process ran.
    pub fn delete_branch(&self, name: &str) -> Result<u64, ChainError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        let id = writer.named.other(name)?.id;
        let dropped = writer.named.unneeded(Some(name), |at| self.is_on_chain(at))?;
        let branches = BranchChanges { deleted: &[name], dropped: &dropped, ..Default::default() };
        self.storage.blocks.commit(&BlocksBatch { branches, ..Default::default() })?;
        writer.named.remove(name);
        writer.named.drop_blocks(&dropped);
        Ok(id)
    }

    /// All branches, by name.
    pub fn branches(&self) -> Result<Vec<BranchInfo>, ChainError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        // Blocks that were made since may be those of another branch.
        writer.named.join_all(|at| self.is_on_chain(at))?;
        let head = self.head();
        Ok(writer.named.list(BlockNumHash::new(head.number, head.seal())))
    }

    /// Names the current branch while this process runs, as no other branch was or will be.
    pub fn branch_id(&self) -> u64 {
        self.writer.lock().named.id
    }

    /// The newest block of a branch, and the memo that was given when it was left or made; `None` for the
    /// current branch.
    pub fn branch(&self, name: &str) -> Result<Option<(BlockNumHash, Vec<u8>)>, ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        if writer.named.current == name {
            return Ok(None);
        }
        writer.named.other(name)?;
        let stored = self.stored_branch(name)?;
        Ok(Some((stored.tip, stored.memo)))
    }

    /// Makes another branch the chain: its blocks, the edits over them, what a developer set there, and
    /// `pool` as the pool's journal. The present chain stays as a branch, with `memo`. One durable
    /// commit, one swap.
    ///
    /// # Errors
    /// [`BranchError::Current`] if it is the chain already. Nothing is visible or stored unless this
    /// returns `Ok`, or the chain halts because the state could not follow.
    pub fn checkout(
        &self,
        name: &str,
        memo: Vec<u8>,
        pool: &[(B256, Vec<u8>)],
    ) -> Result<(), ChainError> {
        self.flush.wait_for_room(self)?;
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        let visible = self.visible.load_full();
        let target = writer.named.other(name)?;
        let branch = self.stored_branch(name)?;
        let development = Development::from_row(&branch.development)?;
        let path = writer.named.path(target.tip, |at| self.is_on_chain(at))?;
        let damaged = || BranchError::Damaged { name: name.to_owned(), number: target.tip.number };
        let path = path.ok_or_else(damaged)?;
        let arrival = self.arrive(name, &path, &visible)?;

        let left = self.as_branch(&visible, memo);
        let kept = self.kept_rows(&writer.named, &visible, path.base, visible.number())?;
        let dropped = self.dropped_by(&writer.named, name, &path)?;
        let more = kept.iter().map(|row| row.place().bytes).sum::<usize>() + left.bytes();
        writer.named.check_room(more, &dropped, self.settings.branches.bytes)?;
        let removed = self.removed_above(path.base, visible.number())?;
        let stored: Vec<StoredBlock> = arrival.blocks.iter().map(|it| it.stored.clone()).collect();
        let left_name = writer.named.current.clone();
        self.storage.blocks.commit(&BlocksBatch {
            development: Some(&branch.development),
            truncate_above: Some(path.base),
            keep_edits: Some((path.base + 1, 0)),
            blocks: &stored,
            edits: Some((branch.tip.number + 1, 0, &branch.edits)),
            branches: BranchChanges {
                current: Some(name),
                put: &[(&left_name, &left)],
                deleted: &[name],
                kept: &kept,
                dropped: &dropped,
                edits: &arrival.edits,
                pool: Some(pool),
            },
            ..Default::default()
        })?;
        let removed = Arc::new(removed);
        match self.head_after_checkout(&visible, path.base, &arrival, branch.edits) {
            Ok(next) => {
                let unwinds = match path.base == visible.number() {
                    true => visible.unwinds.clone(),
                    false => {
                        let head = visible.number();
                        Arc::new(visible.unwinds.and(path.base, head, &removed, false))
                    }
                };
                self.settle(development);
                self.visible.store(Arc::new(Visible { unwinds, ..next }));
            }
            Err(error) => {
                writer.halted = Some(error.to_string());
                return Err(error);
            }
        }
        let named = &mut writer.named;
        named.keep(&kept);
        named.drop_blocks(&dropped);
        let leaves = (left.tip, left.bytes());
        named.switch(name, &left_name, leaves);
        named.join_all(|at| self.is_on_chain(at))?;
        if path.base < visible.number() {
            self.publish(ChainEvent::Unwound { to: path.base, removed, by_branch: false });
        }
        for block in stored {
            self.publish(ChainEvent::NewHead(block));
        }
        drop(writer);
        self.flush.block_appended();
        Ok(())
    }

    /// Makes the kept blocks of a branch into blocks above the canonical one that they begin on.
    fn arrive(&self, name: &str, path: &Path, visible: &Visible) -> Result<Arrival, ChainError> {
        let below = self.storage.state.reader()?;
        let (mut trie, next_storage_id) = trie_at(path.base, visible, &below)?;
        let mut ids = StorageIds::new(next_storage_id);
        let mut arrival = Arrival { blocks: Vec::new(), edits: Vec::new() };
        for at in &path.blocks {
            let damaged = || BranchError::Damaged { name: name.to_owned(), number: at.number };
            let kept = self.storage.blocks.reader()?.kept_block(*at)?.ok_or_else(damaged)?;
            if !kept.edits.is_empty() {
                arrival.edits.push((at.number, kept.edits.clone()));
            }
            let recent = follow_kept(kept, &mut trie, &mut ids, &below)?;
            arrival.blocks.push(Arc::new(recent.ok_or_else(damaged)?));
        }
        Ok(arrival)
    }

    /// Kept blocks that nobody needs once this branch is the chain, and the chain a branch.
    fn dropped_by(
        &self,
        named: &NamedBranches,
        name: &str,
        path: &Path,
    ) -> Result<Vec<BlockNumHash>, ChainError> {
        let mut unneeded = named.unneeded(Some(name), |at| self.is_on_chain(at))?;
        // What becomes canonical is kept until it is left again: opening may need it after a crash.
        let arrives: std::collections::HashSet<B256> =
            path.blocks.iter().map(|at| at.hash).collect();
        unneeded.retain(|at| !arrives.contains(&at.hash));
        Ok(unneeded)
    }

    fn head_after_checkout(
        &self,
        visible: &Visible,
        base: u64,
        arrival: &Arrival,
        edits: Vec<Edit>,
    ) -> Result<Visible, ChainError> {
        fail::fail_point!("checkout-after-blocks", |_| Err(
            crate::storage::StorageError::Failpoint("checkout-after-blocks").into()
        ));
        let mut next = self.head_back_at(visible, base)?;
        fail::fail_point!("checkout-before-swap", |_| Err(
            crate::storage::StorageError::Failpoint("checkout-before-swap").into()
        ));
        for recent in &arrival.blocks {
            next = next.with_block(recent.clone());
        }
        next.trie.collapse(next.flushed.number, self.settings.trie_nodes);
        self.with_edits(next, edits)
    }

    /// A block of a stored chain that was kept once: its changes need not be worked out again, and
    /// must not, where the limits of execution are others now.
    pub(super) fn append_kept(&self, kept: KeptBlock) -> Result<(), ChainError> {
        let visible = self.visible.load_full();
        let number = kept.block.number();
        let below = self.storage.state.reader()?;
        let mut trie = visible.trie.clone();
        let mut ids = StorageIds::new(visible.next_storage_id);
        let damaged = || BranchError::Damaged { name: "the current one".to_owned(), number };
        let recent = follow_kept(kept, &mut trie, &mut ids, &below)?.ok_or_else(damaged)?;
        self.visible.store(Arc::new(visible.with_block(Arc::new(recent))));
        Ok(())
    }

    fn stored_branch(&self, name: &str) -> Result<StoredBranch, ChainError> {
        let stored = self.storage.blocks.reader()?.branch(name)?;
        Ok(stored.ok_or_else(|| BranchError::Unknown(name.to_owned()))?)
    }

    /// The present chain as a branch.
    fn as_branch(&self, visible: &Visible, memo: Vec<u8>) -> StoredBranch {
        StoredBranch {
            tip: BlockNumHash::new(visible.number(), visible.header.seal()),
            edits: visible.edits.to_vec(),
            development: self.development().to_row(),
            memo,
        }
    }

    fn is_on_chain(&self, at: BlockNumHash) -> Result<bool, ChainError> {
        Ok(self.header(at.number)?.is_some_and(|header| header.seal() == at.hash))
    }
}

/// Applies what a kept block changed to the trie of its parent; `None` if that does not give the state
/// root that its header says.
fn follow_kept(
    kept: KeptBlock,
    trie: &mut StateTrie,
    ids: &mut StorageIds,
    below: &StateReader,
) -> Result<Option<Recent>, ChainError> {
    let KeptBlock { block, receipts, changes, inside, .. } = kept;
    let mut changes = Arc::unwrap_or_clone(changes);
    let removed = trie.apply(&mut changes, block.number(), below, ids)?;
    if trie.root() != block.header.state_root {
        return Ok(None);
    }
    let hashes = block.body.transactions.iter().map(Transaction::hash);
    let places = hashes.enumerate().map(|(index, hash)| (hash, index as u32)).collect();
    Ok(Some(Recent {
        stored: StoredBlock { block, receipts },
        changes: Arc::new(changes),
        trie: trie.clone(),
        removed,
        next_storage_id: ids.next(),
        places,
        inside,
    }))
}
