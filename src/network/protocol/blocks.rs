//! What becomes of a block that somebody passes on, and of those before it that we miss?

use super::{
    Action, Check, Checked, GossipId, Offence, Protocol, Verdict,
    asks::{AskFor, CheckFor},
    imports::Source,
    recent::Recent,
};
use crate::{
    network::{
        PeerId,
        codec::{MAX_ANCESTRY, MAX_BLOCK_BYTES},
        message::{EncodedBlock, Gossip, Request},
    },
    primitives::Block,
    storage::SIDE_DEPTH,
};
use alloy_primitives::{Address, B256};
use std::{collections::BTreeMap, time::Duration};

/// Blocks that are remembered as seen, taken in, or bad.
const REMEMBERED: usize = 8192;
/// Blocks of gossip that are looked at at a time.
const CHECKED: usize = 16;
/// Of one peer.
const CHECKED_OF_PEER: usize = 4;
/// Missing blocks that are asked for at a time.
const ASKED: usize = 16;
/// Signatures that are remembered, to tell who signs two blocks on one parent.
const SIGNED: usize = 4096;
/// After a block could not be had, or its time had not come, it is asked for this much later.
const PAUSE: Duration = Duration::from_secs(2);

/// What was seen of blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    /// By gossip. One that turned out wrong may come again, right.
    seen: Recent,
    /// In the chain or beside it.
    pub(super) known: Recent,
    /// They do not execute as they say, or follow one that does not.
    pub(super) bad: Recent,
    /// Too far from what we have to be asked for one by one.
    pub(super) deep: Recent,
    /// Who signed which block on a parent, by height, signer and parent.
    signed: BTreeMap<(u64, Address, B256), B256>,
}

impl Default for Blocks {
    fn default() -> Self {
        let recent = || Recent::new(REMEMBERED);
        Self {
            seen: recent(),
            known: recent(),
            bad: recent(),
            deep: Recent::new(64),
            signed: BTreeMap::new(),
        }
    }
}

impl Blocks {
    /// A block may be new again.
    pub(super) fn forget(&mut self, hash: &B256) {
        self.seen.remove(hash);
    }

    /// Notes who signed a block. Answers the other block that the same signer signed on its parent.
    fn sign(&mut self, block: &Block, signer: Address) -> Option<B256> {
        let (key, hash) = ((block.number(), signer, block.header.parent_hash), block.hash());
        let other = self.signed.insert(key, hash).filter(|other| *other != hash);
        if self.signed.len() > SIGNED {
            self.signed.pop_first();
        }
        other
    }
}

impl Protocol {
    /// A peer passes something on.
    pub(super) fn heard(&mut self, peer: PeerId, id: GossipId, gossip: Gossip) {
        match gossip {
            Gossip::Block(block) => self.heard_block(peer, id, block),
            Gossip::Transactions(transactions) | Gossip::Returned { transactions, .. } => {
                self.heard_transactions(peer, id, transactions);
            }
        }
    }

    pub(super) fn judge(&mut self, id: GossipId, verdict: Verdict) {
        self.out.push(Action::Judge { id, verdict });
    }

    fn heard_block(&mut self, peer: PeerId, id: GossipId, block: EncodedBlock) {
        let at = block.num_hash();
        if self.blocks.bad.contains(&at.hash) || self.blocks.bad.contains(&block.header.parent_hash)
        {
            self.judge(id, Verdict::Reject);
            return self.offence(peer, Offence::Invalid, "it passes on a block that is not valid");
        }
        let is_known = self.peers.get(&peer).is_some_and(|peer| peer.status.is_some());
        let is_old = at.number.saturating_add(SIDE_DEPTH) < self.head.number;
        let is_seen = self.blocks.seen.contains(&at.hash) || self.blocks.known.contains(&at.hash);
        // A block far above is fetched with all that is missing when its peer tells its head.
        let is_far = self.sync.is_some() && at.number > self.head.number.saturating_add(1);
        if !is_known || is_old || is_seen || is_far || !self.has_room_to_check(&peer) {
            return self.judge(id, Verdict::Ignore);
        }
        self.blocks.seen.insert(at.hash);
        let what = CheckFor::Gossip { peer, id, hash: at.hash };
        self.check(Check::Blocks(vec![block]), what);
    }

    fn has_room_to_check(&self, peer: &PeerId) -> bool {
        let of = |check: &CheckFor| match check {
            CheckFor::Gossip { peer, .. } | CheckFor::Ancestry { peer, .. } => Some(*peer),
            _ => None,
        };
        let all = self.checks.values().filter_map(of);
        let (all, theirs) =
            all.fold((0, 0), |(all, own), one| (all + 1, own + usize::from(one == *peer)));
        all < CHECKED && theirs < CHECKED_OF_PEER
    }

