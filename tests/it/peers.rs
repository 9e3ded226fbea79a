//! One node among peers that a test plays: what they send is checked, and whoever lies or stalls is left.

mod bounds;
mod gossip;
mod named;
mod slow;

use crate::{
    maker::{Maker, Wanted, signed},
    node::{Setup, TestChain},
    wallet::{key, transfer},
};
use alloy_consensus::Header;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use libp2p::{Multiaddr, PeerId};
use mainspring::{
    consensus::clique,
    network::{
        check, codec, importer,
        message::{EncodedBlock, Gossip, Head, Request, Response, Status},
        protocol::{
            Action, Direction, Event, Failure, Now, Offered, Protocol, ProtocolSettings, Verdict,
        },
        serve,
        status::Identity,
    },
    pool::{Limits, Pool},
    primitives::{Block, Transaction},
};
use std::{sync::Arc, time::Duration};

fn setup() -> Setup {
    Setup { signers: 3, keys: 8, ..Setup::default() }
}

/// The node under test: machine and chain. What the machine wants found out is found out at once.
pub(crate) struct Node {
    pub(crate) chain: TestChain,
    pub(crate) pool: Arc<Pool>,
    pub(crate) protocol: Protocol,
    pub(crate) elapsed: Duration,
    /// Requests under way: whom, and what.
    pub(crate) asked: Vec<(PeerId, u64, Request)>,
    /// What else it wanted done.
    pub(crate) rest: Vec<Action>,
}

pub(crate) fn head_of(chain: &TestChain) -> (Head, u64) {
    let header = chain.chain.head();
    let total_difficulty = chain.chain.total_difficulty(header.number).unwrap();
    (Head { number: header.number, hash: header.seal(), total_difficulty }, header.timestamp)
}

fn identity(chain: &TestChain) -> Identity {
    Identity {
        spec: chain.chain.spec(),
        genesis: chain.chain.header(0).unwrap().unwrap().seal(),
        client: "test".to_owned(),
        seals: false,
        signer: None,
    }
}

