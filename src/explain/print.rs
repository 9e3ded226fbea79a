//! What does the log say of what a transaction did?

use super::ConsoleLog;
use crate::primitives::echo;
use std::borrow::Cow;

/// Most lines of one transaction's `console.log` that are printed.
const MAX_LINES: usize = 1_000;
/// Longest of them, in bytes.
const MAX_LINE_BYTES: usize = 16 << 10;

/// Prints what was said to the console, a line each.
pub fn print_console(logs: &[ConsoleLog]) {
    for log in logs.iter().take(MAX_LINES) {
        let text = printable(&log.text);
        match &log.signature {
            Some(_) => tracing::info!(target: "console", "    console.log: {text}"),
            None => tracing::info!(
                target: "console",
                "    console.log: unknown function, data {}", echo(&text)
            ),
        }
    }
    if let Some(more @ 1..) = logs.len().checked_sub(MAX_LINES) {
        tracing::info!(target: "console", "    console.log: ... {more} more lines");
    }
}

/// Prints lines of what a transaction or call did. Texts of contracts are in them.
pub fn print_lines(lines: &[String]) {
    for line in lines {
        let text = printable(line);
        tracing::info!(target: "console", "    {text}");
    }
}

/// A contract's text as a terminal may have it: without control characters other than line breaks, which
/// go on under the first line.
fn printable(text: &str) -> Cow<'_, str> {
    let cut = match text.len() > MAX_LINE_BYTES {
        true => text.floor_char_boundary(MAX_LINE_BYTES),
        false => text.len(),
    };
    if cut == text.len() && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(cut + 16);
    for character in text[..cut].chars() {
        match character {
            '\n' => printable.push_str("\n        "),
            '\t' => printable.push('\t'),
            control if control.is_control() => printable.extend(control.escape_default()),
            character => printable.push(character),
        }
    }
    if cut < text.len() {
        printable.push_str(&format!("... ({} bytes)", text.len()));
    }
    Cow::Owned(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_cannot_write_to_the_terminal() {
        assert_eq!(printable("plain"), "plain");
        assert_eq!(printable("a\x1b[31mb\r"), "a\\u{1b}[31mb\\r");
        assert_eq!(printable("one\ntwo"), "one\n        two");
        let long = "é".repeat(MAX_LINE_BYTES);
        assert!(printable(&long).ends_with(&format!("é... ({} bytes)", long.len())));
    }
}