    pub(super) fn gossip_checked(
        &mut self,
        peer: PeerId,
        id: GossipId,
        hash: B256,
        found: Checked,
    ) {
        match found {
            Checked::Blocks { blocks, signers } => {
                self.judge(id, Verdict::Accept);
                self.note_signers(&blocks, &signers);
                self.import(Source::Peer(peer), blocks);
            }
            Checked::Refused(refusal) => {
                self.blocks.forget(&hash);
                let is_fault = refusal.is_invalid;
                self.judge(id, if is_fault { Verdict::Reject } else { Verdict::Ignore });
                if is_fault {
                    self.offence(peer, Offence::Invalid, &refusal.reason);
                } else if refusal.misses_parent {
                    self.ask_ancestry(peer, hash, 0);
                } else {
                    tracing::debug!(target: "network", %peer, "not taken: {}", refusal.reason);
                }
            }
            _ => self.judge(id, Verdict::Ignore),
        }
    }

    /// Asks for a block with so many ancestors; 0 is as many as may be asked for.
    pub(super) fn ask_ancestry(&mut self, peer: PeerId, of: B256, count: u64) {
        let under_way = self.asks.values().filter_map(|ask| match ask.what {
            AskFor::Ancestry(hash) => Some(hash),
            _ => None,
        });
        let mut checked = self.checks.values().filter_map(|check| match check {
            CheckFor::Ancestry { hash, .. } => Some(*hash),
            _ => None,
        });
        let hashes: Vec<B256> = under_way.collect();
        let is_asked = hashes.contains(&of) || checked.any(|hash| hash == of);
        if is_asked || hashes.len() >= ASKED || self.blocks.deep.contains(&of) {
            return;
        }
        let most = MAX_ANCESTRY as u64;
        let count = if count == 0 { most } else { count.min(most) };
        self.ask(peer, Request::Ancestry { of, count }, AskFor::Ancestry(of));
    }

    pub(super) fn ancestry_of(&mut self, peer: PeerId, of: B256, mut blocks: Vec<EncodedBlock>) {
        if blocks.is_empty() {
            let is_head = self.peers.get(&peer).is_some_and(|peer| peer.head.hash == of);
            if is_head {
                self.offence(peer, Offence::Boast, "it has not the head that it says it has");
            }
            return self.ancestry_failed(peer, of);
        }
        let is_first = blocks.first().is_some_and(|block| block.header.seal() == of);
        let is_linked = |pair: &[EncodedBlock]| pair[0].header.parent_hash == pair[1].header.seal();
        if !is_first || !blocks.windows(2).all(is_linked) {
            let what = "it answers with other blocks than it was asked for";
            self.offence(peer, Offence::WrongAnswer, what);
            return self.ancestry_failed(peer, of);
        }
        let known = blocks.iter().position(|it| self.blocks.known.contains(&it.header.seal()));
        blocks.truncate(known.unwrap_or(blocks.len()));
        blocks.reverse();
        if !blocks.is_empty() {
            self.check(Check::Blocks(blocks), CheckFor::Ancestry { peer, hash: of });
        }
    }

    pub(super) fn ancestry_checked(&mut self, peer: PeerId, hash: B256, found: Checked) {
        match found {
            Checked::Blocks { blocks, signers } => {
                if blocks.is_empty() {
                    self.blocks.known.insert(hash);
                }
                self.note_signers(&blocks, &signers);
                self.import(Source::Peer(peer), blocks);
            }
            Checked::Refused(refusal) if refusal.is_invalid => {
                self.offence(peer, Offence::Invalid, &refusal.reason);
            }
            Checked::Refused(refusal) if refusal.misses_parent => {
                self.blocks.deep.insert(hash);
            }
            _ => self.ancestry_failed(peer, hash),
        }
    }

    /// The same is asked for again, if it is still wanted, but not at once.
    pub(super) fn ancestry_failed(&mut self, peer: PeerId, hash: B256) {
        let later = self.now.elapsed + PAUSE;
        if let Some(known) = self.peers.get_mut(&peer)
            && known.head.hash == hash
        {
            known.ahead_since = known.ahead_since.map(|_| later);
        }
    }

    /// Two blocks by one signer on one parent are both valid, and somebody should know. At one height
    /// alone an honest signer signs two, after a branch that is heavier and shorter has won.
    fn note_signers(&mut self, blocks: &[Block], signers: &[Address]) {
        for (block, signer) in blocks.iter().zip(signers) {
            let other = self.blocks.sign(block, *signer);
            if let Some(other) = other {
                tracing::warn!(
                    target: "network", number = block.number(), one = %other, other = %block.hash(),
                    "signer {signer} has signed two blocks on one parent: its key is used by two nodes, \
                     or it cheats; the others may vote it out (clique_propose)"
                );
            }
        }
    }

    /// This node sealed a block: everyone hears it.
    pub(super) fn sealed(&mut self, block: &Block) {
        let encoded = EncodedBlock::from(block);
        self.blocks.seen.insert(block.hash());
        self.blocks.known.insert(block.hash());
        let bytes = encoded.rlp.len();
        if bytes + 64 > MAX_BLOCK_BYTES {
            return tracing::error!(
                target: "network", number = block.number(), bytes,
                "a block is too long to be told to peers: lower the gas limit"
            );
        }
        self.out.push(Action::Publish(Gossip::Block(encoded)));
    }
}
