//! Who may seal, is a seal valid, which head wins, what does a block earn? Pure: no I/O, no clock.

mod author;
pub mod clique;
pub mod ethash;
mod finality;
mod reward;
mod seal;

pub use author::{author, author_signed};
pub use ethash::Ethash;
pub use finality::{Depths, depths};
pub use reward::rewards;
pub use seal::{SealError, SealPolicy};

use alloy_primitives::U256;

/// Does a branch with this total difficulty replace the head's? The first seen wins ties.
pub fn is_heavier(branch: U256, head: U256) -> bool {
    branch > head
}
