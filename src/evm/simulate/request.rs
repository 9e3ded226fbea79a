//! What does a caller of `eth_simulateV1` ask for?

use crate::evm::CallRequest;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types::state::StateOverride;
use alloy_serde::JsonStorageKey;
use serde::Deserialize;

/// Blocks to simulate, and how.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulationRequest {
    /// The blocks, lowest first.
    pub block_state_calls: Vec<SimulatedCalls>,
    /// Show transfers of ether as events of `0xeeee…eeee`.
    pub trace_transfers: Option<bool>,
    /// Check nonces and fees as in a real block.
    pub validation: Option<bool>,
    /// Answer whole transactions instead of their hashes.
    pub return_full_transactions: Option<bool>,
}

/// One block: what it pretends, and its calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedCalls {
    /// Of the block.
    pub block_overrides: Option<SimulatedBlockOverrides>,
    /// Of accounts, before the block.
    pub state_overrides: Option<StateOverride>,
    /// In order.
    pub calls: Option<Vec<CallRequest>>,
}

/// What a simulated block has otherwise than by default. Gas limit and fee recipient stay what they
/// are for the blocks after it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedBlockOverrides {
    /// Height; one above the block before by default. Blocks in between are simulated empty.
    pub number: Option<U256>,
    /// In seconds; [`super::BLOCK_SECONDS`] after the block before by default.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub time: Option<u64>,
    /// Gas of all calls together.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub gas_limit: Option<u64>,
    /// Who gets the tips.
    #[serde(alias = "coinbase")]
    pub fee_recipient: Option<Address>,
    /// Zero by default. A hash or a number.
    #[serde(alias = "random")]
    pub prev_randao: Option<JsonStorageKey>,
    /// In wei per gas. By default zero, and with validation what follows from the block before.
    #[serde(alias = "baseFee")]
    pub base_fee_per_gas: Option<U256>,
    /// In wei per blob gas.
    pub blob_base_fee: Option<U256>,
    /// Where blocks still have one.
    pub difficulty: Option<U256>,
    /// Zero by default.
    #[serde(alias = "parentBeaconBlockRoot")]
    pub beacon_root: Option<B256>,
    /// None by default.
    pub withdrawals: Option<Withdrawals>,
}
