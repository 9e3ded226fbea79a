//! What does the log say of calls that nobody mines? What they handed to `console.log`, and why they failed.

use super::RpcContext;
use crate::{
    artifacts::Library,
    evm::{
        CallRequest, CallResult, Overrides,
        trace::{self, RecordedCall, TraceError, TraceLimits, Watch},
    },
    explain::{self, console_logs},
    primitives::SealedHeader,
};
use alloy_primitives::Bytes;
use std::{sync::Arc, time::Duration};

/// How long a call may run once more for the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call that can be made once more, to tell what it did.
pub(super) struct TellableCall {
    header: Arc<SealedHeader>,
    request: CallRequest,
    overrides: Overrides,
}

/// What is known of a call that was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    /// May it have called `console.log`?
    pub(super) may_have_logged: bool,
    /// Why it failed, if it did.
    pub(super) failure: Option<CallFailure<'a>>,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallFailure<'a> {
    /// It reverted with this.
    Reverted(&'a Bytes),
    /// In geth's words.
    Halted(&'a str),
}

impl<'a> CallFailure<'a> {
    /// Of a result, if it is one.
    pub(super) fn of(result: &'a CallResult) -> Option<Self> {
        match result {
            CallResult::Success { .. } => None,
            CallResult::Revert { output } => Some(Self::Reverted(output)),
            CallResult::Halt { reason } => Some(Self::Halted(reason)),
        }
    }
}

/// Does the log say anything of calls?
fn is_heard() -> bool {
    tracing::enabled!(target: "console", tracing::Level::INFO)
}

/// Has a call to be made in full, because the log may say more than that it failed?
pub(super) fn needs_more(node: &RpcContext, result: &CallResult) -> bool {
    let has_failed = !matches!(result, CallResult::Success { .. });
    is_heard() && (node.told.traces || has_failed)
}

impl TellableCall {
    /// Remembers the call, if the log could say anything of it.
    pub(super) fn new(
        header: &Arc<SealedHeader>,
        request: &CallRequest,
        overrides: &Overrides,
    ) -> Option<Self> {
        is_heard().then(|| Self {
            header: header.clone(),
            request: request.clone(),
            overrides: overrides.clone(),
        })
    }

    /// Tells what it did, and makes it once more where that takes it.
    pub(super) fn tell(self, node: &RpcContext, made: Made<'_>) {
        let told = &node.told;
        let is_explained = made.failure.is_some() && told.has_artifacts;
        if !(told.traces || is_explained || (told.console && made.may_have_logged)) {
            if let Some(failure) = made.failure {
                print_failure(&told.shelf.library(), failure);
            }
            return;
        }
        let library = told.shelf.library();
        match self.record(node, &library) {
            Ok(recorded) => {
                if told.console {
                    explain::print_console(&console_logs(&recorded));
                }
                if told.traces {
                    explain::print_lines(&explain::tree_lines(&library, &recorded));
                }
                if let Some(failed) = explain::failed(&library, &recorded) {
                    explain::print_lines(&explain::failure_lines(&failed));
                }
            }
            Err(error) => tracing::debug!(target: "console", %error, "a call is not told of"),
        }
    }

    fn record(self, node: &RpcContext, library: &Arc<Library>) -> Result<RecordedCall, TraceError> {
        let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
        let Self { header, request, overrides } = self;
        let Ok(view) = node.chain.state_at(header.number) else { return Err(TraceError::NoTrace) };
        let limits = TraceLimits {
            bytes: node.limits.response_bytes as usize,
            timeout: PATIENCE,
            stop: Arc::default(),
            scripts: node.scripts.clone(),
        };
        let watch = Watch { limits: &limits, library };
        trace::record_call(spec, settings, view, &header, request, overrides, watch)
    }
}

fn print_failure(library: &Library, failure: CallFailure<'_>) {
    let message = match failure {
        CallFailure::Reverted(output) => explain::revert(library, None, output),
        CallFailure::Halted(reason) => reason.to_owned(),
    };
    explain::print_lines(&[format!("Error: {message}")]);
}
