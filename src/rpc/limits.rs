//! How much may one request, connection or answer cost, and which fees do we advise?

use super::clients::ClientLimits;
use crate::spec::FeeMarket;
use std::time::Duration;

/// Bounds that keep the node alive whatever it is asked. The gas, and with it the time, of a call is
/// bounded by [`crate::evm::EvmSettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// Longest request body or WebSocket message, in bytes.
    pub body_bytes: u32,
    /// Longest answer, to one request or to a whole batch, in bytes.
    pub response_bytes: u32,
    /// Most requests in one batch.
    pub batch_requests: usize,
    /// What one client may have.
    pub clients: ClientLimits,
    /// Most HTTP requests and WebSocket connections served at the same time.
    pub connections: u32,
    /// Most subscriptions on one WebSocket connection.
    pub subscriptions: u32,
    /// Messages kept for a slow WebSocket client before it is made to wait.
    pub buffered_messages: u32,
    /// Calls, estimates, proofs, searches and traces that run at the same time; more wait in line.
    pub heavy_calls: usize,
    /// Most blocks one `eth_getLogs` may look into (those that the index rules out do not count), or one `debug_getModifiedAccountsBy*` may compare.
    pub log_range: u64,
    /// Most addresses, and most topics at one place, that one search or filter may name.
    pub log_terms: usize,
    /// Most addresses and topics that all filters and subscriptions watch for together.
    pub watched_terms: usize,
    /// Most filters.
    pub filters: usize,
    /// A filter that nobody reads for so long is removed.
    pub filter_idle: Duration,
    /// A subscriber that takes nothing for so long is unsubscribed.
    pub patience: Duration,
    /// Most logs one `eth_getLogs` may answer, and most news one `eth_getFilterChanges`.
    pub logs: usize,
    /// Most blocks `eth_feeHistory` looks at; asking for more gets this many, as in geth.
    pub fee_history_blocks: u64,
    /// Most storage slots in one `eth_getProof` or `eth_getStorageValues`.
    pub proof_slots: usize,
    /// Most storage slots in one page of `debug_accountRange` or `debug_storageRangeAt`.
    pub dump_slots: usize,
    /// Most blocks one `trace_filter` may trace.
    pub trace_range: u64,
    /// Most traces one `trace_filter` may answer.
    pub traces: usize,
    /// Most transactions on one page of `ots_searchTransactions*` and `ots_getBlockTransactions`.
    pub page: usize,
    /// Most calls in one `trace_callMany`, `debug_traceCallMany` or `eth_callMany`.
    pub traced_calls: usize,
    /// Tracers in JavaScript that run at the same time; more wait in line.
    pub scripts: usize,
    /// Most blocks one `evm_mine` or `anvil_mine` may make.
    pub mined_blocks: u64,
    /// Longest document that `eth_signTypedData_v4` and its relatives sign, in bytes of JSON.
    pub typed_data_bytes: usize,
    /// Most bytes that a dump for `anvil_loadState` may have when it is unpacked.
    pub load_state_bytes: u64,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            body_bytes: 10 << 20,
            response_bytes: 25 << 20,
            batch_requests: 1_000,
            clients: ClientLimits::default(),
            connections: 500,
            subscriptions: 128,
            buffered_messages: 32,
            heavy_calls: 16,
            log_range: 100_000,
            log_terms: 1_000,
            watched_terms: 500_000,
            filters: 10_000,
            filter_idle: Duration::from_secs(300),
            patience: Duration::from_secs(60),
            logs: 20_000,
            fee_history_blocks: 1_024,
            proof_slots: 1_024,
            dump_slots: 100_000,
            trace_range: 1_000,
            traces: 20_000,
            page: 1_000,
            traced_calls: 1_000,
            scripts: 4,
            mined_blocks: 100_000,
            typed_data_bytes: 128 << 10,
            load_state_bytes: 1 << 30,
        }
    }
}

