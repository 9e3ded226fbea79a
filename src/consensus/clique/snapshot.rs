//! Who may sign after a block, and which votes are open?

use super::{CliqueError, CliqueRules, Extra, IN_TURN, NONCE_ADD, OUT_OF_TURN, seal, turn_limit};
use crate::primitives::BlockNumHash;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An open vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who votes.
    pub signer: Address,
    /// In which block.
    pub block: u64,
    /// On whom.
    pub address: Address,
    /// To add, not to drop.
    pub authorize: bool,
}

/// The signers after a block and what is needed to go on from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of the block.
    pub number: u64,
    /// Of the block.
    pub hash: B256,
    /// Who may sign.
    pub signers: BTreeSet<Address>,
    /// Who signed the newest blocks, as far as they may not sign the next.
    pub recents: BTreeMap<u64, Address>,
    /// Open votes, oldest first.
    pub votes: Vec<Vote>,
}

impl Snapshot {
    /// The signers that a genesis or a checkpoint lists, with nothing known of the blocks before.
    pub fn at_checkpoint(at: BlockNumHash, header: &Header) -> Result<Self, CliqueError> {
        let signers = Extra::parse(&header.extra_data)?.signers;
        if signers.is_empty() {
            return Err(CliqueError::NoSigners);
        }
        Ok(Self {
            number: at.number,
            hash: at.hash,
            signers: signers.into_iter().collect(),
            recents: BTreeMap::new(),
            votes: Vec::new(),
        })
    }

    /// The same snapshot, knowing who signed the newest blocks: the oldest first, the last one is this
    /// snapshot's.
    pub fn with_recents(mut self, recents: impl IntoIterator<Item = (u64, Address)>) -> Self {
        self.recents.extend(recents);
        self.forget_recents();
        self
    }

    /// The snapshot after the next block, whose hash the caller knows. Checks who signed it.
    pub fn after(
        &self,
        rules: CliqueRules,
        header: &Header,
        hash: B256,
    ) -> Result<Self, CliqueError> {
        self.after_signed(rules, header, hash, seal::signer(header)?)
    }

    /// [`Snapshot::after`], where the caller knows already who signed the header.
    pub fn after_signed(
        &self,
        rules: CliqueRules,
        header: &Header,
        hash: B256,
        signer: Address,
    ) -> Result<Self, CliqueError> {
        if Some(header.number) != self.number.checked_add(1) {
            return Err(CliqueError::Gap { header: header.number, number: self.number });
        }
        self.check_turn(header.number, signer)?;
        let mut next = Self { number: header.number, hash, ..self.clone() };
        if rules.is_checkpoint(header.number) {
            next.votes.clear();
        }
        next.recents.insert(header.number, signer);
        next.vote(signer, header);
        next.forget_recents();
        Ok(next)
    }

    /// How many may sign.
    pub fn count(&self) -> usize {
        self.signers.len()
    }

    /// May `signer` sign block `number`, the next one?
    pub fn check_turn(&self, number: u64, signer: Address) -> Result<(), CliqueError> {
        if !self.signers.contains(&signer) {
            return Err(CliqueError::Unauthorized { number, signer });
        }
        let limit = turn_limit(self.signers.len());
        let signed = self.recents.iter().rev().find(|(_, recent)| **recent == signer);
        match signed {
            Some((&recent, _)) if recent.saturating_add(limit) > number => {
                Err(CliqueError::RecentlySigned { number, signer, recent, limit })
            }
            _ => Ok(()),
        }
    }

    /// The first block after this one that `signer` may sign; `None` if it is no signer.
    pub fn next_turn(&self, signer: Address) -> Option<u64> {
        if !self.signers.contains(&signer) {
            return None;
        }
        let limit = turn_limit(self.signers.len());
        let signed = self.recents.iter().rev().find(|(_, recent)| **recent == signer);
        let free = signed.map_or(0, |(recent, _)| recent.saturating_add(limit));
        Some(free.max(self.number.saturating_add(1)))
    }

    /// Whose turn block `number` is.
    pub fn in_turn(&self, number: u64) -> Option<Address> {
        let count = self.signers.len() as u64;
        let place = number.checked_rem(count)?;
        self.signers.iter().nth(place as usize).copied()
    }

    /// The place of a signer among the signers.
    pub fn place(&self, signer: Address) -> Option<u64> {
        self.signers.iter().position(|one| *one == signer).map(|place| place as u64)
    }

    /// The difficulty of block `number` by this signer.
    pub fn difficulty(&self, number: u64, signer: Address) -> U256 {
        if self.in_turn(number) == Some(signer) { IN_TURN } else { OUT_OF_TURN }
    }

    /// Would a vote change anything? One does not add a signer, nor drop whom nobody added, nor the
    /// last one.
    pub fn is_open_question(&self, address: Address, authorize: bool) -> bool {
        match (authorize, self.signers.contains(&address)) {
            (true, is_signer) => !is_signer,
            (false, is_signer) => is_signer && self.signers.len() > 1,
        }
    }

    /// Counts the vote of a header, and does what is decided by it.
    fn vote(&mut self, signer: Address, header: &Header) {
        let (address, authorize) = (header.beneficiary, header.nonce == NONCE_ADD);
        self.votes.retain(|vote| vote.signer != signer || vote.address != address);
        if self.is_open_question(address, authorize) {
            self.votes.push(Vote { signer, block: header.number, address, authorize });
        }
        // All open votes on an address want the same: it is a signer or not. A vote may also be decided
        // when a signer went since, and is then carried out when somebody touches the question.
        let mut on_it = self.votes.iter().filter(|vote| vote.address == address);
        let Some(wanted) = on_it.next().map(|vote| vote.authorize) else { return };
        if on_it.count() < self.signers.len() / 2 {
            return;
        }
        if wanted {
            self.signers.insert(address);
        } else if self.signers.len() > 1 {
            self.signers.remove(&address);
            self.votes.retain(|vote| vote.signer != address);
        }
        self.votes.retain(|vote| vote.address != address);
    }

    /// Who signed long enough ago may sign again. One block more is remembered: the next one may raise
    /// the limit by one.
    fn forget_recents(&mut self) {
        let (limit, number) = (turn_limit(self.signers.len()), self.number);
        self.recents.retain(|recent, _| recent.saturating_add(limit) > number);
    }
}
