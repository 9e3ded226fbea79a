//! `anvil_*`: what a developer changes by hand, under all the names that tools use.

use super::{
    Answer, Api, RpcError,
    dev::DevelopmentError,
    params::{Addresses, Number, Word, word},
};
use crate::{evm, primitives::Edit};
use alloy_primitives::{Address, Bytes};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use std::collections::BTreeMap;

/// Edits of the state, and impersonation. An edit is answered at once, is
/// journaled, and becomes part of the next block.
#[rpc(server, namespace = "anvil")]
pub trait Anvil {
    /// Sets a balance in wei, of one address or of each in a list.
    #[method(name = "setBalance", aliases = ["hardhat_setBalance", "tenderly_setBalance", "evm_setAccountBalance"])]
    async fn set_balance(&self, addresses: Addresses, balance: Number) -> Answer<()>;

    /// Adds wei to a balance, of one address or of each in a list.
    #[method(name = "addBalance", aliases = ["hardhat_addBalance", "tenderly_addBalance"])]
    async fn add_balance(&self, addresses: Addresses, wei: Number) -> Answer<()>;

    /// Sets the code; empty removes it.
    #[method(name = "setCode", aliases = ["hardhat_setCode", "evm_setAccountCode"])]
    async fn set_code(&self, address: Address, code: Bytes) -> Answer<()>;

    /// Sets the nonce, up or down.
    #[method(name = "setNonce", aliases = ["hardhat_setNonce", "evm_setAccountNonce"])]
    async fn set_nonce(&self, address: Address, nonce: Number) -> Answer<()>;

    /// Sets one storage slot. Answers true.
    #[method(name = "setStorageAt", aliases = ["hardhat_setStorageAt", "evm_setAccountStorageAt"])]
    async fn set_storage_at(&self, address: Address, slot: Word, value: Word) -> Answer<bool>;

    /// Lets `eth_sendTransaction` send from an address without its key.
    #[method(name = "impersonateAccount", aliases = ["hardhat_impersonateAccount"])]
    fn impersonate(&self, address: Address) -> Answer<()>;

    /// Ends [`Self::impersonate`].
    #[method(name = "stopImpersonatingAccount", aliases = ["hardhat_stopImpersonatingAccount"])]
    fn stop_impersonating(&self, address: Address) -> Answer<()>;

    /// Makes `ecrecover` answer the address for a signature (65 bytes: r, s, v), whatever was signed.
    #[method(name = "impersonateSignature")]
    async fn impersonate_signature(&self, signature: Bytes, address: Address) -> Answer<()>;

    /// Lets `eth_sendTransaction` send from any address.
    #[method(name = "autoImpersonateAccount", aliases = ["hardhat_autoImpersonateAccount"])]
    fn auto_impersonate(&self, is_on: bool) -> Answer<()>;
}

#[async_trait]
impl AnvilServer for Api {
    async fn set_balance(&self, addresses: Addresses, balance: Number) -> Answer<()> {
        let edits = addresses.all().into_iter().map(|address| Edit::Balance(address, balance));
        self.edit_all(edits.collect()).await
    }

    async fn add_balance(&self, addresses: Addresses, wei: Number) -> Answer<()> {
        self.blocking(move |node| {
            node.chain.edit_with(|view| {
                // One that is named twice gets it twice.
                let mut balances = BTreeMap::new();
                for address in addresses.all() {
                    let balance = match balances.get(&address) {
                        Some(balance) => *balance,
                        None => view.account(address)?.unwrap_or_default().balance,
                    };
                    let more = balance.checked_add(wei);
                    balances.insert(address, more.ok_or(RpcError::TooLarge("balance"))?);
                }
                Ok(balances.into_iter().map(|(to, balance)| Edit::Balance(to, balance)).collect())
            })
        })
        .await?;
        self.sealer.wake();
        Ok(())
    }

    async fn set_code(&self, address: Address, code: Bytes) -> Answer<()> {
        self.edit(Edit::Code(address, code)).await
    }

    async fn set_nonce(&self, address: Address, nonce: Number) -> Answer<()> {
        let nonce = small(nonce, "nonce")?;
        self.edit(Edit::Nonce(address, nonce)).await?;
        self.pool.set_account_nonce(address, nonce);
        Ok(())
    }

    async fn set_storage_at(&self, address: Address, slot: Word, value: Word) -> Answer<bool> {
        self.edit(Edit::Storage(address, word(slot), word(value))).await?;
        Ok(true)
    }

    fn impersonate(&self, address: Address) -> Answer<()> {
        Ok(self.dev.impersonate(address)?)
    }

    fn stop_impersonating(&self, address: Address) -> Answer<()> {
        self.dev.stop_impersonating(address);
        Ok(())
    }

    async fn impersonate_signature(&self, signature: Bytes, address: Address) -> Answer<()> {
        let edits = evm::impersonate_signature(&signature, address);
        self.edit_all(edits.ok_or(DevelopmentError::NoSignature { length: signature.len() })?).await
    }

    fn auto_impersonate(&self, is_on: bool) -> Answer<()> {
        self.dev.auto_impersonate(is_on);
        Ok(())
    }
}

impl Api {
    /// Makes one edit; it is journaled when this returns. What waits may be executable now.
    pub(super) async fn edit(&self, edit: Edit) -> Answer<()> {
        self.edit_all(vec![edit]).await
    }

    /// Makes edits, all of them or none.
    async fn edit_all(&self, edits: Vec<Edit>) -> Answer<()> {
        self.blocking(move |node| Ok(node.chain.edit(edits)?)).await?;
        self.sealer.wake();
        Ok(())
    }
}

/// A number that has to fit in 64 bits.
pub(super) fn small(number: Number, what: &'static str) -> Answer<u64> {
    number.try_into().map_err(|_overflow| RpcError::TooLarge(what))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
