//! Which datasets are there, and which is made next? That of the epoch at hand, then that of the next
//! one, before it begins.

use super::dataset::{Dataset, DatasetError, make, path, remove_before};
use crate::consensus::Ethash;
use parking_lot::{Condvar, Mutex};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The next epoch's dataset is made when so many blocks of the epoch are left, of a hundred.
const AHEAD_PERCENT: u64 = 10;
/// After a dataset could not be made (a full disk), the next attempt comes this much later.
const RETRY: Duration = Duration::from_secs(60);
/// While another process makes it, this one looks so often whether it is there.
const LOOK: Duration = Duration::from_millis(500);
/// Whoever makes a dataset holds this file's lock.
const LOCK: &str = "ethash.lock";

/// How far a dataset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetProgress {
    /// Whose dataset it is.
    pub epoch: u64,
    /// Pages that are there.
    pub done: u64,
    /// Pages that it has.
    pub total: u64,
}

/// The datasets of a miner.
#[derive(Debug)]
pub(super) struct Datasets {
    dir: PathBuf,
    ethash: Arc<Ethash>,
    threads: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The block that is worked on.
    number: Option<u64>,
    ready: Vec<Arc<Dataset>>,
    progress: Option<DatasetProgress>,
    has_ended: bool,
}

impl Datasets {
    pub(super) fn new(dir: PathBuf, ethash: Arc<Ethash>, threads: usize) -> Self {
        Self { dir, ethash, threads, state: Mutex::default(), changed: Condvar::new() }
    }

    /// The dataset for a block, if it is there.
    pub(super) fn of(&self, number: u64) -> Option<Arc<Dataset>> {
        let epoch = self.ethash.sizes().epoch_of(number);
        self.state.lock().ready.iter().find(|dataset| dataset.epoch == epoch).cloned()
    }

    /// This block is worked on.
    pub(super) fn want(&self, number: u64) {
        self.state.lock().number = Some(number);
        self.changed.notify_all();
    }

    /// The dataset for this block gave a wrong result: it is removed and made again.
    pub(super) fn refuse(&self, number: u64) {
        let epoch = self.ethash.sizes().epoch_of(number);
        self.state.lock().ready.retain(|dataset| dataset.epoch != epoch);
        // If it stays, opening it finds the damage, or the next solution does.
        let _ = fs::remove_file(path(&self.dir, epoch));
        self.changed.notify_all();
    }

    /// How far the dataset is that is being made.
    pub(super) fn progress(&self) -> Option<DatasetProgress> {
        self.state.lock().progress
    }

