//! Another node that serves the chain this one is a fork of: asked over JSON-RPC, and never trusted
//! further than its answers go.
//!
//! Synchronous: whoever asks waits, so it is asked on threads that may. It knows nothing of what is
//! stored here; [`crate::storage::UpstreamCache`] keeps its answers and [`crate::state`] brings the two
//! together.
//!
//! | file | question |
//! |---|---|
//! | `endpoint` | what does a URL name, and what of it may be shown? |
//! | `client` | which endpoint is asked, how often, and when is it given up? |
//! | `wire` | what does one HTTP exchange say? |
//! | `pace` | how many requests a second does an endpoint that counts them allow? |
//! | `questions` | what can be asked for? |
//! | `convert` | which block, which receipts does an answer hold? |

mod client;
mod convert;
mod endpoint;
mod error;
mod pace;
mod questions;
#[cfg(test)]
mod tests;
mod wire;

pub use client::Upstream;
pub use convert::UpstreamBlock;
pub use endpoint::Endpoint;
pub use error::UpstreamError;
pub use questions::{FetchedAccount, FetchedLog};

use std::time::Duration;

/// How an upstream is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Headers that go with every request, such as an authorization.
    pub headers: Vec<(String, String)>,
    /// Longest wait for the answer to one request.
    pub timeout: Duration,
    /// How often a request that was turned away for now is sent again.
    pub retries: u32,
    /// Wait before the first of those; it doubles each time.
    pub backoff: Duration,
    /// Requests a second, in the units in which providers count them, once an endpoint has said that it
    /// limits them; `None` never slows down.
    pub compute_units_per_second: Option<u64>,
    /// Longest answer that is read, in bytes.
    pub max_answer_bytes: u64,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            timeout: Duration::from_millis(45_000),
            retries: 5,
            backoff: Duration::from_millis(1_000),
            compute_units_per_second: Some(330),
            max_answer_bytes: 256 << 20,
        }
    }
}
