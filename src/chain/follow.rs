//! What happened since? A place in the history of the chain, and how to read on from it.
//!
//! Nobody is pushed anything: whoever follows the chain keeps a [`Cursor`] of a few bytes and reads the
//! blocks where they are anyhow. Only blocks that are gone are kept, for a while, since nowhere else
//! they can be read. So a reader may be as slow as it likes and misses nothing, unless the chain goes
//! back more often, or farther, than is remembered; then it is told so.

use super::{Chain, ChainError, ChainEvent, visible::Visible};
use crate::storage::StoredBlock;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::watch;

/// How often the chain may go back before a reader that has not noticed must begin anew.
const KEPT_UNWINDS: usize = 4_096;
/// Memory for blocks that are gone, in bytes, estimated.
const KEPT_BYTES: usize = 64 << 20;

/// A place in what happened to the chain: everything up to block `at` was read, after the chain went
/// back `unwinds` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    at: u64,
    unwinds: u64,
}

/// Blocks that left the chain together.
#[derive(Debug)]
struct Unwound {
    to: u64,
    removed: Arc<Vec<StoredBlock>>,
    by_branch: bool,
    bytes: usize,
}

impl Unwound {
    /// The block that the chain had at this height just before.
    fn block(&self, number: u64) -> Option<&StoredBlock> {
        let above = number.checked_sub(self.to)?.checked_sub(1)?;
        self.removed.get(usize::try_from(above).ok()?)
    }

    fn tip(&self) -> u64 {
        self.to + self.removed.len() as u64
    }
}

/// The last times that the chain went back. Part of what every reader sees, and swapped with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwinds {
    forgotten: u64,
    kept: VecDeque<Arc<Unwound>>,
    bytes: usize,
}

impl Unwinds {
    fn count(&self) -> u64 {
        self.forgotten + self.kept.len() as u64
    }

    /// These and one more: the chain went from `head` back to `to`. If not all of the blocks above
    /// `to` are at hand, whoever has not read up to now must begin anew.
    pub(super) fn and(
        &self,
        to: u64,
        head: u64,
        removed: &Arc<Vec<StoredBlock>>,
        by_branch: bool,
    ) -> Self {
        if removed.len() as u64 != head - to {
            return self.and_all_anew();
        }
        let bytes = removed.iter().map(size).sum();
        let mut next = self.clone();
        next.bytes += bytes;
        next.kept.push_back(Arc::new(Unwound { to, removed: removed.clone(), by_branch, bytes }));
        while next.kept.len() > KEPT_UNWINDS || next.bytes > KEPT_BYTES {
            let Some(oldest) = next.kept.pop_front() else { break };
            next.bytes -= oldest.bytes;
            next.forgotten += 1;
        }
        next
    }

    /// These and one after which everyone must begin anew.
    pub(super) fn and_all_anew(&self) -> Self {
        Self { forgotten: self.count() + 1, ..Self::default() }
    }

    /// Those that a reader has not noticed.
    fn after(
        &self,
        cursor: Cursor,
    ) -> Result<impl Iterator<Item = &Arc<Unwound>> + Clone, ChainError> {
        let seen = cursor.unwinds.checked_sub(self.forgotten);
        let seen = seen.and_then(|seen| usize::try_from(seen).ok());
        let missed = self.count() - cursor.unwinds.min(self.count());
        let seen = seen.ok_or(ChainError::Forgotten { unwinds: missed })?;
        Ok(self.kept.iter().skip(seen))
    }
}

/// Memory that a block takes, roughly.
fn size(stored: &StoredBlock) -> usize {
    const BLOCK: usize = 1_024;
    const TRANSACTION: usize = 512;
    const LOG: usize = 256;
    let logs = stored.receipts.iter().flat_map(|receipt| &receipt.logs);
    let logs: usize = logs.map(|log| LOG + log.data.data.len()).sum();
    BLOCK + stored.block.body.transactions.len() * TRANSACTION + logs
}

impl Chain {
    /// The place where the chain is now.
    pub fn follow(&self) -> Cursor {
        let visible = self.visible.load();
        Cursor { at: visible.number(), unwinds: visible.unwinds.count() }
    }

