//! How does the chain go back?

use super::DevelopmentError;
use crate::rpc::{Answer, Api, params::Number};
use alloy_primitives::U256;
use jsonrpsee::{core::async_trait, proc_macros::rpc};
use serde::Deserialize;
use serde_json::Value;

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

    /// Starts over from genesis: the pool is empty, and clock, mining mode, impersonations, snapshots
    /// and their ids are as at the start.
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fork {
    json_rpc_url: Option<Value>,
    block_number: Option<Value>,
}

impl Reset {
    fn forks(&self) -> bool {
        let named = |fork: &Fork| fork.json_rpc_url.is_some() || fork.block_number.is_some();
        named(&self.untagged) || self.forking.as_ref().is_some_and(named)
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
        if options.is_some_and(|options| options.forks()) {
            return Err(DevelopmentError::NoForking { method: "anvil_reset" }.into());
        }
        self.blocking(|node| Ok(node.dev.reset()?)).await
    }
}
