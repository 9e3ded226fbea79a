//! How is it said to people when a fork comes?

use time::OffsetDateTime;

/// The genesis of Ethereum; below it a fork is at a height, as
/// [EIP-2124](https://eips.ethereum.org/EIPS/eip-2124) tells them apart.
const FIRST_TIME: u64 = 1_438_269_973;

/// A height, or a time in UTC and in seconds.
pub(super) fn fork_point(at: u64) -> String {
    if at < FIRST_TIME {
        return format!("block (or time) {at}");
    }
    let moment = i64::try_from(at).ok().map(OffsetDateTime::from_unix_timestamp);
    let Some(Ok(moment)) = moment else { return format!("time {at}") };
    let (day, (hour, minute, second)) = (moment.date(), moment.to_hms());
    format!("{day} {hour:02}:{minute:02}:{second:02} UTC (time {at})")
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
