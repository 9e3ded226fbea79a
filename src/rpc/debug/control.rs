//! What may an operator change while the node runs?

use crate::rpc::{Answer, Api, RpcError, params::Number, resolve};
use alloy_eips::BlockNumberOrTag;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Changes of the node itself.
#[rpc(server, namespace = "debug")]
pub trait Control {
    /// Makes an older block the head again. What came after it is gone; transactions that wait go on
    /// waiting.
    #[method(name = "setHead")]
    async fn set_head(&self, block: BlockNumberOrTag) -> Answer<()>;

    /// Drops every transaction that waits.
    #[method(name = "clearTxpool")]
    async fn clear_txpool(&self) -> Answer<()>;

    /// Chooses what the log says: 0 nothing, 1 errors, 2 warnings, 3 news, 4 debugging, 5 everything.
    #[method(name = "verbosity")]
    fn verbosity(&self, level: Number) -> Answer<()>;
}

#[async_trait]
impl ControlServer for Api {
    async fn set_head(&self, block: BlockNumberOrTag) -> Answer<()> {
        self.blocking(move |node| Ok(node.dev.set_head(resolve::number(&node.chain, block))?)).await
    }

    async fn clear_txpool(&self) -> Answer<()> {
        self.drop_everything().await
    }

    fn verbosity(&self, level: Number) -> Answer<()> {
        if self.verbosity.set(level.saturating_to()) { Ok(()) } else { Err(RpcError::FixedLog) }
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
