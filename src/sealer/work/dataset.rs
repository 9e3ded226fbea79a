//! What does the file of a dataset hold, is it right, and how is it made?
//!
//! 128 bytes say what it is, the pages of the dataset follow. It is made under another name, page after
//! page: whoever is stopped goes on from there. Only a complete file has its name.

use super::map::map;
use crate::consensus::ethash::{Cache, PAGE_BYTES, PAGE_WORDS, Work, hashimoto, seed_hash};
use alloy_primitives::{B64, B256};
use memmap2::Mmap;
use rand::Rng;
use rayon::prelude::*;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// What every file begins with; the last byte is the version of its form.
const MAGIC: &[u8; 16] = b"ethash dataset\0\x01";
/// Pages that are computed and written together, 128 KiB: one thread computes them in less than a tenth of a
/// second, and no stop waits longer.
const CHUNK: u32 = 1_024;
/// Pages that are computed again when a file is opened.
const SAMPLES: usize = 64;

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder or the file cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not that of this epoch, or is damaged.
    #[error("{path} is not the dataset of epoch {epoch}: {reason}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The epoch.
        epoch: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The node stops; the next start goes on.
    #[error("the dataset of epoch {epoch} is not complete yet")]
    Stopped {
        /// The epoch.
        epoch: u64,
    },
    /// The threads that compute it cannot be started.
    #[error("no threads for a dataset: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// The dataset of an epoch, in a file that is mapped into memory.
#[derive(Debug)]
pub(super) struct Dataset {
    pub(super) epoch: u64,
    pages: u32,
    map: Mmap,
}

impl Dataset {
    /// Opens the dataset of an epoch, if its file is right.
    pub(super) fn open(dir: &Path, epoch: u64, cache: &Cache) -> Result<Self, DatasetError> {
        let path = path(dir, epoch);
        let io = |source| DatasetError::File { path: path.clone(), source };
        let file = File::open(&path).map_err(io)?;
        let wrong = |reason| DatasetError::Wrong { path: path.clone(), epoch, reason };
        if file.metadata().map_err(io)?.len() != place_of(cache.pages()) {
            return Err(wrong("its length"));
        }
        let dataset = Self { epoch, pages: cache.pages(), map: map(&file).map_err(io)? };
        if dataset.map[..PAGE_BYTES as usize] != head(epoch, cache.pages()) {
            return Err(wrong("its first bytes"));
        }
        let mut random = rand::rng();
        let mut samples = (0..SAMPLES).map(|_| random.random_range(0..dataset.pages));
        if !samples.all(|page| dataset.page(page) == cache.page(page)) {
            return Err(wrong("a page of it"));
        }
        Ok(dataset)
    }

    /// What a nonce gives for the hash of a header without its seal.
    pub(super) fn hashimoto(&self, seal_hash: B256, nonce: B64) -> Work {
        hashimoto(seal_hash, nonce, self.pages, |page| self.page(page))
    }

    fn page(&self, page: u32) -> [u32; PAGE_WORDS] {
        let place = place_of(page) as usize;
        words(&self.map[place..place + PAGE_BYTES as usize])
    }
}

/// Makes the dataset of an epoch where there is none, or goes on with what there is of it. `done` hears
/// how many pages there are, and says whether to go on.
pub(super) fn make(
    dir: &Path,
    epoch: u64,
    cache: &Cache,
    threads: usize,
    mut done: impl FnMut(u32) -> bool,
) -> Result<(), DatasetError> {
    let (unfinished, path) = (unfinished(dir, epoch), path(dir, epoch));
    let io = |source| DatasetError::File { path: unfinished.clone(), source };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1));
    let pool = pool.thread_name(|index| format!("dataset {index}")).build()?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&unfinished).map_err(io)?;
    let (pages, chunk) = (cache.pages(), CHUNK.min(cache.pages() / 8).max(1));
    let mut next = usable(&mut file, epoch, cache).map_err(io)? / chunk * chunk;
    go_to(&mut file, &head(epoch, pages), next).map_err(io)?;
    while next < pages {
        if !done(next) {
            return Err(DatasetError::Stopped { epoch });
        }
        let until = pages.min(next + chunk);
        let bytes: Vec<u8> = pool.install(|| {
            let pages = (next..until).into_par_iter().map(|page| to_bytes(&cache.page(page)));
            pages.collect::<Vec<_>>().concat()
        });
        file.write_all(&bytes).map_err(io)?;
        next = until;
    }
    file.sync_all().map_err(io)?;
    fs::rename(&unfinished, &path).map_err(io)?;
    // The name is as durable as the file.
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    done(pages);
    Ok(())
}

