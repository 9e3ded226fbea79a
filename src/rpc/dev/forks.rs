//! Who answers for the chain that this one is a fork of?

use super::DevelopmentError;
use crate::{
    dev::forking::check_ids,
    rpc::{Answer, Api},
    upstream::{Endpoint, UpstreamError},
};
use jsonrpsee::{core::async_trait, proc_macros::rpc};

/// The upstream of a fork.
#[rpc(server, namespace = "anvil")]
pub trait Forks {
    /// Asks another URL from now on for what is not kept here. It has to serve the same chain.
    #[method(name = "setRpcUrl")]
    async fn set_rpc_url(&self, url: String) -> Answer<()>;
}

#[async_trait]
impl ForksServer for Api {
    async fn set_rpc_url(&self, url: String) -> Answer<()> {
        self.blocking(move |node| {
            let remote = node.chain.remote().ok_or(DevelopmentError::NoUpstream)?;
            let read = |url: &str| url.parse::<Endpoint>();
            let endpoints = vec![read(&url).map_err(fork_error)?];
            check_ids(&endpoints, remote.upstream().settings(), Some(remote.chain_id()))?;
            remote.upstream().replace(endpoints);
            Ok(())
        })
        .await
    }
}

fn fork_error(error: UpstreamError) -> crate::dev::forking::ForkError {
    error.into()
}
