//! Which new blocks called `console.log`? Only they are executed once more to print what was said.

use super::{Chain, events};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Blocks made here that may have logged, the newest last. As many as events that may wait: whoever
/// prints has read a block's event before it is dropped here.
#[derive(Debug, Default)]
pub(super) struct Spoken(Mutex<VecDeque<B256>>);

impl Chain {
    /// Remembers that a transaction of a block made here may have called `console.log`.
    pub fn note_console(&self, block: B256) {
        let mut blocks = self.spoken.0.lock();
        if blocks.len() == events::CAPACITY {
            blocks.pop_front();
        }
        blocks.push_back(block);
    }

    /// May a transaction of this block have called `console.log`? No for blocks of others.
    pub fn may_have_logged(&self, block: B256) -> bool {
        self.spoken.0.lock().contains(&block)
    }
}
