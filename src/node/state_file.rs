//! Which file is the chain loaded from, and which is it dumped to?

use super::NodeError;
use crate::{
    chain::{BaseKind, Chain},
    config::StateConfig,
    dev::dump::{self, DumpError},
};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// How often the log says how far a load is.
const PROGRESS: Duration = Duration::from_secs(2);

/// Where the chain goes at the end, and now and then.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// With the states of older blocks.
    older: bool,
    /// Head and number of edits of the last dump. Held while one is written.
    last: Mutex<Option<(B256, usize)>>,
}

/// Loads the chain if the settings say so, and answers where it goes.
///
/// # Errors
/// [`NodeError::StoredState`] when there is a chain already that did not come from that file.
pub(super) fn open(
    config: &StateConfig,
    chain: &Chain,
) -> Result<Option<Arc<StateFile>>, NodeError> {
    let dump = config.dump.as_deref().map(in_folder).transpose()?;
    let load = config.load.as_deref().map(in_folder).transpose()?;
    let load = load.filter(|path| config.must_exist || path.exists());
    let goes_into = dump.as_deref().or(load.as_deref()).map(name);
    if let Some(path) = &load {
        let is_both = load == dump;
        if is_untouched(chain) {
            load_file(path, goes_into.as_deref(), chain)?;
        } else if !is_both || chain.state_file()? != goes_into {
            let flag = if is_both { "--state" } else { "--load-state" };
            return Err(NodeError::StoredState {
                flag,
                path: path.clone(),
                at: chain.head().number,
            });
        } else {
            tracing::info!(
                target: "chain",
                "the stored chain goes on at block {}: it came from {} before",
                chain.head().number,
                path.display()
            );
        }
    }
    let Some(path) = dump else { return Ok(None) };
    let file = StateFile { path, older: config.older_states, last: Mutex::default() };
    file.check()?;
    if chain.state_file()? != goes_into {
        chain.set_state_file(goes_into.as_deref().unwrap_or_default())?;
    }
    Ok(Some(Arc::new(file)))
}

/// Nothing has happened on this chain.
fn is_untouched(chain: &Chain) -> bool {
    let base = chain.base();
    let is_at_base = chain.head().number == base.number && chain.edit_count() == 0;
    base.kind == BaseKind::Genesis && is_at_base
}

/// A folder stands for the `state.json` in it.
fn in_folder(path: &Path) -> Result<PathBuf, NodeError> {
    let path = if path.is_dir() { path.join("state.json") } else { path.into() };
    std::path::absolute(&path).map_err(|source| NodeError::StateFile { path, source })
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn load_file(path: &Path, goes_into: Option<&str>, chain: &Chain) -> Result<(), NodeError> {
    let unreadable = |source| NodeError::StateFile { path: path.into(), source };
    let bad = |source| NodeError::Dump { path: path.into(), source: Box::new(source) };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let mut said = Instant::now();
    let mut say = |what: &str, done: u64, of: u64| {
        if said.elapsed() >= PROGRESS && of > 0 {
            said = Instant::now();
            let share = u128::from(done) * 100 / u128::from(of);
            tracing::info!(target: "chain", "{}: {what} {share} %", path.display());
        }
    };
    let dump = dump::read(chain, file, None, &mut |done| say("read", done, bytes)).map_err(bad)?;
    let loaded =
        dump.into_chain(chain, goes_into, &mut |done, of| say("written", done, of)).map_err(bad)?;
    tracing::info!(
        target: "chain",
        "{}: loaded {} accounts and blocks {} to {}",
        path.display(),
        loaded.accounts,
        loaded.earliest,
        loaded.head
    );
    Ok(())
}

impl StateFile {
    /// Beside the file: a crash leaves the old one whole.
    fn beside(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        name.into()
    }

    /// Fails now rather than at the end, when there is something to lose.
    fn check(&self) -> Result<(), NodeError> {
        let beside = self.beside();
        let failed = |source| NodeError::DumpFile { path: self.path.clone(), source };
        File::create(&beside).map_err(failed)?;
        std::fs::remove_file(&beside).map_err(failed)
    }

    /// Writes the chain, unless it is as it was.
    pub(super) fn write(&self, chain: &Chain) -> Result<(), NodeError> {
        let mut last = self.last.lock();
        let now = (chain.head().seal(), chain.edit_count());
        if *last == Some(now) {
            return Ok(());
        }
        let failed = |source| NodeError::DumpFile { path: self.path.clone(), source };
        let bad = |source| NodeError::Dump { path: self.path.clone(), source: Box::new(source) };
        let beside = self.beside();
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&beside).map_err(failed)?);
        dump::write(chain.whole()?, self.older, &mut out).map_err(|error| match error {
            DumpError::Io(source) => failed(source),
            other => bad(other),
        })?;
        fail::fail_point!("dump-before-rename", |_| Err(failed(std::io::Error::other(
            "failpoint dump-before-rename"
        ))));
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&beside, &self.path).map_err(failed)?;
        *last = Some(now);
        Ok(())
    }
}

/// Writes the chain at intervals. A failure is logged: the next attempt comes.
pub(super) async fn keep(file: Arc<StateFile>, chain: Arc<Chain>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (file, chain) = (file.clone(), chain.clone());
        let written = tokio::task::spawn_blocking(move || file.write(&chain)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(target: "chain", %error, "the chain was not dumped");
        }
    }
}
