//! Who finds the next proof of work? Drawn from the seed; the proof itself is real, and small.

use super::node::Running;
use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, U256};
use mainspring::{
    consensus::ethash,
    primitives::Block,
    sealer::{self, BlockOptions},
};
use rand::{Rng, rngs::StdRng};

/// Of every block: so few that it does not change.
pub(super) const DIFFICULTY: u64 = 4;
/// Milliseconds that one node takes for a block in the middle.
const MEAN: f64 = 14_000.0;

/// Milliseconds until a node finds the next block.
pub(super) fn time(rng: &mut StdRng) -> u64 {
    let uniform: f64 = rng.random_range(1e-9..1.0);
    (-uniform.ln() * MEAN) as u64 + 1
}
