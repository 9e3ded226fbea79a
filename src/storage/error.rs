//! Why storage could not answer.

use reth_libmdbx::{MdbxError, ReadError};
use std::path::PathBuf;

/// Why storage could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process has locked the directory.
    #[error(
        "the data directory {dir} is in use by another process; stop that one or choose another \
         with --datadir"
    )]
    InUse {
        /// The environment's directory.
        dir: PathBuf,
    },
    /// Written by another version of this program.
    #[error(
        "the data in {dir} has schema version {found}, this program knows {known}; use the \
         version that wrote it, or start over with another --datadir (dev also: --fresh)"
    )]
    Schema {
        /// The environment's directory.
        dir: PathBuf,
        /// Version in the file.
        found: u64,
        /// Version of this program.
        known: u64,
    },
    /// A file is damaged, truncated, or not ours.
    #[error(
        "{dir} is damaged ({reason}); restore a backup, or start over with another --datadir (dev also: \
         --fresh)"
    )]
    Corrupt {
        /// The environment's directory.
        dir: PathBuf,
        /// What the database engine says.
        reason: MdbxError,
    },
    /// A page inside a file is damaged.
    #[error(
        "the database is damaged ({0}); restore a backup, or start over with another --datadir (dev \
         also: --fresh)"
    )]
    Damaged(MdbxError),
    /// The directory cannot be made or read.
    #[error("cannot use {dir}: {source}")]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No room for new data; what is stored stays readable.
    #[error("the disk is full: nothing was written; free some space and try again")]
    DiskFull,
    /// The system wrote only a part: what a disk does that fills up in the middle of a write, and a
    /// broken one.
    #[error(
        "the disk is full or broken (input/output error): nothing was written; free some space and \
         try again"
    )]
    DiskFailed,
    /// The address space of the process is limited too far.
    #[error(
        "the system gives no memory to map the database into (out of memory): raise the limit of \
         address space (ulimit -v) or free memory"
    )]
    NoMemory,
    /// Too many read transactions at once.
    #[error("too many reads at the same time; try again")]
    TooManyReaders,
    /// A row does not have the form that its table says.
    #[error("a row of table `{table}` is damaged: {reason}")]
    Row {
        /// The table's name.
        table: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A row's RLP is damaged.
    #[error("a row of table `{table}` is damaged: {reason}")]
    Rlp {
        /// The table's name.
        table: &'static str,
        /// What is wrong with it.
        reason: alloy_rlp::Error,
    },
    /// Data of an older version, which this process may not change.
    #[error(
        "the data has no table `{table}`: an older version has it open; stop that one and try again"
    )]
    NoTable {
        /// The table's name.
        table: &'static str,
    },
    /// A copy is not what it was copied from.
    #[error("the copy in {dir} is not whole: table `{table}` has {found} of {rows} rows")]
    Copy {
        /// Of the copy.
        dir: PathBuf,
        /// The table's name.
        table: &'static str,
        /// Rows in the copy.
        found: u64,
        /// Rows in the original.
        rows: u64,
    },
    /// Anything else that the database engine reports.
    #[error("database: {0}")]
    Engine(MdbxError),
    /// A failure that a test asked for.
    #[error("failpoint {0}")]
    Failpoint(&'static str),
}

/// `ENOSPC`, `EDQUOT` and `EFBIG` of Linux: errors that a full disk gives.
const NO_SPACE: [i32; 3] = [28, 122, 27];
/// `ENOMEM`: no room in memory for the map of the files.
const NO_MEMORY: i32 = 12;
/// `EIO`: the engine's name for a write that the system did not finish.
const NOT_WRITTEN: i32 = 5;

impl From<MdbxError> for StorageError {
    fn from(error: MdbxError) -> Self {
        match error {
            MdbxError::MapFull => Self::DiskFull,
            MdbxError::Other(code) if NO_SPACE.contains(&code) => Self::DiskFull,
            MdbxError::Other(NOT_WRITTEN) => Self::DiskFailed,
            MdbxError::Other(NO_MEMORY) => Self::NoMemory,
            MdbxError::ReadersFull => Self::TooManyReaders,
            MdbxError::Corrupted | MdbxError::PageNotFound | MdbxError::Incompatible => {
                Self::Damaged(error)
            }
            other => Self::Engine(other),
        }
    }
}

impl From<ReadError> for StorageError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Mdbx(error) => error.into(),
            ReadError::Decoding(_) => Self::Row { table: "?", reason: "wrong length" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_memory_has_no_room_for_is_told_as_that() {
        let error = StorageError::from(MdbxError::Other(NO_MEMORY)).to_string();
        assert!(error.contains("out of memory") && !error.contains("12"), "{error}");
    }
}
