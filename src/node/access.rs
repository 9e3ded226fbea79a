//! Who may ask from other machines, and which web pages of this one?

use super::NodeError;
use crate::{
    config::{Config, Role, RpcAccess},
    rpc::{ServerSettings, Token},
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

/// How the port is opened for those who know the `token`, if any. A development chain answers pages under
/// every name, as other tools' do.
pub(super) fn settings(config: &Config, token: Option<Token>) -> ServerSettings {
    let own_names_only =
        config.role != Role::Development && config.server.access == RpcAccess::Machine;
    ServerSettings { allow_origin: config.server.allow_origin.clone(), token, own_names_only }
}
