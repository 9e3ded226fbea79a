//! Where did an address send or receive?

use super::blocks::in_block;
use crate::rpc::{
    Answer, Api, RpcContext, RpcError,
    params::{At, Number},
    resolve,
    room::Room,
};
use alloy_eips::BlockId;
use alloy_primitives::Address;
use alloy_rpc_types::trace::{
    filter::{TraceFilter, TraceFilterMatcher, TraceFilterMode},
    parity::LocalizedTransactionTrace,
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::Deserialize;

/// Searches over blocks.
#[rpc(server, namespace = "trace")]
pub trait Search {
    /// The traces of a range of blocks that match, in order.
    #[method(name = "filter")]
    async fn filter(&self, filter: Wanted) -> Answer<Vec<LocalizedTransactionTrace>>;
}

/// What is looked for. Without addresses everything matches.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Wanted {
    /// The newest block by default.
    from_block: Option<At>,
    /// The newest block by default.
    to_block: Option<At>,
    from_address: Option<Vec<Address>>,
    to_address: Option<Vec<Address>>,
    /// Both addresses must match, or one of them.
    mode: TraceFilterMode,
    /// How many matches are left out.
    after: Option<Number>,
    /// How many matches are answered at most.
    count: Option<Number>,
}

impl Wanted {
    fn matcher(&mut self) -> TraceFilterMatcher {
        let filter = TraceFilter::default().mode(self.mode);
        let filter = filter.from_address(self.from_address.take().unwrap_or_default());
        filter.to_address(self.to_address.take().unwrap_or_default()).matcher()
    }
}

#[async_trait]
impl SearchServer for Api {
    async fn filter(&self, filter: Wanted) -> Answer<Vec<LocalizedTransactionTrace>> {
        self.blocking(move |node| search(node, filter)).await
    }
}

fn search(node: &RpcContext, mut wanted: Wanted) -> Answer<Vec<LocalizedTransactionTrace>> {
    let (from, to) = (number(node, wanted.from_block)?, number(node, wanted.to_block)?);
    if from > to {
        return Err(RpcError::InvalidBlockRange);
    }
    let to = to.min(node.chain.head().number);
    let matcher = wanted.matcher();
    let mut page = Page {
        skip: wanted.after.map_or(0, |after| after.saturating_to()),
        take: wanted.count.map_or(usize::MAX, |count| count.saturating_to()),
        found: Vec::new(),
    };
    let blocks = (to + 1).saturating_sub(from);
    let limit = node.limits.trace_range;
    if blocks > limit {
        return Err(RpcError::TraceRange { asked: blocks, limit });
    }
    let limit = node.limits.traces;
    let mut room = Room::of(node);
    for number in from..=to {
        if page.is_full() {
            break;
        }
        let Some(block) = node.chain.block(number)? else { break };
        in_block(node, block, |trace| {
            if matcher.matches(&trace.trace) {
                page.turn(trace, limit, |trace| room.fits(trace));
            }
        })?;
        room.check()?;
        if page.found.len() > limit {
            return Err(RpcError::TooManyTraces { limit });
        }
    }
    Ok(page.found)
}

/// The height that is meant; it may lie beyond the head.
fn number(node: &RpcContext, at: Option<At>) -> Answer<u64> {
    match At::or_latest(at) {
        BlockId::Number(tag) => Ok(resolve::number(&node.chain, tag)),
        hash => Ok(resolve::canonical(&node.chain, hash)?.number),
    }
}

/// A page of matches.
#[derive(Debug)]
struct Page<T> {
    skip: usize,
    take: usize,
    found: Vec<T>,
}

impl<T> Page<T> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.take
    }

    /// Takes a match if it is on the page and there is room for it. One more than `limit` is kept, to tell
    /// that there are too many.
    fn turn(&mut self, one: T, limit: usize, mut has_room: impl FnMut(&T) -> bool) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.is_full() && self.found.len() <= limit && has_room(&one) {
            self.found.push(one);
        }
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(skip: usize, take: usize, limit: usize) -> Vec<u32> {
        let mut page = Page { skip, take, found: Vec::new() };
        (0..10).for_each(|number| page.turn(number, limit, |_| true));
        page.found
    }

    #[test]
    fn a_page_begins_after_some_matches_and_ends_with_its_count() {
        assert_eq!(page(2, 3, 100), [2, 3, 4]);
        assert_eq!(page(8, 5, 100), [8, 9]);
        assert_eq!(page(0, 0, 100), Vec::<u32>::new());
    }

    #[test]
    fn one_match_over_the_limit_is_kept_and_no_more() {
        assert_eq!(page(1, 100, 3), [1, 2, 3, 4]);
    }
}
