//! The sealer makes our own blocks: [`trigger`] says when, [`build`] says of what, [`burst`] makes
//! hundreds of empty ones, [`reorganise`] others instead of the newest, [`authority`] takes turns with
//! other signers, and [`plan`] says how long it waits for its own; [`work`] mines; [`hold`] keeps both from
//! it while this node lacks what its peers have; [`stats`] counts.
//!
//! One thread runs [`Sealer::run`]; everyone else holds a [`SealerHandle`]. While one block is made
//! durable the next transactions gather in the pool, so a flood of sends becomes few large blocks.

mod authority;
mod build;
mod burst;
mod error;
mod follow;
mod handle;
mod hold;
mod plan;
mod reorganise;
mod run;
mod stats;
mod trigger;
mod work;

pub use authority::{Authority, Turn};
pub use build::{BlockOptions, build, build_like};
pub use burst::Spacing;
pub use error::SealError;
pub use handle::{Admitted, SealerHandle, SealingPause};
pub use hold::{Heard, Hold, Patience};
pub use plan::{WIGGLE, earliest, wait};
pub use run::Sealer;
pub use stats::SealerStats;
pub use trigger::Mode;
pub use work::{DatasetError, DatasetProgress, Job, Miner, MinerSettings, Wishes};

use crate::pool::Order;
use alloy_primitives::Address;
use std::sync::Arc;

/// What shapes the blocks of a development chain.
#[derive(Clone, Debug)]
pub struct SealerSettings {
    /// When blocks are made.
    pub mode: Mode,
    /// Which transaction goes first.
    pub order: Order,
    /// Who receives the fees.
    pub coinbase: Address,
    /// `submit` answers at once instead of waiting for the block.
    pub answer_at_once: bool,
    /// Transactions in a block at most.
    pub max_transactions: usize,
    /// Admission of the pool: encoding of a transaction without blobs, in bytes, at most.
    pub max_tx_bytes: usize,
    /// Admission of the pool: least tip in wei per gas.
    pub min_tip: u128,
    /// Admission of the pool: senders that cannot pay are admitted.
    pub disable_balance_check: bool,
    /// Who signs blocks of a chain of proof of authority; the mode counts for nothing then.
    pub authority: Option<Arc<Authority>>,
    /// Who mines on a chain of proof of work; the mode counts for nothing then.
    pub miner: Option<Arc<Miner>>,
}

impl SealerSettings {
    /// Do the chain's rules say when a block comes, and not this node?
    const fn follows_rules(&self) -> bool {
        self.authority.is_some() || self.miner.is_some()
    }

    /// Least tip of a transaction in wei per gas.
    fn least_tip(&self) -> u128 {
        let wished = self.miner.as_ref().and_then(|miner| miner.wishes().min_tip);
        wished.unwrap_or(self.min_tip)
    }
}
