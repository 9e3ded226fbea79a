//! Runs code: blocks, calls, gas estimates, access lists. The only user of revm.
//!
//! A block: [`BlockExecutor::begin`] lays edits over the parent's state and makes the opening system
//! calls, [`BlockExecutor::apply`] runs one transaction, [`BlockExecutor::finish`] credits
//! withdrawals and collects requests. [`execute`] is the same for a block that exists, [`check`]
//! compares its header with the outcome, [`assemble`] makes the header of a new one.

mod access_list;
mod arguments;
mod block_state;
mod call;
mod call_many;
mod dao;
mod env;
mod error;
mod estimate;
mod executor;
mod halt;
mod header;
mod invalid;
mod machine;
mod overrides;
mod requests;
mod revert;
mod roots;
pub mod simulate;
pub mod trace;

pub use access_list::{AccessListOutcome, create_access_list};
pub use block_state::BlockState;
pub use call::{CallError, CallOutcome, CallRequest, CallResult, run};
pub use call_many::run_many;
pub use env::{BlockTemplate, EvmSettings};
pub use error::{EvmError, ReadError};
pub use estimate::estimate_gas;
pub use executor::{Applied, ApplyError, BlockExecutor, Executed, execute};
pub use header::{assemble, check};
pub use invalid::InvalidTx;
pub use overrides::Overrides;
pub use revert::{revert_message, revert_reason};

#[cfg(test)]
mod tests;
