//! What every reader sees: one immutable value, swapped whole.

use super::{base::Ground, follow::Unwinds};
use crate::{
    primitives::{BlockNumHash, Edit, Participants, SealedHeader, StateChanges},
    state::{Overlay, StateTrie},
    storage::{StoredBlock, TxLocation},
};
use alloy_primitives::{B256, map::B256Map};
use std::{collections::VecDeque, sync::Arc};

/// The visible chain at one head.
#[derive(Clone, Debug)]
pub(super) struct Visible {
    /// What the chain stands on.
    pub(super) ground: Arc<Ground>,
    pub(super) header: Arc<SealedHeader>,
    /// The block up to which `state` is written.
    pub(super) flushed: BlockNumHash,
    /// Blocks above `flushed`, oldest first, and their changes as one overlay.
    pub(super) recent: VecDeque<Arc<Recent>>,
    pub(super) overlay: Overlay,
    /// Bytes (estimated) and gas of the recent blocks.
    pub(super) recent_bytes: usize,
    pub(super) recent_gas: u64,
    /// The trie of the head.
    pub(super) trie: StateTrie,
    /// The developer's edits since the head.
    pub(super) edits: Arc<Vec<Edit>>,
    pub(super) edit_changes: Arc<StateChanges>,
    /// The next storage id that no contract has.
    pub(super) next_storage_id: u64,
    /// Blocks that were there and are gone.
    pub(super) unwinds: Arc<Unwinds>,
}

/// A block that is durable in `blocks` and not yet written to `state`.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) stored: StoredBlock,
    pub(super) changes: Arc<StateChanges>,
    pub(super) trie: StateTrie,
    pub(super) removed: crate::state::Removals,
    pub(super) next_storage_id: u64,
    pub(super) places: B256Map<u32>,
    /// Whom only execution shows to take part in the transactions.
    pub(super) inside: Participants,
}

impl Recent {
    pub(super) fn number(&self) -> u64 {
        self.stored.block.number()
    }

    pub(super) fn gas(&self) -> u64 {
        self.stored.block.header.gas_used
    }

    /// Memory that this block takes in the overlay and on the way to the state, roughly.
    pub(super) fn bytes(&self) -> usize {
        const PER_ROW: usize = 160;
        let code: usize = self.changes.codes.values().map(|code| code.len()).sum();
        (self.changes.len() + self.inside.len()) * PER_ROW + code
    }
}

impl Visible {
    /// A head whose state is exactly what is written.
    pub(super) fn written(
        ground: Arc<Ground>,
        header: Arc<SealedHeader>,
        next_storage_id: u64,
    ) -> Self {
        Self {
            flushed: BlockNumHash::new(header.number, header.seal()),
            recent: VecDeque::new(),
            overlay: Overlay::default(),
            recent_bytes: 0,
            recent_gas: 0,
            trie: StateTrie::at(ground.base.trie_root_of(&header)),
            edits: Arc::default(),
            edit_changes: Arc::default(),
            next_storage_id,
            unwinds: Arc::default(),
            header,
            ground,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    /// The recent block at this height.
    pub(super) fn recent(&self, number: u64) -> Option<&Arc<Recent>> {
        let first = self.recent.front()?.number();
        self.recent.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Is a state that was written up to this block the one below this head? Not if the chain went
    /// back, or far ahead, since.
    pub(super) fn lies_over(&self, written: BlockNumHash) -> bool {
        let is_it = |recent: &Arc<Recent>| recent.stored.block.hash() == written.hash;
        written == self.flushed || self.recent(written.number).is_some_and(is_it)
    }

    /// Where a transaction of a recent block stands.
    pub(super) fn locate(&self, hash: &B256) -> Option<TxLocation> {
        self.recent.iter().rev().find_map(|recent| {
            let index = u64::from(*recent.places.get(hash)?);
            Some(TxLocation { block: recent.number(), index })
        })
    }

    /// The overlay as of a recent block: the head's, or one made of the blocks up to `number`.
    pub(super) fn overlay_at(&self, number: u64) -> Overlay {
        if number == self.number() {
            return self.overlay.clone();
        }
        let mut overlay = Overlay::default();
        for recent in self.recent.iter().take_while(|recent| recent.number() <= number) {
            overlay.push(recent.number(), recent.changes.clone());
        }
        overlay
    }

    /// The next head: this one and a block on top, without edits.
    pub(super) fn with_block(&self, recent: Arc<Recent>) -> Self {
        let mut next = self.clone();
        next.header = recent.stored.block.header.clone();
        next.overlay.push(recent.number(), recent.changes.clone());
        next.recent_bytes += recent.bytes();
        next.recent_gas += recent.gas();
        next.trie = recent.trie.clone();
        next.next_storage_id = recent.next_storage_id;
        next.recent.push_back(recent);
        next.edits = Arc::default();
        next.edit_changes = Arc::default();
        next
    }

    /// This head after the blocks up to `flushed` were written to `state`.
    pub(super) fn without_flushed(&self, flushed: BlockNumHash) -> Self {
        let mut next = self.clone();
        while next.recent.front().is_some_and(|recent| recent.number() <= flushed.number) {
            next.recent.pop_front();
        }
        next.flushed = flushed;
        next.overlay.drop_through(flushed.number);
        next.recount();
        next
    }

    /// A recent block as the head, without edits.
    pub(super) fn back_to(&self, recent: &Arc<Recent>) -> Self {
        let mut next = self.clone();
        next.overlay = self.overlay_at(recent.number());
        next.recent.retain(|other| other.number() <= recent.number());
        next.header = recent.stored.block.header.clone();
        next.trie = recent.trie.clone();
        next.edits = Arc::default();
        next.edit_changes = Arc::default();
        next.recount();
        next
    }

    fn recount(&mut self) {
        self.recent_bytes = self.recent.iter().map(|recent| recent.bytes()).sum();
        self.recent_gas = self.recent.iter().map(|recent| recent.gas()).sum();
    }
}
