//! What has the chain done since it was opened, how long did that take, and how much lies in memory?

use super::{Chain, ChainError, ChainEvent, Finality, ImportError, Imported};
use crate::primitives::{Count, Durations, SealedHeader, Spread};
use alloy_primitives::U256;
use std::sync::Arc;

/// What is counted while it happens.
#[derive(Debug, Default)]
pub(super) struct Counted {
    blocks: Count,
    transactions: Count,
    gas: Count,
    reorganisations: Count,
    removed: Count,
    deepest: Count,
    extended: Count,
    beside: Count,
    reorganised: Count,
    known: Count,
    invalid: Count,
    not_taken: Count,
    /// Of encoded blocks or bodies, their transactions and who sent them.
    pub(super) senders: Durations,
    /// Header, body and seal.
    pub(super) check: Durations,
    /// The transactions.
    pub(super) execute: Durations,
    /// The state root.
    pub(super) root: Durations,
    /// To the disk.
    pub(super) commit: Durations,
}

impl Counted {
    /// Something is visible to everyone.
    pub(super) fn happened(&self, event: &ChainEvent) {
        match event {
            ChainEvent::NewHead(stored) => {
                self.blocks.one();
                self.transactions.add(stored.block.body.transactions.len() as u64);
                self.gas.add(stored.block.header.gas_used);
            }
            ChainEvent::Unwound { removed, by_branch: true, .. } => {
                self.reorganisations.one();
                self.removed.add(removed.len() as u64);
                self.deepest.at_least(removed.len() as u64);
            }
            ChainEvent::Unwound { .. } => {}
        }
    }

    /// A block came from outside.
    pub(super) fn imported(&self, outcome: &Result<Imported, ImportError>) {
        let count = match outcome {
            Ok(Imported::Extended) => &self.extended,
            Ok(Imported::Side) => &self.beside,
            Ok(Imported::Reorganised { .. }) => &self.reorganised,
            Ok(Imported::Known) => &self.known,
            Err(ImportError::Invalid { .. }) => &self.invalid,
            Err(_) => &self.not_taken,
        };
        count.one();
    }
}

/// The chain in numbers, counted since it was opened.
#[derive(Clone, Debug)]
pub struct ChainStats {
    /// The newest block.
    pub head: Arc<SealedHeader>,
    /// Difficulty of it and all blocks before it.
    pub total_difficulty: U256,
    /// Heights of `safe` and `finalized`.
    pub finality: Finality,
    /// Blocks that became the head.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Gas that they used.
    pub gas: u64,
    /// How often another branch became the chain.
    pub reorganisations: u64,
    /// Blocks that were canonical before.
    pub removed: u64,
    /// Blocks that the deepest of them removed.
    pub deepest: u64,
    /// Blocks from outside.
    pub imports: ImportStats,
    /// Blocks that are durable and not yet written into the state.
    pub unwritten: usize,
    /// Memory that these take, in bytes, estimated.
    pub unwritten_bytes: usize,
    /// Nodes of the state's trie in memory, roughly.
    pub trie_nodes: usize,
    /// Blocks of which it is in memory who may sign after them, on a chain of proof of authority.
    pub snapshots: usize,
    /// Did the last write of the state fail?
    pub cannot_write: bool,
}

/// What became of blocks from outside, and how long it took.
#[derive(Clone, Debug)]
pub struct ImportStats {
    /// Names of outcomes, and how many blocks had each.
    pub outcomes: [(&'static str, u64); 6],
    /// Names of stages, and how long each took. Senders and a commit may be those of many blocks.
    pub stages: [(&'static str, Spread); 5],
}

impl Chain {
    /// Decodes blocks from outside, or their bodies, and recovers who sent the transactions; how long that
    /// takes counts as a stage of the import.
    pub fn recovering<T>(&self, decode: impl FnOnce() -> T) -> T {
        self.counted.senders.time(decode)
    }

    /// The chain in numbers.
    pub fn stats(&self) -> Result<ChainStats, ChainError> {
        let (visible, counted) = (self.visible.load_full(), &self.counted);
        Ok(ChainStats {
            total_difficulty: self.total_difficulty(visible.number())?,
            head: visible.header.clone(),
            finality: self.finality(),
            blocks: counted.blocks.get(),
            transactions: counted.transactions.get(),
            gas: counted.gas.get(),
            reorganisations: counted.reorganisations.get(),
            removed: counted.removed.get(),
            deepest: counted.deepest.get(),
            imports: ImportStats {
                outcomes: [
                    ("extended", counted.extended.get()),
                    ("side", counted.beside.get()),
                    ("reorganised", counted.reorganised.get()),
                    ("known", counted.known.get()),
                    ("invalid", counted.invalid.get()),
                    ("not_taken", counted.not_taken.get()),
                ],
                stages: [
                    ("senders", counted.senders.read()),
                    ("check", counted.check.read()),
                    ("execute", counted.execute.read()),
                    ("root", counted.root.read()),
                    ("commit", counted.commit.read()),
                ],
            },
            unwritten: visible.recent.len(),
            unwritten_bytes: visible.recent_bytes,
            trie_nodes: visible.trie.resident(),
            snapshots: self.kept_snapshots(),
            cannot_write: self.write_failure().is_some(),
        })
    }
}
