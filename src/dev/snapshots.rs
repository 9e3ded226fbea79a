//! Snapshots: what is remembered, and how the chain goes back. Nothing is copied: a snapshot is a
//! height, a count of edits, what a developer set, the mining mode, impersonations and what waited in
//! the pool, which snapshots share as long as it stays the same.

use super::{Dev, Impersonation, forking::ForkError};
use crate::{
    chain::{ChainError, Development},
    pool::SavedPool,
    sealer::{Mode, SealError},
    state::StateError,
};
use alloy_primitives::B256;
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

/// For each snapshot that may be kept, so many waiting transactions and impersonated addresses may be
/// remembered: by all snapshots together.
const ENTRIES_PER_SNAPSHOT: usize = 10;

/// Why the chain did not go back.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The chain could not be read or changed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The fork cannot begin with that block.
    #[error("{0}")]
    Fork(Box<ForkError>),
    /// There is no remote chain to begin with a block of.
    #[error(
        "this node is no fork: name the chain to fork with jsonRpcUrl, or call the method without \
         blockNumber to go back to genesis"
    )]
    NoFork,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The blocks that fill the numbers up could not be made.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Filling the numbers up would take long.
    #[error(
        "--monotonic would have to make {blocks} empty blocks to go back ({limit} allowed); raise \
         --rpc-mined-blocks, or start over with --fresh --monotonic"
    )]
    TooFarBack {
        /// Blocks to make.
        blocks: u64,
        /// Blocks allowed.
        limit: u64,
    },
    /// There are not so many blocks.
    #[error("{depth} blocks cannot be replaced or taken back: there are {above} above the first")]
    TooDeep {
        /// Blocks asked for.
        depth: u64,
        /// Blocks there are.
        above: u64,
    },
    /// Making so many blocks would take long.
    #[error(
        "{depth} blocks cannot be replaced or taken back at once ({limit} allowed); raise \
         --rpc-mined-blocks, or use anvil_revert or anvil_reset"
    )]
    TooManyBlocks {
        /// Blocks asked for.
        depth: u64,
        /// Blocks allowed.
        limit: u64,
    },
    /// A transaction for a block that the branch does not have.
    #[error(
        "block offset {offset} is beyond the new branch of {depth} blocks; offsets count from 0, the \
         lowest of its blocks"
    )]
    BeyondBranch {
        /// As given.
        offset: u64,
        /// Blocks of the branch.
        depth: u64,
    },
    /// Addresses cost memory.
    #[error(
        "{0} addresses are impersonated, and no more fit; end some with \
         anvil_stopImpersonatingAccount, or use anvil_autoImpersonateAccount"
    )]
    TooManyImpersonated(usize),
    /// Every change is remembered.
    #[error("the chain id has changed too often; start over with anvil_reset")]
    TooManyChainIds,
    /// Snapshots cost memory.
    #[error(
        "{kept} snapshots are kept, and no more fit ({entries} waiting transactions and impersonated \
         addresses in all); revert to an older one, or raise --max-snapshots"
    )]
    TooManySnapshots {
        /// Snapshots there are.
        kept: usize,
        /// Transactions and addresses that they would remember.
        entries: usize,
    },
}

/// Snapshots by id. Ids count from 1, and none is given twice before a reset.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    taken: u64,
    kept: BTreeMap<u64, Snapshot>,
}

#[derive(Clone, Debug)]
struct Snapshot {
    /// The branch that it was taken on.
    branch: u64,
    number: u64,
    hash: B256,
    edits: usize,
    development: Development,
    mode: Mode,
    impersonation: Arc<Impersonation>,
    pool: SavedPool,
}

impl From<ForkError> for DevError {
    fn from(error: ForkError) -> Self {
        Self::Fork(Box::new(error))
    }
}

impl Snapshots {
    /// None is kept; ids go on.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// What waits, as the newest snapshot has it if nothing changed since.
    fn share(&self, waiting: SavedPool) -> SavedPool {
        match self.kept.values().next_back() {
            Some(newest) if newest.pool.holds_the_same(&waiting) => newest.pool.clone(),
            _ => waiting,
        }
    }

