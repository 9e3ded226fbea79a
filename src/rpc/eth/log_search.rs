//! Which events does a filter ask for, and how much may finding them cost?

use super::error::WatchError;
use crate::{
    primitives::Block,
    rpc::{Answer, RpcContext, RpcError, convert, resolve, room::Room},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::B256;
use alloy_rpc_types::{Filter, FilterBlockOption, Log};

/// All matching events in order, or an error that says how to ask for less.
pub(super) fn search(node: &RpcContext, filter: &Filter) -> Answer<Vec<Log>> {
    check(node, filter)?;
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => in_block(node, filter, hash),
        FilterBlockOption::Range { from_block, to_block } => {
            let head = node.chain.head().number;
            let number = |tag: Option<BlockNumberOrTag>| {
                resolve::number(&node.chain, tag.unwrap_or_default())
            };
            let asked = Range { from: number(from_block), to: number(to_block) };
            let is_exact = [from_block, to_block].iter().flatten().all(|tag| tag.is_number());
            match asked.within(head, is_exact)? {
                Some(range) => in_range(node, filter, range),
                None => Ok(Vec::new()),
            }
        }
    }
}

/// Is that a filter that may be searched or watched for?
pub(super) fn check(node: &RpcContext, filter: &Filter) -> Answer<()> {
    let limit = node.limits.log_terms;
    let mut given =
        std::iter::once(filter.address.len()).chain(filter.topics.iter().map(|t| t.len()));
    if let Some(given) = given.find(|given| *given > limit) {
        return Err(WatchError::TooManyTerms { given, limit }.into());
    }
    let (from, to) = filter.block_option.as_range();
    if [from, to].into_iter().flatten().any(BlockNumberOrTag::is_pending) {
        return Err(WatchError::PendingLogs.into());
    }
    Ok(())
}

/// Blocks `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: u64,
    to: u64,
}

impl Range {
    /// What of the range exists; nothing if it begins after the head. A range that runs backwards
    /// is wrong only if both ends were given as numbers: `latest` moves.
    fn within(self, head: u64, is_exact: bool) -> Answer<Option<Self>> {
        if self.from > self.to && is_exact {
            return Err(RpcError::InvalidBlockRange);
        }
        let to = self.to.min(head);
        Ok((self.from <= to).then_some(Self { from: self.from, to }))
    }
}

fn in_block(node: &RpcContext, filter: &Filter, hash: B256) -> Answer<Vec<Log>> {
    let block = node.chain.block_by_hash(hash)?.ok_or(RpcError::UnknownBlock)?;
    let found = of_block(node, filter, &block)?;
    let limit = node.limits.logs;
    if found.len() > limit {
        return Err(WatchError::TooManyLogsInBlock { limit, block: block.number() }.into());
    }
    Ok(found)
}

fn in_range(node: &RpcContext, filter: &Filter, range: Range) -> Answer<Vec<Log>> {
    let limit = node.limits.log_range;
    // Of a fork, what came before is the upstream's to find.
    let most = node.limits.logs;
    let mut found = node.chain.remote_logs(filter, range.from, range.to, most)?;
    if found.len() > most {
        let last = found.last().and_then(|log| log.block_number).unwrap_or(range.from);
        return Err(too_many(most, range.from, last).into());
    }
    let mut room = Room::of(node);
    for log in &found {
        room.take(log)?;
    }
    let mut search = node.chain.search_logs(filter, range.from, range.to)?;
    let asked = search.unindexed();
    if asked > limit {
        return Err(RpcError::LogRange { asked, limit });
    }
    while let Some(block) = search.next(limit)? {
        let number = block.header.number;
        for log in convert::found(block) {
            room.take(&log)?;
            found.push(log);
        }
        if found.len() > node.limits.logs {
            return Err(too_many(node.limits.logs, range.from, number).into());
        }
    }
    if search.is_done() {
        return Ok(found);
    }
    let to = search.position().saturating_sub(1).max(range.from);
    Err(WatchError::LogWork { limit, from: range.from, to }.into())
}

/// The limit was passed in block `number`: everything before it fits.
fn too_many(limit: usize, from: u64, number: u64) -> WatchError {
    if number == from {
        return WatchError::TooManyLogsInBlock { limit, block: number };
    }
    WatchError::TooManyLogs { limit, from, to: number - 1 }
}

fn of_block(node: &RpcContext, filter: &Filter, block: &Block) -> Answer<Vec<Log>> {
    if block.header.logs_bloom.is_zero() || !filter.matches_bloom(block.header.logs_bloom) {
        return Ok(Vec::new());
    }
    let receipts = resolve::receipts(&node.chain, block)?.ok_or(RpcError::UnknownBlock)?;
    Ok(convert::logs(block, &receipts, |event| filter.matches(event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(from: u64, to: u64, head: u64, is_exact: bool) -> Result<Option<Range>, String> {
        let asked = Range { from, to };
        asked.within(head, is_exact).map_err(|error| error.to_string())
    }

    #[test]
    fn a_range_ends_at_the_head() {
        assert_eq!(within(3, 900, 5, true), Ok(Some(Range { from: 3, to: 5 })));
        assert_eq!(within(5, 5, 5, true), Ok(Some(Range { from: 5, to: 5 })));
        assert_eq!(within(6, 900, 5, true), Ok(None));
    }

    #[test]
    fn a_range_that_runs_backwards_is_wrong_only_in_numbers() {
        let backwards = RpcError::InvalidBlockRange.to_string();
        assert_eq!(within(4, 3, 5, true), Err(backwards));
        assert_eq!(within(6, 5, 5, false), Ok(None), "polling from the next block to `latest`");
    }

    #[test]
    fn too_many_logs_name_the_blocks_that_fit() {
        assert!(matches!(too_many(5, 3, 8), WatchError::TooManyLogs { from: 3, to: 7, .. }));
        assert!(matches!(too_many(5, 3, 3), WatchError::TooManyLogsInBlock { block: 3, .. }));
    }
}
