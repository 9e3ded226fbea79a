//! How does a chain that was loaded take the place of the one before? The new `state` is built beside
//! the old one; one commit to `blocks` makes it count; then its folder takes the old one's name. Who
//! is killed before that commit opens the old chain, who is killed after it the new one.

use super::{
    BlockReceipts, BlocksDb, Durability, Environment, Stage, StateDb, Storage, StorageError,
    StoredBlock,
    blocks_writer::put_block,
    environment::WriteTx,
    log_index,
    tables::{
        BLOCKS, META, META_BASE, META_BRANCH, META_DEVELOPMENT, META_GENESIS, META_LOAD,
        META_ORIGIN, META_STATE_FILE, STATE, TOTAL_DIFFICULTIES, TRANSACTIONS,
    },
};
use crate::primitives::BlockNumHash;
use alloy_primitives::{B256, U256};
use std::path::{Path, PathBuf};

/// Folder of the state, beside that of the blocks.
pub(super) const STATE_DIR: &str = "state";
/// Folder of a state that is being built.
const NEXT_DIR: &str = "state.next";
/// Folder of a dump that is being read.
const STAGE_DIR: &str = "loading";

/// A state that is being built. Gone when dropped, unless it was taken over.
#[derive(Debug)]
pub struct NextState {
    state: Option<StateDb>,
    dir: PathBuf,
}

impl NextState {
    /// The state.
    pub fn state(&self) -> &StateDb {
        self.state.as_ref().expect("it is there until it is taken over")
    }
}

impl NextState {
    /// Leaves it to the next start of the node.
    pub fn leave(mut self) {
        drop(self.state.take());
    }
}

impl Drop for NextState {
    fn drop(&mut self) {
        if self.state.take().is_some() {
            // What cannot be removed is removed when the chain is opened.
            let _ = remove(&self.dir);
        }
    }
}

/// A block that was executed elsewhere, on its way into the indexes of a new state.
#[derive(Debug)]
pub struct IndexedBlock {
    /// Height and hash.
    pub block: BlockNumHash,
    /// Its transactions, in order.
    pub transactions: Vec<B256>,
    /// One a transaction.
    pub receipts: Vec<crate::primitives::Receipt>,
}

/// What `blocks` holds after a load, besides the blocks.
#[derive(Debug)]
pub struct Renewal<'a> {
    /// Id of the load.
    pub load: B256,
    /// The genesis (JSON) of the chain, if it has other rules than the one before.
    pub genesis: Option<&'a [u8]>,
    /// What the chain began with before (JSON), if that is to be remembered; an empty one forgets it.
    pub origin: Option<&'a [u8]>,
    /// The block that the chain stands on (JSON).
    pub base: &'a [u8],
    /// What a developer set (JSON).
    pub development: &'a [u8],
    /// Total difficulty of the lowest block: height, difficulty.
    pub total_difficulty: (u64, U256),
    /// The file that it was loaded from, if another is to be remembered.
    pub state_file: Option<&'a [u8]>,
}

impl Storage {
    /// Room for a dump that is being read.
    pub fn stage(&self) -> Result<Stage, StorageError> {
        Stage::create(&self.dir.join(STAGE_DIR))
    }

    /// An empty state beside the one in use, for the load with this id.
    pub fn next_state(&self, load: B256) -> Result<NextState, StorageError> {
        let dir = self.dir.join(NEXT_DIR);
        remove(&dir)?;
        let environment = Environment::open(&dir, STATE, self.durability)?;
        let tx = environment.write()?;
        tx.put(META, META_LOAD, load.as_slice())?;
        tx.commit()?;
        Ok(NextState { state: Some(StateDb::new(environment)?), dir })
    }

    /// Takes over a state whose load `blocks` has committed. Readers of the old one keep it until they
    /// end.
    pub fn take_over(&self, mut next: NextState) -> Result<(), StorageError> {
        // If the folders cannot be moved, what is still written goes where nobody looks any more.
        let state = next.state.take();
        rename(&self.dir)?;
        if let Some(state) = state {
            self.state.replace(state);
        }
        Ok(())
    }
}

