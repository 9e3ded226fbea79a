//! What happens when? One queue of things that will happen, in the order of a virtual clock.

use super::{
    FIRST_USER, Rules, USERS,
    faults::{Fault, OVER, Plan, Trouble},
    node::{Node, address_of, peer_of},
    work,
};
use crate::wallet::{key, transfer};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, keccak256};
use mainspring::{
    network::protocol::{Direction, Event},
    sealer::Turn,
    spec::Mode,
};
use rand::{Rng, rngs::StdRng, seq::IteratorRandom};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Milliseconds between two ticks of a node.
const TICK: u64 = 250;
/// When users stop sending.
const SENT: u64 = OVER - 4_000;
/// When signers and miners stop.
const SEALED: u64 = OVER + 45_000;
/// When a last block is found, of proof of work.
const LAST: u64 = SEALED + 5_000;
/// When it is over.
const END: u64 = SEALED + 25_000;
/// So long after a crash a user sends again what may not have been written: the journal's interval, and more.
const UNWRITTEN: u64 = 1_500;

/// What nodes send each other.
#[derive(Clone, Debug)]
pub(super) enum Packet {
    Request { id: u64, bytes: Vec<u8> },
    Response { id: u64, bytes: Vec<u8> },
    Gossip(Vec<u8>),
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, nonce, node, at, .. } = self;
        write!(f, "nonce {nonce} of user {user}, to node {node} at {at} ms,")
    }
}

/// What will happen.
#[derive(Debug)]
enum Happening {
    Tick {
        node: usize,
        life: u64,
    },
    Arrives {
        to: usize,
        from: usize,
        link: u64,
        packet: Packet,
    },
    Dialled {
        from: usize,
        to: usize,
        life: u64,
    },
    /// One side learns that a connection is gone.
    Ends {
        node: usize,
        other: usize,
        link: u64,
    },
    /// Something that a node began is done.
    Done {
        node: usize,
        life: u64,
        event: Box<Event>,
    },
    /// A node makes a block on this one, if it still means to.
    Makes {
        node: usize,
        life: u64,
        parent: B256,
    },
    Sends {
        user: u64,
    },
    Again {
        place: usize,
    },
    Goes(Fault),
}

/// A transaction of a user.
pub(super) struct Sent {
    user: u64,
    nonce: u64,
    pub(super) raw: Vec<u8>,
    pub(super) hash: B256,
    /// To whom it was sent last, and when.
    node: usize,
    at: u64,
}

pub(super) struct World {
    pub(super) mode: Mode,
    pub(super) now: u64,
    pub(super) rng: StdRng,
    pub(super) plan: Plan,
    pub(super) nodes: Vec<Node>,
    queue: BTreeMap<(u64, u64), Happening>,
    happened: u64,
    groups: Vec<usize>,
    /// Connections by the two nodes, and their numbers.
    pub(super) links: BTreeMap<(usize, usize), u64>,
    nonces: [u64; USERS as usize],
    pub(super) sent: Vec<Sent>,
    /// Height of the heads when everything was healed, and when sealing ended.
    pub(super) heights: [u64; 2],
    /// The highest block that was final on each node.
    pub(super) final_blocks: Vec<BTreeMap<u64, B256>>,
    /// Blocks that were canonical on a node and are not any more.
    pub(super) unwound: u64,
    trace: Vec<u8>,
}

impl World {
    /// With a plan that is drawn: of this trouble, or of any.
    pub(super) fn new(mode: Mode, nodes: usize, trouble: Option<Trouble>, mut rng: StdRng) -> Self {
        let plan = Plan::draw(nodes, trouble, &mut rng);
        Self::with_plan(mode, nodes, plan, rng)
    }

