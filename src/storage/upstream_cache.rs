//! What did a remote chain answer before?
//!
//! Everything here can be asked again: a lost row costs a request and nothing else. Rows wait in memory
//! and are written together, by whichever thread finds that it is time, so that many readers that wait
//! for the network do not also wait for the disk.

use super::{
    Durability, StorageError, codec,
    environment::Environment,
    tables::{
        FETCHED_ACCOUNTS, FETCHED_ANSWERS, FETCHED_CODES, FETCHED_HASHES, FETCHED_SLOTS, Table,
        UPSTREAM,
    },
};
use crate::primitives::Account;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Rows that wait in memory at most before they are written.
const MOST_WAITING: usize = 4_000;
/// Their bytes.
const MOST_WAITING_BYTES: usize = 16 << 20;
/// They are written at least this often, as long as more come.
const INTERVAL: Duration = Duration::from_millis(500);

/// One block of one chain: what was true there stays true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Point([u8; 16]);

impl Point {
    /// The block with this number and hash on the chain with this id.
    pub fn new(chain_id: u64, number: u64, hash: B256) -> Self {
        let (id, number) = (chain_id.to_be_bytes(), number.to_be_bytes());
        let name = keccak256([id.as_slice(), number.as_slice(), hash.as_slice()].concat());
        let mut point = [0; 16];
        point.copy_from_slice(&name[..16]);
        Self(point)
    }

    /// The bytes that name it.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The `upstream` environment. Shared; every method may be called from any thread.
#[derive(Debug)]
pub struct UpstreamCache {
    environment: Environment,
    waiting: RwLock<Waiting>,
    /// Held while rows are written.
    writing: Mutex<()>,
}

/// Rows that are not written yet: those that come in, and those that are being written.
#[derive(Debug, Default)]
struct Waiting {
    coming: Rows,
    going: Arc<Rows>,
    bytes: usize,
    since: Option<Instant>,
}

/// Rows by the index of their table, and their key.
type Rows = HashMap<(usize, Vec<u8>), Vec<u8>>;

impl UpstreamCache {
    /// Opens or creates the cache in `dir`. One that is damaged, or of another version, is thrown away.
    ///
    /// # Errors
    /// When the directory cannot be used at all.
    pub fn open(dir: &Path) -> Result<Self, StorageError> {
        let environment = match Environment::open(dir, UPSTREAM, Durability::Shared) {
            Err(
                error @ (StorageError::Schema { .. }
                | StorageError::Corrupt { .. }
                | StorageError::Damaged(_)),
            ) => {
                tracing::warn!(target: "fork", %error, "the cache is thrown away");
                std::fs::remove_dir_all(dir)
                    .map_err(|source| StorageError::Directory { dir: dir.into(), source })?;
                Environment::open(dir, UPSTREAM, Durability::Shared)?
            }
            opened => opened?,
        };
        Ok(Self { environment, waiting: RwLock::default(), writing: Mutex::default() })
    }

    /// Copies what is written of the cache in `from`, which others may be using, into a new one in `to`.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StorageError> {
        Environment::open(from, UPSTREAM, Durability::Shared)?.copy(to, |_rows| {}).map(drop)
    }

    /// The account at a point: outer `None` if that is not known, inner `None` if there is no account.
    pub fn account(
        &self,
        point: Point,
        address: Address,
    ) -> Result<Option<Option<Account>>, StorageError> {
        let row = self.get(FETCHED_ACCOUNTS, &account_key(point, address))?;
        row.map(|row| match row.is_empty() {
            true => Ok(None),
            false => codec::decode_account(&row).map(Some),
        })
        .transpose()
    }

    /// Keeps an account.
    pub fn put_account(&self, point: Point, address: Address, account: Option<&Account>) {
        let row = account.map_or_else(Vec::new, codec::encode_account);
        self.put(FETCHED_ACCOUNTS, account_key(point, address), row);
    }

    /// The slot's value at a point, if it is known.
    pub fn slot(
        &self,
        point: Point,
        address: Address,
        slot: U256,
    ) -> Result<Option<U256>, StorageError> {
        let row = self.get(FETCHED_SLOTS, &slot_key(point, address, slot))?;
        Ok(row.and_then(|row| U256::try_from_be_slice(&row)))
    }

