//! Which files of a folder may be read? Those that end in `.json`, as far as the limits go.

use super::{ArtifactError, ArtifactLimits, Problem};
use std::{
    fs::{self, DirEntry, Metadata},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Folders inside folders that are looked into.
const MAX_DEPTH: usize = 16;

/// How a file looked when it was read.
pub(super) type Stamp = (u64, Option<SystemTime>);

/// How a file looks.
pub(super) fn stamp(data: &Metadata) -> Stamp {
    (data.len(), data.modified().ok())
}

/// A file that may be read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// Which of the folders it is in.
    pub(super) folder: usize,
}

/// What is found, and what is not read.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) limits: &'a ArtifactLimits,
    pub(super) found: Vec<Found>,
    pub(super) problems: &'a mut Vec<Problem>,
    bytes: u64,
    is_full: bool,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(limits: &'a ArtifactLimits, problems: &'a mut Vec<Problem>) -> Self {
        Self { limits, found: Vec::new(), problems, bytes: 0, is_full: false }
    }

    /// Looks through a folder and those inside it.
    pub(super) fn folder(&mut self, folder: usize, path: &Path) {
        let mut open = vec![(path.to_owned(), 0)];
        while let Some((dir, depth)) = open.pop() {
            let entries = match fs::read_dir(&dir) {
                Ok(entries) => entries,
                // It went while we looked.
                Err(error) if depth > 0 && error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.problems.push(Problem { path: dir, error: error.into() });
                    continue;
                }
            };
            let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
            entries.sort_by_key(DirEntry::file_name);
            for entry in entries {
                if self.is_full {
                    return;
                }
                // Of a link itself: links could go round in circles.
                let Ok(data) = entry.metadata() else { continue };
                if data.is_dir() && depth < MAX_DEPTH {
                    open.push((entry.path(), depth + 1));
                } else if data.is_file() {
                    self.file(folder, entry.path(), &data);
                }
            }
        }
    }

    fn file(&mut self, folder: usize, path: PathBuf, data: &Metadata) {
        if path.extension().is_none_or(|extension| extension != "json") {
            return;
        }
        let Err(error) = self.check(data.len()) else {
            self.bytes += data.len();
            self.found.push(Found { path, stamp: stamp(data), folder });
            return;
        };
        self.is_full = matches!(error, ArtifactError::TooMany { .. });
        self.problems.push(Problem { path, error });
    }

    const fn check(&self, bytes: u64) -> Result<(), ArtifactError> {
        let ArtifactLimits { file_bytes, files, bytes: all } = *self.limits;
        if bytes > file_bytes {
            return Err(ArtifactError::TooLong { bytes, limit: file_bytes });
        }
        if self.bytes.saturating_add(bytes) > all {
            return Err(ArtifactError::TooMuch { limit: all });
        }
        if self.found.len() >= files {
            return Err(ArtifactError::TooMany { limit: files });
        }
        Ok(())
    }
}
