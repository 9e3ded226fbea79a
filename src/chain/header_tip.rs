//! May these headers follow each other? All rules that need no body, seals too, before any body is asked
//! for.

use super::{Chain, ChainError, ImportError, InvalidBlock, side::Parent};
use crate::{
    consensus::clique::{self, CliqueError, Snapshot},
    primitives::{BlockNumHash, SealedHeader},
    spec::{self, Mode},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, U256};
use rayon::prelude::*;
use std::sync::Arc;

/// A block whose header holds, and what is needed to check the headers after it.
#[derive(Clone, Debug)]
pub struct HeaderTip {
    header: Arc<SealedHeader>,
    total_difficulty: U256,
    /// Who may sign after it, on a chain of proof of authority.
    signers: Option<Arc<Snapshot>>,
}

impl HeaderTip {
    /// Its height and hash.
    pub fn num_hash(&self) -> BlockNumHash {
        BlockNumHash::new(self.header.number, self.header.seal())
    }

    /// Difficulty of it and all blocks before it.
    pub const fn total_difficulty(&self) -> U256 {
        self.total_difficulty
    }
}

/// Headers that hold.
#[derive(Clone, Debug)]
pub struct HeaderRun {
    /// With their hashes, in the order given, as far as they hold.
    pub headers: Vec<Arc<SealedHeader>>,
    /// Who signed each, on a chain of proof of authority; else empty.
    pub signers: Vec<Address>,
    /// For the headers after these.
    pub tip: HeaderTip,
}

impl Chain {
    /// Where headers begin that follow a block which is canonical, or beside the canonical chain; `None`
    /// where it is unknown.
    pub fn header_tip(&self, at: BlockNumHash) -> Result<Option<HeaderTip>, ChainError> {
        let Some(Parent { header, total_difficulty, .. }) = self.known(at)? else {
            return Ok(None);
        };
        let signers = match self.spec().mode {
            Mode::Poa => Some(self.signers_after(at)?),
            _ => None,
        };
        Ok(Some(HeaderTip { header, total_difficulty, signers }))
    }

    /// Checks headers, ascending, of which the first follows `above`. Answers those that hold, and what is
    /// wrong with the next one if not all do; nothing is said of those after it.
    pub fn check_headers(
        &self,
        above: &HeaderTip,
        headers: Vec<Header>,
    ) -> (HeaderRun, Option<ImportError>) {
        let sealed: Vec<_> = headers.into_par_iter().map(SealedHeader::new).collect();
        // Whose signature it is costs more than all else.
        let signed: Vec<Option<Result<Address, CliqueError>>> = match self.spec().mode {
            Mode::Poa => sealed.par_iter().map(|header| Some(self.proofs.signer(header))).collect(),
            _ => vec![None; sealed.len()],
        };
        let (mut tips, mut signers, mut refused) = (vec![above.clone()], Vec::new(), None);
        for (header, signer) in sealed.into_iter().zip(signed) {
            let before = tips.last().unwrap_or(above);
            match self.check_next(before, Arc::new(header), signer, &mut signers) {
                Ok(tip) => tips.push(tip),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let sealed = tips.par_iter().skip(1).enumerate().find_map_first(|(place, tip)| {
            let error = self.proofs.verify(&self.seals, &tip.header).err()?;
            Some((place, ImportError::unsealed(tip.num_hash(), error)))
        });
        if let Some((place, error)) = sealed {
            tips.truncate(place + 1);
            refused = Some(error);
        }
        signers.truncate(tips.len() - 1);
        let tip = tips.last().unwrap_or(above).clone();
        let headers = tips.into_iter().skip(1).map(|tip| tip.header).collect();
        (HeaderRun { headers, signers, tip }, refused)
    }

    /// Checks one header on the one before.
    fn check_next(
        &self,
        tip: &HeaderTip,
        header: Arc<SealedHeader>,
        signer: Option<Result<Address, CliqueError>>,
        signers: &mut Vec<Address>,
    ) -> Result<HeaderTip, ImportError> {
        let at = BlockNumHash::new(header.number, header.seal());
        if header.parent_hash != tip.header.seal() {
            let (named, before) = (header.parent_hash, tip.header.seal());
            return Err(ImportError::invalid_at(at, InvalidBlock::Gap { named, before }));
        }
        self.check_time(at, &header)?;
        spec::check_header(&self.spec(), &tip.header, &header, tip.total_difficulty)
            .map_err(|error| ImportError::invalid_at(at, error))?;
        let next = match (&tip.signers, self.clique_rules(), signer) {
            (Some(snapshot), Some(rules), Some(signer)) => {
                let checked =
                    clique::check_signed(rules, &tip.header, &header, snapshot, || signer)
                        .and_then(|signer| {
                            signers.push(signer);
                            snapshot.after_signed(rules, &header, at.hash, signer)
                        });
                Some(Arc::new(checked.map_err(|error| ImportError::invalid_at(at, error))?))
            }
            _ => None,
        };
        let total_difficulty = tip.total_difficulty.saturating_add(header.difficulty);
        Ok(HeaderTip { header, total_difficulty, signers: next })
    }

    /// Is a block of others further in the future than clocks differ?
    pub(super) fn check_time(
        &self,
        block: BlockNumHash,
        header: &Header,
    ) -> Result<(), ImportError> {
        let has_clock = matches!(self.spec().mode, Mode::Pow | Mode::Poa);
        let is_checked = has_clock && !self.settings.takes_future_blocks;
        if is_checked && let Some(now) = self.clock.future(header.timestamp) {
            return Err(ImportError::Future { block, timestamp: header.timestamp, now });
        }
        Ok(())
    }
}
