//! How does a transaction get in?

use super::{
    call,
    conditional::Conditional,
    fees::next_base_fee,
    fill::{self, Market},
    nonces::{self, Turn},
    sign::{Authority, seal},
    transactions,
};
use crate::{
    chain::ChainEvent,
    pool::Conditions,
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, RpcError, convert, params::Number},
    sealer::Admitted,
};
use alloy_consensus::Signed;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_rpc_types::{FillTransaction, TransactionReceipt, TransactionRequest};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
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

    /// Sends a signed transaction that may enter a block only under conditions
    /// ([EIP-7796](https://eips.ethereum.org/EIPS/eip-7796)). It is refused if they can never hold, and
    /// dropped once they cannot hold any more.
    #[method(name = "sendRawTransactionConditional")]
    async fn send_raw_transaction_conditional(
        &self,
        raw: Bytes,
        conditions: Conditional,
    ) -> Answer<B256>;

    /// Fills what the request leaves open and answers the unsigned transaction, raw and as an
    /// object.
    #[method(name = "fillTransaction")]
    async fn fill_transaction(&self, request: TransactionRequest)
    -> Answer<FillTransaction<Value>>;

    /// Fills what the request leaves open, signs with a key of the node (or none, for an
    /// impersonated sender), and sends. Without `from` the first account sends.
    #[method(name = "sendTransaction")]
    async fn send_transaction(&self, request: TransactionRequest) -> Answer<B256>;

    /// Like `eth_sendTransaction`, and answers the receipt once the transaction is in a block. `timeout`
    /// is in milliseconds: 20,000 by default, 60,000 at most.
    #[method(name = "sendTransactionSync")]
    async fn send_transaction_sync(
        &self,
        request: TransactionRequest,
        timeout: Option<Number>,
    ) -> Answer<TransactionReceipt>;

    /// Like `eth_sendTransaction`, from any address, without its key and without an impersonation. On
    /// development chains only.
    #[method(name = "sendUnsignedTransaction")]
    async fn send_unsigned_transaction(&self, request: TransactionRequest) -> Answer<B256>;
}

#[async_trait]
impl SendServer for Api {
    async fn send_raw_transaction(&self, raw: Bytes) -> Answer<B256> {
        // Recovering the sender (35 microseconds) stays on the runtime's thread: handing it to
        // another and waiting for that costs as much, and all of the runtime's threads take part.
        let tx = Transaction::decode(&raw)?;
        Ok(self.hand_in(tx, None).await?.visible().await?)
    }

    async fn send_raw_transaction_sync(
        &self,
        raw: Bytes,
        timeout: Option<Number>,
    ) -> Answer<TransactionReceipt> {
        // Heard from before it is sent: no block is missed.
        let news = self.chain.subscribe();
        let hash = self.send_raw_transaction(raw).await?;
        receipt_in_time(self, hash, news, timeout).await
    }

    async fn send_raw_transaction_conditional(
        &self,
        raw: Bytes,
        conditions: Conditional,
    ) -> Answer<B256> {
        let tx = Transaction::decode(&raw)?;
        let conditions = Some(Arc::new(conditions.checked()?));
        Ok(self.hand_in(tx, conditions).await?.visible().await?)
    }

    async fn fill_transaction(
        &self,
        request: TransactionRequest,
    ) -> Answer<FillTransaction<Value>> {
        let sender = request.from.unwrap_or_default();
        let mut request = self.blocking(move |node| priced(node, request, sender)).await?;
        if request.nonce.is_none() {
            request.nonce = Some(nonces::pending(self, sender)?);
        }
        let signature = Signature::new(U256::ZERO, U256::ZERO, false);
        let unsigned = Signed::new_unhashed(fill::build(request)?, signature).into();
        Ok(filled(&Transaction::new_unchecked(unsigned, sender)))
    }

    async fn send_transaction(&self, request: TransactionRequest) -> Answer<B256> {
        self.send_as(request, Authority::KeyOrImpersonation).await
    }

    async fn send_transaction_sync(
        &self,
        request: TransactionRequest,
        timeout: Option<Number>,
    ) -> Answer<TransactionReceipt> {
        let news = self.chain.subscribe();
        let hash = self.send_transaction(request).await?;
        receipt_in_time(self, hash, news, timeout).await
    }

    async fn send_unsigned_transaction(&self, request: TransactionRequest) -> Answer<B256> {
        self.send_as(request, Authority::Development).await
    }
}

impl Api {
    /// Who sends: the first account, if the request does not say.
    pub(in crate::rpc) fn sender(&self, request: &TransactionRequest) -> Answer<Address> {
        let first = || self.accounts.addresses().first().copied();
        request.from.or_else(first).ok_or(RpcError::UnknownAccount(Address::ZERO))
    }

    /// Makes the transaction of a request and sends it.
    pub(in crate::rpc) async fn send_as(
        &self,
        request: TransactionRequest,
        authority: Authority,
    ) -> Answer<B256> {
        let (tx, turn) = self.make(request, authority).await?;
        let admitted = self.hand_in(tx, None).await?;
        // It is in the pool: the next one gets the next nonce, also while this one's block is made.
        drop(turn);
        Ok(admitted.visible().await?)
    }

    /// Hands a transaction in. One with blobs is checked for milliseconds or more: not on the runtime's
    /// own threads.
    pub(super) async fn hand_in(
        &self,
        tx: Transaction,
        conditions: Option<Arc<Conditions>>,
    ) -> Answer<Admitted> {
        if tx.is_eip4844() {
            return self.blocking(move |node| Ok(node.sealer.admit(tx, conditions)?)).await;
        }
        Ok(self.sealer.admit(tx, conditions)?)
    }

    /// Makes the transaction of a request. Its nonce is taken until the sender's turn is over.
    pub(in crate::rpc) async fn make(
        &self,
        request: TransactionRequest,
        authority: Authority,
    ) -> Answer<(Transaction, Option<Turn<'_>>)> {
        let sender = self.sender(&request)?;
        let key = authority.key(self, sender)?;
        let mut request = self.blocking(move |node| priced(node, request, sender)).await?;
        let mut turn = None;
        if request.nonce.is_none() {
            turn = Some(self.nonces().turn(sender).await);
            request.nonce = Some(nonces::pending(self, sender)?);
        }
        let tx = seal(key, sender, fill::build(request)?)?;
        Ok((tx, turn))
    }
}

/// Waits as long as the caller wants, in milliseconds, and answers the receipt of what it has sent.
async fn receipt_in_time(
    api: &Api,
    hash: B256,
    news: broadcast::Receiver<ChainEvent>,
    timeout: Option<Number>,
) -> Answer<TransactionReceipt> {
    let waits = timeout.map(|given| Duration::from_millis(given.saturating_to()));
    let waits = waits.filter(|given| !given.is_zero()).unwrap_or(SYNC_WAIT).min(MAX_SYNC_WAIT);
    let receipt = tokio::time::timeout(waits, mined(api, hash, news)).await;
    receipt.map_err(|_elapsed| RpcError::NotMinedInTime { hash, waited: waits })?
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
    let spec = &node.chain.spec();
    let market = Market {
        chain_id: spec.chain_id(),
        next_base_fee: next_base_fee(node),
        blob_base_fee: spec.blob_base_fee(&node.chain.head()).unwrap_or(0),
        fees: node.fee_policy(),
    };
    request.from = Some(sender);
    fill::complete(&mut request, &market)?;
    if request.gas.is_none() {
        request.gas = Some(call::estimate_for(node, request.clone())?);
    }
    Ok(request)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
