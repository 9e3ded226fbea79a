//! Runs code: blocks, calls, gas estimates, access lists, simulations, traces. The only user of revm.
//!
//! A block: [`BlockExecutor::begin`] lays edits over the parent's state and makes the opening system
//! calls, [`BlockExecutor::apply`] runs one transaction, [`BlockExecutor::finish`] credits
//! withdrawals and collects requests. [`execute`] is the same for a block that exists, [`check`]
//! compares its header with the outcome, [`assemble`] makes the header of a new one.
//!
//! | file | question |
//! |---|---|
//! | `executor`, `requests`, `dao` | what does a block do, and what does the protocol do around it? |
//! | `header` | which header does an executed block have? |
//! | `block_state`, `roots` | what has the block changed so far, and which root is that? |
//! | `source` | where does the state below come from? |
//! | `participants` | who takes part in a transaction? |
//! | `machine`, `env` | which machine runs it, under which limits, in which block? |
//! | `call`, `arguments`, `overrides` | what would a transaction do, over a state that is pretended? |
//! | `leaf` | is a call so small that it need not wait for a thread? |
//! | `call_many` | what would calls do, one after the other? |
//! | `estimate`, `access_list` | which gas limit is enough, and what is touched? |
//! | [`simulate`] | what would whole blocks do? |
//! | [`trace`] | what happened inside? |
//! | `halt`, `revert`, `invalid`, `error` | why did it not work, in geth's words? |

mod access_list;
mod arguments;
mod block_state;
mod call;
mod call_many;
mod dao;
mod ecrecover;
mod env;
mod error;
mod estimate;
mod executor;
mod halt;
mod header;
mod invalid;
mod leaf;
mod machine;
mod overrides;
mod participants;
mod requests;
mod revert;
mod roots;
pub mod simulate;
mod source;
pub mod trace;

pub use access_list::{AccessListOutcome, create_access_list};
pub use block_state::BlockState;
pub use call::{CallError, CallOutcome, CallRequest, CallResult, run};
pub use call_many::run_many;
pub use ecrecover::impersonate_signature;
pub use env::{BlockTemplate, EvmSettings};
pub use error::{EvmError, ReadError};
pub use estimate::{Estimate, estimate_gas};
pub use executor::{Applied, ApplyError, BlockExecutor, Executed, execute, execute_as};
pub use header::{assemble, check};
pub use invalid::InvalidTx;
pub use leaf::{may_be_leaf, run_leaf};
pub use overrides::Overrides;
pub use participants::participants;
pub use revert::{delegate_of, revert_message, revert_reason};
pub use source::StateSource;

#[cfg(test)]
mod tests;
