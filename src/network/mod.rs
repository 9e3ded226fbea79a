//! Other nodes: who is there, may we talk, what do they have that we lack, what do we tell them?
//!
//! What to do is decided by [`protocol`], a machine without sockets, threads or a clock: it is told what
//! happened and when, and answers with what should be done. A driver does it.
//!
//! | file | question |
//! |---|---|
//! | `message` | what do nodes say to each other? |
//! | `protocol` | what happened, and what is to be done about it? |

pub mod message;
pub mod protocol;

pub use libp2p::{Multiaddr, PeerId};
