//! What do nodes say to each other? Values only; the wire form and its bounds are the codec's.

use crate::{
    primitives::{Block, BlockNumHash, SealedHeader},
    spec::Mode,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use std::{collections::BTreeMap, sync::Arc};

/// What a node says of itself before anything else, and again when its head moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// EIP-155 id.
    pub chain_id: u64,
    /// Hash of the chain's first block.
    pub genesis: B256,
    /// How blocks are sealed.
    pub mode: Mode,
    /// EIP-2124: the forks that have passed at the head, and when the next one comes (0: none is known).
    pub fork: ForkId,
    /// The head.
    pub head: Head,
    /// Seconds since 1970 by the clock of who says it.
    pub time: u64,
    /// Software and version, at most 64 bytes of printable ASCII.
    pub client: String,
    /// Does this node seal blocks?
    pub seals: bool,
    /// As whom it says that it signs them, on a chain of proof of authority. Nobody has proven it.
    pub signer: Option<Address>,
    /// Rules that neither genesis nor fork id tell, by their names in the genesis file.
    pub rules: BTreeMap<String, String>,
}

/// The newest block of somebody's chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Difficulty of it and all blocks before it.
    pub total_difficulty: U256,
}

/// [EIP-2124](https://eips.ethereum.org/EIPS/eip-2124).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForkId {
    /// CRC-32 of the genesis hash and the forks that have passed.
    pub hash: FixedBytes<4>,
    /// Block or time of the next fork, 0 where none is known.
    pub next: u64,
}

/// What a node asks one other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Who are you? Here is who I am. The first request on each connection, both ways.
    Hello(Status),
    /// My head is this now; where is yours?
    Head(Head),
    /// Headers of your canonical chain, ascending.
    Headers {
        /// The first wanted.
        from: u64,
        /// How many at most.
        count: u64,
    },
    /// The bodies of these blocks, as far as you have them and they fit.
    Bodies(Vec<B256>),
    /// Blocks that you announced or that are not canonical, whole, with up to so many ancestors.
    Ancestry {
        /// The newest wanted.
        of: B256,
        /// How many at most, newest first.
        count: u64,
    },
    /// Whom else do you know?
    Peers,
    /// Which transactions wait with you? Gossip may have missed some, and does not reach who comes later.
    Waiting,
    /// These transactions, as far as they wait with you and fit.
    Transactions(Vec<B256>),
}

/// The answer to a [`Request`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// We may talk.
    Hello(Status),
    /// We may not, and this is why; the connection ends.
    Refused(Status),
    /// Where the head is.
    Head(Head),
    /// As many as there are and fit, ascending.
    Headers(Vec<Header>),
    /// In the order asked, each an encoded block body; unknown ones are left out together with all after them.
    Bodies(Vec<Bytes>),
    /// Newest first, each the parent of the one before.
    Ancestry(Vec<EncodedBlock>),
    /// Multiaddresses that end in a peer id.
    Peers(Vec<String>),
    /// Hashes of executable ones.
    Waiting(Vec<B256>),
    /// In their network form (EIP-2718, blobs in their sidecars); those that left meanwhile are left out.
    Transactions(Vec<Bytes>),
}

/// What a node tells everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gossip {
    /// A block that was sealed a moment ago.
    Block(EncodedBlock),
    /// Transactions in their network form (EIP-2718, blobs in their sidecars).
    Transactions(Vec<Bytes>),
    /// Transactions of blocks that left the chain, which wait again.
    Returned {
        /// The block that is the head since. It makes this another message than the one that told them first,
        /// which nobody passes on twice.
        head: B256,
        /// In their network form.
        transactions: Vec<Bytes>,
    },
}

/// A block as it came, of which only the header was read: what is in the body costs a signature check for
/// each transaction, and is looked at when the header holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedBlock {
    /// The header and its hash.
    pub header: Arc<SealedHeader>,
    /// RLP of the whole block.
    pub rlp: Bytes,
}

impl EncodedBlock {
    /// Height and hash.
    pub fn num_hash(&self) -> BlockNumHash {
        BlockNumHash::new(self.header.number, self.header.seal())
    }
}

impl From<&Block> for EncodedBlock {
    fn from(block: &Block) -> Self {
        Self { header: block.header.clone(), rlp: block.encode().into() }
    }
}
