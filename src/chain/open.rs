//! Opening: a new chain gets its genesis, a stored one is brought back to its last durable block.

use super::{
    Base, BaseKind, Chain, ChainError, ChainSettings, Clock, Founding,
    append::WriterState,
    base::{Ground, row, stored_base},
    development::stored_development,
    events,
    flush::FlushSignal,
    named::NamedBranches,
    signers::Signers,
    visible::Visible,
};
use crate::{
    consensus::SealPolicy,
    evm::{self, EvmSettings},
    primitives::{Block, Body, SealedHeader},
    spec::{ChainSpec, Mode},
    state::{StateTrie, StorageIds, edits_to_changes},
    storage::{
        BlocksBatch, FlushBlock, StateBatch, StateDb, Storage, StorageError, StoredBlock,
        TrieChanges,
    },
};
use alloy_primitives::B256;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// What opening found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The chain was made now.
    pub created: bool,
    /// Blocks above the written state that were executed again.
    pub executed: u64,
}

impl Chain {
    /// Opens the chain of `spec` in `storage`, or makes it.
    ///
    /// # Errors
    /// [`ChainError::OtherGenesis`] when another chain is stored there.
    pub fn open(
        storage: Storage,
        spec: Arc<ChainSpec>,
        settings: ChainSettings,
    ) -> Result<(Arc<Self>, Opened), ChainError> {
        Self::open_on(storage, spec, settings, None)
    }

    /// Opens the chain in `storage`, or makes it: on `founding` if there is one, else on the genesis
    /// of `spec`.
    ///
    /// # Errors
    /// [`ChainError::OtherGenesis`] or [`ChainError::OtherBase`] when another chain is stored there.
    pub fn open_on(
        storage: Storage,
        spec: Arc<ChainSpec>,
        settings: ChainSettings,
        founding: Option<&Founding>,
    ) -> Result<(Arc<Self>, Opened), ChainError> {
        let genesis = Genesis::of(&spec, &storage)?;
        let created = storage.blocks.reader()?.first()?.is_none();
        if created {
            make(&storage, &genesis, founding)?;
        }
        let base = stored_base(&storage, genesis.block.hash())?;
        let base = base.ok_or(ChainError::UnknownBlock { number: 0, head: 0 })?;
        if let Some(founding) = founding {
            founding.check(&base)?;
        }
        genesis.check(&base, &storage)?;
        let head = storage.blocks.reader()?.head()?;
        let head = head.ok_or(ChainError::UnknownBlock { number: 0, head: 0 })?;
        let chain = Self::assemble(storage, spec, settings, base)?;
        let executed = chain.recover(&head)?;
        Ok((Arc::new(chain), Opened { created, executed }))
    }

    fn assemble(
        storage: Storage,
        spec: Arc<ChainSpec>,
        settings: ChainSettings,
        base: Base,
    ) -> Result<Self, ChainError> {
        let evm = settings.evm.clone().on(spec.mode);
        let settings = ChainSettings { evm, ..settings };
        let header = storage.blocks.reader()?.header(base.number)?;
        let unknown = ChainError::UnknownBlock { number: base.number, head: base.number };
        let header = header.ok_or(unknown)?;
        let signers = Signers::of(&spec, &header)?;
        let seals = SealPolicy::of(&spec, settings.verify_seals, &settings.ethash);
        let ground = Ground { base: Arc::new(base), spec, remote: settings.remote.clone() };
        let visible = Visible::written(Arc::new(ground), header, 1);
        Ok(Self {
            proofs: Default::default(),
            seals,
            signers,
            clock: Clock::new(settings.allow_equal_timestamps, settings.wall.clone()),
            ancestors: Default::default(),
            settings,
            storage,
            development: Default::default(),
            visible: ArcSwap::from_pointee(visible),
            replacements: Default::default(),
            writer: WriterState::default().into(),
            state_writer: Default::default(),
            side: Default::default(),
            flush: FlushSignal::default(),
            changed: Default::default(),
            events: tokio::sync::broadcast::channel(events::CAPACITY).0,
            bad_blocks: Default::default(),
            spoken: Default::default(),
            counted: Default::default(),
        })
    }

