//! How is an environment copied, also while it is written to, and how does a copy take its place?
//!
//! A copy is one snapshot, row by row in key order: its pages are full, and free pages stay behind.

use super::{
    Durability, Storage, StorageError,
    environment::{Bytes, DirectoryLock, Environment, PAGES, STAGED},
    tables::{self, META, Table},
};
use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

/// Bytes of rows in one commit of a copy.
const COMMIT_BYTES: usize = 64 << 20;
/// Rows between two reports of progress.
const REPORT_ROWS: u64 = 4_096;
/// The environments of a data directory, the one that is copied first first: so that `blocks` is never
/// behind `state`.
const ENVIRONMENTS: [(&str, &[Table]); 2] = [("state", tables::STATE), ("blocks", tables::BLOCKS)];

/// How far a copy is, in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Rows copied.
    pub done: u64,
    /// Rows there are; more may come while they are copied.
    pub of: u64,
}

/// The environments of a data directory, held so that nobody opens them for writing.
#[derive(Debug)]
pub struct StorageLock {
    _held: Vec<Arc<DirectoryLock>>,
}

impl Storage {
    /// Takes the environments of `dir`, whatever state they are in.
    ///
    /// # Errors
    /// [`StorageError::InUse`] while another process has them.
    pub fn lock(dir: &Path) -> Result<StorageLock, StorageError> {
        let held = ENVIRONMENTS.iter().map(|(name, _)| dir.join(name)).filter(|dir| dir.is_dir());
        let held = held.map(|dir| DirectoryLock::take(&dir).map(Arc::new));
        Ok(StorageLock { _held: held.collect::<Result<_, _>>()? })
    }

