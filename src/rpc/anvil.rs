//! `anvil_*`: what a developer changes by hand, under all the names that tools use.

use super::{
    Answer, Api, RpcError,
    params::{Number, Word, word},
};
use crate::primitives::Edit;
use alloy_primitives::{Address, Bytes};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Edits of the state, impersonation, and blocks on demand. An edit is answered at once, is
/// journaled, and becomes part of the next block.
#[rpc(server, namespace = "anvil")]
pub trait Anvil {
    /// Sets a balance, in wei.
    #[method(name = "setBalance", aliases = ["hardhat_setBalance", "tenderly_setBalance", "evm_setAccountBalance"])]
    async fn set_balance(&self, address: Address, balance: Number) -> Answer<()>;

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

    /// Lets `eth_sendTransaction` send from any address.
    #[method(name = "autoImpersonateAccount", aliases = ["hardhat_autoImpersonateAccount"])]
    fn auto_impersonate(&self, is_on: bool) -> Answer<()>;

    /// Makes blocks (default 1), each `interval` seconds after the one before.
    #[method(name = "mine", aliases = ["hardhat_mine"])]
    async fn mine(&self, blocks: Option<Number>, interval: Option<Number>) -> Answer<()>;
}

#[async_trait]
impl AnvilServer for Api {
    async fn set_balance(&self, address: Address, balance: Number) -> Answer<()> {
        self.edit(Edit::Balance(address, balance)).await
    }

    async fn set_code(&self, address: Address, code: Bytes) -> Answer<()> {
        self.edit(Edit::Code(address, code)).await
    }

    async fn set_nonce(&self, address: Address, nonce: Number) -> Answer<()> {
        let nonce = small(nonce, "nonce")?;
        self.edit(Edit::Nonce(address, nonce)).await?;
        self.pool.set_account_nonce(address, nonce);
        // What waited for this nonce can run now.
        self.sealer.wake();
        Ok(())
    }

    async fn set_storage_at(&self, address: Address, slot: Word, value: Word) -> Answer<bool> {
        self.edit(Edit::Storage(address, word(slot), word(value))).await?;
        Ok(true)
    }

    fn impersonate(&self, address: Address) -> Answer<()> {
        self.dev.impersonate(address);
        Ok(())
    }

    fn stop_impersonating(&self, address: Address) -> Answer<()> {
        self.dev.stop_impersonating(address);
        Ok(())
    }

    fn auto_impersonate(&self, is_on: bool) -> Answer<()> {
        self.dev.auto_impersonate(is_on);
        Ok(())
    }

    async fn mine(&self, blocks: Option<Number>, interval: Option<Number>) -> Answer<()> {
        let blocks = blocks.map_or(Ok(1), |blocks| small(blocks, "number of blocks"))?;
        let seconds = interval.map(|seconds| small(seconds, "interval")).transpose()?;
        self.mine_blocks(blocks, None, seconds).await
    }
}

impl Api {
    /// Makes one edit; it is journaled when this returns. What waits may be executable now.
    async fn edit(&self, edit: Edit) -> Answer<()> {
        self.blocking(move |node| Ok(node.chain.edit(vec![edit])?)).await?;
        self.sealer.wake();
        Ok(())
    }
}

fn small(number: Number, what: &'static str) -> Answer<u64> {
    number.try_into().map_err(|_overflow| RpcError::TooLarge(what))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
