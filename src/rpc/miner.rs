//! `miner_*`: what does the owner of a miner want of it? Until the node ends; flags say it at the start.

use super::{Answer, Api, RpcError, params::Number};
use crate::sealer::Wishes;
use alloy_primitives::{Address, Bytes};
use jsonrpsee::{Methods, proc_macros::rpc};
use std::time::Duration;

/// Mining on a chain of proof of work.
#[rpc(server, namespace = "miner")]
pub trait Mine {
    /// Begins to mine, on so many of the threads that the node was started with; on all of them if no
    /// number is given.
    #[method(name = "start")]
    fn start(&self, threads: Option<Number>) -> Answer<bool>;

    /// Ends mining. The node goes on to follow the chain.
    #[method(name = "stop")]
    fn stop(&self) -> Answer<bool>;

    /// Says who is paid for blocks to come.
    #[method(name = "setEtherbase")]
    fn set_etherbase(&self, address: Address) -> Answer<bool>;

    /// Sets the extra data of blocks to come: text, at most 32 bytes.
    #[method(name = "setExtra")]
    fn set_extra(&self, extra: String) -> Answer<bool>;

    /// Sets the gas limit that blocks to come move towards.
    #[method(name = "setGasLimit")]
    fn set_gas_limit(&self, gas_limit: Number) -> Answer<bool>;

    /// Sets the least tip, in wei per gas, of transactions that are admitted and mined.
    #[method(name = "setGasPrice")]
    fn set_gas_price(&self, price: Number) -> Answer<bool>;

    /// Sets after how many milliseconds work is made anew for transactions that arrived; at least 100.
    #[method(name = "setRecommitInterval")]
    fn set_recommit_interval(&self, milliseconds: Number) -> Answer<bool>;
}

impl MineServer for Api {
    fn start(&self, threads: Option<Number>) -> Answer<bool> {
        let most = self.sealer.miner().map_or(0, |miner| miner.threads());
        let wanted = threads.map_or(0, |threads| threads.saturating_to::<usize>());
        if wanted > most {
            return Err(RpcError::MinerThreads { given: wanted, most });
        }
        let threads = if wanted == 0 { most } else { wanted };
        self.wish(|wishes| (wishes.mines, wishes.threads) = (true, Some(threads)))
    }

    fn stop(&self) -> Answer<bool> {
        self.wish(|wishes| wishes.mines = false)
    }

    fn set_etherbase(&self, address: Address) -> Answer<bool> {
        self.wish(|wishes| wishes.coinbase = Some(address))
    }

    fn set_extra(&self, extra: String) -> Answer<bool> {
        self.wish(|wishes| wishes.extra_data = Bytes::from(extra.into_bytes()))
    }

    fn set_gas_limit(&self, gas_limit: Number) -> Answer<bool> {
        self.wish(|wishes| wishes.gas_limit = Some(gas_limit.saturating_to()))
    }

    fn set_gas_price(&self, price: Number) -> Answer<bool> {
        self.wish(|wishes| wishes.min_tip = Some(price.saturating_to()))
    }

    fn set_recommit_interval(&self, milliseconds: Number) -> Answer<bool> {
        let pace = Duration::from_millis(milliseconds.saturating_to::<u64>());
        self.wish(|wishes| wishes.recommit = pace)
    }
}

impl Api {
    fn wish(&self, change: impl FnOnce(&mut Wishes)) -> Answer<bool> {
        self.sealer.wish(change)?;
        Ok(true)
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    MineServer::into_rpc(api.clone()).into()
}
