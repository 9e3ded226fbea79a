//! How does a transaction get in?

use super::{
    call,
    fees::next_base_fee,
    fill::{self, Market},
    nonces::Ticket,
    sign::{Authority, seal},
    transactions,
};
use crate::{
    chain::ChainEvent,
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, RpcError, convert, params::Number},
};
use alloy_consensus::Signed;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_rpc_types::{FillTransaction, TransactionReceipt, TransactionRequest};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::broadcast;

/// How long `eth_sendRawTransactionSync` waits if the caller does not say.
const SYNC_WAIT: Duration = Duration::from_secs(20);
/// The longest that it waits.
const MAX_SYNC_WAIT: Duration = Duration::from_secs(60);

/// Sending transactions. Where blocks are made on arrival, an executable transaction is in a
/// durable, visible block when the hash is answered.
#[rpc(server, namespace = "eth")]
pub trait Send {
    /// Sends a signed transaction.
    #[method(name = "sendRawTransaction")]
    async fn send_raw_transaction(&self, raw: Bytes) -> Answer<B256>;

    /// Sends a signed transaction and answers its receipt once it is in a block. `timeout` is in
    /// milliseconds: 20,000 by default, 60,000 at most.
    #[method(name = "sendRawTransactionSync")]
    async fn send_raw_transaction_sync(
        &self,
        raw: Bytes,
        timeout: Option<Number>,
    ) -> Answer<TransactionReceipt>;

    /// Fills what the request leaves open and answers the unsigned transaction, raw and as an
    /// object.
    #[method(name = "fillTransaction")]
    async fn fill_transaction(&self, request: TransactionRequest)
    -> Answer<FillTransaction<Value>>;

    /// Fills what the request leaves open, signs with a key of the node (or none, for an
    /// impersonated sender), and sends. Without `from` the first account sends.
    #[method(name = "sendTransaction")]
    async fn send_transaction(&self, request: TransactionRequest) -> Answer<B256>;
}

#[async_trait]
impl SendServer for Api {
    async fn send_raw_transaction(&self, raw: Bytes) -> Answer<B256> {
        // Recovering the sender (35 microseconds) stays on the runtime's thread: handing it to
        // another and waiting for that costs as much, and all of the runtime's threads take part.
        let tx = Transaction::decode(&raw)?;
        Ok(self.sealer.submit(tx).await?)
    }

    async fn send_raw_transaction_sync(
        &self,
        raw: Bytes,
        timeout: Option<Number>,
    ) -> Answer<TransactionReceipt> {
        let waits = timeout.map(|given| Duration::from_millis(given.saturating_to()));
        let waits = waits.filter(|given| !given.is_zero()).unwrap_or(SYNC_WAIT).min(MAX_SYNC_WAIT);
        // Heard from before it is sent: no block is missed.
        let news = self.chain.subscribe();
        let hash = self.sealer.submit(Transaction::decode(&raw)?).await?;
        let receipt = tokio::time::timeout(waits, mined(self, hash, news)).await;
        receipt.map_err(|_elapsed| RpcError::NotMinedInTime { hash, waited: waits })?
    }

    async fn fill_transaction(
        &self,
        request: TransactionRequest,
    ) -> Answer<FillTransaction<Value>> {
        let sender = request.from.unwrap_or_default();
        let mut request = self.blocking(move |node| priced(node, request, sender)).await?;
        if request.nonce.is_none() {
            request.nonce = Some(pooled_nonce(self, sender)?);
        }
        let signature = Signature::new(U256::ZERO, U256::ZERO, false);
        let unsigned = Signed::new_unhashed(fill::build(request)?, signature).into();
        Ok(filled(&Transaction::new_unchecked(unsigned, sender)))
    }

    async fn send_transaction(&self, request: TransactionRequest) -> Answer<B256> {
        let (tx, _nonce) = self.make(request, Authority::KeyOrImpersonation).await?;
        Ok(self.sealer.submit(tx).await?)
    }
}

impl Api {
    /// Who sends: the first account, if the request does not say.
    pub(in crate::rpc) fn sender(&self, request: &TransactionRequest) -> Answer<Address> {
        let first = || self.accounts.addresses().first().copied();
        request.from.or_else(first).ok_or(RpcError::UnknownAccount(Address::ZERO))
    }

    /// Makes the transaction of a request. Its nonce is taken until the ticket is dropped.
    pub(in crate::rpc) async fn make(
        &self,
        request: TransactionRequest,
        authority: Authority,
    ) -> Answer<(Transaction, Option<Ticket<'_>>)> {
        let sender = self.sender(&request)?;
        let key = authority.key(self, sender)?;
        let mut request = self.blocking(move |node| priced(node, request, sender)).await?;
        let ticket = match request.nonce {
            Some(_given) => None,
            None => Some(self.nonces().take(sender, || pooled_nonce(self, sender))?),
        };
        request.nonce = request.nonce.or(ticket.as_ref().map(|ticket| ticket.nonce));
        let tx = seal(key, sender, fill::build(request)?)?;
        Ok((tx, ticket))
    }
}

/// Waits for the block with a transaction, and answers its receipt.
async fn mined(
    api: &Api,
    hash: B256,
    mut news: broadcast::Receiver<ChainEvent>,
) -> Answer<TransactionReceipt> {
    loop {
        if let Some(receipt) = transactions::receipt_of(api, hash)? {
            return Ok(receipt);
        }
        // Missed news are no harm: the next look finds what they told.
        if let Err(broadcast::error::RecvError::Closed) = news.recv().await {
            return Err(RpcError::WorkerLost);
        }
    }
}

/// An unsigned transaction without what only a signed or a mined one has.
fn filled(tx: &Transaction) -> FillTransaction<Value> {
    const NOT_YET: [&str; 10] = [
        "hash",
        "from",
        "v",
        "r",
        "s",
        "yParity",
        "blockHash",
        "blockNumber",
        "blockTimestamp",
        "transactionIndex",
    ];
    let mut shown = serde_json::to_value(convert::waiting(tx)).unwrap_or_default();
    if let Value::Object(fields) = &mut shown {
        fields.retain(|name, _value| !NOT_YET.contains(&name.as_str()));
    }
    FillTransaction { raw: tx.encoded_2718().into(), tx: shown }
}

/// The request with fees and gas.
fn priced(
    node: &RpcContext,
    mut request: TransactionRequest,
    sender: Address,
) -> Answer<TransactionRequest> {
    let spec = node.chain.spec();
    let market = Market {
        chain_id: spec.chain_id(),
        next_base_fee: next_base_fee(node),
        blob_base_fee: spec.blob_base_fee(&node.chain.head()).unwrap_or(0),
        fees: node.fees,
    };
    request.from = Some(sender);
    fill::complete(&mut request, &market)?;
    if request.gas.is_none() {
        request.gas = Some(call::estimate_for(node, request.clone())?);
    }
    Ok(request)
}

/// The nonce after all that wait in the pool.
fn pooled_nonce(node: &RpcContext, sender: Address) -> Answer<u64> {
    let (_head, view) = node.chain.latest()?;
    let nonce = view.account(sender)?.map_or(0, |account| account.nonce);
    Ok(node.pool.next_nonce(sender, nonce))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
