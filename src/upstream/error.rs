//! Why did the upstream not answer?

use std::time::Duration;

/// Why the upstream did not answer. Names hosts, and never the rest of a URL: keys are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Another way to talk than HTTP.
    #[error(
        "a fork is read over http:// or https://, not {scheme}://; use the provider's HTTP URL"
    )]
    Scheme {
        /// As given.
        scheme: String,
    },
    /// Not a URL.
    #[error(
        "this is no URL of an upstream ({reason}); write http://HOST:PORT or https://HOST/PATH"
    )]
    Url {
        /// What is wrong.
        reason: &'static str,
    },
    /// Not `NAME: VALUE`.
    #[error("header {place} of --fork-header is no `NAME: VALUE`")]
    Header {
        /// Its place among those given, from 1.
        place: usize,
    },
    /// Nobody to ask.
    #[error("there is no upstream to ask; name one with --fork-url or anvil_setRpcUrl")]
    NoEndpoint,
    /// No connection.
    #[error("the upstream {host} cannot be reached ({reason})")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What the system or the protocol says.
        reason: String,
    },
    /// No answer in time.
    #[error(
        "the upstream {host} did not answer {method} within {} ms; try again, or wait longer with \
         --timeout", waited.as_millis()
    )]
    Timeout {
        /// Who was asked.
        host: String,
        /// What for.
        method: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It limits requests, and went on to when it was asked again.
    #[error(
        "the upstream {host} limits requests and turned {method} away {times} times; ask more slowly \
         with --compute-units-per-second, or more often with --retries and --fork-retry-backoff"
    )]
    Limited {
        /// Who was asked.
        host: String,
        /// What for.
        method: &'static str,
        /// How often.
        times: u32,
    },
    /// An HTTP status that says no.
    #[error("the upstream {host} answered {method} with HTTP status {status}")]
    Status {
        /// Who was asked.
        host: String,
        /// What for.
        method: &'static str,
        /// The status.
        status: u16,
    },
    /// Something that is no answer to the question.
    #[error("the upstream {host} answered {method} with {found}")]
    Answer {
        /// Who was asked.
        host: String,
        /// What for.
        method: &'static str,
        /// What came instead.
        found: String,
    },
    /// An answer without end.
    #[error("the upstream {host} answered {method} with more than {limit} bytes")]
    TooLong {
        /// Who was asked.
        host: String,
        /// What for.
        method: &'static str,
        /// In bytes.
        limit: u64,
    },
    /// The upstream's own error.
    #[error("the upstream {host} refused {method}: {message} (code {code})")]
    Refused {
        /// Who was asked.
        host: String,
        /// What for.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// In its words, shortened.
        message: String,
    },
    /// A proof that proves nothing.
    #[error(
        "the upstream {host} sent a proof that does not lead to the state root of block {block}"
    )]
    Proof {
        /// Who was asked.
        host: String,
        /// Height.
        block: u64,
    },
    /// There is no such block there.
    #[error(
        "the upstream {host} has no block {block}; its state may be pruned, or it is another chain"
    )]
    NoBlock {
        /// Who was asked.
        host: String,
        /// Number or hash.
        block: String,
    },
    /// A block that cannot be represented.
    #[error(
        "block {block} of the upstream {host} holds a transaction of type {found}, which this node \
         does not know: only its header can be read"
    )]
    TransactionType {
        /// Who was asked.
        host: String,
        /// Height.
        block: u64,
        /// As it says.
        found: String,
    },
}

impl UpstreamError {
    /// May another endpoint, or the same later, answer?
    pub(super) const fn is_about_the_way(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Limited { .. }
                | Self::Status { .. }
                | Self::Answer { .. }
        )
    }

    /// Was it turned away for now, by one that may take it in a moment?
    pub(super) const fn is_for_now(&self) -> bool {
        match self {
            Self::Limited { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }
}
