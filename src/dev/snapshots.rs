//! Snapshots: what is remembered, and how the chain goes back. Nothing is copied: a snapshot is a
//! height, a count of edits, the clock, the mining mode, impersonations and what waited in the pool.

use super::{Dev, Impersonation};
use crate::{
    chain::{ChainError, ClockState},
    pool::SavedPool,
    sealer::Mode,
    state::StateError,
};
use alloy_primitives::B256;
use std::{cell::Cell, collections::BTreeMap};

/// Why the chain did not go back.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The chain could not be read or changed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Snapshots by id.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    taken: u64,
    kept: BTreeMap<u64, Snapshot>,
}

#[derive(Clone, Debug)]
struct Snapshot {
    number: u64,
    hash: B256,
    edits: usize,
    clock: ClockState,
    mode: Mode,
    impersonation: Impersonation,
    pool: SavedPool,
}

impl Dev {
    /// Remembers the chain as it is now. Ids count from 0.
    pub fn snapshot(&self) -> u64 {
        let _pause = self.sealer.pause();
        let head = self.chain.head();
        let snapshot = Snapshot {
            number: head.number,
            hash: head.seal(),
            edits: self.chain.edit_count(),
            clock: self.chain.clock().save(),
            mode: self.sealer.mode(),
            impersonation: self.impersonation.lock().clone(),
            pool: self.pool.save(),
        };
        let mut snapshots = self.snapshots.lock();
        let id = snapshots.taken;
        snapshots.taken += 1;
        snapshots.kept.insert(id, snapshot);
        id
    }

    /// Goes back to a snapshot and forgets it and all that were taken after it. `false` if there
    /// is no such snapshot (any more).
    pub fn revert(&self, id: u64) -> Result<bool, DevError> {
        let _pause = self.sealer.pause();
        let mut snapshots = self.snapshots.lock();
        let Some(snapshot) = snapshots.kept.get(&id).cloned() else { return Ok(false) };
        if !self.stands(&snapshot)? {
            snapshots.kept.remove(&id);
            return Ok(false);
        }
        self.chain.unwind(snapshot.number, snapshot.edits)?;
        snapshots.kept.retain(|other, _| *other < id);
        drop(snapshots);
        self.chain.clock().restore(snapshot.clock);
        *self.impersonation.lock() = snapshot.impersonation;
        self.restore_pool(snapshot.pool)?;
        self.sealer.set_mode(snapshot.mode);
        tracing::info!(
            target: "chain",
            block = snapshot.number,
            "reverted; a wallet that has seen later blocks must be told: in MetaMask, Settings > \
             Developer tools > Delete activity and nonce data"
        );
        Ok(true)
    }

    /// Makes block `number` the head again, without edits over it. What waits goes on waiting; the
    /// transactions of the removed blocks are not sent again, as in geth.
    pub fn set_head(&self, number: u64) -> Result<(), DevError> {
        let _pause = self.sealer.pause();
        let waiting = self.pool.save();
        self.chain.unwind(number, 0)?;
        self.restore_pool(waiting)
    }

    /// Is the snapshot's block still on the chain?
    fn stands(&self, snapshot: &Snapshot) -> Result<bool, DevError> {
        let header = self.chain.header(snapshot.number)?;
        Ok(header.is_some_and(|header| header.seal() == snapshot.hash))
    }

    fn restore_pool(&self, waiting: SavedPool) -> Result<(), DevError> {
        let (_, view) = self.chain.latest()?;
        let failure = Cell::new(None);
        self.pool.bring_back(waiting, |sender| match view.account(sender) {
            Ok(account) => account.map_or(0, |account| account.nonce),
            Err(error) => {
                failure.set(Some(error));
                0
            }
        });
        self.sealer.wake();
        failure.into_inner().map_or(Ok(()), |error| Err(error.into()))
    }
}
