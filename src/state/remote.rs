//! What does the chain that this one is a fork of say of its state?
//!
//! The fork's block and those before it do not change any more, so an answer is asked for once and kept.
//! Nothing is asked for at blocks above the fork: those are ours.

use super::StateError;
use crate::{
    primitives::{Account, BlockNumHash, SealedHeader},
    storage::{Point, UpstreamCache},
    upstream::{FetchedAccount, Upstream, UpstreamError},
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde_json::Value;
use std::sync::Arc;

/// Accounts that are asked for in one request.
const BATCH: usize = 30;

/// A remote chain up to the block where the fork begins. Shared; every method may be called from any
/// thread, and may wait for the network.
#[derive(Debug)]
pub struct Remote {
    upstream: Arc<Upstream>,
    cache: Arc<UpstreamCache>,
    chain_id: u64,
    fork: BlockNumHash,
    point: Point,
}

impl Remote {
    /// The chain with this id up to the block `fork`.
    pub fn new(
        upstream: Arc<Upstream>,
        cache: Arc<UpstreamCache>,
        chain_id: u64,
        fork: BlockNumHash,
    ) -> Self {
        let point = Point::new(chain_id, fork.number, fork.hash);
        Self { upstream, cache, chain_id, fork, point }
    }

    /// Whom to ask.
    pub const fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// What was asked before.
    pub const fn cache(&self) -> &Arc<UpstreamCache> {
        &self.cache
    }

    /// EIP-155 id of the remote chain.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The last block of the remote chain that counts.
    pub const fn fork(&self) -> BlockNumHash {
        self.fork
    }

    /// Names the fork's block among all blocks of all chains.
    pub const fn point(&self) -> Point {
        self.point
    }

    /// The account as of block `at`; `None` if there is none.
    pub fn account(&self, address: Address, at: u64) -> Result<Option<Account>, StateError> {
        let (at, point) = self.pinned(at)?;
        if let Some(known) = self.cache.account(point, address)? {
            return Ok(known);
        }
        let fetched = self.upstream.accounts(&[address], at)?.into_iter().next();
        Ok(self.keep(point, address, fetched.unwrap_or_default()))
    }

    /// The accounts as of the fork's block, with few requests.
    pub fn accounts(&self, addresses: &[Address]) -> Result<Vec<Option<Account>>, StateError> {
        let mut missing = Vec::new();
        for address in addresses {
            if self.cache.account(self.point, *address)?.is_none() {
                missing.push(*address);
            }
        }
        for some in missing.chunks(BATCH) {
            let fetched = self.upstream.accounts(some, self.fork.number)?;
            for (address, account) in some.iter().zip(fetched) {
                self.keep(self.point, *address, account);
            }
        }
        addresses.iter().map(|address| self.account(*address, self.fork.number)).collect()
    }

    fn keep(&self, point: Point, address: Address, fetched: FetchedAccount) -> Option<Account> {
        let FetchedAccount { nonce, balance, code } = fetched;
        let code_hash = if code.is_empty() { KECCAK_EMPTY } else { keccak256(&code) };
        let account = Account { nonce, balance, code_hash, is_remote: true, ..Account::default() };
        let account = Some(account).filter(|account| !account.is_empty());
        if !code.is_empty() {
            self.cache.put_code(code_hash, &code);
        }
        self.cache.put_account(point, address, account.as_ref());
        account
    }

    /// A storage slot as of block `at`.
    pub fn slot(&self, address: Address, slot: U256, at: u64) -> Result<U256, StateError> {
        let (at, point) = self.pinned(at)?;
        if let Some(known) = self.cache.slot(point, address, slot)? {
            return Ok(known);
        }
        let value = self.upstream.slot(address, slot, at)?;
        self.cache.put_slot(point, address, slot, value);
        Ok(value)
    }

    /// Asks for slots as of the fork's block with one request, so that later reads find them here.
    pub fn prefetch_slots(&self, slots: &[(Address, U256)]) -> Result<(), StateError> {
        let mut missing = Vec::new();
        for (address, slot) in slots {
            if self.cache.slot(self.point, *address, *slot)?.is_none() {
                missing.push((*address, *slot));
            }
        }
        let values = self.upstream.slots(&missing, self.fork.number)?;
        for ((address, slot), value) in missing.into_iter().zip(values) {
            self.cache.put_slot(self.point, address, slot, value);
        }
        Ok(())
    }

    /// Code by its hash. If it was lost here, it is asked for again at an account that has it.
    pub fn code(
        &self,
        hash: B256,
        owner: Option<Address>,
        at: u64,
    ) -> Result<Option<Bytes>, StateError> {
        if let Some(code) = self.cache.code(hash)? {
            return Ok(Some(code));
        }
        let Some(owner) = owner else { return Ok(None) };
        let (at, _point) = self.pinned(at)?;
        let fetched = self.upstream.accounts(&[owner], at)?.into_iter().next();
        let code = fetched.map(|account| account.code).filter(|code| keccak256(code) == hash);
        if let Some(code) = &code {
            self.cache.put_code(hash, code);
        }
        Ok(code)
    }

    /// The block to ask at for what was true at `at`.
    fn pinned(&self, at: u64) -> Result<(u64, Point), StateError> {
        if at >= self.fork.number {
            return Ok((self.fork.number, self.point));
        }
        let hash = self.hash_at(at)?.ok_or_else(|| self.upstream.no_block(at))?;
        Ok((at, Point::new(self.chain_id, at, hash)))
    }

    /// The hash of the remote block at a height; `None` above the fork.
    pub fn hash_at(&self, number: u64) -> Result<Option<B256>, StateError> {
        if number >= self.fork.number {
            return Ok((number == self.fork.number).then_some(self.fork.hash));
        }
        if let Some(known) = self.cache.hash(self.point, number)? {
            return Ok(Some(known));
        }
        let Some(json) = self.upstream.block_at(number, false)? else { return Ok(None) };
        let header = self.upstream.read_header(&json)?;
        if header.number != number {
            return Err(self.wrong_block(number, header.number).into());
        }
        self.keep_json("header", header.seal(), &json);
        self.cache.put_hash(self.point, number, header.seal());
        Ok(Some(header.seal()))
    }

    /// The remote header at a height; `None` above the fork.
    pub fn header_at(&self, number: u64) -> Result<Option<Arc<SealedHeader>>, StateError> {
        let Some(hash) = self.hash_at(number)? else { return Ok(None) };
        if let Some(json) = self.kept_json("header", hash)? {
            return Ok(Some(self.upstream.read_header(&json)?));
        }
        let Some(json) = self.upstream.block_of(hash, false)? else { return Ok(None) };
        self.keep_json("header", hash, &json);
        Ok(Some(self.upstream.read_header(&json)?))
    }

    /// Another block than the one that was asked for.
    pub fn wrong_block(&self, asked: u64, given: u64) -> UpstreamError {
        UpstreamError::Answer {
            host: self.upstream.host(),
            method: "eth_getBlockByNumber",
            found: format!("block {given} instead of {asked}"),
        }
    }

    /// Names a question about the chain up to the fork.
    pub fn name_of(&self, kind: &str, question: &[u8]) -> Vec<u8> {
        [kind.as_bytes(), self.point.as_bytes(), question].concat()
    }

    /// What was answered about a block, by its hash.
    pub fn kept_json(&self, kind: &str, hash: B256) -> Result<Option<Value>, StateError> {
        let answer = self.cache.answer(&[kind.as_bytes(), hash.as_slice()].concat())?;
        // What does not parse is asked for again.
        Ok(answer.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// Keeps what was answered about a block.
    pub fn keep_json(&self, kind: &str, hash: B256, json: &Value) {
        let name = [kind.as_bytes(), hash.as_slice()].concat();
        self.cache.put_answer(&name, json.to_string().into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        primitives::{AccountChange, StateChanges},
        state::{Overlay, StateTrie, StateView, StorageIds},
        storage::{Durability, FlushBlock, StateBatch, Storage, TrieChanges},
        upstream::UpstreamSettings,
    };
    use std::path::Path;

    const HERE: Address = Address::repeat_byte(7);

    fn slot(number: u64) -> U256 {
        U256::from(number)
    }

    /// A remote chain that nobody serves: block 5, where an account has 10 in slot 1 and 20 in slot 2.
    fn remote(dir: &Path) -> Arc<Remote> {
        let cache = Arc::new(UpstreamCache::open(&dir.join("upstream")).unwrap());
        let upstream = Arc::new(Upstream::new(Vec::new(), UpstreamSettings::default()));
        let fork = BlockNumHash::new(5, B256::repeat_byte(5));
        let remote = Remote::new(upstream, cache, 1, fork);
        let code = Bytes::from_static(&[0x5b]);
        let fetched = FetchedAccount { nonce: 1, balance: slot(100), code };
        remote.keep(remote.point, HERE, fetched);
        for (key, value) in [(1, 10), (2, 20), (3, 0)] {
            remote.cache.put_slot(remote.point, HERE, slot(key), slot(value));
        }
        Arc::new(remote)
    }

    fn change(account: Option<Account>, wiped: bool, slots: &[(u64, u64)]) -> StateChanges {
        let storage = slots.iter().map(|(key, value)| (slot(*key), slot(*value))).collect();
        let mut changes = StateChanges::default();
        changes.accounts.insert(HERE, AccountChange { account, wiped, storage });
        changes
    }

    /// The slots 1 to 3 after changes of block 6, over memory and over rows.
    fn after(changes: impl Fn(&StateView) -> StateChanges) -> [[U256; 3]; 2] {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Ephemeral).unwrap();
        let remote = remote(dir.path());
        let view = |number, overlay| {
            StateView::new(number, overlay, storage.state.reader().unwrap(), storage.clone())
                .over(Some(remote.clone()))
        };
        let read = |view: &StateView| [1, 2, 3].map(|key| view.storage(HERE, slot(key)).unwrap());
        let flush = |number, changes: &StateChanges, trie: &StateTrie, next_storage_id| {
            let block = FlushBlock {
                block: BlockNumHash::new(number, B256::ZERO),
                root: trie.root(),
                changes,
                transactions: &[],
                receipts: &[],
                inside: None,
            };
            let rows = trie.rows_since(None);
            let trie = TrieChanges { rows, ..TrieChanges::default() };
            let batch = StateBatch { blocks: vec![block], trie, next_storage_id };
            storage.state.flush(&batch).unwrap();
        };
        flush(5, &StateChanges::default(), &StateTrie::empty(), 1);
        let before = view(5, Overlay::default());
        let mut changes = changes(&before);
        let mut overlay = Overlay::default();
        overlay.push(6, Arc::new(changes.clone()));
        let in_memory = read(&view(6, overlay));

        let mut trie = StateTrie::empty();
        let mut ids = StorageIds::new(1);
        trie.apply(&mut changes, 6, &storage.state.reader().unwrap(), &mut ids).unwrap();
        flush(6, &changes, &trie, ids.next());
        assert_eq!(read(&before), [10, 20, 0].map(slot), "the block before stays");
        drop(before);
        let written = read(&view(6, Overlay::default()));
        storage.state.prune(6, usize::MAX, true).unwrap();
        assert_eq!(read(&view(6, Overlay::default())), written, "what says nothing is not pruned");
        [in_memory, written]
    }

    #[test]
    fn slots_that_were_not_written_here_are_the_remote_ones() {
        let balance = |view: &StateView| {
            let account = view.account(HERE).unwrap().unwrap();
            change(Some(Account { balance: slot(1), ..account }), false, &[])
        };
        assert_eq!(after(balance), [[10, 20, 0].map(slot); 2]);
        let write = |view: &StateView| change(view.account(HERE).unwrap(), false, &[(2, 21)]);
        assert_eq!(after(write), [[10, 21, 0].map(slot); 2]);
    }

    #[test]
    fn a_slot_that_was_cleared_here_stays_clear() {
        let clear = |view: &StateView| change(view.account(HERE).unwrap(), false, &[(1, 0)]);
        assert_eq!(after(clear), [[0, 20, 0].map(slot); 2]);
    }

    #[test]
    fn an_account_that_ended_or_began_here_has_no_remote_slots() {
        let end = |_: &StateView| change(None, true, &[]);
        assert_eq!(after(end), [[U256::ZERO; 3]; 2]);
        let anew = |_: &StateView| change(Some(Account::default()), true, &[(3, 3)]);
        assert_eq!(after(anew), [[0, 0, 3].map(slot); 2]);
    }

    #[test]
    fn what_is_neither_here_nor_served_names_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let remote = remote(dir.path());
        let error = remote.account(Address::ZERO, 9).unwrap_err().to_string();
        assert!(error.contains("--fork-url"), "{error}");
        assert!(remote.account(HERE, 9).unwrap().unwrap().is_remote);
    }
}
