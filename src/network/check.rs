//! Is what others sent right, as far as that can be said before it is executed?
//!
//! Reads the database, verifies seals and recovers senders: never done by the machine itself.

use super::{
    message::EncodedBlock,
    protocol::{Above, Check, Checked, Refusal},
};
use crate::{
    chain::{Chain, ChainError, HeaderRun, HeaderTip, ImportError, InvalidBlock},
    pool::Pool,
    primitives::{Block, BlockDecodeError, BlockNumHash, Body, SealedHeader},
    spec::{self, BodyError},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use rayon::prelude::*;
use std::sync::Arc;

/// Why something that was sent is not right.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("block {} ({}): {reason}", block.number, block.hash)]
    Undecodable { block: BlockNumHash, reason: BlockDecodeError },
    #[error("the body that was sent for block {} ({}): {reason}", block.number, block.hash)]
    Body { block: BlockNumHash, reason: Box<BodyError> },
    #[error("{bodies} bodies for {headers} headers")]
    Count { headers: usize, bodies: usize },
    #[error("nothing is known of block {} ({})", .0.number, .0.hash)]
    Unknown(BlockNumHash),
}

/// Finds out what the machine asked for. Any number may run at a time.
pub fn check(chain: &Chain, pool: &Pool, check: Check) -> Checked {
    let done = match check {
        Check::Canonical(at) => {
            is_canonical(chain, at).map(Checked::Canonical).map_err(CheckError::from)
        }
        Check::Headers { above, headers } => check_headers(chain, above, headers),
        Check::Bodies { headers, bodies } => check_bodies(chain, headers, bodies),
        Check::Blocks(blocks) => check_blocks(chain, &blocks),
        Check::Missing(mut hashes) => {
            hashes.retain(|hash| !pool.contains(*hash));
            Ok(Checked::Missing(hashes))
        }
    };
    done.unwrap_or_else(|error| Checked::Refused(refusal(&error)))
}

fn is_canonical(chain: &Chain, at: BlockNumHash) -> Result<bool, ChainError> {
    Ok(chain.header(at.number)?.is_some_and(|header| header.seal() == at.hash))
}

fn check_headers(chain: &Chain, above: Above, headers: Vec<Header>) -> Result<Checked, CheckError> {
    let tip = match above {
        Above::Headers(tip) => *tip,
        Above::Block(at) => chain.header_tip(at)?.ok_or(CheckError::Unknown(at))?,
    };
    let (HeaderRun { headers, tip, .. }, refused) = chain.check_headers(&tip, headers);
    let refused = refused.map(|error| refusal(&error.into()));
    Ok(Checked::Headers { headers, tip: Box::new(tip), refused })
}

/// The bodies belong to their headers if what the headers say of them is so.
fn check_bodies(
    chain: &Chain,
    headers: Vec<Arc<SealedHeader>>,
    bodies: Vec<Bytes>,
) -> Result<Checked, CheckError> {
    if headers.len() != bodies.len() {
        return Err(CheckError::Count { headers: headers.len(), bodies: bodies.len() });
    }
    // All at once: a body of a few transactions keeps no more than one core busy.
    let decode = || bodies.par_iter().map(|rlp| Body::decode(rlp)).collect::<Vec<_>>();
    let decoded = chain.recovering(decode);
    let pairs = headers.into_par_iter().zip(decoded);
    let blocks = pairs.map(|(header, body)| {
        let block = num_hash(&header);
        let body = body.map_err(|reason| CheckError::Undecodable { block, reason })?;
        spec::check_body(&chain.spec(), &header, &body)
            .map_err(|reason| CheckError::Body { block, reason: reason.into() })?;
        Ok(Block { header, body: Arc::new(body) })
    });
    Ok(Checked::Bodies(blocks.collect::<Result<_, CheckError>>()?))
}

/// The headers first: only who could seal a block makes us look at its transactions.
fn check_blocks(chain: &Chain, mut blocks: &[EncodedBlock]) -> Result<Checked, CheckError> {
    // Those that the chain has need no look, and the first block of all has no parent.
    while let [first, rest @ ..] = blocks
        && is_canonical(chain, first.num_hash())?
    {
        blocks = rest;
    }
    let Some(first) = blocks.first() else {
        return Ok(Checked::Blocks { blocks: Vec::new(), signers: Vec::new() });
    };
    let tip = parent_of(chain, &first.header)?;
    let headers = blocks.iter().map(|block| block.header.inner().clone()).collect();
    let (HeaderRun { signers, .. }, refused) = chain.check_headers(&tip, headers);
    if let Some(error) = refused {
        return Err(error.into());
    }
    let decoded = blocks.iter().map(|encoded| {
        let at = encoded.num_hash();
        let block = chain
            .recovering(|| Block::decode(&encoded.rlp))
            .map_err(|reason| CheckError::Undecodable { block: at, reason })?;
        spec::check_body(&chain.spec(), &block.header, &block.body)
            .map_err(|reason| CheckError::Body { block: at, reason: reason.into() })?;
        Ok(block)
    });
    Ok(Checked::Blocks { blocks: decoded.collect::<Result<_, CheckError>>()?, signers })
}

fn parent_of(chain: &Chain, header: &SealedHeader) -> Result<HeaderTip, CheckError> {
    let block = num_hash(header);
    let unknown = || ImportError::UnknownParent { block, parent: header.parent_hash };
    let number = header.number.checked_sub(1).ok_or_else(unknown)?;
    let tip = chain.header_tip(BlockNumHash::new(number, header.parent_hash))?;
    Ok(tip.ok_or_else(unknown)?)
}

fn num_hash(header: &SealedHeader) -> BlockNumHash {
    BlockNumHash::new(header.number, header.seal())
}

/// Whose fault an error is.
fn refusal(error: &CheckError) -> Refusal {
    let unnamed = BlockNumHash::new(0, B256::ZERO);
    match error {
        CheckError::Import(error) => refusal_of(error),
        CheckError::Undecodable { block, .. } | CheckError::Body { block, .. } => Refusal {
            block: *block,
            is_invalid: true,
            misses_parent: false,
            reason: error.to_string(),
        },
        CheckError::Count { .. } => Refusal {
            block: unnamed,
            is_invalid: true,
            misses_parent: false,
            reason: error.to_string(),
        },
        CheckError::Unknown(block) => Refusal {
            block: *block,
            is_invalid: false,
            misses_parent: true,
            reason: error.to_string(),
        },
        CheckError::Chain(_) => Refusal {
            block: unnamed,
            is_invalid: false,
            misses_parent: false,
            reason: error.to_string(),
        },
    }
}

/// Whose fault it is that a block was not imported.
pub(super) fn refusal_of(error: &ImportError) -> Refusal {
    let (block, is_invalid, misses_parent) = match error {
        // One that does not follow the block before may follow another one.
        ImportError::Invalid { block, reason } => {
            (*block, true, matches!(**reason, InvalidBlock::Gap { .. }))
        }
        ImportError::UnknownParent { block, .. } => (*block, false, true),
        ImportError::Future { block, .. }
        | ImportError::TooDeep { block, .. }
        | ImportError::BranchTooLarge { block, .. } => (*block, false, false),
        ImportError::Chain(ChainError::OtherGenesis { given, .. }) => {
            (BlockNumHash::new(0, *given), true, false)
        }
        ImportError::Moved | ImportError::Chain(_) => {
            (BlockNumHash::new(0, B256::ZERO), false, false)
        }
    };
    Refusal { block, is_invalid, misses_parent, reason: error.to_string() }
}
