//! Questions to the chain: blocks, receipts, places of transactions, states, proofs.

use super::{BaseKind, Chain, ChainError, ChainEvent, Clock, base::Ground, visible::Visible};
use crate::{
    consensus::depths,
    evm::{Applied, BlockExecutor, BlockTemplate, EvmSettings, trace::Replay},
    primitives::{Block, BlockNumHash, Receipt, SealedHeader, Transaction},
    spec::Mode,
    state::{
        AccountProof, Overlay, StateView, TrieError, edits_to_changes, prove_at, prove_by_pass,
    },
    storage::{BlocksReader, StateReader, Storage, StoredBlock, TxLocation},
};
use alloy_consensus::constants::EMPTY_ROOT_HASH;
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

/// What a developer did to a block, so that no other node can execute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// Edits of the state are part of it.
    Edits(usize),
    /// A sender did not sign.
    Impersonated {
        /// The transaction's place in the block.
        index: usize,
        /// Who did not sign.
        sender: Address,
    },
    /// It has another chain id than the genesis.
    ChainId(u64),
    /// It has its parent's timestamp.
    SameTime,
}

impl std::fmt::Display for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Edits(count) => write!(f, "{count} edits of the state are part of it"),
            Self::Impersonated { index, sender } => {
                write!(f, "transaction {index} was sent for {sender} without a signature")
            }
            Self::ChainId(id) => write!(f, "its chain id was set to {id}"),
            Self::SameTime => f.write_str("it has the timestamp of the block before"),
        }
    }
}

