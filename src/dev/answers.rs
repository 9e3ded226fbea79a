//! Where are the answers of upstreams kept, once there is an upstream?

use super::forking::ForkError;
use crate::storage::{StorageError, UpstreamCache};
use parking_lot::Mutex;
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// The cache of what upstreams answered. It is opened when it is first needed: most chains are no forks,
/// until a reset makes them one.
#[derive(Debug)]
pub struct Answers {
    folder: Option<PathBuf>,
    opened: Mutex<Option<Opened>>,
}

#[derive(Debug)]
struct Opened {
    cache: Arc<UpstreamCache>,
    /// Deletes what is not to be kept.
    _temporary: Option<TempDir>,
}

impl Answers {
    /// Kept in this folder; without one, until the node ends.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder, opened: Mutex::default() }
    }

    /// The cache. Where the folder cannot be used, one that is forgotten.
    ///
    /// # Errors
    /// The disk is full, or there is no room for temporary files.
    pub fn open(&self) -> Result<Arc<UpstreamCache>, ForkError> {
        let mut opened = self.opened.lock();
        if let Some(opened) = opened.as_ref() {
            return Ok(opened.cache.clone());
        }
        let made = self.make()?;
        let cache = made.cache.clone();
        *opened = Some(made);
        Ok(cache)
    }

    /// The cache, if it was needed.
    pub fn opened(&self) -> Option<Arc<UpstreamCache>> {
        self.opened.lock().as_ref().map(|opened| opened.cache.clone())
    }

    fn make(&self) -> Result<Opened, ForkError> {
        if let Some(folder) = &self.folder {
            match UpstreamCache::open(folder) {
                Ok(cache) => return Ok(Opened { cache: Arc::new(cache), _temporary: None }),
                Err(error @ StorageError::DiskFull) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(target: "fork", "{error}; what the upstream answers is not kept");
                }
            }
        }
        let temporary = tempfile::Builder::new().prefix("mainspring-upstream-").tempdir();
        let temporary = temporary.map_err(ForkError::Temporary)?;
        let cache = Arc::new(UpstreamCache::open(temporary.path())?);
        Ok(Opened { cache, _temporary: Some(temporary) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_opened_before_it_is_needed_and_once_then() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("upstream");
        let answers = Answers::in_folder(Some(folder.clone()));
        assert!(answers.opened().is_none() && !folder.exists());
        let cache = answers.open().unwrap();
        assert!(Arc::ptr_eq(&cache, &answers.open().unwrap()) && folder.exists());
        assert!(answers.opened().is_some());
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_not_needed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let answers = Answers::in_folder(Some(file.path().join("upstream")));
        answers.open().unwrap().put_answer(b"question", b"answer".to_vec());
        let kept = answers.opened().unwrap().answer(b"question").unwrap();
        assert_eq!(kept.as_deref(), Some(b"answer".as_slice()));
    }
}
