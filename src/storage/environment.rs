//! One MDBX environment: opening, locking, schema check, transactions.

use super::{
    Durability, StorageError,
    tables::{META, META_SCHEMA, SCHEMA_VERSION, Table},
};
use reth_libmdbx::{
    Cursor, Database, DatabaseFlags, EnvironmentFlags, Geometry, MdbxError, Mode, Ro, Rw, Stat,
    SyncMode, TransactionKind, TxUnsync, WriteFlags,
};
use std::{
    borrow::Cow,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Address space reserved for one environment: 1 TiB, not disk.
const MAP_SIZE: usize = 1 << 40;
/// The file grows in steps of 16 MiB.
const GROWTH_STEP: isize = 16 << 20;
/// Read transactions that may be open at once.
const MAX_READERS: u64 = 2048;
/// Bytes that every file of the engine has: of one that ends within them it reads what is not there,
/// and the system ends the process.
const LEAST_LENGTH: u64 = 3 * 4096;
/// What the engine answers when another process has the environment open exclusively (`EAGAIN`).
const LOCKED: MdbxError = MdbxError::Other(11);

/// The file in an environment's directory that its process holds locked.
const LOCK: &str = "lock";
/// Where an environment is made anew, in its directory, before that takes its place.
pub(super) const STAGED: &str = "staged";
/// The file that the engine keeps its pages in.
pub(super) const PAGES: &str = "mdbx.dat";

/// An open environment and the handles of its tables.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    env: reth_libmdbx::Environment,
    tables: Arc<[Database]>,
    pub(super) names: &'static [Table],
    pub(super) dir: PathBuf,
    /// Does a commit push what it wrote to the disk by itself? Else the engine does, or nobody.
    syncs: bool,
    /// Dropped last. `None` if another process has the directory.
    _lock: Option<Arc<DirectoryLock>>,
}

/// A directory that is this process's own. Ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct DirectoryLock(#[expect(dead_code, reason = "holds the lock")] File);