impl Node {
    pub(crate) fn new(settings: ProtocolSettings) -> Self {
        let chain = TestChain::start(setup());
        let protocol =
            Protocol::new(settings, identity(&chain), PeerId::random(), head_of(&chain), 1);
        let (asked, rest) = (Vec::new(), Vec::new());
        let pool = Arc::new(Pool::new(Limits::default()));
        Self { chain, pool, protocol, elapsed: Duration::from_secs(1), asked, rest }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let now = Now { elapsed: self.elapsed, unix: 1_700_000_000 };
        for action in self.protocol.handle(now, event) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Check { id, check } => {
                let found = check::check(&self.chain.chain, &self.pool, check);
                self.tell(Event::Checked { id, found });
            }
            Action::Import { batch, blocks } => {
                let event = importer::import(&self.chain.chain, batch, &blocks);
                let (head, timestamp) = head_of(&self.chain);
                self.tell(Event::Head { head, timestamp });
                self.tell(event);
            }
            Action::Ask { peer, id, request } => self.asked.push((peer, id, request)),
            other => self.rest.push(other),
        }
    }

    /// A peer connects, with this head and everything else as it should be.
    pub(crate) fn join(&mut self, head: Head) -> PeerId {
        let peer = self.greet(head);
        self.take_us(peer, head);
        peer
    }

    /// A peer connects and says who it is, and has not answered yet who we are.
    fn greet(&mut self, head: Head) -> PeerId {
        let peer = PeerId::random();
        let address: Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        self.tell(Event::Connected { peer, address, direction: Direction::Inbound });
        let status = self.status(head);
        self.tell(Event::Asked { peer, id: 1, request: Request::Hello(status) });
        peer
    }

    /// A peer answers the greeting.
    fn take_us(&mut self, peer: PeerId, head: Head) {
        let (_, id, _) = self.take(|request| matches!(request, Request::Hello(_)));
        let response = Response::Hello(self.status(head));
        self.tell(Event::Answered { peer, id, response });
    }

    /// What another node of this chain says of itself.
    fn status(&self, head: Head) -> Status {
        identity(&self.chain).status(head, 1_700_000_000, 1_700_000_000)
    }

    /// Takes the oldest request of a kind.
    pub(crate) fn take(&mut self, is_it: impl Fn(&Request) -> bool) -> (PeerId, u64, Request) {
        let place = self.asked.iter().position(|(_, _, request)| is_it(request));
        self.asked.remove(place.expect("it is asked for"))
    }

    pub(crate) fn is_asked(&self, is_it: impl Fn(&Request) -> bool) -> bool {
        self.asked.iter().any(|(_, _, request)| is_it(request))
    }

    /// Time goes on.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        self.tell(Event::Tick);
    }

    /// Everything that is asked is answered from a chain, until nothing is asked for a while.
    pub(crate) fn answer_all(
        &mut self,
        from: &TestChain,
        answer: impl Fn(PeerId, &Request, Response) -> Option<Response>,
    ) {
        let mut idle = 0;
        for _ in 0..1_000 {
            let Some((peer, id, request)) = self.asked.pop() else {
                self.pass(Duration::from_millis(500));
                // What led nowhere is begun again after a while.
                idle += 1;
                if idle > 10 && self.asked.is_empty() && self.protocol.view().sync.is_none() {
                    return;
                }
                continue;
            };
            if !matches!(request, Request::Head(_) | Request::Peers | Request::Waiting) {
                idle = 0;
            }
            let response = match &request {
                Request::Head(_) => Response::Head(head_of(from).0),
                Request::Peers => Response::Peers(Vec::new()),
                request => serve::serve(&from.chain, &self.pool, request).unwrap().unwrap(),
            };
            match answer(peer, &request, response) {
                Some(response) => self.tell(Event::Answered { peer, id, response }),
                None => self.tell(Event::Failed { peer, id, failure: Failure::Timeout }),
            }
        }
        panic!("there is no end of questions");
    }

    pub(crate) fn bans(&self) -> Vec<PeerId> {
        let ban = |action: &Action| match action {
            Action::Ban { peer, .. } => Some(*peer),
            _ => None,
        };
        self.rest.iter().filter_map(ban).collect()
    }

    /// The verdict on a block that a peer passes on.
    fn hear(&mut self, peer: PeerId, id: u64, block: &EncodedBlock) -> Option<Verdict> {
        self.tell(Event::Heard { peer, id, gossip: Gossip::Block(block.clone()) });
        self.verdict(id)
    }

    /// A peer passes these on; which of them are offered to the pool?
    fn hear_transactions(&mut self, peer: PeerId, id: u64, all: &[Bytes]) -> Option<Vec<Bytes>> {
        self.tell(Event::Heard { peer, id, gossip: Gossip::Transactions(all.to_vec()) });
        self.rest.iter().find_map(|action| match action {
            Action::Admit { id: of, transactions, .. } if *of == Some(id) => {
                Some(transactions.clone())
            }
            _ => None,
        })
    }

    /// The pool has looked at them: which did it take, and is the one after them against the rules?
    fn admitted(&mut self, peer: PeerId, id: u64, all: &[(&Bytes, bool)], is_invalid: bool) {
        let offered = all.iter().map(|(raw, is_taken)| Offered {
            raw: (*raw).clone(),
            hash: keccak256(raw),
            is_taken: *is_taken,
        });
        let offered = offered.collect();
        self.tell(Event::Admitted { peer, id: Some(id), offered, is_invalid });
    }

    fn published(&self) -> Vec<Vec<Bytes>> {
        let published = |action: &Action| match action {
            Action::Publish(Gossip::Transactions(all)) => Some(all.clone()),
            _ => None,
        };
        self.rest.iter().filter_map(published).collect()
    }

    fn verdict(&self, id: u64) -> Option<Verdict> {
        self.rest.iter().find_map(|action| match action {
            Action::Judge { id: of, verdict } if *of == id => Some(*verdict),
            _ => None,
        })
    }
}

/// A chain of so many blocks, and what makes more.
pub(crate) fn source(blocks: usize) -> (TestChain, Maker, Vec<Block>) {
    let (chain, mut maker) = (TestChain::start(setup()), Maker::new(&setup()));
    let blocks = maker.run(maker.genesis(), blocks, 1, 0);
    for block in &blocks {
        chain.chain.import(block).unwrap();
    }
    (chain, maker, blocks)
}

fn heavier(head: Head) -> Head {
    Head { total_difficulty: head.total_difficulty + U256::from(1), ..head }
}

