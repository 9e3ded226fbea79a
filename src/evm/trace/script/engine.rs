//! From JavaScript to a tracer and its result. Nothing here is bounded but by the process.

use crate::evm::trace::{TraceError, replay::Shared, tracer::Finish};
use regex::{Captures, Regex};
use revm_inspectors::tracing::{
    TransactionContext,
    js::{JsInspector, RuntimeLimits},
};
use serde_json::{Value, value::RawValue};
use std::{fmt, sync::LazyLock};

/// Catches what the script throws, which the inspector would take for a revert of the transaction,
/// writes its result, and hands its configuration on in geth's form, as text.
const GUARD: &str = include_str!("guard.js");
/// Where the guard has the script, on a line of its own.
const PLACE: &str = "/*CODE*/";
/// Deepest calls of functions by functions, which a stack of 64 MiB bears.
const RECURSION: usize = 1_024;

/// A script and what it knows so far.
pub(in crate::evm::trace) struct Script(JsInspector);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").finish_non_exhaustive()
    }
}

impl Script {
    pub(in crate::evm::trace) fn new(code: &str, config: &Value) -> Result<Self, TraceError> {
        let guarded = GUARD.trim_end().replace(PLACE, code);
        let inspector = JsInspector::new(guarded, config.clone());
        let mut inspector = inspector.map_err(|error| script_error(in_script(error, code)))?;
        let mut limits = RuntimeLimits::default();
        // Loops end with their time.
        limits.disable_loop_iteration_limit();
        limits.set_recursion_limit(RECURSION);
        inspector.set_runtime_limits(limits);
        Ok(Self(inspector))
    }

    pub(in crate::evm::trace) const fn inspector(&mut self) -> &mut JsInspector {
        &mut self.0
    }

    /// What its `result` answers.
    pub(in crate::evm::trace) fn finish(
        mut self,
        finish: &mut Finish<'_>,
    ) -> Result<Box<RawValue>, TraceError> {
        self.0.set_transaction_context(TransactionContext {
            block_hash: finish.place.block_hash,
            tx_index: finish.place.tx_hash.map(|_| finish.place.tx_index),
            tx_hash: finish.place.tx_hash,
        });
        let (outcome, state) = (finish.outcome.clone(), Shared::new(finish.state));
        let answer = self.0.json_result(outcome, finish.tx, finish.env, &state);
        let Value::String(answer) = answer.map_err(script_error)? else {
            return Err(TraceError::because("the tracer has changed what its guard needs"));
        };
        match answer.strip_prefix('!') {
            Some(error) => Err(TraceError::Script(error.to_owned())),
            None => Ok(RawValue::from_string(answer)?),
        }
    }
}

/// The first line: after it comes where in the guard the script was called.
fn script_error(error: impl fmt::Display) -> TraceError {
    let text = error.to_string();
    TraceError::Script(text.lines().next().unwrap_or_default().to_owned())
}

/// The error with places in the guarded text as places in the script.
fn in_script(error: impl fmt::Display, code: &str) -> String {
    static PLACES: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"line (\d+), col (\d+)").expect("the pattern is right"));
    let before = GUARD.lines().take_while(|line| *line != PLACE).count();
    let lines = code.lines().count().max(1);
    let text = error.to_string();
    let moved = PLACES.replace_all(&text, |place: &Captures<'_>| {
        let line = place[1].parse::<usize>().unwrap_or(0).saturating_sub(before);
        if (1..=lines).contains(&line) {
            format!("line {line}, col {}", &place[2])
        } else {
            format!("line {lines}, at the end of the tracer")
        }
    });
    moved.into_owned()
}
