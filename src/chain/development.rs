//! What did a developer set that is neither a block nor an edit of the state? It outlives the node.

use super::{Chain, ChainError, ClockState};
use crate::storage::{BlocksBatch, Storage, StorageError};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// What a developer set. It is durable when a method that changes it answers, part of a snapshot, and
/// there again after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Development {
    /// What time it is.
    pub clock: ClockState,
    /// What the next block says.
    pub next: NextBlock,
    /// The chain id from a block on, where it is not the genesis's; ascending.
    pub chain_ids: Vec<(u64, u64)>,
    /// Least gas price in wei that is admitted, on a chain before London.
    pub min_gas_price: Option<u128>,
}

/// What a developer fixed about the next block besides its time. A candidate only reads it; a block
/// that is appended uses up what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NextBlock {
    /// Gas limit; the blocks after it keep it.
    pub gas_limit: Option<u64>,
    /// Base fee in wei per gas; the blocks after it move on from there.
    pub base_fee: Option<u64>,
    /// What opcode 0x44 answers.
    pub prev_randao: Option<B256>,
    /// Who receives the tips, of this block and all after it.
    pub beneficiary: Option<Address>,
}

/// How often the chain id may change before a reset.
const MOST_CHAIN_IDS: usize = 1_000;

impl Development {
    /// The chain id from block `from` on is `id`. False if it has changed too often.
    pub fn set_chain_id(&mut self, from: u64, id: u64) -> bool {
        self.chain_ids.retain(|(other, _)| *other < from);
        let fits = self.chain_ids.len() < MOST_CHAIN_IDS;
        if fits {
            self.chain_ids.push((from, id));
        }
        fits
    }

    /// As it is stored.
    pub(super) fn to_row(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data is JSON")
    }

    /// Reads what [`Self::to_row`] wrote.
    pub(super) fn from_row(row: &[u8]) -> Result<Self, StorageError> {
        serde_json::from_slice(row).map_err(|_json| StorageError::Row {
            table: "meta",
            reason: "what a developer set is no JSON",
        })
    }

    /// What is left after a reset to genesis, block `first`: the chain id that it began with, one
    /// higher if it rotates.
    pub fn after_reset(&self, first: u64, rotated: Option<u64>) -> Self {
        let begun = self.chain_ids.first().filter(|(from, _)| *from <= first);
        let begun = rotated.map(|id| (first, id)).or(begun.copied());
        Self { chain_ids: begun.into_iter().collect(), ..Self::default() }
    }
}

impl NextBlock {
    /// Is something fixed that the next block uses up?
    pub const fn is_fixed_once(&self) -> bool {
        self.gas_limit.is_some() || self.base_fee.is_some() || self.prev_randao.is_some()
    }

    /// What is left of it after a block.
    fn after(mut self, block: &Header) -> Self {
        self.gas_limit.take_if(|gas_limit| *gas_limit == block.gas_limit);
        self.base_fee.take_if(|base_fee| Some(*base_fee) == block.base_fee_per_gas);
        self.prev_randao.take_if(|prev_randao| *prev_randao == block.mix_hash);
        self
    }
}

impl Chain {
    /// What a developer set, as it is now.
    pub fn development(&self) -> Development {
        let kept = self.development.lock().clone();
        Development { clock: self.clock.save(), ..kept }
    }

    /// What a developer fixed about the next block.
    pub fn next_block(&self) -> NextBlock {
        self.development.lock().next
    }

    /// Base fee of the block after `parent`, in wei per gas; `None` before London.
    pub fn next_base_fee(&self, parent: &Header) -> Option<u64> {
        let by_rule = self.spec().next_base_fee(parent)?;
        Some(self.next_block().base_fee.unwrap_or(by_rule))
    }

    /// Changes what a developer set. The change is durable when this returns, or was not made.
    pub fn develop<T>(&self, change: impl FnOnce(&mut Development) -> T) -> Result<T, ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        let mut development = self.development();
        let answer = change(&mut development);
        let row = development.to_row();
        let batch = BlocksBatch { development: Some(&row), ..Default::default() };
        self.storage.blocks.commit(&batch)?;
        self.settle(development);
        Ok(answer)
    }

    /// What a developer set as a block leaves it, and the row for its commit if the block used
    /// something up. The caller holds the writer's lock.
    pub(super) fn development_after(&self, block: &Header) -> (Development, Option<Vec<u8>>) {
        let now = self.development();
        let clock = self.clock.after(block.timestamp);
        let after = Development { clock, next: now.next.after(block), ..now.clone() };
        let row = (after != now).then(|| after.to_row());
        (after, row)
    }

    /// What a developer set, after a block that is durable now.
    pub(super) fn settle_after(&self, block: &Header, development: Development) {
        self.clock.block_appended(block.timestamp);
        self.settle(development);
    }

    /// Takes over what is durable now.
    pub(super) fn settle(&self, development: Development) {
        self.clock.restore(development.clock);
        self.spec().chain_ids.set(&development.chain_ids);
        *self.development.lock() = development;
    }
}

/// What was set when the node stopped.
pub fn stored_development(storage: &Storage) -> Result<Development, ChainError> {
    let row = storage.blocks.reader()?.development()?;
    let stored = row.map(|row| Development::from_row(&row)).transpose()?;
    Ok(stored.unwrap_or_default())
}
