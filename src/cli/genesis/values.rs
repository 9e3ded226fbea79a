//! How are addresses, amounts, times of forks and fee markets written on the command line?

use crate::{
    config::parse_ether,
    spec::{FeeMarket, Fork},
};
use alloy_primitives::{Address, Bytes, U256, hex};

/// Wei in an ether, as a power of ten.
const ETHER_DECIMALS: i64 = 18;

/// An account and what it starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Funding {
    pub(super) address: Address,
    /// In wei.
    pub(super) balance: U256,
}

/// Why a value was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("{0:?} is no address: 0x and 40 hex digits")]
    Address(String),
    #[error("{given} has the checksum of no address; if every digit is right, it is {right}")]
    Checksum { given: String, right: String },
    #[error("{0:?} is not ADDRESS:ETHER, as in 0x…:0.5, 0x…:1e6 or 0x…:21000wei")]
    Funding(String),
    #[error("{0:?} is no amount of ether: 1, 0.5, 1e6, or 21000wei")]
    Amount(String),
    #[error("{0:?} is not FORK=TIME, as in osaka=1800000000")]
    ForkTime(String),
    #[error("{0}")]
    Fork(String),
    #[error("{0:?} is no fee market: eip1559, zero, or fixed:N with N wei per gas")]
    FeeMarket(String),
    #[error("{0:?} is no hex: 0x and an even number of digits")]
    Hex(String),
}

/// An address; where it has letters of both cases they must be its checksum.
pub(super) fn address(value: &str) -> Result<Address, ValueError> {
    let unknown = || ValueError::Address(value.to_owned());
    let digits = value.strip_prefix("0x").ok_or_else(unknown)?;
    let address: Address = value.parse().map_err(|_hex| unknown())?;
    let has = |is: fn(&u8) -> bool| digits.as_bytes().iter().any(is);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let right = address.to_checksum(None);
    if is_mixed && right != value {
        return Err(ValueError::Checksum { given: value.to_owned(), right });
    }
    Ok(address)
}

/// `ADDRESS:ETHER`.
pub(super) fn funding(value: &str) -> Result<Funding, ValueError> {
    let parts = value.split_once(':');
    let (owner, amount) = parts.ok_or_else(|| ValueError::Funding(value.to_owned()))?;
    Ok(Funding { address: address(owner)?, balance: wei(amount)? })
}

/// An amount such as `0.5`, `1e6` or `21000wei`, in wei.
pub(super) fn wei(value: &str) -> Result<U256, ValueError> {
    let unknown = || ValueError::Amount(value.to_owned());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(wei) = value.strip_suffix("wei") {
        let digits = Some(wei.trim_end()).filter(|digits| is_number(digits));
        return digits.and_then(|it| it.parse().ok()).ok_or_else(unknown);
    }
    let Some((number, exponent)) = value.split_once(['e', 'E']) else {
        return parse_ether(value).map_err(|_text| unknown());
    };
    let exponent: i64 = exponent.parse().map_err(|_text| unknown())?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if !is_number(whole) || !is_number(decimals) {
        return Err(unknown());
    }
    let mantissa: U256 = format!("{whole}{decimals}").parse().map_err(|_large| unknown())?;
    let zeros = exponent
        .checked_add(ETHER_DECIMALS)
        .and_then(|zeros| zeros.checked_sub(i64::try_from(decimals.len()).ok()?));
    let zeros = zeros.ok_or_else(unknown)?;
    let power = || U256::from(10).checked_pow(U256::from(zeros.unsigned_abs()));
    match (zeros, power()) {
        (_, _) if mantissa.is_zero() => Ok(mantissa),
        (0.., Some(power)) => mantissa.checked_mul(power).ok_or_else(unknown),
        (_, Some(power)) if (mantissa % power).is_zero() => Ok(mantissa / power),
        _ => Err(unknown()),
    }
}

/// `FORK=TIME`, the time in seconds.
pub(super) fn fork_time(value: &str) -> Result<(Fork, u64), ValueError> {
    let parts = value.split_once('=').and_then(|(name, time)| Some((name, time.parse().ok()?)));
    let (name, time) = parts.ok_or_else(|| ValueError::ForkTime(value.to_owned()))?;
    Ok((fork(name)?, time))
}

