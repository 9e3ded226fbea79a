//! What does gas cost?

use super::fee_history;
use crate::rpc::{
    Answer, Api, RpcContext,
    params::{At, Number},
};
use alloy_primitives::U128;
use alloy_rpc_types::FeeHistory;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Fees, in wei per gas.
#[rpc(server, namespace = "eth")]
pub trait Fees {
    /// A price that is enough for the next blocks.
    #[method(name = "gasPrice")]
    fn gas_price(&self) -> Answer<U128>;

    /// The tip that the node advises.
    #[method(name = "maxPriorityFeePerGas")]
    fn tip(&self) -> Answer<U128>;

    /// Base fee of the next block; null before London.
    #[method(name = "baseFee")]
    fn base_fee(&self) -> Answer<Option<U128>>;

    /// Base fee of blob gas at the newest block; null before Cancun.
    #[method(name = "blobBaseFee")]
    fn blob_base_fee(&self) -> Answer<Option<U128>>;

    /// Base fees, fullness and tips of the blocks up to `newest`.
    #[method(name = "feeHistory")]
    async fn fee_history(
        &self,
        count: Number,
        newest: At,
        percentiles: Option<Vec<f64>>,
    ) -> Answer<FeeHistory>;
}

#[async_trait]
impl FeesServer for Api {
    fn gas_price(&self) -> Answer<U128> {
        Ok(U128::from(self.suggested_gas_price()))
    }

    fn tip(&self) -> Answer<U128> {
        Ok(U128::from(self.fee_policy().tip))
    }

    fn base_fee(&self) -> Answer<Option<U128>> {
        Ok(next_base_fee(self).map(U128::from))
    }

    fn blob_base_fee(&self) -> Answer<Option<U128>> {
        Ok(self.chain.spec().blob_base_fee(&self.chain.head()).map(U128::from))
    }

    async fn fee_history(
        &self,
        count: Number,
        newest: At,
        percentiles: Option<Vec<f64>>,
    ) -> Answer<FeeHistory> {
        let count = count.saturating_to();
        let percentiles = percentiles.unwrap_or_default();
        self.blocking(move |node| fee_history::read(node, count, newest.0, &percentiles)).await
    }
}

impl Api {
    /// What `eth_gasPrice` answers, in wei per gas.
    pub(in crate::rpc) fn suggested_gas_price(&self) -> u128 {
        let least = self.chain.development().min_gas_price.unwrap_or(0);
        self.fee_policy().gas_price(next_base_fee(self)).max(least)
    }
}

/// Base fee of the block after the head.
pub(super) fn next_base_fee(node: &RpcContext) -> Option<u64> {
    node.chain.next_base_fee(&node.chain.head())
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
