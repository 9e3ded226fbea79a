//! `mainspring script-tracer`: the process in which a node runs somebody's JavaScript tracer.

use super::CliError;
use crate::evm::trace;

/// Serves the one request that comes through standard input.
pub(super) fn run() -> Result<(), CliError> {
    Ok(trace::serve_script()?)
}
