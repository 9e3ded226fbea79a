//! `evm_*`: blocks on demand, snapshots.

use super::{
    Answer, Api, RpcError,
    params::{Mine, Number},
};
use crate::sealer::BlockOptions;
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
        self.mine_blocks(blocks.unwrap_or(1), timestamp, None).await?;
        Ok(U64::ZERO)
    }

    async fn snapshot(&self) -> Answer<U256> {
        self.blocking(|node| Ok(U256::from(node.dev.snapshot()))).await
    }

    async fn revert(&self, id: Number) -> Answer<bool> {
        // An id too large for the counter was never given out.
        let Ok(id) = u64::try_from(id) else { return Ok(false) };
        self.blocking(move |node| Ok(node.dev.revert(id)?)).await
    }
}

impl Api {
    /// Makes blocks and waits until the last is visible: the first at `first` (seconds since 1970)
    /// if that is given, each next one `apart` seconds after the one before.
    pub(super) async fn mine_blocks(
        &self,
        blocks: u64,
        first: Option<u64>,
        apart: Option<u64>,
    ) -> Answer<()> {
        let limit = self.limits.mined_blocks;
        if blocks > limit {
            return Err(RpcError::TooManyBlocks { asked: blocks, limit });
        }
        let mut timestamp = first;
        for _block in 0..blocks {
            self.sealer.mine(BlockOptions { timestamp, empty: false }).await?;
            timestamp = apart.map(|seconds| self.chain.head().timestamp.saturating_add(seconds));
        }
        Ok(())
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
