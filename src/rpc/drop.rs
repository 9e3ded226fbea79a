//! What leaves the pool on demand? Under the names, and with the answers, that Foundry's and Hardhat's
//! tools expect.

use super::{Answer, Api, RpcContext};
use alloy_primitives::{Address, B256};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// A transaction that cannot be dropped any more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("Transaction {0} cannot be dropped because it's already mined")]
pub struct AlreadyMined(B256);

/// Dropping what waits, in one namespace: it is a developer's. A block that is being made is waited for,
/// so that what was dropped is not mined.
#[rpc(server)]
pub trait Drop {
    /// Drops a transaction and answers its hash; null if it does not wait.
    #[method(name = "anvil_dropTransaction")]
    async fn drop_transaction(&self, hash: B256) -> Answer<Option<B256>>;

    /// Drops a transaction and answers whether it waited. Hardhat refuses it for one that is mined.
    #[method(name = "hardhat_dropTransaction")]
    async fn drop_transaction_or_not(&self, hash: B256) -> Answer<bool>;

    /// Drops every transaction that waits.
    #[method(name = "anvil_dropAllTransactions", aliases = ["hardhat_dropAllTransactions"])]
    async fn drop_all_transactions(&self) -> Answer<()>;

    /// Drops every transaction of an account that waits.
    #[method(name = "anvil_removePoolTransactions")]
    async fn remove_pool_transactions(&self, sender: Address) -> Answer<()>;
}

#[async_trait]
impl DropServer for Api {
    async fn drop_transaction(&self, hash: B256) -> Answer<Option<B256>> {
        let dropped = self.paused(move |node| Ok(node.pool.remove(hash))).await?;
        Ok(dropped.map(|tx| tx.hash()))
    }

    async fn drop_transaction_or_not(&self, hash: B256) -> Answer<bool> {
        self.paused(move |node| match node.pool.remove(hash) {
            Some(_dropped) => Ok(true),
            None if node.chain.locate(hash)?.is_some() => Err(AlreadyMined(hash).into()),
            None => Ok(false),
        })
        .await
    }

    async fn drop_all_transactions(&self) -> Answer<()> {
        self.drop_everything().await
    }

    async fn remove_pool_transactions(&self, sender: Address) -> Answer<()> {
        self.paused(move |node| Ok(node.pool.remove_sender(sender))).await?;
        Ok(())
    }
}

impl Api {
    /// Empties the pool.
    pub(super) async fn drop_everything(&self) -> Answer<()> {
        self.paused(|node| Ok(node.pool.drop_all())).await?;
        Ok(())
    }

    /// Works on the pool while no block is made and nothing is admitted. Whoever waits for a transaction
    /// that is gone then is answered.
    async fn paused<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RpcContext) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.blocking(move |node| {
            let pause = node.sealer.pause();
            let done = work(node);
            drop(pause);
            node.sealer.wake();
            done
        })
        .await
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
