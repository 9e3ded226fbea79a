//! What were an account, a slot, code or a block hash as of one block?

use super::{Overlay, Remote, StateError};
use crate::{
    primitives::{Account, StateChanges, StorageId},
    storage::{BlocksReader, StateReader, Storage},
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{AddressMap, B256Map},
};
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
    pub(super) storage_ids: RefCell<AddressMap<Slots>>,
    hashes: Arc<BTreeMap<u64, B256>>,
    /// Of a fork: where the rest of the state is.
    remote: Option<Arc<Remote>>,
    /// Who has the code that was not brought here: code hash -> account.
    owners: RefCell<B256Map<Address>>,
}

/// Where the slots of an account are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slots {
    id: StorageId,
    is_remote: bool,
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
            remote: None,
            owners: RefCell::default(),
        }
    }

    /// With a chain that answers what is not stored here.
    pub fn over(mut self, remote: Option<Arc<Remote>>) -> Self {
        self.remote = remote;
        self
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

    /// From now on a view of an older block, whose newest changes are in `overlay`.
    pub fn go_to(&mut self, number: u64, overlay: Overlay) {
        (self.number, self.overlay) = (number, overlay);
        self.hashes = Arc::default();
        self.storage_ids.take();
        self.owners.take();
    }

    /// The read transaction below, for the trie.
    pub const fn reader(&self) -> &StateReader {
        &self.reader
    }

    /// The account; `None` if it does not exist.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let account = match self.overlay.account(address) {
            Some(account) => account,
            None => self.account_below(address)?,
        };
        if let Some(account) = account.filter(|it| it.is_remote && it.has_code()) {
            self.owners.borrow_mut().insert(account.code_hash, address);
        }
        Ok(account)
    }

    fn account_below(&self, address: Address) -> Result<Option<Account>, StateError> {
        match (self.reader.known_account(keccak256(address), self.number)?, &self.remote) {
            (Some(account), _) => Ok(account),
            (None, None) => Ok(None),
            (None, Some(remote)) => remote.account(address, self.number),
        }
    }

    /// A storage slot; zero if it was never written.
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(value) = self.overlay.slot(address, slot) {
            return Ok(value);
        }
        let Slots { id, is_remote } = self.slots_of(address)?;
        if id != 0 {
            let key = keccak256(B256::from(slot));
            if let Some(value) = self.reader.known_slot(id, key, self.number)? {
                return Ok(value);
            }
        }
        match self.remote.as_ref().filter(|_| is_remote) {
            Some(remote) => remote.slot(address, slot, self.number),
            None => Ok(U256::ZERO),
        }
    }

    fn slots_of(&self, address: Address) -> Result<Slots, StateError> {
        if let Some(slots) = self.storage_ids.borrow().get(&address) {
            return Ok(*slots);
        }
        let slots = self.account(address)?.map_or_else(Slots::default, |account| Slots {
            id: account.storage_id,
            is_remote: account.is_remote,
        });
        self.storage_ids.borrow_mut().insert(address, slots);
        Ok(slots)
    }

    /// Code by its hash.
    pub fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == KECCAK_EMPTY || hash.is_zero() {
            return Ok(Bytes::new());
        }
        if let Some(code) = self.overlay.code(hash) {
            return Ok(code);
        }
        if let Some(code) = self.reader.code(hash)? {
            return Ok(code);
        }
        let owner = self.owners.borrow().get(&hash).copied();
        let remote = self.remote.as_ref();
        let code = remote.map(|remote| remote.code(hash, owner, self.number)).transpose()?;
        code.flatten().ok_or(StateError::MissingCode(hash))
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
        match (blocks.hash(number)?, &self.remote) {
            (Some(hash), _) => Ok(hash),
            (None, Some(remote)) => Ok(remote.hash_at(number)?.unwrap_or_default()),
            (None, None) => Ok(B256::ZERO),
        }
    }
}
