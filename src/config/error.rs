//! Why are the settings no configuration?

use crate::{
    dev::accounts::AccountsError, network::AddressError, spec::UnknownFork, upstream::UpstreamError,
};
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
    /// What a block may say freely is short.
    #[error("extra data of {length} bytes is too long for a block: at most {max}")]
    ExtraData {
        /// In bytes.
        length: usize,
        /// In bytes.
        max: usize,
    },
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
    /// Two places name different blocks.
    #[error(
        "--fork-url and --fork-block-number name different blocks ({one} and {other}); leave one of \
         them out"
    )]
    ForkBlocks {
        /// A block.
        one: u64,
        /// Another.
        other: i64,
    },
    /// Two URLs name different blocks.
    #[error("two of --fork-url name different blocks ({one} and {other}); one block is enough")]
    ForkUrls {
        /// A block.
        one: u64,
        /// Another.
        other: u64,
    },
    /// A URL or a header of a fork.
    #[error("--fork-url: {0}")]
    Fork(#[from] UpstreamError),
    /// An address or an id of a peer.
    #[error("--{flag}: {reason}")]
    Peer {
        /// The setting.
        flag: &'static str,
        /// What is wrong.
        reason: AddressError,
    },
    /// The phrase gives no accounts.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}