/// The fees that the node advises, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// How the base fee of the chain comes about.
    pub market: FeeMarket,
    /// `eth_gasPrice` never answers less; what it answers before London.
    pub min_gas_price: u128,
    /// What `eth_maxPriorityFeePerGas` answers.
    pub tip: u128,
}

impl Default for FeePolicy {
    fn default() -> Self {
        FeeSettings::default().on(FeeMarket::Eip1559)
    }
}

/// What the node advises of fees besides the chain's rules.
#[derive(Clone, Copy, Debug)]
pub struct FeeSettings {
    /// See [`FeePolicy::min_gas_price`].
    pub min_gas_price: u128,
    /// What a tip should be, in wei per gas, where gas has no price of its own.
    pub tip: u128,
}

impl Default for FeeSettings {
    fn default() -> Self {
        Self { min_gas_price: 0, tip: 1_000_000_000 }
    }
}

impl FeeSettings {
    /// What to advise on a chain with such a market. Where gas has a price of its own, nobody is advised
    /// to pay more than that.
    pub fn on(self, market: FeeMarket) -> FeePolicy {
        let tip = if market == FeeMarket::Eip1559 { self.tip } else { 0 };
        FeePolicy { market, min_gas_price: self.min_gas_price, tip }
    }
}

impl FeePolicy {
    /// A price that is still enough after three full blocks: half over the next base fee, which rises
    /// by an eighth with each at most ([EIP-1559](https://eips.ethereum.org/EIPS/eip-1559)), and the
    /// tip. Wallets use it as fee cap and tip at once, so it is no higher than that. A base fee that
    /// never moves is enough as it is.
    pub fn gas_price(&self, next_base_fee: Option<u64>) -> u128 {
        let base_fee = u128::from(next_base_fee.unwrap_or(0));
        let room = match self.market {
            FeeMarket::Eip1559 => base_fee.div_ceil(2),
            FeeMarket::Zero | FeeMarket::Fixed(_) => 0,
        };
        (base_fee + room + self.tip).max(self.min_gas_price)
    }

    /// The fee cap for a transaction that names none: room for several full blocks.
    pub fn fee_cap(&self, next_base_fee: u64, tip: u128) -> u128 {
        let base_fee = u128::from(next_base_fee);
        match self.market {
            FeeMarket::Eip1559 => 2 * base_fee + tip,
            FeeMarket::Zero | FeeMarket::Fixed(_) => base_fee + tip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gas_price_survives_three_full_blocks() {
        let policy = FeePolicy { tip: 5, ..Default::default() };
        assert_eq!(policy.gas_price(Some(1_000)), 1_505);
        assert_eq!(policy.gas_price(Some(7)), 16, "half of seven is rounded up");
        assert_eq!(policy.gas_price(Some(0)), 5);
        for start in [7, 8, 1_000, 1_000_000_007] {
            // The base fee rises by an eighth, and by one at least.
            let risen = (0..3).fold(start, |fee, _| fee + (fee / 8).max(1));
            assert!(u128::from(risen) + policy.tip <= policy.gas_price(Some(start)), "{start}");
        }
    }

    #[test]
    fn where_gas_has_a_price_of_its_own_that_is_what_is_advised() {
        let policy = |market| FeePolicy { market, min_gas_price: 0, tip: 0 };
        assert_eq!(policy(FeeMarket::Zero).gas_price(Some(0)), 0);
        assert_eq!(policy(FeeMarket::Fixed(7)).gas_price(Some(7)), 7);
        assert_eq!(policy(FeeMarket::Fixed(7)).fee_cap(7, 2), 9);
    }

    #[test]
    fn the_gas_price_never_falls_below_its_floor() {
        let policy = FeePolicy { min_gas_price: 2_000, tip: 5, ..Default::default() };
        assert_eq!(policy.gas_price(None), 2_000);
        assert_eq!(policy.gas_price(Some(1_000)), 2_000);
        assert_eq!(policy.gas_price(Some(10_000)), 15_005);
    }
}
