//! What is in a block, a page at a time, and what did it earn?

use crate::{
    consensus,
    primitives::{Block, Receipt},
    rpc::{Answer, Api, RpcContext, RpcError, convert, params::At, resolve},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, U256};
use alloy_rpc_types::{
    BlockTransactions, TransactionReceipt,
    trace::otterscan::{
        BlockDetails, InternalIssuance, OtsBlockTransactions, OtsReceipt, OtsTransactionReceipt,
    },
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// The level of the interface that is served here.
const API_LEVEL: u64 = 8;

/// Blocks. One that does not exist is null.
#[rpc(server, namespace = "ots")]
pub trait Blocks {
    /// The level of the interface.
    #[method(name = "getApiLevel")]
    fn api_level(&self) -> Answer<u64>;

    /// A block without its transactions, what it earned, and the fees that were paid in it.
    #[method(name = "getBlockDetails")]
    async fn block_details(&self, number: At) -> Answer<Option<BlockDetails>>;

    /// A block without its transactions, what it earned, and the fees that were paid in it.
    #[method(name = "getBlockDetailsByHash")]
    async fn block_details_by_hash(&self, hash: B256) -> Answer<Option<BlockDetails>>;

    /// A block with a page of its transactions and their receipts. Page 0 holds the last ones; on a
    /// page they stand in the block's order. Input is cut to four bytes, logs are left out.
    #[method(name = "getBlockTransactions")]
    async fn block_transactions(
        &self,
        number: At,
        page: usize,
        size: usize,
    ) -> Answer<Option<OtsBlockTransactions>>;
}

#[async_trait]
impl BlocksServer for Api {
    fn api_level(&self) -> Answer<u64> {
        Ok(API_LEVEL)
    }

    async fn block_details(&self, number: At) -> Answer<Option<BlockDetails>> {
        self.blocking(move |node| details(node, number)).await
    }

    async fn block_details_by_hash(&self, hash: B256) -> Answer<Option<BlockDetails>> {
        self.blocking(move |node| details(node, At(hash.into()))).await
    }

    async fn block_transactions(
        &self,
        number: At,
        page: usize,
        size: usize,
    ) -> Answer<Option<OtsBlockTransactions>> {
        self.blocking(move |node| transactions(node, number, page, size)).await
    }
}

fn details(node: &RpcContext, at: At) -> Answer<Option<BlockDetails>> {
    let Some(block) = resolve::block(&node.chain, at.0)? else { return Ok(None) };
    let Some(receipts) = resolve::receipts(&node.chain, &block)? else { return Ok(None) };
    let fees = fees(&block, &receipts);
    Ok(Some(BlockDetails::new(convert::block(&block, false), issuance(node, &block), fees)))
}

/// What the miner and the miners of ommers got; nothing outside of proof of work.
fn issuance(node: &RpcContext, block: &Block) -> InternalIssuance {
    let mut rewards = consensus::rewards(&node.chain.spec(), &block.header, &block.body.ommers);
    // The miner is paid last.
    let block_reward = rewards.pop().map_or(U256::ZERO, |(_, wei)| wei);
    let uncle_reward = rewards.iter().fold(U256::ZERO, |sum, (_, wei)| sum.saturating_add(*wei));
    let issuance = block_reward.saturating_add(uncle_reward);
    InternalIssuance { block_reward, uncle_reward, issuance }
}

/// What all senders paid for gas.
fn fees(block: &Block, receipts: &[Receipt]) -> U256 {
    let mut before = 0;
    let paid = block.body.transactions.iter().zip(receipts).map(|(tx, receipt)| {
        let gas = receipt.gas_after(before);
        before = receipt.cumulative_gas_used;
        U256::from(gas) * U256::from(tx.effective_gas_price(block.header.base_fee_per_gas))
    });
    paid.fold(U256::ZERO, U256::saturating_add)
}

fn transactions(
    node: &RpcContext,
    at: At,
    page: usize,
    size: usize,
) -> Answer<Option<OtsBlockTransactions>> {
    let limit = node.limits.page;
    if size == 0 || size > limit {
        return Err(RpcError::PageSize { asked: size, limit });
    }
    let Some(block) = resolve::block(&node.chain, at.0)? else { return Ok(None) };
    let Some(receipts) = resolve::receipts(&node.chain, &block)? else { return Ok(None) };
    let count = block.body.transactions.len();
    let end = count.saturating_sub(page.saturating_mul(size));
    let places = end.saturating_sub(size)..end;
    let shown = block.body.transactions.iter().enumerate().take(end).skip(places.start);
    let shown = shown.map(|(index, tx)| convert::mined(&block.header, tx, index)).collect();
    let spec = node.chain.spec();
    let receipts = convert::receipts_at(&spec, &block, &receipts, places);
    let mut fullblock = convert::block(&block, false);
    fullblock.transactions = BlockTransactions::Full(shown);
    let mut answer = OtsBlockTransactions {
        fullblock: fullblock.into(),
        receipts: receipts.map(|it| without_logs(it, block.header.timestamp)).collect(),
    };
    answer.fullblock.transaction_count = count;
    Ok(Some(answer))
}

/// A receipt as Otterscan takes it: with the block's time.
pub(super) fn timed(receipt: TransactionReceipt, timestamp: u64) -> OtsTransactionReceipt {
    let receipt = receipt.map_inner(|inner| OtsReceipt {
        status: inner.status(),
        cumulative_gas_used: inner.cumulative_gas_used(),
        logs_bloom: Some(*inner.logs_bloom()),
        r#type: inner.tx_type() as u8,
        logs: Some(inner.logs().to_vec()),
    });
    OtsTransactionReceipt { receipt, timestamp: Some(timestamp) }
}

/// The same for the list of a block's transactions, where events take too much room.
fn without_logs(receipt: TransactionReceipt, timestamp: u64) -> OtsTransactionReceipt {
    let mut shown = timed(receipt, timestamp);
    (shown.receipt.inner.logs, shown.receipt.inner.logs_bloom) = (None, None);
    shown
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
