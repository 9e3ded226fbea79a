//! Where is a transaction, and what came of it?

use crate::{
    chain::ChainError,
    primitives::Block,
    rpc::{Answer, Api, RpcContext, convert, params::At, resolve},
};
use alloy_consensus::Transaction as _;
use alloy_eips::{BlockId, eip2718::Encodable2718};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types::{Index, Transaction as RpcTransaction, TransactionReceipt};
use jsonrpsee::{Methods, proc_macros::rpc};

/// Transactions and their receipts. What does not exist is null.
#[rpc(server, namespace = "eth")]
pub trait Transactions {
    /// A transaction, mined or waiting in the pool.
    #[method(name = "getTransactionByHash")]
    fn by_hash(&self, hash: B256) -> Answer<Option<RpcTransaction>>;

    /// A transaction of a block.
    #[method(name = "getTransactionByBlockHashAndIndex")]
    fn by_block_hash(&self, hash: B256, index: Index) -> Answer<Option<RpcTransaction>>;

    /// A transaction of a block.
    #[method(name = "getTransactionByBlockNumberAndIndex")]
    fn by_block_number(&self, number: At, index: Index) -> Answer<Option<RpcTransaction>>;

    /// A transaction as it is encoded ([EIP-2718](https://eips.ethereum.org/EIPS/eip-2718)); a blob
    /// transaction that waits has its sidecar.
    #[method(name = "getRawTransactionByHash")]
    fn raw_by_hash(&self, hash: B256) -> Answer<Option<Bytes>>;

    /// A transaction of a block as it is encoded.
    #[method(name = "getRawTransactionByBlockHashAndIndex")]
    fn raw_by_block_hash(&self, hash: B256, index: Index) -> Answer<Option<Bytes>>;

    /// A transaction of a block as it is encoded.
    #[method(name = "getRawTransactionByBlockNumberAndIndex")]
    fn raw_by_block_number(&self, number: At, index: Index) -> Answer<Option<Bytes>>;

    /// What a mined transaction did.
    #[method(name = "getTransactionReceipt")]
    fn receipt(&self, hash: B256) -> Answer<Option<TransactionReceipt>>;
}

impl TransactionsServer for Api {
    fn by_hash(&self, hash: B256) -> Answer<Option<RpcTransaction>> {
        if let Some((block, index)) = mined(self, hash)? {
            return Ok(shown(&block, index));
        }
        Ok(self.pool.get(hash).map(|tx| convert::waiting(&tx)))
    }

    fn by_block_hash(&self, hash: B256, index: Index) -> Answer<Option<RpcTransaction>> {
        at(self, hash.into(), index, shown)
    }

    fn by_block_number(&self, number: At, index: Index) -> Answer<Option<RpcTransaction>> {
        at(self, number.0, index, shown)
    }

    fn raw_by_hash(&self, hash: B256) -> Answer<Option<Bytes>> {
        if let Some((block, index)) = mined(self, hash)? {
            return Ok(encoded(&block, index));
        }
        Ok(self.pool.get(hash).map(|tx| tx.encoded_2718().into()))
    }

    fn raw_by_block_hash(&self, hash: B256, index: Index) -> Answer<Option<Bytes>> {
        at(self, hash.into(), index, encoded)
    }

    fn raw_by_block_number(&self, number: At, index: Index) -> Answer<Option<Bytes>> {
        at(self, number.0, index, encoded)
    }

    fn receipt(&self, hash: B256) -> Answer<Option<TransactionReceipt>> {
        self.at_once(|node| receipt_of(node, hash))
    }
}

/// What a mined transaction did.
pub(super) fn receipt_of(node: &RpcContext, hash: B256) -> Answer<Option<TransactionReceipt>> {
    let Some((block, index)) = mined(node, hash)? else { return Ok(None) };
    let receipts = resolve::receipts(&node.chain, &block)?;
    let spec = &node.chain.spec();
    Ok(receipts.and_then(|receipts| convert::receipt(spec, &block, &receipts, index)))
}

/// The mined transaction that used a nonce of an account, the newest if a developer has set the nonce
/// back. Without an index of addresses it is found by halving the chain where the account's nonce passed
/// it; then such a developer hides what came before.
pub(in crate::rpc) fn of_sender(
    node: &RpcContext,
    sender: Address,
    nonce: u64,
) -> Answer<Option<RpcTransaction>> {
    match node.chain.sent_with_nonce(sender, nonce) {
        Ok(found) => {
            let found = found.map(|hash| mined(node, hash)).transpose()?.flatten();
            return Ok(found.and_then(|(block, index)| shown(&block, index)));
        }
        Err(ChainError::AddressIndex { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let is_used = |number| -> Answer<bool> {
        let account = node.chain.state_at(number)?.account(sender)?;
        Ok(account.is_some_and(|account| account.nonce > nonce))
    };
    let mut unused = node.chain.first();
    let mut used = node.chain.head().number;
    if is_used(unused)? || !is_used(used)? {
        return Ok(None);
    }
    while used - unused > 1 {
        let middle = unused + (used - unused) / 2;
        *(if is_used(middle)? { &mut used } else { &mut unused }) = middle;
    }
    let Some(block) = node.chain.block(used)? else { return Ok(None) };
    let mut transactions = block.body.transactions.iter();
    let index = transactions.position(|tx| tx.sender() == sender && tx.nonce() == nonce);
    Ok(index.and_then(|index| shown(&block, index)))
}

/// The block that holds the transaction, and where.
pub(in crate::rpc) fn mined(node: &RpcContext, hash: B256) -> Answer<Option<(Block, usize)>> {
    let Some(place) = node.chain.locate(hash)? else { return Ok(None) };
    let Some(block) = node.chain.block(place.block)? else { return Ok(None) };
    let index = place.index as usize;
    // The block may have been replaced since it was located.
    let is_there = block.body.transactions.get(index).is_some_and(|tx| tx.hash() == hash);
    Ok(is_there.then_some((block, index)))
}

/// What `show` makes of the transaction at `index` of a block, if both exist.
fn at<T>(
    node: &RpcContext,
    block: BlockId,
    index: Index,
    show: fn(&Block, usize) -> Option<T>,
) -> Answer<Option<T>> {
    let block = resolve::block(&node.chain, block)?;
    Ok(block.and_then(|block| show(&block, index.into())))
}

fn shown(block: &Block, index: usize) -> Option<RpcTransaction> {
    let tx = block.body.transactions.get(index)?;
    Some(convert::mined(&block.header, tx, index))
}

fn encoded(block: &Block, index: usize) -> Option<Bytes> {
    Some(block.body.transactions.get(index)?.encoded_2718().into())
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
