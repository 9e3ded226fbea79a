//! Which blocks are imported next? One batch at a time, so that the chain's only writer is never waited
//! for by two.

use super::{Action, GossipId, Offence, Protocol, Refusal, Verdict};
use crate::{
    chain::Imported,
    network::{PeerId, codec::MAX_ANCESTRY},
    primitives::{Block, BlockNumHash},
};
use std::collections::VecDeque;

/// Batches of gossip that wait at most. What is dropped is asked for again when its peer tells its head.
const WAITING: usize = 32;

/// Where blocks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A peer passed a block on; others hear it when it has been executed.
    Gossip(PeerId, GossipId),
    /// A peer was asked for them.
    Peer(PeerId),
    /// A download.
    Sync,
}

/// Blocks that wait.
#[derive(Debug)]
struct Job {
    source: Source,
    blocks: Vec<Block>,
}

/// Blocks that are being imported.
#[derive(Debug)]
struct UnderWay {
    batch: u64,
    source: Source,
    blocks: Vec<BlockNumHash>,
}

/// Which blocks are imported, and which wait for it.
#[derive(Debug, Default)]
pub(super) struct Imports {
    waiting: VecDeque<Job>,
    under_way: Option<UnderWay>,
    batches: u64,
}

impl Imports {
    /// Is anything imported, or waits for it?
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some() || !self.waiting.is_empty()
    }

    /// Does a part of a download wait, or is it imported?
    pub(super) fn has_sync(&self) -> bool {
        self.under_way.as_ref().is_some_and(|it| it.source == Source::Sync)
            || self.waiting.iter().any(|job| job.source == Source::Sync)
    }
}

impl Protocol {
    /// Has blocks imported, each the child of the one before, after those that wait.
    pub(super) fn import(&mut self, source: Source, blocks: Vec<Block>) {
        if blocks.is_empty() || (source != Source::Sync && self.imports.waiting.len() >= WAITING) {
            blocks.iter().for_each(|block| self.blocks.forget(&block.hash()));
            return self.judge_source(source, Verdict::Ignore);
        }
        self.imports.waiting.push_back(Job { source, blocks });
        self.import_next();
    }

    fn import_next(&mut self) {
        if self.imports.under_way.is_some() {
            return;
        }
        let Some(Job { source, blocks }) = self.imports.waiting.pop_front() else { return };
        self.imports.batches += 1;
        let batch = self.imports.batches;
        let named = blocks.iter().map(Block::num_hash).collect();
        self.imports.under_way = Some(UnderWay { batch, source, blocks: named });
        self.out.push(Action::Import { batch, blocks });
    }

    pub(super) fn imported(
        &mut self,
        batch: u64,
        taken: usize,
        last: Option<Imported>,
        refused: Option<Refusal>,
    ) {
        let Some(UnderWay { source, blocks, .. }) =
            self.imports.under_way.take_if(|it| it.batch == batch)
        else {
            return;
        };
        for block in blocks.iter().take(taken) {
            self.blocks.known.insert(block.hash);
        }
        if let Some(Imported::Reorganised { removed, added }) = last {
            tracing::info!(
                target: "network", removed, added, "another branch is the chain now: it is heavier"
            );
        }
        self.judge_source(
            source,
            match &refused {
                None => Verdict::Accept,
                Some(refusal) if refusal.is_invalid => Verdict::Reject,
                Some(_) => Verdict::Ignore,
            },
        );
        // The importer is not kept waiting while we think about what became of the last batch.
        if source == Source::Sync && refused.is_none() {
            self.feed_import();
        }
        self.import_next();
        if let Some(refusal) = refused {
            self.not_imported(source, &blocks[taken.min(blocks.len())..], &refusal);
        }
        self.drive_sync();
    }

    /// A block is passed on when it has been executed: whoever passes on one that is not valid answers for
    /// it, so nobody may be made to.
    fn judge_source(&mut self, source: Source, verdict: Verdict) {
        if let Source::Gossip(_, id) = source {
            self.judge(id, verdict);
        }
    }

    fn not_imported(&mut self, source: Source, left: &[BlockNumHash], refusal: &Refusal) {
        if refusal.is_invalid {
            // All that follow it are as bad.
            left.iter().for_each(|block| {
                self.blocks.bad.insert(block.hash);
            });
        }
        tracing::debug!(target: "network", "a block was not imported: {}", refusal.reason);
        match source {
            Source::Sync => self.sync_refused(refusal),
            Source::Gossip(peer, _) | Source::Peer(peer) if refusal.is_invalid => {
                self.offence(peer, Offence::Invalid, &refusal.reason);
            }
            Source::Gossip(peer, _) | Source::Peer(peer) => {
                left.iter().for_each(|block| self.blocks.forget(&block.hash));
                match (left.last(), source) {
                    (Some(block), Source::Gossip(..)) if refusal.misses_parent => {
                        self.ask_ancestry_heard(peer, block.hash);
                    }
                    (Some(block), _) if refusal.misses_parent => {
                        self.ask_ancestry(peer, block.hash, MAX_ANCESTRY as u64);
                    }
                    _ => {}
                }
            }
        }
    }
}
