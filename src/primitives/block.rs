//! A block: a header with its hash, and a body whose transactions know their senders.

use super::Transaction;
use alloy_consensus::Header;
pub use alloy_eips::eip1898::BlockNumHash;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use std::sync::Arc;

/// A header together with its hash.
pub type SealedHeader = alloy_primitives::Sealed<Header>;

/// Everything of a block but its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// In block order.
    pub transactions: Vec<Transaction>,
    /// Headers of ommers (uncles); empty outside proof of work.
    pub ommers: Vec<Header>,
    /// EIP-4895; `None` before Shanghai.
    pub withdrawals: Option<Withdrawals>,
}

/// A block whose header carries its seal (where the chain has one) and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The header and its hash.
    pub header: Arc<SealedHeader>,
    /// Transactions, ommers, withdrawals.
    pub body: Arc<Body>,
}

impl Block {
    /// Puts a header and a body together; hashes the header.
    pub fn new(header: Header, body: Body) -> Self {
        let hash = header.hash_slow();
        Self { header: Arc::new(SealedHeader::new_unchecked(header, hash)), body: Arc::new(body) }
    }

    /// keccak256 of the header's RLP.
    pub fn hash(&self) -> B256 {
        self.header.seal()
    }

    /// Height.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// Height and hash.
    pub fn num_hash(&self) -> BlockNumHash {
        BlockNumHash::new(self.number(), self.hash())
    }

    /// Length of the block's RLP in bytes, as `eth_getBlock*` reports it.
    pub fn rlp_length(&self) -> usize {
        self.consensus().length()
    }

    /// The block's RLP, as peers and `debug_getRawBlock` exchange it.
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self.consensus())
    }

    fn consensus(&self) -> alloy_consensus::Block<&alloy_consensus::TxEnvelope> {
        alloy_consensus::Block {
            header: self.header.inner().clone(),
            body: alloy_consensus::BlockBody {
                transactions: self.body.transactions.iter().map(|tx| tx.envelope()).collect(),
                ommers: self.body.ommers.clone(),
                withdrawals: self.body.withdrawals.clone(),
            },
        }
    }
}
