//! The driver: sockets, encryption, gossip and requests by libp2p. It turns what happens there and in
//! the chain into events for the machine, and does what the machine says.
//!
//! | file | question |
//! |---|---|
//! | `run` | what happened, and who is told? |
//! | `wire` | what did peers send? |
//! | `act` | how is it done what the machine says? |
//! | `dial` | how does a connection come about? |
//! | `behaviour`, `frames`, `gossip` | what is spoken on a connection, and how does it lie on the wire? |
//! | `gate` | who may be connected? |
//! | `door` | whose gossip is let in? |
//! | `work` | in which order is work done that takes long? |
//! | `local` | what did this node itself do that others want to hear? |
//! | `inbound` | whom do we owe an answer? |

mod act;
mod behaviour;
mod dial;
mod door;
mod frames;
mod gate;
mod gossip;
mod inbound;
mod local;
mod run;
mod wire;
mod work;

pub use run::{Admission, Admit, Links, Network};
