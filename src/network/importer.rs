//! What becomes of blocks that others sent?

use super::{
    check::refusal_of,
    protocol::{Event, Refusal},
};
use crate::{
    chain::Chain,
    primitives::{Block, BlockNumHash},
};

/// Imports blocks, in this order, until one is refused, and answers [`Event::Imported`]. Durable and visible
/// when this returns. One at a time: others wait.
pub fn import(chain: &Chain, batch: u64, blocks: &[Block]) -> Event {
    let mut import = chain.importing();
    let (mut taken, mut last, mut refused) = (0, None, None);
    for block in blocks {
        match import.add(block) {
            Ok(imported) => {
                taken += 1;
                last = Some(imported);
            }
            Err(error) => {
                let refusal = refusal_of(&error);
                let block = match refusal.block.hash.is_zero() {
                    true => block.num_hash(),
                    false => refusal.block,
                };
                refused = Some(Refusal { block, ..refusal });
                break;
            }
        }
    }
    if let Err(error) = import.commit() {
        // What waited for the commit is not there.
        let block = blocks.first().map_or_else(BlockNumHash::default, Block::num_hash);
        (taken, last) = (0, None);
        refused = Some(Refusal { block, ..refusal_of(&error) });
    }
    Event::Imported { batch, taken, last, refused }
}
