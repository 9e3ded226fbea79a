//! Which events match?

use super::log_search;
use crate::rpc::{Answer, Api};
use alloy_rpc_types::{Filter, Log};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Events.
#[rpc(server, namespace = "eth")]
pub trait Logs {
    /// The events that match, of one block (by hash) or of a range of blocks, in order.
    #[method(name = "getLogs")]
    async fn logs(&self, filter: Filter) -> Answer<Vec<Log>>;
}

#[async_trait]
impl LogsServer for Api {
    async fn logs(&self, filter: Filter) -> Answer<Vec<Log>> {
        self.blocking(move |node| log_search::search(node, &filter)).await
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