    /// What happened at a place and was not read yet, one thing after the other and each once: blocks
    /// that came, and blocks that went. Moves the cursor behind it.
    ///
    /// # Errors
    /// [`ChainError::Forgotten`] when blocks that went are not remembered any more.
    pub fn next_event(&self, cursor: &mut Cursor) -> Result<Option<ChainEvent>, ChainError> {
        loop {
            let visible = self.visible.load_full();
            let mut unwinds = visible.unwinds.after(*cursor)?;
            let Some(unwound) = unwinds.next() else {
                if cursor.at >= visible.number() {
                    return Ok(None);
                }
                if let Some(block) = self.block_of(&visible, cursor.at + 1)? {
                    cursor.at += 1;
                    return Ok(Some(ChainEvent::NewHead(block)));
                }
                continue;
            };
            if cursor.at >= unwound.tip() {
                *cursor = Cursor { at: unwound.to, unwinds: cursor.unwinds + 1 };
                let Unwound { to, by_branch, .. } = **unwound;
                let removed = unwound.removed.clone();
                return Ok(Some(ChainEvent::Unwound { to, removed, by_branch }));
            }
            // A block that was there before the chain went back: it may have gone then, or later, or
            // be there still.
            let number = cursor.at + 1;
            let gone = unwound.block(number).or_else(|| unwinds.find_map(|it| it.block(number)));
            let block = match gone {
                Some(block) => Some(block.clone()),
                None => self.block_of(&visible, number)?,
            };
            if let Some(block) = block {
                cursor.at = number;
                return Ok(Some(ChainEvent::NewHead(block)));
            }
        }
    }

    /// Is what comes next in memory, so that reading it takes no time?
    pub fn is_near(&self, cursor: &Cursor) -> bool {
        let visible = self.visible.load();
        let first = visible.recent.front().map_or(visible.number() + 1, |recent| recent.number());
        cursor.unwinds == visible.unwinds.count() && cursor.at + 1 >= first
    }

    /// Tells that something happened; not what.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How many wait for something to happen.
    #[cfg(test)]
    pub(crate) fn watchers(&self) -> usize {
        self.changed.receiver_count()
    }

    /// Tells everyone above. Called under the writer's lock, so that news comes in the order of what
    /// happened.
    pub(super) fn publish(&self, event: ChainEvent) {
        self.counted.happened(&event);
        // No subscriber is no error.
        let _ = self.events.send(event);
        self.changed.send_replace(());
    }

    /// A block of the chain that `visible` is the head of; nothing if that head is going away.
    fn block_of(&self, visible: &Visible, number: u64) -> Result<Option<StoredBlock>, ChainError> {
        if let Some(recent) = visible.recent(number) {
            return Ok(Some(recent.stored.clone()));
        }
        let reader = self.storage.blocks.reader()?;
        if reader.hash(visible.number())? == Some(visible.header.seal()) {
            let (Some(block), Some(receipts)) = (reader.block(number)?, reader.receipts(number)?)
            else {
                return Err(ChainError::UnknownBlock { number, head: visible.number() });
            };
            return Ok(Some(StoredBlock { block, receipts: Arc::new(receipts) }));
        }
        // Wait until the head follows.
        self.writer.lock().check()?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::{Block, Body};
    use alloy_consensus::Header;

    fn blocks(numbers: std::ops::RangeInclusive<u64>) -> Arc<Vec<StoredBlock>> {
        let block = |number| {
            let header = Header { number, ..Default::default() };
            StoredBlock { block: Block::new(header, Body::default()), receipts: Arc::default() }
        };
        Arc::new(numbers.map(block).collect())
    }

    #[test]
    fn what_is_remembered_is_bounded_and_who_needs_more_is_told() {
        let mut unwinds = Unwinds::default();
        let early = Cursor { at: 5, unwinds: 0 };
        for _ in 0..KEPT_UNWINDS {
            unwinds = unwinds.and(4, 5, &blocks(5..=5), false);
        }
        assert_eq!(unwinds.after(early).unwrap().count(), KEPT_UNWINDS);
        let unwinds = unwinds.and(4, 5, &blocks(5..=5), false);
        let missed = unwinds.after(early).map(|_| ()).unwrap_err();
        let wanted = KEPT_UNWINDS as u64 + 1;
        assert!(matches!(missed, ChainError::Forgotten { unwinds } if unwinds == wanted));
        let late = Cursor { unwinds: 1, ..early };
        assert_eq!(unwinds.after(late).unwrap().count(), KEPT_UNWINDS);
    }

    #[test]
    fn nobody_reads_on_over_blocks_of_which_not_all_are_at_hand() {
        let unwinds = Unwinds::default().and(4, 6, &blocks(5..=6), false);
        let unwinds = unwinds.and(2, 9, &blocks(7..=9), false);
        let before = Cursor { at: 4, unwinds: 1 };
        assert!(unwinds.after(before).is_err());
        assert_eq!(unwinds.after(Cursor { unwinds: 2, ..before }).unwrap().count(), 0);
    }
}
