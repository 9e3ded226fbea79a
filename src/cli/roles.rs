//! What does a node of a network do: manage, or work? And who may ask it?

use crate::config::RpcAccess;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Presets. A role is no privilege: every node checks everything, and the network goes on without a main
/// node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Serves RPC, keeps every state, is where others begin (--peer), seals nothing without --signer
    Main,
    /// Seals; serves RPC over its Unix socket only, unless --port or --host is named; may keep only the newest states (--prune-history)
    Worker,
}

/// Which preset, if any.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct RoleArgs {
    /// A preset for a node of a network; flags that are named win over it
    #[arg(long, env = "MAINSPRING_ROLE", value_enum)]
    role: Option<RoleName>,
}

impl RoleArgs {
    /// Does it make blocks, if nobody says that it does not?
    pub(super) fn seals(self, has_signer: bool) -> bool {
        self.role != Some(RoleName::Main) || has_signer
    }

    /// Does it open a port?
    pub(super) fn serves(self, names_server: bool) -> bool {
        self.role != Some(RoleName::Worker) || names_server
    }
}

/// Who may ask.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AccessArgs {
    /// File with the token that callers send as `Authorization: Bearer TOKEN`: 32 bytes or more in hex,
    /// made if it is not there. `/health` and `/ready` need none, nor does the Unix socket
    #[arg(long, env = "MAINSPRING_RPC_TOKEN", value_name = "FILE", conflicts_with = "rpc_open")]
    rpc_token: Option<PathBuf>,
    /// Let everyone ask who reaches the node; other addresses than loopback need this or --rpc-token
    #[arg(long, env = "MAINSPRING_RPC_OPEN")]
    rpc_open: bool,
}

impl AccessArgs {
    pub(super) fn access(self) -> RpcAccess {
        match self.rpc_token {
            Some(path) => RpcAccess::Token(path),
            None if self.rpc_open => RpcAccess::Open,
            None => RpcAccess::Machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_decides_only_what_nobody_named() {
        let role = |role| RoleArgs { role };
        let (main, worker) = (role(Some(RoleName::Main)), role(Some(RoleName::Worker)));
        assert!(!main.seals(false) && main.seals(true) && worker.seals(false));
        assert!(main.serves(false) && !worker.serves(false) && worker.serves(true));
        assert!(role(None).seals(false) && role(None).serves(false), "as without roles");
    }
}
