//! What thousands of strangers make a node remember has an end.

use super::*;
use mainspring::primitives::Body;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Strangers that come, do harm and go, in each half of the test. More than any list of the node has room for.
const STRANGERS: usize = 6_000;

/// Characters that it takes to write down everything that the machine holds.
fn held(node: &Node) -> usize {
    format!("{:?}", node.protocol).len()
}

fn address(rng: &mut StdRng) -> Multiaddr {
    let (number, port) = (rng.random::<[u8; 4]>(), rng.random_range(1..u16::MAX));
    let ip = std::net::Ipv4Addr::from(number);
    format!("/ip4/{ip}/tcp/{port}/p2p/{}", PeerId::random()).parse().unwrap()
}

fn hash(rng: &mut StdRng) -> B256 {
    rng.random::<[u8; 32]>().into()
}

/// A header that a signer of the chain has signed, on a parent that nobody knows.
fn lonely(rng: &mut StdRng) -> EncodedBlock {
    let header = Header {
        parent_hash: hash(rng),
        number: rng.random_range(1..1_000_000),
        difficulty: U256::from(2),
        extra_data: clique::Extra::default().to_bytes(),
        ..Default::default()
    };
    let header = signed(header, &key(rng.random_range(0..3)));
    EncodedBlock::from(&Block::new(header, Body::default()))
}

/// One that says it is of this chain, and then does one of what a stranger can do.
fn comes_and_goes(node: &mut Node, rng: &mut StdRng, stay: &mut Vec<PeerId>, id: u64) {
    let head = Head {
        number: rng.random(),
        hash: hash(rng),
        total_difficulty: U256::from(rng.random::<u64>()),
    };
    let peer = node.greet(head);
    if rng.random_bool(0.75) {
        node.take_us(peer, head);
    }
    match rng.random_range(0..10) {
        0 => drop(node.hear(peer, id, &lonely(rng))),
        1 => {
            let listens = (0..30).map(|_| address(rng)).collect();
            node.tell(Event::Identified { peer, listens });
        }
        2 => {
            let request = Request::Head(Head { hash: hash(rng), ..head });
            (0..5).for_each(|_| node.tell(Event::Asked { peer, id, request: request.clone() }));
        }
        3 => {
            let addresses: Vec<String> = (0..32).map(|_| address(rng).to_string()).collect();
            while let Some((peer, id, request)) = node.asked.pop() {
                let response = match request {
                    Request::Peers => Response::Peers(addresses.clone()),
                    Request::Waiting => Response::Waiting((0..9).map(|_| hash(rng)).collect()),
                    _ => Response::Peers(Vec::new()),
                };
                node.tell(Event::Answered { peer, id, response });
            }
        }
        4 => node.tell(Event::Garbage { peer, what: "noise".to_owned() }),
        5 => node.tell(Event::Floods(peer)),
        6 => {
            let theirs = Status { chain_id: rng.random(), ..node.status(head) };
            node.tell(Event::Asked { peer, id, request: Request::Hello(theirs) });
        }
        7 => node.tell(Event::RemovePeer(peer)),
        8 => {
            let (address, reason) = (address(rng), "nobody answers".to_owned());
            node.tell(Event::DialFailed { address, reason });
        }
        _ => node.pass(Duration::from_secs(3)),
    }
    // Some stay for a while.
    stay.push(peer);
    let leaves = match rng.random_bool(0.1) && stay.len() < 20 {
        true => None,
        false => Some(stay.swap_remove(rng.random_range(0..stay.len()))),
    };
    if let Some(peer) = leaves {
        node.tell(Event::Disconnected(peer));
        node.asked.retain(|(asked, ..)| *asked != peer);
    }
    node.rest.clear();
}

#[test]
fn what_strangers_leave_behind_has_an_end() {
    let mut node = Node::new(ProtocolSettings::default());
    let mut rng = StdRng::seed_from_u64(6);
    let mut stay = Vec::new();
    let mut half = |node: &mut Node| {
        (1..=STRANGERS as u64).for_each(|id| comes_and_goes(node, &mut rng, &mut stay, id));
        held(node)
    };
    let (first, second) = (half(&mut node), half(&mut node));
    // One entry that is kept for every fourth stranger would be more.
    assert!(second < first + first / 4, "{first} characters, then {second}");
    assert!(first < 1 << 20, "{first} characters");
}
