//! What does a key of the node sign?

use super::fill::Unsigned;
use crate::{
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, RpcError},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes};
use alloy_rpc_types::TransactionRequest;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Signatures of the node's accounts.
#[rpc(server, namespace = "eth")]
pub trait Sign {
    /// Signs a message as [EIP-191](https://eips.ethereum.org/EIPS/eip-191) has it.
    #[method(name = "sign")]
    async fn sign(&self, address: Address, message: Bytes) -> Answer<Bytes>;

    /// Fills what the request leaves open, signs, and answers the raw transaction without sending
    /// it.
    #[method(name = "signTransaction")]
    async fn sign_transaction(&self, request: TransactionRequest) -> Answer<Bytes>;
}

#[async_trait]
impl SignServer for Api {
    async fn sign(&self, address: Address, message: Bytes) -> Answer<Bytes> {
        Authority::Key.check(self, address)?;
        Ok(self.accounts.sign_message(address, &message)?.as_bytes().into())
    }

    async fn sign_transaction(&self, request: TransactionRequest) -> Answer<Bytes> {
        let (tx, _nonce) = self.make(request, Authority::Key).await?;
        Ok(tx.encoded_2718().into())
    }
}

/// By what right a transaction is made for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authority {
    /// The node has to hold the key.
    Key,
    /// The key, or an impersonation.
    KeyOrImpersonation,
    /// Nothing is asked for on a development chain, and nothing is enough elsewhere.
    Development,
}

impl Authority {
    /// May the node make transactions for this sender?
    pub(super) fn check(self, node: &RpcContext, sender: Address) -> Answer<()> {
        let is_allowed = match self {
            Self::Key => node.accounts.contains(sender),
            Self::KeyOrImpersonation => {
                node.accounts.contains(sender) || node.dev.is_impersonated(sender)
            }
            Self::Development => node.namespaces.development,
        };
        if is_allowed { Ok(()) } else { Err(RpcError::UnknownAccount(sender)) }
    }
}

/// Signs with the sender's key; without one, marks the transaction as impersonated. The authority
/// was checked before.
pub(super) fn seal(node: &RpcContext, sender: Address, tx: Unsigned) -> Answer<Transaction> {
    if node.accounts.contains(sender) {
        return Ok(node.accounts.sign_transaction(sender, tx)?);
    }
    Ok(Transaction::impersonate(tx, sender))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
