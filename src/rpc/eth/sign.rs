//! What does a key of the node sign?

use super::fill::Unsigned;
use crate::{
    dev::{
        keyring::{KeyringError, sign_hash, sign_message, sign_transaction},
        typed_data::{TypedData, Version},
    },
    primitives::Transaction,
    rpc::{
        Answer, Api, RpcContext, RpcError,
        params::{Document, either_order},
    },
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes};
use alloy_rpc_types::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::Value;

/// Signatures of the node's accounts.
#[rpc(server, namespace = "eth")]
pub trait Sign {
    /// Signs a message as [EIP-191](https://eips.ethereum.org/EIPS/eip-191) has it.
    #[method(name = "sign")]
    async fn sign(&self, address: Address, message: Bytes) -> Answer<Bytes>;

    /// Signs a typed document ([EIP-712](https://eips.ethereum.org/EIPS/eip-712)), an object or its
    /// JSON text. Address and document come in either order.
    #[method(name = "signTypedData_v4", aliases = ["eth_signTypedData"])]
    async fn sign_typed_data(&self, address: Value, document: Value) -> Answer<Bytes>;

    /// The same as the third version of wallets has it: without arrays, and absent fields are left
    /// out.
    #[method(name = "signTypedData_v3")]
    async fn sign_typed_data_v3(&self, address: Value, document: Value) -> Answer<Bytes>;

    /// Fills what the request leaves open, signs, and answers the raw transaction without sending
    /// it.
    #[method(name = "signTransaction")]
    async fn sign_transaction(&self, request: TransactionRequest) -> Answer<Bytes>;
}

#[async_trait]
impl SignServer for Api {
    async fn sign(&self, address: Address, message: Bytes) -> Answer<Bytes> {
        let key = Authority::Key.key(self, address)?;
        Ok(sign_message(&own(key, address)?, &message)?.as_bytes().into())
    }

    async fn sign_typed_data(&self, address: Value, document: Value) -> Answer<Bytes> {
        self.sign_document(address, document, Version::V4).await
    }

    async fn sign_typed_data_v3(&self, address: Value, document: Value) -> Answer<Bytes> {
        self.sign_document(address, document, Version::V3).await
    }

    async fn sign_transaction(&self, request: TransactionRequest) -> Answer<Bytes> {
        let (tx, _nonce) = self.make(request, Authority::Key).await?;
        Ok(tx.encoded_2718().into())
    }
}

impl Api {
    async fn sign_document(&self, one: Value, other: Value, version: Version) -> Answer<Bytes> {
        let (address, document) = either_order(one, other)?;
        let key = own(Authority::Key.key(self, address)?, address)?;
        let limit = self.limits.typed_data_bytes;
        self.blocking(move |_node| {
            let document: TypedData = Document::read(document, limit)?;
            Ok(sign_hash(&key, document.signing_hash(version)?)?.as_bytes().into())
        })
        .await
    }
}

/// By what right a transaction is made for its sender.
#[derive(Clone, Debug)]
pub(in crate::rpc) enum Authority {
    /// The node has to hold the key, unlocked.
    Key,
    /// The unlocked key, or an impersonation.
    KeyOrImpersonation,
    /// This key, which a passphrase has opened; none for an account that has none.
    Opened(Option<PrivateKeySigner>),
    /// Nothing is asked for on a development chain, and nothing is enough elsewhere.
    Development,
}

impl Authority {
    /// The key that signs for this sender; `None` where the sender needs none.
    pub(super) fn key(
        self,
        node: &RpcContext,
        sender: Address,
    ) -> Answer<Option<PrivateKeySigner>> {
        let may_do_without = match self {
            Self::Opened(key) => return Ok(key),
            Self::Key => false,
            Self::Development => node.namespaces.kind.is_development(),
            Self::KeyOrImpersonation => node.dev.is_impersonated(sender),
        };
        match node.accounts.unlocked(sender) {
            Ok(key) => Ok(key),
            Err(_locked) if may_do_without => Ok(None),
            Err(KeyringError::Unknown { address }) => Err(RpcError::UnknownAccount(address)),
            Err(locked) => Err(locked.into()),
        }
    }
}

/// The key, where a signature is wanted and nothing less.
pub(in crate::rpc) fn own(
    key: Option<PrivateKeySigner>,
    address: Address,
) -> Answer<PrivateKeySigner> {
    Ok(key.ok_or(KeyringError::Keyless { address })?)
}

/// Signs with the sender's key; without one, marks the transaction as impersonated.
pub(super) fn seal(
    key: Option<PrivateKeySigner>,
    sender: Address,
    tx: Unsigned,
) -> Answer<Transaction> {
    match key {
        Some(key) => Ok(sign_transaction(&key, tx)?),
        None => Ok(Transaction::impersonate(tx, sender)),
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
