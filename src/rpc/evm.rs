//! `evm_*`: blocks on demand, snapshots.

use super::{Answer, Api, RpcError, params::{Mine, Number}};
use alloy_primitives::{U64, U256};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Blocks on demand and snapshots, under ganache's names.
#[rpc(server, namespace = "evm")]
pub trait Evm {
    /// Makes blocks (one if nothing is said); the first at the timestamp, if one is given. Answers
    /// `0x0`, as every development node does.
    #[method(name = "mine")]
    async fn mine(&self, options: Option<Mine>) -> Answer<U64>;

    /// Remembers the chain as it is now and answers the snapshot's id.
    #[method(name = "snapshot", aliases = ["anvil_snapshot"])]
    async fn snapshot(&self) -> Answer<U256>;

    /// Goes back to a snapshot; it and all taken after it are gone then. False if there is none of
    /// that id.
    #[method(name = "revert", aliases = ["anvil_revert"])]
    async fn revert(&self, id: Number) -> Answer<bool>;
}

#[async_trait]
impl EvmServer for Api {
    async fn mine(&self, options: Option<Mine>) -> Answer<U64> {
        let Mine { timestamp, blocks } = options.unwrap_or_default();
        if let Some(timestamp) = timestamp {
            self.chain.clock().set_next_timestamp(timestamp)?;
        }
        self.mine_blocks(blocks.unwrap_or(1), None).await?;
        Ok(U64::ZERO)
    }

    async fn snapshot(&self) -> Answer<U256> {
        self.blocking(|node| Ok(node.dev.snapshot())).await
    }

    async fn revert(&self, id: Number) -> Answer<bool> {
        self.blocking(move |node| Ok(node.dev.revert(id)?)).await
    }
}

impl Api {
    /// Asks for blocks, `seconds` apart, and waits until the last is visible.
    pub(super) async fn mine_blocks(&self, blocks: u64, seconds: Option<u64>) -> Answer<()> {
        let limit = self.limits.mined_blocks;
        if blocks > limit {
            return Err(RpcError::TooManyBlocks { asked: blocks, limit });
        }
        let apart = seconds.map(std::time::Duration::from_secs);
        Ok(self.sealer.mine(blocks, apart).await?)
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
