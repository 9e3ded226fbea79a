//! What did the transactions of a new block do that its receipts do not say? Executed once more for the
//! log, on a thread of its own, and only where there is something to tell.

use crate::{
    artifacts::Library,
    chain::Chain,
    evm::trace::{self, RecordedCall, ScriptHost, TraceError, TraceLimits, Watch},
    explain::{self, ConsoleLog, Told, console_logs},
    primitives::Receipt,
    storage::StoredBlock,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

/// How long a block may be executed once more for the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes that are recorded of it.
const MAX_BYTES: usize = 64 << 20;

/// By position in the block.
pub(super) type Stories = BTreeMap<usize, Story>;

/// What executing a transaction once more told.
#[derive(Debug)]
pub(super) struct Story {
    /// What it said to the console.
    pub(super) logs: Vec<ConsoleLog>,
    /// Why and where it failed, if it did.
    pub(super) failure: Vec<String>,
    /// Its calls, if they are printed.
    pub(super) tree: Vec<String>,
}

/// What of a block is executed once more.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Did it say something to the console that is printed?
    console: bool,
    /// Are failures told one by one?
    failures: bool,
    /// Are the calls of each transaction printed?
    traces: bool,
    library: Arc<Library>,
}

impl Wanted {
    /// Of a block whose transactions are listed one by one, or are not.
    pub(super) fn of(chain: &Chain, told: &Told, stored: &StoredBlock, is_listed: bool) -> Self {
        Self {
            console: told.console && chain.may_have_logged(stored.block.hash()),
            failures: is_listed,
            traces: told.traces && is_listed,
            library: told.shelf.library(),
        }
    }

    /// Is all there is to say in the receipts?
    pub(super) fn is_nothing(&self, receipts: &[Receipt]) -> bool {
        !(0..receipts.len()).any(|index| self.includes(receipts, index))
    }

    fn includes(&self, receipts: &[Receipt], index: usize) -> bool {
        let has_failed = receipts.get(index).is_some_and(|it| !it.status.coerce_status());
        self.console || self.traces || (self.failures && has_failed)
    }

    /// Executes the block once more. What takes too long is left out, and the log says so.
    pub(super) fn stories(
        &self,
        chain: &Chain,
        stored: &StoredBlock,
        stop: Arc<AtomicBool>,
    ) -> Stories {
        let mut stories = Stories::new();
        if let Err(error) = self.replay(chain, stored, stop, &mut stories) {
            let number = stored.block.number();
            tracing::info!(
                target: "block",
                "    Block {number} was not executed again to the end for this log: {error}"
            );
        }
        stories
    }

    fn replay(
        &self,
        chain: &Chain,
        stored: &StoredBlock,
        stop: Arc<AtomicBool>,
        stories: &mut Stories,
    ) -> Result<(), TraceError> {
        let replay = chain.replay_of(stored.block.clone());
        // A block that is gone again needs no story.
        let Ok(Some(block)) = replay else { return Ok(()) };
        let (spec, settings) = (&chain.spec(), chain.evm_settings());
        let wanted = |index| self.includes(&stored.receipts, index);
        let scripts = ScriptHost::default();
        let limits = TraceLimits { bytes: MAX_BYTES, timeout: PATIENCE, stop, scripts };
        let begun = Instant::now();
        let mut is_late = false;
        let told = |index, call: RecordedCall| {
            stories.insert(index, self.story(&call));
            is_late = begun.elapsed() > PATIENCE;
            !is_late
        };
        let watch = Watch { limits: &limits, library: &self.library };
        trace::record_transactions(spec, settings, block, wanted, watch, told)?;
        if is_late { Err(TraceError::Timeout) } else { Ok(()) }
    }

    fn story(&self, call: &RecordedCall) -> Story {
        let failed = explain::failed(&self.library, call).filter(|_| self.failures);
        Story {
            logs: if self.console { console_logs(call) } else { Vec::new() },
            failure: failed.as_ref().map(explain::failure_lines).unwrap_or_default(),
            tree: if self.traces { explain::tree_lines(&self.library, call) } else { Vec::new() },
        }
    }
}