/// Cuts a file behind so many pages, and goes there.
fn go_to(file: &mut File, head: &[u8], pages: u32) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(head)?;
    file.set_len(place_of(pages))?;
    file.seek(SeekFrom::Start(place_of(pages))).map(drop)
}

/// Pages at the beginning of an unfinished file that may stay.
fn usable(file: &mut File, epoch: u64, cache: &Cache) -> io::Result<u32> {
    let length = file.metadata()?.len();
    let pages = (length / PAGE_BYTES).saturating_sub(1).min(u64::from(cache.pages())) as u32;
    if pages == 0 {
        return Ok(0);
    }
    let mut random = rand::rng();
    let samples = (0..SAMPLES).map(|_| random.random_range(0..pages));
    let mut bytes = [0; PAGE_BYTES as usize];
    file.read_exact(&mut bytes)?;
    let mut is_right = bytes == head(epoch, cache.pages());
    for page in samples.chain([pages - 1]) {
        file.seek(SeekFrom::Start(place_of(page)))?;
        file.read_exact(&mut bytes)?;
        is_right &= words(&bytes) == cache.page(page);
    }
    Ok(if is_right { pages } else { 0 })
}

/// Removes files of epochs before this one. What another process still reads stays readable for it.
pub(super) fn remove_before(dir: &Path, epoch: u64) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if epoch_of_file(&path).is_some_and(|old| old < epoch) {
            // Whoever else shares the folder may have removed it.
            let _ = fs::remove_file(&path);
            tracing::info!(target: "sealer", path = %path.display(), "removed an old dataset");
        }
    }
}

/// The file of an epoch's dataset.
pub(super) fn path(dir: &Path, epoch: u64) -> PathBuf {
    dir.join(format!("epoch-{epoch:04}.ethash"))
}

/// Its name while it is made.
fn unfinished(dir: &Path, epoch: u64) -> PathBuf {
    path(dir, epoch).with_extension("ethash.part")
}

fn epoch_of_file(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_prefix("epoch-")?;
    let epoch = name.strip_suffix(".ethash").or_else(|| name.strip_suffix(".ethash.part"))?;
    epoch.parse().ok()
}

/// Bytes before a page; before all of them lies what says what the file is.
const fn place_of(page: u32) -> u64 {
    (page as u64 + 1) * PAGE_BYTES
}

fn head(epoch: u64, pages: u32) -> [u8; PAGE_BYTES as usize] {
    let mut head = [0; PAGE_BYTES as usize];
    head[..16].copy_from_slice(MAGIC);
    head[16..24].copy_from_slice(&epoch.to_be_bytes());
    head[24..28].copy_from_slice(&pages.to_be_bytes());
    head[32..64].copy_from_slice(seed_hash(epoch).as_slice());
    head
}

