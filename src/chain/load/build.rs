//! How is the state of a loaded chain written? In batches of bounded size, each of which the trie follows.
//!
//! States of older blocks come first, each as what differs from the one before; then the head's: what is
//! kept of the old state, and the dump. All in the order of keys.

use super::super::ChainError;
use crate::{
    primitives::{Account, BlockNumHash, StateChanges},
    state::{StateTrie, StateView, StorageIds, next_key},
    storage::{
        FlushBlock, StageReader, StagedAccount, StagedState, StateBatch, StateDb, TrieChanges,
    },
};
use alloy_primitives::{Address, B256, U256};

/// Rows, and bytes of code, that are written with one commit.
const BATCH_ROWS: usize = 50_000;
const BATCH_BYTES: usize = 64 << 20;
/// Accounts or slots read at once.
const PAGE: usize = 1_000;

/// A state on its way, written in batches of bounded size.
pub(super) struct Build<'a> {
    state: &'a StateDb,
    staged: &'a StageReader,
    /// The block whose state is written.
    block: BlockNumHash,
    /// The staged state that was written before.
    before: Option<StagedState>,
    nodes: usize,
    trie: StateTrie,
    ids: StorageIds,
    batch: u64,
    changes: StateChanges,
    rows: usize,
    bytes: usize,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl<'a> Build<'a> {
    pub(super) fn new(
        state: &'a StateDb,
        nodes: usize,
        staged: &'a StageReader,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self, ChainError> {
        Ok(Self {
            state,
            staged,
            block: BlockNumHash::default(),
            before: None,
            nodes,
            trie: StateTrie::empty(),
            ids: StorageIds::new(1),
            batch: 0,
            changes: StateChanges::default(),
            rows: 0,
            bytes: 0,
            done: 0,
            total: staged.rows()?,
            progress,
        })
    }

    /// Writes the state of an older block. Called in the order of blocks.
    pub(super) fn older(
        &mut self,
        block: BlockNumHash,
        state: StagedState,
    ) -> Result<(), ChainError> {
        self.block = block;
        self.remove_gone(state)?;
        self.add(state)?;
        self.before = Some(state);
        self.flush()
    }

    /// Writes the state of the head, at this height: the dump's over what `kept` has. Answers the root
    /// of it, and how many accounts the dump has.
    pub(super) fn head(mut self, number: u64, kept: &StateView) -> Result<(B256, u64), ChainError> {
        // Its hash is not known before its root is.
        self.block = BlockNumHash::new(number, B256::ZERO);
        self.remove_gone(StagedState::HEAD)?;
        self.keep(kept)?;
        let accounts = self.add(StagedState::HEAD)?;
        self.flush()?;
        (self.progress)(self.total, self.total);
        Ok((self.trie.root(), accounts))
    }

    /// Takes over what is there and not in the dump.
    fn keep(&mut self, view: &StateView) -> Result<(), ChainError> {
        let mut from = Some(B256::ZERO);
        while let Some(start) = from {
            let page = view.accounts_from(start, PAGE)?;
            from = page.last().and_then(|last| next_key(last.hash));
            for entry in page {
                if self.staged.account(StagedState::HEAD, entry.hash)?.is_some() {
                    continue;
                }
                let address = entry.key.ok_or(ChainError::UnknownPreimage(entry.hash))?;
                let hash = entry.value.code_hash;
                if entry.value.has_code() {
                    self.code(hash, view.code(hash)?);
                }
                self.account(address, entry.value)?;
                let mut from = Some(B256::ZERO);
                while let Some(start) = from {
                    let slots = view.slots_from(Some(address), &entry.value, start, PAGE)?;
                    from = slots.last().and_then(|last| next_key(last.hash));
                    for slot in slots {
                        let key = slot.key.ok_or(ChainError::UnknownPreimage(slot.hash))?;
                        self.slot(address, entry.value, key, slot.value)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes what the state before has and this one has not.
    fn remove_gone(&mut self, state: StagedState) -> Result<(), ChainError> {
        let (staged, Some(before)) = (self.staged, self.before) else { return Ok(()) };
        let mut from = Some(B256::ZERO);
        while let Some(start) = from {
            let Some((hash, was)) = staged.account_from(before, start)? else { break };
            from = next_key(hash);
            let is = match staged.account(state, hash)? {
                // One without anything in it does not exist.
                Some(is) if account_of(&is).is_empty() && !has_slots(staged, state, hash)? => None,
                is => is,
            };
            let Some(is) = is else {
                self.removed(was.address)?;
                continue;
            };
            let mut slots = staged.slots_from(before, hash, B256::ZERO, PAGE)?;
            while let Some(last) = slots.last() {
                let start = next_key(last.hash);
                for slot in &slots {
                    if staged.slot(state, hash, slot.hash)?.is_zero() {
                        self.slot(is.address, account_of(&is), slot.slot, U256::ZERO)?;
                    }
                }
                let more = start.map(|start| staged.slots_from(before, hash, start, PAGE));
                slots = more.transpose()?.unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Adds the accounts of a staged state that are not as they were before; answers how many it has. One
    /// without anything in it does not exist (EIP-161).
    fn add(&mut self, state: StagedState) -> Result<u64, ChainError> {
        let (staged, before, mut accounts) = (self.staged, self.before, 0);
        let mut from = Some(B256::ZERO);
        while let Some(start) = from {
            let Some((hash, found)) = staged.account_from(state, start)? else { break };
            from = next_key(hash);
            accounts += 1;
            self.count(1);
            let (address, account) = (found.address, account_of(&found));
            let mut slots = staged.slots_from(state, hash, B256::ZERO, PAGE)?;
            if account.is_empty() && slots.is_empty() {
                continue;
            }
            let was = before.map(|before| staged.account(before, hash)).transpose()?.flatten();
            if was != Some(found) || account.is_empty() {
                if let Some(code) = staged.code(account.code_hash)?.filter(|_| account.has_code()) {
                    self.code(account.code_hash, code);
                }
                self.account(address, account)?;
            }
            while let Some(last) = slots.last() {
                let start = next_key(last.hash);
                for slot in &slots {
                    let was = before.map(|before| staged.slot(before, hash, slot.hash));
                    if was.transpose()? != Some(slot.value) {
                        self.slot(address, account, slot.slot, slot.value)?;
                    }
                    self.count(1);
                }
                let more = start.map(|start| staged.slots_from(state, hash, start, PAGE));
                slots = more.transpose()?.unwrap_or_default();
            }
        }
        Ok(accounts)
    }

    fn count(&mut self, rows: u64) {
        self.done += rows;
        if self.done.is_multiple_of(PAGE as u64) {
            (self.progress)(self.done.min(self.total), self.total);
        }
    }

    fn code(&mut self, hash: B256, code: alloy_primitives::Bytes) {
        self.bytes += code.len();
        self.changes.codes.insert(hash, code);
    }

    fn removed(&mut self, address: Address) -> Result<(), ChainError> {
        let change = self.changes.accounts.entry(address).or_default();
        (change.account, change.wiped) = (None, true);
        self.added()
    }

    fn account(&mut self, address: Address, account: Account) -> Result<(), ChainError> {
        let change = self.changes.accounts.entry(address).or_default();
        change.account = Some(Account { storage_id: 0, ..account });
        self.added()
    }

    fn slot(
        &mut self,
        address: Address,
        account: Account,
        slot: U256,
        value: U256,
    ) -> Result<(), ChainError> {
        let change = self.changes.accounts.entry(address).or_default();
        change.account = Some(Account { storage_id: 0, ..account });
        change.storage.insert(slot, value);
        self.added()
    }

    fn added(&mut self) -> Result<(), ChainError> {
        self.rows += 1;
        if self.rows < BATCH_ROWS && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), ChainError> {
        (self.rows, self.bytes) = (0, 0);
        let mut changes = std::mem::take(&mut self.changes);
        self.batch += 1;
        let reader = self.state.reader()?;
        let removed = self.trie.apply(&mut changes, self.batch, &reader, &mut self.ids)?;
        drop(reader);
        let rows = self.trie.rows_since(Some(self.batch - 1));
        self.state.flush(&StateBatch {
            blocks: vec![FlushBlock {
                block: self.block,
                root: self.trie.root(),
                changes: &changes,
                transactions: &[],
                receipts: &[],
                inside: Some(&[]),
            }],
            trie: TrieChanges { rows, removed: removed.branches, removed_owners: removed.owners },
            next_storage_id: self.ids.next(),
        })?;
        fail::fail_point!("load-after-batch", |_| Err(crate::storage::StorageError::Failpoint(
            "load-after-batch"
        )
        .into()));
        self.trie.collapse(self.batch, self.nodes);
        Ok(())
    }
}

fn account_of(staged: &StagedAccount) -> Account {
    let StagedAccount { nonce, balance, code_hash, .. } = *staged;
    Account { nonce, balance, code_hash, ..Default::default() }
}

fn has_slots(staged: &StageReader, state: StagedState, account: B256) -> Result<bool, ChainError> {
    Ok(!staged.slots_from(state, account, B256::ZERO, 1)?.is_empty())
}
