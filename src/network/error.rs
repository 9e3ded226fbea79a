//! Why is there no network, or why was a wish about it not granted?

use crate::{
    chain::ChainError,
    network::{Multiaddr, PeerId},
};
use std::{io, net::SocketAddr, path::PathBuf};

/// Why the network did not start, or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file of the node key cannot be read or made.
    #[error("cannot use the node key {}: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is in it is no key.
    #[error(
        "{} is no node key: {reason}; restore it from a backup, or delete it and the node makes a new one \
         (peers that name its id have to be told the new one)", path.display()
    )]
    BrokenKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: KeyFault,
    },
    /// The port cannot be opened.
    #[error("cannot listen for peers on {address}: {reason}; choose another port with --p2p-port")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// The parts of the network do not go together; a fault of this program.
    #[error("cannot set up {part}: {reason}")]
    Setup {
        /// Which part.
        part: &'static str,
        /// What it says.
        reason: String,
    },
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The chain has no first block.
    #[error("the stored chain has no genesis block; restore a backup")]
    NoGenesis,
    /// An address of a peer has another form.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A peer that is not there.
    #[error("there is no peer {0}")]
    UnknownPeer(PeerId),
    /// The network has ended.
    #[error("the network has ended")]
    Ended,
}

/// What is wrong with a node key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// More than any key has.
    #[error("it has {bytes} bytes; a key has {expected} hex digits")]
    Length {
        /// Bytes of the file, without space around.
        bytes: usize,
        /// Digits of a key.
        expected: usize,
    },
    /// Other characters.
    #[error("it is not written in hex digits")]
    Digits,
}

/// Why a text names no peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No multiaddress at all.
    #[error(
        "{given:?} is no address of a peer ({reason}); the form is \
         /ip4/192.0.2.7/tcp/30303/p2p/PEER_ID or /dns4/node.example/tcp/30303/p2p/PEER_ID"
    )]
    Form {
        /// As given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody can be recognised by it.
    #[error("{0} does not end in /p2p/PEER_ID; the peer prints its whole address when it starts")]
    NoPeer(Multiaddr),
    /// Nothing that can be dialled.
    #[error(
        "{0} cannot be dialled; the form is /ip4/192.0.2.7/tcp/30303/p2p/PEER_ID, or /ip6/... or \
         /dns4/... in its place"
    )]
    NotDialable(Multiaddr),
    /// No peer id.
    #[error("{given:?} is no peer id ({reason}); it looks like 12D3KooW...")]
    PeerId {
        /// As given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// geth's form.
    #[error(
        "{0:?} is an address of geth's network; nodes of this one have the form \
         /ip4/192.0.2.7/tcp/30303/p2p/PEER_ID"
    )]
    Enode(String),
}
