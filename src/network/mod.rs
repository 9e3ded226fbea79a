//! Other nodes: who is there, may we talk, what do they have that we lack, what do we tell them?
//!
//! What to do is decided by [`protocol`], a machine without sockets, threads or a clock: it is told what
//! happened and when, and answers with what should be done. A driver, [`swarm`], does it.
//!
//! | file | question |
//! |---|---|
//! | `status`, `moment` | may two nodes talk, and until when? |
//! | `codec` | how do messages look on the wire? |
//! | `message` | what do nodes say to each other? |
//! | `check`, `importer` | is what others sent right, and what becomes of it? |
//! | `serve` | what do chain and pool have that a peer asks for? |
//! | `protocol` | what happened, and what is to be done about it? |
//! | `swarm` | how does it come to pass, by sockets and threads? |
//! | `handle` | what can the rest of the node ask of the network, and tell it? |
//! | `settings`, `identity`, `address` | how does a node take part, who is it, and where are its peers? |
//! | `events` | who came, who went, and why? |
//! | `stats`, `recent` | how much was said and done, and what was seen lately? |

mod address;
pub mod check;
pub mod codec;
mod error;
mod events;
mod handle;
mod identity;
pub mod importer;
pub mod message;
mod moment;
pub mod protocol;
mod recent;
pub mod serve;
mod settings;
mod stats;
pub mod status;
pub mod swarm;

pub use address::{PeerAddress, external_address, network_of, peer_id, peer_of};
pub use error::{AddressError, KeyFault, NetworkError};
pub use events::{PeerChange, PeerEvent};
pub use handle::{NetworkHandle, PeerInfo, SyncProgress};
pub use identity::{KEY_FILE, node_key};
pub use libp2p::{Multiaddr, PeerId, identity::Keypair};
pub use settings::{NetworkConfig, NetworkSettings};
pub use stats::{NetworkStats, RequestKind, Requests, Topic, Verdicts};
pub use swarm::{Admission, Admit, Links, Network};
