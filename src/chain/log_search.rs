//! In which blocks are the events that somebody looks for, and which events are they?
//!
//! One search reads one consistent chain. Blocks that the index covers are found by it: the blocks of
//! each term (an address, a topic at its place) in ascending order, merged where one of several will
//! do, and intersected where all are needed. Newer ones, and those of a search without terms, are
//! found by the bloom filters of their headers, one after the other.

use super::{Chain, ChainError, visible::Visible};
use crate::{
    primitives::{Receipt, SealedHeader},
    storage::{BlocksReader, LogKey, StateReader, TxLocation},
};
use alloy_primitives::{B256, Log};
use alloy_rpc_types::Filter;
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

/// An event and its place in its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    /// What was emitted.
    pub event: Log,
    /// Of the transaction that emitted it.
    pub transaction_hash: B256,
    /// The transaction's place in the block.
    pub transaction_index: u64,
    /// The event's place among those of the whole block.
    pub log_index: u64,
}

/// What was found in one block.
#[derive(Clone, Debug)]
pub struct BlockLogs {
    /// The block.
    pub header: Arc<SealedHeader>,
    /// In order; not empty.
    pub logs: Vec<FoundLog>,
}

/// A search under way. Blocks come in ascending order.
#[derive(Debug)]
pub struct LogSearch<'a> {
    filter: &'a Filter,
    visible: Arc<Visible>,
    state: StateReader,
    blocks: BlocksReader,
    terms: Vec<Term>,
    /// The next block to look at, and the last.
    next: u64,
    to: u64,
    /// The last block that is found by the index.
    indexed_to: Option<u64>,
    looked_at: u64,
    seeks: u64,
}

/// Values of which a block has one at least: the next block of each, nearest first.
#[derive(Debug)]
struct Term {
    nearest: BinaryHeap<Reverse<(u64, LogKey)>>,
}

/// Seeks in the index that cost about as much as a look at a block.
const SEEKS_A_LOOK: u64 = 16;

impl Chain {
    /// Looks for events in blocks `from` to `to`, or to the head if that comes first. Nothing is read
    /// before [`LogSearch::next`].
    pub fn search_logs<'a>(
        &self,
        filter: &'a Filter,
        from: u64,
        to: u64,
    ) -> Result<LogSearch<'a>, ChainError> {
        let (visible, state, blocks) = self.consistent_readers()?;
        let keys = keys(filter);
        let indexed = state.logs_indexed()?.filter(|_indexed| !keys.is_empty());
        let indexed_to = indexed.map(|indexed| indexed.number).filter(|indexed| from <= *indexed);
        let mut search = LogSearch {
            filter,
            to: to.min(visible.number()),
            visible,
            state,
            blocks,
            terms: Vec::new(),
            next: from.max(self.stored_from()),
            indexed_to,
            looked_at: 0,
            seeks: 0,
        };
        if indexed_to.is_some() {
            for keys in keys {
                search.add_term(keys, from)?;
            }
        }
        Ok(search)
    }
}

/// What the index has to say for a filter: one list a condition.
fn keys(filter: &Filter) -> Vec<Vec<LogKey>> {
    let addresses = filter.address.iter().map(|address| LogKey::address(*address)).collect();
    let topics = filter.topics.iter().enumerate();
    let topics =
        topics.map(|(place, any)| any.iter().map(|topic| LogKey::topic(place, *topic)).collect());
    std::iter::once(addresses).chain(topics).filter(|keys: &Vec<_>| !keys.is_empty()).collect()
}

