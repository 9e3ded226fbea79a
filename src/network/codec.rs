//! How do messages look on the wire, and which bytes are none?
//!
//! A byte for the version, a byte for the kind, then RLP. Every message has one encoding. Counts and
//! lengths are bounded before anything is allocated for them.

use super::message::{EncodedBlock, ForkId, Gossip, Head, Request, Response, Status};
use crate::{
    primitives::{Block, SealedHeader},
    spec::Mode,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use alloy_rlp::{Decodable, Encodable, Error as RlpError, Header as Prefix};
use std::{collections::BTreeMap, sync::Arc};

/// Of the encoding; the first byte of every message.
pub const VERSION: u8 = 2;
/// Bytes of a request: the largest names [`MAX_TRANSACTIONS`] hashes.
pub const MAX_REQUEST_BYTES: usize = 160 << 10;
/// Bytes of an answer. One holds two MiB or a single block, of which the largest
/// ([EIP-7934](https://eips.ethereum.org/EIPS/eip-7934)) has 10 MiB.
pub const MAX_RESPONSE_BYTES: usize = 11 << 20;
/// Bytes of a block that is passed on.
pub const MAX_BLOCK_BYTES: usize = 10 << 20;
/// Bytes of transactions that are passed on together.
pub const MAX_TRANSACTIONS_BYTES: usize = 3 << 19;
/// Headers in an answer.
pub const MAX_HEADERS: usize = 1024;
/// Bodies asked for at once.
pub const MAX_BODIES: usize = 1024;
/// Blocks in an answer about somebody's ancestors.
pub const MAX_ANCESTRY: usize = 64;
/// Addresses in an answer about other peers.
pub const MAX_PEERS: usize = 64;
/// Bytes of such an address.
pub const MAX_ADDRESS_BYTES: usize = 256;
/// Transactions that are passed on, or named, together.
pub const MAX_TRANSACTIONS: usize = 4096;
/// Bytes of the name of somebody's software.
pub const MAX_CLIENT_BYTES: usize = 64;
/// Rules that somebody names in its greeting.
pub const MAX_RULES: usize = 32;
/// Bytes of the name of a rule, and of its value.
pub const MAX_RULE_BYTES: usize = 128;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More than this kind of message may have.
    #[error("{bytes} bytes, at most {max} are read")]
    TooLong {
        /// Given.
        bytes: usize,
        /// By the limits.
        max: usize,
    },
    /// Not even a version and a kind.
    #[error("{0} bytes are no message")]
    TooShort(usize),
    /// Of another encoding.
    #[error("version {given} of the encoding, this node speaks {VERSION}")]
    Version {
        /// The first byte.
        given: u8,
    },
    /// No message of this version begins so.
    #[error("there is no {what} of kind {kind}")]
    Kind {
        /// Request, response or gossip.
        what: &'static str,
        /// The second byte.
        kind: u8,
    },
    /// Not the fields of the message.
    #[error("broken RLP: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// More than may be asked for or answered.
    #[error("{count} {what}, at most {max} may be in a message")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Given.
        count: u64,
        /// By the limits.
        max: u64,
    },
    /// Nothing is asked for, or passed on.
    #[error("a message with no {0}")]
    None(&'static str),
    /// The message is followed by something.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
    /// It decodes, but is encoded otherwise.
    #[error("the encoding is not canonical")]
    NotCanonical,
    /// A rule that is named twice, or not in the order of names.
    #[error("rules that are not in order")]
    Order,
    /// Neither a mode nor a flag.
    #[error("{field} is {given}")]
    Value {
        /// Which.
        field: &'static str,
        /// Its value.
        given: u8,
    },
    /// A text of something else than visible ASCII.
    #[error("{0} is not of visible ASCII characters")]
    Text(&'static str),
}

/// The bytes of a request.
pub fn encode_request(request: &Request) -> Vec<u8> {
    let (kind, fields) = match request {
        Request::Hello(status) => (0, status_fields(status)),
        Request::Head(head) => (1, head_fields(head)),
        Request::Headers { from, count } => (2, fields(&[from, count])),
        Request::Bodies(hashes) => (3, joined(hashes)),
        Request::Ancestry { of, count } => (4, fields(&[of, count])),
        Request::Peers => (5, Vec::new()),
        Request::Waiting => (6, Vec::new()),
        Request::Transactions(hashes) => (7, joined(hashes)),
    };
    message(kind, &fields)
}

/// Reads a request.
pub fn decode_request(bytes: &[u8]) -> Result<Request, CodecError> {
    let (kind, mut fields) = open(bytes, MAX_REQUEST_BYTES)?;
    let rest = &mut fields;
    let request = match kind {
        0 => Request::Hello(read_status(rest)?),
        1 => Request::Head(read_head(rest)?),
        2 => {
            let (from, count) = (u64::decode(rest)?, u64::decode(rest)?);
            Request::Headers { from, count: within("headers", count, MAX_HEADERS)? }
        }
        3 => Request::Bodies(some(read_hashes(rest, "bodies", MAX_BODIES)?, "bodies")?),
        4 => {
            let (of, count) = (B256::decode(rest)?, u64::decode(rest)?);
            Request::Ancestry { of, count: within("blocks", count, MAX_ANCESTRY)? }
        }
        5 => Request::Peers,
        6 => Request::Waiting,
        7 => {
            let hashes = read_hashes(rest, "transactions", MAX_TRANSACTIONS)?;
            Request::Transactions(some(hashes, "transactions")?)
        }
        kind => return Err(CodecError::Kind { what: "request", kind }),
    };
    finish(fields)?;
    canonical(bytes, &encode_request(&request))?;
    Ok(request)
}

/// The bytes of an answer.
pub fn encode_response(response: &Response) -> Vec<u8> {
    let (kind, fields) = match response {
        Response::Hello(status) => (0, status_fields(status)),
        Response::Refused(status) => (1, status_fields(status)),
        Response::Head(head) => (2, head_fields(head)),
        Response::Headers(headers) => (3, joined(headers)),
        Response::Bodies(bodies) => (4, joined(bodies)),
        Response::Ancestry(blocks) => {
            (5, joined(&blocks.iter().map(|block| &block.rlp).collect::<Vec<_>>()))
        }
        Response::Peers(addresses) => (6, joined(addresses)),
        Response::Waiting(hashes) => (7, joined(hashes)),
        Response::Transactions(transactions) => (8, joined(transactions)),
    };
    message(kind, &fields)
}

/// Reads an answer.
pub fn decode_response(bytes: &[u8]) -> Result<Response, CodecError> {
    let (kind, mut fields) = open(bytes, MAX_RESPONSE_BYTES)?;
    let rest = &mut fields;
    let response = match kind {
        0 => Response::Hello(read_status(rest)?),
        1 => Response::Refused(read_status(rest)?),
        2 => Response::Head(read_head(rest)?),
        3 => Response::Headers(read_all(rest, "headers", MAX_HEADERS, |rest| {
            Ok(Header::decode(rest)?)
        })?),
        4 => Response::Bodies(read_all(rest, "bodies", MAX_BODIES, read_bytes)?),
        5 => Response::Ancestry(read_all(rest, "blocks", MAX_ANCESTRY, |rest| {
            read_block(read_bytes(rest)?)
        })?),
        6 => Response::Peers(read_all(rest, "addresses", MAX_PEERS, |rest| {
            read_text(rest, "an address", MAX_ADDRESS_BYTES)
        })?),
        7 => Response::Waiting(read_hashes(rest, "transactions", MAX_TRANSACTIONS)?),
        8 => Response::Transactions(read_all(rest, "transactions", MAX_TRANSACTIONS, read_bytes)?),
        kind => return Err(CodecError::Kind { what: "response", kind }),
    };
    finish(fields)?;
    canonical(bytes, &encode_response(&response))?;
    Ok(response)
}

/// The bytes of gossip.
pub fn encode_gossip(gossip: &Gossip) -> Vec<u8> {
    match gossip {
        Gossip::Block(block) => message(0, &joined(&[&block.rlp])),
        Gossip::Transactions(transactions) => message(1, &joined(transactions)),
        Gossip::Returned { head, transactions } => {
            message(2, &[fields(&[head]), joined(transactions)].concat())
        }
    }
}

/// Reads gossip.
pub fn decode_gossip(bytes: &[u8]) -> Result<Gossip, CodecError> {
    let max = match bytes.get(1) {
        Some(1 | 2) => MAX_TRANSACTIONS_BYTES,
        _ => MAX_BLOCK_BYTES,
    };
    let (kind, mut fields) = open(bytes, max)?;
    let rest = &mut fields;
    let gossip = match kind {
        0 => Gossip::Block(read_block(read_bytes(rest)?)?),
        1 => {
            let max = MAX_TRANSACTIONS;
            let transactions = read_all(rest, "transactions", max, read_bytes)?;
            Gossip::Transactions(some(transactions, "transactions")?)
        }
        2 => {
            let head = B256::decode(rest)?;
            let transactions = read_all(rest, "transactions", MAX_TRANSACTIONS, read_bytes)?;
            Gossip::Returned { head, transactions: some(transactions, "transactions")? }
        }
        kind => return Err(CodecError::Kind { what: "gossip", kind }),
    };
    finish(fields)?;
    canonical(bytes, &encode_gossip(&gossip))?;
    Ok(gossip)
}

/// Version, kind, and the fields as one list.
fn message(kind: u8, fields: &[u8]) -> Vec<u8> {
    let prefix = Prefix { list: true, payload_length: fields.len() };
    let mut bytes = Vec::with_capacity(2 + prefix.length_with_payload());
    bytes.extend([VERSION, kind]);
    prefix.encode(&mut bytes);
    bytes.extend_from_slice(fields);
    bytes
}

/// The kind of a message, and what is in its list.
fn open(bytes: &[u8], max: usize) -> Result<(u8, &[u8]), CodecError> {
    if bytes.len() > max {
        return Err(CodecError::TooLong { bytes: bytes.len(), max });
    }
    let [version, kind, list @ ..] = bytes else {
        return Err(CodecError::TooShort(bytes.len()));
    };
    if *version != VERSION {
        return Err(CodecError::Version { given: *version });
    }
    let mut rest = list;
    let fields = Prefix::decode_bytes(&mut rest, true)?;
    finish(rest)?;
    Ok((*kind, fields))
}

const fn finish(rest: &[u8]) -> Result<(), CodecError> {
    if rest.is_empty() { Ok(()) } else { Err(CodecError::Trailing(rest.len())) }
}

fn canonical(given: &[u8], canonical: &[u8]) -> Result<(), CodecError> {
    if given == canonical { Ok(()) } else { Err(CodecError::NotCanonical) }
}

fn fields(fields: &[&dyn Encodable]) -> Vec<u8> {
    let mut bytes = Vec::new();
    fields.iter().for_each(|field| field.encode(&mut bytes));
    bytes
}

fn joined(items: &[impl Encodable]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(items.iter().map(Encodable::length).sum());
    items.iter().for_each(|item| item.encode(&mut bytes));
    bytes
}

/// A count that is asked for.
const fn within(what: &'static str, count: u64, max: usize) -> Result<u64, CodecError> {
    let max = max as u64;
    match count {
        0 => Err(CodecError::None(what)),
        count if count > max => Err(CodecError::TooMany { what, count, max }),
        count => Ok(count),
    }
}

/// Reads up to so many items.
fn read_all<T>(
    rest: &mut &[u8],
    what: &'static str,
    max: usize,
    mut read: impl FnMut(&mut &[u8]) -> Result<T, CodecError>,
) -> Result<Vec<T>, CodecError> {
    let mut items = Vec::new();
    while !rest.is_empty() {
        if items.len() == max {
            let max = max as u64;
            return Err(CodecError::TooMany { what, count: max + 1, max });
        }
        items.push(read(rest)?);
    }
    Ok(items)
}

/// What may not be empty.
fn some<T>(items: Vec<T>, what: &'static str) -> Result<Vec<T>, CodecError> {
    if items.is_empty() { Err(CodecError::None(what)) } else { Ok(items) }
}

fn read_hashes(rest: &mut &[u8], what: &'static str, max: usize) -> Result<Vec<B256>, CodecError> {
    read_all(rest, what, max, |rest| Ok(B256::decode(rest)?))
}

fn read_bytes(rest: &mut &[u8]) -> Result<Bytes, CodecError> {
    Ok(Bytes::decode(rest)?)
}

/// A block, of which the header is read.
fn read_block(rlp: Bytes) -> Result<EncodedBlock, CodecError> {
    let mut payload = Prefix::decode_bytes(&mut rlp.as_ref(), true)?;
    let header = Header::decode(&mut payload)?;
    let header = Arc::new(SealedHeader::new(header));
    // Hashed again: a header in another form would have another hash where its block is read.
    let named = Block::peek(&rlp).map_err(|_broken| CodecError::NotCanonical)?;
    if named.hash != header.seal() {
        return Err(CodecError::NotCanonical);
    }
    Ok(EncodedBlock { header, rlp })
}

fn read_text(rest: &mut &[u8], what: &'static str, max: usize) -> Result<String, CodecError> {
    let text = Prefix::decode_bytes(rest, false)?;
    if text.len() > max {
        return Err(CodecError::TooLong { bytes: text.len(), max });
    }
    if !text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return Err(CodecError::Text(what));
    }
    Ok(text.iter().map(|byte| char::from(*byte)).collect())
}

