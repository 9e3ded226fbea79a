//! How does an index of the state come to cover all blocks, while the node serves?

use super::{Chain, ChainError};
use std::time::{Duration, Instant};

/// How often the log says how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

impl Chain {
    /// Adds blocks to the index of this name until it has all that the state has: `extend` adds a chunk,
    /// and answers the block reached and the newest, or nothing if there are none to add. Flushes that
    /// become due meanwhile come in between. A failure is logged: the next start tries again.
    pub(super) fn complete_index(
        &self,
        name: &str,
        extend: impl Fn() -> Result<Option<(u64, u64)>, ChainError>,
    ) {
        let (mut said, mut added) = (Instant::now(), 0);
        while !self.flush.is_stopping() {
            match extend() {
                Ok(None) => break,
                Ok(Some((done, of))) => {
                    added += 1;
                    if said.elapsed() >= PROGRESS || added == 1 {
                        said = Instant::now();
                        tracing::info!(target: "chain", "{name} index: block {done} of {of}");
                    }
                }
                Err(error) => {
                    tracing::error!(target: "chain", %error, "the {name} index is not complete");
                    return;
                }
            }
            if self.settings.flush.reached(&self.visible.load(), 1) {
                self.flush.written(self.flush_batch());
            }
        }
        if added > 0 && !self.flush.is_stopping() {
            tracing::info!(target: "chain", "{name} index: complete");
        }
    }
}
