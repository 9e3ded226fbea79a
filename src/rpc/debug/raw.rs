//! How is a header, a block, a receipt, a transaction encoded?

use crate::{
    primitives::Block,
    rpc::{Answer, Api, RpcContext, RpcError, params::At, resolve},
};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bytes};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Consensus encodings: RLP of headers and blocks, EIP-2718 of transactions and receipts.
#[rpc(server, namespace = "debug")]
pub trait Raw {
    /// A header.
    #[method(name = "getRawHeader")]
    fn raw_header(&self, block: At) -> Answer<Bytes>;

    /// A block.
    #[method(name = "getRawBlock")]
    async fn raw_block(&self, block: At) -> Answer<Bytes>;

    /// The receipts of a block, in order.
    #[method(name = "getRawReceipts")]
    async fn raw_receipts(&self, block: At) -> Answer<Vec<Bytes>>;

    /// A transaction, mined or waiting; null if there is none.
    #[method(name = "getRawTransaction")]
    fn raw_transaction(&self, hash: B256) -> Answer<Option<Bytes>>;

    /// The transactions of a block, in order.
    #[method(name = "getRawTransactions")]
    async fn raw_transactions(&self, block: At) -> Answer<Vec<Bytes>>;
}

#[async_trait]
impl RawServer for Api {
    fn raw_header(&self, block: At) -> Answer<Bytes> {
        let header = resolve::header(&self.chain, block.0)?;
        let header = header.ok_or(RpcError::BlockNotFound(block.0))?;
        Ok(alloy_rlp::encode(header.inner()).into())
    }

    async fn raw_block(&self, block: At) -> Answer<Bytes> {
        self.blocking(move |node| Ok(found(node, block)?.encode().into())).await
    }

    async fn raw_receipts(&self, block: At) -> Answer<Vec<Bytes>> {
        self.blocking(move |node| {
            let receipts = resolve::receipts(&node.chain, &found(node, block)?)?;
            let receipts = receipts.ok_or(RpcError::BlockNotFound(block.0))?;
            Ok(receipts.iter().map(|receipt| receipt.envelope().encoded_2718().into()).collect())
        })
        .await
    }

    fn raw_transaction(&self, hash: B256) -> Answer<Option<Bytes>> {
        if let Some(place) = self.chain.locate(hash)? {
            let mined = self.chain.transaction(place)?;
            return Ok(mined.map(|tx| tx.encoded_2718().into()));
        }
        Ok(self.pool.get(hash).map(|tx| tx.encoded_2718().into()))
    }

    async fn raw_transactions(&self, block: At) -> Answer<Vec<Bytes>> {
        self.blocking(move |node| {
            let block = found(node, block)?;
            Ok(block.body.transactions.iter().map(|tx| tx.encoded_2718().into()).collect())
        })
        .await
    }
}

/// The block that was asked for, or an error that names it.
pub(super) fn found(node: &RpcContext, at: At) -> Answer<Block> {
    resolve::block(&node.chain, at.0)?.ok_or(RpcError::BlockNotFound(at.0))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
