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
    /// How bad it gets.
    pub(super) trouble: Trouble,
}

/// How bad it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing is cut and nobody killed.
    Calm,
    /// Nodes are killed, never half of them at a time, and nothing is cut.
    Deaths,
    /// Anything.
    Any,
}

/// When the last fault is over, in milliseconds.
pub(super) const OVER: u64 = 50_000;

impl Plan {
    /// Draws what happens, and how bad it gets where that is not said.
    pub(super) fn draw(nodes: usize, trouble: Option<Trouble>, rng: &mut StdRng) -> Self {
        let is_calm = rng.random_bool(0.15);
        let trouble = trouble.unwrap_or(if is_calm { Trouble::Calm } else { Trouble::Any });
        let mut faults = Vec::new();
        if trouble == Trouble::Deaths {
            faults = deaths(nodes, rng);
        }
        if trouble == Trouble::Any {
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
            trouble,
        }
    }
}

/// Now and then some nodes are killed at once, fewer than half, and start again before others die.
fn deaths(nodes: usize, rng: &mut StdRng) -> Vec<(u64, Fault)> {
    let mut faults = Vec::new();
    let mut at = rng.random_range(3_000..8_000);
    while at < OVER - 15_000 {
        let mut all: Vec<usize> = (0..nodes).collect();
        all.shuffle(rng);
        all.truncate(rng.random_range(1..=(nodes - 1) / 2));
        let lasts = rng.random_range(200..12_000);
        for node in all {
            faults.push((at, Fault::Kill(node)));
            faults.push((at + lasts, Fault::Start(node)));
        }
        at += lasts + rng.random_range(2_000..8_000);
    }
    faults
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
