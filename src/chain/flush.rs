//! When are blocks written from memory into the state? One background writer, large sorted batches.

use super::{
    Chain, ChainError,
    visible::{Recent, Visible},
};
use crate::storage::{FlushBlock, StateBatch, StorageError, TrieChanges};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// When a batch is written: at whichever of these comes first, and when nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct FlushLimits {
    /// Blocks in memory.
    pub blocks: usize,
    /// Their estimated size in bytes.
    pub bytes: usize,
    /// Gas they used: bounds how long executing them again takes when the node opens.
    pub gas: u64,
    /// Age of the oldest.
    pub age: Duration,
}

impl Default for FlushLimits {
    fn default() -> Self {
        Self { blocks: 64, bytes: 16 << 20, gas: 500_000_000, age: Duration::from_secs(2) }
    }
}

/// With no block for this long, what is there is written.
const IDLE: Duration = Duration::from_millis(100);
/// After a failed write, the next attempt comes this much later.
const RETRY: Duration = Duration::from_secs(1);
/// Appending waits when memory holds this many times the limits.
const ROOM: usize = 4;
/// The background writer takes this many times the limits at once. Less than there is room for: while
/// it writes, appending goes on.
const BATCH: usize = 2;
/// Changed keys whose older versions one write throws away at most: about as many as it writes.
const PRUNED_KEYS: usize = 200_000;

/// How appending and the background writer talk.
#[derive(Debug, Default)]
pub(super) struct FlushSignal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SignalState {
    appended: u64,
    stop: bool,
    failed: Option<Arc<ChainError>>,
}

impl FlushSignal {
    pub(super) fn block_appended(&self) {
        self.state.lock().appended += 1;
        self.changed.notify_all();
    }

    /// Waits while memory is full of unwritten blocks and someone is there to write them.
    ///
    /// # Errors
    /// When it is full and the writer cannot write: the disk is full or broken.
    pub(super) fn wait_for_room(&self, chain: &Chain) -> Result<(), ChainError> {
        let limits = chain.settings.flush;
        let mut state = self.state.lock();
        while !state.stop && limits.reached(&chain.visible.load(), ROOM) {
            if let Some(failed) = &state.failed {
                let reason = failed.to_string();
                return Err(match failed.as_ref() {
                    ChainError::Storage(StorageError::DiskFull) => StorageError::DiskFull.into(),
                    ChainError::Storage(StorageError::DiskFailed) => {
                        StorageError::DiskFailed.into()
                    }
                    _ => ChainError::Halted { reason },
                });
            }
            self.changed.wait(&mut state);
        }
        Ok(())
    }

    /// Waits until there is something to write now; `false` = stop.
    fn wait_until_due(&self, chain: &Chain) -> bool {
        let limits = chain.settings.flush;
        let mut state = self.state.lock();
        let mut oldest: Option<Instant> = None;
        loop {
            let visible = chain.visible.load();
            if state.stop {
                return false;
            }
            if visible.recent.is_empty() {
                oldest = None;
                self.changed.wait(&mut state);
                continue;
            }
            let since = *oldest.get_or_insert_with(Instant::now);
            if limits.reached(&visible, 1) || since.elapsed() >= limits.age {
                return true;
            }
            let before = state.appended;
            let timed_out = self.changed.wait_for(&mut state, IDLE).timed_out();
            if timed_out && state.appended == before {
                return !state.stop;
            }
        }
    }

    /// Is it time to stop?
    pub(super) fn is_stopping(&self) -> bool {
        self.state.lock().stop
    }

    pub(super) fn written(&self, result: Result<(), ChainError>) {
        let mut state = self.state.lock();
        state.failed = result.err().map(Arc::new);
        if let Some(error) = &state.failed {
            tracing::error!(target: "chain", %error, "the state could not be written; trying again");
            self.changed.wait_for(&mut state, RETRY);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_all();
    }
}

impl FlushLimits {
    pub(super) fn reached(&self, visible: &Visible, times: usize) -> bool {
        self.hold(visible.recent.len(), visible.recent_bytes, visible.recent_gas, times)
    }

    const fn hold(&self, blocks: usize, bytes: usize, gas: u64, times: usize) -> bool {
        blocks >= self.blocks.saturating_mul(times)
            || bytes >= self.bytes.saturating_mul(times)
            || gas >= self.gas.saturating_mul(times as u64)
    }

