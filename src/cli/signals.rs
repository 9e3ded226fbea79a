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

/// Waits, if somebody wants that, until the other end of standard input is closed, which it is when the
/// process that holds it has ended, however it has.
#[cfg(unix)]
pub(super) fn stdin_closed(is_watched: bool) -> io::Result<impl Future<Output = ()>> {
    use std::os::fd::AsFd;
    use tokio::net::unix::pipe::Receiver;
    let own = || Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?);
    let pipe = is_watched.then(own).transpose()?;
    Ok(async move {
        let Some(pipe) = pipe else { return std::future::pending().await };
        let mut ignored = [0; 64];
        while pipe.readable().await.is_ok() {
            match pipe.try_read(&mut ignored) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    })
}

/// Is not known here.
#[cfg(not(unix))]
pub(super) fn stdin_closed(is_watched: bool) -> io::Result<impl Future<Output = ()>> {
    match is_watched {
        true => Err(io::ErrorKind::Unsupported.into()),
        false => Ok(std::future::pending()),
    }
}