    pub(super) fn with_plan(mode: Mode, nodes: usize, plan: Plan, mut rng: StdRng) -> Self {
        let rules = Arc::new(Rules::of(mode, nodes));
        let make = |index| Node::new(index, rules.clone(), rng.random_range(-1_500..=1_500));
        let made: Vec<Node> = (0..nodes).map(make).collect();
        let mut world = Self {
            mode,
            now: 0,
            rng,
            plan: plan.clone(),
            nodes: made,
            queue: BTreeMap::new(),
            happened: 0,
            groups: vec![0; nodes],
            links: BTreeMap::new(),
            nonces: [0; USERS as usize],
            sent: Vec::new(),
            heights: [0; 2],
            final_blocks: vec![BTreeMap::new(); nodes],
            unwound: 0,
            trace: Vec::new(),
        };
        for (at, fault) in plan.faults {
            world.schedule(at, Happening::Goes(fault));
        }
        for node in 0..nodes {
            let at = world.rng.random_range(0..1_000);
            world.schedule(at, Happening::Goes(Fault::Start(node)));
        }
        for user in 0..USERS {
            let at = world.rng.random_range(1_500..6_000);
            world.schedule(at, Happening::Sends { user });
        }
        world
    }

    /// What happened, as a hash.
    pub(super) fn trace(&self) -> B256 {
        keccak256(&self.trace)
    }

    fn schedule(&mut self, at: u64, what: Happening) {
        self.happened += 1;
        self.queue.insert((at, self.happened), what);
    }

    pub(super) fn run(&mut self) {
        self.run_until(END);
    }

    /// Lets happen what happens up to then, in milliseconds.
    pub(super) fn run_until(&mut self, end: u64) {
        while let Some(((at, order), what)) = self.queue.pop_first() {
            if at > end {
                self.queue.insert((at, order), what);
                return;
            }
            if self.now < OVER + 5_000 && at >= OVER + 5_000 {
                self.heights[0] = self.height();
            }
            if self.now < SEALED && at >= SEALED {
                self.heights[1] = self.height();
            }
            let is_last = self.now < LAST && at >= LAST;
            self.now = at;
            self.nodes.iter().for_each(|node| node.set_time(at));
            if is_last && self.mode == Mode::Pow {
                self.finds_the_last();
            }
            self.happens(what);
        }
    }

    /// Two branches of one weight stay as they are until the next block is found.
    fn finds_the_last(&mut self) {
        let Some(running) = &self.nodes[0].running else { return };
        if let Some(block) = work::make(running, 0, running.chain.head().seal()) {
            self.tell(0, Event::Sealed(Box::new(block)));
        }
    }

    fn height(&self) -> u64 {
        let running = self.nodes.iter().filter_map(|node| node.running.as_ref());
        running.map(|it| it.chain.head().number).max().unwrap_or(0)
    }

    fn happens(&mut self, what: Happening) {
        match what {
            Happening::Tick { node, life } => self.tick(node, life),
            Happening::Arrives { to, from, link, packet } => {
                if self.links.get(&pair(to, from)) == Some(&link) && self.hear(to, from) {
                    self.arrives(to, from, link, packet);
                }
            }
            Happening::Dialled { from, to, life } => self.dialled(from, to, life),
            Happening::Ends { node, other, link } => self.ends(node, other, link),
            Happening::Done { node, life, event } => {
                if self.nodes[node].life == life {
                    self.tell(node, *event);
                }
            }
            Happening::Makes { node, life, parent } => self.makes(node, life, parent),
            Happening::Sends { user } => self.sends(user),
            Happening::Again { place } => self.sends_again(place),
            Happening::Goes(fault) => self.goes(fault),
        }
    }

    fn tick(&mut self, node: usize, life: u64) {
        if self.nodes[node].life != life || self.nodes[node].running.is_none() {
            return;
        }
        self.schedule(self.now + TICK, Happening::Tick { node, life });
        self.tell(node, Event::Tick);
        let writes_state = self.rng.random_bool(0.01);
        let Some(running) = &mut self.nodes[node].running else { return };
        running.wait(self.now);
        if self.now % 1_000 < TICK {
            running.write_journal();
        }
        if writes_state {
            running.chain.flush_state().unwrap();
        }
        self.note_final(node);
        self.plans(node);
    }

