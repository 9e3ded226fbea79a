//! What do those who watch hear of?

use super::{error::WatchError, log_search};
use crate::{
    chain::{ChainEvent, Cursor},
    primitives::Transaction,
    rpc::{Answer, Api, RpcError, convert},
    storage::StoredBlock,
};
use alloy_primitives::{B256, map::B256Set};
use alloy_rpc_types::{
    Filter, FilterBlockOption, Header, Log, Transaction as RpcTransaction, TransactionReceipt,
};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

/// What somebody wants to hear of the chain.
#[derive(Debug)]
pub(super) enum Topic {
    /// The header of every new block.
    Heads,
    /// The hash of every new block.
    Hashes,
    /// Matching events of new blocks, and again when their block is gone.
    Logs(Box<LogWatch>),
    /// The receipts of every new block in one piece; only those of these transactions, if there are
    /// any.
    Receipts(B256Set),
}

/// A filter, and the place that its terms take among all that are watched for.
#[derive(Debug)]
pub(super) struct LogWatch {
    pub(super) filter: Filter,
    _terms: OwnedSemaphorePermit,
}

/// One piece of news as it goes over the wire.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum News {
    Head(Box<Header>),
    Hash(B256),
    Log(Box<Log>),
    Receipts(Vec<TransactionReceipt>),
    Transaction(Box<RpcTransaction>),
}

impl News {
    /// A transaction that can run.
    pub(super) fn transaction(tx: &Transaction, full: bool) -> Self {
        match full {
            true => Self::Transaction(Box::new(convert::waiting(tx))),
            false => Self::Hash(tx.hash()),
        }
    }
}

impl Topic {
    /// What an event means to who wants to hear of this.
    pub(super) fn news(&self, api: &Api, event: &ChainEvent) -> Vec<News> {
        match (self, event) {
            (Self::Heads, ChainEvent::NewHead(new)) => {
                vec![News::Head(Box::new(convert::header(&new.block.header)))]
            }
            (Self::Hashes, ChainEvent::NewHead(new)) => vec![News::Hash(new.block.hash())],
            (Self::Logs(watch), ChainEvent::NewHead(new)) => watch.matching(new, false).collect(),
            (Self::Logs(watch), ChainEvent::Unwound { removed, .. }) => {
                let newest_first = removed.iter().rev();
                newest_first.flat_map(|block| watch.matching(block, true)).collect()
            }
            (Self::Receipts(wanted), ChainEvent::NewHead(new)) => {
                let mut receipts = convert::receipts(&api.chain.spec(), &new.block, &new.receipts);
                receipts.retain(|receipt| {
                    wanted.is_empty() || wanted.contains(&receipt.transaction_hash)
                });
                if receipts.is_empty() { Vec::new() } else { vec![News::Receipts(receipts)] }
            }
            (_, ChainEvent::Unwound { .. }) => Vec::new(),
        }
    }
}

impl LogWatch {
    /// Takes a place for a filter's terms.
    ///
    /// # Errors
    /// When the filter is none that can be watched for, or too much is watched already.
    pub(super) fn new(api: &Api, filter: Filter) -> Answer<Self> {
        log_search::check(api, &filter)?;
        if let FilterBlockOption::Range { from_block, to_block } = filter.block_option {
            let number =
                |tag: Option<alloy_eips::BlockNumberOrTag>| tag.and_then(|tag| tag.as_number());
            if number(from_block) > number(to_block) && number(to_block).is_some() {
                return Err(RpcError::InvalidBlockRange);
            }
        }
        let terms = filter.address.len() + filter.topics.iter().map(|any| any.len()).sum::<usize>();
        let limit = api.limits.watched_terms;
        let taken =
            api.watched().clone().try_acquire_many_owned(terms.try_into().unwrap_or(u32::MAX));
        let _terms = taken.map_err(|_none_left| WatchError::TooManyWatched { limit })?;
        Ok(Self { filter, _terms })
    }

    /// The events of a block that the filter wants, marked if the block is gone.
    fn matching<'a>(
        &'a self,
        stored: &'a StoredBlock,
        removed: bool,
    ) -> impl Iterator<Item = News> + use<'a> {
        let header = &stored.block.header;
        let may_match = self.filter.matches_block_range(header.number)
            && !header.logs_bloom.is_zero()
            && self.filter.matches_bloom(header.logs_bloom);
        let wanted = |event: &_| self.filter.matches(event);
        let found = may_match.then(|| convert::logs(&stored.block, &stored.receipts, wanted));
        let found = found.into_iter().flatten();
        found.map(move |log| News::Log(Box::new(Log { removed, ..log })))
    }
}

impl Api {
    /// What happened next at a place of the chain. What is not in memory is read elsewhere than on the
    /// runtime's threads.
    pub(super) async fn next_event(&self, cursor: &mut Cursor) -> Answer<Option<ChainEvent>> {
        if self.chain.is_near(cursor) {
            return Ok(self.chain.next_event(cursor)?);
        }
        let mut from = *cursor;
        let read = self.blocking(move |node| {
            let event = node.chain.next_event(&mut from)?;
            Ok((event, from))
        });
        let (event, reached) = read.await?;
        *cursor = reached;
        Ok(event)
    }
}
