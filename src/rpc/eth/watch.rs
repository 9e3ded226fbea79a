//! Which filters are there, and how far was each of them read?
//!
//! A filter is a place in the history of the chain or of the pool, and what is wanted of it: nothing is
//! done and nothing grows while nobody reads.

use super::error::WatchError;
use super::news::{News, Topic};
use crate::{
    chain::{Chain, Cursor},
    pool::Pool,
    rpc::{Answer, Api, RpcError, RpcLimits, params::Number},
};
use alloy_rpc_types::Filter;
use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Every filter by its id.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Filters(Mutex<HashMap<u64, Installed>>);

#[derive(Debug)]
struct Installed {
    watch: Arc<Mutex<Watch>>,
    read_at: Instant,
}

impl Filters {
    /// Adds a filter and answers its id. Those that nobody reads any more make room.
    pub(super) fn add(&self, watch: Watch, limits: &RpcLimits) -> Answer<u64> {
        let mut filters = self.0.lock();
        filters.retain(|_id, filter| !filter.is_stale(limits.filter_idle));
        if filters.len() >= limits.filters {
            let (limit, idle) = (limits.filters, limits.filter_idle);
            return Err(WatchError::TooManyFilters { limit, idle }.into());
        }
        let mut id = rand::random();
        while filters.contains_key(&id) {
            id = rand::random();
        }
        let watch = Arc::new(Mutex::new(watch));
        filters.insert(id, Installed { watch, read_at: Instant::now() });
        Ok(id)
    }

    /// A filter that is about to be read.
    pub(super) fn find(&self, id: Number, limits: &RpcLimits) -> Answer<Arc<Mutex<Watch>>> {
        let id = u64::try_from(id).map_err(|_never_given| WatchError::FilterNotFound)?;
        let mut filters = self.0.lock();
        if filters.get(&id).is_some_and(|filter| filter.is_stale(limits.filter_idle)) {
            filters.remove(&id);
        }
        let filter = filters.get_mut(&id).ok_or(WatchError::FilterNotFound)?;
        filter.read_at = Instant::now();
        Ok(filter.watch.clone())
    }

    /// How many there are; those that nobody reads count until they are removed.
    pub(in crate::rpc) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Was it there?
    pub(super) fn remove(&self, id: Number) -> bool {
        u64::try_from(id).is_ok_and(|id| self.0.lock().remove(&id).is_some())
    }
}

impl Installed {
    fn is_stale(&self, idle: Duration) -> bool {
        self.read_at.elapsed() > idle
    }
}

/// What a filter watches, and how far it was read.
#[derive(Debug)]
pub(super) enum Watch {
    Chain {
        topic: Topic,
        cursor: Cursor,
        /// How much of what comes next was answered already.
        answered: usize,
    },
    Pool {
        full: bool,
        seen: u64,
    },
}

impl Watch {
    pub(super) fn chain(chain: &Chain, topic: Topic) -> Self {
        Self::Chain { topic, cursor: chain.follow(), answered: 0 }
    }

    pub(super) fn pool(pool: &Pool, full: bool) -> Self {
        Self::Pool { full, seen: *pool.arrivals().borrow() }
    }

    /// What a filter for events looks for.
    pub(super) fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Chain { topic: Topic::Logs(watch), .. } => Some(&watch.filter),
            _ => None,
        }
    }

    /// What is new, up to one answer full.
    pub(super) fn read(&mut self, api: &Api) -> Answer<Vec<Box<RawValue>>> {
        let mut page = Page::new(&api.limits);
        match self {
            Self::Chain { topic, cursor, answered } => {
                let mut next = *cursor;
                while !page.is_full()
                    && let Some(event) = api.chain.next_event(&mut next)?
                {
                    let news = topic.news(api, &event);
                    let taken = page.take(news.iter().skip(*answered))?;
                    if *answered + taken < news.len() {
                        *answered += taken;
                        break;
                    }
                    (*cursor, *answered) = (next, 0);
                }
            }
            Self::Pool { full, seen } => {
                let arrived = api.pool.arrived_after(*seen, api.limits.logs);
                // The next answer begins with what is there.
                let arrived = arrived.inspect_err(|missed| *seen += missed.missed);
                let arrived = arrived.map_err(WatchError::from)?;
                let news: Vec<_> = arrived.iter().map(|tx| News::transaction(tx, *full)).collect();
                *seen += page.take(news.iter())? as u64;
            }
        }
        Ok(page.rows)
    }
}

/// An answer that is being filled.
struct Page {
    rows: Vec<Box<RawValue>>,
    bytes: usize,
    most_rows: usize,
    most_bytes: usize,
}

impl Page {
    fn new(limits: &RpcLimits) -> Self {
        // Half of what an answer may have: there are brackets, and neighbours in a batch.
        let most_bytes = limits.response_bytes as usize / 2;
        Self { rows: Vec::new(), bytes: 0, most_rows: limits.logs.max(1), most_bytes }
    }

    const fn is_full(&self) -> bool {
        self.rows.len() >= self.most_rows || self.bytes >= self.most_bytes
    }

    /// Takes what fits, one at least into an empty page; answers how many.
    fn take<'a>(&mut self, news: impl Iterator<Item = &'a News>) -> Answer<usize> {
        let before = self.rows.len();
        for news in news {
            if self.is_full() {
                break;
            }
            let row = to_raw_value(news).map_err(|_not_json| RpcError::WorkerLost)?;
            if !self.rows.is_empty() && self.bytes + row.get().len() > self.most_bytes {
                self.bytes = self.most_bytes;
                break;
            }
            self.bytes += row.get().len() + 1;
            self.rows.push(row);
        }
        Ok(self.rows.len() - before)
    }
}
