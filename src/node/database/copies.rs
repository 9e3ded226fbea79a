//! How is a chain backed up, also while it is served, and how does it come back?
//!
//! A copy is made beside the place where it will be and takes that place by its name when it is whole:
//! what is interrupted leaves what was there before.

use super::{NodeError, open};
use crate::{
    node::StoredChain,
    storage::{Copied, Storage, StorageError},
};
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What a chain has in its directory.
const CHAIN: [&str; 3] = ["blocks", "state", "keystore"];
/// What a data directory has besides files that are copied as they are.
const ENVIRONMENTS: [&str; 2] = ["blocks", "state"];

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is something already.
    #[error("{dir} is not empty; name another directory{hint}")]
    Exists {
        /// The directory.
        dir: PathBuf,
        /// What else would do.
        hint: &'static str,
    },
    /// A copy inside of what is copied, or the other way round.
    #[error("{inner} is inside of {outer}; name a directory beside it")]
    Inside {
        /// The inner directory.
        inner: PathBuf,
        /// The outer one.
        outer: PathBuf,
    },
    /// A path that names no directory of its own.
    #[error("{0} is not the name of a directory that can be made")]
    Name(PathBuf),
    /// A file cannot be copied, renamed or removed.
    #[error("cannot write {path}: {source}")]
    File {
        /// Of the file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The chain cannot be read or written.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl From<StorageError> for CopyError {
    fn from(error: StorageError) -> Self {
        Self::Node(error.into())
    }
}

/// Copies the chain in `dir`, which may be served meanwhile, into the new directory `to`.
pub fn backup(dir: &Path, to: &Path, each: impl FnMut(Copied)) -> Result<(), CopyError> {
    if !is_free(to) {
        return Err(CopyError::Exists { dir: to.into(), hint: "" });
    }
    check_beside(to, dir)?;
    let (storage, _in_use) = open(dir)?;
    let partial = fresh(to, ".partial")?;
    storage.copy(&partial, each)?;
    copy_files(dir, &partial)?;
    put(&partial, to)
}

/// Makes a copy of the backup in `from` the chain in `dir`. What lies there is replaced only with
/// `force`, and only when the copy is whole and opens; files that are none of the chain's stay.
pub fn restore(
    from: &Path,
    dir: &Path,
    force: bool,
    each: impl FnMut(Copied),
) -> Result<(), CopyError> {
    if !is_free(dir) && !force {
        let hint = ", or replace what is there with --force";
        return Err(CopyError::Exists { dir: dir.into(), hint });
    }
    check_beside(from, dir)?;
    check_beside(dir, from)?;
    let lock = Storage::lock(dir)?;
    let (storage, _in_use) = open(from)?;
    let partial = fresh(dir, ".restoring")?;
    storage.copy(&partial, each)?;
    copy_files(from, &partial)?;
    StoredChain::open(&partial, false)?.close()?;
    fail::fail_point!("restore-before-swap", |_| Err(StorageError::Failpoint(
        "restore-before-swap"
    )
    .into()));
    let replaced = beside(dir, ".replaced")?;
    if !is_free(dir) {
        remove(&replaced)?;
        rename(dir, &replaced)?;
    }
    put(&partial, dir)?;
    drop(lock);
    bring_back(&replaced, dir)?;
    remove(&replaced)
}

/// Moves what belongs to no chain, and has no namesake, from a directory that was replaced.
fn bring_back(replaced: &Path, dir: &Path) -> Result<(), CopyError> {
    if is_free(replaced) {
        return Ok(());
    }
    let failed = |source| CopyError::File { path: replaced.into(), source };
    for entry in fs::read_dir(replaced).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let to = dir.join(entry.file_name());
        let is_chain = CHAIN.iter().any(|part| entry.file_name() == *part);
        if !is_chain && !to.exists() {
            rename(&entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Refuses a directory that lies in another, which is copied into it or thrown away.
fn check_beside(inner: &Path, outer: &Path) -> Result<(), CopyError> {
    // What does not exist lies where its nearest ancestor does.
    let real = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_unnamed| path.to_owned());
        path.ancestors().find_map(|known| known.canonicalize().ok()).unwrap_or(path)
    };
    let outer_is_there = outer.is_dir();
    if outer_is_there && real(inner).starts_with(real(outer)) {
        return Err(CopyError::Inside { inner: inner.into(), outer: outer.into() });
    }
    Ok(())
}

/// Is nothing there, or an empty directory?
fn is_free(dir: &Path) -> bool {
    match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// The path with something behind its last name.
fn beside(path: &Path, suffix: &str) -> Result<PathBuf, CopyError> {
    let name = path.file_name().ok_or_else(|| CopyError::Name(path.into()))?;
    let mut name = OsString::from(name);
    name.push(suffix);
    Ok(path.with_file_name(name))
}

/// A new directory beside `path`; what an interrupted copy left there is removed.
///
/// # Errors
/// [`StorageError::InUse`] while another copy is made there.
fn fresh(path: &Path, suffix: &str) -> Result<PathBuf, CopyError> {
    let partial = beside(path, suffix)?;
    let lock = Storage::lock(&partial)?;
    remove(&partial)?;
    drop(lock);
    let made = fs::create_dir_all(&partial);
    made.map_err(|source| CopyError::File { path: partial.clone(), source })?;
    Ok(partial)
}

fn remove(dir: &Path) -> Result<(), CopyError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CopyError::File { path: dir.into(), source })
        }
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), CopyError> {
    fs::rename(from, to).map_err(|source| CopyError::File { path: to.into(), source })
}

/// Gives a whole copy its name, durably.
fn put(partial: &Path, to: &Path) -> Result<(), CopyError> {
    rename(partial, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|dir| dir.sync_all());
    synced.map_err(|source| CopyError::File { path: parent.into(), source })
}

/// Copies what lies beside the environments: stored keys and whatever else belongs to the chain.
fn copy_files(from: &Path, to: &Path) -> Result<(), CopyError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CopyError::File { path, source }
    };
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().map_err(failed(&path))?;
        let target = to.join(&name);
        if kind.is_dir() && !ENVIRONMENTS.iter().any(|environment| name == *environment) {
            fs::create_dir_all(&target).map_err(failed(&target))?;
            copy_files(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target).map_err(failed(&target))?;
            File::open(&target).and_then(|file| file.sync_all()).map_err(failed(&target))?;
        }
    }
    Ok(())
}