    /// Opens the blocks of `dir` beside an empty state, which `fill` fills; then that takes the place of
    /// the old one, durably. Until then, and whenever it is interrupted, the old one is there.
    pub fn renew_state<E: From<StorageError>>(
        dir: &Path,
        fill: impl FnOnce(Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let state = dir.join("state");
        let _lock = DirectoryLock::take(&state)?;
        let staged = state.join(STAGED);
        let _ = fs::remove_dir_all(&staged);
        let blocks = Environment::open(&dir.join("blocks"), tables::BLOCKS, Durability::Synced)?;
        let renewed = |_: &_| Environment::open(&staged, tables::STATE, Durability::Synced);
        fill(Self::of(dir, Durability::Synced, blocks, renewed)?)?;
        Ok(put_staged(&state)?)
    }

    /// Copies everything into `dir`, durably. Goes on while others write.
    pub fn copy(&self, dir: &Path, mut each: impl FnMut(Copied)) -> Result<(), StorageError> {
        let originals = [&self.state.environment(), &self.blocks.environment];
        let mut of = originals.into_iter().map(rows).sum::<Result<u64, _>>()?;
        let mut done = 0;
        for (original, (name, _)) in originals.into_iter().zip(ENVIRONMENTS) {
            let copied = original.copy(&dir.join(name), |rows| {
                of = of.max(done + rows);
                each(Copied { done: done + rows, of });
            })?;
            done += copied;
        }
        sync_directory(dir)
    }

    /// Rewrites the environments of `dir` without the pages that are free, and answers their size in
    /// bytes before and after. Whenever it is interrupted, each is the old one or the new one, whole.
    ///
    /// # Errors
    /// [`StorageError::InUse`] while a node has them open, or somebody reads them.
    pub fn compact(dir: &Path, mut each: impl FnMut(Copied)) -> Result<(u64, u64), StorageError> {
        let (mut before, mut after) = (0, 0);
        let mut locks = Vec::new();
        for (name, _) in ENVIRONMENTS {
            locks.push(Arc::new(DirectoryLock::take(&dir.join(name))?));
        }
        for ((name, tables), lock) in ENVIRONMENTS.into_iter().zip(locks) {
            let dir = dir.join(name);
            let to = dir.join(STAGED);
            let _ = fs::remove_dir_all(&to);
            let original =
                Environment::open_locked(&dir, tables, Durability::Synced, lock.clone(), true)?;
            let of = rows(&original)?;
            original.copy(&to, |done| each(Copied { done, of }))?;
            drop(original);
            before += length(&dir.join(PAGES));
            after += length(&to.join(PAGES));
            put_staged(&dir)?;
            drop(lock);
        }
        Ok((before, after))
    }
}

impl Environment {
    /// Copies one snapshot into a new environment in `dir`, reads it back, and answers how many rows
    /// it has. It is whole and durable when this returns.
    fn copy(&self, dir: &Path, mut each: impl FnMut(u64)) -> Result<u64, StorageError> {
        let from = self.read()?;
        let to = Self::open(dir, self.names, Durability::Ephemeral)?;
        let (mut done, mut bytes) = (0, 0);
        let mut tx = to.write()?;
        for table in self.names {
            let mut cursor = from.cursor(*table)?;
            let mut row: Option<(Bytes<'_>, Bytes<'_>)> = cursor.first()?;
            while let Some((key, value)) = row {
                match table.index {
                    // The copy has its schema version already.
                    index if index == META.index => tx.put(*table, &key, &value)?,
                    _ => tx.append(*table, &key, &value)?,
                }
                done += 1;
                bytes += key.len() + value.len();
                if bytes >= COMMIT_BYTES {
                    tx.commit()?;
                    (tx, bytes) = (to.write()?, 0);
                }
                if done % REPORT_ROWS == 0 {
                    each(done);
                    fail::fail_point!("copy-middle", |_| Err(StorageError::Failpoint(
                        "copy-middle"
                    )));
                }
                row = cursor.next()?;
            }
        }
        tx.commit()?;
        to.sync()?;
        drop(to);
        sync_directory(dir)?;
        let copied = Self::open(dir, self.names, Durability::Synced)?.read()?;
        for table in self.names {
            let (rows, found) = (from.count(*table)?, copied.count(*table)?);
            if rows != found {
                let (dir, table) = (dir.into(), table.name);
                return Err(StorageError::Copy { dir, table, found, rows });
            }
        }
        each(done);
        Ok(done)
    }
}

/// Lets what was made anew in a directory take the place of its environment. Nobody has either open.
fn put_staged(dir: &Path) -> Result<(), StorageError> {
    let staged = dir.join(STAGED);
    let failed = |source| StorageError::Directory { dir: dir.into(), source };
    fail::fail_point!("staged-before-swap", |_| Err(StorageError::Failpoint("staged-before-swap")));
    fs::rename(staged.join(PAGES), dir.join(PAGES)).map_err(failed)?;
    fail::fail_point!("staged-after-swap", |_| Err(StorageError::Failpoint("staged-after-swap")));
    sync_directory(dir)?;
    fs::remove_dir_all(&staged).map_err(failed)
}

fn rows(environment: &Environment) -> Result<u64, StorageError> {
    let tx = environment.read()?;
    environment.names.iter().map(|table| tx.count(*table)).sum()
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

/// Makes the names in a directory durable.
fn sync_directory(dir: &Path) -> Result<(), StorageError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| StorageError::Directory { dir: dir.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::BlocksBatch;
    use alloy_primitives::B256;

    fn write(storage: &Storage, rows: u64) {
        let added: Vec<_> = (0..rows)
            .map(|row| (B256::from(alloy_primitives::U256::from(row)), vec![7; 500]))
            .collect();
        let batch = BlocksBatch { pool_added: &added, ..Default::default() };
        storage.blocks.commit(&batch).unwrap();
    }

    fn remove(storage: &Storage, rows: std::ops::Range<u64>) {
        let gone: Vec<_> = rows.map(|row| B256::from(alloy_primitives::U256::from(row))).collect();
        let batch = BlocksBatch { pool_removed: &gone, ..Default::default() };
        storage.blocks.commit(&batch).unwrap();
    }

    #[test]
    fn a_copy_is_made_while_the_original_is_written_to_and_has_what_was_there() {
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let storage = Storage::open(dir.path(), Durability::Synced).unwrap();
        write(&storage, 10_000);
        let mut writes = 0;
        storage
            .copy(copy.path(), |_| {
                remove(&storage, writes * 10..writes * 10 + 10);
                writes += 1;
            })
            .unwrap();
        assert!(writes > 2);
        let copied = Storage::open(copy.path(), Durability::Synced).unwrap();
        // The state is copied first: one write came before the blocks' turn.
        assert_eq!(copied.blocks.reader().unwrap().pool().unwrap().len(), 9_990);
    }

    #[test]
    fn compacting_gives_free_pages_back_and_keeps_every_row() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Synced).unwrap();
        write(&storage, 100_000);
        remove(&storage, 10..100_000);
        let in_use = Storage::compact(dir.path(), |_| {});
        assert!(matches!(in_use, Err(StorageError::InUse { .. })), "{in_use:?}");
        drop(storage);
        let (before, after) = Storage::compact(dir.path(), |_| {}).unwrap();
        assert!(after < before / 2, "{before} {after}");
        let storage = Storage::open(dir.path(), Durability::Synced).unwrap();
        assert_eq!(storage.blocks.reader().unwrap().pool().unwrap().len(), 10);
        assert!(!dir.path().join("blocks").join(STAGED).exists());
    }
}
