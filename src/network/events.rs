//! Who came, who went, and why? Told to whoever listens, as it happens; nobody is waited for.

use super::{Multiaddr, PeerId};
use tokio::sync::broadcast;

/// Events that are kept for who listens slowly; older ones are lost to it.
const KEPT: usize = 1_024;

/// Something that happened to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEvent {
    /// Who.
    pub peer: PeerId,
    /// Where its connection comes from or goes to.
    pub address: Multiaddr,
    /// What.
    pub change: PeerChange,
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerChange {
    /// It is connected; whether it is of this chain is not known yet.
    Came,
    /// Its last connection has ended.
    Went {
        /// Why, in words.
        reason: String,
    },
}

/// Those who listen.
#[derive(Debug)]
pub(super) struct PeerEvents(broadcast::Sender<PeerEvent>);

impl Default for PeerEvents {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl PeerEvents {
    /// Everything from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<PeerEvent> {
        self.0.subscribe()
    }

    pub(super) fn tell(&self, peer: PeerId, address: Multiaddr, change: PeerChange) {
        // Nobody may listen.
        let _ = self.0.send(PeerEvent { peer, address, change });
    }
}
