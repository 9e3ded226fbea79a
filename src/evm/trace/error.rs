//! Why was something not traced?

use crate::{
    evm::{CallError, EvmError},
    primitives::echo,
};

/// Why there is no trace. The texts are geth's where geth has one.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No tracer has this name.
    #[error("tracer not found: {}", echo(.0))]
    UnknownTracer(String),
    /// The tracer cannot read its `tracerConfig`.
    #[error("invalid tracerConfig for {}: {}", echo(.tracer), echo(&.source.to_string()))]
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
    #[error("time: invalid duration \"{}\"", echo(.0))]
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
    /// The caller hung up, or the node stops: nobody reads this.
    #[error("the trace was given up: nobody waits for it any more")]
    Unwanted,
    /// Calls of one request share the gas of one call.
    #[error("out of gas: the calls before this one used up the gas of the request")]
    GasUsedUp,
    /// There was no call.
    #[error("nothing was traced")]
    NoTrace,
    /// The JavaScript tracer is wrong, threw, or exceeded a limit of its runtime.
    #[error("{}", echo(.0))]
    Script(String),
    /// The JavaScript tracer wanted more memory than one may have.
    #[error(
        "the JavaScript tracer ran out of memory ({limit} bytes; --script-memory-limit sets the limit)"
    )]
    ScriptMemory {
        /// In bytes.
        limit: u64,
    },
    /// The JavaScript tracer, or its text, is nested too deeply.
    #[error("the JavaScript tracer ran out of stack: it nests or calls itself too deeply")]
    ScriptStack,
    /// No process for a JavaScript tracer.
    #[error("the JavaScript tracer cannot be started: {0}")]
    ScriptStart(std::io::Error),
    /// The process of a JavaScript tracer ended by itself.
    #[error("the JavaScript tracer's process ended without a result ({status})")]
    ScriptLost {
        /// How it ended.
        status: String,
    },
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
    /// What the process of a JavaScript tracer says of another error.
    pub(super) fn because(error: impl std::fmt::Display) -> Self {
        Self::Script(error.to_string())
    }

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
