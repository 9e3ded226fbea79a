//! Snapshots: what is remembered, and how the chain goes back. Nothing is copied: a snapshot is a
//! height, a count of edits, the clock, the mining mode, impersonations and what waited in the pool.

use super::{Dev, Impersonation};
use crate::{
    chain::{ChainError, ClockState},
    primitives::Transaction,
    sealer::Mode,
    state::StateError,
};
use alloy_primitives::B256;
use std::collections::BTreeMap;

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
    pool: Vec<Transaction>,
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
            pool: self.pool.transactions(),
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
        let waiting = self.pool.transactions();
        self.chain.unwind(number, 0)?;
        self.restore_pool(waiting)
    }

    /// Is the snapshot's block still on the chain?
    fn stands(&self, snapshot: &Snapshot) -> Result<bool, DevError> {
        let header = self.chain.header(snapshot.number)?;
        Ok(header.is_some_and(|header| header.seal() == snapshot.hash))
    }

    fn restore_pool(&self, waiting: Vec<Transaction>) -> Result<(), DevError> {
        self.pool.drop_all();
        let (_, view) = self.chain.latest()?;
        let mut nonces = alloy_primitives::map::AddressMap::default();
        for transaction in &waiting {
            let account = view.account(transaction.sender())?;
            nonces.insert(transaction.sender(), account.map_or(0, |account| account.nonce));
        }
        self.pool.reinject(waiting, |sender| nonces.get(&sender).copied().unwrap_or_default());
        Ok(())
    }
}
