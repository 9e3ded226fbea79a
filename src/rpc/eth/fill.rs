//! What does a transaction request leave open, and what does the node put there?

use crate::rpc::{Answer, FeePolicy, RpcError};
use alloy_consensus::{EthereumTypedTransaction, TxEip4844Variant};
use alloy_primitives::TxKind;
use alloy_rpc_types::TransactionRequest;

/// A transaction that only lacks its signature.
pub(super) type Unsigned = EthereumTypedTransaction<TxEip4844Variant>;

/// What the node knows that a request may leave open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Market {
    /// Chain id.
    pub(super) chain_id: u64,
    /// Base fee of the next block in wei per gas; `None` before London.
    pub(super) next_base_fee: Option<u64>,
    /// Blob base fee in wei per blob gas.
    pub(super) blob_base_fee: u128,
    /// Advised fees.
    pub(super) fees: FeePolicy,
}

/// Refuses a request that contradicts itself, in geth's words.
pub(super) fn check(request: &TransactionRequest, chain_id: u64) -> Answer<()> {
    if request.input.unique_input().is_err() {
        return Err(RpcError::DataAndInput);
    }
    let (cap, tip) = (request.max_fee_per_gas, request.max_priority_fee_per_gas);
    if request.gas_price.is_some() && (cap.is_some() || tip.is_some()) {
        return Err(RpcError::BothFeeModels);
    }
    if let (Some(cap), Some(tip)) = (cap, tip)
        && cap < tip
    {
        return Err(RpcError::TipAboveCap { cap, tip });
    }
    match request.chain_id {
        Some(have) if have != chain_id => Err(RpcError::ChainId { have, want: chain_id }),
        _ => Ok(()),
    }
}

/// Fills in all but gas and nonce.
pub(super) fn complete(request: &mut TransactionRequest, market: &Market) -> Answer<()> {
    check(request, market.chain_id)?;
    request.chain_id = Some(market.chain_id);
    request.normalize_input();
    let is_creation = request.to.is_none_or(|to| to.is_create());
    if is_creation && request.input.input().is_none_or(|code| code.is_empty()) {
        return Err(RpcError::EmptyCreation);
    }
    request.to.get_or_insert(TxKind::Create);
    if request.sidecar.is_some() && request.blob_versioned_hashes.is_none() {
        request.populate_blob_hashes();
    }
    fill_fees(request, market)
}

/// Prices of the fee model that the request, its type or the chain asks for.
fn fill_fees(request: &mut TransactionRequest, market: &Market) -> Answer<()> {
    let is_legacy = matches!(request.transaction_type, Some(0 | 1)) || request.gas_price.is_some();
    let Some(base_fee) = market.next_base_fee.filter(|_fee| !is_legacy) else {
        request.gas_price.get_or_insert_with(|| market.fees.gas_price(market.next_base_fee));
        return Ok(());
    };
    let tip = *request
        .max_priority_fee_per_gas
        .get_or_insert_with(|| market.fees.tip.min(request.max_fee_per_gas.unwrap_or(u128::MAX)));
    let cap = request.max_fee_per_gas.unwrap_or_else(|| market.fees.fee_cap(base_fee, tip));
    request.max_fee_per_gas = Some(cap);
    if request.blob_versioned_hashes.is_some() {
        request.max_fee_per_blob_gas.get_or_insert(2 * market.blob_base_fee);
    }
    Ok(())
}

/// Makes the transaction of a request that is complete.
pub(super) fn build(mut request: TransactionRequest) -> Answer<Unsigned> {
    if request.transaction_type == Some(1) {
        request.access_list.get_or_insert_default();
    }
    if let Err((_kind, missing)) = request.missing_keys() {
        return Err(RpcError::Incomplete(missing));
    }
    request.build_typed_tx().map_err(|_incomplete| RpcError::Incomplete(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::FeeMarket;
    use alloy_consensus::{Transaction as _, TxType};
    use alloy_eips::eip2718::Typed2718;
    use alloy_primitives::U256;
    use serde_json::{Value, json};

    const MARKET: Market = Market {
        chain_id: 31337,
        next_base_fee: Some(1_000),
        blob_base_fee: 3,
        fees: FeePolicy { market: FeeMarket::Eip1559, min_gas_price: 0, tip: 10 },
    };
    const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

    fn filled(request: Value) -> Answer<Unsigned> {
        let mut request: TransactionRequest = serde_json::from_value(request).unwrap();
        complete(&mut request, &MARKET)?;
        request.gas.get_or_insert(21_000);
        request.nonce.get_or_insert(4);
        build(request)
    }

    fn refusal(request: Value) -> String {
        filled(request).unwrap_err().to_string()
    }

    #[test]
    fn a_bare_transfer_becomes_a_dynamic_fee_transaction() {
        let tx = filled(json!({ "to": BOB, "value": "0x05" })).unwrap();
        assert_eq!(tx.ty(), TxType::Eip1559 as u8);
        assert_eq!((tx.chain_id(), tx.nonce(), tx.value()), (Some(31337), 4, U256::from(5)));
        assert_eq!((tx.max_fee_per_gas(), tx.max_priority_fee_per_gas()), (2_010, Some(10)));
    }

    #[test]
    fn the_type_follows_what_the_request_names() {
        let kind = |request| filled(request).unwrap().ty();
        assert_eq!(kind(json!({ "to": BOB, "gasPrice": "0x1" })), 0);
        assert_eq!(kind(json!({ "to": BOB, "type": "0x0" })), 0);
        assert_eq!(kind(json!({ "to": BOB, "type": "0x1" })), 1);
        assert_eq!(kind(json!({ "to": BOB, "gasPrice": "0x1", "accessList": [] })), 1);
        assert_eq!(kind(json!({ "to": BOB, "accessList": [] })), 2);
        assert_eq!(kind(json!({ "to": BOB, "authorizationList": [] })), 4);
    }

    #[test]
    fn a_legacy_price_has_headroom_and_a_low_cap_lowers_the_tip() {
        let legacy = filled(json!({ "to": BOB, "type": "0x0" })).unwrap();
        assert_eq!(legacy.gas_price(), Some(1_510));
        let capped = filled(json!({ "to": BOB, "maxFeePerGas": "0x5" })).unwrap();
        assert_eq!(capped.max_priority_fee_per_gas(), Some(5));
    }

    #[test]
    fn data_and_input_may_both_be_there_when_equal() {
        let both = json!({ "to": BOB, "data": "0x1234", "input": "0x1234" });
        assert_eq!(filled(both).unwrap().input().as_ref(), [0x12, 0x34]);
        let text = refusal(json!({ "to": BOB, "data": "0x12", "input": "0x34" }));
        assert_eq!(text, RpcError::DataAndInput.to_string());
    }

    #[test]
    fn contradictions_are_refused() {
        let fees = json!({ "to": BOB, "gasPrice": "0x1", "maxFeePerGas": "0x1" });
        assert_eq!(refusal(fees), RpcError::BothFeeModels.to_string());
        let tip = json!({ "to": BOB, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2" });
        assert_eq!(refusal(tip), RpcError::TipAboveCap { cap: 1, tip: 2 }.to_string());
        let chain = json!({ "to": BOB, "chainId": "0x1" });
        assert_eq!(refusal(chain), RpcError::ChainId { have: 1, want: 31337 }.to_string());
        assert_eq!(refusal(json!({ "value": "0x1" })), RpcError::EmptyCreation.to_string());
    }
}
