//! Who is this node to its peers? A key that stays the same over restarts.

use super::error::{KeyFault, NetworkError};
use libp2p::identity::{Keypair, ed25519};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

/// Name of the key's file in the data directory.
pub const KEY_FILE: &str = "node.key";
/// Bytes of an ed25519 key.
const KEY_BYTES: usize = 32;
/// More than a key file has, in bytes.
const MAX_BYTES: u64 = 1_024;

/// The node key in a data directory; a new one is made where there is none.
///
/// # Errors
/// [`NetworkError::BrokenKey`] names a file that holds something else; it is never written over.
pub fn node_key(dir: &Path) -> Result<Keypair, NetworkError> {
    let path = dir.join(KEY_FILE);
    let failed = |source| NetworkError::KeyFile { path: path.clone(), source };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_new(dir, &path).map_err(failed)?;
            // Whoever was quicker has written the one that counts.
            read(&path).map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    parse(&text).map_err(|reason| NetworkError::BrokenKey { path, reason })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

/// Makes a key. The file is whole as soon as it has its name, and readable for its owner only.
fn write_new(dir: &Path, path: &Path) -> io::Result<()> {
    let key = ed25519::SecretKey::generate();
    let draft = tempfile::Builder::new().prefix(KEY_FILE).tempfile_in(dir)?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).open(draft.path())?;
    writeln!(file, "{}", alloy_primitives::hex::encode(key.as_ref()))?;
    file.sync_all()?;
    match draft.persist_noclobber(path) {
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(failed.error),
        Ok(_file) => sync_dir(dir),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

fn parse(text: &[u8]) -> Result<Keypair, KeyFault> {
    let digits = text.trim_ascii();
    let length = KeyFault::Length { bytes: digits.len(), expected: 2 * KEY_BYTES };
    let mut bytes = [0; KEY_BYTES];
    if digits.len() != 2 * KEY_BYTES {
        return Err(length);
    }
    if alloy_primitives::hex::decode_to_slice(digits, &mut bytes).is_err() {
        return Err(KeyFault::Digits);
    }
    Keypair::ed25519_from_bytes(bytes).map_err(|_wrong_length| length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = node_key(dir.path()).unwrap();
        let again = node_key(dir.path()).unwrap();
        assert_eq!(first.public(), again.public());
        let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn nodes_that_start_at_once_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> =
                (0..8).map(|_| scope.spawn(|| node_key(dir.path()).unwrap().public())).collect();
            started.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_broken_key_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        for text in ["", "abc", &"zz".repeat(32), &"ab".repeat(33), &"\0".repeat(2_000)] {
            fs::write(&path, text).unwrap();
            let error = node_key(dir.path()).unwrap_err().to_string();
            assert!(error.contains("node.key") && error.contains("delete it"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, format!("  {}\n\n", "ab".repeat(32))).unwrap();
        node_key(dir.path()).unwrap();
    }
}
