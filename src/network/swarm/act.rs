//! How is it done what the machine says?

use super::{
    gossip::topic_of,
    local::Heard,
    run::{Admission, Admit, Links, Network},
    work::{Done, Lane},
};
use crate::{
    network::{
        PeerId, check, codec, importer,
        message::{Gossip, Request, Response},
        protocol::{
            Action, Checked, Event, Failure, GossipId, Offered, Refusal, RequestId, Verdict,
        },
        serve,
        stats::RequestKind,
    },
    primitives::{Block, BlockNumHash, Transaction},
};
use alloy_primitives::{Bytes, keccak256};
use libp2p::gossipsub::{MessageAcceptance, PublishError};
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// Longest ban.
const LONGEST_BAN: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Requests of this node that may be open, to all peers together.
const ASKED: usize = 1_024;

impl Network {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Ask { peer, id, request } => self.ask(peer, id, request),
            Action::Answer { id, response } => self.answer(id, Some(response)),
            Action::Serve { id, request } => self.serve(id, request),
            Action::Judge { id, verdict } => self.judge(id, verdict),
            Action::Publish(gossip) => self.publish(&gossip),
            Action::Import { batch, blocks } => self.import(batch, blocks),
            Action::Check { id, check: wanted } => {
                let Links { chain, pool, .. } = self.links.clone();
                let at = BlockNumHash::default();
                let found = Checked::Refused(not_done(at));
                let run = move || {
                    Event::Checked { id, found: check::check(&chain, &pool, wanted) }.into()
                };
                self.begin(Lane::Check, Event::Checked { id, found }.into(), run);
            }
            Action::Admit { peer, id, transactions } => self.admit(peer, id, transactions),
            Action::Hear { peer, is_heard } => {
                self.swarm.behaviour_mut().gossip.hear(&peer, is_heard);
            }
            Action::Dial(address) => self.dial(address),
            Action::Disconnect { peer, reason } => {
                self.shared.counters.disconnects.add(1);
                // Strangers may come and go without end.
                let seen = self.peers.get(&peer);
                if seen.is_some_and(|seen| seen.info.status.is_some()) {
                    tracing::info!(target: "network", %peer, "disconnected: {reason}");
                } else {
                    tracing::debug!(target: "network", %peer, "disconnected: {reason}");
                }
                self.dropped_for(peer, reason);
                self.swarm.behaviour_mut().gate.close(peer);
            }
            Action::Ban { peer, time, reason } => {
                self.shared.counters.bans.add(1);
                let seconds = time.as_secs();
                tracing::debug!(target: "network", %peer, "banned for {seconds} s: {reason}");
                self.dropped_for(peer, format!("it is banned for {seconds} seconds: {reason}"));
                let until = Instant::now() + time.min(LONGEST_BAN);
                let at = self.peers.get(&peer).map(|seen| &seen.info.address);
                self.swarm.behaviour_mut().gate.ban(peer, at, until);
            }
        }
    }

    fn begin(&mut self, lane: Lane, lost: Done, run: impl FnOnce() -> Done + Send + 'static) {
        match self.work.begin(lane, lost, run) {
            None => {}
            Some(Done::Event(event)) => self.tell_after(*event),
            Some(Done::Answer(id, response)) => self.answer(id, response.map(|it| *it)),
        }
    }

    fn ask(&mut self, peer: PeerId, id: RequestId, request: Request) {
        if self.asked.len() >= ASKED || !self.swarm.is_connected(&peer) {
            let failure = Failure::Closed;
            return self.tell_after(Event::Failed { peer, id, failure });
        }
        let kind = RequestKind::of(&request);
        let wire = self.swarm.behaviour_mut().requests.send_request(&peer, Ok(request));
        self.asked.insert(wire, (peer, id, kind));
    }

    /// Answers a peer; with nothing, its stream ends.
    pub(super) fn answer(&mut self, id: RequestId, response: Option<Response>) {
        let Some(response) = response else { return self.inbound.forget(id) };
        let Some((peer, channel)) = self.inbound.answer(id) else { return };
        if self.swarm.behaviour_mut().requests.send_response(channel, response).is_err() {
            tracing::debug!(target: "network", %peer, "does not wait for its answer any more");
            self.inbound.forget(id);
        }
    }

    fn serve(&mut self, id: RequestId, request: Request) {
        let Links { chain, pool, .. } = self.links.clone();
        let run = move || {
            let answer = serve::serve(&chain, &pool, &request).unwrap_or_else(|error| {
                tracing::error!(target: "network", %error, "a peer was not answered");
                None
            });
            Done::Answer(id, answer.map(Box::new))
        };
        self.begin(Lane::Serve, Done::Answer(id, None), run);
    }

    /// Passes gossip on, or does not.
    pub(super) fn judge(&mut self, id: GossipId, verdict: Verdict) {
        let Some(judged) = self.unjudged.remove(&id) else { return };
        self.shared.counters.heard(judged.topic, verdict);
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.judge(&judged.message, &judged.from, judged.bytes, acceptance);
    }

    fn publish(&mut self, gossip: &Gossip) {
        let topic = topic_of(gossip);
        let bytes = codec::encode_gossip(gossip);
        let size = bytes.len();
        let to = self.topics.hashed(topic).hash();
        match self.swarm.behaviour_mut().gossip.publish(to, bytes) {
            Ok(()) => {
                self.shared.counters.published(topic);
                self.shared.counters.bytes_out.add(size);
            }
            // Said already, or nobody there to hear it.
            Err(PublishError::Duplicate | PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => {
                tracing::warn!(target: "network", %error, size, topic = topic.name(), "not published");
            }
        }
    }

    fn import(&mut self, batch: u64, blocks: Vec<Block>) {
        self.local.import(&blocks);
        let at = blocks.first().map(Block::num_hash).unwrap_or_default();
        let refused = Some(not_done(at));
        let lost = Event::Imported { batch, taken: 0, last: None, refused };
        let (chain, shared) = (self.links.chain.clone(), self.shared.clone());
        let run = move || {
            let done = importer::import(&chain, batch, &blocks);
            if let Event::Imported { taken, refused, .. } = &done {
                shared.counters.imported_blocks.add(*taken);
                shared.counters.refused_blocks.add(usize::from(refused.is_some()));
            }
            done.into()
        };
        self.begin(Lane::Import, lost.into(), run);
    }

    fn admit(&mut self, peer: PeerId, id: Option<GossipId>, transactions: Vec<Bytes>) {
        let lost = Event::Admitted { peer, id, offered: Vec::new(), is_invalid: false };
        let (door, heard) = (self.links.admit.clone(), self.heard.clone());
        let run = move || {
            let (offered, is_invalid) = admit_all(&door, &heard, peer, transactions);
            Event::Admitted { peer, id, offered, is_invalid }.into()
        };
        self.begin(Lane::Admit, lost.into(), run);
    }
}

