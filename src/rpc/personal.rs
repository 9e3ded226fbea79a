//! `personal_*` and ganache's account methods: accounts behind a passphrase.

use super::{
    Answer, Api, RpcError,
    eth::sign::{Authority, own},
    params::{Number, Passphrase, RawKey, either_order},
};
use crate::{
    dev::keyring::{KeyringError, sign_message},
    primitives::DecodeError,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature};
use alloy_rpc_types::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde_json::Value;
use std::time::Duration;

/// How long an account is unlocked if the caller does not say.
const UNLOCKED: Duration = Duration::from_secs(300);

/// Accounts behind a passphrase. They are kept in the data directory, encrypted, and are locked
/// after a restart. The development accounts are unlocked; their passphrase is empty.
#[rpc(server, namespace = "personal")]
pub trait Personal {
    /// All accounts, locked or not.
    #[method(name = "listAccounts")]
    fn list_accounts(&self) -> Answer<Vec<Address>>;

    /// Makes a key, stores it behind the passphrase, locked, and answers its address.
    #[method(name = "newAccount")]
    async fn new_account(&self, passphrase: Passphrase) -> Answer<Address>;

    /// Stores a key, with or without `0x`, behind the passphrase, locked, and answers its address.
    #[method(name = "importRawKey")]
    async fn import_raw_key(&self, key: RawKey, passphrase: Passphrase) -> Answer<Address>;

    /// Locks an account. False if it is none of ours.
    #[method(name = "lockAccount")]
    fn lock_account(&self, address: Address) -> Answer<bool>;

    /// Unlocks an account for so many seconds: 300 by default, 0 for as long as the node runs.
    #[method(name = "unlockAccount")]
    async fn unlock_account(
        &self,
        address: Address,
        passphrase: Passphrase,
        seconds: Option<Number>,
    ) -> Answer<bool>;

    /// Sends as `eth_sendTransaction` does, for an account that may be locked.
    #[method(name = "sendTransaction")]
    async fn send_transaction(
        &self,
        request: TransactionRequest,
        passphrase: Passphrase,
    ) -> Answer<B256>;

    /// Signs as `eth_signTransaction` does, for an account that may be locked.
    #[method(name = "signTransaction")]
    async fn sign_transaction(
        &self,
        request: TransactionRequest,
        passphrase: Passphrase,
    ) -> Answer<Bytes>;

    /// Signs a message as `eth_sign` does. Message and address come in either order; with a
    /// passphrase the account may be locked.
    #[method(name = "sign")]
    async fn sign(
        &self,
        message: Value,
        address: Value,
        passphrase: Option<Passphrase>,
    ) -> Answer<Bytes>;

    /// Who signed this message with `personal_sign`?
    #[method(name = "ecRecover")]
    fn ec_recover(&self, message: Bytes, signature: Bytes) -> Answer<Address>;
}

/// Accounts without a key, under ganache's names.
#[rpc(server, namespace = "evm")]
pub trait Accounts {
    /// Adds an address, locked, until the node ends: once `personal_unlockAccount` has unlocked it,
    /// it sends without a signature. False if it is there already.
    #[method(name = "addAccount")]
    fn add_account(&self, address: Address, passphrase: Passphrase) -> Answer<bool>;

    /// Removes an account, and its key if there is one. False if it is none of ours.
    #[method(name = "removeAccount")]
    async fn remove_account(&self, address: Address, passphrase: Passphrase) -> Answer<bool>;
}

#[async_trait]
impl PersonalServer for Api {
    fn list_accounts(&self) -> Answer<Vec<Address>> {
        Ok(self.accounts.listed())
    }

    async fn new_account(&self, passphrase: Passphrase) -> Answer<Address> {
        self.blocking_apart(move |node| Ok(node.accounts.create(passphrase.as_str())?)).await
    }

    async fn import_raw_key(&self, key: RawKey, passphrase: Passphrase) -> Answer<Address> {
        self.blocking_apart(move |node| Ok(node.accounts.import(key.0, passphrase.as_str())?)).await
    }

    fn lock_account(&self, address: Address) -> Answer<bool> {
        Ok(self.accounts.lock(address))
    }

    async fn unlock_account(
        &self,
        address: Address,
        passphrase: Passphrase,
        seconds: Option<Number>,
    ) -> Answer<bool> {
        let time = match seconds {
            None => Some(UNLOCKED),
            Some(seconds) if seconds.is_zero() => None,
            Some(seconds) => Some(Duration::from_secs(seconds.saturating_to())),
        };
        self.blocking_apart(move |node| {
            node.accounts.unlock(address, passphrase.as_str(), time)?;
            Ok(true)
        })
        .await
    }

    async fn send_transaction(
        &self,
        request: TransactionRequest,
        passphrase: Passphrase,
    ) -> Answer<B256> {
        let authority = self.opened(&request, passphrase).await?;
        self.send_as(request, authority).await
    }

    async fn sign_transaction(
        &self,
        request: TransactionRequest,
        passphrase: Passphrase,
    ) -> Answer<Bytes> {
        let sender = self.sender(&request)?;
        let Authority::Opened(Some(key)) = self.opened(&request, passphrase).await? else {
            return Err(KeyringError::Keyless { address: sender }.into());
        };
        let (tx, _nonce) = self.make(request, Authority::Opened(Some(key))).await?;
        Ok(tx.encoded_2718().into())
    }

    async fn sign(
        &self,
        message: Value,
        address: Value,
        passphrase: Option<Passphrase>,
    ) -> Answer<Bytes> {
        // A message of 20 bytes is no reason to take it for the address: that is asked for second.
        let (address, message) = either_order(address, message)?;
        let message: Bytes = serde_json::from_value(message).map_err(RpcError::Message)?;
        let key: Option<PrivateKeySigner> = match passphrase {
            None => self.accounts.unlocked(address)?,
            Some(given) => {
                self.blocking_apart(move |node| {
                    Ok(node.accounts.opened(address, given.as_str())?)
                })
                .await?
            }
        };
        Ok(sign_message(&own(key, address)?, &message)?.as_bytes().into())
    }

    fn ec_recover(&self, message: Bytes, signature: Bytes) -> Answer<Address> {
        let signature =
            Signature::from_raw(&signature).map_err(|_length| DecodeError::Signature)?;
        let signer = signature.recover_address_from_msg(&message);
        Ok(signer.map_err(|_curve| DecodeError::Signature)?)
    }
}

#[async_trait]
impl AccountsServer for Api {
    fn add_account(&self, address: Address, passphrase: Passphrase) -> Answer<bool> {
        Ok(self.accounts.add(address, passphrase.as_str())?)
    }

    async fn remove_account(&self, address: Address, passphrase: Passphrase) -> Answer<bool> {
        self.blocking_apart(move |node| Ok(node.accounts.remove(address, passphrase.as_str())?))
            .await
    }
}

impl Api {
    /// The right to send for the request's sender that a passphrase gives.
    async fn opened(
        &self,
        request: &TransactionRequest,
        passphrase: Passphrase,
    ) -> Answer<Authority> {
        let sender = self.sender(request)?;
        let open =
            move |node: &super::RpcContext| node.accounts.opened(sender, passphrase.as_str());
        self.blocking_apart(move |node| Ok(Authority::Opened(open(node)?))).await
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    let mut methods: Methods = PersonalServer::into_rpc(api.clone()).into();
    methods
        .merge(AccountsServer::into_rpc(api.clone()))
        .expect("no two traits share a method or an alias");
    methods
}
