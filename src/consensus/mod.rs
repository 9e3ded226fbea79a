//! Who may seal, is a seal valid, which head wins, what does a block earn? Pure: no I/O, no clock.

mod reward;

pub use reward::rewards;

use alloy_primitives::U256;

/// Does a branch with this total difficulty replace the head's? The first seen wins ties.
pub fn is_heavier(branch: U256, head: U256) -> bool {
    branch > head
}
