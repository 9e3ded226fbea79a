//! How does a dump become the chain? Its best block becomes the base, its accounts lie over those that
//! are there, and everything that was a block before is gone.
//!
//! The new state is built beside the old one, which is served meanwhile; one commit decides.

mod build;

use super::{
    Base, BaseKind, Chain, ChainError, Development, MAX_TIMESTAMP, append::WriterState,
    base::Ground, named::NamedBranches, open::Genesis,
};
use crate::{
    primitives::{Block, BlockNumHash, Body, StateChanges},
    storage::{
        BlockTransactions, BlocksBatch, FlushBlock, IndexedBlock, NextState, Renewal, Stage,
        StageReader, StateBatch, StateDb, StorageError, StoredBlock, TrieChanges,
    },
};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use build::Build;
use std::sync::Arc;

/// Transactions that are indexed with one commit.
const BATCH_TRANSACTIONS: usize = 50_000;

/// Which block of a dump becomes the head?
#[derive(Clone, Debug)]
pub struct LoadHead {
    /// Its height.
    pub number: u64,
    /// The header to take where the dump has no such block; its state root is filled in.
    pub header: Option<Header>,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Height of the head.
    pub head: u64,
    /// Height of the lowest block that came along.
    pub earliest: u64,
    /// Accounts that the dump has.
    pub accounts: u64,
}

/// A chain that takes the place of another.
pub(super) struct Renewed {
    pub(super) load: B256,
    pub(super) ground: Ground,
    /// As it is stored, if the rules are others.
    pub(super) genesis: Option<Vec<u8>>,
    /// What it began with before, if that is to be remembered or, if empty, forgotten.
    pub(super) origin: Option<Vec<u8>>,
    pub(super) head: StoredBlock,
    pub(super) development: Development,
    /// Total difficulty of its lowest block: height, difficulty.
    pub(super) total: (u64, U256),
}

impl Chain {
    /// Room for a dump that is being read. Only one may be at a time.
    pub fn stage(&self) -> Result<Stage, ChainError> {
        Ok(self.storage.stage()?)
    }

