//! What is in a block?

use crate::{
    primitives::Block,
    rpc::{Answer, Api, RpcContext, convert, params::At, resolve},
};
use alloy_primitives::{B256, U64};
use alloy_rpc_types::{Block as RpcBlock, Header as RpcHeader, Index, TransactionReceipt};
use jsonrpsee::{Methods, proc_macros::rpc};

/// Blocks, headers, ommers. A block that does not exist is null.
#[rpc(server, namespace = "eth")]
pub trait Blocks {
    /// A block with its transactions' hashes, or with whole transactions.
    #[method(name = "getBlockByNumber")]
    fn block_by_number(&self, number: At, full: Option<bool>) -> Answer<Option<RpcBlock>>;

    /// A block with its transactions' hashes, or with whole transactions.
    #[method(name = "getBlockByHash")]
    fn block_by_hash(&self, hash: B256, full: Option<bool>) -> Answer<Option<RpcBlock>>;

    /// A header.
    #[method(name = "getHeaderByNumber")]
    fn header_by_number(&self, number: At) -> Answer<Option<RpcHeader>>;

    /// A header.
    #[method(name = "getHeaderByHash")]
    fn header_by_hash(&self, hash: B256) -> Answer<Option<RpcHeader>>;

    /// How many transactions a block has.
    #[method(name = "getBlockTransactionCountByNumber")]
    fn transaction_count_by_number(&self, number: At) -> Answer<Option<U64>>;

    /// How many transactions a block has.
    #[method(name = "getBlockTransactionCountByHash")]
    fn transaction_count_by_hash(&self, hash: B256) -> Answer<Option<U64>>;

    /// All receipts of a block.
    #[method(name = "getBlockReceipts")]
    fn block_receipts(&self, block: At) -> Answer<Option<Vec<TransactionReceipt>>>;

    /// How many ommers a block has; none outside proof of work.
    #[method(name = "getUncleCountByBlockNumber")]
    fn ommer_count_by_number(&self, number: At) -> Answer<Option<U64>>;

    /// How many ommers a block has; none outside proof of work.
    #[method(name = "getUncleCountByBlockHash")]
    fn ommer_count_by_hash(&self, hash: B256) -> Answer<Option<U64>>;

    /// An ommer of a block.
    #[method(name = "getUncleByBlockNumberAndIndex")]
    fn ommer_by_number(&self, number: At, index: Index) -> Answer<Option<RpcBlock>>;

    /// An ommer of a block.
    #[method(name = "getUncleByBlockHashAndIndex")]
    fn ommer_by_hash(&self, hash: B256, index: Index) -> Answer<Option<RpcBlock>>;
}

impl BlocksServer for Api {
    fn block_by_number(&self, number: At, full: Option<bool>) -> Answer<Option<RpcBlock>> {
        of_block(self, number, |block| convert::block(block, full.unwrap_or(false)))
    }

    fn block_by_hash(&self, hash: B256, full: Option<bool>) -> Answer<Option<RpcBlock>> {
        of_block(self, At(hash.into()), |block| convert::block(block, full.unwrap_or(false)))
    }

    fn header_by_number(&self, number: At) -> Answer<Option<RpcHeader>> {
        let header = self.at_once(|node| resolve::header(&node.chain, number.0))?;
        Ok(header.map(|header| convert::header(&header)))
    }

    fn header_by_hash(&self, hash: B256) -> Answer<Option<RpcHeader>> {
        let header = self.at_once(|node| resolve::header(&node.chain, hash.into()))?;
        Ok(header.map(|header| convert::header(&header)))
    }

    fn transaction_count_by_number(&self, number: At) -> Answer<Option<U64>> {
        of_block(self, number, |block| U64::from(block.body.transactions.len()))
    }

    fn transaction_count_by_hash(&self, hash: B256) -> Answer<Option<U64>> {
        of_block(self, At(hash.into()), |block| U64::from(block.body.transactions.len()))
    }

    fn block_receipts(&self, block: At) -> Answer<Option<Vec<TransactionReceipt>>> {
        self.at_once(|node| {
            let Some(block) = resolve::block(&node.chain, block.0)? else { return Ok(None) };
            let receipts = resolve::receipts(&node.chain, &block)?;
            Ok(receipts.map(|receipts| convert::receipts(&node.chain.spec(), &block, &receipts)))
        })
    }

    fn ommer_count_by_number(&self, number: At) -> Answer<Option<U64>> {
        of_block(self, number, |block| U64::from(block.body.ommers.len()))
    }

    fn ommer_count_by_hash(&self, hash: B256) -> Answer<Option<U64>> {
        of_block(self, At(hash.into()), |block| U64::from(block.body.ommers.len()))
    }

    fn ommer_by_number(&self, number: At, index: Index) -> Answer<Option<RpcBlock>> {
        of_block(self, number, |block| convert::ommer(block, index.into())).map(Option::flatten)
    }

    fn ommer_by_hash(&self, hash: B256, index: Index) -> Answer<Option<RpcBlock>> {
        let at = At(hash.into());
        of_block(self, at, |block| convert::ommer(block, index.into())).map(Option::flatten)
    }
}

/// What `show` makes of the block, if there is one.
fn of_block<T>(node: &RpcContext, at: At, show: impl FnOnce(&Block) -> T) -> Answer<Option<T>> {
    Ok(node.at_once(|node| resolve::block(&node.chain, at.0))?.as_ref().map(show))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
