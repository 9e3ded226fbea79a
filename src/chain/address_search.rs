//! In which transactions did an address take part, who created a contract, which transaction used a
//! nonce?
//!
//! Blocks that the state has are found by the index; newer ones are few, and are looked at.

use super::{Chain, ChainError, visible::Visible};
use crate::{
    primitives::{Part, part_of},
    storage::{BlocksReader, StateReader, StoredBlock, TxLocation},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use std::sync::Arc;

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To newer blocks.
    Up,
    /// To older blocks.
    Down,
}

/// What a search found. Whole blocks: the last one may hold more than was asked for.
#[derive(Debug)]
pub struct Page {
    /// Heights in the order of the search, each with the places of the address's transactions in that
    /// block in ascending order.
    pub places: Vec<(u64, Vec<(usize, Part)>)>,
    /// There is nothing behind it.
    pub is_last: bool,
    moment: Moment,
}

impl Page {
    /// A block of the chain that was searched.
    pub fn block(&self, number: u64) -> Result<StoredBlock, ChainError> {
        self.moment.block(number)
    }
}

/// The chain at one moment, for a search in it.
#[derive(Debug)]
struct Moment {
    visible: Arc<Visible>,
    state: StateReader,
    blocks: BlocksReader,
    /// The last block that the index has.
    indexed: u64,
}

impl Chain {
    /// Is there an index of addresses?
    pub const fn has_address_index(&self) -> bool {
        self.settings.address_index
    }

    /// The transactions of an address from block `from` on, in either direction: `count` of them, and
    /// those that share the block of the last.
    pub fn transactions_of(
        &self,
        address: Address,
        from: u64,
        direction: Direction,
        count: usize,
    ) -> Result<Page, ChainError> {
        let moment = self.moment()?;
        let mut found = Found { count, blocks: Vec::new(), transactions: 0, is_last: true };
        match direction {
            Direction::Up => {
                moment.in_index(address, from, direction, &mut found)?;
                moment.in_memory(address, from, direction, &mut found);
            }
            Direction::Down => {
                moment.in_memory(address, from, direction, &mut found);
                moment.in_index(address, from, direction, &mut found)?;
            }
        }
        let Found { mut blocks, is_last, .. } = found;
        blocks.iter_mut().for_each(|(_, places)| places.sort_unstable());
        Ok(Page { places: blocks, is_last, moment })
    }

    /// The newest transaction that created a contract, and who created it there.
    pub fn creation_of(&self, contract: Address) -> Result<Option<(B256, Address)>, ChainError> {
        let moment = self.moment()?;
        let recent = moment.recent().rev().find_map(|recent| {
            let created = recent
                .inside
                .iter()
                .rev()
                .find(|it| it.address == contract && it.creator.is_some())?;
            let at = TxLocation { block: recent.number(), index: created.index.into() };
            Some((at, created.creator?))
        });
        let found = match recent {
            Some(found) => Some(found),
            None => moment.state.creation(contract)?,
        };
        let Some((at, creator)) = found else { return Ok(None) };
        Ok(moment.hash(at)?.map(|hash| (hash, creator)))
    }

    /// The hash of the newest transaction of a sender with this nonce.
    pub fn sent_with_nonce(&self, sender: Address, nonce: u64) -> Result<Option<B256>, ChainError> {
        let moment = self.moment()?;
        let is_it =
            |tx: &crate::primitives::Transaction| tx.sender() == sender && tx.nonce() == nonce;
        let recent = moment.recent().rev().find_map(|recent| {
            recent.stored.block.body.transactions.iter().find(|tx| is_it(tx)).map(|tx| tx.hash())
        });
        if recent.is_some() {
            return Ok(recent);
        }
        let Some(at) = moment.state.with_nonce(sender, nonce)? else { return Ok(None) };
        moment.hash(at)
    }

