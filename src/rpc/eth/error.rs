//! Why is a search for events refused, or a watch for news?

use crate::{pool::MissedArrivals, rpc::error::SERVER_ERROR};
use jsonrpsee::types::error::{INVALID_PARAMS_CODE, METHOD_NOT_FOUND_CODE};
use std::time::Duration;

/// Why a search for events, a filter or a subscription is refused. Texts are geth's where geth has one.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A log search that has too many blocks to look into.
    #[error(
        "query looks into more than {limit} blocks; narrow the filter or ask for blocks {from} to {to}"
    )]
    LogWork {
        /// Blocks allowed.
        limit: u64,
        /// First block of the search.
        from: u64,
        /// Last block that was reached.
        to: u64,
    },
    /// A log search that finds too much.
    #[error(
        "query returns more than {limit} logs; narrow the filter or ask for blocks {from} to {to}"
    )]
    TooManyLogs {
        /// Logs allowed.
        limit: usize,
        /// First block of the search.
        from: u64,
        /// Last block up to which the logs fit.
        to: u64,
    },
    /// One block alone holds more matching logs than may be answered.
    #[error("block {block} alone has more than {limit} matching logs; narrow the filter")]
    TooManyLogsInBlock {
        /// Logs allowed.
        limit: usize,
        /// The block.
        block: u64,
    },
    /// A search for events of a block that does not exist yet.
    #[error("pending logs are not supported")]
    PendingLogs,
    /// More addresses, or more topics at one place, than a search may name.
    #[error("exceed max addresses or topics per search position: {given} given, {limit} allowed")]
    TooManyTerms {
        /// Addresses or topics given.
        given: usize,
        /// Addresses or topics allowed.
        limit: usize,
    },
    /// More addresses and topics are watched for than there is room for.
    #[error(
        "all filters and subscriptions may watch for {limit} addresses and topics together; remove some"
    )]
    TooManyWatched {
        /// Addresses and topics allowed.
        limit: usize,
    },
    /// No filter has that id, or nobody read it for too long.
    #[error("filter not found")]
    FilterNotFound,
    /// More filters than there is room for.
    #[error(
        "too many filters: {limit} are installed; remove some with eth_uninstallFilter, raise \
         --rpc-max-filters, or wait: a filter goes when nobody reads it for {idle:?}"
    )]
    TooManyFilters {
        /// Filters allowed.
        limit: usize,
        /// How long one stays that nobody reads.
        idle: Duration,
    },
    /// A subscription of a kind that does not exist.
    #[error("no \"{0}\" subscription in eth namespace")]
    NoSubscription(String),
    /// A subscription to the receipts of too many transactions.
    #[error(
        "exceed max number of transaction hashes allowed per transactionReceipts subscription: {given} given, {limit} allowed"
    )]
    TooManyHashes {
        /// Hashes given.
        given: usize,
        /// Hashes allowed.
        limit: usize,
    },
    /// A subscriber that takes nothing.
    #[error("the client took no news for {patience:?}")]
    SlowReader {
        /// How long it was waited for.
        patience: Duration,
    },
    /// A watcher of the pool that was away for too long.
    #[error(transparent)]
    MissedArrivals(#[from] MissedArrivals),
}

impl WatchError {
    /// The JSON-RPC error code.
    pub(in crate::rpc) const fn code(&self) -> i32 {
        match self {
            Self::LogWork { .. } | Self::TooManyLogs { .. } | Self::TooManyLogsInBlock { .. } => {
                INVALID_PARAMS_CODE
            }
            Self::NoSubscription(_) => METHOD_NOT_FOUND_CODE,
            _ => SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::RpcError;
    use jsonrpsee::types::ErrorObjectOwned;

    #[test]
    fn each_refusal_says_the_numbers_and_what_to_do() {
        let reads = |error: WatchError, code: i32, text: &str| {
            let object = ErrorObjectOwned::from(RpcError::from(error));
            assert_eq!((object.code(), object.message()), (code, text));
        };
        let text =
            "query looks into more than 7 blocks; narrow the filter or ask for blocks 1 to 4";
        reads(WatchError::LogWork { limit: 7, from: 1, to: 4 }, -32602, text);
        let text = "query returns more than 5 logs; narrow the filter or ask for blocks 1 to 3";
        reads(WatchError::TooManyLogs { limit: 5, from: 1, to: 3 }, -32602, text);
        let text = "block 9 alone has more than 5 matching logs; narrow the filter";
        reads(WatchError::TooManyLogsInBlock { limit: 5, block: 9 }, -32602, text);
        reads(WatchError::PendingLogs, -32000, "pending logs are not supported");
        let text = "exceed max addresses or topics per search position: 1001 given, 1000 allowed";
        reads(WatchError::TooManyTerms { given: 1_001, limit: 1_000 }, -32000, text);
        reads(WatchError::FilterNotFound, -32000, "filter not found");
        let text = "no \"x\" subscription in eth namespace";
        reads(WatchError::NoSubscription("x".into()), -32601, text);
        let text = "too many filters: 2 are installed; remove some with eth_uninstallFilter, raise \
                    --rpc-max-filters, or wait: a filter goes when nobody reads it for 300s";
        let idle = Duration::from_secs(300);
        reads(WatchError::TooManyFilters { limit: 2, idle }, -32000, text);
    }
}
