//! What is new since I asked last? Filters, for those who poll.

use super::{
    error::WatchError,
    log_search,
    news::{LogWatch, Topic},
    watch::Watch,
};
use crate::rpc::{Answer, Api, params::Number};
use alloy_rpc_types::{Filter, Log};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::value::RawValue;

/// Filters. One that nobody reads for [`RpcLimits::filter_idle`](crate::rpc::RpcLimits) is removed.
#[rpc(server, namespace = "eth")]
pub trait Filters {
    /// Watches for events from now on, and for their removal.
    #[method(name = "newFilter")]
    fn new_filter(&self, filter: Filter) -> Answer<String>;

    /// Watches for blocks from now on; answers their hashes.
    #[method(name = "newBlockFilter")]
    fn new_block_filter(&self) -> Answer<String>;

    /// Watches for transactions that can run; answers their hashes, or with true the whole of them.
    #[method(name = "newPendingTransactionFilter")]
    fn new_pending_transaction_filter(&self, full: Option<bool>) -> Answer<String>;

    /// What is new since the last time: as much as fits into one answer, the rest with the next.
    #[method(name = "getFilterChanges")]
    async fn filter_changes(&self, id: Number) -> Answer<Vec<Box<RawValue>>>;

    /// Every event in the whole range of a filter for events.
    #[method(name = "getFilterLogs")]
    async fn filter_logs(&self, id: Number) -> Answer<Vec<Log>>;

    /// Removes a filter. False if there is none of that id.
    #[method(name = "uninstallFilter")]
    fn uninstall_filter(&self, id: Number) -> Answer<bool>;
}

#[async_trait]
impl FiltersServer for Api {
    fn new_filter(&self, filter: Filter) -> Answer<String> {
        let topic = Topic::Logs(LogWatch::new(self, filter)?);
        self.install(Watch::chain(&self.chain, topic))
    }

    fn new_block_filter(&self) -> Answer<String> {
        self.install(Watch::chain(&self.chain, Topic::Hashes))
    }

    fn new_pending_transaction_filter(&self, full: Option<bool>) -> Answer<String> {
        self.install(Watch::pool(&self.pool, full.unwrap_or(false)))
    }

    async fn filter_changes(&self, id: Number) -> Answer<Vec<Box<RawValue>>> {
        let watch = self.filters().find(id, &self.limits)?;
        let api = self.clone();
        self.blocking(move |_node| watch.lock().read(&api)).await
    }

    async fn filter_logs(&self, id: Number) -> Answer<Vec<Log>> {
        let watch = self.filters().find(id, &self.limits)?;
        let filter = watch.lock().filter().cloned().ok_or(WatchError::FilterNotFound)?;
        self.blocking(move |node| log_search::search(node, &filter)).await
    }

    fn uninstall_filter(&self, id: Number) -> Answer<bool> {
        Ok(self.filters().remove(id))
    }
}

impl Api {
    fn install(&self, watch: Watch) -> Answer<String> {
        let id = self.filters().add(watch, &self.limits)?;
        Ok(format!("{id:#x}"))
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