#[test]
fn a_fresh_node_downloads_a_chain_from_several_peers() {
    let (source, ..) = source(600);
    let mut node = Node::new(ProtocolSettings { requests_per_peer: 1, ..Default::default() });
    let head = head_of(&source).0;
    let peers = [node.join(head), node.join(head), node.join(head)];
    let gave = std::cell::RefCell::new(Vec::new());
    node.answer_all(&source, |peer, request, response| {
        if matches!(request, Request::Bodies(_)) {
            gave.borrow_mut().push(peer);
        }
        Some(response)
    });
    assert_eq!(node.chain.chain.head().seal(), head.hash);
    assert!(peers.iter().all(|peer| gave.borrow().contains(peer)), "all give bodies");
    assert!(node.bans().is_empty());
}

#[test]
fn a_heavier_chain_with_wrong_seals_costs_the_liar_its_connection_and_no_body_is_asked_for() {
    let (source, _, blocks) = source(60);
    let mut node = Node::new(ProtocolSettings::default());
    let liar = node.join(heavier(head_of(&source).0));
    node.answer_all(&source, |_, request, response| {
        assert!(!matches!(request, Request::Bodies(_)), "no body of headers that do not hold");
        let Response::Headers(mut headers) = response else { return Some(response) };
        if headers.len() > 1 {
            let forged = Header { gas_used: 7, ..blocks[9].header.inner().clone() };
            headers[9] = signed(forged, &key(7));
            headers.truncate(10);
        }
        Some(Response::Headers(headers))
    });
    assert_eq!(node.bans(), [liar]);
    assert_eq!(node.chain.chain.head().number, 0);
}

#[test]
fn a_peer_that_sends_other_bodies_is_banned_and_the_others_give_the_right_ones() {
    let (source, mut maker, _) = source(300);
    let other = maker.make(
        maker.genesis(),
        Wanted::with(vec![crate::wallet::transfer(&key(1), 0, Address::ZERO, 1)], 3, 9),
    );
    let mut node = Node::new(ProtocolSettings { requests_per_peer: 1, ..Default::default() });
    let head = head_of(&source).0;
    let (honest, liar) = (node.join(head), node.join(head));
    node.answer_all(&source, |peer, _, response| match response {
        Response::Bodies(bodies) if peer == liar => {
            Some(Response::Bodies(vec![other.body.encode().into(); bodies.len()]))
        }
        response => Some(response),
    });
    assert_eq!(node.bans(), [liar], "{honest} is honest");
    assert_eq!(node.chain.chain.head().seal(), head.hash);
}

#[test]
fn a_peer_that_stalls_is_replaced() {
    let (source, ..) = source(300);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    let (stalls, honest) = (node.join(heavier(head)), node.join(head));
    node.answer_all(&source, |peer, _, response| (peer != stalls).then_some(response));
    assert_eq!(node.chain.chain.head().seal(), head.hash, "{honest} gave all");
    assert!(node.bans().is_empty(), "slowness is no crime");
}

#[test]
fn a_peer_that_boasts_of_a_head_that_it_has_not_is_banned_in_the_end() {
    let (source, ..) = source(40);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    let boasts = Head { hash: B256::repeat_byte(9), ..heavier(head) };
    let peer = node.join(boasts);
    for round in 0..400u64 {
        while let Some((peer, id, request)) = node.asked.pop() {
            let response = match &request {
                Request::Head(_) => {
                    let hash = B256::from(U256::from(round));
                    Response::Head(Head { hash, ..boasts })
                }
                Request::Peers => Response::Peers(Vec::new()),
                request => serve::serve(&source.chain, &node.pool, request).unwrap().unwrap(),
            };
            node.tell(Event::Answered { peer, id, response });
        }
        node.pass(Duration::from_millis(500));
    }
    assert!(node.bans().contains(&peer));
}

