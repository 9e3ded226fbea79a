//! What happened, and what is to be done about it? A machine without sockets, threads or a clock.
//!
//! | file | question |
//! |---|---|
//! | `event` | what can happen, and what can be done? |
//! | `settings` | how patient, how curious and how hospitable is a node? |
//! | `hello` | may we talk with whom just connected? |
//! | `peers` | who is connected, and what is known of each? |
//! | `scores`, `said` | who did wrong, what follows from it, and is it said? |
//! | `book`, `exchange` | where are other peers, and who is dialled? |
//! | `asks` | what was asked, and what if nobody answers? |
//! | `heads` | who is ahead of us, and who must hear where we are? |
//! | `blocks`, `imports` | what becomes of a block that somebody passes on? |
//! | `transactions` | what becomes of transactions, and which did we miss? |
//! | `sync` | how does a node that is far behind catch up? |

mod asks;
mod blocks;
mod book;
mod event;
mod exchange;
mod heads;
mod hello;
mod imports;
mod peers;
mod said;
mod scores;
mod settings;
mod sync;
mod transactions;

pub use event::{
    Above, Action, Check, CheckId, Checked, Direction, Event, Failure, GossipId, Now, Offered,
    Refusal, RequestId, Verdict,
};
pub use peers::{PeerView, ProtocolView, SyncView};
pub use scores::Offence;
pub use settings::ProtocolSettings;

use super::{
    PeerId,
    message::{Head, Request, Response},
    status::Identity,
};
use asks::{Ask, CheckFor};
use blocks::Blocks;
use book::Book;
use heads::Told;
use imports::Imports;
use peers::Peers;
use rand::{SeedableRng, rngs::StdRng};
use said::{Lines, Refusals};
use scores::{Scores, Sentence};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use sync::{Lessons, Sync};
use transactions::Transactions;

/// A node of a network, as far as it decides. The same events at the same times with the same seed make the
/// same actions.
#[derive(Debug)]
pub struct Protocol {
    settings: ProtocolSettings,
    identity: Identity,
    local: PeerId,
    rng: StdRng,
    now: Now,
    head: Head,
    /// Of the head, in seconds since 1970.
    head_timestamp: u64,
    told: Told,
    exchanged: Duration,
    peers: Peers,
    scores: Scores,
    said: Lines,
    refusals: Refusals,
    book: Book,
    /// For whom there is always room.
    trusted: BTreeSet<PeerId>,
    asks: BTreeMap<RequestId, Ask>,
    checks: BTreeMap<CheckId, CheckFor>,
    last_id: u64,
    blocks: Blocks,
    imports: Imports,
    transactions: Transactions,
    sync: Option<Sync>,
    lessons: Lessons,
    /// Not before.
    next_sync: Duration,
    out: Vec<Action>,
}

impl Protocol {
    /// A node without peers, whose head is this one, of a time in seconds since 1970.
    pub fn new(
        settings: ProtocolSettings,
        identity: Identity,
        local: PeerId,
        (head, head_timestamp): (Head, u64),
        seed: u64,
    ) -> Self {
        Self {
            settings,
            identity,
            local,
            rng: StdRng::seed_from_u64(seed),
            now: Now::default(),
            head,
            head_timestamp,
            told: Told::default(),
            exchanged: Duration::ZERO,
            peers: Peers::default(),
            scores: Scores::default(),
            said: Lines::default(),
            refusals: Refusals::default(),
            book: Book::default(),
            trusted: BTreeSet::new(),
            asks: BTreeMap::new(),
            checks: BTreeMap::new(),
            last_id: 0,
            blocks: Blocks::default(),
            imports: Imports::default(),
            transactions: Transactions::default(),
            sync: None,
            lessons: Lessons::default(),
            next_sync: Duration::ZERO,
            out: Vec::new(),
        }
    }

    /// Something happened: what is to be done, in this order?
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Action> {
        self.now = now;
        match event {
            Event::Connected { peer, address, direction } => {
                self.connected(peer, address, direction);
            }
            Event::Disconnected(peer) => self.disconnected(&peer),
            Event::DialFailed { address, reason } => self.dial_failed(&address, &reason),
            Event::Identified { peer, listens } => self.identified(peer, listens),
            Event::AddPeer(address) => self.add_peer(address),
            Event::Trust { peer, is_trusted: true } => drop(self.trusted.insert(peer)),
            Event::Trust { peer, is_trusted: false } => drop(self.trusted.remove(&peer)),
            Event::RemovePeer(peer) => self.remove_peer(&peer),
            Event::Asked { peer, id, request } => self.asked(peer, id, request),
            Event::Answered { peer, id, response } => self.answered(peer, id, response),
            Event::Failed { peer, id, failure } => self.failed(peer, id, &failure),
            Event::Garbage { peer, what } => self.offence(peer, Offence::Garbage, &what),
            Event::Floods(peer) => {
                self.offence(peer, Offence::Flood, "it passes on more than it may");
            }
            Event::Heard { peer, id, gossip } => self.heard(peer, id, gossip),
            Event::Checked { id, found } => self.checked(id, found),
            Event::Imported { batch, taken, last, refused } => {
                self.imported(batch, taken, last, refused);
            }
            Event::Admitted { peer, id, offered, is_invalid } => {
                self.admitted(peer, id, offered, is_invalid);
            }
            Event::Head { head, timestamp } => self.head_moved(head, timestamp),
            Event::Seals(seals) => self.seals(seals),
            Event::Sealed(block) => self.sealed(&block),
            Event::Submitted(transactions) => self.submitted(transactions),
            Event::Returned(transactions) => self.returned(transactions),
            Event::Tick => self.tick(),
        }
        std::mem::take(&mut self.out)
    }

