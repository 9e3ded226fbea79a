//! Which chain does this one begin with a block of, and how is that chain read?

use super::{ConfigError, Settings, resolve::above_zero};
use crate::{
    dev::forking::ForkBlock,
    upstream::{Endpoint, UpstreamError, UpstreamSettings},
};
use std::{path::PathBuf, time::Duration};

/// A fork of a remote chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkConfig {
    /// Who serves the remote chain: asked in turn.
    pub endpoints: Vec<Endpoint>,
    /// Where the fork begins.
    pub block: ForkBlock,
    /// The remote chain's id, if it was named.
    pub chain_id: Option<u64>,
}

/// Where answers of an upstream are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheConfig {
    /// The folder, if one was named.
    pub path: Option<PathBuf>,
    /// Keep nothing over the node's end.
    pub forgets: bool,
}

/// The fork that the settings ask for.
pub(super) fn fork(settings: &Settings) -> Result<Option<ForkConfig>, ConfigError> {
    let urls = settings.fork_url.as_deref().unwrap_or_default();
    if urls.is_empty() {
        return needs_no_url(settings).map(|()| None);
    }
    if settings.init.is_some() {
        return Err(ConfigError::Conflict { one: "fork-url", other: "init" });
    }
    if settings.number.is_some() {
        return Err(ConfigError::Conflict { one: "fork-url", other: "number" });
    }
    let mut endpoints = Vec::with_capacity(urls.len());
    let mut named: Option<u64> = None;
    for url in urls {
        let (endpoint, block) = Endpoint::with_block(url)?;
        match (named, block) {
            (Some(one), Some(other)) if one != other => {
                return Err(ConfigError::ForkUrls { one, other });
            }
            _ => named = named.or(block),
        }
        endpoints.push(endpoint);
    }
    Ok(Some(ForkConfig {
        endpoints,
        block: block(settings, named)?,
        chain_id: settings.fork_chain_id,
    }))
}

