//! How does a transaction get in?

use super::{
    call,
    fees::next_base_fee,
    fill::{self, Market},
    nonces::Ticket,
    sign::{Authority, seal},
};
use crate::{
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, RpcError},
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types::TransactionRequest;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Sending transactions. Where blocks are made on arrival, an executable transaction is in a
/// durable, visible block when the hash is answered.
#[rpc(server, namespace = "eth")]
pub trait Send {
    /// Sends a signed transaction.
    #[method(name = "sendRawTransaction")]
    async fn send_raw_transaction(&self, raw: Bytes) -> Answer<B256>;

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

    async fn send_transaction(&self, request: TransactionRequest) -> Answer<B256> {
        let (tx, _nonce) = self.make(request, Authority::KeyOrImpersonation).await?;
        Ok(self.sealer.submit(tx).await?)
    }
}

impl Api {
    /// Makes the transaction of a request. Its nonce is taken until the ticket is dropped.
    pub(super) async fn make(
        &self,
        request: TransactionRequest,
        authority: Authority,
    ) -> Answer<(Transaction, Option<Ticket<'_>>)> {
        let sender = sender(self, &request)?;
        authority.check(self, sender)?;
        let mut request = self.blocking(move |node| priced(node, request, sender)).await?;
        let ticket = match request.nonce {
            Some(_given) => None,
            None => Some(self.nonces().take(sender, || pooled_nonce(self, sender))?),
        };
        request.nonce = request.nonce.or(ticket.as_ref().map(|ticket| ticket.nonce));
        let tx = seal(self, sender, fill::build(request)?)?;
        Ok((tx, ticket))
    }
}

fn sender(node: &RpcContext, request: &TransactionRequest) -> Answer<Address> {
    let first = || node.accounts.addresses().first().copied();
    request.from.or_else(first).ok_or(RpcError::UnknownAccount(Address::ZERO))
}

/// The request with fees and gas.
fn priced(
    node: &RpcContext,
    mut request: TransactionRequest,
    sender: Address,
) -> Answer<TransactionRequest> {
    let spec = node.chain.spec();
    let market = Market {
        chain_id: spec.chain_id,
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
