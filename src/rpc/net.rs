//! `net_*`: which network is this, and who is connected?

use super::{Answer, Api};
use alloy_primitives::U64;
use jsonrpsee::{Methods, proc_macros::rpc};

/// The network.
#[rpc(server, namespace = "net")]
pub trait Net {
    /// The chain id, as a decimal string.
    #[method(name = "version", aliases = ["eth_networkId"])]
    fn version(&self) -> Answer<String>;

    /// Does the node listen for peers? A development chain, which has none, says yes as geth's does.
    #[method(name = "listening")]
    fn listening(&self) -> Answer<bool>;

    /// How many peers are connected that are of this chain.
    #[method(name = "peerCount")]
    fn peer_count(&self) -> Answer<U64>;
}

impl NetServer for Api {
    fn version(&self) -> Answer<String> {
        Ok(self.chain.spec().chain_id().to_string())
    }

    fn listening(&self) -> Answer<bool> {
        let is_alone = || self.namespaces.kind.is_development();
        Ok(self.network.as_ref().map_or_else(is_alone, |it| !it.listen_addresses().is_empty()))
    }

    fn peer_count(&self) -> Answer<U64> {
        Ok(U64::from(self.network.as_ref().map_or(0, |it| it.peer_count())))
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
