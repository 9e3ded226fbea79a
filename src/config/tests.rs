//! Defaults, precedence, and what is refused.

use super::*;
use crate::config::{NetworkConfig, OrderName};
use alloy_primitives::{Address, utils::Unit};
use std::path::Path;

fn refusal(settings: Settings) -> String {
    Config::from_settings(settings).expect_err("it must be refused").to_string()
}

fn toml(text: &str) -> Result<Settings, ConfigError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("mainspring.toml");
    std::fs::write(&path, text).expect("a writable folder");
    Settings::read(&path)
}

#[test]
fn nothing_given_is_the_default() {
    // A node of a stored chain listens unless it is told not to; whoever makes a configuration by hand says so.
    let network = Some(NetworkConfig::default());
    let default = Config { network, ..Config::default() };
    assert_eq!(Config::from_settings(Settings::default()).unwrap(), default);
}

#[test]
fn a_flag_goes_over_the_file_and_the_file_over_the_default() {
    let file = toml("port = 1\nblock-time = 0.5\nhost = [\"::1\"]\norder = \"fifo\"").unwrap();
    let flags = Settings { port: Some(2), no_cors: true, ..Settings::default() };
    let config = Config::from_settings(flags.over(file).unwrap()).unwrap();
    assert_eq!(config.server.port, 2);
    assert_eq!(config.server.hosts, ["::1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(config.server.allow_origin, None);
    assert_eq!(config.sealing.block_time, Some(Duration::from_millis(500)));
    assert_eq!(config.sealing.order, OrderName::Fifo);
    assert_eq!(config.accounts.count, 10);
}

#[test]
fn an_unknown_key_is_named() {
    let text = toml("prot = 1").expect_err("unknown").to_string();
    assert!(text.contains("mainspring.toml") && text.contains("`prot`"), "{text}");
    let text = toml("port = \"many\"").expect_err("no number").to_string();
    assert!(text.contains("port"), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Settings::read(Path::new("nowhere.toml")).expect_err("missing");
    assert_eq!(error.to_string(), "cannot read nowhere.toml");
}

#[test]
fn contradictions_are_refused_with_both_names() {
    let none = Settings::default;
    let with_time = |time| Settings { block_time: Some(time), ..none() };
    let both = Settings { no_mining: true, ..with_time(1.0) };
    assert_eq!(refusal(both), "--block-time cannot be used with --no-mining");
    let mixed = Settings { mixed_mining: true, ..none() };
    assert_eq!(refusal(mixed), "--mixed-mining needs --block-time");
    let place = Settings { ephemeral: true, datadir: Some("d".into()), ..none() };
    assert_eq!(refusal(place), "--ephemeral cannot be used with --datadir");
    let phrase = Settings { mnemonic_random: Some(12), mnemonic_seed_unsafe: Some(1), ..none() };
    let text = "--mnemonic-random cannot be used with --mnemonic-seed-unsafe";
    assert_eq!(refusal(phrase), text);
}

#[test]
fn values_without_meaning_are_refused() {
    let none = Settings::default;
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        let text = refusal(Settings { block_time: Some(wrong), ..none() });
        assert_eq!(text, format!("--block-time {wrong} is not a number of seconds above zero"));
    }
    let text = refusal(Settings { gas_limit: Some(0), ..none() });
    assert_eq!(text, "--gas-limit must be above zero");
    let text = refusal(Settings { hardfork: Some("berln".into()), ..none() });
    assert_eq!(text, "--hardfork");
    let text = refusal(Settings { balance: Some("many".into()), ..none() });
    assert_eq!(text, "\"many\" is not an amount of ether with at most 18 decimals");
    let text = refusal(Settings { fund_accounts: Some(vec!["bob".into()]), ..none() });
    assert_eq!(text, "--fund-accounts \"bob\": expected ADDRESS or ADDRESS:ETHER");
    let text = refusal(Settings { mnemonic: Some("one two".into()), ..none() });
    assert!(text.starts_with("the mnemonic is not a valid BIP-39 phrase"), "{text}");
}

#[test]
fn ether_has_eighteen_decimals() {
    let wei = |text| crate::config::parse_ether(text).ok();
    assert_eq!(wei("10000"), Some(U256::from(10_000) * Unit::ETHER.wei()));
    assert_eq!(wei("0.000000000000000001"), Some(U256::from(1)));
    for wrong in ["0.0000000000000000001", "-1", "", "1e5", "0x5"] {
        assert_eq!(wei(wrong), None, "{wrong}");
    }
}

#[test]
fn funding_takes_the_accounts_balance_unless_told() {
    let address = Address::repeat_byte(7);
    let funded = vec![format!("{address}"), format!("{address}:0.5")];
    let settings =
        Settings { fund_accounts: Some(funded), balance: Some("3".into()), ..Settings::default() };
    let ether = Unit::ETHER.wei();
    let expected = [(address, U256::from(3) * ether), (address, ether / U256::from(2))];
    assert_eq!(Config::from_settings(settings).unwrap().genesis.funded, expected);
}

#[test]
fn a_phrase_does_not_show_in_debug_output() {
    let text = format!("{:?}", Config::default());
    assert!(!text.contains("junk"), "{text}");
}

#[test]
fn code_of_any_size_has_a_number() {
    let lifted = Settings { disable_code_size_limit: true, ..Settings::default() };
    let config = Config::from_settings(lifted).unwrap();
    assert_eq!(config.evm.code_size_limit, Some(ANY_CODE_SIZE));
}
