//! How is a value shown in an error? One that may be missing, and a text that somebody sent.

use std::{borrow::Cow, fmt};

/// Most characters of a text that somebody sent and that an error repeats.
const MAX_ECHO: usize = 256;

/// The value, or `none`.
pub fn or_none(value: &Option<impl fmt::Display>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// A text that somebody sent, cut where it is long; then with its length.
pub fn echo(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_ECHO) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let length = text.chars().count();
            Cow::Owned(format!("{}... ({length} characters)", &text[..end]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_in_words() {
        assert_eq!(or_none(&Some(7)), "7");
        assert_eq!(or_none(&None::<u64>), "none");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_its_length() {
        assert_eq!(echo("short"), "short");
        let exact = "\u{e4}".repeat(MAX_ECHO);
        assert_eq!(echo(&exact), exact);
        let cut = echo(&"\u{e4}".repeat(5_000)).into_owned();
        assert_eq!(cut, exact + "... (5000 characters)");
    }
}
