//! What is mined, how fast, and what do miners who work for this node hand in?

use crate::{
    consensus::ethash::seed_hash,
    rpc::{Answer, Api, params::Number},
    sealer::SealError,
};
use alloy_primitives::{B64, B256, U64};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Proof of work. Whoever searches for nonces elsewhere asks for work and hands nonces in.
#[rpc(server, namespace = "eth")]
pub trait Work {
    /// Does the node make blocks by itself: mine, sign in turn, or as a developer has set it?
    #[method(name = "mining")]
    fn mining(&self) -> Answer<bool>;

    /// Nonces tried a second, by this node and by those who said so within ten seconds.
    #[method(name = "hashrate")]
    fn hashrate(&self) -> Answer<U64>;

    /// The block that is worked on: its seal hash, the seed of its epoch, the most that a result may be,
    /// and its height.
    #[method(name = "getWork")]
    fn get_work(&self) -> Answer<(B256, B256, B256, U64)>;

    /// Hands in a nonce and its mix hash for the block with this seal hash. False if it does not seal it,
    /// or if nobody knows the block any more: work up to seven blocks old is taken.
    #[method(name = "submitWork")]
    async fn submit_work(&self, nonce: B64, seal_hash: B256, mix_hash: B256) -> Answer<bool>;

    /// Says how many nonces a second a miner tries who works for this node.
    #[method(name = "submitHashrate")]
    fn submit_hashrate(&self, rate: Number, id: B256) -> Answer<bool>;
}

#[async_trait]
impl WorkServer for Api {
    fn mining(&self) -> Answer<bool> {
        Ok(self.sealer.makes_blocks())
    }

    fn hashrate(&self) -> Answer<U64> {
        Ok(U64::from(self.sealer.miner().map_or(0, |miner| miner.rate())))
    }

    fn get_work(&self) -> Answer<(B256, B256, B256, U64)> {
        let miner = self.sealer.miner().ok_or(SealError::NoMiner)?;
        let job = miner.work().ok_or(SealError::NoWork)?;
        let number = job.block.number();
        let seed = seed_hash(miner.epoch_of(number));
        Ok((job.seal_hash, seed, job.boundary.into(), U64::from(number)))
    }

    async fn submit_work(&self, nonce: B64, seal_hash: B256, mix_hash: B256) -> Answer<bool> {
        self.blocking(move |node| Ok(node.sealer.submit_work(seal_hash, nonce, mix_hash)?)).await
    }

    fn submit_hashrate(&self, rate: Number, id: B256) -> Answer<bool> {
        let miner = self.sealer.miner().ok_or(SealError::NoMiner)?;
        miner.note_rate(id, rate.saturating_to());
        Ok(true)
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    WorkServer::into_rpc(api.clone()).into()
}
