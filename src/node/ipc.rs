//! Does the node answer on a Unix socket, and where?

use crate::{
    config::{DEFAULT_IPC, IpcConfig},
    rpc::{Api, IpcServer, SocketError},
};
use std::path::{Path, PathBuf};

/// Opens the socket that the settings ask for. One that nobody asked for need not be.
pub(super) fn open(
    api: &Api,
    wanted: &IpcConfig,
    directory: &Path,
) -> Result<Option<IpcServer>, SocketError> {
    match wanted {
        IpcConfig::Off => Ok(None),
        IpcConfig::At(path) => IpcServer::open(api, &place(path, directory)).map(Some),
        IpcConfig::Default => {
            let opened = IpcServer::open(api, &directory.join(DEFAULT_IPC));
            if let Err(reason) = &opened {
                tracing::warn!(target: "rpc", %reason, "there is no Unix socket");
            }
            Ok(opened.ok())
        }
    }
}

/// A bare name lies in the data directory, as in geth.
fn place(path: &Path, directory: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => directory.join(path),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_lies_in_the_data_directory() {
        let at = |path: &str| place(Path::new(path), Path::new("/data"));
        assert_eq!(at("node.ipc"), Path::new("/data/node.ipc"));
        assert_eq!(at("./node.ipc"), Path::new("./node.ipc"));
        assert_eq!(at("/run/node.ipc"), Path::new("/run/node.ipc"));
    }
}