#[test]
fn what_waits_for_import_is_bounded() {
    let (source, ..) = source(1_000);
    let sync_bytes = 5 << 20;
    let mut node = Node::new(ProtocolSettings { sync_bytes, ..Default::default() });
    let head = head_of(&source).0;
    for _ in 0..10 {
        node.join(head);
    }
    node.pass(Duration::from_secs(1));
    // Probe and headers are answered, and nothing of the bodies that are asked for.
    for _ in 0..10 {
        let place = node.asked.iter().position(|it| matches!(it.2, Request::Headers { .. }));
        let Some(place) = place else { break };
        let (peer, id, request) = node.asked.remove(place);
        let response = serve::serve(&source.chain, &node.pool, &request).unwrap().unwrap();
        node.tell(Event::Answered { peer, id, response });
    }
    let bodies = node.asked.iter().filter(|it| matches!(it.2, Request::Bodies(_))).count();
    assert_eq!(bodies, 2, "five MiB have room for two answers of two");
    assert!(!node.is_asked(|request| matches!(request, Request::Headers { count: 1, .. })));
}

#[test]
fn nothing_is_told_before_the_greeting_and_other_chains_are_refused() {
    let mut node = Node::new(ProtocolSettings::default());
    let (rude, other) = (PeerId::random(), PeerId::random());
    let address: Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
    for peer in [rude, other] {
        let address = address.clone();
        node.tell(Event::Connected { peer, address, direction: Direction::Inbound });
    }
    let request = Request::Headers { from: 0, count: 10 };
    node.tell(Event::Asked { peer: rude, id: 7, request });
    let told = |node: &Node, id| {
        node.rest.iter().find_map(|action| match action {
            Action::Answer { id: of, response } if *of == id => Some(response.clone()),
            _ => None,
        })
    };
    assert_eq!(told(&node, 7), Some(Response::Headers(Vec::new())));
    let left = |node: &Node, of: PeerId| {
        node.rest.iter().any(|it| matches!(it, Action::Disconnect { peer, .. } if *peer == of))
    };
    assert!(left(&node, rude));
    let foreign = Status { chain_id: 5, ..node.status(Head::default()) };
    node.tell(Event::Asked { peer: other, id: 8, request: Request::Hello(foreign) });
    assert!(matches!(told(&node, 8), Some(Response::Refused(_))), "it learns why");
    node.pass(Duration::from_secs(2));
    assert!(left(&node, other));
    let silent = PeerId::random();
    node.tell(Event::Connected { peer: silent, address, direction: Direction::Inbound });
    node.pass(Duration::from_secs(11));
    assert!(left(&node, silent), "who does not greet in time is left");
}

#[test]
fn more_requests_than_allowed_are_not_served() {
    let settings = ProtocolSettings { requests_per_second: 10, ..Default::default() };
    let mut node = Node::new(settings);
    let peer = node.join(head_of(&node.chain).0);
    for id in 100..1_000 {
        let request = Request::Headers { from: 0, count: 10 };
        node.tell(Event::Asked { peer, id, request });
    }
    let served = node.rest.iter().filter(|it| matches!(it, Action::Serve { .. })).count();
    assert!((15..=20).contains(&served), "{served}");
    assert!(node.bans().contains(&peer));
}

#[test]
fn after_the_last_of_all_numbers_there_is_no_header() {
    let (source, ..) = source(3);
    let node = Node::new(ProtocolSettings::default());
    for (from, count, there) in [(u64::MAX, 1, 0), (u64::MAX - 1, u64::MAX, 0), (2, u64::MAX, 2)] {
        let request = Request::Headers { from, count };
        let answer = serve::serve(&source.chain, &node.pool, &request).unwrap().unwrap();
        let Response::Headers(headers) = answer else { panic!("{answer:?}") };
        assert_eq!(headers.len(), there, "{count} from {from} on");
    }
}

#[test]
fn bodies_of_blocks_beside_the_chain_are_given_too() {
    let (source, mut maker, blocks) = source(4);
    let aside: Vec<Block> =
        (0..2).map(|place| maker.make(blocks[place].hash(), Wanted::empty(2, 5))).collect();
    for block in &aside {
        source.chain.import(block).unwrap();
    }
    let node = Node::new(ProtocolSettings::default());
    let wanted = [&blocks[3], &aside[1], &aside[0], &blocks[0]].map(Block::hash);
    let missing = B256::repeat_byte(1);
    let hashes = wanted.into_iter().chain([missing, blocks[1].hash()]).collect();
    let answer = serve::serve(&source.chain, &node.pool, &Request::Bodies(hashes)).unwrap();
    let Some(Response::Bodies(bodies)) = answer else { panic!("{answer:?}") };
    assert_eq!(bodies.len(), 4, "up to the one that nobody has");
}
