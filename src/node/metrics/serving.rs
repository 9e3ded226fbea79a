//! Numbers of the pool and of those who are served.

use super::{Page, Sources};
use crate::{pool::PoolStats, rpc::RpcStats};
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    pool(page, &sources.pool.stats())?;
    rpc(page, &sources.api.stats())
}

fn pool(page: &mut Page<'_>, stats: &PoolStats) -> fmt::Result {
    page.gauges(
        "mainspring_pool_transactions",
        "Transactions that wait: pending could run, queued wait for others of their senders.",
        [
            (vec![("state", "pending")], stats.pending as f64),
            (vec![("state", "queued")], stats.queued as f64),
        ],
    )?;
    page.gauge("mainspring_pool_bytes", "Their encoded size.", stats.bytes as f64)?;
    page.counter("mainspring_pool_added", "Transactions that were taken in.", stats.added)?;
    page.counter(
        "mainspring_pool_replaced",
        "Transactions that were taken in instead of another one.",
        stats.replaced,
    )?;
    page.counters(
        "mainspring_pool_refused",
        "Transactions that were turned away, by what was wrong.",
        stats.refused.iter().map(|(reason, count)| (vec![("reason", *reason)], *count)),
    )
}

fn rpc(page: &mut Page<'_>, stats: &RpcStats) -> fmt::Result {
    let outcomes = stats.methods.iter().flat_map(|it| {
        let labels = |outcome| vec![("method", it.method), ("outcome", outcome)];
        [(labels("result"), it.succeeded), (labels("error"), it.failed)]
    });
    page.counters("mainspring_rpc_calls", "Calls that were answered.", outcomes)?;
    page.durations(
        "mainspring_rpc_call_seconds",
        "How long it took to answer them, without reading and writing.",
        stats.methods.iter().map(|it| (vec![("method", it.method)], &it.times)),
    )?;
    page.gauges(
        "mainspring_rpc_connections",
        "HTTP requests that are being answered and open WebSockets (http); Unix sockets (ipc).",
        [
            (vec![("transport", "http")], stats.http as f64),
            (vec![("transport", "ipc")], stats.ipc as f64),
        ],
    )?;
    page.gauge("mainspring_rpc_subscriptions", "Subscriptions.", stats.subscriptions as f64)?;
    page.gauge("mainspring_rpc_filters", "Filters that clients poll.", stats.filters as f64)?;
    page.gauge("mainspring_rpc_heavy_calls", "Heavy calls that run now.", stats.heavy as f64)
}
