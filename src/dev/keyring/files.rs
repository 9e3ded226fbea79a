//! Where do stored keys lie? One file an account, in a folder of the data directory.

use super::{KeyringError, Keystore};
use alloy_primitives::{Address, hex};
use alloy_signer_local::PrivateKeySigner;
use std::{
    fs::{self, File},
    io::{self, BufRead, Read, Write},
    path::{Path, PathBuf},
};

/// Longest key file that is read: many times what one takes.
const MAX_BYTES: u64 = 16 << 10;

/// A folder of key files.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The keys in the folder, in the order of their files' names: `limit` at most. A file that is
    /// none is named in the log and left alone.
    pub(super) fn read(&self, limit: usize) -> Result<Vec<Keystore>, KeyringError> {
        let paths = self.paths().map_err(|source| self.failed(source))?;
        let mut keys = Vec::new();
        for path in paths {
            match read(&path) {
                Some(_) if keys.len() == limit => {
                    tracing::warn!(target: "keys", ?path, limit, "too many keys: not used");
                }
                Some(key) => keys.push(key),
                None => tracing::warn!(target: "keys", ?path, "not a key file: not used"),
            }
        }
        Ok(keys)
    }

    /// Writes a key's file; it is on the disk when this returns. Nobody else may read it.
    pub(super) fn write(&self, address: Address, key: &Keystore) -> Result<(), KeyringError> {
        self.try_write(address, key).map_err(|source| self.failed(source))
    }

    fn try_write(&self, address: Address, key: &Keystore) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let mut file = tempfile::Builder::new().suffix(".tmp").tempfile_in(&self.0)?;
        serde_json::to_writer(&mut file, key)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(self.path(address))?;
        File::open(&self.0)?.sync_all()
    }

    /// Removes a key's file, whatever its name is.
    pub(super) fn remove(&self, address: Address) -> Result<(), KeyringError> {
        let is_it = |path: &PathBuf| read(path).is_some_and(|key| key.address() == Some(address));
        let remove =
            || self.paths()?.iter().filter(|path| is_it(path)).try_for_each(fs::remove_file);
        remove().map_err(|source| self.failed(source))
    }

    /// The file with an account's key, whatever its name is.
    pub(super) fn find(&self, address: Address) -> Result<Option<PathBuf>, KeyringError> {
        let is_it = |path: &PathBuf| read(path).is_some_and(|key| key.address() == Some(address));
        Ok(self.paths().map_err(|source| self.failed(source))?.into_iter().find(is_it))
    }

    /// Every file in the folder but those that are being written.
    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let is_whole = |path: &PathBuf| path.extension().is_none_or(|it| it != "tmp");
        let all: io::Result<Vec<PathBuf>> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut paths: Vec<PathBuf> = all?.into_iter().filter(|path| is_whole(path)).collect();
        paths.sort_unstable();
        Ok(paths)
    }

    fn path(&self, address: Address) -> PathBuf {
        self.0.join(format!("{}.json", hex::encode(address)))
    }

    fn failed(&self, source: io::Error) -> KeyringError {
        failed(&self.0, source)
    }
}

/// The key in a file, opened with the first line of another.
pub(super) fn open(key: &Path, password: &Path) -> Result<PrivateKeySigner, KeyringError> {
    fs::metadata(key).map_err(|source| failed(key, source))?;
    let keystore = read(key).ok_or_else(|| KeyringError::NotAKey { path: key.to_owned() })?;
    keystore.open(&first_line(password)?)
}

/// The first line of a file.
pub(super) fn first_line(path: &Path) -> Result<String, KeyringError> {
    let read = || {
        let mut line = String::new();
        io::BufReader::new(File::open(path)?.take(MAX_BYTES)).read_line(&mut line)?;
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    };
    read().map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> KeyringError {
    KeyringError::File { path: path.to_owned(), source }
}

fn read(path: &Path) -> Option<Keystore> {
    if fs::metadata(path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let key: Keystore = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    key.address().is_some().then_some(key)
}