    /// Forgets what cannot be gone back to any more: this branch is at, or goes on from, block `to`
    /// without the edits that lay over it.
    pub(super) fn forget_above(&mut self, branch: u64, to: u64) {
        let stands = |it: &Snapshot| it.number < to || (it.number == to && it.edits == 0);
        self.kept.retain(|_, snapshot| snapshot.branch != branch || stands(snapshot));
    }

    /// Forgets all of a branch that is gone.
    pub(super) fn forget_branch(&mut self, branch: u64) {
        self.kept.retain(|_, snapshot| snapshot.branch != branch);
    }

    /// Is there room for one more? What neighbours share counts once.
    fn check_room(&self, next: &Snapshot, limit: usize) -> Result<(), DevError> {
        let mut before: Option<&Snapshot> = None;
        let mut entries = 0;
        for snapshot in self.kept.values().chain([next]) {
            if before.is_none_or(|before| !before.pool.is_shared_with(&snapshot.pool)) {
                entries += snapshot.pool.len();
            }
            let is_same =
                |before: &Snapshot| Arc::ptr_eq(&before.impersonation, &snapshot.impersonation);
            if !before.is_some_and(is_same) {
                entries += snapshot.impersonation.addresses.len();
            }
            before = Some(snapshot);
        }
        let kept = self.kept.len();
        if kept >= limit || entries > limit.saturating_mul(ENTRIES_PER_SNAPSHOT) {
            return Err(DevError::TooManySnapshots { kept, entries });
        }
        Ok(())
    }
}

impl Dev {
    /// Remembers the chain as it is now, and answers the snapshot's id.
    pub fn snapshot(&self) -> Result<u64, DevError> {
        let _pause = self.sealer.pause();
        let head = self.chain.head();
        let mut snapshots = self.snapshots.lock();
        let pool = snapshots.share(self.pool.save());
        let snapshot = Snapshot {
            branch: self.chain.branch_id(),
            number: head.number,
            hash: head.seal(),
            edits: self.chain.edit_count(),
            development: self.chain.development(),
            mode: self.sealer.mode(),
            impersonation: self.impersonation.lock().clone(),
            pool,
        };
        snapshots.check_room(&snapshot, self.settings.snapshots)?;
        snapshots.taken += 1;
        let id = snapshots.taken;
        snapshots.kept.insert(id, snapshot);
        Ok(id)
    }

    /// Goes back to a snapshot and forgets it and all that were taken after it. `false` if there
    /// is no such snapshot (any more).
    pub fn revert(&self, id: u64) -> Result<bool, DevError> {
        let pause = self.sealer.pause();
        let mut snapshots = self.snapshots.lock();
        let branch = self.chain.branch_id();
        let is_here = |snapshot: &&Snapshot| snapshot.branch == branch;
        let Some(snapshot) = snapshots.kept.get(&id).filter(is_here).cloned() else {
            return Ok(false);
        };
        if !self.stands(&snapshot)? {
            snapshots.kept.remove(&id);
            return Ok(false);
        }
        let reached = self.reached(snapshot.number)?;
        // Blocks that fill numbers up are made by the clock as it is; else one commit does it all.
        let fills = reached > snapshot.number;
        let set = (!fills).then(|| snapshot.development.clone());
        self.chain.unwind_with(snapshot.number, snapshot.edits, set)?;
        self.sealer.fill_to(&pause, reached)?;
        snapshots.kept.retain(|other, it| *other < id || it.branch != branch);
        drop(snapshots);
        if fills {
            self.chain.develop(|set| *set = snapshot.development)?;
        }
        *self.impersonation.lock() = snapshot.impersonation;
        self.restore_pool(snapshot.pool)?;
        self.sealer.set_mode(snapshot.mode);
        Ok(true)
    }

