//! One node among peers that hand out headers and bodies one by one, make them up, or are too slow: what it
//! can have it gets, and nobody keeps it busy for long.

use crate::{
    peers::{Node, head_of, source},
    wallet::{key, transfer},
};
use alloy_consensus::Header;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, U256};
use libp2p::PeerId;
use mainspring::network::{
    message::{Gossip, Head, Request, Response},
    protocol::{Action, Event, ProtocolSettings},
    serve,
};
use std::{cell::Cell, time::Duration};

/// A little less than a peer may take for an answer.
const ALMOST: Duration = Duration::from_millis(9_900);

fn far(head: Head) -> Head {
    let total_difficulty = head.total_difficulty * U256::from(1_000);
    Head { number: head.number + 100_000, hash: B256::repeat_byte(9), total_difficulty }
}

impl Node {
    /// Is a transaction that a peer passes on offered to the pool?
    fn takes_transactions(&mut self, peer: PeerId, nonce: u64) -> bool {
        let raw = transfer(&key(1), nonce, Address::ZERO, 1).envelope().encoded_2718();
        let gossip = Gossip::Transactions(vec![raw.into()]);
        let id = 1_000 + nonce;
        self.tell(Event::Heard { peer, id, gossip });
        self.rest.iter().any(|it| matches!(it, Action::Admit { id: of, .. } if *of == Some(id)))
    }

    fn points(&self, of: PeerId) -> u32 {
        self.protocol.view().peers.iter().find(|peer| peer.id == of).map_or(0, |it| it.points)
    }
}

/// A header that nobody sealed.
fn made_up(number: u64) -> Header {
    Header { number, gas_used: 7, ..Header::default() }
}

#[test]
fn headers_one_by_one_and_late_do_not_keep_a_node_busy() {
    let (source, ..) = source(60);
    let mut node = Node::new(ProtocolSettings::default());
    let honest = node.join(head_of(&node.chain).0);
    let liar = node.join(far(head_of(&source).0));
    node.pass(Duration::from_secs(1));
    let (mut windows, mut unheard) = (0, 0);
    for round in 0..40 {
        let others: Vec<_> = std::mem::take(&mut node.asked);
        node.pass(ALMOST);
        for (peer, id, request) in others {
            let mut response = match &request {
                Request::Head(_) if peer == liar => {
                    let hash = B256::from(U256::from(round + 1));
                    Response::Head(Head { hash, ..far(head_of(&source).0) })
                }
                Request::Head(head) => Response::Head(*head),
                Request::Peers => Response::Peers(Vec::new()),
                request => serve::serve(&source.chain, &node.pool, request).unwrap().unwrap(),
            };
            if let (Request::Headers { count: 2.., .. }, Response::Headers(headers)) =
                (&request, &mut response)
            {
                windows += 1;
                headers.truncate(1);
            }
            node.tell(Event::Answered { peer, id, response });
        }
        unheard += u32::from(!node.takes_transactions(honest, round));
    }
    assert!((1..12).contains(&windows), "{windows} times it was asked for headers");
    // While the one block is fetched that it has shown.
    assert!(unheard < 15, "{unheard} transactions of others were not heard");
}

#[test]
fn who_makes_headers_up_down_to_the_first_block_is_banned() {
    let (source, _, blocks) = source(30);
    let mut node = Node::new(ProtocolSettings::default());
    blocks.iter().for_each(|block| assert!(node.chain.chain.import(block).is_ok()));
    let (head, timestamp) = head_of(&node.chain);
    node.tell(Event::Head { head, timestamp });
    let liar = node.join(far(head));
    node.answer_all(&source, |_, request, response| match request {
        Request::Headers { from, .. } => Some(Response::Headers(vec![made_up(*from)])),
        _ => Some(response),
    });
    assert_eq!(node.bans(), [liar]);
}

#[test]
fn who_always_claims_more_does_not_keep_a_node_from_those_who_have_something() {
    let (source, ..) = source(300);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    let liars: Vec<PeerId> = (0..5).map(|_| node.join(far(head))).collect();
    node.join(head);
    let (claims, downloads) = (Cell::new(0u64), Cell::new(0));
    node.answer_all(&source, |peer, request, response| {
        if !liars.contains(&peer) {
            return Some(response);
        }
        match request {
            Request::Head(_) => {
                claims.set(claims.get() + 1);
                let hash = B256::from(U256::from(claims.get()));
                Some(Response::Head(Head { hash, ..far(head) }))
            }
            Request::Headers { count: 2.., .. } => {
                downloads.set(downloads.get() + 1);
                Some(Response::Headers(Vec::new()))
            }
            _ => Some(response),
        }
    });
    assert_eq!(node.chain.chain.head().seal(), head.hash);
    assert!(downloads.get() < 40, "{} times a liar was followed", downloads.get());
}

#[test]
fn a_block_or_two_are_fetched_while_somebody_claims_to_be_far_ahead() {
    let (source, ..) = source(3);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    let liar = node.join(far(head));
    node.join(head);
    for _ in 0..40 {
        while let Some((peer, id, request)) = node.asked.pop() {
            let response = match &request {
                Request::Head(_) if peer == liar => Response::Head(far(head)),
                // It does not say where its chain leaves ours.
                _ if peer == liar => continue,
                Request::Head(_) => Response::Head(head),
                Request::Peers => Response::Peers(Vec::new()),
                request => serve::serve(&source.chain, &node.pool, request).unwrap().unwrap(),
            };
            node.tell(Event::Answered { peer, id, response });
        }
        node.pass(Duration::from_millis(500));
    }
    assert_eq!(node.chain.chain.head().seal(), head.hash);
}

#[test]
fn an_answer_that_came_too_late_does_not_end_the_only_download_there_is() {
    let (source, ..) = source(300);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    let slow = node.join(head);
    let asked = Cell::new(0);
    // Its line is slow: what is long does not come in time, however often it is asked for.
    node.answer_all(&source, |_, request, response| match request {
        Request::Bodies(hashes) if hashes.len() > 20 => {
            asked.set(asked.get() + 1);
            None
        }
        _ => Some(response),
    });
    assert_eq!(node.chain.chain.head().seal(), head.hash, "{slow} has told all");
    assert!(asked.get() >= 1);
    assert!(node.bans().is_empty());
}

#[test]
fn who_hands_out_bodies_one_by_one_is_asked_for_few() {
    let (source, ..) = source(300);
    let mut node = Node::new(ProtocolSettings { requests_per_peer: 1, ..Default::default() });
    let head = head_of(&source).0;
    let (miser, honest) = (node.join(head), node.join(head));
    let answers = Cell::new(0);
    node.answer_all(&source, |peer, _, response| match response {
        Response::Bodies(mut bodies) if peer == miser => {
            answers.set(answers.get() + 1);
            bodies.truncate(1);
            Some(Response::Bodies(bodies))
        }
        response => Some(response),
    });
    assert_eq!(node.chain.chain.head().seal(), head.hash, "{honest} gave the rest");
    assert!(answers.get() < 10, "{} answers of one body", answers.get());
    assert!(node.bans().is_empty() && node.points(miser) == 0);
}

#[test]
fn a_peer_that_is_alone_and_does_not_answer_for_a_while_is_asked_again() {
    let (source, ..) = source(300);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    node.join(head);
    let missed = Cell::new(0);
    node.answer_all(&source, |_, request, response| {
        if matches!(request, Request::Bodies(_)) && missed.get() < 3 {
            missed.set(missed.get() + 1);
            return None;
        }
        Some(response)
    });
    assert_eq!(node.chain.chain.head().seal(), head.hash);
    assert_eq!(missed.get(), 3);
}
