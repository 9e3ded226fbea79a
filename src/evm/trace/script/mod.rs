//! Tracers that a caller wrote in JavaScript. A script may want all memory and never end, and nothing
//! inside a process can take either back: each request runs in a process of its own, which is this
//! same program. It has bounds on its memory and its processor time, executes the block or the calls
//! itself, and asks this process for the state that it reads.
//!
//! | file | question |
//! |---|---|
//! | `host` | how does a node run a script, and how does it end it? |
//! | `guest` | what does the process do that runs it? |
//! | `wire` | what do the two tell each other? |
//! | `engine` | from JavaScript to a tracer and its result |

mod engine;
mod guest;
mod host;
mod wire;

pub(super) use engine::Script;
pub use guest::{GuestError, Served, serve};
pub use host::ScriptHost;
pub(super) use wire::{Replayed, Task};