    /// The snapshots that are kept: id, height, hash of the block.
    pub fn kept_snapshots(&self) -> Vec<(u64, u64, B256)> {
        let snapshots = self.snapshots.lock();
        let kept = snapshots.kept.iter();
        kept.map(|(id, snapshot)| (*id, snapshot.number, snapshot.hash)).collect()
    }

    /// Makes block `number` the head again, without edits over it. What waits goes on waiting; the
    /// transactions of the removed blocks are not sent again, as in geth.
    pub fn set_head(&self, number: u64) -> Result<(), DevError> {
        let _pause = self.sealer.pause();
        let waiting = self.pool.save();
        let mut snapshots = self.snapshots.lock();
        self.warn_wallets(number);
        self.chain.unwind(number, 0)?;
        snapshots.forget_above(self.chain.branch_id(), number);
        drop(snapshots);
        let id = self.chain.spec().chain_id();
        self.chain.develop(|set| {
            if set.chain_ids.last().is_some_and(|(from, _)| *from > number + 1) {
                set.set_chain_id(number + 1, id);
            }
        })?;
        self.bring_back(waiting)
    }

    /// From the next block on the chain has another id. What waits was signed for the old one, and is
    /// dropped when its turn comes.
    pub fn set_chain_id(&self, id: u64) -> Result<(), DevError> {
        let _pause = self.sealer.pause();
        let from = self.chain.head().number + 1;
        if self.chain.develop(|set| set.set_chain_id(from, id))? {
            Ok(())
        } else {
            Err(DevError::TooManyChainIds)
        }
    }

    /// The chain is about to go back to block `to`: says what wallets need, and answers which block
    /// has to be the head afterwards. Filling the numbers up with empty blocks keeps the height from
    /// going back; nonces do go back.
    pub(super) fn reached(&self, to: u64) -> Result<u64, DevError> {
        let head = self.chain.head().number;
        if to >= head || !self.settings.monotonic {
            self.warn_wallets(to);
            return Ok(to);
        }
        let (blocks, limit) = (head + 1 - to, self.settings.filled_blocks);
        if blocks > limit {
            return Err(DevError::TooFarBack { blocks, limit });
        }
        Ok(head + 1)
    }

    /// Says once what a wallet needs that has seen blocks which are gone now.
    pub(super) fn warn_wallets(&self, to: u64) {
        let head = self.chain.head().number;
        if to >= head || self.has_warned.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(target: "chain", "the chain goes back from block {head} to {to}. {WALLET_HINT}");
    }

    /// Is the snapshot's block still on the chain?
    fn stands(&self, snapshot: &Snapshot) -> Result<bool, DevError> {
        let header = self.chain.header(snapshot.number)?;
        Ok(header.is_some_and(|header| header.seal() == snapshot.hash))
    }

    pub(super) fn restore_pool(&self, waiting: SavedPool) -> Result<(), DevError> {
        let is_empty = waiting.is_empty();
        self.bring_back(waiting)?;
        if !is_empty {
            self.sealer.wake();
        }
        Ok(())
    }

    /// What waited waits again. Nobody is woken: a chain that went back stays there until a block is made
    /// for another reason.
    fn bring_back(&self, waiting: SavedPool) -> Result<(), DevError> {
        let (_, view) = self.chain.latest()?;
        let failure = Cell::new(None);
        self.pool.bring_back(waiting, |sender| match view.account(sender) {
            Ok(account) => account.map_or(0, |account| account.nonce),
            Err(error) => {
                failure.set(Some(error));
                0
            }
        });
        failure.into_inner().map_or(Ok(()), |error| Err(error.into()))
    }
}

/// What a wallet must be told after its chain went back.
pub const WALLET_HINT: &str = "A wallet that has seen later blocks remembers them and its nonces: in \
     MetaMask choose Settings > Advanced > \"Clear activity tab data\" (newer versions: Settings > \
     Developer tools > \"Delete activity and nonce data\"), or start the node with \
     --rotate-chain-id, and a chain that starts over is a new network to wallets";
