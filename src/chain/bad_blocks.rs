//! Which blocks from outside were refused because they break a rule?

use super::{Chain, ImportError};
use crate::primitives::Block;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// How many refused blocks are remembered, as in geth.
const REMEMBERED: usize = 10;

/// The newest refused blocks, the newest first. They are in memory only.
#[derive(Debug, Default)]
pub(super) struct BadBlocks(Mutex<VecDeque<Block>>);

impl BadBlocks {
    fn remember(&self, block: &Block) {
        let mut blocks = self.0.lock();
        blocks.retain(|known| known.hash() != block.hash());
        blocks.truncate(REMEMBERED - 1);
        blocks.push_front(block.clone());
    }
}

impl Chain {
    /// The newest blocks that an import refused because they break a rule, the newest first.
    pub fn bad_blocks(&self) -> Vec<Block> {
        self.bad_blocks.0.lock().iter().cloned().collect()
    }

    /// Remembers a block if it is its own fault that it was not taken in.
    pub(super) fn note_bad(&self, block: &Block, error: &ImportError) {
        if matches!(error, ImportError::Invalid { .. }) {
            self.bad_blocks.remember(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;

    #[test]
    fn the_newest_ten_are_remembered_each_once() {
        let bad = BadBlocks::default();
        let block =
            |number| Block::new(Header { number, ..Default::default() }, Default::default());
        for number in (0..15).chain([12]) {
            bad.remember(&block(number));
        }
        let numbers: Vec<_> = bad.0.lock().iter().map(Block::number).collect();
        assert_eq!(numbers, [12, 14, 13, 11, 10, 9, 8, 7, 6, 5]);
    }
}