impl Chain {
    /// What a developer did to a canonical block, if anything.
    pub fn made_by_hand(&self, block: &Block) -> Result<Option<ByHand>, ChainError> {
        let edits = self.storage.blocks.reader()?.edits(block.number())?.len();
        if edits > 0 {
            return Ok(Some(ByHand::Edits(edits)));
        }
        let spec = self.spec();
        let ids = &spec.chain_ids;
        if ids.at(block.number()) != ids.genesis() {
            return Ok(Some(ByHand::ChainId(ids.at(block.number()))));
        }
        let parent = block.number().checked_sub(1).map(|parent| self.header(parent)).transpose()?;
        if parent.flatten().is_some_and(|parent| parent.timestamp == block.header.timestamp) {
            return Ok(Some(ByHand::SameTime));
        }
        let mut transactions = block.body.transactions.iter().enumerate();
        let impersonated = transactions.find(|(_, transaction)| transaction.is_impersonated());
        Ok(impersonated.map(|(index, transaction)| ByHand::Impersonated {
            index,
            sender: transaction.sender(),
        }))
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

    /// The heights of `safe` and `finalized`, by the rule of the chain's mode. Where it cannot be told
    /// who signs, nothing but the first block is final.
    pub fn finality(&self) -> Finality {
        let (head, first) = (self.head(), self.first());
        let mode = self.spec().mode;
        let signers = match mode {
            Mode::Poa => self.signers_after(BlockNumHash::new(head.number, head.seal())).ok(),
            _ => None,
        };
        if mode == Mode::Poa && signers.is_none() {
            return Finality { safe: first, finalized: first };
        }
        let signers = signers.map_or(0, |signers| signers.count());
        let depths = depths(mode, signers, self.settings.slots_in_an_epoch);
        let behind = |depth| head.number.saturating_sub(depth).max(first);
        Finality { safe: behind(depths.safe), finalized: behind(depths.finalized) }
    }

    /// The canonical header at `number`.
    pub fn header(&self, number: u64) -> Result<Option<Arc<SealedHeader>>, ChainError> {
        let visible = self.visible.load();
        if number >= visible.number() {
            return Ok((number == visible.number()).then(|| visible.header.clone()));
        }
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.block.header.clone()));
        }
        if let Some(remote) = visible.ground.remote_below(number) {
            return Ok(remote.header_at(number)?);
        }
        Ok(self.storage.blocks.reader()?.header(number)?)
    }

    /// The canonical header with this hash.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<Arc<SealedHeader>>, ChainError> {
        let Some(number) = self.number_here(hash)? else { return self.remote_header(hash) };
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
        if let Some(remote) = visible.ground.remote_below(number) {
            return self.remote_block(remote, number);
        }
        Ok(self.storage.blocks.reader()?.block(number)?)
    }

    /// The canonical block with this hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Block>, ChainError> {
        let Some(number) = self.number_of(hash)? else { return Ok(None) };
        Ok(self.block(number)?.filter(|block| block.hash() == hash))
    }

    fn number_of(&self, hash: B256) -> Result<Option<u64>, ChainError> {
        match self.number_here(hash)? {
            Some(number) => Ok(Some(number)),
            None => Ok(self.remote_header(hash)?.map(|header| header.number)),
        }
    }

    fn number_here(&self, hash: B256) -> Result<Option<u64>, ChainError> {
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
        if let Some(remote) = visible.ground.remote_below(number) {
            return self.remote_receipts(remote, number);
        }
        Ok(self.storage.blocks.reader()?.receipts(number)?.map(Arc::new))
    }

    /// The canonical block at `number` with its receipts.
    pub(super) fn stored(&self, number: u64) -> Result<Option<StoredBlock>, ChainError> {
        let (Some(block), Some(receipts)) = (self.block(number)?, self.receipts(number)?) else {
            return Ok(None);
        };
        Ok(Some(StoredBlock { block, receipts }))
    }

    /// Where a mined transaction stands.
    pub fn locate(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        if let Some(found) = self.visible.load().locate(&hash) {
            return Ok(Some(found));
        }
        if let Some(found) = self.storage.state.reader()?.transaction(hash)? {
            // The index is not unwound: a row counts only if the block says the same.
            if self.transaction(found)?.is_some_and(|tx| tx.hash() == hash) {
                return Ok(Some(found));
            }
        }
        self.remote_place(hash)
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
        if let Some(remote) = visible.ground.remote_below(at.block) {
            let block = self.remote_block(remote, at.block)?;
            let found = block.and_then(|it| it.body.transactions.get(at.index as usize).cloned());
            return Ok(found);
        }
        Ok(self.storage.blocks.reader()?.transaction(at)?)
    }

    /// The state exactly as the root of block `number` says.
    pub fn state_at(&self, number: u64) -> Result<StateView, ChainError> {
        let (visible, [below]) = self.visible_readers()?;
        self.check_known(number, &visible, &below)?;
        Ok(self.view(&visible.ground, number, visible.overlay_at(number), below))
    }

    /// The head, and its state with the developer's edits over it.
    pub fn latest(&self) -> Result<(Arc<SealedHeader>, StateView), ChainError> {
        let (visible, [below]) = self.visible_readers()?;
        let overlay = visible.overlay.clone().with(visible.edit_changes.clone());
        Ok((visible.header.clone(), self.view(&visible.ground, visible.number(), overlay, below)))
    }

    /// Executes a block again, and answers what each transaction returned or reverted with.
    pub fn outputs_of(&self, block: &Block) -> Result<Vec<Bytes>, ChainError> {
        let applied = self.first_applied(block, block.body.transactions.len())?;
        Ok(applied.into_iter().map(|applied| applied.output).collect())
    }

    /// Executes a block again up to the transaction at `index`, and answers what it failed with: nothing
    /// if it did not fail. `None` if it is not in the block.
    pub fn failure_in(&self, block: &Block, index: usize) -> Result<Option<Bytes>, ChainError> {
        let applied = self.first_applied(block, index + 1)?;
        let failure = |applied: &Applied| match applied.success {
            true => Bytes::new(),
            false => applied.output.clone(),
        };
        Ok(applied.get(index).map(failure))
    }

    /// What the first `count` transactions of a block did.
    fn first_applied(&self, block: &Block, count: usize) -> Result<Vec<Applied>, ChainError> {
        self.check_executed(block.number())?;
        if block.number() <= self.lowest() {
            return Ok(Vec::new());
        }
        let view = self.state_at(block.number() - 1)?;
        let edits = self.storage.blocks.reader()?.edits(block.number())?;
        let edits = edits_to_changes(&view, &edits)?;
        let (spec, evm) = (self.spec(), &self.settings.evm);
        let template = BlockTemplate::from_block(&spec, block);
        let executor = BlockExecutor::begin(&spec, evm, view, edits, &template)?;
        let mut executor = executor.without_receipts();
        let executed = block.body.transactions.iter().take(count);
        executed.map(|transaction| Ok(executor.apply(transaction)?)).collect()
    }

    /// What it takes to execute a block again; `None` for genesis, and for a block whose parent is
    /// not canonical.
    pub fn replay_of(&self, block: Block) -> Result<Option<Replay>, ChainError> {
        let number = block.number();
        self.check_executed(number)?;
        if number <= self.lowest() || number > self.head().number + 1 {
            return Ok(None);
        }
        let view = self.state_at(number - 1)?;
        let is_stored = self.header(number)?.is_some_and(|stored| stored.seal() == block.hash());
        let edits = match is_stored {
            true => self.storage.blocks.reader()?.edits(number)?,
            false => Vec::new(),
        };
        let edits = edits_to_changes(&view, &edits)?;
        // Looked up last: whoever replaced the parent meanwhile replaced its header with it.
        let parent = self.header(number - 1)?;
        let is_over_parent = parent.is_some_and(|parent| parent.seal() == block.header.parent_hash);
        Ok(is_over_parent.then(|| Replay { source: view.into(), edits, block }))
    }

    /// The head, and read transactions that it lies over.
    pub(super) fn visible_readers<const N: usize>(
        &self,
    ) -> Result<(Arc<Visible>, [StateReader; N]), ChainError> {
        loop {
            let visible = self.visible.load_full();
            let mut readers = Vec::with_capacity(N);
            for _ in 0..N {
                let reader = self.storage.state.reader()?;
                let written = reader.head()?;
                let is_of_chain = reader.load() == visible.ground.base.load;
                if is_of_chain && written.is_some_and(|written| visible.lies_over(written)) {
                    readers.push(reader);
                }
            }
            if let Ok(readers) = readers.try_into() {
                return Ok((visible, readers));
            }
            // The chain goes back, and the state is there already: wait until the head follows.
            self.writer.lock().check()?;
        }
    }

    /// The head, and read transactions of the state below it and of its blocks.
    pub(super) fn consistent_readers(
        &self,
    ) -> Result<(Arc<Visible>, StateReader, BlocksReader), ChainError> {
        loop {
            let (visible, [state]) = self.visible_readers()?;
            let blocks = self.storage.blocks.reader()?;
            if blocks.hash(visible.number())? == Some(visible.header.seal()) {
                return Ok((visible, state, blocks));
            }
            // The chain goes back, and the blocks are gone already: wait until the head follows.
            self.writer.lock().check()?;
        }
    }

    /// A view of block `number` on this ground, whose newest changes are in `overlay`.
    pub(super) fn view(
        &self,
        ground: &Ground,
        number: u64,
        overlay: Overlay,
        below: StateReader,
    ) -> StateView {
        StateView::new(number, overlay, below, self.storage.clone()).over(ground.remote.clone())
    }

    /// The first block whose state can be read.
    pub fn first_state(&self) -> Result<u64, ChainError> {
        let first = self.first();
        Ok(self.storage.state.reader()?.first_state()?.unwrap_or(first).max(first))
    }

    /// Proves an account and slots against the state root of block `number` (EIP-1186). Up to the block
    /// with which a fork begins, its upstream does.
    pub fn prove(
        &self,
        number: u64,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, ChainError> {
        loop {
            let (visible, [below]) = self.visible_readers()?;
            self.check_known(number, &visible, &below)?;
            if let Some(remote) = &visible.ground.remote {
                let fork = remote.fork().number;
                if number > fork {
                    return Err(ChainError::LocalRoot { number, fork });
                }
                return self.remote_proof(remote, number, address, slots);
            }
            check_provable(number, &visible, &self.storage)?;
            let in_memory = match visible.recent(number) {
                _ if number == visible.number() => Some(&visible.trie),
                recent => recent.map(|recent| &recent.trie),
            };
            match in_memory.map(|trie| trie.prove(&below, address, slots)) {
                // The rows are of a newer block.
                None | Some(Err(TrieError::Stale { .. })) => {}
                Some(proof) => return Ok(proof?),
            }
            // Without a root the chain went back since: the number may mean another block now.
            if let Some(root) = self.root_of(number, &visible, &below)? {
                if number < visible.ground.base.number {
                    let proof = prove_by_pass(&below, number, root, address, slots);
                    return proof.map_err(|error| unproven(error, &visible));
                }
                let head_root = below.head_root()?.unwrap_or(EMPTY_ROOT_HASH);
                return Ok(prove_at(&below, head_root, number, root, address, slots)?);
            }
        }
    }

    /// The state root of the block that `visible` and `below` have at this height.
    fn root_of(
        &self,
        number: u64,
        visible: &Visible,
        below: &StateReader,
    ) -> Result<Option<B256>, ChainError> {
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.block.header.state_root));
        }
        let hash = below.block_hash(number)?;
        let header = self.storage.blocks.reader()?.header(number)?;
        let header = header.filter(|header| Some(header.seal()) == hash);
        Ok(header.map(|header| visible.ground.base.trie_root_of(&header)))
    }
}

/// Why there is no proof at a block below the base.
fn unproven(error: TrieError, visible: &Visible) -> ChainError {
    match error {
        TrieError::RootMismatch { block, expected, computed } => ChainError::NoProof {
            number: block,
            stated: expected,
            stored: computed,
            base: Box::new(*visible.ground.base),
        },
        error => error.into(),
    }
}

/// Refuses proofs at a base whose header says another root than that of what is stored.
fn check_provable(number: u64, visible: &Visible, storage: &Storage) -> Result<(), ChainError> {
    let base = &visible.ground.base;
    if number != base.number || base.kind == BaseKind::Genesis {
        return Ok(());
    }
    let stated = storage.blocks.reader()?.header(number)?.map(|header| header.state_root);
    match stated.filter(|stated| *stated != base.trie_root) {
        None => Ok(()),
        Some(stated) => Err(ChainError::NoProof {
            number,
            stated,
            stored: base.trie_root,
            base: Box::new(**base),
        }),
    }
}

/// Is the state of a block kept?
pub(super) fn check_kept(number: u64, below: &StateReader) -> Result<(), ChainError> {
    let first = below.first_state()?.unwrap_or_default();
    if number < first { Err(ChainError::Pruned { number, first }) } else { Ok(()) }
}