    /// What is shown of the machine.
    pub fn view(&self) -> ProtocolView {
        let peers = self.peers.all.iter().map(|(id, peer)| PeerView {
            id: *id,
            address: peer.address.clone(),
            direction: peer.direction,
            listens: peer.listens.clone(),
            status: peer
                .status
                .clone()
                .map(|status| super::message::Status { head: peer.head, ..status }),
            clock_difference: peer.status.as_ref().map(|_| peer.clock_difference),
            is_static: self.book.is_static(id),
            points: self.scores.points(self.now.elapsed, id),
        });
        ProtocolView {
            peers: peers.collect(),
            sync: self
                .sync
                .as_ref()
                .filter(|_| self.is_behind())
                .map(|it| it.view(self.head.number)),
            clock_difference: self.peers.clock_difference(),
            refused: self
                .refusals
                .since(self.now.elapsed.saturating_sub(self.settings.refused_time)),
            best: self
                .peers
                .ready()
                .map(|(_, it)| it.head)
                .max_by_key(|it| it.total_difficulty)
                .map(|head| (head.number, head.total_difficulty)),
        }
    }

    /// Why we and a peer that is connected may not talk.
    pub fn refusal(&self, peer: &PeerId) -> Option<&str> {
        self.peers.get(peer)?.refused.as_deref()
    }

    fn tick(&mut self) {
        self.end_overdue();
        self.give_up_waiting();
        self.dial_due();
        self.tell_head();
        self.exchange();
        self.catch_up();
        self.drive_sync();
    }

    /// Ends connections that are due to be.
    fn end_overdue(&mut self) {
        let now = self.now.elapsed;
        let due = |leaves: Option<Duration>| leaves.is_some_and(|leaves| leaves <= now);
        let overdue = self.peers.all.iter().filter(|(_, peer)| due(peer.leaves));
        let overdue: Vec<_> = overdue.map(|(id, peer)| (*id, peer.refused.clone())).collect();
        for (peer, refused) in overdue {
            let late = || "it did not say in time who it is".to_owned();
            self.disconnect(peer, &refused.unwrap_or_else(late));
        }
    }

    fn disconnect(&mut self, peer: PeerId, reason: &str) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.leaves = None;
            peer.is_dropped = true;
        }
        self.out.push(Action::Disconnect { peer, reason: reason.to_owned() });
    }

    /// Holds something against a peer, and does what follows.
    fn offence(&mut self, peer: PeerId, offence: Offence, what: &str) {
        let (now, first) = (self.now.elapsed, self.settings.ban_time);
        if self.scores.is_banned(now, &peer) {
            // What it sent before it heard of that.
            return;
        }
        let sentence = self.scores.note(now, first, peer, offence);
        tracing::debug!(target: "network", %peer, ?offence, ?sentence, "{what}");
        match sentence {
            Sentence::Noted => {}
            Sentence::Disconnect => self.disconnect(peer, what),
            Sentence::Ban(time) => {
                if self.said.banned.is_news(now, &peer) {
                    tracing::warn!(
                        target: "network", %peer, seconds = time.as_secs(), "a peer is banned: {what}"
                    );
                }
                self.book.postpone(&peer, now + time);
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.is_dropped = true;
                }
                self.out.push(Action::Ban { peer, time, reason: what.to_owned() });
            }
        }
    }

    const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn answer(&mut self, id: RequestId, response: Response) {
        self.out.push(Action::Answer { id, response });
    }

    /// A peer asks.
    fn asked(&mut self, peer: PeerId, id: RequestId, request: Request) {
        let (now, settings) = (self.now.elapsed, &self.settings);
        let Some(known) = self.peers.get_mut(&peer) else {
            return self.out.push(Action::Disconnect { peer, reason: "it is gone".to_owned() });
        };
        let (may_ask, is_known) = (known.may_ask(now, settings), known.status.is_some());
        match request {
            Request::Hello(status) => self.greeted_by(peer, id, status),
            request if !is_known => {
                self.answer(id, nothing(&request));
                // One that we refused and that has not heard it yet is not at fault.
                if self.peers.get(&peer).is_some_and(|peer| peer.refused.is_none()) {
                    self.offence(peer, Offence::Early, "it asks before it has said who it is");
                    self.disconnect(peer, "it asks before it has said who it is");
                }
            }
            request if !may_ask => {
                self.answer(id, nothing(&request));
                self.offence(peer, Offence::Flood, "it asks more than it may");
            }
            Request::Head(head) => {
                self.answer(id, Response::Head(self.head));
                self.head_of(peer, head);
            }
            Request::Peers => {
                let addresses = self.addresses_for(&peer);
                self.answer(id, Response::Peers(addresses));
            }
            request => self.out.push(Action::Serve { id, request }),
        }
    }
}

/// The answer of somebody who has nothing.
fn nothing(request: &Request) -> Response {
    match request {
        Request::Hello(_) | Request::Head(_) => Response::Head(Head::default()),
        Request::Headers { .. } => Response::Headers(Vec::new()),
        Request::Bodies(_) => Response::Bodies(Vec::new()),
        Request::Ancestry { .. } => Response::Ancestry(Vec::new()),
        Request::Peers => Response::Peers(Vec::new()),
        Request::Waiting => Response::Waiting(Vec::new()),
        Request::Transactions(_) => Response::Transactions(Vec::new()),
    }
}
