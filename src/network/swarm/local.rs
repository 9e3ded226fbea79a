//! What did this node itself do that others want to hear? Blocks that it sealed, transactions that its
//! users sent.

use crate::{
    chain::{Chain, ChainError, ChainEvent, Cursor},
    network::{message::Head, recent::Recent},
    pool::Pool,
    primitives::{Block, Transaction},
};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bytes};
use parking_lot::Mutex;
use std::sync::Arc;

/// Blocks of others that are remembered, to tell them from our own.
const IMPORTED: usize = 8_192;
/// Transactions that peers passed on, to tell them from those of our own users.
const HEARD: usize = 65_536;
/// News of the chain that is read together; who is farther behind than that skips it.
const EVENTS: usize = 1_024;
/// So far below the head a block of our own is still told.
const NEWS: u64 = 16;
/// New transactions that are looked at together.
const BATCH: usize = 1_024;

/// Hashes of transactions that peers passed on.
pub(super) type Heard = Arc<Mutex<Recent>>;

/// A place in what this node does.
pub(super) struct Local {
    chain: Arc<Chain>,
    pool: Arc<Pool>,
    cursor: Cursor,
    head: B256,
    /// Transactions that were looked at.
    seen: u64,
    /// Of those that went back to the pool.
    seen_back: u64,
    imported: Recent,
    heard: Heard,
}

/// What the chain's head is, and when it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewHead {
    pub(super) head: Head,
    pub(super) timestamp: u64,
}

impl Local {
    pub(super) fn new(chain: Arc<Chain>, pool: Arc<Pool>) -> Self {
        let (cursor, seen) = (chain.follow(), *pool.taken().borrow());
        let seen_back = *pool.returns().borrow();
        let heard = Arc::new(Mutex::new(Recent::new(HEARD)));
        let (head, imported) = (chain.head().seal(), Recent::new(IMPORTED));
        Self { chain, pool, cursor, head, seen, seen_back, imported, heard }
    }

    /// For those who admit transactions of peers: they enter each before the pool has it.
    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// These blocks come from others.
    pub(super) fn import(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.imported.insert(block.hash());
        }
    }

    /// The head, if it is another than last time.
    pub(super) fn new_head(&mut self) -> Result<Option<NewHead>, ChainError> {
        loop {
            let header = self.chain.head();
            if header.seal() == self.head {
                return Ok(None);
            }
            let new = head_of(&self.chain)?;
            if new.head.hash != header.seal() {
                // It moved meanwhile.
                continue;
            }
            self.head = header.seal();
            return Ok(Some(new));
        }
    }

    /// Blocks that this node sealed since last time. Those that are far back are no news.
    pub(super) fn sealed(&mut self) -> Vec<Block> {
        let mut sealed = Vec::new();
        for _ in 0..EVENTS {
            match self.chain.next_event(&mut self.cursor) {
                Ok(Some(ChainEvent::NewHead(new))) => {
                    if !self.imported.contains(&new.block.hash()) {
                        sealed.push(new.block);
                    }
                }
                Ok(Some(_went)) => {}
                Ok(None) => {
                    // A file of blocks that was read in is no news.
                    let newest = self.chain.head().number;
                    sealed.retain(|it| it.number() + NEWS > newest && self.is_canonical(it));
                    return sealed;
                }
                Err(error) => {
                    tracing::debug!(target: "network", %error, "news of the chain was missed");
                    break;
                }
            }
        }
        // Peers hear of the head in any case, and ask for what leads to it.
        self.cursor = self.chain.follow();
        Vec::new()
    }

    fn is_canonical(&self, block: &Block) -> bool {
        let header = self.chain.header(block.number());
        header.is_ok_and(|it| it.is_some_and(|it| it.seal() == block.hash()))
    }

    /// Transactions of our own users since last time, in their network form, and whether there are more. Also
    /// those that wait for another nonce: while only this node knows them, they end with it.
    pub(super) fn submitted(&mut self) -> (Vec<Bytes>, bool) {
        let arrived = match self.pool.taken_after(self.seen, BATCH) {
            Ok(arrived) => arrived,
            Err(missed) => {
                // Peers ask now and then what waits here.
                self.seen += missed.missed;
                return (Vec::new(), true);
            }
        };
        self.seen += arrived.len() as u64;
        let more = arrived.len() == BATCH;
        let own = {
            let heard = self.heard.lock();
            arrived.into_iter().filter(|tx| !heard.contains(&tx.hash())).collect::<Vec<_>>()
        };
        (own.into_iter().filter_map(|tx| self.network_form(tx)).collect(), more)
    }

    /// Transactions of blocks that another branch replaced, as far as they wait again, since last time, and
    /// whether there are more. Also those that peers passed on: who did may be gone.
    pub(super) fn returned(&mut self) -> (Vec<Bytes>, bool) {
        let returned = match self.pool.returned_after(self.seen_back, BATCH) {
            Ok(returned) => returned,
            Err(missed) => {
                self.seen_back += missed.missed;
                return (Vec::new(), true);
            }
        };
        self.seen_back += returned.len() as u64;
        let more = returned.len() == BATCH;
        let waiting = returned.into_iter().filter(|tx| self.pool.contains(tx.hash()));
        (waiting.filter_map(|tx| self.network_form(tx)).collect(), more)
    }

    /// With its blobs; nothing if they are gone.
    fn network_form(&self, tx: Transaction) -> Option<Bytes> {
        let whole = if tx.is_eip4844() { self.pool.with_blobs(tx.hash())? } else { tx };
        Some(whole.envelope().encoded_2718().into())
    }
}

/// The head of a chain.
pub(super) fn head_of(chain: &Chain) -> Result<NewHead, ChainError> {
    loop {
        let header = chain.head();
        let total_difficulty = chain.total_difficulty(header.number)?;
        if chain.head().seal() != header.seal() {
            continue;
        }
        let head = Head { number: header.number, hash: header.seal(), total_difficulty };
        return Ok(NewHead { head, timestamp: header.timestamp });
    }
}