impl DirectoryLock {
    /// Makes the directory if it is not there, and takes it.
    ///
    /// # Errors
    /// [`StorageError::InUse`] when another process has it.
    pub(super) fn take(dir: &Path) -> Result<Self, StorageError> {
        let failed = |source| StorageError::Directory { dir: dir.into(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK));
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse { dir: dir.into() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// A value borrowed from the map for as long as the transaction lives.
pub(super) type Bytes<'tx> = Cow<'tx, [u8]>;

impl Environment {
    /// Opens or creates the environment in `dir`, which no other process writes to then, unless it is a
    /// cache.
    pub(super) fn open(
        dir: &Path,
        tables: &'static [Table],
        durability: Durability,
    ) -> Result<Self, StorageError> {
        if durability == Durability::Shared {
            std::fs::create_dir_all(dir)
                .map_err(|source| StorageError::Directory { dir: dir.into(), source })?;
            return Self::open_with(dir, tables, durability, None, false);
        }
        let lock = Arc::new(DirectoryLock::take(dir)?);
        // What is left of a copy that did not take this environment's place.
        let _ = std::fs::remove_dir_all(dir.join(STAGED));
        Self::open_locked(dir, tables, durability, lock, false)
    }

    /// Opens or creates the environment in a directory that is locked; `alone`, only if nobody reads it.
    pub(super) fn open_locked(
        dir: &Path,
        tables: &'static [Table],
        durability: Durability,
        lock: Arc<DirectoryLock>,
        alone: bool,
    ) -> Result<Self, StorageError> {
        Self::open_with(dir, tables, durability, Some(lock), alone)
    }

    fn open_with(
        dir: &Path,
        tables: &'static [Table],
        durability: Durability,
        lock: Option<Arc<DirectoryLock>>,
        alone: bool,
    ) -> Result<Self, StorageError> {
        let sync_mode = match durability {
            // Each commit that has to be durable pushes to the disk itself.
            Durability::Synced => SyncMode::SafeNoSync,
            Durability::Shared => SyncMode::Durable,
            Durability::Ephemeral => SyncMode::UtterlyNoSync,
        };
        let mut builder = reth_libmdbx::Environment::builder();
        builder
            .set_max_dbs(tables.len() + 1)
            .set_max_readers(MAX_READERS)
            .set_geometry(Geometry {
                size: Some(0..MAP_SIZE),
                growth_step: Some(GROWTH_STEP),
                ..Default::default()
            })
            .set_flags(EnvironmentFlags {
                no_rdahead: true,
                exclusive: alone,
                mode: Mode::ReadWrite { sync_mode },
                ..Default::default()
            });
        let file = dir.join(PAGES);
        let length = std::fs::metadata(&file).map_or(0, |file| file.len());
        if (1..LEAST_LENGTH).contains(&length) {
            return Err(StorageError::Corrupt { dir: dir.into(), reason: MdbxError::Corrupted });
        }
        let env = builder.open(dir).map_err(|error| explain(error, dir))?;
        // Another process may make a shared file longer at this moment.
        if durability != Durability::Shared {
            check_length(&env, dir, &file, length)?;
        }
        let opened = open_tables(&env, tables).map_err(|error| match error {
            StorageError::Engine(error) => explain(error, dir),
            other => other,
        })?;
        let syncs = durability == Durability::Synced;
        let opened =
            Self { env, tables: opened, names: tables, dir: dir.into(), syncs, _lock: lock };
        opened.check_schema(dir.into())?;
        Ok(opened)
    }

    /// Opens the environment that another process writes to, for reading.
    pub(super) fn open_beside(dir: &Path, tables: &'static [Table]) -> Result<Self, StorageError> {
        let mut builder = reth_libmdbx::Environment::builder();
        builder.set_max_dbs(tables.len() + 1).set_flags(EnvironmentFlags {
            no_rdahead: true,
            // In whichever way the other process has it.
            accede: true,
            mode: Mode::ReadOnly,
            ..Default::default()
        });
        let env = builder.open(dir).map_err(|error| explain(error, dir))?;
        let tx = env.begin_ro_unsync()?;
        let open = |table: &Table| match tx.open_db(Some(table.name)) {
            Err(MdbxError::NotFound) => Err(StorageError::NoTable { table: table.name }),
            found => Ok(found?),
        };
        let opened = tables.iter().map(open).collect::<Result<_, _>>()?;
        // Keeps the handles.
        tx.commit()?;
        let (dir_here, syncs) = (dir.into(), false);
        let opened = Self { env, tables: opened, names: tables, dir: dir_here, syncs, _lock: None };
        let stored = opened.read()?.get(META, META_SCHEMA)?.map(|row| be_u64(META, &row));
        match stored.transpose()?.unwrap_or_default() {
            SCHEMA_VERSION => Ok(opened),
            found => Err(StorageError::Schema { dir: dir.into(), found, known: SCHEMA_VERSION }),
        }
    }

    /// The engine's own figures.
    pub(super) const fn engine(&self) -> &reth_libmdbx::Environment {
        &self.env
    }

    /// Pushes everything that was written to the disk.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.env.sync(true)?;
        Ok(())
    }

    fn check_schema(&self, dir: PathBuf) -> Result<(), StorageError> {
        let stored = self.read()?.get(META, META_SCHEMA)?.map(|row| be_u64(META, &row));
        match stored.transpose()? {
            None => {
                let tx = self.write()?;
                tx.put(META, META_SCHEMA, &SCHEMA_VERSION.to_be_bytes())?;
                tx.commit()
            }
            Some(SCHEMA_VERSION) => Ok(()),
            Some(found) => Err(StorageError::Schema { dir, found, known: SCHEMA_VERSION }),
        }
    }

    /// A consistent snapshot.
    pub(super) fn read(&self) -> Result<ReadTx, StorageError> {
        Ok(Tx { tx: self.env.begin_ro_unsync()?, tables: self.tables.clone(), synced: None })
    }

    /// The write transaction; waits until the one before it has ended.
    pub(super) fn write(&self) -> Result<WriteTx, StorageError> {
        let synced = self.syncs.then(|| self.env.clone());
        Ok(Tx { tx: self.env.begin_rw_unsync()?, tables: self.tables.clone(), synced })
    }
}

/// The engine silently fills up a file that is shorter than its pages. Such a file has lost data:
/// it is refused and left as it was found.
fn check_length(
    env: &reth_libmdbx::Environment,
    dir: &Path,
    file: &Path,
    found: u64,
) -> Result<(), StorageError> {
    let pages = env.info()?.last_pgno() as u64 + 1;
    if found == 0 || found >= pages * u64::from(env.stat()?.page_size()) {
        return Ok(());
    }
    let shorten = std::fs::OpenOptions::new().write(true).open(file);
    shorten
        .and_then(|file| file.set_len(found))
        .map_err(|source| StorageError::Directory { dir: dir.into(), source })?;
    Err(StorageError::Corrupt { dir: dir.into(), reason: MdbxError::Corrupted })
}

fn open_tables(
    env: &reth_libmdbx::Environment,
    tables: &[Table],
) -> Result<Arc<[Database]>, StorageError> {
    let tx = env.begin_rw_unsync()?;
    let open = |table: &Table| tx.create_db(Some(table.name), DatabaseFlags::empty());
    let opened = tables.iter().map(open).collect::<Result<_, MdbxError>>()?;
    tx.commit()?;
    Ok(opened)
}

fn explain(error: MdbxError, dir: &Path) -> StorageError {
    match error {
        LOCKED | MdbxError::Busy => StorageError::InUse { dir: dir.into() },
        MdbxError::Corrupted
        | MdbxError::Invalid
        | MdbxError::PageNotFound
        | MdbxError::VersionMismatch
        | MdbxError::WannaRecovery
        | MdbxError::Incompatible
        | MdbxError::Panic => StorageError::Corrupt { dir: dir.into(), reason: error },
        other => other.into(),
    }
}

/// A transaction with the handles of the tables.
#[derive(Debug)]
pub(super) struct Tx<K: TransactionKind> {
    tx: TxUnsync<K>,
    tables: Arc<[Database]>,
    /// What a commit pushes to the disk.
    synced: Option<reth_libmdbx::Environment>,
}

/// A read transaction: one consistent snapshot.
pub(super) type ReadTx = Tx<Ro>;
/// The write transaction.
pub(super) type WriteTx = Tx<Rw>;

macro_rules! reads {
    ($kind:ty) => {
        impl Tx<$kind> {
            /// The value at `key`.
            pub(super) fn get(
                &self,
                table: Table,
                key: &[u8],
            ) -> Result<Option<Bytes<'_>>, StorageError> {
                Ok(self.tx.get(self.tables[table.index].dbi(), key)?)
            }

            /// A cursor. It must be positioned before it moves: the engine reuses old ones.
            pub(super) fn cursor(&self, table: Table) -> Result<Cursor<'_, $kind>, StorageError> {
                Ok(self.tx.cursor(self.tables[table.index])?)
            }

            /// The engine's figures of a table.
            pub(super) fn stat(&self, table: Table) -> Result<Stat, StorageError> {
                Ok(self.tx.db_stat(&self.tables[table.index])?)
            }

            /// Number of rows.
            pub(super) fn count(&self, table: Table) -> Result<u64, StorageError> {
                Ok(self.stat(table)?.entries() as u64)
            }
        }
    };
}
reads!(Ro);
reads!(Rw);

