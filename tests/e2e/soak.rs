//! Does anything grow with the chain that should not? In short here, in full by `scripts/soak.sh`.

use crate::{
    crash::setting,
    harness::{Launch, heavy},
    wallet::{Wallet, fresh},
    wire::Client,
};
use std::time::{Duration, Instant};

/// Blocks whose time makes one figure, at most.
const WINDOW: u64 = 2_000;

/// Anonymous memory and all of it, in MiB.
pub(crate) fn memory(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib / 1024
    };
    (field("RssAnon:"), field("VmRSS:"))
}

/// One block after the other, a transfer to a new account in each.
fn mine(client: &mut Client, wallet: &mut Wallet, until: u64) -> Duration {
    let started = Instant::now();
    while wallet.nonce < until {
        let raw = wallet.transfer(fresh(wallet.nonce), 1);
        client.send_raw(&raw);
    }
    started.elapsed()
}

#[test]
fn a_long_chain_is_as_fast_and_as_small_as_a_short_one() {
    let _alone = heavy();
    let blocks = setting("MAINSPRING_BLOCKS", 400);
    let window = WINDOW.min(blocks / 4);
    let mut node = Launch::new(&[]).start();
    let mut wallet = Wallet::dev(0);
    let mut figures = Vec::new();
    for milestone in [100, 400, 10_000, 100_000].into_iter().filter(|at| *at <= blocks) {
        let mut client = node.new_client();
        mine(&mut client, &mut wallet, milestone);
        let took = mine(&mut client, &mut wallet, milestone + window);
        let per_second = window as f64 / took.as_secs_f64();
        let (anonymous, resident) = memory(node.pid());
        node = node.restart();
        println!(
            "block {milestone}: {per_second:.0} blocks/s, RssAnon {anonymous} MiB, RSS {resident} \
             MiB, start {:?}",
            node.started_in
        );
        figures.push((per_second, anonymous, node.started_in));
    }
    let (first, last) = (figures[0], figures[figures.len() - 1]);
    assert!(last.1 < 400, "{} MiB", last.1);
    // Time is only judged by the long run, on a machine that does nothing else.
    if std::env::var_os("MAINSPRING_SOAK").is_some() {
        assert!(last.0 > first.0 * 0.9, "{:.0}/s became {:.0}/s", first.0, last.0);
        assert!(last.2 < Duration::from_secs(1), "{:?}", last.2);
    }
}
