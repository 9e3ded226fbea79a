//! One node among peers that a test plays: what they send is checked, and whoever lies or stalls is left.

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
        let peer = PeerId::random();
        let address: Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        self.tell(Event::Connected { peer, address, direction: Direction::Inbound });
        let status = self.status(head);
        self.tell(Event::Asked { peer, id: 1, request: Request::Hello(status.clone()) });
        let (_, id, _) = self.take(|request| matches!(request, Request::Hello(_)));
        self.tell(Event::Answered { peer, id, response: Response::Hello(status) });
        peer
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
fn gossip_is_judged_once_and_by_what_it_is() {
    let (_source, mut maker, blocks) = source(3);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let peers: Vec<PeerId> = (0..4).map(|_| node.join(head)).collect();
    let first = EncodedBlock::from(&blocks[0]);
    // Its header is right, and its body another's.
    let (alice, genesis) = (crate::wallet::transfer(&key(1), 0, Address::ZERO, 1), maker.genesis());
    let other = maker.make(genesis, Wanted::with(vec![alice], 3, 9));
    let mixed = Block { header: blocks[0].header.clone(), body: other.body };
    assert_eq!(node.hear(peers[0], 1, &EncodedBlock::from(&mixed)), Some(Verdict::Reject));
    assert_eq!(node.bans(), [peers[0]]);
    assert_eq!(node.hear(peers[1], 2, &first), Some(Verdict::Accept), "the right one may follow");
    assert_eq!(node.chain.chain.head().seal(), blocks[0].hash());
    assert_eq!(node.hear(peers[2], 3, &first), Some(Verdict::Ignore), "it is here already");
    let forged = Header { gas_used: 7, ..blocks[1].header.inner().clone() };
    let forged = Block::new(signed(forged, &key(7)), blocks[1].body.as_ref().clone());
    assert_eq!(node.hear(peers[3], 4, &EncodedBlock::from(&forged)), Some(Verdict::Reject));
    assert_eq!(node.bans(), [peers[0], peers[3]]);
}

/// The same block with a right seal and a state that does not come of it.
fn of_wrong_state(block: &Block) -> Block {
    let signer = clique::signer(&block.header).unwrap();
    let by = (0..3).map(key).find(|key| key.address() == signer).unwrap();
    let header = Header { state_root: B256::repeat_byte(1), ..block.header.inner().clone() };
    Block::new(signed(header, &by), block.body.as_ref().clone())
}

#[test]
fn a_block_is_passed_on_after_it_was_executed_and_not_before() {
    let (_source, _, blocks) = source(1);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let (liar, honest) = (node.join(head), node.join(head));
    let wrong = of_wrong_state(&blocks[0]);
    assert_eq!(node.hear(liar, 1, &EncodedBlock::from(&wrong)), Some(Verdict::Reject));
    assert_eq!(node.bans(), [liar]);
    let child = Header { parent_hash: wrong.hash(), ..wrong.header.inner().clone() };
    let child = Block::new(child, wrong.body.as_ref().clone());
    assert_eq!(node.hear(honest, 2, &EncodedBlock::from(&blocks[0])), Some(Verdict::Accept));
    assert_eq!(node.chain.chain.head().seal(), blocks[0].hash());
    assert_eq!(node.hear(honest, 3, &EncodedBlock::from(&child)), Some(Verdict::Reject));
    let judged = |it: &&Action| matches!(it, Action::Judge { .. });
    assert_eq!(node.rest.iter().filter(judged).count(), 3, "each once");
}

#[test]
fn a_block_with_an_unknown_parent_brings_its_ancestors() {
    let (source, _, blocks) = source(5);
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&node.chain).0);
    let newest = EncodedBlock::from(&blocks[4]);
    assert_eq!(node.hear(peer, 1, &newest), Some(Verdict::Ignore), "it is not passed on yet");
    assert!(
        node.is_asked(|it| matches!(it, Request::Ancestry { of, .. } if *of == blocks[4].hash()))
    );
    node.answer_all(&source, |_, _, response| Some(response));
    assert_eq!(node.chain.chain.head().seal(), blocks[4].hash());
}

