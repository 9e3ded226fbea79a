//! Chain rules that need no state: forks, genesis, fees, system contracts.

mod chain_spec;
pub mod contracts;
pub mod dev;
mod error;
mod fees;
mod forks;
mod genesis;
pub mod main_contract;

pub use chain_spec::{ChainSpec, Mode};
pub use error::SpecError;
pub use fees::FeeMarket;
pub use forks::{Fork, UnknownFork};
