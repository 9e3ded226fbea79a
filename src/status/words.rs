//! How are a span of time and a list of addresses said?

use alloy_primitives::Address;
use std::time::Duration;

/// Addresses that are named; of more it is said how many.
const NAMED: usize = 5;

/// A span of time in the unit that suits it.
pub(super) fn span(time: Duration) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let seconds = time.as_secs();
    // Two of a unit at least: one hour is said in minutes.
    let unit = units.into_iter().find(|(_, length)| seconds >= 2 * length);
    match unit {
        Some((name, length)) => format!("{} {name}s", seconds / length),
        None if seconds == 1 => "1 second".to_owned(),
        None => format!("{seconds} seconds"),
    }
}

/// The addresses, or the first of them.
pub(super) fn list(addresses: &[Address]) -> String {
    let named = addresses.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>();
    match addresses.len().saturating_sub(NAMED) {
        0 if named.is_empty() => "nobody".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// `1 block`, `2 blocks`.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_the_unit_that_suits_it() {
        let said = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(said(0), "0 seconds");
        assert_eq!(said(1), "1 second");
        assert_eq!((said(119).as_str(), said(120).as_str()), ("119 seconds", "2 minutes"));
        assert_eq!((said(7_199).as_str(), said(7_200).as_str()), ("119 minutes", "2 hours"));
        assert_eq!(said(86_400 * 3 + 5), "3 days");
    }

    #[test]
    fn of_many_addresses_the_first_are_named() {
        let many: Vec<_> = (1..8).map(Address::with_last_byte).collect();
        assert!(list(&many).ends_with(" and 2 more"), "{}", list(&many));
        assert_eq!(list(&[]), "nobody");
        assert_eq!(list(&many[..1]), many[0].to_string());
    }
}