impl BlocksDb {
    /// Puts a loaded chain in the place of everything that is here. One commit.
    pub fn renew(
        &self,
        renewal: &Renewal<'_>,
        blocks: impl Iterator<Item = Result<StoredBlock, StorageError>>,
    ) -> Result<(), StorageError> {
        fail::fail_point!("renew-before", |_| Err(StorageError::Failpoint("renew-before")));
        let tx = self.environment.write()?;
        tx.clear_rows(BLOCKS)?;
        // Named branches were of the chain before.
        tx.delete(META, META_BRANCH)?;
        for (place, stored) in blocks.enumerate() {
            put_block(&tx, &stored?)?;
            if place == 0 {
                let (number, total) = renewal.total_difficulty;
                let (number, total) = (number.to_be_bytes(), total.to_be_bytes::<32>());
                tx.put(TOTAL_DIFFICULTIES, &number, &total)?;
            }
        }
        if let Some(genesis) = renewal.genesis {
            tx.put(META, META_GENESIS, genesis)?;
        }
        put_origin(&tx, renewal.origin)?;
        tx.put(META, META_BASE, renewal.base)?;
        tx.put(META, META_LOAD, renewal.load.as_slice())?;
        tx.put(META, META_DEVELOPMENT, renewal.development)?;
        if let Some(file) = renewal.state_file {
            tx.put(META, META_STATE_FILE, file)?;
        }
        fail::fail_point!("renew-middle", |_| Err(StorageError::Failpoint("renew-middle")));
        tx.commit()?;
        fail::fail_point!("renew-after", |_| Err(StorageError::Failpoint("renew-after")));
        Ok(())
    }
}

/// Remembers what the chain began with before, or forgets it.
pub(super) fn put_origin(tx: &WriteTx, origin: Option<&[u8]>) -> Result<(), StorageError> {
    match origin {
        Some([]) => tx.delete(META, META_ORIGIN).map(drop),
        Some(origin) => tx.put(META, META_ORIGIN, origin),
        None => Ok(()),
    }
}

impl StateDb {
    /// Adds blocks that were executed elsewhere to the indexes of transactions and events. One commit.
    pub fn index_blocks(&self, blocks: &[IndexedBlock]) -> Result<(), StorageError> {
        let tx = self.environment().write()?;
        let mut places = Vec::new();
        for IndexedBlock { block, transactions, .. } in blocks {
            let place = |(index, hash): (usize, &B256)| {
                (*hash, [block.number.to_be_bytes(), (index as u64).to_be_bytes()].concat())
            };
            places.extend(transactions.iter().enumerate().map(place));
        }
        places.sort_unstable();
        tx.put_all(TRANSACTIONS, &places)?;
        let events = blocks.iter();
        let events = events.map(|it| BlockReceipts { block: it.block, receipts: &it.receipts });
        log_index::append(&tx, &events.collect::<Vec<_>>())?;
        tx.commit()
    }
}

/// Ends what a load began that was cut short: its state takes its place if `blocks` has its id, else it
/// is removed.
pub(super) fn settle(dir: &Path, blocks: &BlocksDb) -> Result<(), StorageError> {
    remove(&dir.join(STAGE_DIR))?;
    let next = dir.join(NEXT_DIR);
    if !next.exists() {
        return Ok(());
    }
    let committed = blocks.reader()?.load()?;
    let is_of_load = |dir: &Path| -> Result<bool, StorageError> {
        let built = Environment::open(dir, STATE, Durability::Synced)?;
        Ok(load_of(&built)? == committed)
    };
    let state = dir.join(STATE_DIR);
    // A state that cannot be opened was being removed.
    if committed.is_none() || (state.exists() && is_of_load(&state).unwrap_or(false)) {
        return remove(&next);
    }
    if is_of_load(&next)? { rename(dir) } else { remove(&next) }
}

/// The load that an environment comes from.
pub(super) fn load_of(environment: &Environment) -> Result<Option<B256>, StorageError> {
    let tx = environment.read()?;
    let row = tx.get(META, META_LOAD)?;
    Ok(row.and_then(|row| B256::try_from(row.as_ref()).ok()))
}

fn rename(dir: &Path) -> Result<(), StorageError> {
    let (state, next) = (dir.join(STATE_DIR), dir.join(NEXT_DIR));
    remove(&state)?;
    fail::fail_point!("renew-between-folders", |_| Err(StorageError::Failpoint(
        "renew-between-folders"
    )));
    std::fs::rename(&next, &state).map_err(|source| StorageError::Directory { dir: next, source })
}

/// Removes a folder, if it is there.
pub(super) fn remove(dir: &Path) -> Result<(), StorageError> {
    match std::fs::remove_dir_all(dir) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StorageError::Directory { dir: dir.into(), source })
        }
        _ => Ok(()),
    }
}
