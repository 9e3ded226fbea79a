//! What is written is read, and no bytes whatever do harm.

use super::*;
use crate::primitives::Body;
use rand::{Rng, SeedableRng, rngs::StdRng};

fn status() -> Status {
    Status {
        chain_id: 7,
        genesis: B256::repeat_byte(1),
        mode: Mode::Pow,
        fork: ForkId { hash: FixedBytes([1, 2, 3, 4]), next: 99 },
        head: Head { number: 5, hash: B256::repeat_byte(2), total_difficulty: U256::MAX },
        time: 1_700_000_000,
        client: "mainspring/0.1".to_owned(),
        seals: true,
        signer: Some(Address::repeat_byte(5)),
        rules: rules(MAX_RULES),
    }
}

/// As long as they may be.
fn rules(count: usize) -> BTreeMap<String, String> {
    let names = (0..count).map(|number| format!("{number:0MAX_RULE_BYTES$}"));
    names.map(|name| (name, "x".repeat(MAX_RULE_BYTES))).collect()
}

fn block() -> EncodedBlock {
    let header = Header { number: 8, withdrawals_root: Some(B256::ZERO), ..Default::default() };
    let header = Header { base_fee_per_gas: Some(7), ..header };
    EncodedBlock::from(&Block::new(header, Body::default()))
}

fn requests() -> Vec<Request> {
    vec![
        Request::Hello(status()),
        Request::Head(status().head),
        Request::Headers { from: u64::MAX, count: MAX_HEADERS as u64 },
        Request::Bodies(vec![B256::repeat_byte(9); MAX_BODIES]),
        Request::Ancestry { of: B256::ZERO, count: 1 },
        Request::Peers,
        Request::Waiting,
        Request::Transactions(vec![B256::repeat_byte(7); MAX_TRANSACTIONS]),
    ]
}

fn responses() -> Vec<Response> {
    vec![
        Response::Hello(status()),
        Response::Refused(status()),
        Response::Head(Head::default()),
        Response::Headers(vec![]),
        Response::Headers(vec![block().header.inner().clone(); 3]),
        Response::Bodies(vec![Bytes::new(), Bytes::from_static(b"body")]),
        Response::Ancestry(vec![block(), block()]),
        Response::Peers(vec!["/ip4/127.0.0.1/tcp/1".to_owned(); MAX_PEERS]),
        Response::Waiting(vec![]),
        Response::Waiting(vec![B256::repeat_byte(7); 2]),
        Response::Transactions(vec![Bytes::from_static(b"x")]),
    ]
}

fn gossip() -> Vec<Gossip> {
    vec![
        Gossip::Block(block()),
        Gossip::Transactions(vec![Bytes::from_static(b"\x02tx"), Bytes::from_static(b"x")]),
        Gossip::Returned {
            head: B256::repeat_byte(3),
            transactions: vec![Bytes::from_static(b"\x02tx")],
        },
    ]
}

/// All kinds of messages, encoded.
fn encoded() -> Vec<Vec<u8>> {
    let requests = requests().into_iter().map(|it| encode_request(&it));
    let responses = responses().into_iter().map(|it| encode_response(&it));
    let gossip = gossip().into_iter().map(|it| encode_gossip(&it));
    requests.chain(responses).chain(gossip).collect()
}

/// Reads bytes as whatever they are said to be; what is read is written as the same bytes.
fn read(bytes: &[u8]) {
    if let Ok(request) = decode_request(bytes) {
        assert_eq!(encode_request(&request), bytes);
    }
    if let Ok(response) = decode_response(bytes) {
        assert_eq!(encode_response(&response), bytes);
    }
    if let Ok(gossip) = decode_gossip(bytes) {
        assert_eq!(encode_gossip(&gossip), bytes);
    }
}

#[test]
fn every_message_is_read_as_it_was_written() {
    for request in requests() {
        assert_eq!(decode_request(&encode_request(&request)), Ok(request));
    }
    for response in responses() {
        assert_eq!(decode_response(&encode_response(&response)), Ok(response));
    }
    for gossip in gossip() {
        assert_eq!(decode_gossip(&encode_gossip(&gossip)), Ok(gossip));
    }
}

#[test]
fn a_cut_or_longer_message_is_none() {
    for bytes in encoded() {
        for length in (0..bytes.len()).step_by(1 + bytes.len() / 100) {
            let cut = &bytes[..length];
            assert!(decode_request(cut).is_err() && decode_response(cut).is_err());
            assert!(decode_gossip(cut).is_err());
        }
        let longer = [bytes.as_slice(), &[0x80]].concat();
        assert!(decode_request(&longer).is_err() && decode_response(&longer).is_err());
        assert!(decode_gossip(&longer).is_err());
    }
}