#[test]
fn blocks_that_one_peer_misses_leave_room_for_those_of_others() {
    let (_source, _, blocks) = source(24);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let (liar, honest) = (node.join(head), node.join(head));
    for (id, block) in (1..).zip(&blocks[1..20]) {
        assert_eq!(node.hear(liar, id, &EncodedBlock::from(block)), Some(Verdict::Ignore));
    }
    let of = |it: &(PeerId, u64, Request), peer| {
        it.0 == peer && matches!(it.2, Request::Ancestry { .. })
    };
    let asked = |node: &Node, peer| node.asked.iter().filter(|it| of(it, peer)).count();
    assert_eq!(asked(&node, liar), 4);
    node.hear(honest, 100, &EncodedBlock::from(&blocks[22]));
    assert_eq!(asked(&node, honest), 1);

    for id in 200..210 {
        let Some(place) = node.asked.iter().position(|it| of(it, liar)) else { break };
        let (peer, request, _) = node.asked.remove(place);
        let response = Response::Ancestry(Vec::new());
        node.tell(Event::Answered { peer, id: request, response });
        // What it did not answer is asked again when it comes again, in another message.
        node.hear(liar, id, &EncodedBlock::from(&blocks[id as usize - 190]));
    }
    assert_eq!(node.bans(), [liar], "it has not got what it passed on");
}

#[test]
fn a_signer_of_ever_more_blocks_makes_nobody_import_them() {
    let (_source, mut maker, blocks) = source(1);
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&node.chain).0);
    assert_eq!(node.hear(peer, 1, &EncodedBlock::from(&blocks[0])), Some(Verdict::Accept));
    let rivals: Vec<Block> =
        (0..6).map(|tag| maker.make(blocks[0].hash(), Wanted::empty(1, tag))).collect();
    let verdicts: Vec<_> = (10..)
        .zip(&rivals)
        .map(|(id, rival)| node.hear(peer, id, &EncodedBlock::from(rival)).unwrap())
        .collect();
    let (accept, ignore) = (Verdict::Accept, Verdict::Ignore);
    assert_eq!(verdicts, [accept, accept, ignore, ignore, ignore, ignore]);
    assert!(node.bans().is_empty(), "whoever passes them on has broken no rule");

    // With a block of another signer above it one of them is the heaviest.
    let heir = maker.make(rivals[5].hash(), Wanted::empty(1, 0));
    assert_eq!(node.hear(peer, 20, &EncodedBlock::from(&heir)), Some(Verdict::Ignore));
    let (_, id, _) = node.take(|it| matches!(it, Request::Ancestry { .. }));
    let both = [&heir, &rivals[5]].map(EncodedBlock::from).to_vec();
    node.tell(Event::Answered { peer, id, response: Response::Ancestry(both) });
    assert_eq!(node.chain.chain.head().seal(), heir.hash());
}

