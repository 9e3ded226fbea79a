//! A tracer that the caller wrote in JavaScript. It runs on a thread of its own, so that a script
//! which never ends costs its caller an error, not the node a worker.

use super::{TraceError, replay::Shared, tracer::Finish};
use revm_inspectors::tracing::{TransactionContext, js::JsInspector};
use serde_json::{Value, value::RawValue};
use std::{
    fmt,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

/// Longest script, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// Deepest nesting of brackets in a script: its parser calls itself for each.
const MAX_NESTING: usize = 128;
/// Scripts that run at a time, those that were given up included.
const MAX_RUNNING: usize = 4;
/// Stack of a script's thread in bytes; only what is used takes memory.
const STACK: usize = 256 << 20;
/// How much later than its time a script is given up.
const GRACE: Duration = Duration::from_secs(1);
/// Catches what the script throws, which the inspector would take for a revert of the transaction,
/// writes its result, and hands its configuration on in geth's form, as text.
const GUARD: &str = include_str!("guard.js");

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// A script and what it knows so far.
pub(super) struct Script(JsInspector);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").finish_non_exhaustive()
    }
}

impl Script {
    pub(super) fn new(code: &str, config: &Value) -> Result<Self, TraceError> {
        check(code)?;
        let guarded = GUARD.trim_end().replace("/*CODE*/", code);
        let inspector = JsInspector::new(guarded, config.clone()).map_err(script_error)?;
        Ok(Self(inspector))
    }

    pub(super) const fn inspector(&mut self) -> &mut JsInspector {
        &mut self.0
    }

    /// What its `result` answers.
    pub(super) fn finish(mut self, finish: &mut Finish<'_>) -> Result<Box<RawValue>, TraceError> {
        self.0.set_transaction_context(TransactionContext {
            block_hash: finish.place.block_hash,
            tx_index: finish.place.tx_hash.map(|_| finish.place.tx_index),
            tx_hash: finish.place.tx_hash,
        });
        let (outcome, state) = (finish.outcome.clone(), Shared::new(finish.state));
        let answer = self.0.json_result(outcome, finish.tx, finish.env, &state);
        let Value::String(answer) = answer.map_err(script_error)? else {
            return Err(TraceError::ScriptLost);
        };
        match answer.strip_prefix('!') {
            Some(error) => Err(TraceError::Script(error.to_owned())),
            None => Ok(RawValue::from_string(answer)?),
        }
    }
}

/// Refuses what the parser could choke on.
fn check(code: &str) -> Result<(), TraceError> {
    if code.len() > MAX_BYTES {
        return Err(TraceError::ScriptTooLong { have: code.len(), limit: MAX_BYTES });
    }
    let mut nesting = 0_usize;
    for byte in code.bytes() {
        match byte {
            b'(' | b'[' | b'{' => nesting += 1,
            b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        if nesting > MAX_NESTING {
            let text = format!("JavaScript tracer nests more than {MAX_NESTING} brackets");
            return Err(TraceError::Script(text));
        }
    }
    Ok(())
}

/// The first line: after it comes where in the guard the script was called.
fn script_error(error: impl fmt::Display) -> TraceError {
    let text = error.to_string();
    TraceError::Script(text.lines().next().unwrap_or_default().to_owned())
}

/// Frees its place when the script ends, however long after it was given up.
struct Turn;

impl Turn {
    fn take() -> Result<Self, TraceError> {
        let taken = RUNNING.fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
            (running < MAX_RUNNING).then_some(running + 1)
        });
        taken.map(|_| Self).map_err(|_full| TraceError::ScriptsBusy(MAX_RUNNING))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Does work that runs scripts, and gives it up when it takes longer than `time`.
pub(super) fn apart<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> Result<T, TraceError> + Send + 'static,
) -> Result<T, TraceError> {
    let turn = Turn::take()?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("tracer".to_owned()).stack_size(STACK);
    let started = thread.spawn(move || {
        let turn = turn;
        let done = work();
        drop(turn);
        // Nobody listens any more if it was given up.
        let _ = sender.send(done);
    });
    started.map_err(|_no_thread| TraceError::ScriptLost)?;
    match receiver.recv_timeout(time.saturating_add(GRACE)) {
        Ok(done) => done,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(TraceError::Timeout),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(TraceError::ScriptLost),
    }
}