/// Nobody's fault but ours.
fn not_done(block: BlockNumHash) -> Refusal {
    let reason = "this node could not do it".to_owned();
    Refusal { block, is_invalid: false, misses_parent: false, reason }
}

/// Offers transactions to the pool, up to one that is invalid everywhere: is there one?
fn admit_all(
    door: &Admit,
    heard: &Heard,
    peer: PeerId,
    transactions: Vec<Bytes>,
) -> (Vec<Offered>, bool) {
    let decode = |raw: &Bytes| (keccak256(raw), Transaction::decode(raw));
    let decoded: Vec<_> = transactions.par_iter().map(decode).collect();
    let mut offered = Vec::new();
    for (raw, (network_hash, transaction)) in transactions.into_iter().zip(decoded) {
        let transaction = match transaction {
            Ok(transaction) => transaction,
            Err(error) => {
                tracing::debug!(target: "network", %peer, %error, "sent a broken transaction");
                return (offered, true);
            }
        };
        let hash = transaction.hash();
        // Before it is in the pool: else it could be taken for one of our own users.
        let is_new = heard.lock().insert(hash);
        let admission = door(transaction);
        if is_new && admission != Admission::Taken {
            // One of our users may send it yet.
            heard.lock().remove(&hash);
        }
        let is_taken = match admission {
            Admission::Taken => true,
            Admission::NotTaken(reason) => {
                tracing::trace!(target: "network", %peer, %hash, reason, "not taken");
                false
            }
            Admission::Invalid(reason) => {
                tracing::debug!(target: "network", %peer, %hash, reason, "sent an invalid transaction");
                return (offered, true);
            }
        };
        offered.push(Offered { raw, hash: network_hash, is_taken });
    }
    (offered, false)
}
