//! How patient, how curious and how hospitable is a node?

use std::time::Duration;

/// Every limit of the machine, with what a node has that nobody configured.
#[derive(Clone, Debug)]
pub struct ProtocolSettings {
    /// Connected peers at most.
    pub max_peers: usize,
    /// How many of them may have come by themselves; the others this node dialled.
    pub max_inbound: usize,
    /// With fewer, more are looked for.
    pub wanted_peers: usize,
    /// In this time a new peer says who it is.
    pub hello_time: Duration,
    /// In this time a peer answers.
    pub answer_time: Duration,
    /// In this time it sends blocks that it was asked for; else another is asked.
    pub bodies_time: Duration,
    /// In this time it is found out where a peer's chain leaves ours; else another peer is followed.
    pub search_time: Duration,
    /// So often the head is told, also when it does not move.
    pub head_every: Duration,
    /// So long a block that a peer has may take to come by gossip before it is asked for.
    pub gossip_time: Duration,
    /// So often some peers are asked what they have that this node lacks: transactions, and other peers.
    pub exchange_every: Duration,
    /// The first pause between two attempts to reach a peer; it doubles.
    pub redial_least: Duration,
    /// The longest.
    pub redial_most: Duration,
    /// So long a peer of another chain is left alone.
    pub refused_time: Duration,
    /// The first ban; it doubles.
    pub ban_time: Duration,
    /// Seconds that clocks may differ before it is said.
    pub clock_tolerance: u64,
    /// Requests a second that a peer may send.
    pub requests_per_second: u32,
    /// Bytes of blocks that wait for their import while this node catches up.
    pub sync_bytes: usize,
    /// Requests for bodies under way with one peer.
    pub requests_per_peer: usize,
}

impl Default for ProtocolSettings {
    fn default() -> Self {
        Self {
            max_peers: 50,
            max_inbound: 34,
            wanted_peers: 16,
            hello_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(15),
            bodies_time: Duration::from_secs(10),
            search_time: Duration::from_secs(30),
            head_every: Duration::from_secs(5),
            gossip_time: Duration::from_millis(700),
            exchange_every: Duration::from_secs(10),
            redial_least: Duration::from_secs(1),
            redial_most: Duration::from_secs(8),
            refused_time: Duration::from_secs(600),
            ban_time: Duration::from_secs(300),
            clock_tolerance: 15,
            requests_per_second: 100,
            sync_bytes: 64 << 20,
            requests_per_peer: 3,
        }
    }
}
