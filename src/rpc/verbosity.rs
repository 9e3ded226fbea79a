//! How much does the log say, and who may change that while the node runs?

use std::{fmt, sync::Arc};
use tracing::level_filters::LevelFilter;

/// Changes the level of the process's log. By default there is none that could change.
#[derive(Clone, Default)]
pub struct Verbosity(Option<Change>);

type Change = Arc<dyn Fn(LevelFilter) -> bool + Send + Sync>;

impl Verbosity {
    /// Wraps what changes the level; it answers whether it did.
    pub fn new(change: impl Fn(LevelFilter) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(change)))
    }

    /// What one of geth's levels lets through.
    pub const fn level(level: u64) -> LevelFilter {
        match level {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }

    /// Sets geth's level; false if the log cannot be changed.
    pub fn set(&self, level: u64) -> bool {
        self.0.as_ref().is_some_and(|change| change(Self::level(level)))
    }
}

impl fmt::Debug for Verbosity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verbosity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    #[test]
    fn levels_are_geths() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let list = seen.clone();
        let verbosity = Verbosity::new(move |level| {
            list.lock().push(level.to_string());
            true
        });
        assert!((0..=6).all(|level| verbosity.set(level)));
        assert_eq!(*seen.lock(), ["off", "error", "warn", "info", "debug", "trace", "trace"]);
        assert!(!Verbosity::default().set(3), "nothing to change");
    }
}
