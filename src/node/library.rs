//! Who reads the artifacts, and reads them again when they change? A thread of its own: a node starts, and
//! goes on, whatever lies in their folders.

use super::{NodeError, thread};
use crate::{
    artifacts::{BUILT_IN, Folders, Problem, Shelf},
    config::DebuggingConfig,
};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A compiler writes many files: they are read when none was written for so long,
const QUIET: Duration = Duration::from_millis(200);
/// or when they were written for so long.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// Most problems that are told of one reading.
const MAX_LINES: usize = 20;
/// Folders that come or go are noticed this often.
const LOOK: Duration = Duration::from_secs(1);

/// The thread that reads artifacts. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Reader {
    news: Sender<News>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread waits for.
enum News {
    /// A file or folder changed.
    Changed,
    /// The node stops.
    Stop,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that has ended needs no news, and one that panicked said so.
        let _ = self.news.send(News::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts to read the artifacts that the settings name, if there are any.
pub(super) fn follow(config: &DebuggingConfig, shelf: Shelf) -> Result<Option<Reader>, NodeError> {
    if config.artifacts.is_empty() {
        return Ok(None);
    }
    let (news, received) = channel();
    let stop = Arc::<AtomicBool>::default();
    let folders = Folders::new(config.artifacts.clone(), config.limits, stop.clone());
    let told = news.clone();
    let thread = thread("artifacts", move || run(folders, &shelf, &told, &received))?;
    Ok(Some(Reader { news, stop, thread: Some(thread) }))
}

fn run(mut folders: Folders, shelf: &Shelf, news: &Sender<News>, received: &Receiver<News>) {
    let mut watch = Watch::new(news.clone());
    let mut told = BTreeSet::new();
    loop {
        // Watched first: what changes while it is read is read again.
        watch.adjust(folders.paths());
        read(&mut folders, shelf, &mut told);
        loop {
            match received.recv_timeout(LOOK) {
                Ok(News::Changed) => break,
                // Folders that nobody can watch are looked through.
                Err(RecvTimeoutError::Timeout) if watch.has_changed(folders.paths()) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        if !settle(received) {
            return;
        }
    }
}

/// Waits until nothing changes any more. Answers whether the node goes on.
fn settle(received: &Receiver<News>) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LONGEST_WAIT {
        match received.recv_timeout(QUIET) {
            Ok(News::Changed) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// Reads what changed and says what is known now. Each problem is told once, until it is gone.
fn read(folders: &mut Folders, shelf: &Shelf, told: &mut BTreeSet<(PathBuf, String)>) {
    let (library, problems) = folders.load();
    let contracts = library.len().saturating_sub(BUILT_IN);
    shelf.replace(library);
    let mut still = BTreeSet::new();
    let mut lines = 0;
    for Problem { path, error } in problems {
        let problem = (path, error.to_string());
        if !told.contains(&problem) {
            lines += 1;
            if lines <= MAX_LINES {
                tracing::warn!(target: "artifacts", "{} {}", problem.0.display(), problem.1);
            }
        }
        still.insert(problem);
    }
    if lines > MAX_LINES {
        tracing::warn!(target: "artifacts", "{} more cannot be read", lines - MAX_LINES);
    }
    *told = still;
    tracing::info!(target: "artifacts", "{contracts} contracts are known by their artifacts");
}

/// Watches folders for changes as far as the system can, and notices those that come and go.
struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// The folders that are watched, by what they were then.
    watched: Vec<(PathBuf, Option<u64>)>,
}

impl Watch {
    fn new(news: Sender<News>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading is no change; an error may hide one.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // Nobody listens any more: the node stops.
            let _ = news.send(News::Changed);
        });
        let watcher = watcher.inspect_err(|error| unwatched(Path::new("artifacts"), error)).ok();
        Self { watcher, watched: Vec::new() }
    }

    /// Watches the folders that are there now.
    fn adjust(&mut self, folders: &[PathBuf]) {
        let before = std::mem::take(&mut self.watched);
        for folder in folders {
            let now = (folder.clone(), identity(folder));
            if let Some(watcher) = &mut self.watcher
                && !before.contains(&now)
            {
                // A folder that was replaced is another one.
                let _ = watcher.unwatch(folder);
                if now.1.is_some()
                    && let Err(error) = watcher.watch(folder, RecursiveMode::Recursive)
                {
                    unwatched(folder, &error);
                }
            }
            self.watched.push(now);
        }
    }

    /// Has a folder come, gone, or been replaced since?
    fn has_changed(&self, folders: &[PathBuf]) -> bool {
        let now = folders.iter().map(|folder| identity(folder));
        self.watcher.is_none() || !now.eq(self.watched.iter().map(|(_, before)| *before))
    }
}

fn unwatched(folder: &Path, error: &notify::Error) {
    tracing::warn!(
        target: "artifacts",
        "changes in {} may go unnoticed: {error}; restart the node to read them", folder.display()
    );
}

/// The number that a folder has in its file system, if it is there.
fn identity(folder: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir).map(|data| data.ino())
}
