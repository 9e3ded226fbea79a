//! `erigon_*`: what Otterscan asks to find out whether a node is one that it can talk to.

use super::{Answer, Api, convert, params::At, resolve};
use alloy_rpc_types::Header as RpcHeader;
use jsonrpsee::{Methods, proc_macros::rpc};

/// Headers.
#[rpc(server, namespace = "erigon")]
pub trait Erigon {
    /// A header; null if there is no such block.
    #[method(name = "getHeaderByNumber")]
    fn header_by_number(&self, number: At) -> Answer<Option<RpcHeader>>;
}

impl ErigonServer for Api {
    fn header_by_number(&self, number: At) -> Answer<Option<RpcHeader>> {
        Ok(resolve::header(&self.chain, number.0)?.map(|header| convert::header(&header)))
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