fn words(bytes: &[u8]) -> [u32; PAGE_WORDS] {
    let mut words = [0; PAGE_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}

fn to_bytes(page: &[u32; PAGE_WORDS]) -> [u8; PAGE_BYTES as usize] {
    let mut bytes = [0; PAGE_BYTES as usize];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(page) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::ethash::Sizes;

    fn cache(epoch: u64) -> Cache {
        Cache::new(Sizes::TINY, epoch)
    }

    fn go_on(_pages: u32) -> bool {
        true
    }

    #[test]
    fn a_nonce_gives_the_same_from_the_file_as_from_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        for epoch in [0, 3] {
            let cache = cache(epoch);
            make(dir.path(), epoch, &cache, 2, go_on).unwrap();
            let dataset = Dataset::open(dir.path(), epoch, &cache).unwrap();
            for nonce in 0..20u64 {
                let (hash, nonce) = (B256::repeat_byte(7), B64::from(nonce.to_be_bytes()));
                assert_eq!(dataset.hashimoto(hash, nonce), cache.hashimoto(hash, nonce));
            }
        }
    }

    #[test]
    fn what_is_stopped_goes_on_and_ends_as_the_same_file() {
        let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = cache(1);
        make(whole.path(), 1, &cache, 1, go_on).unwrap();
        let mut begun_at = Vec::new();
        for most in [0, 40, 100, u32::MAX] {
            let mut first = None;
            let made = make(cut.path(), 1, &cache, 1, |pages| {
                first.get_or_insert(pages);
                pages <= most
            });
            assert_eq!(made.is_ok(), most == u32::MAX, "{made:?}");
            begun_at.push(first.unwrap());
        }
        assert!(begun_at.is_sorted() && begun_at[3] > 100, "{begun_at:?}");
        let read = |dir: &tempfile::TempDir| fs::read(path(dir.path(), 1)).unwrap();
        assert!(read(&whole) == read(&cut));
        assert!(!unfinished(cut.path(), 1).exists());
    }

    #[test]
    fn an_unfinished_file_that_was_torn_or_damaged_is_no_harm() {
        let cache = cache(1);
        let good = tempfile::tempdir().unwrap();
        make(good.path(), 1, &cache, 1, go_on).unwrap();
        let whole = fs::read(path(good.path(), 1)).unwrap();
        let mut zeros = whole[..20_000].to_vec();
        zeros[200..].fill(0);
        let longer = [&whole[..], &[7; 999]].concat();
        let torn = [Vec::new(), whole[..100].to_vec(), whole[..20_001].to_vec(), zeros, longer];
        for left in torn {
            let dir = tempfile::tempdir().unwrap();
            fs::write(unfinished(dir.path(), 1), &left).unwrap();
            make(dir.path(), 1, &cache, 1, go_on).unwrap();
            assert!(fs::read(path(dir.path(), 1)).unwrap() == whole, "{} bytes", left.len());
        }
    }

    #[test]
    fn a_file_that_is_not_right_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(2);
        make(dir.path(), 2, &cache, 1, go_on).unwrap();
        let file = path(dir.path(), 2);
        let good = fs::read(&file).unwrap();
        let reason = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            Dataset::open(dir.path(), 2, &cache).unwrap_err().to_string()
        };
        assert!(reason(&good[..good.len() - 1]).ends_with("its length"));
        let mut damaged = good.clone();
        damaged[20] ^= 1;
        assert!(reason(&damaged).ends_with("its first bytes"));
        damaged = good;
        damaged[128..].iter_mut().for_each(|byte| *byte ^= 1);
        assert!(reason(&damaged).ends_with("a page of it"));
        fs::rename(&file, path(dir.path(), 1)).unwrap();
        let error = Dataset::open(dir.path(), 2, &cache).unwrap_err();
        assert!(matches!(error, DatasetError::File { .. }), "{error}");
    }

    #[test]
    fn only_files_of_older_epochs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let stays = ["epoch-0005.ethash", "epoch-0006.ethash.part", "notes.txt", "epoch-x.ethash"];
        let goes = ["epoch-0004.ethash", "epoch-0003.ethash.part"];
        for name in stays.iter().chain(&goes) {
            fs::write(dir.path().join(name), "").unwrap();
        }
        remove_before(dir.path(), 5);
        assert!(stays.iter().all(|name| dir.path().join(name).exists()));
        assert!(goes.iter().all(|name| !dir.path().join(name).exists()));
    }
}