    /// When the node makes the next block, if it does.
    pub(super) fn plans(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let Some(running) = &mut self.nodes[node].running else { return };
        let plan = match self.mode {
            Mode::Poa => running.sealer.plan(&mut self.rng).unwrap().expect("all nodes have keys"),
            _ => {
                let wait = work::time(self.groups.len(), &mut self.rng);
                let turn = Turn::Ready { in_turn: true };
                (running.chain.head().seal(), turn, Some(Duration::from_millis(wait)))
            }
        };
        let (parent, turn, wait) = plan;
        if running.plan == Some((parent, turn)) {
            return;
        }
        running.plan = Some((parent, turn));
        let Some(wait) = wait.filter(|_| running.sealer.held().is_none()) else { return };
        let at = self.now + wait.as_millis() as u64 + 1;
        self.schedule(at, Happening::Makes { node, life, parent });
    }

    fn makes(&mut self, node: usize, life: u64, parent: B256) {
        if self.nodes[node].life != life || self.now > SEALED {
            return;
        }
        let Some(running) = &mut self.nodes[node].running else { return };
        if running.plan.is_none_or(|(planned, _)| planned != parent) {
            return;
        }
        let made = match self.mode {
            Mode::Poa => running.sealer.sign(parent).unwrap(),
            _ => work::make(running, node, parent),
        };
        if let Some(block) = made {
            self.tell(node, Event::Sealed(Box::new(block)));
        }
    }

    /// A user sends a transaction to a node that runs.
    fn sends(&mut self, user: u64) {
        if self.now > SENT {
            return;
        }
        let next = self.now + self.rng.random_range(300..6_000);
        self.schedule(next, Happening::Sends { user });
        let place = user as usize;
        let Some(node) = self.any_running() else { return };
        let nonce = self.nonces[place];
        self.nonces[place] += 1;
        let to = Address::repeat_byte(0xb0 + user as u8);
        let sent = transfer(&key(FIRST_USER + user), nonce, to, 1);
        let (raw, hash) = (sent.envelope().encoded_2718(), sent.hash());
        self.sent.push(Sent { user, nonce, raw, hash, node, at: self.now });
        self.hand_in(node, self.sent.len() - 1);
    }

    fn sends_again(&mut self, place: usize) {
        match self.any_running() {
            Some(node) => {
                (self.sent[place].node, self.sent[place].at) = (node, self.now);
                self.hand_in(node, place);
            }
            None => self.schedule(self.now + 1_000, Happening::Again { place }),
        }
    }

    fn any_running(&mut self) -> Option<usize> {
        let running = self.nodes.iter().filter(|node| node.running.is_some());
        running.map(|node| node.index).choose(&mut self.rng)
    }

    fn hand_in(&mut self, node: usize, place: usize) {
        let raw = self.sent[place].raw.clone();
        let Some(running) = &self.nodes[node].running else { return };
        if running.admit(&raw) {
            self.tell(node, Event::Submitted(vec![raw.into()]));
        }
    }

    fn goes(&mut self, fault: Fault) {
        match fault {
            Fault::Heal => self.groups.fill(0),
            Fault::Cut(groups) => {
                self.groups = groups;
                let links: Vec<(usize, usize)> = self.links.keys().copied().collect();
                for (one, other) in links {
                    if self.hear(one, other) {
                        continue;
                    }
                    // Somebody notices after a while.
                    let at = self.now + self.rng.random_range(500..8_000);
                    self.end_link(one, other, at);
                }
            }
            Fault::Kill(node) => self.kill(node),
            Fault::Start(node) => self.start(node),
        }
    }

    fn kill(&mut self, node: usize) {
        if self.nodes[node].running.is_none() {
            return;
        }
        self.nodes[node].crash(&mut self.rng);
        for (one, other) in self.links_of(node) {
            let at = self.now + self.rng.random_range(10..3_000);
            self.end_link(one, other, at);
        }
        let unwritten = |sent: &Sent| sent.node == node && sent.at + UNWRITTEN > self.now;
        let again = self.sent.iter().enumerate().filter(|(_, sent)| unwritten(sent));
        let again: Vec<usize> = again.map(|(place, _)| place).collect();
        for place in again {
            self.schedule(self.now + 1_000, Happening::Again { place });
        }
    }