    /// Puts a dump in the place of this chain. Accounts that the dump does not have stay; of those that
    /// it has, nothing else does. After a crash it is the old chain, or the new one. `progress` hears
    /// how many of how many rows are written; `file` is what [`Chain::state_file`] answers from
    /// now on. `load` is an id that no other load has.
    pub fn load(
        &self,
        load: B256,
        stage: &Stage,
        head: LoadHead,
        file: Option<&str>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Loaded, ChainError> {
        let mut side = self.side.lock();
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        if matches!(self.base().kind, BaseKind::Forked { .. }) {
            return Err(ChainError::LoadOnFork);
        }
        let staged = stage.reader()?;
        check_height(head.number)?;
        let history = canonical(&staged, head.number)?;
        let known = history.last().map(|hash| staged.header(*hash)).transpose()?.flatten();
        match (&known, &head.header) {
            (Some(header), _) => check_head(header)?,
            (None, Some(header)) => check_head(header)?,
            (None, None) => {}
        }
        let next = self.storage.next_state(load)?;
        let nodes = self.settings.trie_nodes;
        let mut build = Build::new(next.state(), nodes, &staged, progress)?;
        let older = history.split_last().map_or(&[][..], |(_, older)| older);
        let lowest = (head.number + 1).saturating_sub(history.len() as u64);
        for (number, hash) in (lowest..).zip(older) {
            if let Some(state) = staged.state_after(*hash)? {
                build.older(BlockNumHash::new(number, *hash), state)?;
            }
        }
        let (trie_root, accounts) = build.head(head.number, &self.latest()?.1)?;
        let block = match (history.last(), head.header) {
            (Some(hash), _) => staged.block(*hash)?,
            (None, Some(header)) => Some(alone(Header { state_root: trie_root, ..header })),
            (None, None) => None,
        };
        let block = block.ok_or(ChainError::NoLoadedHead { number: head.number })?;
        index(next.state(), &staged, &history)?;
        seal(next.state(), block.num_hash(), trie_root)?;

        let earliest = (head.number + 1).saturating_sub(history.len().max(1) as u64);
        let before = self.base();
        let base = Base {
            kind: BaseKind::Loaded,
            number: head.number,
            hash: block.hash(),
            earliest,
            genesis: before.genesis,
            trie_root,
            load: Some(load),
        };
        let development = self.development_of_loaded(block.header.timestamp);
        let receipts = history.last().map(|hash| receipts_of(&staged, *hash)).transpose()?;
        let stored = StoredBlock { block, receipts: Arc::new(receipts.unwrap_or_default()) };
        let below = history.split_last().map_or(&[][..], |(_, below)| below);
        let blocks = below.iter().map(|hash| stored_block(&staged, *hash));
        let lowest = below.first().map(|hash| staged.header(*hash)).transpose()?.flatten();
        let total = lowest.as_ref().map_or(stored.block.header.difficulty, |it| it.difficulty);
        let ground = self.ground_on(base);
        let (number, head, total) = (head.number, stored, (earliest, total));
        let renewed =
            Renewed { load, ground, genesis: None, origin: None, head, development, total };
        self.take_place(&mut writer, next, renewed, file, blocks)?;
        *side = Default::default();
        Ok(Loaded { head: number, earliest, accounts })
    }

    /// Puts the genesis in the place of a loaded chain: as with a load, after a crash it is the one or the
    /// other. `load` is an id that no load has.
    pub fn unload(&self, load: B256, development: Development) -> Result<(), ChainError> {
        let mut side = self.side.lock();
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        let genesis = Genesis::of(&self.spec(), &self.storage)?;
        let next = self.storage.next_state(load)?;
        genesis.store_state(next.state())?;
        let (base, head) = (Base { load: Some(load), ..genesis.base() }, genesis.stored());
        let total = (base.number, head.block.header.difficulty);
        let ground = self.ground_on(base);
        let renewed =
            Renewed { load, ground, genesis: None, origin: None, head, development, total };
        self.take_place(&mut writer, next, renewed, None, std::iter::empty())?;
        *side = Default::default();
        Ok(())
    }

    /// Another base under the same rules.
    fn ground_on(&self, base: Base) -> Ground {
        let now = self.ground();
        Ground { base: Arc::new(base), spec: now.spec.clone(), remote: now.remote.clone() }
    }

    /// What was built takes the place of what is there; `below` are the blocks under its head.
    pub(super) fn take_place(
        &self,
        writer: &mut WriterState,
        next: NextState,
        renewed: Renewed,
        file: Option<&str>,
        below: impl Iterator<Item = Result<StoredBlock, StorageError>>,
    ) -> Result<(), ChainError> {
        let Renewed { load, ground, genesis, origin, head, development, total } = renewed;
        let renewal = Renewal {
            load,
            genesis: genesis.as_deref(),
            origin: origin.as_deref(),
            base: &super::base::row(&ground.base),
            development: &development.to_row(),
            total_difficulty: total,
            state_file: file.map(str::as_bytes),
        };
        ground.keep_answers();
        let _replacing = self.replacing();
        if let Err(error) = self.storage.blocks.renew(&renewal, below.chain([Ok(head.clone())])) {
            // A write that failed may be durable after all: then the next start goes on from it.
            if self.storage.blocks.reader().and_then(|it| it.load()).ok().flatten() != Some(load) {
                return Err(error.into());
            }
            next.leave();
            writer.halted = Some(error.to_string());
            return Err(error.into());
        }
        let swapped = self.storage.take_over(next).map_err(ChainError::from);
        let stands = swapped.and_then(|()| {
            self.clock.block_appended(head.block.header.timestamp);
            self.stand_on(ground, head, development)
        });
        if let Err(error) = stands {
            writer.halted = Some(error.to_string());
            return Err(error);
        }
        writer.named = NamedBranches::load(&self.storage.blocks.reader()?)?;
        Ok(())
    }

    /// The file that the chain was loaded from, or that it goes into.
    pub fn state_file(&self) -> Result<Option<String>, ChainError> {
        let row = self.storage.blocks.reader()?.state_file()?;
        Ok(row.and_then(|row| String::from_utf8(row).ok()))
    }

    /// Remembers the file that the chain goes into.
    pub fn set_state_file(&self, file: &str) -> Result<(), ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        let batch = BlocksBatch { state_file: Some(file.as_bytes()), ..Default::default() };
        Ok(self.storage.blocks.commit(&batch)?)
    }

    /// The clock begins anew behind the head; the chain id stays what it is.
    fn development_of_loaded(&self, timestamp: u64) -> Development {
        let spec = self.spec();
        let id = spec.chain_id();
        let chain_ids = if id == spec.chain_ids.genesis() { Vec::new() } else { vec![(0, id)] };
        self.clock.restore(Default::default());
        Development { clock: self.clock.after(timestamp), chain_ids, ..Development::default() }
    }
}

/// The highest head: far more blocks can follow than anyone makes.
const HIGHEST: u64 = u64::MAX >> 1;
/// What a block's gas limit is at least.
const LEAST_GAS: u64 = 5_000;
/// The highest base fee, in wei per gas, and the most excess blob gas: both still rise by rule without
/// leaving 64 bits, and 128 bits for the fee of blobs.
const HIGHEST_BASE_FEE: u64 = u64::MAX >> 2;
const MOST_EXCESS_BLOB_GAS: u64 = 200_000_000;

