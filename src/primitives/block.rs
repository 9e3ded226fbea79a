//! A block: a header with its hash, and a body whose transactions know their senders.

use super::Transaction;
use alloy_consensus::{Header, TxEip4844Variant, TxEnvelope, transaction::SignerRecoverable};
pub use alloy_eips::eip1898::BlockNumHash;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use rayon::prelude::*;
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

/// Why bytes are no block.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockDecodeError {
    /// Broken RLP, or not the fields of a block.
    #[error("the block does not decode: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// The block is followed by something else.
    #[error("{0} bytes after the end of the block")]
    TrailingBytes(usize),
    /// The block decodes, but its one right encoding is another: a typed transaction that is not
    /// wrapped in a string, for example.
    #[error("the encoding of the block is not canonical: {given} bytes, canonical are {canonical}")]
    NotCanonical {
        /// Bytes given.
        given: usize,
        /// Bytes of the canonical encoding.
        canonical: usize,
    },
    /// A blob transaction enters a block without its sidecar.
    #[error("transaction {index} carries a blob sidecar")]
    Sidecar {
        /// Its place in the block.
        index: usize,
    },
    /// No sender can be recovered from a signature.
    #[error("transaction {index}: the signature is not valid (r, s or v out of range)")]
    Signature {
        /// Its place in the block.
        index: usize,
    },
}

impl Block {
    /// Decodes a block's RLP strictly, and recovers the senders on all cores. A signature with a high
    /// `s` is taken: whether it is valid depends on the fork.
    pub fn decode(raw: &[u8]) -> Result<Self, BlockDecodeError> {
        let mut rest = raw;
        let sealed = alloy_consensus::Block::<TxEnvelope>::decode_sealed(&mut rest)?;
        if !rest.is_empty() {
            return Err(BlockDecodeError::TrailingBytes(rest.len()));
        }
        let (block, hash) = sealed.into_parts();
        let canonical = alloy_rlp::encode(&block);
        if canonical != raw {
            let (given, canonical) = (raw.len(), canonical.len());
            return Err(BlockDecodeError::NotCanonical { given, canonical });
        }
        let recovered = block.body.transactions.into_par_iter().enumerate().map(recover);
        let transactions = recovered.collect::<Result<_, _>>()?;
        let (ommers, withdrawals) = (block.body.ommers, block.body.withdrawals);
        Ok(Self {
            header: Arc::new(SealedHeader::new_unchecked(block.header, hash)),
            body: Arc::new(Body { transactions, ommers, withdrawals }),
        })
    }

    /// Decodes RLP that this node wrote; the senders are known, also of transactions without a
    /// signature.
    pub fn decode_with_senders(raw: &[u8], senders: &[Address]) -> Result<Self, BlockDecodeError> {
        let sealed = alloy_consensus::Block::<TxEnvelope>::decode_sealed(&mut &*raw)?;
        let (block, hash) = sealed.into_parts();
        let (transactions, senders) = (block.body.transactions, senders.iter().copied());
        let pairs = transactions.into_iter().zip(senders);
        let transactions = pairs.map(|(tx, sender)| Transaction::new_unchecked(tx, sender));
        let transactions = transactions.collect();
        let (ommers, withdrawals) = (block.body.ommers, block.body.withdrawals);
        Ok(Self {
            header: Arc::new(SealedHeader::new_unchecked(block.header, hash)),
            body: Arc::new(Body { transactions, ommers, withdrawals }),
        })
    }

    /// Height and hash of the block with this RLP, without a look at anything else in it.
    pub fn peek(raw: &[u8]) -> Result<BlockNumHash, BlockDecodeError> {
        let mut payload = alloy_rlp::Header::decode_bytes(&mut &*raw, true)?;
        let start = payload;
        let header = Header::decode(&mut payload)?;
        let hash = keccak256(&start[..start.len() - payload.len()]);
        Ok(BlockNumHash::new(header.number, hash))
    }

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
        self.body.rlp_length(&self.header)
    }

    /// The block's RLP, as peers and `debug_getRawBlock` exchange it.
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self.body.under(&self.header))
    }
}

impl Body {
    /// Decodes the RLP of a body strictly, and recovers the senders on all cores, as [`Block::decode`] does.
    pub fn decode(raw: &[u8]) -> Result<Self, BlockDecodeError> {
        let mut rest = raw;
        let body = alloy_consensus::BlockBody::<TxEnvelope>::decode(&mut rest)?;
        if !rest.is_empty() {
            return Err(BlockDecodeError::TrailingBytes(rest.len()));
        }
        let canonical = alloy_rlp::encode(&body);
        if canonical != raw {
            let (given, canonical) = (raw.len(), canonical.len());
            return Err(BlockDecodeError::NotCanonical { given, canonical });
        }
        let recovered = body.transactions.into_par_iter().enumerate().map(recover);
        let transactions = recovered.collect::<Result<_, _>>()?;
        Ok(Self { transactions, ommers: body.ommers, withdrawals: body.withdrawals })
    }

