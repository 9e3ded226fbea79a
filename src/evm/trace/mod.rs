//! What happened inside? Blocks and calls executed again under a tracer's eyes.
//!
//! | file | question |
//! |---|---|
//! | `replay` | how is a stored block executed again, once, with an inspector where one is wanted? |

pub(in crate::evm) mod replay;

pub use replay::Replay;
