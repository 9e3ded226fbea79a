//! Who may sign the block after a given one? Snapshots of proof of authority: the newest stay in
//! memory, others are made again from the headers since the last checkpoint.

use super::{Chain, ChainError, ImportError, side::Parent};
use crate::{
    consensus::{
        author_signed,
        clique::{self, CliqueError, CliqueRules, Snapshot, Tip, turn_limit},
    },
    primitives::{Block, BlockNumHash, SealedHeader},
    spec::{ChainSpec, Mode},
};
use alloy_primitives::{Address, B256, U256, map::B256Map};
use parking_lot::Mutex;
use rayon::prelude::*;
use std::{collections::VecDeque, sync::Arc};

/// Snapshots that stay in memory.
const KEPT: usize = 1024;

/// The signers of a chain; without rules the chain has none.
#[derive(Debug)]
pub(super) struct Signers {
    rules: Option<CliqueRules>,
    kept: Mutex<Kept>,
}

/// Snapshots by the hash of their block, and in which order they came.
#[derive(Debug, Default)]
struct Kept {
    by_hash: B256Map<Arc<Snapshot>>,
    order: VecDeque<B256>,
}

impl Kept {
    fn insert(&mut self, snapshot: Arc<Snapshot>) {
        let hash = snapshot.hash;
        if self.by_hash.insert(hash, snapshot).is_some() {
            return;
        }
        self.order.push_back(hash);
        while self.order.len() > KEPT {
            let oldest = self.order.pop_front();
            oldest.and_then(|hash| self.by_hash.remove(&hash));
        }
    }
}

impl Signers {
    /// The signers that the first block of a chain lists.
    ///
    /// # Errors
    /// [`ChainError::Signers`] where nobody could ever sign a block.
    pub(super) fn of(spec: &ChainSpec, first: &SealedHeader) -> Result<Self, ChainError> {
        let mut kept = Kept::default();
        let rules = (spec.mode == Mode::Poa).then(|| CliqueRules::of(&spec.genesis));
        if rules.is_some() {
            let at = BlockNumHash::new(first.number, first.seal());
            kept.insert(Arc::new(Snapshot::at_checkpoint(at, first)?));
        }
        Ok(Self { rules, kept: kept.into() })
    }
}

impl Chain {
    /// Of how many blocks it is in memory who may sign after them.
    pub(super) fn kept_snapshots(&self) -> usize {
        self.signers.kept.lock().by_hash.len()
    }

    /// Of proof of authority; `None` on another chain.
    pub(super) const fn clique_rules(&self) -> Option<CliqueRules> {
        self.signers.rules
    }

    /// Who may sign after a block, canonical or beside it.
    ///
    /// # Errors
    /// [`ChainError::NoSigners`] on a chain without proof of authority.
    pub fn signers_after(&self, at: BlockNumHash) -> Result<Arc<Snapshot>, ChainError> {
        let rules = self.signers.rules.ok_or(ChainError::NoSigners(self.spec().mode))?;
        let kept = |at: BlockNumHash| self.signers.kept.lock().by_hash.get(&at.hash).cloned();
        let (mut missing, mut below) = (Vec::new(), at);
        let base = loop {
            if let Some(snapshot) = kept(below) {
                break snapshot;
            }
            let header = self.header_at(below)?;
            if rules.is_checkpoint(below.number) {
                break Arc::new(self.at_checkpoint(below, &header)?);
            }
            below = parent_of(&header)?;
            missing.push(header);
        };
        // Whose signature it is costs more than all else.
        let signed = missing.into_par_iter().rev().map(|header| {
            let signer = self.proofs.signer(&header)?;
            Ok((header, signer))
        });
        let signed: Vec<_> = signed.collect::<Result<_, CliqueError>>()?;
        let (mut snapshot, mut newest) = (base.clone(), vec![base]);
        let old = signed.len().saturating_sub(KEPT);
        for (place, (header, signer)) in signed.into_iter().enumerate() {
            let next = snapshot.after_signed(rules, &header, header.seal(), signer)?;
            snapshot = Arc::new(next);
            if place >= old {
                newest.push(snapshot.clone());
            }
        }
        // Whoever names one block after the other as a parent makes us walk this way once.
        let mut kept = self.signers.kept.lock();
        newest.into_iter().for_each(|snapshot| kept.insert(snapshot));
        drop(kept);
        Ok(snapshot)
    }

    /// The signers at a checkpoint, and who of them signed a moment ago.
    fn at_checkpoint(
        &self,
        at: BlockNumHash,
        header: &Arc<SealedHeader>,
    ) -> Result<Snapshot, ChainError> {
        let snapshot = Snapshot::at_checkpoint(at, header)?;
        let (mut recents, mut header) = (Vec::new(), header.clone());
        for _ in 0..turn_limit(snapshot.count()) {
            if header.number <= self.first() {
                break;
            }
            recents.push((header.number, self.proofs.signer(&header)?));
            header = self.header_at(parent_of(&header)?)?;
        }
        Ok(snapshot.with_recents(recents))
    }

    fn header_at(&self, at: BlockNumHash) -> Result<Arc<SealedHeader>, ChainError> {
        if let Some(header) = self.header(at.number)?.filter(|it| it.seal() == at.hash) {
            return Ok(header);
        }
        let side = self.storage.blocks.reader()?.side_header(at)?;
        let head = self.head().number;
        Ok(side.ok_or(ChainError::UnknownBlock { number: at.number, head })?.0)
    }

    /// Checks who signed a block, and remembers who may sign after it.
    pub(super) fn check_signer(&self, block: &Block, parent: &Parent) -> Result<(), ImportError> {
        let Some(rules) = self.signers.rules else { return Ok(()) };
        let at = BlockNumHash::new(parent.header.number, parent.header.seal());
        let snapshot = self.signers_after(at)?;
        let (header, hash) = (block.header.inner(), block.hash());
        let signer = || self.proofs.signer(&block.header);
        let checked = clique::check_signed(rules, &parent.header, header, &snapshot, signer)
            .and_then(|signer| snapshot.after_signed(rules, header, hash, signer));
        let next = checked.map_err(|error| ImportError::invalid(block, error))?;
        self.signers.kept.lock().insert(Arc::new(next));
        Ok(())
    }

    /// Who made a block, and so gets its tips.
    pub(super) fn author(&self, header: &SealedHeader) -> Address {
        author_signed(&self.spec(), header, || self.proofs.signer(header))
    }

    /// A block as the tip of its branch, with this total difficulty.
    pub(super) fn signed_tip(
        &self,
        header: &SealedHeader,
        total_difficulty: U256,
    ) -> Result<Tip, ChainError> {
        let snapshot = self.signers_after(parent_of(header)?)?;
        // Without a right seal it is refused before anyone compares it.
        let signer = self.proofs.signer(header).unwrap_or(Address::ZERO);
        Ok(Tip::new(total_difficulty, header.number, header.seal(), signer, &snapshot))
    }
}

fn parent_of(header: &SealedHeader) -> Result<BlockNumHash, ChainError> {
    let number = header.number.checked_sub(1);
    let number = number.ok_or(ChainError::UnknownBlock { number: 0, head: header.number })?;
    Ok(BlockNumHash::new(number, header.parent_hash))
}