    /// The chain as it is now.
    ///
    /// # Errors
    /// [`ChainError::AddressIndex`] while the index does not reach up to the blocks in memory.
    fn moment(&self) -> Result<Moment, ChainError> {
        let (visible, state, blocks) = self.consistent_readers()?;
        let head = state.head()?.map_or(visible.flushed.number, |head| head.number);
        let indexed = state.addresses_indexed()?.filter(|_| self.settings.address_index);
        match indexed {
            Some(indexed) if indexed.number >= head => {
                Ok(Moment { visible, state, blocks, indexed: indexed.number })
            }
            indexed => {
                let first = self.stored_from();
                let count = |to: u64| (to + 1).saturating_sub(first);
                let indexed = indexed.map_or(0, |indexed| count(indexed.number));
                Err(ChainError::AddressIndex { indexed, head: count(head) })
            }
        }
    }
}

impl Moment {
    /// Blocks that only memory has, oldest first.
    fn recent(&self) -> impl DoubleEndedIterator<Item = &Arc<super::visible::Recent>> {
        self.visible.recent.iter().filter(|recent| recent.number() > self.indexed)
    }

    fn in_index(
        &self,
        address: Address,
        from: u64,
        direction: Direction,
        found: &mut Found,
    ) -> Result<(), ChainError> {
        let each = |at: TxLocation, part| found.take(at.block, at.index as usize, part);
        match direction {
            Direction::Up => self.state.transactions_from(address, from, each)?,
            Direction::Down => self.state.transactions_back_from(address, from, each)?,
        }
        Ok(())
    }

    fn in_memory(&self, address: Address, from: u64, direction: Direction, found: &mut Found) {
        let mut look = |recent: &super::visible::Recent| {
            let transactions = (0_u32..).zip(&recent.stored.block.body.transactions);
            for (index, tx) in transactions {
                let part = part_of(address, index, tx, &recent.inside);
                if part.is_some_and(|part| !found.take(recent.number(), index as usize, part)) {
                    return false;
                }
            }
            true
        };
        match direction {
            Direction::Up => {
                self.recent().filter(|it| it.number() >= from).all(|it| look(it));
            }
            Direction::Down => {
                self.recent().rev().filter(|it| it.number() <= from).all(|it| look(it));
            }
        }
    }

    fn block(&self, number: u64) -> Result<StoredBlock, ChainError> {
        if let Some(recent) = self.visible.recent(number) {
            return Ok(recent.stored.clone());
        }
        match (self.blocks.block(number)?, self.blocks.receipts(number)?) {
            (Some(block), Some(receipts)) => Ok(StoredBlock { block, receipts: receipts.into() }),
            _ => Err(ChainError::UnknownBlock { number, head: self.visible.number() }),
        }
    }

    fn hash(&self, at: TxLocation) -> Result<Option<B256>, ChainError> {
        if let Some(recent) = self.visible.recent(at.block) {
            let transactions = &recent.stored.block.body.transactions;
            return Ok(transactions.get(at.index as usize).map(|tx| tx.hash()));
        }
        Ok(self.blocks.transaction(at)?.map(|tx| tx.hash()))
    }
}

/// What was found so far: whole blocks, until there is enough.
struct Found {
    count: usize,
    blocks: Vec<(u64, Vec<(usize, Part)>)>,
    transactions: usize,
    is_last: bool,
}

impl Found {
    fn is_full(&self) -> bool {
        self.transactions >= self.count
    }

    /// Takes a transaction in, unless there is enough already; answers whether to go on.
    fn take(&mut self, block: u64, index: usize, part: Part) -> bool {
        let is_full = self.is_full();
        match self.blocks.last_mut() {
            Some((last, places)) if *last == block => places.push((index, part)),
            _ if is_full => {
                self.is_last = false;
                return false;
            }
            _ => self.blocks.push((block, vec![(index, part)])),
        }
        self.transactions += 1;
        true
    }
}
