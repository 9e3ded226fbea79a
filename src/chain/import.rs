//! Blocks from outside: is a block valid, where does it belong, does it become the head?
//!
//! Checks run from the cheapest to the dearest; a block is stored only when it was executed, also
//! beside the canonical chain. Blocks that extend the head wait for a common durable commit.

use super::{
    Branch, Chain, ChainError, ImportError,
    adopt::By,
    fork_choice::{Choice, Head, choose},
    side::{MAX_BRANCH_BYTES, Parent, SideBranches},
    visible::Recent,
};
use crate::{
    consensus::clique,
    primitives::{Block, BlockNumHash, SealedHeader},
    spec::{self, Ancestor, Mode, OMMER_ANCESTORS},
    storage::{BlocksBatch, SIDE_DEPTH, SideBlock},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use parking_lot::MutexGuard;
use std::sync::Arc;

/// Blocks that wait for a common commit at most.
const BATCH_BLOCKS: usize = 64;
/// Their size in memory at most, in bytes.
const BATCH_BYTES: usize = 16 << 20;
/// Their gas at most.
const BATCH_GAS: u64 = 500_000_000;
/// How often an import begins again because the chain changed under it.
const ATTEMPTS: usize = 8;

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is the head.
    Extended,
    /// It is valid and lies beside the canonical chain.
    Side,
    /// Its branch is the canonical one now.
    Reorganised {
        /// Blocks that were canonical before.
        removed: u64,
        /// Blocks of the branch.
        added: u64,
    },
    /// It was there already.
    Known,
}

/// An import of many blocks. Nothing that was added is visible or durable before a commit; dropped
/// without one, the blocks since the last are gone.
#[derive(Debug)]
pub struct Import<'a> {
    chain: &'a Chain,
    /// Held so that imports come one after the other.
    side: MutexGuard<'a, SideBranches>,
    /// Blocks above the head that wait for their commit.
    pending: Option<Branch>,
}

impl Chain {
    /// Takes in one block. It is durable and visible when this returns `Ok`.
    ///
    /// # Errors
    /// An [`ImportError`] says why not; nothing has changed then.
    pub fn import(&self, block: &Block) -> Result<Imported, ImportError> {
        let mut import = self.importing();
        let placed = import.place(block);
        let imported = placed.and_then(|imported| match import.pending.take() {
            Some(branch) => import.extend(&branch, block),
            None => Ok(imported),
        });
        self.counted.imported(&imported);
        imported
    }

    /// Begins an import of many blocks, which share durable commits as far as they extend the head.
    /// Other imports wait until it is dropped.
    pub fn importing(&self) -> Import<'_> {
        Import { chain: self, side: self.side.lock(), pending: None }
    }
}

