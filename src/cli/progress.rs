//! How far is long work? A bar on a terminal, a line now and then elsewhere; on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// Without a terminal a line comes this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far long work is.
#[derive(Debug)]
pub(super) struct Progress {
    name: &'static str,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    last: Instant,
}

impl Progress {
    /// Counts the bytes of a file; `None` if nobody knows how many there are.
    pub(super) fn bytes(name: &'static str, total: Option<u64>) -> Self {
        let known = "{msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        Self::new(name, total, if total.is_some() { known } else { "{msg} {spinner} {bytes}" })
    }

    /// Counts blocks.
    pub(super) fn blocks(name: &'static str, total: u64) -> Self {
        Self::new(name, Some(total), "{msg} [{bar:40}] {pos}/{len} {per_sec} {eta}")
    }

    /// Counts rows.
    pub(super) fn rows(name: &'static str, total: u64) -> Self {
        Self::new(name, Some(total), "{msg} [{bar:40}] {percent} % {eta}")
    }

    /// Counts pages.
    pub(super) fn pages(name: &'static str, total: u64) -> Self {
        Self::new(name, Some(total), "{msg} [{bar:40}] {percent} % {eta}")
    }

    fn new(name: &'static str, total: Option<u64>, template: &str) -> Self {
        let style = ProgressStyle::with_template(template).ok();
        let bar = io::stderr().is_terminal().then(|| {
            let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            bar.set_draw_target(ProgressDrawTarget::stderr());
            style.into_iter().for_each(|style| bar.set_style(style));
            bar
        });
        Self { name, bar, total, last: Instant::now() }
    }

    /// So much is done; the block at hand.
    pub(super) fn at(&mut self, done: u64, block: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: block {block}", self.name));
            bar.set_position(done);
        } else if self.last.elapsed() >= LINE_EVERY {
            self.last = Instant::now();
            let share = self.total.filter(|total| *total > 0);
            let share = share.map(|total| format!(" ({} %)", done.saturating_mul(100) / total));
            // A closed standard error is no reason to stop.
            let _ =
                writeln!(io::stderr(), "{}: block {block}{}", self.name, share.unwrap_or_default());
        }
    }

    /// So many pages are done.
    pub(super) fn at_page(&mut self, done: u64) {
        self.at_part("page", done);
    }

    /// So many rows are done.
    pub(super) fn at_row(&mut self, done: u64) {
        self.at_part("row", done);
    }

    fn at_part(&mut self, part: &str, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.name);
            bar.set_position(done);
        } else if self.last.elapsed() >= LINE_EVERY {
            self.last = Instant::now();
            let of = self.total.unwrap_or_default();
            // A closed standard error is no reason to stop.
            let _ = writeln!(io::stderr(), "{}: {part} {done} of {of}", self.name);
        }
    }

    /// The work has ended.
    pub(super) fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
