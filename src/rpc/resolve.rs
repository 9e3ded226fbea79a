//! Which block does a number, tag or hash mean? The one resolver of block parameters.

use super::{Answer, RpcError};
use crate::{
    chain::Chain,
    primitives::{Block, Receipt, SealedHeader},
    state::StateView,
};
use alloy_eips::{BlockId, BlockNumberOrTag, RpcBlockHash};
use std::sync::Arc;

/// The height that a number or tag stands for; it may lie beyond the head. `pending` is the head:
/// what waits in the pool shows in nonces, not in a block.
pub(super) fn number(chain: &Chain, tag: BlockNumberOrTag) -> u64 {
    match tag {
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => chain.head().number,
        BlockNumberOrTag::Safe => chain.finality().safe,
        BlockNumberOrTag::Finalized => chain.finality().finalized,
        BlockNumberOrTag::Earliest => chain.earliest(),
        BlockNumberOrTag::Number(number) => number,
    }
}

/// The header that was asked for, if there is such a block.
pub(super) fn header(chain: &Chain, id: BlockId) -> Answer<Option<Arc<SealedHeader>>> {
    match id {
        BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => {
            Ok(Some(chain.head()))
        }
        BlockId::Number(tag) => Ok(chain.header(number(chain, tag))?),
        BlockId::Hash(hash) => {
            let header = chain.header_by_hash(hash.block_hash)?;
            header.map_or(Ok(None), |header| wanted(chain, header, hash))
        }
    }
}

/// The block that was asked for, if there is one.
pub(super) fn block(chain: &Chain, id: BlockId) -> Answer<Option<Block>> {
    match id {
        BlockId::Number(tag) => Ok(chain.block(number(chain, tag))?),
        BlockId::Hash(hash) => match header(chain, id)? {
            Some(_) => Ok(chain.block_by_hash(hash.block_hash)?),
            None => Ok(None),
        },
    }
}

/// The state that was asked for, with the block it belongs to. At the head it holds what the
/// developer edited since; at every other block it is exactly what the block's root says.
pub(super) fn state(chain: &Chain, id: BlockId) -> Answer<(Arc<SealedHeader>, StateView)> {
    if let BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) = id {
        return Ok(chain.latest()?);
    }
    let header = canonical(chain, id)?;
    if header.number == chain.head().number {
        let (head, view) = chain.latest()?;
        if head.seal() == header.seal() {
            return Ok((head, view));
        }
    }
    let view = chain.state_at(header.number)?;
    Ok((header, view))
}

/// The header of a canonical block, whose state can be read and proven.
pub(super) fn canonical(chain: &Chain, id: BlockId) -> Answer<Arc<SealedHeader>> {
    let Some(found) = header(chain, id)? else {
        return Err(match id {
            BlockId::Hash(_) => RpcError::HeaderForHashNotFound,
            BlockId::Number(_) => RpcError::HeaderNotFound,
        });
    };
    if id.is_hash() && !is_canonical(chain, &found)? {
        return Err(RpcError::NotCanonical);
    }
    Ok(found)
}

/// Is that the block of its height on the canonical chain?
fn is_canonical(chain: &Chain, header: &SealedHeader) -> Answer<bool> {
    let there = chain.header(header.number)?;
    Ok(there.is_some_and(|there| there.seal() == header.seal()))
}

/// Keeps to `requireCanonical` of [EIP-1898](https://eips.ethereum.org/EIPS/eip-1898).
fn wanted(
    chain: &Chain,
    header: Arc<SealedHeader>,
    hash: RpcBlockHash,
) -> Answer<Option<Arc<SealedHeader>>> {
    if hash.require_canonical == Some(true) && !is_canonical(chain, &header)? {
        return Err(RpcError::NotCanonical);
    }
    Ok(Some(header))
}

/// The receipts of a block that was read before; none if it left the canonical chain meanwhile, or
/// was never on it.
pub(super) fn receipts(chain: &Chain, block: &Block) -> Answer<Option<Arc<Vec<Receipt>>>> {
    let receipts = chain.receipts(block.number())?;
    // Looked up after the receipts: whoever replaces the block replaces its header with it.
    Ok(if is_canonical(chain, &block.header)? { receipts } else { None })
}
