//! JSON-RPC over a Unix socket: every method, and news, for programs on the same machine.
//!
//! | file | question |
//! |---|---|
//! | `socket` | whose is the file, and who may open it? |
//! | `frames` | where does one document end and the next begin? |
//! | `connection` | what happens to one client's documents? |
//! | `calls` | which method answers, and where does its news go? |

mod calls;
mod connection;
mod frames;
mod socket;

pub use socket::SocketError;

use super::{Api, calls::Transport, server::rules};
use connection::Connection;
use jsonrpsee::core::server::ConnectionId;
use socket::Socket;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

/// How long it is waited before the next client is taken after the system refused one.
const REFUSED: Duration = Duration::from_millis(100);

/// A socket that is open, and what answers on it.
#[derive(Debug)]
pub struct IpcServer {
    api: Api,
    socket: Socket,
}

impl IpcServer {
    /// Opens the socket; the file goes when this is dropped.
    ///
    /// # Errors
    /// [`SocketError`] if the file is another program's, or cannot be made.
    pub fn open(api: &Api, path: &Path) -> Result<Self, SocketError> {
        Ok(Self { api: api.clone(), socket: Socket::open(path)? })
    }

    /// Where clients find it.
    pub const fn path(&self) -> &PathBuf {
        self.socket.path()
    }

    /// Answers clients until it is dropped, and they with it.
    pub async fn run(self) {
        let methods = self.api.local_methods();
        let rules = Arc::new(rules(&self.api, &methods, Transport::Ipc));
        let room = Arc::new(Semaphore::new(self.api.limits.connections as usize));
        let mut clients = JoinSet::new();
        // From the other end than the port's connections: both share the subscriptions.
        for number in (0..=usize::MAX).rev() {
            let stream = match self.socket.accept().await {
                Ok(stream) => stream,
                Err(reason) => {
                    tracing::warn!(target: "rpc", %reason, "an IPC client was not taken");
                    sleep(REFUSED).await;
                    continue;
                }
            };
            while clients.try_join_next().is_some() {}
            let Ok(place) = room.clone().try_acquire_owned() else {
                tracing::warn!(target: "rpc", "too many IPC clients; one was sent away");
                continue;
            };
            let id = ConnectionId(number);
            let connection = Connection::new(id, &methods, &rules, &self.api.limits);
            clients.spawn(async move {
                connection.serve(stream).await;
                drop(place);
            });
        }
    }
}
