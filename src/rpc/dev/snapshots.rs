//! How does the chain go back?

use crate::{
    dev::{
        Restart,
        forking::{ForkBlock, ForkError},
    },
    rpc::{Answer, Api, RpcError, params::Number},
    upstream::Endpoint,
};
use alloy_primitives::U256;
use jsonrpsee::{core::async_trait, proc_macros::rpc};
use serde::Deserialize;

/// Snapshots, and the way back to genesis. A snapshot keeps the chain, edits, clock, what was fixed
/// about the next block, mining mode, impersonations and what waited in the pool. Snapshots are gone
/// when the node stops.
#[rpc(server, namespace = "anvil")]
pub trait Snapshots {
    /// Remembers the chain as it is now and answers the snapshot's id. Ids count from 1.
    #[method(name = "snapshot", aliases = ["evm_snapshot"])]
    async fn snapshot(&self) -> Answer<U256>;

    /// Goes back to a snapshot; it and all taken after it are gone then. False if there is none of
    /// that id.
    #[method(name = "revert", aliases = ["evm_revert"])]
    async fn revert(&self, id: Number) -> Answer<bool>;

    /// Starts over: the pool is empty, and clock, mining mode, impersonations, snapshots and their ids are
    /// as at the start. Without parameters from the genesis of a chain of its own, also after a load and
    /// where it was a fork; with an empty `forking` from its first block, which of a fork is where it began;
    /// with `jsonRpcUrl` or `blockNumber` from a block of a remote chain, the newest if none is named.
    #[method(name = "reset", aliases = ["hardhat_reset"])]
    async fn reset(&self, options: Option<Reset>) -> Answer<()>;
}

/// What tools send to a reset: nothing, an empty object, or the chain to fork.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reset {
    forking: Option<Fork>,
    #[serde(flatten)]
    untagged: Fork,
}

/// The chain to fork, and the block to begin with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fork {
    json_rpc_url: Option<String>,
    block_number: Option<Number>,
}

impl Reset {
    /// What is asked for.
    fn restart(self) -> Answer<Restart> {
        let named = |fork: &Fork| fork.json_rpc_url.is_some() || fork.block_number.is_some();
        let fork = self.forking.filter(named).or(Some(self.untagged).filter(named));
        let Some(fork) = fork else { return Ok(Restart::Again) };
        let url = fork.json_rpc_url.map(|url| url.parse::<Endpoint>());
        let endpoint = url.transpose().map_err(ForkError::from)?;
        let number = fork.block_number.map(u64::try_from).transpose();
        let number = number.map_err(|_overflow| RpcError::TooLarge("blockNumber"))?;
        let block = number.map_or(ForkBlock::Latest, ForkBlock::Number);
        Ok(Restart::Fork { endpoint, block })
    }
}

#[async_trait]
impl SnapshotsServer for Api {
    async fn snapshot(&self) -> Answer<U256> {
        self.blocking(|node| Ok(U256::from(node.dev.snapshot()?))).await
    }

    async fn revert(&self, id: Number) -> Answer<bool> {
        // An id too large for the counter was never given out.
        let Ok(id) = u64::try_from(id) else { return Ok(false) };
        self.blocking(move |node| Ok(node.dev.revert(id)?)).await
    }

    async fn reset(&self, options: Option<Reset>) -> Answer<()> {
        let to = options.map_or(Ok(Restart::Own), Reset::restart)?;
        self.blocking_apart(move |node| Ok(node.dev.reset(to)?)).await
    }
}
