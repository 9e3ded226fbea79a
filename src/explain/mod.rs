//! What did a transaction do, in words its author knows? From recorded calls and artifacts to names,
//! stack traces, and what a contract printed.
//!
//! | file | question |
//! |---|---|
//! | `console` | what did a contract say to `console.log`? |
//! | `format` | how are values put into a text with `%s` and its relatives? |
//! | `tree` | how did the calls go, with names for everything that has one? |
//! | `stack` | where did it fail, and how did it get there? |
//! | `names` | what are functions, events and errors called? |
//! | `print` | what does the log say of it? |
//! | `value` | how does a value of the ABI look? |

mod console;
mod format;
mod names;
mod print;
mod stack;
mod tree;
mod value;

pub use console::{ConsoleLog, console_logs};
pub use names::Named;
pub use print::print_console;
pub use stack::{Failed, Place, StackFrame, failed};
pub use tree::{DecodedCall, DecodedEvent, decode};

use crate::artifacts::Shelf;

/// What the log says of transactions and calls by itself.
#[derive(Clone, Debug)]
pub struct Told {
    /// What contracts hand to `console.log`.
    pub console: bool,
    /// Names for it.
    pub shelf: Shelf,
}

impl Default for Told {
    fn default() -> Self {
        Self { console: true, shelf: Shelf::default() }
    }
}