    /// Nothing is made any more.
    pub(super) fn end(&self) {
        self.state.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// The body of the thread that makes datasets; `ready` hears of each one.
    pub(super) fn run(&self, ready: impl Fn()) {
        while let Some(epoch) = self.next_missing() {
            let made = self.provide(epoch);
            let mut state = self.state.lock();
            state.progress = None;
            match made {
                Ok(dataset) => {
                    state.ready.retain(|old| old.epoch + 1 >= epoch);
                    state.ready.push(Arc::new(dataset));
                    drop(state);
                    tracing::info!(target: "sealer", epoch, "the dataset is ready");
                    ready();
                }
                Err(DatasetError::Stopped { .. }) => {}
                Err(error) => {
                    tracing::error!(
                        target: "sealer", %error,
                        "no dataset: this node mines with the light cache, and tries again"
                    );
                    if !state.has_ended {
                        self.changed.wait_for(&mut state, RETRY);
                    }
                }
            }
        }
    }

    /// Waits for an epoch whose dataset is wanted and not there; `None` at the end.
    fn next_missing(&self) -> Option<u64> {
        let mut state = self.state.lock();
        loop {
            if state.has_ended {
                return None;
            }
            let wanted = state.number.map(|number| self.wanted(number));
            let is_missing = |epoch: &u64| state.ready.iter().all(|ready| ready.epoch != *epoch);
            if let Some(missing) = wanted.into_iter().flatten().flatten().find(is_missing) {
                return Some(missing);
            }
            self.changed.wait(&mut state);
        }
    }

    /// The epoch of a block, and the next one near its end.
    fn wanted(&self, number: u64) -> [Option<u64>; 2] {
        let sizes = self.ethash.sizes();
        let epoch = sizes.epoch_of(number);
        let (first, next) = (sizes.first_block(epoch), sizes.first_block(epoch + 1));
        let is_near = (next - number) * 100 <= (next - first) * AHEAD_PERCENT;
        [Some(epoch), is_near.then_some(epoch + 1)]
    }

    /// Opens a dataset, or makes it. Of several processes with one folder, one makes it.
    fn provide(&self, epoch: u64) -> Result<Dataset, DatasetError> {
        let dir = self.dir.as_path();
        let io = |source| DatasetError::File { path: dir.into(), source };
        fs::create_dir_all(dir).map_err(io)?;
        let cache = self.ethash.cache(self.ethash.sizes().first_block(epoch));
        let cache = cache.map_err(|_too_high| DatasetError::Stopped { epoch })?;
        let lock = File::create(dir.join(LOCK)).map_err(io)?;
        let _held = loop {
            if path(dir, epoch).exists() {
                match Dataset::open(dir, epoch, &cache) {
                    Ok(dataset) => return Ok(dataset),
                    Err(error) => {
                        tracing::warn!(target: "sealer", %error, "the dataset is made anew");
                        fs::remove_file(path(dir, epoch)).map_err(io)?;
                    }
                }
            }
            match lock.try_lock() {
                Ok(()) => break &lock,
                Err(TryLockError::WouldBlock) => self.pause(epoch)?,
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        };
        self.make(dir, epoch, &cache)?;
        Dataset::open(dir, epoch, &cache)
    }

    fn pause(&self, epoch: u64) -> Result<(), DatasetError> {
        let mut state = self.state.lock();
        if !state.has_ended {
            self.changed.wait_for(&mut state, LOOK);
        }
        if state.has_ended { Err(DatasetError::Stopped { epoch }) } else { Ok(()) }
    }

    fn make(
        &self,
        dir: &Path,
        epoch: u64,
        cache: &crate::consensus::ethash::Cache,
    ) -> Result<(), DatasetError> {
        remove_before(dir, epoch.saturating_sub(1));
        let total = u64::from(cache.pages());
        tracing::info!(target: "sealer", epoch, "making the dataset");
        make(dir, epoch, cache, self.threads, |done| {
            let mut state = self.state.lock();
            state.progress = Some(DatasetProgress { epoch, done: u64::from(done), total });
            !state.has_ended
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::ethash::Sizes;
    use std::sync::mpsc;

    /// Runs the thread while `test` goes on.
    fn running(datasets: &Datasets, test: impl FnOnce(&mpsc::Receiver<()>)) {
        let (told, ready) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| datasets.run(move || told.send(()).unwrap()));
            test(&ready);
            datasets.end();
        });
    }

    fn datasets(dir: &Path) -> Datasets {
        Datasets::new(dir.into(), Ethash::with_sizes(Sizes::TINY), 1)
    }

    #[test]
    fn the_next_epoch_is_prepared_before_it_begins_and_the_one_before_the_last_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let datasets = datasets(dir.path());
        let sizes = Sizes::TINY;
        running(&datasets, |ready| {
            for epoch in 0..3 {
                datasets.want(sizes.first_block(epoch));
                if epoch == 0 {
                    ready.recv().unwrap();
                }
                assert!(datasets.of(sizes.first_block(epoch)).is_some());
                assert!(datasets.of(sizes.first_block(epoch + 1)).is_none());
                datasets.want(sizes.first_block(epoch + 1) - 1);
                ready.recv().unwrap();
                assert!(datasets.of(sizes.first_block(epoch + 1)).is_some());
            }
        });
        let there: Vec<bool> = (0..4).map(|epoch| path(dir.path(), epoch).exists()).collect();
        assert_eq!(there, [false, false, true, true]);
    }

    #[test]
    fn two_miners_with_one_folder_make_a_dataset_once() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (datasets(dir.path()), datasets(dir.path()));
        running(&one, |first| {
            running(&other, |second| {
                one.want(0);
                other.want(0);
                first.recv().unwrap();
                second.recv().unwrap();
            });
        });
        assert!(one.of(0).is_some() && other.of(0).is_some());
        assert!(!dir.path().join("epoch-0000.ethash.part").exists());
    }

    #[test]
    fn a_refused_dataset_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let datasets = datasets(dir.path());
        running(&datasets, |ready| {
            datasets.want(5);
            ready.recv().unwrap();
            datasets.refuse(5);
            ready.recv().unwrap();
            assert!(datasets.of(5).is_some());
        });
    }
}
