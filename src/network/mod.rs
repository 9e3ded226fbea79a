//! Other nodes: who is there, may we talk, what do they have that we lack, what do we tell them?
//!
//! What to do is decided by [`protocol`], a machine without sockets, threads or a clock: it is told what
//! happened and when, and answers with what should be done. A driver does it.
//!
//! | file | question |
//! |---|---|
//! | `message` | what do nodes say to each other? |
//! | `protocol` | what happened, and what is to be done about it? |
//! | `handle` | what can the rest of the node ask of the network, and tell it? |
//! | `settings`, `identity`, `address` | how does a node take part, who is it, and where are its peers? |
//! | `stats` | how much was said and done? |

#[expect(dead_code, reason = "the driver that uses it comes next")]
mod address;
mod error;
#[expect(dead_code, reason = "the driver that uses it comes next")]
mod handle;
mod identity;
pub mod message;
pub mod protocol;
mod settings;
#[expect(dead_code, reason = "the driver that uses it comes next")]
mod stats;

pub use address::{PeerAddress, peer_id};
pub use error::{AddressError, KeyFault, NetworkError};
pub use handle::{NetworkHandle, PeerInfo, SyncProgress};
pub use identity::{KEY_FILE, node_key};
pub use libp2p::{Multiaddr, PeerId, identity::Keypair};
pub use settings::{DEFAULT_P2P_PORT, NetworkSettings};
pub use stats::{NetworkStats, RequestKind, Requests, Topic, Verdicts};