impl Tx<Rw> {
    /// Writes or overwrites a row.
    pub(super) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        Ok(self.tx.put(self.tables[table.index], key, value, WriteFlags::UPSERT)?)
    }

    /// Writes a row whose key is above all that are there.
    pub(super) fn append(
        &self,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StorageError> {
        Ok(self.tx.put(self.tables[table.index], key, value, WriteFlags::APPEND)?)
    }

    /// Writes or overwrites rows.
    pub(super) fn put_all(
        &self,
        table: Table,
        rows: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
    ) -> Result<(), StorageError> {
        self.put_each(table, rows, WriteFlags::UPSERT)
    }

    /// Writes those rows whose key is not there.
    pub(super) fn put_missing(
        &self,
        table: Table,
        rows: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
    ) -> Result<(), StorageError> {
        self.put_each(table, rows, WriteFlags::NO_OVERWRITE)
    }

    /// Where rows come in the order of their keys, most find their page without a search from the root.
    fn put_each(
        &self,
        table: Table,
        rows: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
        flags: WriteFlags,
    ) -> Result<(), StorageError> {
        let mut cursor = self.cursor(table)?;
        for (key, value) in rows {
            match cursor.put(key.as_ref(), value.as_ref(), flags) {
                Ok(()) | Err(MdbxError::KeyExist) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Removes a row if it is there.
    pub(super) fn delete(&self, table: Table, key: &[u8]) -> Result<bool, StorageError> {
        Ok(self.tx.del(self.tables[table.index], key, None)?)
    }

    /// Removes every row whose key is at or above `from` and below `until` (`None` = to the end).
    pub(super) fn delete_range(
        &self,
        table: Table,
        from: &[u8],
        until: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let mut cursor = self.cursor(table)?;
        loop {
            let row: Option<(Bytes<'_>, ())> = cursor.set_range(from)?;
            match row {
                Some((key, ())) if until.is_none_or(|until| key.as_ref() < until) => {
                    cursor.del()?
                }
                _ => return Ok(()),
            }
        }
    }

    /// Removes every row.
    pub(super) fn clear(&self, table: Table) -> Result<(), StorageError> {
        Ok(self.tx.clear_db(self.tables[table.index])?)
    }

    /// Removes all rows of all these tables but [`META`].
    pub(super) fn clear_rows(&self, tables: &[Table]) -> Result<(), StorageError> {
        tables.iter().filter(|table| table.index != META.index).try_for_each(|it| self.clear(*it))
    }

    /// Makes everything written durable (where the environment is) and visible.
    pub(super) fn commit(self) -> Result<(), StorageError> {
        self.tx.commit()?;
        if let Some(env) = self.synced {
            // A failure here ends the environment: the engine refuses every later transaction.
            env.sync(true)?;
        }
        Ok(())
    }

    /// Makes everything written visible, and durable with the next [`Self::commit`]: whoever is killed
    /// loses nothing, a power cut before then undoes it as a whole.
    pub(super) fn commit_unsynced(self) -> Result<(), StorageError> {
        Ok(self.tx.commit()?)
    }
}

/// A number stored in a row.
pub(super) fn be_u64(table: Table, row: &[u8]) -> Result<u64, StorageError> {
    let bytes = row.try_into().map_err(|_wrong_length: std::array::TryFromSliceError| {
        StorageError::Row { table: table.name, reason: "not a number of eight bytes" }
    })?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tables;

    fn open(dir: &Path) -> Result<Environment, StorageError> {
        Environment::open(dir, tables::BLOCKS, Durability::Synced)
    }

    #[test]
    fn a_directory_in_use_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let _first = open(dir.path()).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(&error, StorageError::InUse { dir: named } if named == dir.path()));
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let env = open(dir.path()).unwrap();
        let tx = env.write().unwrap();
        tx.put(META, META_SCHEMA, &(SCHEMA_VERSION + 1).to_be_bytes()).unwrap();
        tx.commit().unwrap();
        drop(env);
        for _ in 0..2 {
            assert!(matches!(
                open(dir.path()),
                Err(StorageError::Schema { found, known: SCHEMA_VERSION, .. })
                    if found == SCHEMA_VERSION + 1
            ));
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mdbx.dat"), vec![7u8; 64 << 10]).unwrap();
        assert!(matches!(open(dir.path()), Err(StorageError::Corrupt { .. })));
    }

    #[test]
    fn a_truncated_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let env = open(dir.path()).unwrap();
        let tx = env.write().unwrap();
        for number in 0..2_000u64 {
            tx.put(tables::BODIES, &number.to_be_bytes(), &[1; 1_000]).unwrap();
        }
        tx.commit().unwrap();
        drop(env);
        let file = dir.path().join("mdbx.dat");
        std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(64 << 10).unwrap();
        for _ in 0..2 {
            assert!(matches!(open(dir.path()), Err(StorageError::Corrupt { .. })));
        }
    }

    #[test]
    fn a_range_is_deleted_to_its_end_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let env = open(dir.path()).unwrap();
        let tx = env.write().unwrap();
        for key in 0..10u8 {
            tx.put(tables::BODIES, &[key], &[]).unwrap();
        }
        tx.delete_range(tables::BODIES, &[3], Some(&[6])).unwrap();
        tx.delete_range(tables::BODIES, &[8], None).unwrap();
        tx.commit().unwrap();
        let tx = env.read().unwrap();
        let left: Vec<u8> =
            (0..10).filter(|key| tx.get(tables::BODIES, &[*key]).unwrap().is_some()).collect();
        assert_eq!(left, [0, 1, 2, 6, 7]);
    }
}