    fn links_of(&self, node: usize) -> Vec<(usize, usize)> {
        let links = self.links.keys().copied();
        links.filter(|(one, other)| *one == node || *other == node).collect()
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].running.is_some() {
            return;
        }
        // What others did not notice the end of they notice now: nobody there knows of it.
        for (one, other) in self.links_of(node) {
            self.end_link(one, other, self.now);
        }
        let seed = self.rng.random();
        self.nodes[node].start(self.now, seed);
        let life = self.nodes[node].life;
        self.schedule(self.now, Happening::Tick { node, life });
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            // Some know only some, and hear of the others.
            if self.rng.random_bool(0.6) || other == (node + 1) % self.nodes.len() {
                self.tell(node, Event::AddPeer(address_of(other)));
            }
        }
    }

    /// Do two nodes hear each other?
    pub(super) fn hear(&self, one: usize, other: usize) -> bool {
        self.groups[one] == self.groups[other]
    }

    /// Sends a packet over a connection. It may be lost, or come twice.
    pub(super) fn send(&mut self, from: usize, to: usize, link: u64, packet: Packet) {
        let (lost, doubled, slow) = (self.plan.lost, self.plan.doubled, self.plan.slow);
        if self.now < OVER && self.rng.random_ratio(lost, 1_000) {
            return;
        }
        let at = self.now + self.rng.random_range(1..=slow);
        // Answers and requests are on streams of their own, where nothing comes twice.
        let is_gossip = matches!(packet, Packet::Gossip(_));
        if is_gossip && self.rng.random_ratio(doubled, 1_000) {
            let again = at + self.rng.random_range(1..=slow);
            let packet = packet.clone();
            self.schedule(again, Happening::Arrives { to, from, link, packet });
        }
        self.schedule(at, Happening::Arrives { to, from, link, packet });
    }

    pub(super) fn dial(&mut self, from: usize, to: usize) {
        let life = self.nodes[from].life;
        let at = self.now + self.rng.random_range(5..200);
        self.schedule(at, Happening::Dialled { from, to, life });
    }

    fn dialled(&mut self, from: usize, to: usize, life: u64) {
        if self.nodes[from].life != life || self.nodes[from].running.is_none() {
            return;
        }
        let is_there = self.nodes[to].running.is_some() && self.hear(from, to);
        if !is_there {
            let (address, reason) = (address_of(to), "nobody answers".to_owned());
            return self.tell(from, Event::DialFailed { address, reason });
        }
        if self.links.contains_key(&pair(from, to)) {
            // Of the other's life before, maybe: then it ends soon, and who wants to talk tries again.
            let (address, reason) = (address_of(to), "there is a connection".to_owned());
            return self.tell(from, Event::DialFailed { address, reason });
        }
        self.happened += 1;
        self.links.insert(pair(from, to), self.happened);
        for (node, other, direction) in
            [(to, from, Direction::Inbound), (from, to, Direction::Outbound)]
        {
            let (peer, address) = (peer_of(other), address_of(other));
            self.tell(node, Event::Connected { peer, address: address.clone(), direction });
            self.tell(node, Event::Identified { peer, listens: vec![address] });
        }
    }

    /// A connection is gone; its two nodes notice by then.
    pub(super) fn end_link(&mut self, one: usize, other: usize, at: u64) {
        let Some(link) = self.links.get(&pair(one, other)).copied() else { return };
        self.schedule(at, Happening::Ends { node: one, other, link });
        self.schedule(at, Happening::Ends { node: other, other: one, link });
    }

    fn ends(&mut self, node: usize, other: usize, link: u64) {
        if self.links.get(&pair(node, other)) == Some(&link) {
            self.links.remove(&pair(node, other));
            self.tell(other, Event::Disconnected(peer_of(node)));
            self.tell(node, Event::Disconnected(peer_of(other)));
        }
    }

    /// A node hears of the end of something that it began.
    pub(super) fn done(&mut self, node: usize, after: u64, event: Event) {
        let life = self.nodes[node].life;
        let at = self.now + after;
        self.schedule(at, Happening::Done { node, life, event: Box::new(event) });
    }

    /// For the hash of what happened.
    pub(super) fn note(&mut self, node: usize, head: B256) {
        self.trace.extend(self.now.to_be_bytes());
        self.trace.push(node as u8);
        self.trace.extend(head);
    }
}

pub(super) fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
