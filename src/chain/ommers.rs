//! Which blocks beside the chain may the next block name as its ommers?

use super::{Chain, ChainError};
use crate::{
    primitives::{BlockNumHash, SealedHeader},
    spec::{self, OMMER_ANCESTORS},
};
use alloy_consensus::Header;
use alloy_primitives::U256;
use std::sync::Arc;

impl Chain {
    /// Headers that the block after `head` may name, each for itself, lowest first. They are valid: a
    /// block is kept beside the chain only when it was executed. None if `head` is not the head any more.
    pub fn ommer_candidates(&self, head: &Arc<SealedHeader>) -> Result<Vec<Header>, ChainError> {
        let lowest = (head.number + 1).saturating_sub(OMMER_ANCESTORS as u64 - 1);
        let beside = self.storage.blocks.reader()?.side_blocks_from(lowest)?;
        let beside: Vec<_> = beside.into_iter().filter(|at| at.number <= head.number).collect();
        if beside.is_empty() {
            return Ok(Vec::new());
        }
        let Some(branch) = self.branch_at(head, self.total_difficulty(head.number)?)? else {
            return Ok(Vec::new());
        };
        let ancestors = self.ancestors(&branch)?;
        // Of the block that names them only this matters.
        let next = Header {
            parent_hash: head.seal(),
            number: head.number + 1,
            difficulty: U256::ONE,
            ..Default::default()
        };
        let header_of = |at: BlockNumHash| self.storage.blocks.reader()?.side_header(at);
        let mut candidates = Vec::new();
        for at in beside {
            // It may have gone since.
            let Some((ommer, _)) = header_of(at)? else { continue };
            let ommer = ommer.inner().clone();
            if spec::check_ommers(&self.spec(), &next, std::slice::from_ref(&ommer), &ancestors)
                .is_ok()
            {
                candidates.push(ommer);
            }
        }
        Ok(candidates)
    }
}