    /// Keeps a slot's value.
    pub fn put_slot(&self, point: Point, address: Address, slot: U256, value: U256) {
        self.put(FETCHED_SLOTS, slot_key(point, address, slot), value.to_be_bytes_trimmed_vec());
    }

    /// Code by its hash.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, StorageError> {
        Ok(self.get(FETCHED_CODES, hash.as_slice())?.map(Bytes::from))
    }

    /// Keeps code.
    pub fn put_code(&self, hash: B256, code: &Bytes) {
        self.put(FETCHED_CODES, hash.to_vec(), code.to_vec());
    }

    /// The hash of the block at a height, below a point.
    pub fn hash(&self, point: Point, number: u64) -> Result<Option<B256>, StorageError> {
        let row = self.get(FETCHED_HASHES, &hash_key(point, number))?;
        Ok(row.filter(|row| row.len() == 32).map(|row| B256::from_slice(&row)))
    }

    /// Keeps the hash of a block.
    pub fn put_hash(&self, point: Point, number: u64, hash: B256) {
        self.put(FETCHED_HASHES, hash_key(point, number), hash.to_vec());
    }

    /// The answer to a question of which `name` says everything.
    pub fn answer(&self, name: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.get(FETCHED_ANSWERS, keccak256(name).as_slice())
    }

    /// Keeps an answer.
    pub fn put_answer(&self, name: &[u8], answer: Vec<u8>) {
        self.put(FETCHED_ANSWERS, keccak256(name).to_vec(), answer);
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        {
            let waiting = self.waiting.read();
            let name = (table.index, key.to_vec());
            if let Some(row) = waiting.coming.get(&name).or_else(|| waiting.going.get(&name)) {
                return Ok(Some(row.clone()));
            }
        }
        // What left memory since is on the disk.
        Ok(self.environment.read()?.get(table, key)?.map(|row| row.into_owned()))
    }

    fn put(&self, table: Table, key: Vec<u8>, row: Vec<u8>) {
        let is_due = {
            let mut waiting = self.waiting.write();
            waiting.bytes += key.len() + row.len();
            waiting.coming.insert((table.index, key), row);
            let since = *waiting.since.get_or_insert_with(Instant::now);
            waiting.coming.len() >= MOST_WAITING
                || waiting.bytes >= MOST_WAITING_BYTES
                || since.elapsed() >= INTERVAL
        };
        if is_due && let Some(_writing) = self.writing.try_lock() {
            self.write_or_forget();
        }
    }

    /// Writes what waits. What cannot be written is forgotten, with a word in the log.
    pub fn flush(&self) {
        let _writing = self.writing.lock();
        self.write_or_forget();
    }

    /// The caller holds `writing`.
    fn write_or_forget(&self) {
        let rows = {
            let mut waiting = self.waiting.write();
            waiting.going = Arc::new(std::mem::take(&mut waiting.coming));
            (waiting.bytes, waiting.since) = (0, None);
            waiting.going.clone()
        };
        if !rows.is_empty()
            && let Err(error) = self.write(&rows)
        {
            tracing::warn!(target: "fork", %error, "answers of the upstream could not be kept");
        }
        self.waiting.write().going = Arc::default();
    }

    fn write(&self, rows: &Rows) -> Result<(), StorageError> {
        let mut tables: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for ((table, key), row) in rows {
            tables.entry(*table).or_default().push((key.as_slice(), row.as_slice()));
        }
        let tx = self.environment.write()?;
        for (index, mut rows) in tables {
            let Some(table) = UPSTREAM.get(index) else { continue };
            rows.sort_unstable();
            tx.put_all(*table, &rows)?;
        }
        tx.commit()
    }
}

impl Drop for UpstreamCache {
    fn drop(&mut self) {
        self.flush();
    }
}

fn account_key(point: Point, address: Address) -> Vec<u8> {
    [point.0.as_slice(), address.as_slice()].concat()
}

