//! Why are the settings no configuration?

use crate::{dev::accounts::AccountsError, spec::UnknownFork};
use std::path::PathBuf;

/// Why the settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Of the file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A settings file is a page or two.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// Of the file.
        path: PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{path}: {reason}")]
    File {
        /// Of the file.
        path: PathBuf,
        /// Line, column and key.
        reason: Box<toml::de::Error>,
    },
    /// Settings of two sources do not go together in form.
    #[error("settings cannot be combined")]
    Combine(#[source] serde_json::Error),
    /// Two settings exclude each other.
    #[error("--{one} cannot be used with --{other}")]
    Conflict {
        /// A setting.
        one: &'static str,
        /// Another.
        other: &'static str,
    },
    /// A setting is of no use without another.
    #[error("--{one} needs --{other}")]
    Needs {
        /// The setting.
        one: &'static str,
        /// The one it needs.
        other: &'static str,
    },
    /// Not a time span above zero, or longer than the clock.
    #[error("--{name} {value} is not a number of seconds above zero")]
    Seconds {
        /// The setting.
        name: &'static str,
        /// As given.
        value: f64,
    },
    /// A limit of zero would shut the node.
    #[error("--{0} must be above zero")]
    Zero(&'static str),
    /// No such fork.
    #[error("--hardfork")]
    Hardfork(#[from] UnknownFork),
    /// Not an amount of ether.
    #[error("\"{value}\" is not an amount of ether with at most 18 decimals")]
    Ether {
        /// As given.
        value: String,
    },
    /// Not `ADDRESS:ETHER`.
    #[error("--fund-accounts \"{value}\": expected ADDRESS or ADDRESS:ETHER")]
    Funding {
        /// As given.
        value: String,
    },
    /// The phrase gives no accounts.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}
