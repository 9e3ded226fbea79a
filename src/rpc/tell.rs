//! What does the log say of calls that nobody mines? What they handed to `console.log`.

use super::RpcContext;
use crate::{
    evm::{
        CallRequest, Overrides,
        trace::{self, RecordedCall, TraceError, TraceLimits, Watch},
    },
    explain::{self, console_logs},
    primitives::SealedHeader,
};
use std::{sync::Arc, time::Duration};

/// How long a call may run once more for the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call that can be made once more, to tell what it did.
pub(super) struct TellableCall {
    header: Arc<SealedHeader>,
    request: CallRequest,
    overrides: Overrides,
}

impl TellableCall {
    /// Remembers the call, if the log could say anything of it.
    pub(super) fn new(
        node: &RpcContext,
        header: &Arc<SealedHeader>,
        request: &CallRequest,
        overrides: &Overrides,
    ) -> Option<Self> {
        let is_heard = tracing::enabled!(target: "console", tracing::Level::INFO);
        (node.told.console && is_heard).then(|| Self {
            header: header.clone(),
            request: request.clone(),
            overrides: overrides.clone(),
        })
    }

    /// Makes it once more and tells what it did.
    pub(super) fn tell(self, node: &RpcContext) {
        match self.record(node) {
            Ok(recorded) => explain::print_console(&console_logs(&recorded)),
            Err(error) => tracing::debug!(target: "console", %error, "a call is not told of"),
        }
    }

    fn record(self, node: &RpcContext) -> Result<RecordedCall, TraceError> {
        let (spec, settings) = (node.chain.spec(), node.chain.evm_settings());
        let Self { header, request, overrides } = self;
        let Ok(view) = node.chain.state_at(header.number) else { return Err(TraceError::NoTrace) };
        let limits = TraceLimits {
            bytes: node.limits.response_bytes as usize,
            timeout: PATIENCE,
            stop: Arc::default(),
            scripts: node.scripts.clone(),
        };
        let library = &node.told.shelf.library();
        let watch = Watch { limits: &limits, library };
        trace::record_call(spec, settings, view, &header, request, overrides, watch)
    }
}
