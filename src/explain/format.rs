//! How are values put into a text with `%s` and its relatives? As Hardhat and forge print what a
//! contract hands to `console.log`.

use super::value::shown;
use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{I256, U256, hex};

/// The text of a `console.log`: the first value is a pattern if it is a string, and what it has no
/// place for follows after spaces.
pub(super) fn console_text(values: &[DynSolValue]) -> String {
    let Some((DynSolValue::String(pattern), values)) = values.split_first() else {
        return values.iter().map(shown).collect::<Vec<_>>().join(" ");
    };
    let (mut text, used) = fill(pattern, values);
    for value in values.get(used..).unwrap_or_default() {
        text.push(' ');
        text.push_str(&shown(value));
    }
    text
}

/// The pattern with values in its places, and how many it took. A place without a value stays as it is.
fn fill(pattern: &str, values: &[DynSolValue]) -> (String, usize) {
    let mut text = String::with_capacity(pattern.len());
    let (mut rest, mut used) = (pattern, 0);
    while let Some(start) = rest.find('%') {
        text.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let (place, length) = place(after);
        match (place, values.get(used)) {
            (Some(Place::Percent), _) => text.push('%'),
            (Some(place), Some(value)) => {
                text.push_str(&place.show(value));
                used += 1;
            }
            (_, _) => text.push_str(&rest[start..start + 1 + length]),
        }
        rest = &after[length..];
    }
    text.push_str(rest);
    (text, used)
}

/// A place in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `%%`.
    Percent,
    /// `%s`.
    Text,
    /// `%d`.
    Number,
    /// `%i`.
    Integer,
    /// `%x`.
    Hexadecimal,
    /// `%o`, and `%O` of JavaScript.
    Object,
    /// `%e`, or `%18e`: a number with so many of its digits behind the point.
    Exponent(Option<usize>),
}

/// The place that follows a percent sign, and how many bytes it takes. What is none takes none.
fn place(after: &str) -> (Option<Place>, usize) {
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        // Longer than any number of the machine has digits is no place.
        let decimals = after[..digits].parse().ok().filter(|decimals| *decimals <= 78);
        let is_exponent = after[digits..].starts_with('e');
        return match decimals.filter(|_| is_exponent) {
            Some(decimals) => (Some(Place::Exponent(Some(decimals))), digits + 1),
            None => (None, 0),
        };
    }
    let place = match after.as_bytes().first() {
        Some(b'%') => Place::Percent,
        Some(b's') => Place::Text,
        Some(b'd') => Place::Number,
        Some(b'i') => Place::Integer,
        Some(b'x') => Place::Hexadecimal,
        Some(b'o' | b'O') => Place::Object,
        Some(b'e') => Place::Exponent(None),
        _ => return (None, 0),
    };
    (Some(place), 1)
}

/// What a value is that is no number where a number belongs.
const NOT_A_NUMBER: &str = "NaN";

impl Place {
    fn show(self, value: &DynSolValue) -> String {
        match (self, value) {
            (Self::Text | Self::Percent, value) => shown(value),
            (Self::Object, DynSolValue::Int(..) | DynSolValue::Uint(..)) => shown(value),
            (Self::Object, value) => format!("'{}'", shown(value)),
            (Self::Number | Self::Integer, DynSolValue::Int(..) | DynSolValue::Uint(..)) => {
                shown(value)
            }
            (Self::Number, DynSolValue::Bool(value)) => u8::from(*value).to_string(),
            (Self::Hexadecimal, DynSolValue::Uint(value, _)) => format!("{value:#x}"),
            (Self::Hexadecimal, DynSolValue::Int(value, _)) => {
                let sign = if value.is_negative() { "-" } else { "" };
                format!("{sign}{:#x}", value.unsigned_abs())
            }
            (
                Self::Hexadecimal,
                DynSolValue::Address(_) | DynSolValue::Bytes(_) | DynSolValue::FixedBytes(..),
            ) => shown(value),
            (Self::Hexadecimal, DynSolValue::String(text)) => hex::encode_prefixed(text),
            (Self::Exponent(decimals), DynSolValue::Uint(value, _)) => {
                exponent(false, *value, decimals)
            }
            (Self::Exponent(decimals), DynSolValue::Int(value, _)) => {
                exponent(*value < I256::ZERO, value.unsigned_abs(), decimals)
            }
            (_, _) => NOT_A_NUMBER.to_owned(),
        }
    }
}

/// A number with `decimals` of its digits behind the point; without, as 1.25e3.
fn exponent(is_negative: bool, value: U256, decimals: Option<usize>) -> String {
    let sign = if is_negative { "-" } else { "" };
    let digits = value.to_string();
    let Some(decimals) = decimals else {
        let power = digits.len() - 1;
        let (first, rest) = digits.split_at(1);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}e{power}");
    };
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let part = part.trim_end_matches('0');
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256};

    fn text(pattern: &str, values: &[DynSolValue]) -> String {
        let pattern = DynSolValue::String(pattern.to_owned());
        console_text(&[std::slice::from_ref(&pattern), values].concat())
    }

    fn uint(value: u64) -> DynSolValue {
        DynSolValue::Uint(U256::from(value), 256)
    }

    fn int(value: i64) -> DynSolValue {
        DynSolValue::Int(I256::try_from(value).unwrap(), 256)
    }

    fn string(text: &str) -> DynSolValue {
        DynSolValue::String(text.to_owned())
    }

    #[test]
    fn values_without_a_place_follow_after_spaces() {
        assert_eq!(console_text(&[]), "");
        assert_eq!(text("balance", &[uint(7), DynSolValue::Bool(true)]), "balance 7 true");
        assert_eq!(console_text(&[uint(1), string("of"), uint(2)]), "1 of 2");
        assert_eq!(text("%s has", &[string("Alice"), uint(3)]), "Alice has 3");
    }

    #[test]
    fn every_place_shows_its_kind() {
        let owner = Address::repeat_byte(0xAB);
        assert_eq!(text("%s|%d|%i", &[uint(1), uint(2), int(-3)]), "1|2|-3");
        assert_eq!(text("%x %x", &[uint(255), int(-16)]), "0xff -0x10");
        assert_eq!(text("%o %o", &[uint(5), string("x")]), "5 'x'");
        assert_eq!(text("%x", &[DynSolValue::Address(owner)]), owner.to_string());
        assert_eq!(text("%d %d", &[DynSolValue::Bool(true), DynSolValue::Bool(false)]), "1 0");
        assert_eq!(text("%d %e", &[string("x"), DynSolValue::Bool(true)]), "NaN NaN");
        let word = DynSolValue::FixedBytes(B256::repeat_byte(0x11), 4);
        assert_eq!(text("%s", &[word]), "0x11111111");
    }

    #[test]
    fn numbers_take_a_point_where_they_are_told() {
        let ether = uint(1_234_500_000_000_000_000);
        assert_eq!(text("%18e", std::slice::from_ref(&ether)), "1.2345");
        assert_eq!(text("%e", &[ether]), "1.2345e18");
        assert_eq!(
            text("%e %e %3e %3e", &[uint(0), int(-20), uint(7), int(-4000)]),
            "0e0 -2e1 0.007 -4"
        );
    }

    #[test]
    fn a_place_without_a_value_stays_and_two_percent_signs_are_one() {
        assert_eq!(text("%s and %s", &[uint(1)]), "1 and %s");
        assert_eq!(text("100%% of %s %", &[uint(1)]), "100% of 1 %");
        assert_eq!(text("%q %999e %5 ü%", &[uint(1)]), "%q %999e %5 ü% 1");
    }
}
