//! When does the user or the system want the process to end?

use std::{future::Future, io};

/// Listens for ctrl-c and, on Unix, SIGTERM from now on, and not only from when the answer is awaited:
/// a signal that comes while the node starts ends it cleanly too.
#[cfg(unix)]
pub(super) fn stop_requested() -> io::Result<impl Future<Output = io::Result<()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _interrupted = interrupt.recv() => Ok(()),
            _terminated = terminate.recv() => Ok(()),
        }
    })
}

/// Waits for ctrl-c.
#[cfg(not(unix))]
pub(super) fn stop_requested() -> io::Result<impl Future<Output = io::Result<()>>> {
    Ok(tokio::signal::ctrl_c())
}