impl Import<'_> {
    /// The chain that blocks are imported into.
    pub const fn chain(&self) -> &Chain {
        self.chain
    }

    /// Takes in a block; one that extends the head is visible and durable after a commit only.
    ///
    /// # Errors
    /// An [`ImportError`] says why not. What was added before is committed then.
    pub fn add(&mut self, block: &Block) -> Result<Imported, ImportError> {
        let imported = self.take_in(block);
        self.chain.counted.imported(&imported);
        imported
    }

    fn take_in(&mut self, block: &Block) -> Result<Imported, ImportError> {
        let follows = |pending: &Branch| pending.tip.seal() == block.header.parent_hash;
        if !self.pending.as_ref().is_some_and(follows) {
            self.commit()?;
            return self.place(block);
        }
        if let Err(error) = self.add_pending(block) {
            self.chain.note_bad(block, &error);
            self.commit()?;
            return Err(error);
        }
        if self.pending.as_ref().is_some_and(is_full) {
            self.commit()?;
        }
        Ok(Imported::Extended)
    }

    /// Makes everything that was added durable and visible.
    pub fn commit(&mut self) -> Result<(), ImportError> {
        let Some(branch) = self.pending.take() else { return Ok(()) };
        match self.chain.adopt(&branch, branch.base.hash, By::Rules) {
            // Someone else made a block: each finds its place anew.
            Err(ChainError::StaleParent { .. }) => {
                for recent in &branch.blocks {
                    let block = &recent.stored.block;
                    self.place(block)?;
                    if let Some(branch) = self.pending.take() {
                        self.extend(&branch, block)?;
                    }
                }
                Ok(())
            }
            done => Ok(done.map(drop)?),
        }
    }

    /// Commits a branch of one block on the head; where the head moved, the block is placed anew.
    fn extend(&mut self, branch: &Branch, block: &Block) -> Result<Imported, ImportError> {
        let mut branch = branch.clone();
        for _ in 0..ATTEMPTS {
            match self.chain.adopt(&branch, branch.base.hash, By::Rules) {
                Err(ChainError::StaleParent { .. }) => {
                    let imported = self.place(block)?;
                    let Some(again) = self.pending.take() else { return Ok(imported) };
                    branch = again;
                }
                done => return Ok(done.map(|_removed| Imported::Extended)?),
            }
        }
        Err(ImportError::Moved)
    }

    fn add_pending(&mut self, block: &Block) -> Result<(), ImportError> {
        let Some(branch) = &mut self.pending else { return Err(ImportError::Moved) };
        let parent = Parent {
            header: branch.tip.clone(),
            total_difficulty: branch.total_difficulty,
            is_canonical: true,
        };
        self.chain.check(block, &parent)?;
        self.chain.check_ommers(block, branch)?;
        let recent = self.chain.execute_on(branch, block)?;
        branch.push(recent);
        Ok(())
    }

    /// Finds a block's place and takes it in. Nothing is pending before; afterwards the block is, if
    /// it extends the head.
    fn place(&mut self, block: &Block) -> Result<Imported, ImportError> {
        for _ in 0..ATTEMPTS {
            match self.place_once(block) {
                Err(ImportError::Moved) => self.side.clear(),
                Err(ImportError::Chain(ChainError::StaleParent { .. })) => self.side.clear(),
                done => return done.inspect_err(|error| self.chain.note_bad(block, error)),
            }
        }
        Err(ImportError::Moved)
    }

    fn place_once(&mut self, block: &Block) -> Result<Imported, ImportError> {
        let chain = self.chain;
        chain.writer.lock().check()?;
        let at = block.num_hash();
        if chain.header(at.number)?.is_some_and(|header| header.seal() == at.hash) {
            return Ok(Imported::Known);
        }
        if at.number <= chain.first() {
            let stored = chain.header(chain.first())?.map_or(B256::ZERO, |first| first.seal());
            return Err(ChainError::OtherGenesis { stored, given: at.hash }.into());
        }
        let unknown = ImportError::UnknownParent { block: at, parent: block.header.parent_hash };
        let parent = chain.parent_of(&block.header)?.ok_or(unknown)?;
        let head = chain.head();
        if head.number > at.number.saturating_add(SIDE_DEPTH) {
            return Err(ImportError::TooDeep { block: at, head: head.number, max: SIDE_DEPTH });
        }
        let total_difficulty = parent.total_difficulty.saturating_add(block.header.difficulty);
        let choice = chain.choice(&head, block, &parent)?;
        let known = chain.storage.blocks.reader().and_then(|blocks| blocks.side_header(at));
        let is_known = known.map_err(ChainError::from)?.is_some();
        if is_known {
            let wins = choice == Choice::Extend
                || (choice == Choice::Reorganise && !block.header.difficulty.is_zero());
            if !wins {
                return Ok(Imported::Known);
            }
            // It leaves the side branches, also the remembered ones.
            self.side.clear();
        }
        chain.check(block, &parent)?;
        let mut branch = chain.branch_to(&parent, &mut self.side)?;
        let done = check_size(block, &branch)
            .and_then(|()| chain.check_ommers(block, &branch))
            .and_then(|()| chain.execute_on_fresh(&mut branch, block));
        match done {
            Ok(recent) => branch.push(recent),
            // The branch below is as good as it was.
            Err(error) => {
                self.remember(branch);
                return Err(error);
            }
        }
        match choice {
            Choice::Extend => {
                self.pending = Some(branch);
                Ok(Imported::Extended)
            }
            Choice::Side => {
                chain.keep_aside(block, total_difficulty)?;
                self.remember(branch);
                Ok(Imported::Side)
            }
            Choice::Reorganise => {
                let removed = chain.adopt(&branch, head.seal(), By::Rules)?.len() as u64;
                self.side.clear();
                Ok(Imported::Reorganised { removed, added: branch.blocks.len() as u64 })
            }
        }
    }

    fn remember(&mut self, branch: Branch) {
        if !branch.blocks.is_empty() {
            self.side.remember(branch);
        }
    }
}

fn check_size(block: &Block, branch: &Branch) -> Result<(), ImportError> {
    let (bytes, max) = (branch.bytes, MAX_BRANCH_BYTES);
    if bytes > max {
        return Err(ImportError::BranchTooLarge { block: block.num_hash(), bytes, max });
    }
    Ok(())
}

const fn is_full(branch: &Branch) -> bool {
    branch.blocks.len() >= BATCH_BLOCKS || branch.bytes >= BATCH_BYTES || branch.gas >= BATCH_GAS
}

impl Chain {
    /// What this block, if it is valid, does to the chain.
    fn choice(
        &self,
        head: &SealedHeader,
        block: &Block,
        parent: &Parent,
    ) -> Result<Choice, ImportError> {
        let header = block.header.inner();
        let total_difficulty = parent.total_difficulty.saturating_add(header.difficulty);
        let of_head = self.total_difficulty(head.number)?;
        if self.spec().mode == Mode::Poa && head.number > self.first() {
            if header.parent_hash == head.seal() {
                return Ok(Choice::Extend);
            }
            let tip = self.signed_tip(&block.header, total_difficulty)?;
            let head = self.signed_tip(head, of_head)?;
            return Ok(if clique::wins(&tip, &head) { Choice::Reorganise } else { Choice::Side });
        }
        let head = Head {
            header: head.inner(),
            hash: head.seal(),
            total_difficulty: of_head,
            is_first: head.number == self.first(),
        };
        Ok(choose(head, header, total_difficulty))
    }