fn check_height(number: u64) -> Result<(), ChainError> {
    within(number, "number", number, 0, HIGHEST)
}

/// Can a block follow this one? A dump may say anything.
fn check_head(head: &Header) -> Result<(), ChainError> {
    let check = |what, given, least, most| within(head.number, what, given, least, most);
    check("timestamp", head.timestamp, 0, MAX_TIMESTAMP)?;
    check("gas limit", head.gas_limit, LEAST_GAS, u64::MAX)?;
    check("gas used", head.gas_used, 0, head.gas_limit)?;
    check("base fee", head.base_fee_per_gas.unwrap_or(0), 0, HIGHEST_BASE_FEE)?;
    check("excess blob gas", head.excess_blob_gas.unwrap_or(0), 0, MOST_EXCESS_BLOB_GAS)?;
    check("blob gas used", head.blob_gas_used.unwrap_or(0), 0, MOST_EXCESS_BLOB_GAS)
}

fn within(
    number: u64,
    what: &'static str,
    given: u64,
    least: u64,
    most: u64,
) -> Result<(), ChainError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(ChainError::LoadedHead { number, what, given, least, most })
}

/// A block of which only the header is known.
fn alone(header: Header) -> Block {
    let withdrawals = header.withdrawals_root.map(|_| Default::default());
    Block::new(header, Body { withdrawals, ..Default::default() })
}

/// The hashes of the blocks up to `number`, ascending, as far down as the dump has parents; none if it
/// does not have that block.
fn canonical(staged: &StageReader, number: u64) -> Result<Vec<B256>, ChainError> {
    let mut hashes = Vec::new();
    let mut next = staged.hash_at(number)?.map(|hash| (number, hash));
    while let Some((number, hash)) = next {
        let Some(header) = staged.header(hash)?.filter(|header| header.number == number) else {
            break;
        };
        hashes.push(hash);
        next = number.checked_sub(1).map(|parent| (parent, header.parent_hash));
    }
    hashes.reverse();
    Ok(hashes)
}

/// The receipts of a block, one a transaction; none if the dump does not have them all.
fn receipts_of(
    staged: &StageReader,
    hash: B256,
) -> Result<Vec<crate::primitives::Receipt>, StorageError> {
    let Some(block) = staged.block(hash)? else { return Ok(Vec::new()) };
    let found = staged.receipts(hash)?;
    let expected = block.body.transactions.len();
    let are_all = found.len() == expected && (0..).zip(&found).all(|(place, it)| it.index == place);
    let receipts = found.into_iter().map(|it| it.receipt);
    Ok(if are_all { receipts.collect() } else { Vec::new() })
}

fn stored_block(staged: &StageReader, hash: B256) -> Result<StoredBlock, StorageError> {
    let missing = StorageError::Row { table: "staged blocks", reason: "a block is gone" };
    let block = staged.block(hash)?.ok_or(missing)?;
    Ok(StoredBlock { block, receipts: Arc::new(receipts_of(staged, hash)?) })
}

/// Makes the transactions and events of these blocks found.
fn index(state: &StateDb, staged: &StageReader, history: &[B256]) -> Result<(), ChainError> {
    let (mut batch, mut transactions) = (Vec::new(), 0);
    for hash in history {
        let stored = stored_block(staged, *hash)?;
        transactions += 1 + stored.block.body.transactions.len();
        batch.push(stored);
        if transactions >= BATCH_TRANSACTIONS {
            index_batch(state, &batch)?;
            batch.clear();
            transactions = 0;
        }
    }
    index_batch(state, &batch)
}

fn index_batch(state: &StateDb, blocks: &[StoredBlock]) -> Result<(), ChainError> {
    let indexed = |stored: &StoredBlock| IndexedBlock {
        block: stored.block.num_hash(),
        transactions: stored.block.body.transactions.iter().map(|it| it.hash()).collect(),
        receipts: stored.receipts.to_vec(),
    };
    state.index_blocks(&blocks.iter().map(indexed).collect::<Vec<_>>())?;
    let involved = blocks.iter().map(|stored| BlockTransactions {
        block: stored.block.num_hash(),
        transactions: &stored.block.body.transactions,
        // Nobody here executed it.
        inside: &[],
    });
    Ok(state.index_addresses(&involved.collect::<Vec<_>>())?)
}

/// Names the block that the state is of.
fn seal(state: &StateDb, block: BlockNumHash, root: B256) -> Result<(), ChainError> {
    let next_storage_id = state.reader()?.next_storage_id()?;
    let changes = StateChanges::default();
    let inside = Some(&[][..]);
    let nothing =
        FlushBlock { block, root, changes: &changes, transactions: &[], receipts: &[], inside };
    let trie = TrieChanges::default();
    Ok(state.flush(&StateBatch { blocks: vec![nothing], trie, next_storage_id })?)
}
