//! Other nodes: who is there, may we talk, what do they have that we lack, what do we tell them?
//!
//! What to do is decided by [`protocol`], a machine without sockets, threads or a clock: it is told what
//! happened and when, and answers with what should be done. A driver does it.
//!
//! | file | question |
//! |---|---|
//! | `status` | may two nodes talk? |
//! | `codec` | how do messages look on the wire? |
//! | `message` | what do nodes say to each other? |
//! | `check`, `importer` | is what others sent right, and what becomes of it? |
//! | `serve` | what do chain and pool have that a peer asks for? |
//! | `protocol` | what happened, and what is to be done about it? |

pub mod check;
pub mod codec;
pub mod importer;
pub mod message;
pub mod protocol;
pub mod serve;
pub mod status;

pub use libp2p::{Multiaddr, PeerId};
