//! In which transactions did an address take part?

use super::blocks::timed;
use crate::{
    chain::{Direction, Page},
    rpc::{
        Answer, Api, RpcContext, RpcError, convert,
        eth::transactions::of_sender,
        params::{At, Number},
        resolve,
        room::Room,
    },
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256};
use alloy_rpc_types::trace::otterscan::{ContractCreator, TransactionsWithReceipts};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Searches by the index of addresses.
#[rpc(server, namespace = "ots")]
pub trait Search {
    /// Transactions of an address in blocks below `block` (0: from the newest on), newest first: as its
    /// sender, its receiver, created by it or called inside. At least `size` of them, if there are so
    /// many: a block is never split.
    #[method(name = "searchTransactionsBefore")]
    async fn before(
        &self,
        address: Address,
        block: At,
        size: usize,
    ) -> Answer<TransactionsWithReceipts>;

    /// Transactions of an address in the nearest blocks above `block` (0: from the first on), newest
    /// first.
    #[method(name = "searchTransactionsAfter")]
    async fn after(
        &self,
        address: Address,
        block: At,
        size: usize,
    ) -> Answer<TransactionsWithReceipts>;

    /// The transaction that created a contract, and who did it there; null if no transaction did.
    #[method(name = "getContractCreator")]
    async fn contract_creator(&self, contract: Address) -> Answer<Option<ContractCreator>>;

    /// The hash of the mined transaction that used a nonce; null if it was not used.
    #[method(name = "getTransactionBySenderAndNonce")]
    async fn by_sender_and_nonce(&self, sender: Address, nonce: Number) -> Answer<Option<B256>>;
}

#[async_trait]
impl SearchServer for Api {
    async fn before(
        &self,
        address: Address,
        block: At,
        size: usize,
    ) -> Answer<TransactionsWithReceipts> {
        self.blocking(move |node| {
            let block = number(node, block)?;
            let from = match block {
                0 => u64::MAX,
                below => below - 1,
            };
            let found = search(node, address, from, Direction::Down, size)?;
            let is_last = found.is_last;
            page(node, found, block == 0, is_last)
        })
        .await
    }

    async fn after(
        &self,
        address: Address,
        block: At,
        size: usize,
    ) -> Answer<TransactionsWithReceipts> {
        self.blocking(move |node| {
            let block = number(node, block)?;
            let from = match block {
                0 => 0,
                below => below.saturating_add(1),
            };
            let mut found = search(node, address, from, Direction::Up, size)?;
            found.places.reverse();
            let is_first = found.is_last;
            page(node, found, is_first, block == 0)
        })
        .await
    }

    async fn contract_creator(&self, contract: Address) -> Answer<Option<ContractCreator>> {
        self.blocking(move |node| {
            let found = node.chain.creation_of(contract)?;
            Ok(found.map(|(hash, creator)| ContractCreator { hash, creator }))
        })
        .await
    }

    async fn by_sender_and_nonce(&self, sender: Address, nonce: Number) -> Answer<Option<B256>> {
        self.blocking(move |node| {
            // A nonce above is never used.
            let Ok(nonce) = u64::try_from(nonce) else { return Ok(None) };
            let found = of_sender(node, sender, nonce)?;
            Ok(found.map(|tx| *tx.inner.tx_hash()))
        })
        .await
    }
}

/// The height that is meant, whether there is such a block or not.
fn number(node: &RpcContext, at: At) -> Answer<u64> {
    match at.0 {
        BlockId::Number(tag) => Ok(resolve::number(&node.chain, tag)),
        id @ BlockId::Hash(_) => {
            let header = resolve::header(&node.chain, id)?;
            Ok(header.ok_or(RpcError::HeaderForHashNotFound)?.number)
        }
    }
}

fn search(
    node: &RpcContext,
    address: Address,
    from: u64,
    direction: Direction,
    size: usize,
) -> Answer<Page> {
    let limit = node.limits.page;
    if size == 0 || size > limit {
        return Err(RpcError::PageSize { asked: size, limit });
    }
    Ok(node.chain.transactions_of(address, from, direction, size)?)
}

/// The transactions of a page whose blocks come newest first.
fn page(
    node: &RpcContext,
    found: Page,
    first_page: bool,
    last_page: bool,
) -> Answer<TransactionsWithReceipts> {
    let (mut txs, mut receipts, mut room) = (Vec::new(), Vec::new(), Room::of(node));
    for (number, places) in &found.places {
        let stored = found.block(*number)?;
        let (block, header) = (&stored.block, &stored.block.header);
        for (index, _) in places.iter().rev() {
            let Some(tx) = block.body.transactions.get(*index) else { continue };
            let tx = convert::mined(header, tx, *index);
            room.take(&tx)?;
            txs.push(tx);
            let place = *index..*index + 1;
            let spec = node.chain.spec();
            let shown = convert::receipts_at(&spec, block, &stored.receipts, place);
            for receipt in shown.map(|it| timed(it, header.timestamp)) {
                room.take(&receipt)?;
                receipts.push(receipt);
            }
        }
    }
    Ok(TransactionsWithReceipts { txs, receipts, first_page, last_page })
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
