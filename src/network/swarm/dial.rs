//! How does a connection come about? Names are looked up, addresses are tried, and who failed is told.

use super::run::Network;
use crate::network::{Multiaddr, PeerAddress, PeerId, protocol::Event};
use libp2p::swarm::{
    ConnectionId, DialError,
    dial_opts::{DialOpts, PeerCondition},
};
use std::{collections::HashMap, io, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// How long looking up a name may take.
const LOOKUP_TIME: Duration = Duration::from_secs(5);
/// Connections that are being tried at the same time.
const AT_ONCE: usize = 32;

/// What a name stands for.
pub(super) struct Found {
    wanted: Multiaddr,
    id: PeerId,
    addresses: io::Result<Vec<Multiaddr>>,
}

/// Connections that are being tried.
#[derive(Default)]
pub(super) struct Dialing {
    lookups: JoinSet<Found>,
    tried: HashMap<ConnectionId, Multiaddr>,
}

impl Dialing {
    /// The next name that was looked up. Waits for ever while there is none.
    pub(super) async fn next(&mut self) -> Found {
        loop {
            match self.lookups.join_next().await {
                Some(Ok(found)) => return found,
                Some(Err(error)) => {
                    tracing::error!(target: "network", %error, "looking up a name failed");
                }
                None => std::future::pending().await,
            }
        }
    }

    fn is_full(&self) -> bool {
        self.lookups.len() + self.tried.len() >= AT_ONCE
    }
}

impl Network {
    /// Opens a connection to an address that ends in a peer id.
    pub(super) fn dial(&mut self, address: Multiaddr) {
        let peer = match PeerAddress::try_from(address.clone()) {
            Ok(peer) => peer,
            Err(error) => return self.not_dialled(address, error.to_string()),
        };
        if self.dialing.is_full() {
            return self.not_dialled(address, "too many connections are being tried".to_owned());
        }
        self.shared.counters.dials.add(1);
        self.dialing.lookups.spawn(async move {
            let id = peer.id;
            let late =
                |_elapsed| io::Error::new(io::ErrorKind::TimedOut, "the name is not known in time");
            let found = timeout(LOOKUP_TIME, peer.resolve()).await;
            let addresses = found.map_err(late).and_then(|found| found);
            Found { wanted: address, id, addresses }
        });
    }

    pub(super) fn dial_found(&mut self, found: Found) {
        let Found { wanted, id, addresses } = found;
        let addresses = match addresses {
            Ok(addresses) if !addresses.is_empty() => addresses,
            Ok(_none) => return self.dial_failed(wanted, "the name has no address".to_owned()),
            Err(error) => return self.dial_failed(wanted, error.to_string()),
        };
        let options = DialOpts::peer_id(id)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            // With the port that we listen on, two nodes that dial each other at once would meet half way.
            .allocate_new_port()
            .build();
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dialing.tried.insert(connection, wanted);
            }
            Err(error) => self.dial_failed(wanted, in_words(&error)),
        }
    }

    /// A connection that was tried is there.
    pub(super) fn dialled(&mut self, connection: ConnectionId) {
        self.dialing.tried.remove(&connection);
    }

    /// A connection that was tried is not there.
    pub(super) fn dial_ended(&mut self, connection: ConnectionId, error: &DialError) {
        if let Some(wanted) = self.dialing.tried.remove(&connection) {
            self.dial_failed(wanted, in_words(error));
        }
    }

    fn dial_failed(&mut self, address: Multiaddr, reason: String) {
        self.shared.counters.failed_dials.add(1);
        tracing::debug!(target: "network", %address, reason, "no connection");
        self.tell(Event::DialFailed { address, reason });
    }

    fn not_dialled(&mut self, address: Multiaddr, reason: String) {
        self.tell_after(Event::DialFailed { address, reason });
    }
}

/// Why a connection did not come about; the library's own words hide the reason.
fn in_words(error: &DialError) -> String {
    match error {
        DialError::Transport(tried) => {
            let tried = tried.iter().map(|(address, error)| format!("{address}: {}", last(error)));
            tried.collect::<Vec<_>>().join("; ")
        }
        DialError::WrongPeerId { obtained, .. } => {
            format!(
                "another node answers there: {obtained}; its id has changed, or the address is another's"
            )
        }
        DialError::Denied { cause } => last(cause),
        other => last(other),
    }
}

/// The cause at the end of the chain.
pub(super) fn last(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
