//! What comes of what a node wants done? Messages go through their wire form, work is real.

use super::{
    node::peer_of,
    world::{Packet, World, pair},
};
use alloy_primitives::keccak256;
use mainspring::network::{
    self, PeerId, check, codec, importer,
    message::Response,
    protocol::{Action, Event, Offered, Verdict},
    serve,
};
use rand::Rng;

impl World {
    /// Tells a node that runs, does what it wants done, and lets it follow its chain.
    pub(super) fn tell(&mut self, node: usize, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let now = self.nodes[node].now(self.now);
            let Some(running) = &mut self.nodes[node].running else { return };
            for action in running.protocol.handle(now, event) {
                self.act(node, action);
            }
            let Some(running) = &mut self.nodes[node].running else { return };
            if let Some((moved, gone, again)) = running.follow() {
                if !again.is_empty() {
                    // As the node does.
                    running.write_journal();
                }
                self.unwound += gone;
                let head = running.chain.head().seal();
                self.note(node, head);
                events.push(moved);
                if !again.is_empty() {
                    events.push(Event::Returned(again));
                }
                self.plans(node);
            }
        }
    }

    fn index_of(&self, peer: PeerId) -> usize {
        (0..self.nodes.len())
            .find(|index| peer_of(*index) == peer)
            .expect("a node of the simulation")
    }

    fn act(&mut self, node: usize, action: Action) {
        let Some(running) = &mut self.nodes[node].running else { return };
        match action {
            Action::Ask { peer, id, request } => {
                let to = self.index_of(peer);
                let bytes = codec::encode_request(&request);
                if let Some(link) = self.links.get(&pair(node, to)).copied() {
                    self.send(node, to, link, Packet::Request { id, bytes });
                }
            }
            Action::Answer { id, response } => self.answer(node, id, &response),
            Action::Serve { id, request } => {
                let response = serve::serve(&running.chain, &running.pool, &request).unwrap();
                let response = response.expect("the chain has an answer");
                self.answer(node, id, &response);
            }
            Action::Judge { id, verdict } => self.judge(node, id, verdict),
            Action::Publish(gossip) => {
                let bytes = codec::encode_gossip(&gossip);
                running.heard.insert(keccak256(&bytes));
                self.pass_on(node, &bytes, None);
            }
            Action::Import { batch, blocks } => {
                let event = importer::import(&running.chain, batch, &blocks);
                let after = self.rng.random_range(1..20) + 2 * blocks.len() as u64;
                self.done(node, after, event);
            }
            Action::Check { id, check } => {
                let found = check::check(&running.chain, &running.pool, check);
                let after = self.rng.random_range(1..30);
                self.done(node, after, Event::Checked { id, found });
            }
            Action::Admit { peer, id, transactions } => {
                let offer = |raw: alloy_primitives::Bytes| Offered {
                    hash: keccak256(&raw),
                    is_taken: running.admit(&raw),
                    raw,
                };
                let offered = transactions.into_iter().map(offer).collect();
                let after = self.rng.random_range(1..10);
                let event = Event::Admitted { peer, id, offered, is_invalid: false };
                self.done(node, after, event);
            }
            // Before the greeting a machine ignores what it hears by itself.
            Action::Hear { .. } => {}
            Action::Dial(address) => {
                let peer = network::peer_of(&address).expect("addresses end in peers");
                let to = self.index_of(peer);
                self.dial(node, to);
            }
            Action::Disconnect { peer, .. } => {
                let other = self.index_of(peer);
                self.end_link(node, other, self.now + 1);
            }
            Action::Ban { peer, reason, .. } => {
                panic!("node {node} bans {peer}, which is honest: {reason}");
            }
        }
    }

    fn answer(&mut self, node: usize, id: u64, response: &Response) {
        let Some(running) = &mut self.nodes[node].running else { return };
        let Some((to, link, id)) = running.unanswered.remove(&id) else { return };
        let bytes = codec::encode_response(response);
        self.send(node, to, link, Packet::Response { id, bytes });
    }

    fn judge(&mut self, node: usize, id: u64, verdict: Verdict) {
        let Some(running) = &mut self.nodes[node].running else { return };
        let Some((bytes, from)) = running.unjudged.remove(&id) else { return };
        assert_ne!(verdict, Verdict::Reject, "node {node} rejects what node {from} passed on");
        if verdict == Verdict::Accept {
            self.pass_on(node, &bytes, Some(from));
        }
    }

    /// Passes gossip on to all but who it came from.
    fn pass_on(&mut self, node: usize, bytes: &[u8], from: Option<usize>) {
        let links: Vec<(usize, u64)> = (0..self.nodes.len())
            .filter(|other| *other != node && Some(*other) != from)
            .filter_map(|other| Some((other, *self.links.get(&pair(node, other))?)))
            .collect();
        for (other, link) in links {
            self.send(node, other, link, Packet::Gossip(bytes.to_vec()));
        }
    }

    /// A packet arrives at a node.
    pub(super) fn arrives(&mut self, to: usize, from: usize, link: u64, packet: Packet) {
        let Some(running) = &mut self.nodes[to].running else { return };
        let peer = peer_of(from);
        let event = match packet {
            Packet::Request { id, bytes } => {
                let own = running.next_id();
                running.unanswered.insert(own, (from, link, id));
                let request = codec::decode_request(&bytes).expect("honest nodes speak well");
                Event::Asked { peer, id: own, request }
            }
            Packet::Response { id, bytes } => {
                let response = codec::decode_response(&bytes).expect("honest nodes speak well");
                Event::Answered { peer, id, response }
            }
            Packet::Gossip(bytes) => {
                if !running.heard.insert(keccak256(&bytes)) {
                    return;
                }
                let id = running.next_id();
                let gossip = codec::decode_gossip(&bytes).expect("honest nodes speak well");
                running.unjudged.insert(id, (bytes, from));
                Event::Heard { peer, id, gossip }
            }
        };
        self.tell(to, event);
    }
}
