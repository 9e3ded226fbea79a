//! How does a node mine on a chain of proof of work? It executes a block, searches for a nonce that seals
//! it, and begins again when the head moves, or when something new could go into the block.
//!
//! | file | question |
//! |---|---|
//! | `miner` | what does its owner want of it? |
//! | `run` | when is there new work? |
//! | `make` | what goes into the block that is worked on? |
//! | `board` | which blocks lack a seal, and who is to stop? |
//! | `search` | how does a thread search for a nonce? |
//! | `rate` | how many nonces are tried a second, here and by others? |
//! | `seal` | what becomes of a nonce that somebody found? |
//! | `datasets` | which datasets are there, and which is made next? |
//! | `dataset`, `map` | what does the file of a dataset hold, and how is it read? |

mod board;
mod dataset;
mod datasets;
mod make;
mod map;
mod miner;
mod rate;
mod run;
mod seal;
mod search;

pub use board::Job;
pub use dataset::DatasetError;
pub use datasets::DatasetProgress;
pub(super) use make::work_template;
pub use miner::{Miner, MinerSettings, Wishes};
