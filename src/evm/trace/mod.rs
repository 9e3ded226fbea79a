//! What happened inside? Blocks and calls executed again under a tracer's eyes, with results in
//! geth's form.
//!
//! | file | question |
//! |---|---|
//! | `parity`, `parity_calls` | what happened, in the form of the `trace_` methods? |
//! | `replay` | how is a stored block executed again, once, with an inspector where one is wanted? |
//! | `run` | traces of transactions that were sealed, and of calls |
//! | `options` | what shall be traced, and how? |
//! | `tracer` | the one inspector: from revm's hooks to what geth's tracers see |
//! | `limit` | how long, and how much? |
//! | `fault` | why did a frame fail, in geth's words? |
//! | `struct_logs` | every instruction |
//! | `frames`, `calls`, `flat` | the tree of calls, as a tree and as a list |
//! | `explorer` | the calls and the movements of wei, as Otterscan shows them |
//! | `prestate` | what must be known of the state, and what changed |
//! | `selectors` | which functions were called? |
//! | `record`, `record_run` | what did a transaction do, as data for those who explain it? |
//! | `script` | tracers in JavaScript, each in a process of its own |
//! | `error` | why was something not traced? |

mod calls;
mod error;
mod explorer;
mod fault;
mod flat;
mod frames;
mod limit;
mod options;
mod parity;
mod parity_calls;
mod prestate;
mod record;
mod record_run;
pub(in crate::evm) mod replay;
mod run;
mod script;
mod selectors;
mod struct_logs;
mod tracer;

pub use error::TraceError;
pub use explorer::ExplorerView;
pub use options::{CallTraceOptions, TraceOptions};
pub use parity::{ParityError, TraceKinds, flat_traces, full_traces, opcode_gas, reward_traces};
pub use parity_calls::{full_calls, full_raw};
pub use record::{Inside, RecordedCall, Step};
pub use record_run::{Watch, record_call, record_transactions};
pub use replay::Replay;
pub use run::{
    CallBase, CallBundle, TraceLimits, TracedTransaction, trace_block, trace_call, trace_calls,
    trace_for_explorer, trace_transaction,
};
pub use script::{GuestError, ScriptHost, Served, serve as serve_script};
pub use tracer::{Failure, Kind};
