//! What is said of mining, on a chain of proof of work?

use super::ConfigError;
use alloy_primitives::{Address, Bytes, hex};
use std::{path::PathBuf, time::Duration};

/// Most bytes that a block may say freely.
const MAX_EXTRA_DATA: usize = crate::spec::MAX_EXTRA_DATA;

/// What is said of mining; what is `None` has a default of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MiningConfig {
    /// Does the node mine?
    pub mines: bool,
    /// Who is paid.
    pub coinbase: Option<Address>,
    /// Threads that search; one less than there are cores, and at least one.
    pub threads: Option<usize>,
    /// What blocks say freely, at most 32 bytes; the name of this program.
    pub extra_data: Option<Bytes>,
    /// Gas limit that blocks move towards; the parent's.
    pub gas_limit: Option<u64>,
    /// After how long work is made anew for transactions that arrived; two seconds.
    pub recommit: Option<Duration>,
    /// Folder of the datasets; without one, the light cache serves.
    pub dataset: Option<PathBuf>,
}

/// Reads extra data: hex after `0x`, any other text as it is.
///
/// # Errors
/// Where it is too long for a block.
pub fn parse_extra_data(text: &str) -> Result<Bytes, ConfigError> {
    let decoded = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    let bytes = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
    if bytes.len() > MAX_EXTRA_DATA {
        return Err(ConfigError::ExtraData { length: bytes.len(), max: MAX_EXTRA_DATA });
    }
    Ok(bytes.into())
}

/// Reads a pace in seconds.
///
/// # Errors
/// Where it is no number above zero, or no clock goes that far.
pub fn parse_recommit(text: &str) -> Result<Duration, ConfigError> {
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    let wrong = || ConfigError::Seconds { name: "recommit", value };
    let pace = Duration::try_from_secs_f64(value).ok().filter(|pace| !pace.is_zero());
    pace.filter(|pace| *pace <= MOST_RECOMMIT).ok_or_else(wrong)
}

/// A day.
const MOST_RECOMMIT: Duration = Duration::from_secs(24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_data_is_hex_or_text_and_short() {
        assert_eq!(parse_extra_data("0xbeef").unwrap().as_ref(), [0xbe, 0xef]);
        assert_eq!(parse_extra_data("my rig").unwrap().as_ref(), b"my rig");
        assert_eq!(parse_extra_data("0xzz").unwrap().as_ref(), b"0xzz");
        let error = parse_extra_data(&"a".repeat(33)).unwrap_err();
        assert!(error.to_string().contains("33"), "{error}");
    }

    #[test]
    fn a_pace_is_a_number_of_seconds_above_zero() {
        assert_eq!(parse_recommit("0.5").unwrap(), Duration::from_millis(500));
        for wrong in ["0", "-1", "soon", "1e30", "inf", "NaN"] {
            assert!(parse_recommit(wrong).is_err(), "{wrong}");
        }
    }
}
