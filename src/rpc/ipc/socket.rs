//! Whose is the file of the socket, and who may open it?

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixStream};

/// Only the user that runs the node may open it.
const MODE: u32 = 0o600;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another program listens there.
    #[error("--ipc {}: another program answers there; stop it, or choose another path", .0.display())]
    InUse(PathBuf),
    /// Something else lies there, which is not ours to remove.
    #[error("--ipc {}: there is a file that is no socket; choose another path", .0.display())]
    NoSocket(PathBuf),
    /// The system refuses it.
    #[error("--ipc {}: {reason}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

/// A socket that others can connect to. The file goes when this is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file, to tell it from one that came after it.
    file: (u64, u64),
}

impl Socket {
    /// Makes the file. One that a dead process left there is replaced.
    pub(super) fn open(path: &Path) -> Result<Self, SocketError> {
        let failed = |reason| SocketError::Open { path: path.into(), reason };
        remove_dead(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let file = identity(path).map_err(failed)?;
        Ok(Self { listener, path: path.into(), file })
    }

    pub(super) const fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The next client.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _nameless)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // Gone already is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Removes a socket that nobody listens on.
fn remove_dead(path: &Path) -> Result<(), SocketError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(SocketError::NoSocket(path.into()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            let failed = |reason| SocketError::Open { path: path.into(), reason };
            fs::remove_file(path).map_err(failed)
        }
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(SocketError::InUse(path.into())),
        Err(reason) => Err(SocketError::Open { path: path.into(), reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_live_socket_is_refused_a_dead_one_is_replaced_and_an_own_one_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ipc");
        let socket = Socket::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(Socket::open(&path), Err(SocketError::InUse(_))));
        drop(socket);
        assert!(!path.exists());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as a killed process leaves it");
        let again = Socket::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        drop(again);
        assert!(path.exists(), "not ours any more");
        assert!(matches!(Socket::open(&path), Err(SocketError::NoSocket(_))));
        let long = dir.path().join("x".repeat(200));
        let refused = Socket::open(&long).unwrap_err().to_string();
        assert!(refused.contains("xxx"), "{refused}");
    }
}
