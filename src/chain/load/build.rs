//! How is the state of a loaded chain written? In batches of bounded size, each of which the trie follows;
//! what is kept of the old state first, then the dump, both in the order of keys.

use super::super::ChainError;
use crate::{
    primitives::{Account, BlockNumHash, StateChanges},
    state::{StateTrie, StateView, StorageIds, next_key},
    storage::{FlushBlock, StageReader, StagedAccount, StateBatch, StateDb, TrieChanges},
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
    number: u64,
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
        number: u64,
        nodes: usize,
        staged: &StageReader,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self, ChainError> {
        Ok(Self {
            state,
            number,
            nodes,
            trie: StateTrie::empty(),
            ids: StorageIds::new(1),
            batch: 0,
            changes: StateChanges::default(),
            rows: 0,
            bytes: 0,
            done: 0,
            total: staged.accounts()? + staged.slots()?,
            progress,
        })
    }

    /// Takes over what is there and not in the dump.
    pub(super) fn keep(
        &mut self,
        view: &StateView,
        staged: &StageReader,
    ) -> Result<(), ChainError> {
        let mut from = Some(B256::ZERO);
        while let Some(start) = from {
            let page = view.accounts_from(start, PAGE)?;
            from = page.last().and_then(|last| next_key(last.hash));
            for entry in page {
                if staged.has_account(entry.hash)? {
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

    /// Adds the dump's accounts. One without anything in it does not exist (EIP-161).
    pub(super) fn add(&mut self, staged: &StageReader) -> Result<(), ChainError> {
        let mut from = Some(B256::ZERO);
        while let Some(start) = from {
            let Some((hash, found)) = staged.account_from(start)? else { break };
            from = next_key(hash);
            self.count(1);
            let StagedAccount { address, nonce, balance, code_hash } = found;
            let account = Account { nonce, balance, code_hash, ..Default::default() };
            let mut slots = staged.slots_from(hash, B256::ZERO, PAGE)?;
            if account.is_empty() && slots.is_empty() {
                continue;
            }
            if let Some(code) = staged.code(code_hash)?.filter(|_| account.has_code()) {
                self.code(code_hash, code);
            }
            self.account(address, account)?;
            while let Some(last) = slots.last() {
                let start = next_key(last.hash);
                for slot in &slots {
                    self.slot(address, account, slot.slot, slot.value)?;
                    self.count(1);
                }
                let more = start.map(|start| staged.slots_from(hash, start, PAGE)).transpose()?;
                slots = more.unwrap_or_default();
            }
        }
        Ok(())
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
                block: BlockNumHash::new(self.number, B256::ZERO),
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

    /// Writes the rest; answers the root of the state.
    pub(super) fn finish(mut self) -> Result<B256, ChainError> {
        self.flush()?;
        (self.progress)(self.total, self.total);
        Ok(self.trie.root())
    }
}