    /// How many of these blocks, oldest first, reach this many times the limits?
    fn fill(&self, recent: &VecDeque<Arc<Recent>>, times: usize) -> usize {
        let (mut bytes, mut gas) = (0, 0u64);
        let reaches = recent.iter().enumerate().position(|(before, block)| {
            bytes += block.bytes();
            gas = gas.saturating_add(block.gas());
            self.hold(before + 1, bytes, gas, times)
        });
        reaches.map_or(recent.len(), |before| before + 1)
    }
}

impl Chain {
    /// The body of the background writer's thread. Ends after [`Chain::stop`].
    pub fn run_state_writer(&self) {
        self.complete_log_index();
        self.complete_address_index();
        while self.flush.wait_until_due(self) {
            self.flush.written(self.flush_batch());
        }
    }

    /// Tells the background writer to end. What it has not written is executed again when the
    /// chain is opened; call [`Chain::flush_state`] to spare that.
    pub fn stop(&self) {
        self.flush.stop();
    }

    /// Why the last write of the state failed, if it did.
    pub fn write_failure(&self) -> Option<Arc<ChainError>> {
        self.flush.state.lock().failed.clone()
    }

    /// Writes every recent block into the state as one batch.
    pub fn flush_state(&self) -> Result<(), ChainError> {
        self.flush_oldest(VecDeque::len)
    }

    /// Writes the oldest of the recent blocks, as many as the background writer takes at once.
    pub(super) fn flush_batch(&self) -> Result<(), ChainError> {
        self.flush_oldest(|recent| self.settings.flush.fill(recent, BATCH))
    }

    fn flush_oldest(
        &self,
        count: impl FnOnce(&VecDeque<Arc<Recent>>) -> usize,
    ) -> Result<(), ChainError> {
        let _state_writer = self.state_writer.lock();
        let visible = self.close_overlay();
        let count = count(&visible.recent);
        let Some(last) = count.checked_sub(1).and_then(|last| visible.recent.get(last)) else {
            return Ok(());
        };
        let oldest = || visible.recent.iter().take(count);
        let blocks = oldest().map(|recent| FlushBlock {
            block: recent.stored.block.num_hash(),
            root: recent.stored.block.header.state_root,
            changes: &recent.changes,
            transactions: &recent.stored.block.body.transactions,
            receipts: &recent.stored.receipts,
            inside: self.settings.address_index.then_some(&recent.inside),
        });
        let mut trie = TrieChanges {
            rows: last.trie.rows_since(Some(visible.flushed.number)),
            ..Default::default()
        };
        for recent in oldest() {
            trie.removed_owners.extend(&recent.removed.owners);
            trie.removed.extend(&recent.removed.branches);
        }
        self.storage.state.flush(&StateBatch {
            blocks: blocks.collect(),
            trie,
            next_storage_id: last.next_storage_id,
        })?;
        self.forget_written(last.stored.block.num_hash());
        self.prune_states(last.number())
    }

    /// Throws states away that are not to be kept. The caller holds the state writer's lock.
    fn prune_states(&self, written: u64) -> Result<(), ChainError> {
        let Some(keep) = self.settings.keep_states else { return Ok(()) };
        let to = written.saturating_sub(keep);
        if to > self.first() {
            self.storage.state.prune(to, PRUNED_KEYS, self.is_fork())?;
        }
        Ok(())
    }

    /// The visible head whose layers will not be merged with newer ones any more.
    fn close_overlay(&self) -> Arc<Visible> {
        let _writer = self.writer.lock();
        let visible = self.visible.load_full();
        let mut closed = visible.as_ref().clone();
        closed.overlay.close();
        self.visible.store(Arc::new(closed));
        visible
    }

    fn forget_written(&self, flushed: crate::primitives::BlockNumHash) {
        let _writer = self.writer.lock();
        let mut next = self.visible.load().without_flushed(flushed);
        // An import goes on with a trie of its own, which is collapsed when it becomes the head's.
        if self.side.try_lock().is_some() {
            next.trie.collapse(flushed.number, self.settings.trie_nodes);
        }
        self.visible.store(Arc::new(next));
    }
}
