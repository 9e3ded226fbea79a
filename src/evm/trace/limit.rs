//! How long may a transaction be traced, and how large may an answer grow?

use super::{TraceError, tracer::Context};
use parking_lot::Mutex;
use revm::{
    context_interface::ContextError,
    interpreter::{
        InstructionResult, Interpreter, InterpreterAction, interpreter_types::LoopControl,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// What one request may use up, shared by all its transactions.
#[derive(Debug)]
pub(super) struct Limit {
    timeout: Duration,
    /// Instructions between two looks at the clock.
    stride: u64,
    /// Most bytes of all traces together.
    bytes: usize,
    /// Set when nobody wants the answer any more.
    stop: Arc<AtomicBool>,
    /// When what runs now must have ended: a transaction, or a list of calls.
    until: Mutex<Option<Instant>>,
    steps: AtomicU64,
    /// Bytes recorded of the transaction that runs now.
    recorded: AtomicUsize,
    /// Bytes of the traces that are ready.
    answered: AtomicUsize,
}

impl Default for Limit {
    fn default() -> Self {
        Self::new(Duration::MAX, usize::MAX, 256)
    }
}

impl Limit {
    pub(super) fn new(timeout: Duration, bytes: usize, stride: u64) -> Self {
        Self {
            timeout,
            stride,
            bytes,
            stop: Arc::default(),
            until: Mutex::new(None),
            steps: AtomicU64::new(0),
            recorded: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        }
    }

    /// The work stops when somebody sets `stop`.
    pub(super) fn until(&mut self, stop: Arc<AtomicBool>) {
        self.stop = stop;
    }

    /// Does anybody still want the answer?
    pub(super) fn check_wanted(&self) -> Result<(), TraceError> {
        if self.stop.load(Ordering::Relaxed) { Err(TraceError::Unwanted) } else { Ok(()) }
    }

    /// The time of the next transaction begins, or of all calls.
    pub(super) fn start(&self) {
        *self.until.lock() = Instant::now().checked_add(self.timeout);
        self.recorded.store(0, Ordering::Relaxed);
    }

    /// Something of this many bytes was recorded.
    pub(super) fn add(&self, bytes: usize) {
        self.recorded.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A trace of this many bytes is ready.
    pub(super) fn add_answer(&self, bytes: usize) -> Result<(), TraceError> {
        self.recorded.store(0, Ordering::Relaxed);
        self.answered.fetch_add(bytes, Ordering::Relaxed);
        self.excess().map_or(Ok(()), Err)
    }

    /// Which limit is exceeded?
    pub(super) fn excess(&self) -> Option<TraceError> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(TraceError::Unwanted);
        }
        let bytes = self.recorded.load(Ordering::Relaxed) + self.answered.load(Ordering::Relaxed);
        if bytes > self.bytes {
            return Some(TraceError::TooLarge { limit: self.bytes });
        }
        let is_late = self.until.lock().is_some_and(|until| Instant::now() > until);
        is_late.then_some(TraceError::Timeout)
    }

    /// Stops the machine if a limit is exceeded; looks now and then only. Answers whether it did.
    pub(super) fn check(&self, interpreter: &mut Interpreter, context: &mut Context) -> bool {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed);
        if !steps.is_multiple_of(self.stride) {
            return false;
        }
        let Some(excess) = self.excess() else { return false };
        if context.error.is_ok() {
            context.error = Err(ContextError::Custom(excess.to_string()));
        }
        // A call that was about to begin must not begin any more.
        interpreter.bytecode.action().take();
        interpreter.bytecode.reset_action();
        let halt = InstructionResult::FatalExternalError;
        interpreter.bytecode.set_action(InterpreterAction::new_halt(halt, interpreter.gas));
        true
    }
}
