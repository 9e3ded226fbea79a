//! Accounts with known keys: how many, from which phrase, how rich?

use super::{ConfigError, Settings};
use crate::dev::accounts::{
    AccountsError, DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC, DevAccounts, random_mnemonic,
    seeded_mnemonic,
};
use alloy_primitives::{
    Address, U256,
    utils::{ParseUnits, Unit},
};
use std::fmt;

/// Accounts with known keys.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountsConfig {
    /// The phrase, whichever way it was chosen.
    pub mnemonic: String,
    /// Path without the account's index.
    pub derivation_path: String,
    /// How many accounts.
    pub count: usize,
    /// What each starts with, in wei.
    pub balance: U256,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            mnemonic: DEFAULT_MNEMONIC.to_owned(),
            derivation_path: DEFAULT_DERIVATION_PATH.to_owned(),
            count: 10,
            balance: U256::from(10_000) * Unit::ETHER.wei(),
        }
    }
}

/// Without the phrase, which may be somebody's own.
impl fmt::Debug for AccountsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountsConfig")
            .field("derivation_path", &self.derivation_path)
            .field("count", &self.count)
            .field("balance", &self.balance)
            .finish_non_exhaustive()
    }
}

impl AccountsConfig {
    /// Derives the accounts.
    pub fn derive(&self) -> Result<DevAccounts, AccountsError> {
        DevAccounts::from_mnemonic(&self.mnemonic, self.count, &self.derivation_path)
    }

    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let default = Self::default();
        let balance = settings.balance.as_deref().map(parse_ether).transpose()?;
        let path = settings.derivation_path.clone();
        let config = Self {
            mnemonic: mnemonic(settings)?,
            derivation_path: path.unwrap_or(default.derivation_path),
            count: settings.accounts.unwrap_or(default.count),
            balance: balance.unwrap_or(default.balance),
        };
        // A wrong phrase or path is told now, not when the first account is asked for.
        DevAccounts::from_mnemonic(&config.mnemonic, 0, &config.derivation_path)?;
        Ok(config)
    }
}

fn mnemonic(settings: &Settings) -> Result<String, ConfigError> {
    let phrase = match (&settings.mnemonic, settings.mnemonic_random, settings.mnemonic_seed_unsafe)
    {
        (None, None, None) => DEFAULT_MNEMONIC.to_owned(),
        (Some(phrase), None, None) => phrase.clone(),
        (None, Some(words), None) => random_mnemonic(words)?,
        (None, None, Some(seed)) => seeded_mnemonic(seed)?,
        (Some(_), Some(_), _) => {
            return Err(ConfigError::Conflict { one: "mnemonic", other: "mnemonic-random" });
        }
        (Some(_), None, Some(_)) => {
            return Err(ConfigError::Conflict { one: "mnemonic", other: "mnemonic-seed-unsafe" });
        }
        (None, Some(_), Some(_)) => {
            let other = "mnemonic-seed-unsafe";
            return Err(ConfigError::Conflict { one: "mnemonic-random", other });
        }
    };
    Ok(phrase)
}

/// An amount of ether such as `10000` or `0.5`, in wei.
pub fn parse_ether(value: &str) -> Result<U256, ConfigError> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_amount = is_number(whole) && is_number(decimals) && decimals.len() <= 18;
    match ParseUnits::parse_units(value, Unit::ETHER) {
        Ok(ParseUnits::U256(wei)) if is_amount => Ok(wei),
        _ => Err(ConfigError::Ether { value: value.to_owned() }),
    }
}

/// `ADDRESS`, or `ADDRESS:ETHER`.
pub(super) fn parse_funding(value: &str, default: U256) -> Result<(Address, U256), ConfigError> {
    let (address, ether) = match value.split_once(':') {
        Some((address, ether)) => (address, Some(ether)),
        None => (value, None),
    };
    let address =
        address.parse().map_err(|_hex| ConfigError::Funding { value: value.to_owned() })?;
    Ok((address, ether.map(parse_ether).transpose()?.unwrap_or(default)))
}
