//! What becomes of transactions, which do we tell, and which did we miss?

use super::{
    Action, Check, GossipId, Offence, Offered, Protocol, Verdict, asks::AskFor, asks::CheckFor,
};
use crate::network::{
    PeerId,
    codec::{MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES},
    message::{Gossip, Request},
    recent::Recent,
};
use alloy_primitives::{B256, Bytes, keccak256};
use std::collections::BTreeSet;

/// Transactions that are remembered as seen.
const SEEN: usize = 32_768;
/// Missed transactions that are asked for at once.
const ASKED: usize = 1024;
/// Bytes that the frame of a message and each item in it may take.
const FRAME: usize = 64;
/// Of one item.
const ITEM: usize = 8;

/// What was seen of transactions.
#[derive(Debug)]
pub(super) struct Transactions {
    /// No rule forbids them; the pool took them or not.
    seen: Recent,
    /// The pool took them.
    taken: Recent,
    /// Messages in which there was something that was seen and not taken.
    mixed: BTreeSet<GossipId>,
}

impl Default for Transactions {
    fn default() -> Self {
        let recent = || Recent::new(SEEN);
        Self { seen: recent(), taken: recent(), mixed: BTreeSet::new() }
    }
}

impl Protocol {
    /// A peer passes transactions on.
    pub(super) fn heard_transactions(
        &mut self,
        peer: PeerId,
        id: GossipId,
        transactions: Vec<Bytes>,
    ) {
        // While this node is behind it cannot tell who can pay.
        let is_known = self.peers.get(&peer).is_some_and(|peer| peer.status.is_some());
        if !is_known || self.is_behind() {
            return self.judge(id, Verdict::Ignore);
        }
        // One that is being looked at is looked at again: it may be against the rules.
        let (mut new, mut is_mixed) = (transactions, false);
        new.retain(|raw| {
            let hash = keccak256(raw);
            let is_new = !self.transactions.seen.contains(&hash);
            is_mixed |= !is_new && !self.transactions.taken.contains(&hash);
            is_new
        });
        if new.is_empty() {
            return self.judge(id, Verdict::Ignore);
        }
        if is_mixed {
            self.transactions.mixed.insert(id);
        }
        self.out.push(Action::Admit { peer, id: Some(id), transactions: new });
    }

    /// A message is passed on as it is if the pool took everything in it: others may think differently of the
    /// rest, and hold it against this node. Of any other message what was taken is told anew.
    pub(super) fn admitted(
        &mut self,
        peer: PeerId,
        id: Option<GossipId>,
        offered: Vec<Offered>,
        is_invalid: bool,
    ) {
        let is_mixed = id.is_some_and(|id| self.transactions.mixed.remove(&id));
        let (mut taken, mut is_whole) = (Vec::new(), !is_mixed && !is_invalid);
        for Offered { raw, hash, is_taken } in offered {
            self.transactions.seen.insert(hash);
            if is_taken {
                self.transactions.taken.insert(hash);
                taken.push(raw);
            } else {
                is_whole &= self.transactions.taken.contains(&hash);
            }
        }
        if let Some(id) = id {
            let verdict = match (is_invalid, is_whole && !taken.is_empty()) {
                (true, _) => Verdict::Reject,
                (false, true) => Verdict::Accept,
                (false, false) => Verdict::Ignore,
            };
            self.judge(id, verdict);
            if verdict != Verdict::Accept && !taken.is_empty() {
                self.out.push(Action::Publish(Gossip::Transactions(taken)));
            }
        }
        if is_invalid {
            self.offence(
                peer,
                Offence::Transactions,
                "it passes on transactions that are not valid",
            );
        }
    }

    /// Our own users' transactions are told to everyone.
    pub(super) fn submitted(&mut self, transactions: Vec<Bytes>) {
        for batch in self.batches(transactions) {
            self.out.push(Action::Publish(Gossip::Transactions(batch)));
        }
    }

    /// What a branch that lost had mined is told to everyone again.
    pub(super) fn returned(&mut self, transactions: Vec<Bytes>) {
        let head = self.head.hash;
        for transactions in self.batches(transactions) {
            self.out.push(Action::Publish(Gossip::Returned { head, transactions }));
        }
    }

    /// As many together as go into a message.
    fn batches(&mut self, transactions: Vec<Bytes>) -> Vec<Vec<Bytes>> {
        let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), FRAME);
        for raw in transactions {
            let takes = raw.len() + ITEM;
            if FRAME + takes > MAX_TRANSACTIONS_BYTES {
                tracing::warn!(
                    target: "network", bytes = raw.len(),
                    "a transaction is too long to be told to peers: only this node can mine it"
                );
                continue;
            }
            let hash = keccak256(&raw);
            self.transactions.seen.insert(hash);
            self.transactions.taken.insert(hash);
            if bytes + takes > MAX_TRANSACTIONS_BYTES || batch.len() == MAX_TRANSACTIONS {
                batches.push(std::mem::take(&mut batch));
                bytes = FRAME;
            }
            bytes += takes;
            batch.push(raw);
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches
    }

    /// Asks what waits at a peer: gossip may have missed some, and does not reach who comes later.
    pub(super) fn ask_waiting(&mut self, peer: PeerId) {
        if !self.is_behind() && !self.is_asked(&peer, AskFor::Waiting) {
            self.ask(peer, Request::Waiting, AskFor::Waiting);
        }
    }

    pub(super) fn waiting_at(&mut self, peer: PeerId, hashes: Vec<B256>) {
        if !hashes.is_empty() {
            self.check(Check::Missing(hashes), CheckFor::Waiting(peer));
        }
    }

    pub(super) fn missing_here(&mut self, peer: PeerId, mut hashes: Vec<B256>) {
        hashes.truncate(ASKED);
        let is_ready = self.peers.get(&peer).is_some_and(super::peers::Peer::is_ready);
        if is_ready && !hashes.is_empty() && !self.is_asked(&peer, AskFor::Transactions) {
            self.ask(peer, Request::Transactions(hashes), AskFor::Transactions);
        }
    }

    pub(super) fn transactions_of(&mut self, peer: PeerId, transactions: Vec<Bytes>) {
        if transactions.is_empty() {
            return;
        }
        self.out.push(Action::Admit { peer, id: None, transactions });
    }
}
