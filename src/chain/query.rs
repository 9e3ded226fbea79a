//! Questions to the chain: blocks, receipts, places of transactions, states, proofs.

use super::{Chain, ChainError, ChainEvent, Clock, visible::Visible};
use crate::{
    evm::{BlockExecutor, BlockTemplate, EvmSettings},
    primitives::{Block, Receipt, SealedHeader, Transaction},
    spec::ChainSpec,
    state::{AccountProof, Overlay, StateView, TrieError, edits_to_changes, prove_at},
    storage::TxLocation,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Heights of the tags `safe` and `finalized`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finality {
    /// Will not be reorganised under honest majority.
    pub safe: u64,
    /// Will never be reorganised.
    pub finalized: u64,
}

impl Chain {
    /// The rules of this chain.
    pub fn spec(&self) -> &ChainSpec {
        &self.spec
    }

    /// Limits of execution that are not consensus.
    pub const fn evm_settings(&self) -> &EvmSettings {
        &self.settings.evm
    }

    /// The chain's clock.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The durable, visible head.
    pub fn head(&self) -> Arc<SealedHeader> {
        self.visible.load().header.clone()
    }

    /// News of the chain from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ChainEvent> {
        self.events.subscribe()
    }

    /// The heights of `safe` and `finalized`: one and two epochs behind the head.
    pub fn finality(&self) -> Finality {
        let (head, slots) = (self.head().number, self.settings.slots_in_an_epoch);
        Finality {
            safe: head.saturating_sub(slots),
            finalized: head.saturating_sub(slots.saturating_mul(2)),
        }
    }

    /// The canonical header at `number`.
    pub fn header(&self, number: u64) -> Result<Option<Arc<SealedHeader>>, ChainError> {
        let visible = self.visible.load();
        if number > visible.number() {
            return Ok(None);
        }
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.block.header.clone()));
        }
        Ok(self.storage.blocks.reader()?.header(number)?)
    }

    /// The canonical header with this hash.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<Arc<SealedHeader>>, ChainError> {
        let Some(number) = self.number_of(hash)? else { return Ok(None) };
        Ok(self.header(number)?.filter(|header| header.seal() == hash))
    }

    /// The canonical block at `number`.
    pub fn block(&self, number: u64) -> Result<Option<Block>, ChainError> {
        let visible = self.visible.load();
        if number > visible.number() {
            return Ok(None);
        }
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.block.clone()));
        }
        Ok(self.storage.blocks.reader()?.block(number)?)
    }

    /// The canonical block with this hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Block>, ChainError> {
        let Some(number) = self.number_of(hash)? else { return Ok(None) };
        Ok(self.block(number)?.filter(|block| block.hash() == hash))
    }

    fn number_of(&self, hash: B256) -> Result<Option<u64>, ChainError> {
        let visible = self.visible.load();
        if visible.header.seal() == hash {
            return Ok(Some(visible.number()));
        }
        Ok(self.storage.blocks.reader()?.number(hash)?)
    }

    /// The receipts of the canonical block at `number`.
    pub fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, ChainError> {
        let visible = self.visible.load();
        if number > visible.number() {
            return Ok(None);
        }
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.receipts.clone()));
        }
        Ok(self.storage.blocks.reader()?.receipts(number)?.map(Arc::new))
    }

    /// Where a mined transaction stands.
    pub fn locate(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        if let Some(found) = self.visible.load().locate(&hash) {
            return Ok(Some(found));
        }
        let Some(found) = self.storage.state.reader()?.transaction(hash)? else {
            return Ok(None);
        };
        // The index is not unwound: a row counts only if the block says the same.
        let stands_there = self.transaction(found)?.is_some_and(|tx| tx.hash() == hash);
        Ok(stands_there.then_some(found))
    }

    /// The transaction at a place of a canonical block.
    pub fn transaction(&self, at: TxLocation) -> Result<Option<Transaction>, ChainError> {
        let visible = self.visible.load();
        if at.block > visible.number() {
            return Ok(None);
        }
        if let Some(recent) = visible.recent(at.block) {
            return Ok(recent.stored.block.body.transactions.get(at.index as usize).cloned());
        }
        Ok(self.storage.blocks.reader()?.transaction(at)?)
    }

    /// The state exactly as the root of block `number` says.
    pub fn state_at(&self, number: u64) -> Result<StateView, ChainError> {
        self.visible_view(Some(number)).map(|(_, view)| view)
    }

    /// The head, and its state with the developer's edits over it.
    pub fn latest(&self) -> Result<(Arc<SealedHeader>, StateView), ChainError> {
        let (visible, view) = self.visible_view(None)?;
        let header = visible.header.clone();
        if visible.edits.is_empty() {
            return Ok((header, view));
        }
        let overlay = visible.overlay.clone().with(visible.edit_changes.clone());
        Ok((header, self.view_of(&visible, Some((visible.number(), overlay)))?))
    }

    /// Executes a block again up to a transaction of it, and answers what that returned or
    /// reverted with; `None` if it is not in the block.
    pub fn output_of(&self, block: &Block, hash: B256) -> Result<Option<Bytes>, ChainError> {
        let Some(parent) = block.number().checked_sub(1) else { return Ok(None) };
        let view = self.state_at(parent)?;
        let edits = self.storage.blocks.reader()?.edits(block.number())?;
        let edits = edits_to_changes(&view, &edits)?;
        let template = BlockTemplate::from_block(&self.spec, block);
        let evm = &self.settings.evm;
        let mut executor = BlockExecutor::begin(&self.spec, evm, view, edits, &template)?;
        for transaction in &block.body.transactions {
            let applied = executor.apply(transaction)?;
            if transaction.hash() == hash {
                return Ok(Some(applied.output));
            }
        }
        Ok(None)
    }

    /// A view of the head (`None`) or of an older block, and the head it belongs to.
    pub(super) fn visible_view(
        &self,
        number: Option<u64>,
    ) -> Result<(Arc<Visible>, StateView), ChainError> {
        loop {
            let visible = self.visible.load_full();
            let head = visible.number();
            let view = match number {
                None => self.view_of(&visible, None)?,
                Some(number) if number > head => {
                    return Err(ChainError::UnknownBlock { number, head });
                }
                Some(number) => {
                    self.view_of(&visible, Some((number, visible.overlay_at(number))))?
                }
            };
            if view.reader().unwinds()? == visible.unwinds {
                return Ok((visible, view));
            }
            // The state was unwound under this head: wait until the new head is visible.
            drop(view);
            drop(self.writer.lock());
        }
    }

    /// A view of a head, or of `at` with its overlay.
    pub(super) fn view_of(
        &self,
        visible: &Visible,
        at: Option<(u64, Overlay)>,
    ) -> Result<StateView, ChainError> {
        let (number, overlay) = at.unwrap_or_else(|| (visible.number(), visible.overlay.clone()));
        let reader = self.storage.state.reader()?;
        Ok(StateView::new(number, overlay, reader, self.storage.clone()))
    }

    /// Proves an account and slots against the state root of block `number` (EIP-1186).
    pub fn prove(
        &self,
        number: u64,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, ChainError> {
        let (visible, view) = self.visible_view(Some(number))?;
        if number == visible.number() {
            match visible.trie.prove(view.reader(), address, slots) {
                Err(TrieError::Stale { .. }) => {}
                proof => return Ok(proof?),
            }
        }
        if let Some(recent) = visible.recent(number) {
            match recent.trie.prove(view.reader(), address, slots) {
                Err(TrieError::Stale { .. }) => {}
                proof => return Ok(proof?),
            }
        }
        self.prove_written(number, address, slots)
    }

    /// As [`Chain::prove`], of a block that is written to the state.
    fn prove_written(
        &self,
        number: u64,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, ChainError> {
        let (visible, view) = self.visible_view(Some(number))?;
        let flushed = view.reader().head()?.map_or(0, |head| head.number);
        let root_at = |number| {
            let header = self.header(number)?.map(|header| header.state_root);
            header.ok_or(ChainError::UnknownBlock { number, head: visible.number() })
        };
        let (head_root, root) = (root_at(flushed)?, root_at(number)?);
        Ok(prove_at(view.reader(), head_root, number, root, address, slots)?)
    }
}