fn head_fields(head: &Head) -> Vec<u8> {
    fields(&[&head.number, &head.hash, &head.total_difficulty])
}

fn read_head(rest: &mut &[u8]) -> Result<Head, CodecError> {
    let (number, hash) = (u64::decode(rest)?, B256::decode(rest)?);
    Ok(Head { number, hash, total_difficulty: U256::decode(rest)? })
}

fn status_fields(status: &Status) -> Vec<u8> {
    let Status { chain_id, genesis, mode, fork, head, time, client, seals, signer, rules } = status;
    let client: Vec<u8> = client.bytes().filter(|byte| (0x20..0x7f).contains(byte)).collect();
    let client = &client[..client.len().min(MAX_CLIENT_BYTES)];
    let mut bytes = fields(&[chain_id, genesis, &mode_byte(*mode), &fork.hash, &fork.next]);
    bytes.extend(head_fields(head));
    let signer = signer.as_ref().map_or(&[][..], |signer| signer.as_slice());
    bytes.extend(fields(&[time, &client, &u8::from(*seals), &signer]));
    let rules: Vec<_> = rules.iter().flat_map(|(name, value)| [name, value]).collect();
    bytes.extend(joined(&rules));
    bytes
}

fn read_status(rest: &mut &[u8]) -> Result<Status, CodecError> {
    Ok(Status {
        chain_id: u64::decode(rest)?,
        genesis: B256::decode(rest)?,
        mode: read_mode(u8::decode(rest)?)?,
        fork: ForkId { hash: FixedBytes::decode(rest)?, next: u64::decode(rest)? },
        head: read_head(rest)?,
        time: u64::decode(rest)?,
        client: read_text(rest, "the client", MAX_CLIENT_BYTES)?,
        seals: match u8::decode(rest)? {
            0 => false,
            1 => true,
            given => return Err(CodecError::Value { field: "whether it seals", given }),
        },
        signer: match Prefix::decode_bytes(rest, false)? {
            [] => None,
            bytes => Some(Address::try_from(bytes).map_err(|_length| RlpError::UnexpectedLength)?),
        },
        rules: read_rules(rest)?,
    })
}

/// Names and values in turn, to the end.
fn read_rules(rest: &mut &[u8]) -> Result<BTreeMap<String, String>, CodecError> {
    let rules = read_all(rest, "rules", MAX_RULES, |rest| {
        let name = read_text(rest, "the name of a rule", MAX_RULE_BYTES)?;
        Ok((name, read_text(rest, "a rule", MAX_RULE_BYTES)?))
    })?;
    match rules.is_sorted_by(|(one, _), (next, _)| one < next) {
        true => Ok(rules.into_iter().collect()),
        false => Err(CodecError::Order),
    }
}

const fn mode_byte(mode: Mode) -> u8 {
    match mode {
        Mode::Dev => 0,
        Mode::Poa => 1,
        Mode::Pow => 2,
        Mode::Merged => 3,
        Mode::Bft => 4,
    }
}

const fn read_mode(byte: u8) -> Result<Mode, CodecError> {
    Ok(match byte {
        0 => Mode::Dev,
        1 => Mode::Poa,
        2 => Mode::Pow,
        3 => Mode::Merged,
        4 => Mode::Bft,
        given => return Err(CodecError::Value { field: "the mode", given }),
    })
}

#[cfg(test)]
mod tests;