fn slot_key(point: Point, address: Address, slot: U256) -> Vec<u8> {
    [point.0.as_slice(), address.as_slice(), &slot.to_be_bytes::<32>()].concat()
}

fn hash_key(point: Point, number: u64) -> Vec<u8> {
    [point.0.as_slice(), &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Address = Address::repeat_byte(7);

    fn point(number: u64) -> Point {
        Point::new(1, number, B256::repeat_byte(1))
    }

    fn account(nonce: u64) -> Account {
        Account { nonce, ..Account::default() }
    }

    #[test]
    fn what_was_answered_is_there_before_and_after_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let check = |cache: &UpstreamCache| {
            assert_eq!(cache.account(point(1), HERE).unwrap(), Some(Some(account(3))));
            assert_eq!(cache.account(point(1), Address::ZERO).unwrap(), Some(None));
            assert_eq!(cache.account(point(2), HERE).unwrap(), None, "another block");
            assert_eq!(cache.slot(point(1), HERE, U256::ZERO).unwrap(), Some(U256::ZERO));
            assert_eq!(cache.slot(point(1), HERE, U256::from(1)).unwrap(), None);
            assert_eq!(cache.hash(point(1), 0).unwrap(), Some(B256::ZERO));
            assert_eq!(cache.answer(b"a").unwrap(), Some(b"b".to_vec()));
        };
        {
            let cache = UpstreamCache::open(dir.path()).unwrap();
            cache.put_account(point(1), HERE, Some(&account(3)));
            cache.put_account(point(1), Address::ZERO, None);
            cache.put_slot(point(1), HERE, U256::ZERO, U256::ZERO);
            cache.put_hash(point(1), 0, B256::ZERO);
            cache.put_answer(b"a", b"b".to_vec());
            check(&cache);
            cache.flush();
            check(&cache);
        }
        check(&UpstreamCache::open(dir.path()).unwrap());
    }

    #[test]
    fn two_nodes_may_use_one_cache() {
        let dir = tempfile::tempdir().unwrap();
        let cache = UpstreamCache::open(dir.path()).unwrap();
        cache.put_account(point(1), HERE, Some(&account(3)));
        cache.flush();
        let program = std::env::current_exe().unwrap();
        let name = "storage::upstream_cache::tests::child_reads_the_cache";
        let child = std::process::Command::new(program)
            .args(["--exact", name, "--nocapture"])
            .env("UPSTREAM_CACHE_OF_PARENT", dir.path())
            .status();
        assert!(child.unwrap().success());
        assert_eq!(cache.account(point(2), HERE).unwrap(), Some(Some(account(9))));
    }

    /// The other process of the test above; by itself it works on a cache of its own.
    #[test]
    fn child_reads_the_cache() {
        let own = tempfile::tempdir().unwrap();
        let shared = std::env::var_os("UPSTREAM_CACHE_OF_PARENT");
        let expected = shared.is_some().then(|| Some(account(3)));
        let dir = shared.map_or_else(|| own.path().to_owned(), std::path::PathBuf::from);
        let cache = UpstreamCache::open(&dir).unwrap();
        assert_eq!(cache.account(point(1), HERE).unwrap(), expected);
        cache.put_account(point(2), HERE, Some(&account(9)));
        cache.flush();
    }

    #[test]
    fn a_damaged_cache_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("upstream");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("mdbx.dat"), vec![7u8; 64 << 10]).unwrap();
        let cache = UpstreamCache::open(&dir).unwrap();
        cache.put_account(point(1), HERE, None);
        assert_eq!(cache.account(point(1), HERE).unwrap(), Some(None));
    }

    #[test]
    fn many_threads_write_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = UpstreamCache::open(dir.path()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let cache = &cache;
                scope.spawn(move || {
                    for number in 0..2_500u64 {
                        let slot = U256::from(thread * 10_000 + number);
                        cache.put_slot(point(1), HERE, slot, U256::from(number));
                        assert_eq!(
                            cache.slot(point(1), HERE, slot).unwrap(),
                            Some(U256::from(number))
                        );
                    }
                });
            }
        });
    }
}