    /// Would header, seal and body of this block be accepted on the parent that it names? Says nothing
    /// of its execution. A canonical block always would.
    pub fn check_rules(&self, block: &Block) -> Result<(), ImportError> {
        let at = block.num_hash();
        if self.header(at.number)?.is_some_and(|header| header.seal() == at.hash) {
            return Ok(());
        }
        let unknown = ImportError::UnknownParent { block: at, parent: block.header.parent_hash };
        let parent = self.parent_of(&block.header)?.ok_or(unknown)?;
        self.check(block, &parent)
    }

    /// What can be said of a block before its parent's state is known: header, body, seals.
    fn check(&self, block: &Block, parent: &Parent) -> Result<(), ImportError> {
        self.counted.check.time(|| self.check_parts(block, parent))
    }

    fn check_parts(&self, block: &Block, parent: &Parent) -> Result<(), ImportError> {
        let header = block.header.inner();
        self.check_time(block.num_hash(), header)?;
        spec::check_header(&self.spec(), &parent.header, header, parent.total_difficulty)
            .map_err(|error| ImportError::invalid(block, error))?;
        spec::check_body(&self.spec(), header, &block.body)
            .map_err(|error| ImportError::invalid(block, error))?;
        self.check_signer(block, parent)?;
        let mut ommers = block.body.ommers.iter();
        self.proofs
            .verify(&self.seals, &block.header)
            .and_then(|()| ommers.try_for_each(|header| self.seals.verify(header)))
            .map_err(|error| ImportError::unsealed(block.num_hash(), error))
    }

    /// Seals that take long to look at are not looked at any more: whatever is being imported ends soon.
    pub fn stop_checking_seals(&self) {
        self.seals.stop();
    }

    /// Does this header carry proof of work that is not looked at?
    pub fn leaves_seal_unverified(&self, header: &Header) -> bool {
        let has_proof = matches!(self.spec().mode, Mode::Pow | Mode::Merged);
        has_proof && !header.difficulty.is_zero() && !self.seals.checks(header)
    }

    /// Compares the ommers with the ancestors on the block's own branch.
    fn check_ommers(&self, block: &Block, branch: &Branch) -> Result<(), ImportError> {
        let ommers = &block.body.ommers;
        if ommers.is_empty() {
            return Ok(());
        }
        let ancestors = self.ancestors(branch)?;
        spec::check_ommers(&self.spec(), block.header.inner(), ommers, &ancestors)
            .map_err(|error| ImportError::invalid(block, error))
    }

    /// The nearest blocks of a branch and of the canonical chain below it, newest first.
    pub(super) fn ancestors(&self, branch: &Branch) -> Result<Vec<Ancestor>, ChainError> {
        let ancestor = |block: &Block| Ancestor {
            header: block.header.as_ref().clone(),
            ommers: block.body.ommers.clone(),
        };
        let own = branch.blocks.iter().rev().map(|recent: &Arc<Recent>| &recent.stored.block);
        let mut ancestors: Vec<_> = own.take(OMMER_ANCESTORS).map(ancestor).collect();
        let mut number = Some(branch.base.number);
        while let Some(at) = number.filter(|_| ancestors.len() < OMMER_ANCESTORS) {
            let Some(block) = self.block(at)? else { break };
            ancestors.push(ancestor(&block));
            number = at.checked_sub(1);
        }
        Ok(ancestors)
    }

    /// [`Chain::execute_on`], and once more on a branch made anew if the rows below went on.
    pub(super) fn execute_on_fresh(
        &self,
        branch: &mut Branch,
        block: &Block,
    ) -> Result<Arc<Recent>, ImportError> {
        for _ in 0..ATTEMPTS {
            match self.execute_on(branch, block) {
                Err(error) if error.is_stale_trie() => match self.execute_again_on_base(branch) {
                    Ok(anew) => *branch = anew,
                    Err(error) if error.is_stale_trie() => {}
                    Err(error) => return Err(error),
                },
                done => return done,
            }
        }
        Err(ImportError::Moved)
    }

    /// Stores an executed block beside the canonical chain.
    fn keep_aside(&self, block: &Block, total_difficulty: U256) -> Result<(), ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        let side = SideBlock { block: block.clone(), total_difficulty };
        Ok(self
            .storage
            .blocks
            .commit(&BlocksBatch { side_added: &[side], ..Default::default() })?)
    }

    /// Difficulty of the canonical block at `number` and all before it; blocks after the merge add
    /// nothing.
    pub fn total_difficulty(&self, number: u64) -> Result<U256, ChainError> {
        Ok(self.storage.blocks.reader()?.total_difficulty(number)?)
    }

    /// The blocks beside the canonical chain, lowest first.
    pub fn side_blocks(&self) -> Result<Vec<BlockNumHash>, ChainError> {
        Ok(self.storage.blocks.reader()?.side_blocks()?)
    }

    /// A block beside the canonical chain.
    pub fn side_block(&self, at: BlockNumHash) -> Result<Option<SideBlock>, ChainError> {
        Ok(self.storage.blocks.reader()?.side_block(at)?)
    }
}
