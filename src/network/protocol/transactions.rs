//! What becomes of transactions, which do we tell, and which did we miss?

use super::{
    Action, Check, GossipId, Offence, Protocol, Verdict, asks::AskFor, asks::CheckFor,
    recent::Recent,
};
use crate::network::{
    PeerId,
    codec::{MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES},
    message::{Gossip, Request},
};
use alloy_primitives::{B256, Bytes, keccak256};

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
    seen: Recent,
}

impl Default for Transactions {
    fn default() -> Self {
        Self { seen: Recent::new(SEEN) }
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
        if !is_known || self.sync.is_some() {
            return self.judge(id, Verdict::Ignore);
        }
        let mut new = transactions;
        new.retain(|raw| self.transactions.seen.insert(keccak256(raw)));
        if new.is_empty() {
            return self.judge(id, Verdict::Ignore);
        }
        self.out.push(Action::Admit { peer, id: Some(id), transactions: new });
    }

    pub(super) fn admitted(&mut self, peer: PeerId, id: Option<GossipId>, verdict: Verdict) {
        if let Some(id) = id {
            self.judge(id, verdict);
        }
        if verdict == Verdict::Reject {
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
            self.transactions.seen.insert(keccak256(&raw));
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
        if self.sync.is_none() && !self.is_asked(&peer, AskFor::Waiting) {
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
        transactions.iter().for_each(|raw| {
            self.transactions.seen.insert(keccak256(raw));
        });
        self.out.push(Action::Admit { peer, id: None, transactions });
    }
}
