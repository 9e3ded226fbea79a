//! Which transaction is a request, if it comes right after a block that others follow now?

use super::{
    call,
    fill::{self, Market},
    sign::{Authority, seal},
};
use crate::{
    primitives::Transaction,
    rpc::{Answer, RpcContext, RpcError, resolve},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, map::AddressMap};
use alloy_rpc_types::TransactionRequest;

/// Completes and signs a request as if block `base` were the head. `nonces` has the next nonce of those
/// who have sent something after it already.
pub(in crate::rpc) fn make(
    node: &RpcContext,
    base: u64,
    nonces: &mut AddressMap<u64>,
    mut request: TransactionRequest,
) -> Answer<Transaction> {
    let first = || node.accounts.addresses().first().copied();
    let sender = request.from.or_else(first).ok_or(RpcError::UnknownAccount(Address::ZERO))?;
    let key = Authority::KeyOrImpersonation.key(node, sender)?;
    let block = BlockId::number(base);
    let header = resolve::header(&node.chain, block)?.ok_or(RpcError::HeaderNotFound)?;
    let spec = &node.chain.spec();
    let market = Market {
        chain_id: spec.chain_id(),
        next_base_fee: spec.next_base_fee(&header),
        blob_base_fee: spec.blob_base_fee(&header).unwrap_or(0),
        fees: node.fee_policy(),
    };
    request.from = Some(sender);
    fill::complete(&mut request, &market)?;
    if request.gas.is_none() {
        request.gas = Some(call::estimate_at(node, request.clone(), block)?);
    }
    if request.nonce.is_none() {
        let account = || node.chain.state_at(base)?.account(sender).map_err(RpcError::from);
        let known = nonces.get(&sender).copied().map(Ok);
        let nonce: Answer<u64> =
            known.unwrap_or_else(|| Ok(account()?.map_or(0, |account| account.nonce)));
        request.nonce = Some(nonce?);
    }
    let transaction = seal(key, sender, fill::build(request)?)?;
    nonces.insert(sender, next_nonce(&transaction));
    Ok(transaction)
}

/// The nonce after that of a transaction.
pub(in crate::rpc) fn next_nonce(transaction: &Transaction) -> u64 {
    use alloy_consensus::Transaction as _;
    transaction.nonce().saturating_add(1)
}
