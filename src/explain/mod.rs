//! What did a transaction do, in words its author knows? From recorded calls and artifacts to names,
//! stack traces, and what a contract printed.
//!
//! | file | question |
//! |---|---|
//! | `console` | what did a contract say to `console.log`? |
//! | `format` | how are values put into a text with `%s` and its relatives? |
//! | `tree` | how did the calls go, with names for everything that has one? |
//! | `stack` | where did it fail, and how did it get there? |
//! | `decode` | which values does this data hold? |
//! | `names` | what are functions, events and errors called? |
//! | `texts` | how does a call look in a line, and a transaction in a tree of lines? |
//! | `print` | what does the log say of it? |
//! | `value` | how does a value of the ABI look? |

mod console;
mod decode;
mod format;
mod names;
mod print;
mod stack;
mod texts;
mod tree;
mod value;

pub use console::{ConsoleLog, console_logs};
pub use names::{Named, revert};
pub use print::{print_console, print_lines};
pub use stack::{Failed, Place, StackFrame, failed};
pub use texts::{failure_lines, title, tree_lines};
pub use tree::{DecodedCall, DecodedEvent, decode};

use crate::artifacts::Shelf;

/// What the log says of transactions and calls by itself.
#[derive(Clone, Debug)]
pub struct Told {
    /// What contracts hand to `console.log`.
    pub console: bool,
    /// The calls of each transaction and call.
    pub traces: bool,
    /// Are there artifacts, so that it is worth while to look for the line where a call failed?
    pub has_artifacts: bool,
    /// Names for it.
    pub shelf: Shelf,
}

impl Default for Told {
    fn default() -> Self {
        Self { console: true, traces: false, has_artifacts: false, shelf: Shelf::default() }
    }
}
