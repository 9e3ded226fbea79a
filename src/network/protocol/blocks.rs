//! What becomes of a block that somebody passes on, and of those before it that we miss?

use super::{
    Action, Check, Checked, GossipId, Offence, Protocol, Verdict,
    asks::{AskFor, CheckFor},
    imports::Source,
    peers::Peer,
};
use crate::{
    network::{
        PeerId,
        codec::{MAX_ANCESTRY, MAX_BLOCK_BYTES},
        message::{EncodedBlock, Gossip, Request},
        recent::Recent,
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
/// Of one peer.
const ASKED_OF_PEER: usize = 4;
/// Signers of a block on a parent that are remembered, to tell who signs two blocks on one parent.
const SIGNED: usize = 4096;
/// So many blocks of one signer on one parent are looked at when somebody passes them on.
const RIVALS: usize = 2;
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
    /// Who signed which blocks on a parent, by height, signer and parent: the first ones.
    signed: BTreeMap<(u64, Address, B256), Vec<B256>>,
}

/// What one signer signed on one parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signed {
    /// This block, as far as is known.
    Once,
    /// This one, and before it another one.
    Twice(B256),
    /// More than anybody should look at. Is that new?
    Often(bool),
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

    /// Notes who signed a block.
    fn sign(&mut self, block: &Block, signer: Address) -> Signed {
        let (key, hash) = ((block.number(), signer, block.header.parent_hash), block.hash());
        let rivals = self.signed.entry(key).or_default();
        let is_new = !rivals.contains(&hash);
        if is_new && rivals.len() <= RIVALS {
            rivals.push(hash);
        }
        let found = match (rivals.as_slice(), is_new) {
            ([first, second], true) if *second == hash => Signed::Twice(*first),
            // The last that was noted is one too many.
            (all, _) if all.len() > RIVALS && !all[..RIVALS].contains(&hash) => {
                Signed::Often(is_new && all.last() == Some(&hash))
            }
            _ => Signed::Once,
        };
        if self.signed.len() > SIGNED {
            self.signed.pop_first();
        }
        found
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
                // It is canonical already.
                if blocks.is_empty() {
                    return self.judge(id, Verdict::Accept);
                }
                if self.note_signers(&blocks, &signers) {
                    return self.judge(id, Verdict::Ignore);
                }
                self.import(Source::Gossip(peer, id), blocks);
            }
            Checked::Refused(refusal) => {
                self.blocks.forget(&hash);
                let is_fault = refusal.is_invalid;
                self.judge(id, if is_fault { Verdict::Reject } else { Verdict::Ignore });
                if is_fault {
                    self.offence(peer, Offence::Invalid, &refusal.reason);
                } else if refusal.misses_parent {
                    self.ask_ancestry_heard(peer, hash);
                } else {
                    tracing::debug!(target: "network", %peer, "not taken: {}", refusal.reason);
                }
            }
            _ => self.judge(id, Verdict::Ignore),
        }
    }

    /// Asks for a block with so many ancestors.
    pub(super) fn ask_ancestry(&mut self, peer: PeerId, of: B256, count: u64) {
        self.ask_blocks(peer, (of, false), count);
    }

    /// Asks whoever passed a block on for it with as many ancestors as may be asked for.
    pub(super) fn ask_ancestry_heard(&mut self, peer: PeerId, of: B256) {
        self.ask_blocks(peer, (of, true), MAX_ANCESTRY as u64);
    }

    fn ask_blocks(&mut self, peer: PeerId, (of, was_heard): (B256, bool), count: u64) {
        let under_way = self.asks.values().filter_map(|ask| match ask.what {
            AskFor::Ancestry { of, .. } => Some((of, ask.peer)),
            _ => None,
        });
        let mut checked = self.checks.values().filter_map(|check| match check {
            CheckFor::Ancestry { hash, .. } => Some(*hash),
            _ => None,
        });
        let under_way: Vec<(B256, PeerId)> = under_way.collect();
        let theirs = under_way.iter().filter(|(_, asked)| *asked == peer).count();
        let has_room = under_way.len() < ASKED && theirs < ASKED_OF_PEER;
        let is_asked =
            under_way.iter().any(|(hash, _)| *hash == of) || checked.any(|hash| hash == of);
        // One that has said who it is may not have heard yet who we are. Its head is looked at once it has.
        let is_ready = self.peers.get(&peer).is_some_and(Peer::is_ready);
        if is_asked || !is_ready || !has_room || self.blocks.deep.contains(&of) {
            return;
        }
        let count = count.min(MAX_ANCESTRY as u64);
        self.ask(peer, Request::Ancestry { of, count }, AskFor::Ancestry { of, was_heard });
    }

    pub(super) fn ancestry_of(
        &mut self,
        peer: PeerId,
        (of, was_heard): (B256, bool),
        mut blocks: Vec<EncodedBlock>,
    ) {
        if blocks.is_empty() {
            let is_head = self.peers.get(&peer).is_some_and(|peer| peer.head.hash == of);
            if is_head {
                self.offence(peer, Offence::Boast, "it has not the head that it says it has");
            } else if was_heard {
                self.offence(peer, Offence::Boast, "it has not the block that it passed on");
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
    ///
    /// Is one of them one of too many? It costs its signer nothing, and every node its execution and its room:
    /// it comes only with a heavier one above it.
    fn note_signers(&mut self, blocks: &[Block], signers: &[Address]) -> bool {
        let mut is_often = false;
        for (block, signer) in blocks.iter().zip(signers) {
            let number = block.number();
            match self.blocks.sign(block, *signer) {
                Signed::Once => {}
                Signed::Twice(other) => tracing::warn!(
                    target: "network", number, one = %other, other = %block.hash(),
                    "signer {signer} has signed two blocks on one parent: its key is used by two nodes, \
                     or it cheats; the others may vote it out (clique_propose)"
                ),
                Signed::Often(is_new) => {
                    is_often = true;
                    if is_new {
                        tracing::warn!(
                            target: "network", number,
                            "signer {signer} signs ever more blocks on one parent: those are passed over; vote \
                             it out (clique_propose)"
                        );
                    }
                }
            }
        }
        is_often
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
