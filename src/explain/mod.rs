//! What did a transaction do, in words its author knows? From recorded calls to what a contract
//! printed.
//!
//! | file | question |
//! |---|---|
//! | `console` | what did a contract say to `console.log`? |
//! | `format` | how are values put into a text with `%s` and its relatives? |
//! | `print` | what does the log say of it? |
//! | `value` | how does a value of the ABI look? |

mod console;
mod format;
mod print;
mod value;

pub use console::{ConsoleLog, console_logs};
pub use print::print_console;

/// What the log says of transactions and calls by itself.
#[derive(Clone, Debug)]
pub struct Told {
    /// What contracts hand to `console.log`.
    pub console: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self { console: true }
    }
}
