//! Where does a test want this process to fail? Compiled in with the feature `failpoints` only.

use std::sync::atomic::{AtomicU64, Ordering};

/// `name:hit`: the process ends, as after `kill -9`, when it reaches that failpoint so often.
const ABORT_AT: &str = "MAINSPRING_ABORT_AT";

/// Arms what the environment names: `FAILPOINTS` in the form of the `fail` crate, and
/// `MAINSPRING_ABORT_AT`.
pub(super) fn arm() {
    // Dropping the scenario would disarm it.
    std::mem::forget(fail::FailScenario::setup());
    let Ok(place) = std::env::var(ABORT_AT) else { return };
    if let Err(reason) = abort_at(&place) {
        tracing::error!(target: "cli", %reason, "{ABORT_AT} is not a failpoint and a number");
    }
}

fn abort_at(place: &str) -> Result<(), String> {
    let (name, hit) = place.split_once(':').ok_or("no colon")?;
    let hit: u64 = hit.parse().map_err(|error| format!("{error}"))?;
    let hits = AtomicU64::new(0);
    fail::cfg_callback(name, move || {
        if hits.fetch_add(1, Ordering::Relaxed) + 1 == hit {
            std::process::abort();
        }
    })
}
