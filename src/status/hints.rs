//! What does the network know that may be why no block comes?

use super::{Situation, words::span};
use std::time::Duration;

/// Seconds that a clock may be off before it is said.
const CLOCK: u64 = 5;
/// Peers that are named with why they and this node do not talk.
const REFUSED: usize = 2;

/// What to look at besides; the peers that are not talked with only where somebody is missing.
pub(super) fn hints(situation: &Situation, is_someone_missing: bool) -> Vec<String> {
    let Some(peers) = &situation.peers else { return Vec::new() };
    let mut hints = Vec::new();
    if let Some(off) = peers.clock_difference.filter(|off| off.unsigned_abs() >= CLOCK) {
        let side = if off > 0 { "behind" } else { "ahead of" };
        let off = span(Duration::from_secs(off.unsigned_abs()));
        hints.push(format!(
            "this machine's clock is {off} {side} the middle one of its peers: set it by NTP (timedatectl \
             set-ntp true)"
        ));
    }
    if is_someone_missing {
        let refused = peers.refused.iter().take(REFUSED);
        hints.extend(refused.map(|(peer, why)| format!("peer {peer} is not talked with: {why}")));
    }
    hints
}
