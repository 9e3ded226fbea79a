//! Who signed a header, and does its work hold? Finding out costs more than all else of a header and depends
//! on nothing but the header, so it is remembered: a download asks before and after the bodies have come.

use crate::{
    consensus::{
        SealError, SealPolicy,
        clique::{self, CliqueError},
    },
    primitives::SealedHeader,
    storage::SIDE_DEPTH,
};
use alloy_primitives::{Address, B256, map::B256Map};
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Headers whose proofs are remembered: more than wait for their bodies while a node catches up.
const KEPT: usize = 8 * SIDE_DEPTH as usize;

/// What was found out of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Who signed it.
    Signed(Address),
    /// Its work is enough.
    Worked,
}

/// What was found out of the newest headers that were looked at, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_hash: B256Map<Proof>,
    order: VecDeque<B256>,
}

impl Proofs {
    /// Who signed a header.
    ///
    /// # Errors
    /// As [`clique::signer`].
    pub(super) fn signer(&self, header: &SealedHeader) -> Result<Address, CliqueError> {
        if let Some(Proof::Signed(signer)) = self.of(header) {
            return Ok(signer);
        }
        let signer = clique::signer(header)?;
        self.keep(header, Proof::Signed(signer));
        Ok(signer)
    }

    /// Checks the work of a header, where that is checked.
    ///
    /// # Errors
    /// As [`SealPolicy::verify`].
    pub(super) fn verify(
        &self,
        seals: &SealPolicy,
        header: &SealedHeader,
    ) -> Result<(), SealError> {
        if !seals.checks(header) || self.of(header) == Some(Proof::Worked) {
            return Ok(());
        }
        seals.verify(header)?;
        self.keep(header, Proof::Worked);
        Ok(())
    }

    fn of(&self, header: &SealedHeader) -> Option<Proof> {
        self.0.lock().by_hash.get(&header.seal()).copied()
    }

    fn keep(&self, header: &SealedHeader, proof: Proof) {
        let mut kept = self.0.lock();
        if kept.by_hash.insert(header.seal(), proof).is_some() {
            return;
        }
        kept.order.push_back(header.seal());
        if kept.order.len() > KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_hash.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;
    use alloy_primitives::U256;

    fn unsigned(number: u64) -> SealedHeader {
        let extra_data = vec![0; 97].into();
        SealedHeader::new(Header { number, extra_data, ..Default::default() })
    }

    #[test]
    fn what_was_found_out_is_remembered_and_what_is_wrong_is_not() {
        let proofs = Proofs::default();
        assert!(proofs.signer(&unsigned(1)).is_err());
        assert!(proofs.0.lock().by_hash.is_empty());
        // No signature at all: only the memory can know.
        let signer = Address::repeat_byte(7);
        proofs.keep(&unsigned(1), Proof::Signed(signer));
        assert_eq!(proofs.signer(&unsigned(1)), Ok(signer));
        assert!(proofs.signer(&unsigned(2)).is_err());
    }

    #[test]
    fn a_signature_is_no_proof_of_work() {
        let proofs = Proofs::default();
        let ethash = SealPolicy::Ethash(crate::consensus::Ethash::shared());
        let header = Header { difficulty: U256::MAX, ..Default::default() };
        let header = SealedHeader::new(header);
        proofs.keep(&header, Proof::Signed(Address::ZERO));
        assert!(proofs.verify(&SealPolicy::None, &header).is_ok(), "nobody asks");
        proofs.keep(&header, Proof::Worked);
        assert!(proofs.verify(&ethash, &header).is_ok(), "known");
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let proofs = Proofs::default();
        let signer = Address::repeat_byte(7);
        for number in 0..=KEPT as u64 {
            proofs.keep(&unsigned(number), Proof::Signed(signer));
            proofs.keep(&unsigned(number), Proof::Signed(signer));
        }
        assert_eq!(proofs.0.lock().by_hash.len(), KEPT);
        assert!(proofs.signer(&unsigned(0)).is_err());
        assert!(proofs.signer(&unsigned(1)).is_ok());
    }
}