#[test]
fn no_bytes_whatever_do_harm() {
    let mut rng = StdRng::seed_from_u64(6);
    let messages = encoded();
    for round in 0..20_000 {
        let mut bytes = match round % 4 {
            0 => (0..rng.random_range(0..80)).map(|_| rng.random()).collect(),
            _ => messages[rng.random_range(0..messages.len())].clone(),
        };
        if bytes.len() > 4096 {
            bytes.truncate(rng.random_range(0..4096));
        }
        for _ in 0..rng.random_range(0..4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..3) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        if let (true, [version, kind, ..]) = (round % 2 == 0, bytes.as_mut_slice()) {
            *version = VERSION;
            *kind %= 9;
        }
        read(&bytes);
    }
}

#[test]
fn a_length_that_promises_more_than_there_is_allocates_nothing() {
    // A list of 2^56 bytes, and a list with a string of as many.
    let huge = [VERSION, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(decode_response(&huge), Err(CodecError::Rlp(_))));
    let string = [VERSION, 4, 0xc9, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(decode_response(&string), Err(CodecError::Rlp(_))));
}

#[test]
fn too_much_is_named_with_both_numbers() {
    let million = Request::Headers { from: 0, count: 1_000_000 };
    let (what, max) = ("headers", MAX_HEADERS as u64);
    let refused = decode_request(&encode_request(&million));
    assert_eq!(refused, Err(CodecError::TooMany { what, count: 1_000_000, max }));
    let none = Request::Headers { from: 0, count: 0 };
    assert_eq!(decode_request(&encode_request(&none)), Err(CodecError::None("headers")));
    let peers = Response::Peers(vec![String::new(); MAX_PEERS + 1]);
    let (what, count, max) = ("addresses", 65, 64);
    let refused = decode_response(&encode_response(&peers));
    assert_eq!(refused, Err(CodecError::TooMany { what, count, max }));
    let (bytes, max) = (MAX_TRANSACTIONS_BYTES + 1, MAX_TRANSACTIONS_BYTES);
    let mut long = vec![0; bytes];
    long[..2].copy_from_slice(&[VERSION, 1]);
    assert_eq!(decode_gossip(&long), Err(CodecError::TooLong { bytes, max }));
    let other = [VERSION + 1, 0, 0xc0];
    assert_eq!(decode_gossip(&other), Err(CodecError::Version { given: VERSION + 1 }));
}

#[test]
fn a_name_is_of_characters_that_a_terminal_may_show() {
    let long = Status { client: "x".repeat(100) + "\x1b[31m", ..status() };
    let Ok(Request::Hello(read)) = decode_request(&encode_request(&Request::Hello(long))) else {
        panic!("a long name is cut by who sends it");
    };
    assert_eq!(read.client, "x".repeat(MAX_CLIENT_BYTES));
    let mut bytes = encode_request(&Request::Hello(status()));
    let at = bytes.windows(4).position(|four| four == b"main").unwrap();
    bytes[at] = 0x1b;
    assert_eq!(decode_request(&bytes), Err(CodecError::Text("the client")));
}

#[test]
fn a_greeting_names_so_many_rules_each_once_and_briefly() {
    let hello = |status: Status| decode_request(&encode_request(&Request::Hello(status)));
    let without = Status { signer: None, rules: BTreeMap::new(), ..status() };
    assert_eq!(hello(without.clone()), Ok(Request::Hello(without)));
    let many = Status { rules: rules(MAX_RULES + 1), ..status() };
    assert!(matches!(hello(many), Err(CodecError::TooMany { what: "rules", .. })));
    let long = BTreeMap::from([("x".to_owned(), "y".repeat(MAX_RULE_BYTES + 1))]);
    assert!(matches!(hello(Status { rules: long, ..status() }), Err(CodecError::TooLong { .. })));
    let escape = BTreeMap::from([("x".to_owned(), "\x1b[31m".to_owned())]);
    let escape = Status { rules: escape, ..status() };
    assert_eq!(hello(escape), Err(CodecError::Text("a rule")));

    let pair = |name: &str| (name.to_owned(), "rule value".to_owned());
    let two = Status { rules: [pair("name1"), pair("name2")].into(), ..status() };
    let mut bytes = encode_request(&Request::Hello(two));
    let at = bytes.windows(5).position(|five| five == b"name2").unwrap();
    bytes[at + 4] = b'1';
    assert_eq!(decode_request(&bytes), Err(CodecError::Order), "named twice");
}