    /// Brings the state to the head of `blocks`: unwinds what is not canonical, executes what is
    /// missing. Bounded by the flush limits, not by the length of the chain.
    fn recover(&self, head: &SealedHeader) -> Result<u64, ChainError> {
        // Before anything is executed again: it may depend on the chain id of its block.
        let development = stored_development(&self.storage)?;
        self.spec().chain_ids.set(&development.chain_ids);
        let mut flushed = self.common_block()?;
        let state_head = self.storage.state.reader()?.head()?.map_or(flushed, |head| head.number);
        if flushed < state_head {
            self.unwind_state(flushed)?;
        }
        self.storage.state.check_log_index()?;
        self.storage.state.check_address_index()?;
        self.visible.store(Arc::new(self.head_in_state(flushed)?));
        let missing = head.number - flushed;
        let limits = self.stored_limits()?;
        let made_under = limits.as_ref().unwrap_or(&self.settings.evm);
        while flushed < head.number {
            flushed += 1;
            self.execute_again(flushed, made_under)?;
            if self.settings.flush.blocks <= self.visible.load().recent.len() {
                self.flush_state()?;
            }
        }
        if limits.as_ref() != Some(&self.settings.evm) {
            self.change_limits()?;
        }
        let reader = self.storage.blocks.reader()?;
        self.writer.lock().named = NamedBranches::load(&reader)?;
        let edits = reader.edits(head.number + 1)?;
        let next = self.with_edits(self.visible.load().as_ref().clone(), edits)?;
        self.visible.store(Arc::new(next));
        let is_own_time = !matches!(self.spec().mode, Mode::Pow | Mode::Poa);
        self.clock.resume(development.clock, head.timestamp, is_own_time);
        *self.development.lock() = development;
        Ok(missing)
    }

    /// The limits that the newest blocks were made under; not what is asked for now, if a developer
    /// lifted or restored one.
    fn stored_limits(&self) -> Result<Option<EvmSettings>, ChainError> {
        let damaged = |_json| StorageError::Row { table: "meta", reason: "limits are no JSON" };
        let row = self.storage.blocks.reader()?.limits()?;
        Ok(row.map(|row| serde_json::from_slice(&row).map_err(damaged)).transpose()?)
    }

    /// From now on blocks are made under the limits of the settings. What was made under others is
    /// written first, so that it is never executed again.
    fn change_limits(&self) -> Result<(), ChainError> {
        self.flush_state()?;
        let limits = serde_json::to_vec(&self.settings.evm).unwrap_or_default();
        let batch = BlocksBatch { limits: Some(&limits), ..Default::default() };
        Ok(self.storage.blocks.commit(&batch)?)
    }

    /// The highest block that the state and `blocks` agree on.
    fn common_block(&self) -> Result<u64, ChainError> {
        let (state, blocks) = (self.storage.state.reader()?, self.storage.blocks.reader()?);
        let first = self.first();
        let written = state.head()?;
        if let Some(head) = written
            && state.block_hash(head.number)? != Some(head.hash)
        {
            let reason = "the head of the state is not the block that it wrote last; restore a backup, or \
                          start over with another --datadir (dev also: --fresh)";
            return Err(StorageError::Row { table: "meta", reason }.into());
        }
        let mut number = written.map_or(first, |head| head.number);
        while number > first && blocks.hash(number)? != state.block_hash(number)? {
            number -= 1;
        }
        match (state.block_hash(number)?, blocks.hash(number)?) {
            (Some(stored), Some(given)) if stored != given => {
                Err(ChainError::OtherGenesis { stored, given })
            }
            _ => Ok(number),
        }
    }

    /// Executes a stored block over the state in memory and checks every result.
    fn execute_again(&self, number: u64, limits: &EvmSettings) -> Result<(), ChainError> {
        let reader = self.storage.blocks.reader()?;
        let (Some(block), Some(receipts)) = (reader.block(number)?, reader.receipts(number)?)
        else {
            return Err(ChainError::UnknownBlock { number, head: number });
        };
        if let Some(kept) = reader.kept_block(block.num_hash())? {
            return self.append_kept(kept);
        }
        let edits = reader.edits(number)?;
        let context = self.build_context()?;
        let edits = edits_to_changes(&context.view, &edits)?;
        let (view, trie) = context.split();
        let header = &block.header;
        let spec = self.spec();
        let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
        let roots = trie.for_receipts(fork);
        let mut executed = evm::execute(&spec, limits, view, edits, &block, roots)?;
        evm::check(block.header.inner(), &executed)?;
        let (root, step) = trie.root(&mut executed.changes)?;
        if root != block.header.state_root {
            let stored = block.header.state_root;
            return Err(ChainError::StateRoot { number, stored, computed: root });
        }
        let recent = super::ExecutedBlock {
            block,
            receipts: Arc::new(receipts),
            changes: executed.changes,
            step,
            participants: executed.participants,
        };
        let (recent, _) = recent.into_recent();
        self.visible.store(Arc::new(self.visible.load().with_block(Arc::new(recent))));
        Ok(())
    }
}

