//! Who may ask from other machines?

use super::NodeError;
use crate::{
    config::{Config, Role, RpcAccess},
    rpc::Token,
};

/// The token that callers must know, if any.
///
/// # Errors
/// [`NodeError::OpenRpc`] where everyone could ask and nobody said that this is meant.
pub(super) fn token(config: &Config) -> Result<Option<Token>, NodeError> {
    let open = config.server.hosts.iter().find(|host| !host.is_loopback());
    match (&config.server.access, open) {
        (RpcAccess::Token(path), _) => Ok(Some(Token::read_or_make(path)?)),
        (RpcAccess::Machine, Some(host)) if config.role == Role::Development => {
            tracing::warn!(
                target: "rpc",
                "everyone who reaches {host} can use this chain, its accounts and the methods that \
                 change it by hand"
            );
            Ok(None)
        }
        (RpcAccess::Machine, Some(host)) => Err(NodeError::OpenRpc { host: *host }),
        (RpcAccess::Open, _) | (RpcAccess::Machine, None) => Ok(None),
    }
}