    /// The RLP of the body alone: transactions, ommers, and withdrawals where there may be some.
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self.parts())
    }

    /// Length in bytes of the RLP of a block with this header and body.
    pub fn rlp_length(&self, header: &Header) -> usize {
        self.under(header).length()
    }

    /// The block of this header and body in the form that encodes.
    fn under(&self, header: &Header) -> alloy_consensus::Block<&alloy_consensus::TxEnvelope> {
        alloy_consensus::Block { header: header.clone(), body: self.parts() }
    }

    /// The body in the form that encodes.
    fn parts(&self) -> alloy_consensus::BlockBody<&alloy_consensus::TxEnvelope> {
        alloy_consensus::BlockBody {
            transactions: self.transactions.iter().map(|tx| tx.envelope()).collect(),
            ommers: self.ommers.clone(),
            withdrawals: self.withdrawals.clone(),
        }
    }
}

fn recover((index, envelope): (usize, TxEnvelope)) -> Result<Transaction, BlockDecodeError> {
    let has_sidecar =
        |variant: &TxEip4844Variant| matches!(variant, TxEip4844Variant::TxEip4844WithSidecar(_));
    if envelope.as_eip4844().is_some_and(|signed| has_sidecar(signed.tx())) {
        return Err(BlockDecodeError::Sidecar { index });
    }
    let sender = envelope.recover_signer_unchecked();
    let sender = sender.map_err(|_invalid| BlockDecodeError::Signature { index })?;
    let transaction = Transaction::new_unchecked(envelope, sender);
    // Hashed here, on all cores, and remembered.
    transaction.hash();
    Ok(transaction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{EthereumTypedTransaction, SignableTransaction, TxEip1559, TxLegacy};
    use alloy_eips::Encodable2718;
    use alloy_primitives::{Signature, U256, hex};
    use alloy_signer::SignerSync;
    use alloy_signer_local::PrivateKeySigner;

    /// Order of secp256k1.
    const N: U256 = U256::from_be_bytes(hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap()
    }

    fn signed(transaction: impl Into<EthereumTypedTransaction<TxEip4844Variant>>) -> TxEnvelope {
        let transaction = transaction.into();
        let signature = key().sign_hash_sync(&transaction.signature_hash()).unwrap();
        transaction.into_signed(signature).into()
    }

    fn block(transactions: Vec<TxEnvelope>) -> alloy_consensus::Block<TxEnvelope> {
        let header = Header { number: 3, ..Default::default() };
        let body = alloy_consensus::BlockBody {
            transactions,
            ommers: vec![Header::default()],
            withdrawals: Some(Withdrawals::default()),
        };
        alloy_consensus::Block { header, body }
    }

    #[test]
    fn a_block_survives_its_encoding_and_knows_its_senders() {
        let transactions =
            (0..20).map(|nonce| signed(TxEip1559 { nonce, ..Default::default() })).collect();
        let raw = alloy_rlp::encode(block(transactions));
        let decoded = Block::decode(&raw).unwrap();
        assert_eq!(decoded.encode(), raw);
        assert_eq!(decoded.hash(), decoded.header.hash_slow());
        assert_eq!(Block::peek(&raw), Ok(decoded.num_hash()));
        assert_eq!(Body::decode(&decoded.body.encode()).as_ref(), Ok(decoded.body.as_ref()));
        assert_eq!(decoded.body.transactions.len(), 20);
        assert!(decoded.body.transactions.iter().all(|tx| tx.sender() == key().address()));
    }

    #[test]
    fn a_high_s_is_decoded_because_old_forks_allow_it() {
        let low = signed(TxLegacy::default());
        let signature = low.signature();
        let high = Signature::new(signature.r(), N - signature.s(), !signature.v());
        let high: TxEnvelope = TxLegacy::default().into_signed(high).into();
        let decoded = Block::decode(&alloy_rlp::encode(block(vec![high]))).unwrap();
        assert_eq!(decoded.body.transactions[0].sender(), key().address());
    }

    #[test]
    fn every_damage_to_the_encoding_is_an_error() {
        let raw = alloy_rlp::encode(block(vec![signed(TxLegacy::default())]));
        for length in 0..raw.len() {
            assert!(Block::decode(&raw[..length]).is_err(), "{length} of {} bytes", raw.len());
        }
        let longer = [raw.as_slice(), &[0]].concat();
        assert_eq!(Block::decode(&longer), Err(BlockDecodeError::TrailingBytes(1)));
    }

    #[test]
    fn a_typed_transaction_outside_of_a_string_is_refused() {
        let transaction = signed(TxEip1559::default());
        let right = block(vec![transaction.clone()]);
        let mut payload = alloy_rlp::encode(&right.header);
        alloy_rlp::Header { list: true, payload_length: transaction.encode_2718_len() }
            .encode(&mut payload);
        transaction.encode_2718(&mut payload);
        right.body.ommers.encode(&mut payload);
        right.body.withdrawals.as_ref().unwrap().encode(&mut payload);
        let mut raw = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut raw);
        raw.extend(payload);
        let refused = Block::decode(&raw).unwrap_err();
        assert!(matches!(refused, BlockDecodeError::NotCanonical { .. }), "{refused}");
    }

    #[test]
    fn a_signature_that_no_key_made_is_named_by_its_place() {
        let forged: TxEnvelope =
            TxLegacy::default().into_signed(Signature::new(U256::ZERO, U256::ZERO, false)).into();
        let raw = alloy_rlp::encode(block(vec![signed(TxLegacy::default()), forged]));
        assert_eq!(Block::decode(&raw), Err(BlockDecodeError::Signature { index: 1 }));
    }
}
