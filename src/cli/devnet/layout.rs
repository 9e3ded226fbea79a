//! Where is what in the network's directory, and is it free?

use super::{DevnetError, error::file};
use crate::config::DEFAULT_IPC;
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

/// Longest path of a Unix socket that every system takes, in bytes.
const SOCKET_PATH: usize = 103;
/// Only the user that runs the network may read it.
const OWN: u32 = 0o600;

const LOCK: &str = "devnet.lock";
const SHAPE: &str = "network.json";
const GENESIS: &str = "genesis.json";
const PASSWORD: &str = "password.txt";
const KEYS: &str = "keys";
const CONTROL: &str = "devnet.sock";
const NODES: &str = "devnet.json";

/// The directory of a network.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dir: PathBuf,
    /// Held while the network runs; `None` for who only asks.
    _lock: Option<File>,
}

impl Layout {
    /// The directory for this process alone; it is made if it is not there.
    ///
    /// # Errors
    /// [`DevnetError::Running`] if another network runs in it.
    pub(super) fn claim(dir: &Path) -> Result<Self, DevnetError> {
        fs::create_dir_all(dir).map_err(file(dir))?;
        let dir = dir.canonicalize().map_err(file(dir))?;
        let path = dir.join(LOCK);
        let lock = File::create(&path).map_err(file(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DevnetError::Running { dir }),
            Err(TryLockError::Error(source)) => return Err(DevnetError::File { path, source }),
        }
        let layout = Self { dir, _lock: Some(lock) };
        layout.check_length()?;
        Ok(layout)
    }

    /// The directory of a network that somebody else runs.
    pub(super) fn existing(dir: &Path) -> Result<Self, DevnetError> {
        let absent = |_source| DevnetError::NotRunning { dir: dir.into() };
        Ok(Self { dir: dir.canonicalize().map_err(absent)?, _lock: None })
    }

    /// Is there nothing but what this process has put there?
    pub(super) fn check_free(&self) -> Result<(), DevnetError> {
        for entry in fs::read_dir(&self.dir).map_err(file(&self.dir))? {
            if entry.map_err(file(&self.dir))?.file_name() != LOCK {
                return Err(DevnetError::Foreign { dir: self.dir.clone() });
            }
        }
        Ok(())
    }

    /// Deletes the network that lies there, and nothing else.
    pub(super) fn empty(&self) -> Result<(), DevnetError> {
        if !self.shape().exists() {
            return self.check_free();
        }
        let ours = [GENESIS, PASSWORD, KEYS, CONTROL, NODES, "main", SHAPE];
        let is_worker = |name: &str| {
            name.strip_prefix("worker-").is_some_and(|number| number.parse::<u16>().is_ok())
        };
        let entries = fs::read_dir(&self.dir).map_err(file(&self.dir))?;
        for entry in entries {
            let entry = entry.map_err(file(&self.dir))?;
            let (name, path) = (entry.file_name(), entry.path());
            let Some(name) = name.to_str() else { continue };
            if !ours.contains(&name) && !is_worker(name) {
                continue;
            }
            let is_dir = entry.file_type().map_err(file(&path))?.is_dir();
            let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(file(&path))?;
        }
        Ok(())
    }

    /// What kind of network it is.
    pub(super) fn shape(&self) -> PathBuf {
        self.dir.join(SHAPE)
    }

    /// The file that every node's chain is made of.
    pub(super) fn genesis(&self) -> PathBuf {
        self.dir.join(GENESIS)
    }

    /// The passphrase of all keys.
    pub(super) fn password(&self) -> PathBuf {
        self.dir.join(PASSWORD)
    }

    /// The folder of a worker's key.
    pub(super) fn keys(&self, name: &str) -> PathBuf {
        self.dir.join(KEYS).join(name)
    }

    /// Where the supervisor is asked.
    pub(super) fn control(&self) -> PathBuf {
        self.dir.join(CONTROL)
    }

    /// Which nodes there are.
    pub(super) fn nodes(&self) -> PathBuf {
        self.dir.join(NODES)
    }

    /// A node's data directory.
    pub(super) fn node(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where a node is asked.
    pub(super) fn socket(&self, name: &str) -> PathBuf {
        self.node(name).join(DEFAULT_IPC)
    }

    /// What a node has printed.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.node(name).join("log")
    }

    fn check_length(&self) -> Result<(), DevnetError> {
        let path = self.socket("worker-64");
        let length = path.as_os_str().as_bytes().len();
        if length > SOCKET_PATH {
            return Err(DevnetError::LongPath { path, length, limit: SOCKET_PATH });
        }
        Ok(())
    }
}

/// Puts a file in place as a whole, for its owner only.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DevnetError> {
    let write = || -> io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
        new.write_all(bytes)?;
        new.as_file().set_permissions(fs::Permissions::from_mode(OWN))?;
        new.as_file().sync_all()?;
        new.persist(path)?;
        Ok(())
    };
    write().map_err(file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_networks_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Layout::claim(dir.path()).unwrap();
        assert!(matches!(Layout::claim(dir.path()), Err(DevnetError::Running { .. })));
        drop(first);
        Layout::claim(dir.path()).unwrap();
    }

    #[test]
    fn a_path_that_is_too_long_for_sockets_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Layout::claim(&dir.path().join("d".repeat(100))).unwrap_err();
        assert!(matches!(error, DevnetError::LongPath { limit: SOCKET_PATH, .. }), "{error}");
    }

    #[test]
    fn what_is_not_the_networks_stays() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::claim(dir.path()).unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        assert!(matches!(layout.empty(), Err(DevnetError::Foreign { .. })));
        for name in ["main", "worker-2", "worker-two"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        write_whole(&layout.shape(), b"{}").unwrap();
        layout.empty().unwrap();
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [LOCK, "notes.txt", "worker-two"]);
    }
}
