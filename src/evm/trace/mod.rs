//! What happened inside? Blocks and calls executed again under a tracer's eyes.
//!
//! | file | question |
//! |---|---|
//! | `parity`, `parity_calls` | what happened, in the form of the `trace_` methods? |
//! | `replay` | how is a stored block executed again, once, with an inspector where one is wanted? |

mod parity;
mod parity_calls;
pub(in crate::evm) mod replay;

pub use parity::{ParityError, TraceKinds, flat_traces, full_traces, opcode_gas, reward_traces};
pub use parity_calls::{trace_calls, trace_raw};
pub use replay::Replay;
