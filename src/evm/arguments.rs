//! From the arguments of a call to a transaction: geth's defaults and its refusals.

use super::{CallError, CallRequest, InvalidTx};
use alloy_eips::Typed2718;
use alloy_primitives::TxKind;
use revm::context::{BlockEnv, CfgEnv, TxEnv};
use revm::context_interface::either::Either;

/// What a call pays per gas.
struct Price {
    /// The most, in wei per gas.
    max_fee: u128,
    /// The tip; `None` for a plain gas price.
    tip: Option<u128>,
}

/// The transaction that `request` describes, with at most `gas_cap` gas. A call that names no price
/// pays nothing; the block's base fee is then zero for it, as in geth.
pub(super) fn transaction(
    request: CallRequest,
    gas_cap: u64,
    block: &mut BlockEnv,
    cfg: &CfgEnv,
) -> Result<TxEnv, CallError> {
    let price = price(&request, block.basefee > 0)?;
    if price.max_fee == 0 && price.tip.unwrap_or(0) == 0 {
        block.basefee = 0;
    }
    let max_fee_per_blob_gas = request.max_fee_per_blob_gas.unwrap_or(0);
    if request.blob_versioned_hashes.is_some()
        && max_fee_per_blob_gas == 0
        && let Some(blobs) = block.blob_excess_gas_and_price.as_mut()
    {
        blobs.blob_gasprice = 0;
    }
    check_target(&request)?;
    if let Some(have) = request.chain_id.filter(|id| *id != cfg.chain_id) {
        return Err(CallError::ChainId { have, want: cfg.chain_id });
    }
    let data = request.input.clone().try_into_unique_input();
    let tx_type = tx_type(&request, price.tip.is_some());
    Ok(TxEnv {
        tx_type,
        caller: request.from.unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(gas_cap).min(gas_cap),
        gas_price: price.max_fee,
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: data.map_err(|_differ| CallError::DataAndInput)?.unwrap_or_default(),
        nonce: request.nonce.unwrap_or(0),
        chain_id: Some(cfg.chain_id),
        access_list: request.access_list.unwrap_or_default(),
        gas_priority_fee: price.tip,
        blob_hashes: request.blob_versioned_hashes.unwrap_or_default(),
        max_fee_per_blob_gas,
        authorization_list: request
            .authorization_list
            .unwrap_or_default()
            .into_iter()
            .map(Either::Left)
            .collect(),
    })
}

/// Blob and set-code transactions cannot create contracts.
fn check_target(request: &CallRequest) -> Result<(), InvalidTx> {
    let address = request.from.unwrap_or_default();
    match request.to {
        Some(TxKind::Call(_)) => Ok(()),
        _ if request.authorization_list.is_some() => Err(InvalidTx::SetCodeCreate { address }),
        _ if request.blob_versioned_hashes.is_some() => Err(InvalidTx::BlobCreate),
        _ => Ok(()),
    }
}

fn price(request: &CallRequest, has_base_fee: bool) -> Result<Price, CallError> {
    let names_caps =
        request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    match request.gas_price {
        Some(_) if names_caps => Err(CallError::GasPriceAndFeeCaps),
        Some(max_fee) => Ok(Price { max_fee, tip: None }),
        None if !names_caps && !has_base_fee => Ok(Price { max_fee: 0, tip: None }),
        None => Ok(Price {
            max_fee: request.max_fee_per_gas.unwrap_or(0),
            tip: Some(request.max_priority_fee_per_gas.unwrap_or(0)),
        }),
    }
}

/// The oldest type that can say what the request says.
fn tx_type(request: &CallRequest, has_tip: bool) -> u8 {
    use alloy_consensus::TxType;
    let tx_type = if request.authorization_list.is_some() {
        TxType::Eip7702
    } else if request.blob_versioned_hashes.is_some() {
        TxType::Eip4844
    } else if has_tip {
        TxType::Eip1559
    } else if request.access_list.is_some() {
        TxType::Eip2930
    } else {
        TxType::Legacy
    };
    tx_type.ty()
}
