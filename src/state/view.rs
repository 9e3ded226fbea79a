//! What were an account, a slot, code or a block hash as of one block?

use super::{Overlay, StateError};
use crate::{
    primitives::{Account, StateChanges, StorageId},
    storage::{BlocksReader, StateReader, Storage},
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::AddressMap};
use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    sync::Arc,
};

/// The state as of one block: the newest blocks' changes over versioned rows. It holds a read
/// transaction, so it should not be kept for long.
#[derive(Debug)]
pub struct StateView {
    pub(super) number: u64,
    pub(super) overlay: Overlay,
    pub(super) reader: StateReader,
    storage: Storage,
    blocks: OnceCell<BlocksReader>,
    pub(super) storage_ids: RefCell<AddressMap<StorageId>>,
    hashes: Arc<BTreeMap<u64, B256>>,
}

impl StateView {
    /// The state as of block `number`: what `overlay` does not know, `reader` answers.
    pub fn new(number: u64, overlay: Overlay, reader: StateReader, storage: Storage) -> Self {
        Self {
            number,
            overlay,
            reader,
            storage,
            blocks: OnceCell::new(),
            storage_ids: RefCell::default(),
            hashes: Arc::default(),
        }
    }

    /// With these block hashes, of a branch or of blocks that are not stored yet, over the canonical
    /// ones.
    pub fn with_hashes(mut self, hashes: Arc<BTreeMap<u64, B256>>) -> Self {
        self.hashes = hashes;
        self
    }

    /// The block this view is of.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The same view with the changes of a block that was never appended on top. It stays a view of
    /// [`StateView::number`] below them.
    pub fn under(mut self, block: u64, changes: Arc<StateChanges>) -> Self {
        self.overlay.push(block, changes);
        self.storage_ids.take();
        self
    }

    /// The read transaction below, for the trie.
    pub const fn reader(&self) -> &StateReader {
        &self.reader
    }

    /// The account; `None` if it does not exist.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        match self.overlay.account(address) {
            Some(account) => Ok(account),
            None => Ok(self.reader.account(keccak256(address), self.number)?),
        }
    }

    /// A storage slot; zero if it was never written.
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(value) = self.overlay.slot(address, slot) {
            return Ok(value);
        }
        let id = self.storage_id(address)?;
        if id == 0 {
            return Ok(U256::ZERO);
        }
        Ok(self.reader.slot(id, keccak256(B256::from(slot)), self.number)?)
    }

    fn storage_id(&self, address: Address) -> Result<StorageId, StateError> {
        if let Some(id) = self.storage_ids.borrow().get(&address) {
            return Ok(*id);
        }
        let id = self.account(address)?.map_or(0, |account| account.storage_id);
        self.storage_ids.borrow_mut().insert(address, id);
        Ok(id)
    }

    /// Code by its hash.
    pub fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == KECCAK_EMPTY || hash.is_zero() {
            return Ok(Bytes::new());
        }
        match self.overlay.code(hash) {
            Some(code) => Ok(code),
            None => self.reader.code(hash)?.ok_or(StateError::MissingCode(hash)),
        }
    }

    /// The hash of the block at this height on the branch of this view; zero if there is none.
    pub fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        if let Some(hash) = self.hashes.get(&number) {
            return Ok(*hash);
        }
        let blocks = match self.blocks.get() {
            Some(blocks) => blocks,
            None => {
                let opened = self.storage.blocks.reader()?;
                self.blocks.get_or_init(|| opened)
            }
        };
        Ok(blocks.hash(number)?.unwrap_or_default())
    }
}