/// A fork by one of its names.
pub(super) fn fork(value: &str) -> Result<Fork, ValueError> {
    value.parse().map_err(|unknown: crate::spec::UnknownFork| ValueError::Fork(unknown.to_string()))
}

/// `eip1559`, `zero` or `fixed:N`.
pub(super) fn fee_market(value: &str) -> Result<FeeMarket, ValueError> {
    match (value, value.strip_prefix("fixed:").map(str::parse)) {
        ("eip1559", _) => Ok(FeeMarket::Eip1559),
        ("zero", _) => Ok(FeeMarket::Zero),
        (_, Some(Ok(fee))) => Ok(FeeMarket::Fixed(fee)),
        _ => Err(ValueError::FeeMarket(value.to_owned())),
    }
}

/// Bytes in hex after `0x`, else the bytes of the text itself.
pub(super) fn extra(value: &str) -> Result<Bytes, ValueError> {
    let Some(digits) = value.strip_prefix("0x") else {
        return Ok(value.as_bytes().to_vec().into());
    };
    hex::decode(digits).map(Bytes::from).map_err(|_hex| ValueError::Hex(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn an_address_is_taken_with_its_checksum_or_without_any() {
        let lower = ALICE.to_ascii_lowercase();
        let upper = format!("0x{}", ALICE[2..].to_ascii_uppercase());
        for written in [ALICE, &lower, &upper] {
            assert_eq!(address(written).unwrap().to_checksum(None), ALICE);
        }
        let wrong = ALICE.replace("aad88F", "aad88f");
        let refused = address(&wrong).unwrap_err();
        assert_eq!(refused, ValueError::Checksum { given: wrong, right: ALICE.to_owned() });
        for none in ["", "0x", &ALICE[2..], "0x12", &format!("{ALICE}0"), "Alice"] {
            assert_eq!(address(none), Err(ValueError::Address(none.to_owned())));
        }
    }

    #[test]
    fn amounts_are_exact() {
        let ether = U256::from(10).pow(U256::from(18));
        for (text, wanted) in [
            ("1", ether),
            ("0", U256::ZERO),
            ("0.5", ether / U256::from(2)),
            ("1e6", ether * U256::from(1_000_000)),
            ("1.5e3", ether * U256::from(1_500)),
            ("25e-1", ether * U256::from(5) / U256::from(2)),
            ("1e-18", U256::from(1)),
            ("0e99999", U256::ZERO),
            ("21000wei", U256::from(21_000)),
            ("0.000000000000000001", U256::from(1)),
        ] {
            assert_eq!(wei(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "-1",
            "1e",
            "e5",
            "1e-19",
            "1e999",
            "1e99999999999999999999",
            "1.",
            ".5",
            "wei",
            "1.5wei",
            "-1wei",
            "1e9223372036854775807",
            "1e-9223372036854775808",
            "0x1",
            "1 ether",
        ] {
            assert_eq!(wei(text), Err(ValueError::Amount(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn funding_is_an_address_and_an_amount() {
        let given = funding(&format!("{ALICE}:2")).unwrap();
        assert_eq!(given.balance, U256::from(2_000_000_000_000_000_000_u64));
        assert!(matches!(funding(ALICE), Err(ValueError::Funding(_))));
        assert!(matches!(funding(":2"), Err(ValueError::Address(_))));
    }

    #[test]
    fn times_markets_and_extra_data_are_read() {
        assert_eq!(fork_time("Osaka=18"), Ok((Fork::Osaka, 18)));
        assert!(matches!(fork_time("osaka"), Err(ValueError::ForkTime(_))));
        assert!(matches!(fork_time("osaka=soon"), Err(ValueError::ForkTime(_))));
        assert!(matches!(fork_time("paradise=1"), Err(ValueError::Fork(_))));
        assert_eq!(fee_market("fixed:7"), Ok(FeeMarket::Fixed(7)));
        assert!(fee_market("fixed:").is_err() && fee_market("free").is_err());
        assert_eq!(extra("0x0a0b").unwrap().as_ref(), [10, 11]);
        assert_eq!(extra("hi").unwrap().as_ref(), b"hi");
        assert!(extra("0x0").is_err());
    }
}