impl LogSearch<'_> {
    fn add_term(&mut self, keys: Vec<LogKey>, from: u64) -> Result<(), ChainError> {
        let mut nearest = BinaryHeap::with_capacity(keys.len());
        for key in keys {
            self.seeks += 1;
            let first = self.state.next_with_log(key, from)?;
            nearest.extend(first.map(|block| Reverse((block, key))));
        }
        self.terms.push(Term { nearest });
        Ok(())
    }

    /// How many blocks of the range are not covered by the index.
    pub fn unindexed(&self) -> u64 {
        let from = self.indexed_to.map_or(self.next, |indexed| self.next.max(indexed + 1));
        (self.to + 1).saturating_sub(from)
    }

    /// What the search has cost so far, in blocks looked at.
    pub const fn cost(&self) -> u64 {
        self.looked_at + self.seeks / SEEKS_A_LOOK
    }

    /// Was the whole range searched?
    pub const fn is_done(&self) -> bool {
        self.next > self.to
    }

    /// The first block that was not searched yet.
    pub const fn position(&self) -> u64 {
        self.next
    }

    /// The next block with matching events, after looking at blocks that cost up to `budget` in all;
    /// `None` at the end of the range, or of the budget.
    pub fn next(&mut self, budget: u64) -> Result<Option<BlockLogs>, ChainError> {
        while self.next <= self.to && self.cost() < budget {
            let Some(number) = self.candidate(budget)? else { continue };
            self.next = number + 1;
            self.looked_at += 1;
            let found = self.look_at(number)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The next block that may match. Without an answer, `next` says how far the search came.
    fn candidate(&mut self, budget: u64) -> Result<Option<u64>, ChainError> {
        let Some(indexed_to) = self.indexed_to.filter(|indexed| self.next <= *indexed) else {
            return Ok(Some(self.next));
        };
        let last = indexed_to.min(self.to);
        let mut candidate = self.next;
        loop {
            let Some(nearest) = self.settle(candidate)?.filter(|nearest| *nearest <= last) else {
                self.next = last + 1;
                return Ok(None);
            };
            if nearest == candidate {
                return Ok(Some(candidate));
            }
            candidate = nearest;
            self.next = candidate;
            if self.cost() >= budget {
                return Ok(None);
            }
        }
    }

    /// Moves all terms to `from` or after it; answers the farthest of their nearest blocks. Below it
    /// no block has all terms.
    fn settle(&mut self, from: u64) -> Result<Option<u64>, ChainError> {
        let mut farthest = from;
        for term in &mut self.terms {
            while let Some(Reverse((block, key))) = term.nearest.peek().copied() {
                if block >= farthest {
                    break;
                }
                term.nearest.pop();
                self.seeks += 1;
                let next = self.state.next_with_log(key, farthest)?;
                term.nearest.extend(next.map(|block| Reverse((block, key))));
            }
            let Some(Reverse((block, _))) = term.nearest.peek() else { return Ok(None) };
            farthest = *block;
        }
        Ok(Some(farthest))
    }

    fn look_at(&self, number: u64) -> Result<Option<BlockLogs>, ChainError> {
        let recent = self.visible.recent(number).map(|recent| &recent.stored);
        let header = match recent {
            Some(stored) => Some(stored.block.header.clone()),
            None => self.blocks.header(number)?,
        };
        let may_match = |header: &Arc<SealedHeader>| {
            !header.logs_bloom.is_zero() && self.filter.matches_bloom(header.logs_bloom)
        };
        let Some(header) = header.filter(may_match) else { return Ok(None) };
        let logs = match recent {
            Some(stored) => {
                let body = &stored.block.body;
                let hash =
                    |index: u64| Ok(body.transactions.get(index as usize).map(|tx| tx.hash()));
                self.matching(&stored.receipts, hash)?
            }
            None => {
                let receipts = self.blocks.receipts(number)?.unwrap_or_default();
                let hash = |index| {
                    let at = TxLocation { block: number, index };
                    Ok(self.blocks.transaction(at)?.map(|tx| tx.hash()))
                };
                self.matching(&receipts, hash)?
            }
        };
        Ok((!logs.is_empty()).then_some(BlockLogs { header, logs }))
    }

    fn matching(
        &self,
        receipts: &[Receipt],
        hash: impl Fn(u64) -> Result<Option<B256>, ChainError>,
    ) -> Result<Vec<FoundLog>, ChainError> {
        let mut found = Vec::new();
        let mut log_index = 0;
        for (transaction_index, receipt) in (0..).zip(receipts) {
            let mut transaction_hash = None;
            for event in &receipt.logs {
                if self.filter.matches(event) {
                    let known = match transaction_hash {
                        Some(known) => known,
                        None => hash(transaction_index)?.unwrap_or_default(),
                    };
                    transaction_hash = Some(known);
                    found.push(FoundLog {
                        event: event.clone(),
                        transaction_hash: known,
                        transaction_index,
                        log_index,
                    });
                }
                log_index += 1;
            }
        }
        Ok(found)
    }
}