/// Settings of a fork say nothing without one.
fn needs_no_url(settings: &Settings) -> Result<(), ConfigError> {
    let given = [
        ("fork-block-number", settings.fork_block_number.is_some()),
        ("fork-transaction-hash", settings.fork_transaction_hash.is_some()),
        ("fork-chain-id", settings.fork_chain_id.is_some()),
        ("fork-header", settings.fork_header.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((one, _)) => Err(ConfigError::Needs { one, other: "fork-url" }),
        None => Ok(()),
    }
}

fn block(settings: &Settings, named: Option<u64>) -> Result<ForkBlock, ConfigError> {
    if let Some(hash) = settings.fork_transaction_hash {
        if settings.fork_block_number.is_some() || named.is_some() {
            let (one, other) = ("fork-transaction-hash", "fork-block-number");
            return Err(ConfigError::Conflict { one, other });
        }
        return Ok(ForkBlock::Transaction(hash));
    }
    match (settings.fork_block_number, named) {
        (Some(other), Some(one)) if u64::try_from(other) != Ok(one) => {
            Err(ConfigError::ForkBlocks { one, other })
        }
        (Some(number), _) => Ok(match u64::try_from(number) {
            Ok(number) => ForkBlock::Number(number),
            Err(_negative) => ForkBlock::Behind(number.unsigned_abs()),
        }),
        (None, Some(number)) => Ok(ForkBlock::Number(number)),
        (None, None) => Ok(ForkBlock::Latest),
    }
}

/// How an upstream is asked: the flags' one, or one that a reset names later.
pub(super) fn upstream(settings: &Settings) -> Result<UpstreamSettings, ConfigError> {
    let default = UpstreamSettings::default();
    let no_limit = settings.no_rate_limit;
    if no_limit && settings.compute_units_per_second.is_some() {
        let (one, other) = ("no-rate-limit", "compute-units-per-second");
        return Err(ConfigError::Conflict { one, other });
    }
    let headers = settings.fork_header.iter().flatten().enumerate();
    let headers = headers.map(|(place, header)| split_header(place + 1, header));
    let units = above_zero("compute-units-per-second", settings.compute_units_per_second)?;
    let timeout = above_zero("timeout", settings.timeout)?;
    Ok(UpstreamSettings {
        headers: headers.collect::<Result<_, _>>()?,
        timeout: timeout.map_or(default.timeout, Duration::from_millis),
        retries: settings.retries.unwrap_or(default.retries),
        backoff: settings.fork_retry_backoff.map_or(default.backoff, Duration::from_millis),
        compute_units_per_second: units.or(default.compute_units_per_second).filter(|_| !no_limit),
        ..default
    })
}

/// The text of a header may be a key, so an error does not show it.
fn split_header(place: usize, header: &str) -> Result<(String, String), UpstreamError> {
    let no_header = || UpstreamError::Header { place };
    let (name, value) = header.split_once(':').ok_or_else(no_header)?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_text = |byte: u8| byte == b'\t' || (32..127).contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) || !value.bytes().all(is_text) {
        return Err(no_header());
    }
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn cache(settings: &Settings) -> CacheConfig {
    CacheConfig { path: settings.cache_path.clone(), forgets: settings.no_storage_caching }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn given(urls: &[&str]) -> Settings {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Settings { fork_url: Some(urls), ..Settings::default() }
    }

    fn refusal(settings: &Settings) -> String {
        let refused = fork(settings).err().or_else(|| upstream(settings).err());
        refused.unwrap().to_string()
    }

    #[test]
    fn the_block_may_stand_in_three_places() {
        let block = |settings: Settings| fork(&settings).unwrap().unwrap().block;
        assert_eq!(block(given(&["http://a", "http://b"])), ForkBlock::Latest);
        assert_eq!(block(given(&["http://a@7", "http://b"])), ForkBlock::Number(7));
        let numbered =
            |number| Settings { fork_block_number: Some(number), ..given(&["http://a@7"]) };
        assert_eq!(block(numbered(7)), ForkBlock::Number(7));
        let behind = Settings { fork_block_number: Some(-3), ..given(&["http://a"]) };
        assert_eq!(block(behind), ForkBlock::Behind(3));
        assert!(refusal(&numbered(8)).contains("(7 and 8)"));
        assert!(refusal(&given(&["http://a@7", "http://b@8"])).contains("(7 and 8)"));
    }

    #[test]
    fn what_belongs_to_a_fork_needs_one() {
        let settings = Settings { fork_block_number: Some(1), ..Settings::default() };
        assert_eq!(refusal(&settings), "--fork-block-number needs --fork-url");
        assert_eq!(fork(&Settings::default()).unwrap(), None);
    }

    #[test]
    fn contradictions_name_both_flags() {
        let hash = Some(B256::ZERO);
        let both = Settings { fork_transaction_hash: hash, ..given(&["http://a@7"]) };
        assert!(refusal(&both).contains("--fork-block-number"), "{}", refusal(&both));
        let both = Settings { init: Some("g.json".into()), ..given(&["http://a"]) };
        assert!(refusal(&both).contains("--init"), "{}", refusal(&both));
        let units = Some(1);
        let both = Settings {
            no_rate_limit: true,
            compute_units_per_second: units,
            ..given(&["http://a"])
        };
        assert!(refusal(&both).contains("--compute-units-per-second"), "{}", refusal(&both));
    }

    #[test]
    fn a_header_is_a_name_and_a_value_and_is_not_shown() {
        let settings = |header: &str| Settings {
            fork_header: Some(vec![header.to_owned()]),
            ..given(&["http://a"])
        };
        let headers = upstream(&settings("X-Key:  abc:d ")).unwrap().headers;
        assert_eq!(headers, [("X-Key".to_owned(), "abc:d".to_owned())]);
        for wrong in ["SECRET", ": SECRET", "a b: SECRET", "a: SECRET\r\nb: c"] {
            let text = refusal(&settings(wrong));
            assert!(text.contains("--fork-header") && !text.contains("SECRET"), "{text}");
        }
    }
}
