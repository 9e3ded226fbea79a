//! Every decoder that faces a peer, and what holds of whatever it reads: it does not panic, and what it
//! takes has one form.

use mainspring::{
    network::{
        PeerAddress,
        codec::{
            decode_gossip, decode_request, decode_response, encode_gossip, encode_request,
            encode_response,
        },
        message::{EncodedBlock, Gossip, Response},
    },
    primitives::{Block, Body, Transaction},
};

/// Feeds bytes to a decoder; panics where what it reads is not right.
pub type Claim = fn(&[u8]);

/// Everything by its name.
pub const ALL: [(&str, Claim); 7] = [
    ("request", request),
    ("response", response),
    ("gossip", gossip),
    ("block", block),
    ("body", body),
    ("transaction", transaction),
    ("address", address),
];

/// A question.
pub fn request(bytes: &[u8]) {
    if let Ok(read) = decode_request(bytes) {
        assert_eq!(encode_request(&read), bytes);
    }
}

/// An answer, with what is in it.
pub fn response(bytes: &[u8]) {
    let Ok(read) = decode_response(bytes) else { return };
    assert_eq!(encode_response(&read), bytes);
    match read {
        Response::Bodies(bodies) => bodies.iter().for_each(|it| body(it)),
        Response::Ancestry(blocks) => blocks.iter().for_each(encoded),
        Response::Transactions(all) => all.iter().for_each(|it| transaction(it)),
        Response::Peers(all) => all.iter().for_each(|it| address(it.as_bytes())),
        _ => {}
    }
}

/// What everyone is told, with what is in it.
pub fn gossip(bytes: &[u8]) {
    let Ok(read) = decode_gossip(bytes) else { return };
    assert_eq!(encode_gossip(&read), bytes);
    match read {
        Gossip::Block(block) => encoded(&block),
        Gossip::Transactions(all) | Gossip::Returned { transactions: all, .. } => {
            all.iter().for_each(|it| transaction(it));
        }
    }
}

/// The header that was read alone is that of the block.
fn encoded(encoded: &EncodedBlock) {
    block(&encoded.rlp);
    if let Ok(read) = Block::decode(&encoded.rlp) {
        assert_eq!(read.num_hash(), encoded.num_hash());
    }
}

/// A block.
pub fn block(bytes: &[u8]) {
    let peeked = Block::peek(bytes);
    if let Ok(read) = Block::decode(bytes) {
        assert_eq!(read.encode(), bytes);
        assert_eq!(peeked, Ok(read.num_hash()));
    }
}

/// What is in a block besides its header.
pub fn body(bytes: &[u8]) {
    if let Ok(read) = Body::decode(bytes) {
        assert_eq!(read.encode(), bytes);
    }
}

/// A transaction in its network form.
pub fn transaction(bytes: &[u8]) {
    if let Ok(read) = Transaction::decode(bytes) {
        assert_eq!(read.hash(), read.without_sidecar().hash());
        assert!(read.has_true_sender());
    }
}

/// Where somebody is.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = text.parse::<PeerAddress>() {
        let again: PeerAddress =
            read.address.to_string().parse().expect("what was read is an address");
        assert_eq!(again, read);
    }
}
