//! `web3_*` and `rpc_modules`: what is this node?

use super::{Answer, Api, Dialect, RpcContext};
use alloy_primitives::{B256, Bytes, keccak256};
use jsonrpsee::{Methods, RpcModule, proc_macros::rpc};
use std::collections::BTreeMap;

/// The node itself.
#[rpc(server, namespace = "web3")]
pub trait Web3 {
    /// Name, version, system and compiler.
    #[method(name = "clientVersion")]
    fn client_version(&self) -> Answer<String>;

    /// keccak256 of the data.
    #[method(name = "sha3")]
    fn sha3(&self, data: Bytes) -> Answer<B256>;
}

impl Web3Server for Api {
    fn client_version(&self) -> Answer<String> {
        Ok(client_version(self))
    }

    fn sha3(&self, data: Bytes) -> Answer<B256> {
        Ok(keccak256(data))
    }
}

/// Name, version and system. Development nodes go by the name that Hardhat's helpers look for: they
/// work with nothing that does not begin with `anvil` or `hardhatnetwork`.
pub(super) fn client_version(node: &RpcContext) -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let name = format!("mainspring/v{}/{os}-{arch}", env!("CARGO_PKG_VERSION"));
    match (node.namespaces.kind.is_development(), node.dialect) {
        (false, _) => name,
        (true, Dialect::Geth) => format!("anvil/{name}"),
        (true, Dialect::Hardhat) => format!("HardhatNetwork/{name}"),
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}

/// `rpc_modules`: the namespaces that are served, each with its version.
#[rpc(server, namespace = "rpc")]
pub trait Modules {
    /// Namespace to version.
    #[method(name = "modules")]
    fn modules(&self) -> Answer<BTreeMap<String, String>>;
}

impl ModulesServer for BTreeMap<String, String> {
    fn modules(&self) -> Answer<BTreeMap<String, String>> {
        Ok(self.clone())
    }
}

pub(super) fn modules_method(modules: BTreeMap<String, String>) -> Methods {
    let module: RpcModule<_> = modules.into_rpc();
    module.into()
}
