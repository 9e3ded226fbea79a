//! What goes wrong in a run: drawn before it begins.

use rand::{Rng, rngs::StdRng, seq::SliceRandom};

/// Something that goes wrong, or right again.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Only nodes of the same group hear each other.
    Cut(Vec<usize>),
    /// All hear each other.
    Heal,
    /// A node is killed.
    Kill(usize),
    /// A node is started, if it is not running.
    Start(usize),
}

/// What a run has to bear.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Milliseconds, and what happens then.
    pub(super) faults: Vec<(u64, Fault)>,
    /// Of 1000 messages, how many are lost.
    pub(super) lost: u32,
    /// And how many come twice.
    pub(super) doubled: u32,
    /// Milliseconds that a message takes at most.
    pub(super) slow: u64,
    /// Is nothing cut and nobody killed?
    pub(super) is_calm: bool,
}

/// When the last fault is over, in milliseconds.
pub(super) const OVER: u64 = 50_000;

impl Plan {
    pub(super) fn draw(nodes: usize, rng: &mut StdRng) -> Self {
        let is_calm = rng.random_bool(0.15);
        let mut faults = Vec::new();
        if !is_calm {
            let mut at = rng.random_range(3_000..10_000);
            while at < OVER - 20_000 {
                let lasts = rng.random_range(3_000..18_000);
                faults.push((at, Fault::Cut(groups(nodes, rng))));
                faults.push((at + lasts, Fault::Heal));
                at += lasts + rng.random_range(500..12_000);
            }
            for _ in 0..rng.random_range(0..=nodes) {
                let (at, node) =
                    (rng.random_range(2_000..OVER - 20_000), rng.random_range(0..nodes));
                faults.push((at, Fault::Kill(node)));
                faults.push((at + rng.random_range(200..15_000), Fault::Start(node)));
            }
            if rng.random_bool(0.2) {
                let at = rng.random_range(10_000..OVER - 10_000);
                faults.extend((0..nodes).map(|node| (at, Fault::Kill(node))));
                faults.extend(
                    (0..nodes).map(|node| (at + 100 * node as u64 + 500, Fault::Start(node))),
                );
            }
        }
        faults.push((OVER, Fault::Heal));
        faults.extend((0..nodes).map(|node| (OVER, Fault::Start(node))));
        Self {
            faults,
            lost: *[0, 0, 5, 30].get(rng.random_range(0..4)).unwrap_or(&0),
            doubled: rng.random_range(0..30),
            slow: *[20, 100, 400].get(rng.random_range(0..3)).unwrap_or(&100),
            is_calm,
        }
    }
}

/// Halves (2|2), one alone (3|1), or anything.
fn groups(nodes: usize, rng: &mut StdRng) -> Vec<usize> {
    let mut groups: Vec<usize> = match rng.random_range(0..3) {
        0 => (0..nodes).map(|node| node % 2).collect(),
        1 => (0..nodes).map(|node| usize::from(node == 0)).collect(),
        _ => (0..nodes).map(|_| rng.random_range(0..3)).collect(),
    };
    groups.shuffle(rng);
    groups
}
