//! Transactions that wait: which are there, and how is one sent again with another price?

use super::{fill, sign, transactions};
use crate::{
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, convert, params::Number, txpool},
};
use alloy_consensus::SignableTransaction;
use alloy_primitives::{Address, B256};
use alloy_rpc_types::{Transaction as RpcTransaction, TransactionRequest};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Why a transaction that waits was not sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// Without a nonce it is not clear which.
    #[error("missing transaction nonce in transaction spec")]
    MissingNonce,
    /// Nothing of this sender and nonce waits.
    #[error("no transaction of {sender} with nonce {nonce} is waiting")]
    NothingWaits {
        /// The sender.
        sender: Address,
        /// The nonce.
        nonce: u64,
    },
    /// What waits there is another transaction.
    #[error("transaction {asked} not found; {waiting} is waiting with its nonce")]
    Other {
        /// What the request says, as it would be signed.
        asked: B256,
        /// What waits, as it was signed.
        waiting: B256,
    },
}

/// What waits in the pool.
#[rpc(server, namespace = "eth")]
pub trait Waiting {
    /// Every transaction that can go into the next blocks, in order of arrival.
    #[method(name = "pendingTransactions")]
    async fn pending(&self) -> Answer<Vec<RpcTransaction>>;

    /// The transaction that used, or waits to use, a nonce of an account; null if there is none.
    #[method(name = "getTransactionBySenderAndNonce")]
    async fn by_sender_and_nonce(
        &self,
        sender: Address,
        nonce: Number,
    ) -> Answer<Option<RpcTransaction>>;

    /// Sends a waiting transaction again with another price (wei per gas; of one with a fee cap, both cap
    /// and tip) and gas limit. The request names it by sender and nonce; what else it says has to be what
    /// waits.
    #[method(name = "resend")]
    async fn resend(
        &self,
        request: TransactionRequest,
        gas_price: Option<Number>,
        gas_limit: Option<Number>,
    ) -> Answer<B256>;
}

#[async_trait]
impl WaitingServer for Api {
    async fn pending(&self) -> Answer<Vec<RpcTransaction>> {
        self.blocking(|node| {
            txpool::check_fits(node)?;
            Ok(node.pool.pending().iter().map(convert::waiting).collect())
        })
        .await
    }

    async fn by_sender_and_nonce(
        &self,
        sender: Address,
        nonce: Number,
    ) -> Answer<Option<RpcTransaction>> {
        let Ok(nonce) = u64::try_from(nonce) else { return Ok(None) };
        self.blocking(move |node| match transactions::of_sender(node, sender, nonce)? {
            Some(mined) => Ok(Some(mined)),
            None => Ok(node.pool.get_by_nonce(sender, nonce).map(|tx| convert::waiting(&tx))),
        })
        .await
    }

    async fn resend(
        &self,
        request: TransactionRequest,
        gas_price: Option<Number>,
        gas_limit: Option<Number>,
    ) -> Answer<B256> {
        let sender = self.sender(&request)?;
        let key = sign::Authority::KeyOrImpersonation.key(self, sender)?;
        let waiting = find(self, sender, &request)?;
        let mut again = as_request(&waiting);
        if let Some(price) = gas_price.filter(|price| !price.is_zero()) {
            reprice(&mut again, price.saturating_to());
        }
        if let Some(gas) = gas_limit.filter(|gas| !gas.is_zero()) {
            again.gas = Some(gas.saturating_to());
        }
        let tx = sign::seal(key, sender, fill::build(again)?)?;
        let conditions = self.pool.conditions(waiting.hash());
        self.hand_in(tx, conditions).await?.visible().await.map_err(Into::into)
    }
}

/// What the request names, if it waits.
fn find(node: &RpcContext, sender: Address, request: &TransactionRequest) -> Answer<Transaction> {
    let nonce = request.nonce.ok_or(ResendError::MissingNonce)?;
    fill::check(request, node.chain.spec().chain_id())?;
    let waiting = node.pool.get_by_nonce(sender, nonce);
    let waiting = waiting.ok_or(ResendError::NothingWaits { sender, nonce })?;
    let asked = fill::build(overlaid(as_request(&waiting), request.clone()))?.signature_hash();
    let waits = waiting.envelope().signature_hash();
    if asked != waits {
        return Err(ResendError::Other { asked, waiting: waits }.into());
    }
    Ok(waiting)
}

/// A transaction as a request of all that it says, its sidecar included.
fn as_request(tx: &Transaction) -> TransactionRequest {
    let mut request = TransactionRequest::from_recovered_transaction(tx.recovered().clone());
    request.sidecar = crate::pool::sidecar(tx).cloned();
    request
}

/// The first request, with what the second one names.
fn overlaid(mut waits: TransactionRequest, given: TransactionRequest) -> TransactionRequest {
    waits.to = given.to.or(waits.to);
    waits.value = given.value.or(waits.value);
    waits.gas = given.gas.or(waits.gas);
    if let Some(data) = given.input.input().cloned() {
        waits.input = data.into();
    }
    waits.access_list = given.access_list.or(waits.access_list);
    waits.authorization_list = given.authorization_list.or(waits.authorization_list);
    waits.transaction_type = given.transaction_type.or(waits.transaction_type);
    if given.gas_price.is_some() {
        (waits.max_fee_per_gas, waits.max_priority_fee_per_gas) = (None, None);
        waits.gas_price = given.gas_price;
    }
    if given.max_fee_per_gas.is_some() || given.max_priority_fee_per_gas.is_some() {
        waits.gas_price = None;
        waits.max_fee_per_gas = given.max_fee_per_gas.or(waits.max_fee_per_gas);
        waits.max_priority_fee_per_gas =
            given.max_priority_fee_per_gas.or(waits.max_priority_fee_per_gas);
    }
    waits.max_fee_per_blob_gas = given.max_fee_per_blob_gas.or(waits.max_fee_per_blob_gas);
    waits
}

fn reprice(request: &mut TransactionRequest, price: u128) {
    if request.gas_price.is_some() {
        request.gas_price = Some(price);
    } else {
        (request.max_fee_per_gas, request.max_priority_fee_per_gas) = (Some(price), Some(price));
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
