//! Which transaction is a simulated call?

use super::SimulationError;
use crate::{
    evm::{CallError, CallRequest, InvalidTx},
    primitives::Transaction,
};
use alloy_consensus::{
    EthereumTypedTransaction, Signed, TxEip1559, TxEip2930, TxEip4844, TxEip4844Variant, TxEip7702,
    TxLegacy,
};
use alloy_primitives::{Address, Signature, TxKind, U256};

/// What the block knows that a call may leave open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    /// Nonce of the sender.
    pub(super) nonce: u64,
    /// Gas limit.
    pub(super) gas: u64,
    /// Chain id.
    pub(super) chain_id: u64,
    /// Does the block have a base fee?
    pub(super) has_base_fee: bool,
}

/// The transaction that a call stands for: unsigned, of the type that its fields need, and with a
/// dynamic fee where they need none.
pub(super) fn transaction(
    call: CallRequest,
    defaults: Defaults,
) -> Result<Transaction, SimulationError> {
    check(&call, defaults.chain_id)?;
    let sender = call.from.unwrap_or_default();
    let typed = typed(call, sender, defaults)?;
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    Ok(Transaction::new_unchecked(Signed::new_unhashed(typed, signature).into(), sender))
}

fn check(call: &CallRequest, chain_id: u64) -> Result<(), CallError> {
    let names_caps = call.max_fee_per_gas.is_some() || call.max_priority_fee_per_gas.is_some();
    if call.gas_price.is_some() && names_caps {
        return Err(CallError::GasPriceAndFeeCaps);
    }
    if call.input.unique_input().is_err() {
        return Err(CallError::DataAndInput);
    }
    match call.chain_id {
        Some(have) if have != chain_id => Err(CallError::ChainId { have, want: chain_id }),
        _ => Ok(()),
    }
}

fn typed(
    call: CallRequest,
    sender: Address,
    defaults: Defaults,
) -> Result<EthereumTypedTransaction<TxEip4844Variant>, CallError> {
    let Defaults { nonce, gas: gas_limit, chain_id, has_base_fee } = defaults;
    let value = call.value.unwrap_or_default();
    let input = call.input.into_input().unwrap_or_default();
    let to = call.to.unwrap_or(TxKind::Create);
    let max_fee_per_gas = call.max_fee_per_gas.unwrap_or(0);
    let max_priority_fee_per_gas = call.max_priority_fee_per_gas.unwrap_or(0);
    let has_access_list = call.access_list.is_some();
    let access_list = call.access_list.unwrap_or_default();
    if let Some(authorization_list) = call.authorization_list {
        let to = to.into_to().ok_or(InvalidTx::SetCodeCreate { address: sender })?;
        return Ok(EthereumTypedTransaction::Eip7702(TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list,
            input,
        }));
    }
    if let Some(blob_versioned_hashes) = call.blob_versioned_hashes {
        let to = to.into_to().ok_or(InvalidTx::BlobCreate)?;
        let blob = TxEip4844 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            blob_versioned_hashes,
            max_fee_per_blob_gas: call.max_fee_per_blob_gas.unwrap_or(0),
            input,
        };
        return Ok(EthereumTypedTransaction::Eip4844(TxEip4844Variant::TxEip4844(blob)));
    }
    let gas_price = match call.gas_price {
        None if has_base_fee => {
            return Ok(EthereumTypedTransaction::Eip1559(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }));
        }
        given => given.unwrap_or(0),
    };
    Ok(if has_access_list {
        let tx = TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input };
        EthereumTypedTransaction::Eip2930(tx)
    } else {
        let chain_id = None;
        let tx = TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input };
        EthereumTypedTransaction::Legacy(tx)
    })
}