/// Makes a chain where there is none.
fn make(
    storage: &Storage,
    genesis: &Genesis,
    founding: Option<&Founding>,
) -> Result<(), ChainError> {
    let state = storage.state.reader()?;
    // The state of a chain whose making was cut short. One that went on is of blocks that somebody
    // removed: it stays, and is refused.
    if state.block_rows()? == 1 {
        drop(state);
        storage.state.clear()?;
    } else if let (Some(founding), Some(stored)) = (founding, state.head()?) {
        let (stored, given) = (stored.hash, founding.block.hash());
        return Err(ChainError::OtherGenesis { stored, given });
    }
    match founding {
        Some(founding) => founding.store(storage, genesis),
        None => genesis.store_block(storage),
    }
}

/// Block 0 and its state.
pub(super) struct Genesis {
    /// As it is stored.
    pub(super) json: Vec<u8>,
    block: Block,
    changes: crate::primitives::StateChanges,
    trie: TrieChanges,
    next_storage_id: u64,
}

impl Genesis {
    pub(super) fn of(spec: &ChainSpec, storage: &Storage) -> Result<Self, ChainError> {
        let mut changes = spec.genesis_changes();
        let mut trie = StateTrie::empty();
        let mut ids = StorageIds::new(1);
        let number = spec.genesis.number.unwrap_or(0);
        trie.apply(&mut changes, number + 1, &storage.state.reader()?, &mut ids)?;
        let header = spec.genesis_header(trie.root());
        let withdrawals = header.withdrawals_root.map(|_| Default::default());
        Ok(Self {
            json: serde_json::to_vec(&spec.genesis).unwrap_or_default(),
            block: Block::new(header, Body { withdrawals, ..Default::default() }),
            changes,
            trie: TrieChanges { rows: trie.rows_since(None), ..Default::default() },
            next_storage_id: ids.next(),
        })
    }

    /// Is this the genesis that the stored chain was made with? Stores what is missing of it.
    fn check(&self, base: &Base, storage: &Storage) -> Result<(), ChainError> {
        let given = self.block.hash();
        let is_base = base.kind == BaseKind::Genesis;
        let stored = if is_base { base.hash } else { base.genesis };
        if stored != given {
            return Err(ChainError::OtherGenesis { stored, given });
        }
        let has_state = storage.state.reader()?.head()?.is_some();
        if !is_base {
            let number = base.number;
            return if has_state { Ok(()) } else { Err(ChainError::BaseState { number }) };
        }
        // Made before total difficulties were stored.
        if self.lacks_total_difficulty(&self.block.header, storage)? {
            self.store_block(storage)?;
        }
        if has_state { Ok(()) } else { self.store_state(&storage.state) }
    }

    fn lacks_total_difficulty(
        &self,
        stored: &SealedHeader,
        storage: &Storage,
    ) -> Result<bool, ChainError> {
        let total = storage.blocks.reader()?.total_difficulty(stored.number)?;
        Ok(total < stored.difficulty)
    }

    /// The hash of its block.
    pub(super) fn hash(&self) -> B256 {
        self.block.hash()
    }

    pub(super) fn stored(&self) -> StoredBlock {
        StoredBlock { block: self.block.clone(), receipts: Arc::default() }
    }

    /// What a chain stands on that begins with it.
    pub(super) fn base(&self) -> Base {
        Base {
            kind: BaseKind::Genesis,
            number: self.block.number(),
            hash: self.block.hash(),
            earliest: self.block.number(),
            genesis: self.block.hash(),
            trie_root: self.block.header.state_root,
            load: None,
        }
    }

    fn store_block(&self, storage: &Storage) -> Result<(), ChainError> {
        Ok(storage.blocks.commit(&BlocksBatch {
            genesis: Some(&self.json),
            base: Some(&row(&self.base())),
            blocks: &[self.stored()],
            ..Default::default()
        })?)
    }

    pub(super) fn store_state(&self, state: &StateDb) -> Result<(), ChainError> {
        let block = FlushBlock {
            block: self.block.num_hash(),
            root: self.block.header.state_root,
            changes: &self.changes,
            transactions: &[],
            receipts: &[],
            inside: Some(&[]),
        };
        Ok(state.flush(&StateBatch {
            blocks: vec![block],
            trie: self.trie.clone(),
            next_storage_id: self.next_storage_id,
        })?)
    }
}