#[test]
fn a_message_is_passed_on_if_all_of_it_was_taken_and_nothing_was_passed_over_unlooked_at() {
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let [one, other] = [node.join(head), node.join(head)];
    let [bad, poor, good, better, best] = [1, 2, 3, 4, 5].map(|tag| Bytes::from(vec![tag; 100]));

    // While the invalid one is looked at, and after it was found to be, it comes with one that is right.
    let invalid = vec![bad.clone()];
    assert_eq!(node.hear_transactions(one, 1, &invalid), Some(invalid.clone()));
    let both = vec![good.clone(), bad];
    assert_eq!(node.hear_transactions(other, 2, &both), Some(both.clone()), "it is looked at");
    node.admitted(one, 1, &[], true);
    assert_eq!(node.hear_transactions(other, 3, &both), Some(both.clone()), "and not forgotten");
    node.admitted(other, 2, &[(&good, true)], true);
    assert_eq!([1, 2].map(|id| node.verdict(id)), [Some(Verdict::Reject); 2]);
    assert_eq!(node.published(), [vec![good.clone()]], "the right one is not lost");

    // One that only this node has no use for is passed on by nobody in its name.
    node.hear_transactions(one, 4, &[poor.clone(), better.clone()]);
    node.admitted(one, 4, &[(&poor, false), (&better, true)], false);
    let mixed = vec![poor.clone(), best.clone()];
    assert_eq!(node.hear_transactions(other, 5, &mixed), Some(vec![best.clone()]));
    node.admitted(other, 5, &[(&best, true)], false);
    assert_eq!([4, 5].map(|id| node.verdict(id)), [Some(Verdict::Ignore); 2]);
    assert_eq!(node.published()[1..], [vec![better.clone()], vec![best.clone()]]);

    // What was taken before does no harm.
    let last = Bytes::from(vec![6; 100]);
    assert_eq!(node.hear_transactions(other, 6, &[better, last.clone()]), Some(vec![last.clone()]));
    node.admitted(other, 6, &[(&last, true)], false);
    assert_eq!(node.verdict(6), Some(Verdict::Accept));
    assert_eq!((node.published().len(), node.bans().len()), (3, 0));
}

#[test]
fn a_branch_of_the_same_weight_is_asked_for_where_signers_break_ties() {
    let (source, mut maker, blocks) = source(4);
    let mut node = Node::new(ProtocolSettings::default());
    for block in &blocks[..3] {
        node.chain.chain.import(block).unwrap();
    }
    let rival = maker.make(blocks[2].hash(), Wanted::empty(2, 1));
    node.chain.chain.import(&rival).unwrap();
    let (head, timestamp) = head_of(&node.chain);
    node.tell(Event::Head { head, timestamp });
    assert_eq!(head.total_difficulty, head_of(&source).0.total_difficulty);
    node.join(head_of(&source).0);
    node.answer_all(&source, |_, _, response| Some(response));
    let winner = rival.hash().min(blocks[3].hash());
    assert_eq!(node.chain.chain.head().seal(), winner, "both nodes pick the same");
    source.chain.import(&rival).unwrap();
    assert_eq!(source.chain.head().seal(), winner);
}

#[test]
fn what_a_lost_branch_had_mined_is_told_again_in_another_message() {
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&node.chain).0);
    let raw = |nonce| Bytes::from(to_nobody(nonce).envelope().encoded_2718());
    node.tell(Event::Submitted(vec![raw(0)]));
    node.tell(Event::Returned(vec![raw(0)]));
    let told: Vec<_> = node.rest.drain(..).filter_map(published).collect();
    let head = node.chain.chain.head().seal();
    let first = Gossip::Transactions(vec![raw(0)]);
    let again = Gossip::Returned { head, transactions: vec![raw(0)] };
    assert_eq!(told, [first, again]);
    assert_ne!(codec::encode_gossip(&told[0]), codec::encode_gossip(&told[1]));

    // Who has not heard of one takes it as any other; who has passes it on no further.
    let gossip = Gossip::Returned { head, transactions: vec![raw(0), raw(1)] };
    node.tell(Event::Heard { peer, id: 9, gossip });
    let admitted = node.rest.drain(..).find_map(|action| match action {
        Action::Admit { id, transactions, .. } => Some((id, transactions)),
        _ => None,
    });
    assert_eq!(admitted, Some((Some(9), vec![raw(1)])));
    node.tell(Event::Returned((0..5_000).map(raw).collect()));
    let told = node.rest.drain(..).filter_map(published).map(|told| match told {
        Gossip::Returned { transactions, .. } => transactions.len(),
        other => panic!("{other:?}"),
    });
    let told: Vec<usize> = told.collect();
    assert_eq!((told.len(), told.iter().sum::<usize>()), (2, 5_000), "as many as fit together");
}

fn to_nobody(nonce: u64) -> Transaction {
    transfer(&key(5), nonce, Address::repeat_byte(9), 1)
}

fn published(action: Action) -> Option<Gossip> {
    match action {
        Action::Publish(gossip) => Some(gossip),
        _ => None,
    }
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
