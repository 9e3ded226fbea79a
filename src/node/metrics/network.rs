//! Numbers of the network: who is connected, what is said, who was sent away.

use super::Page;
use crate::network::{NetworkHandle, NetworkStats, RequestKind, Topic, protocol::Direction};
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, network: &NetworkHandle) -> fmt::Result {
    peers(page, network)?;
    progress(page, network)?;
    let stats = network.stats();
    gossip(page, &stats)?;
    requests(page, &stats)?;
    connections(page, &stats)
}

fn peers(page: &mut Page<'_>, network: &NetworkHandle) -> fmt::Result {
    let all = network.peers();
    let of = |direction| {
        let same = all.iter().filter(|peer| peer.status.is_some() && peer.direction == direction);
        same.count() as f64
    };
    page.gauges(
        "mainspring_network_peers",
        "Peers of this chain that are connected, by who opened the connection.",
        [
            (vec![("direction", "inbound")], of(Direction::Inbound)),
            (vec![("direction", "outbound")], of(Direction::Outbound)),
        ],
    )?;
    let sealing = all.iter().filter_map(|peer| peer.status.as_ref()).filter(|it| it.seals);
    page.gauge(
        "mainspring_network_sealing_peers",
        "Peers that say that they make blocks.",
        sealing.count() as f64,
    )?;
    let highest = all.iter().filter_map(|peer| peer.status.as_ref()).map(|it| it.head.number).max();
    page.gauge(
        "mainspring_network_highest_head_number",
        "Height of the highest head that a peer has told of; 0 without peers.",
        highest.unwrap_or(0) as f64,
    )?;
    page.gauge(
        "mainspring_network_clock_difference_seconds",
        "What most peers' clocks say more than this machine's; 0 without peers.",
        network.clock_difference().unwrap_or(0) as f64,
    )
}

fn progress(page: &mut Page<'_>, network: &NetworkHandle) -> fmt::Result {
    let progress = network.sync_progress();
    let missing = progress.map_or(0, |it| it.highest.saturating_sub(it.current));
    page.gauge(
        "mainspring_network_syncing",
        "1 while blocks are downloaded that others have and this node lacks.",
        f64::from(u8::from(progress.is_some())),
    )?;
    page.gauge("mainspring_network_missing_blocks", "How many they are.", missing as f64)
}

fn gossip(page: &mut Page<'_>, stats: &NetworkStats) -> fmt::Result {
    let heard = Topic::ALL.into_iter().zip(stats.heard).flat_map(|(topic, it)| {
        let labels = |verdict| vec![("topic", topic.name()), ("verdict", verdict)];
        [
            (labels("accept"), it.accepted),
            (labels("ignore"), it.ignored),
            (labels("reject"), it.rejected),
        ]
    });
    page.counters(
        "mainspring_network_gossip",
        "Messages of gossip that came in: passed on, not passed on, or somebody's fault.",
        heard,
    )?;
    page.counter(
        "mainspring_network_gossip_unheard",
        "Messages of gossip that were not let in: before the greeting, too many, or of another topic.",
        stats.unheard,
    )?;
    let published = Topic::ALL.into_iter().zip(stats.published);
    page.counters(
        "mainspring_network_published",
        "Messages of gossip that this node began.",
        published.map(|(topic, count)| (vec![("topic", topic.name())], count)),
    )
}

fn requests(page: &mut Page<'_>, stats: &NetworkStats) -> fmt::Result {
    let requests = RequestKind::ALL.into_iter().zip(stats.requests).flat_map(|(kind, it)| {
        let labels = |outcome| vec![("kind", kind.name()), ("outcome", outcome)];
        [
            (labels("answered"), it.answered),
            (labels("failed"), it.failed),
            (labels("served"), it.served),
        ]
    });
    page.counters(
        "mainspring_network_requests",
        "Requests: answered to this node, not answered to it, and served to peers.",
        requests,
    )?;
    page.counters(
        "mainspring_network_blocks",
        "Blocks of peers, by what became of them.",
        [
            (vec![("outcome", "imported")], stats.imported_blocks),
            (vec![("outcome", "refused")], stats.refused_blocks),
        ],
    )
}

fn connections(page: &mut Page<'_>, stats: &NetworkStats) -> fmt::Result {
    page.counters(
        "mainspring_network_bytes",
        "Bytes of messages, before encryption.",
        [
            (vec![("direction", "in")], stats.bytes_in),
            (vec![("direction", "out")], stats.bytes_out),
        ],
    )?;
    page.counter("mainspring_network_bans", "Peers that were banned.", stats.bans)?;
    page.counter(
        "mainspring_network_disconnects",
        "Peers that were disconnected for a reason.",
        stats.disconnects,
    )?;
    page.counter(
        "mainspring_network_refused_connections",
        "Connections of others that were not taken.",
        stats.refused_connections,
    )?;
    page.counter("mainspring_network_dials", "Connections that were tried.", stats.dials)?;
    page.counter(
        "mainspring_network_failed_dials",
        "Those of them that failed.",
        stats.failed_dials,
    )
}
