//! What do chain and pool have that a peer asks for? As much as is there and fits, and no more.

use super::{
    codec::{MAX_ANCESTRY, MAX_BODIES, MAX_HEADERS, MAX_RESPONSE_BYTES, MAX_TRANSACTIONS},
    message::{EncodedBlock, Request, Response},
};
use crate::{
    chain::{Chain, ChainError},
    pool::Pool,
    primitives::{Block, BlockNumHash},
};
use alloy_consensus::Header;
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bytes, map::B256Map};

/// An answer ends with the item that makes it this long, in bytes: what one peer holds of our memory.
const ENOUGH_BYTES: usize = 2 << 20;
/// What the frame of an answer takes at most, in bytes.
const FRAME_BYTES: usize = 64;

/// Answers a request from chain and pool; `None` for others.
///
/// # Errors
/// A [`ChainError`] if the database cannot be read.
pub fn serve(
    chain: &Chain,
    pool: &Pool,
    request: &Request,
) -> Result<Option<Response>, ChainError> {
    Ok(match request {
        Request::Headers { from, count } => Some(Response::Headers(headers(chain, *from, *count)?)),
        Request::Bodies(hashes) => Some(Response::Bodies(bodies(chain, hashes)?)),
        Request::Ancestry { of, count } => Some(Response::Ancestry(ancestry(chain, *of, *count)?)),
        Request::Waiting => Some(Response::Waiting(waiting(pool))),
        Request::Transactions(hashes) => Some(Response::Transactions(transactions(pool, hashes))),
        Request::Hello(_) | Request::Head(_) | Request::Peers => None,
    })
}

fn headers(chain: &Chain, from: u64, count: u64) -> Result<Vec<Header>, ChainError> {
    let (mut headers, mut room): (Vec<Header>, _) = (Vec::new(), Room::new());
    let mut before = None;
    let count = count.min(MAX_HEADERS as u64);
    for number in from..from.saturating_add(count) {
        let Some(header) = chain.header(number)? else { break };
        // A reorganisation in between: what follows is of another branch.
        if before.is_some_and(|before| before != header.parent_hash) {
            break;
        }
        before = Some(header.seal());
        if !room.takes(alloy_rlp::Encodable::length(header.inner())) {
            break;
        }
        headers.push(header.inner().clone());
    }
    Ok(headers)
}

fn bodies(chain: &Chain, hashes: &[B256]) -> Result<Vec<Bytes>, ChainError> {
    let (mut bodies, mut room) = (Vec::new(), Room::new());
    let mut blocks = Blocks::of(chain);
    for hash in hashes.iter().take(MAX_BODIES) {
        let Some(block) = blocks.by_hash(*hash)? else { break };
        let body = block.body.encode();
        if !room.takes(body.len()) {
            break;
        }
        bodies.push(body.into());
    }
    Ok(bodies)
}

fn ancestry(chain: &Chain, of: B256, count: u64) -> Result<Vec<EncodedBlock>, ChainError> {
    let (mut blocks, mut room) = (Vec::new(), Room::new());
    let mut next = Blocks::of(chain).by_hash(of)?;
    while let Some(found) = next.filter(|_| blocks.len() < count.min(MAX_ANCESTRY as u64) as usize)
    {
        let encoded = EncodedBlock::from(&found);
        if !room.takes(encoded.rlp.len()) {
            break;
        }
        next = parent(chain, &found)?;
        blocks.push(encoded);
    }
    Ok(blocks)
}

/// Blocks that are canonical or beside the canonical chain.
struct Blocks<'a> {
    chain: &'a Chain,
    /// Those beside it, once they were looked for: a hash alone does not say where one lies, and a request may
    /// name a thousand that nobody has.
    aside: Option<B256Map<BlockNumHash>>,
}

impl<'a> Blocks<'a> {
    const fn of(chain: &'a Chain) -> Self {
        Self { chain, aside: None }
    }

    fn by_hash(&mut self, hash: B256) -> Result<Option<Block>, ChainError> {
        if let Some(block) = self.chain.block_by_hash(hash)? {
            return Ok(Some(block));
        }
        let aside = match &mut self.aside {
            Some(aside) => aside,
            none => {
                let all = self.chain.side_blocks()?;
                none.insert(all.into_iter().map(|at| (at.hash, at)).collect())
            }
        };
        let Some(at) = aside.get(&hash) else { return Ok(None) };
        Ok(self.chain.side_block(*at)?.map(|aside| aside.block))
    }
}

fn parent(chain: &Chain, child: &Block) -> Result<Option<Block>, ChainError> {
    let Some(number) = child.number().checked_sub(1) else { return Ok(None) };
    let at = BlockNumHash::new(number, child.header.parent_hash);
    if let Some(block) = chain.block(number)?.filter(|block| block.hash() == at.hash) {
        return Ok(Some(block));
    }
    Ok(chain.side_block(at)?.map(|aside| aside.block))
}

/// The oldest that can run, then the oldest that others must precede: after a partition each side may have
/// what the other's wait for.
fn waiting(pool: &Pool) -> Vec<B256> {
    let all = pool.pending().into_iter().chain(pool.queued());
    let told = all.filter(|one| !one.is_impersonated());
    told.take(MAX_TRANSACTIONS).map(|one| one.hash()).collect()
}

fn transactions(pool: &Pool, hashes: &[B256]) -> Vec<Bytes> {
    let mut room = Room::new();
    let found = hashes.iter().filter_map(|hash| pool.with_blobs(*hash).or_else(|| pool.get(*hash)));
    let found = found.filter(|one| !one.is_impersonated());
    let encoded = found.map(|one| Bytes::from(one.envelope().encoded_2718()));
    encoded.take(MAX_TRANSACTIONS).take_while(|one| room.takes(one.len())).collect()
}

/// How much still goes into an answer.
struct Room {
    bytes: usize,
}

impl Room {
    const fn new() -> Self {
        Self { bytes: 0 }
    }

    /// Is there room for an item of so many bytes of RLP? Then it is taken.
    const fn takes(&mut self, bytes: usize) -> bool {
        let after = self.bytes + bytes + 9;
        if self.bytes >= ENOUGH_BYTES || after > MAX_RESPONSE_BYTES - FRAME_BYTES {
            return false;
        }
        self.bytes = after;
        true
    }
}
