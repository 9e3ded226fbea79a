//! Why was something not traced?

use crate::evm::{CallError, EvmError};

/// Why there is no trace. The texts are geth's where geth has one.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No tracer has this name.
    #[error("tracer not found: {0}")]
    UnknownTracer(String),
    /// The tracer cannot read its `tracerConfig`.
    #[error("invalid tracerConfig for {tracer}: {source}")]
    Config {
        /// Name of the tracer.
        tracer: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A `muxTracer` of too many.
    #[error("{have} tracers in one request, {limit} allowed")]
    TooManyTracers {
        /// Asked for.
        have: usize,
        /// The most.
        limit: usize,
    },
    /// The `timeout` is no duration in Go's syntax.
    #[error("time: invalid duration \"{0}\"")]
    Duration(String),
    /// The traced transaction took longer than its time.
    #[error("execution timeout")]
    Timeout,
    /// The trace grew beyond what may be answered.
    #[error("trace is larger than {limit} bytes; trace less of it, or record less")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The code of a JavaScript tracer is longer than allowed.
    #[error("JavaScript tracer has {have} bytes of code (max {limit})")]
    ScriptTooLong {
        /// In bytes.
        have: usize,
        /// In bytes.
        limit: usize,
    },
    /// The JavaScript tracer is wrong, threw, or exceeded a limit of its runtime.
    #[error("{0}")]
    Script(String),
    /// As many JavaScript tracers run as may.
    #[error("too many JavaScript tracers are running (max {0})")]
    ScriptsBusy(usize),
    /// The thread of a JavaScript tracer could not start, or died.
    #[error("the JavaScript tracer's thread ended without a result")]
    ScriptLost,
    /// Could not be written as JSON.
    #[error("trace cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The call cannot be made.
    #[error("tracing failed: {0}")]
    Call(#[from] CallError),
    /// The block cannot be executed.
    #[error("tracing failed: {0}")]
    Evm(#[from] EvmError),
}

impl TraceError {
    /// Is the form of the request to blame?
    pub const fn is_bad_request(&self) -> bool {
        matches!(
            self,
            Self::UnknownTracer(_)
                | Self::Config { .. }
                | Self::TooManyTracers { .. }
                | Self::Duration(_)
        )
    }
}
