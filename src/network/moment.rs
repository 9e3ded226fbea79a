//! How is it said to people when a fork comes?

/// The genesis of Ethereum; below it a fork is at a height, as
/// [EIP-2124](https://eips.ethereum.org/EIPS/eip-2124) tells them apart.
const FIRST_TIME: u64 = 1_438_269_973;
const DAY: u64 = 24 * 3_600;

/// A height, or a time in UTC and in seconds.
pub(super) fn fork_point(at: u64) -> String {
    if at < FIRST_TIME {
        return format!("block (or time) {at}");
    }
    let (days, second) = (at / DAY, at % DAY);
    let Some((year, month, day)) = date(days) else { return format!("time {at}") };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC (time {at})")
}

/// Year, month and day, so many days after 1970 began; `None` far from now.
fn date(days: u64) -> Option<(u64, u64, u64)> {
    const FAR: u64 = 9_999;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        (year, left) = (year + 1, left - length);
        if year > FAR {
            return None;
        }
    }
    let february = if is_leap(year) { 29 } else { 28 };
    for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
        if left < length {
            return Some((year, month, left + 1));
        }
        left -= length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_utc_and_in_seconds() {
        assert_eq!(fork_point(1_700_000_000), "2023-11-14 22:13:20 UTC (time 1700000000)");
        assert_eq!(fork_point(1_709_164_800), "2024-02-29 00:00:00 UTC (time 1709164800)");
        assert_eq!(fork_point(1_735_689_599), "2024-12-31 23:59:59 UTC (time 1735689599)");
        assert_eq!(fork_point(500), "block (or time) 500");
        assert_eq!(fork_point(u64::MAX), format!("time {}", u64::MAX));
    }
}
