//! What would happen if?

use crate::{
    evm::{self, CallError, CallRequest, CallResult, Overrides},
    primitives::SealedHeader,
    rpc::{
        Answer, Api, RpcContext, RpcError,
        params::At,
        resolve,
        tell::{self, CallFailure, Made, TellableCall},
    },
    state::{StateError, StateView},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, Bytes, U64, U256};
use alloy_rpc_types::{AccessListResult, BlockOverrides, state::StateOverride};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use std::sync::Arc;

/// Calls that leave nothing behind, at every block since genesis, with accounts and the block
/// changed for the call if wanted.
#[rpc(server, namespace = "eth")]
pub trait Call {
    /// Runs a call and answers what it returns.
    #[method(name = "call")]
    async fn call(
        &self,
        request: CallRequest,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> Answer<Bytes>;

    /// A gas limit with which the transaction succeeds; in the next block if none is named.
    #[method(name = "estimateGas")]
    async fn estimate_gas(
        &self,
        request: CallRequest,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> Answer<U64>;

    /// The accounts and slots that a transaction touches
    /// ([EIP-2930](https://eips.ethereum.org/EIPS/eip-2930)), and its gas with them listed.
    #[method(name = "createAccessList")]
    async fn create_access_list(
        &self,
        request: CallRequest,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
    ) -> Answer<AccessListResult>;
}

#[async_trait]
impl CallServer for Api {
    async fn call(
        &self,
        request: CallRequest,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> Answer<Bytes> {
        let overrides = Overrides { state: state_overrides, block: block_overrides };
        let block = At::or_latest(block);
        // On a fork every read may wait for the network, which only threads for heavy work may.
        if self.chain.remote().is_none()
            && evm::may_be_leaf(&request, &overrides)
            && let Some(done) = self.at_once(|node| leaf(node, &request, block))?
            && !tell::needs_more(self, &done)
        {
            return answer(self, block, plain_transfer(&request), done);
        }
        self.blocking(move |node| call(node, request, block, overrides)).await
    }

    async fn estimate_gas(
        &self,
        request: CallRequest,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> Answer<U64> {
        let overrides = Overrides { state: state_overrides, block: block_overrides };
        let block = block.map_or(PENDING, |at| at.0);
        let work = move |node: &RpcContext| estimate(node, request, block, overrides, true);
        let gas = self.blocking(work).await?;
        Ok(U64::from(gas))
    }

    async fn create_access_list(
        &self,
        request: CallRequest,
        block: Option<At>,
        state_overrides: Option<StateOverride>,
    ) -> Answer<AccessListResult> {
        let overrides = Overrides { state: state_overrides, block: None };
        self.blocking(move |node| access_list(node, request, At::or_latest(block), overrides)).await
    }
}

/// The block after the head.
const PENDING: BlockId = BlockId::Number(BlockNumberOrTag::Pending);

/// What the node itself would need as a gas limit for a transaction that it sends now.
pub(super) fn estimate_for(node: &RpcContext, request: CallRequest) -> Answer<u64> {
    // What it prints is printed when it is mined.
    estimate(node, request, PENDING, Overrides::default(), false)
}

/// Gas that a request needs on top of a block.
pub(super) fn estimate_at(node: &RpcContext, request: CallRequest, block: BlockId) -> Answer<u64> {
    estimate(node, request, block, Overrides::default(), false)
}

fn call(
    node: &RpcContext,
    request: CallRequest,
    block: BlockId,
    overrides: Overrides,
) -> Answer<Bytes> {
    let (header, view, overrides) = setting(node, block, overrides)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let transfer = plain_transfer(&request);
    let told = TellableCall::new(&header, &request, &overrides);
    let outcome = evm::run(spec, settings, view, &header, request, overrides)?;
    if let Some(call) = told {
        let failure = CallFailure::of(&outcome.result);
        call.tell(node, Made { may_have_logged: outcome.may_have_logged, failure });
    }
    answer(node, block, transfer, outcome.result)
}

/// What a call returns, if it is so small that it may run right here.
fn leaf(node: &RpcContext, request: &CallRequest, block: BlockId) -> Answer<Option<CallResult>> {
    if block == PENDING {
        return Ok(None);
    }
    let (header, view) = resolve::state(&node.chain, block)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    Ok(evm::run_leaf(spec, settings, view, &header, request)?)
}

fn answer(
    node: &RpcContext,
    block: BlockId,
    transfer: Option<Address>,
    result: CallResult,
) -> Answer<Bytes> {
    match result {
        CallResult::Success { output } => Ok(output),
        CallResult::Revert { output } => Err(reverted(node, block, transfer, output)),
        CallResult::Halt { reason } => Err(RpcError::Halted(reason)),
    }
}

fn estimate(
    node: &RpcContext,
    request: CallRequest,
    block: BlockId,
    overrides: Overrides,
    is_told: bool,
) -> Answer<u64> {
    let (header, view, overrides) = setting(node, block, overrides)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let transfer = plain_transfer(&request);
    let told = TellableCall::new(&header, &request, &overrides);
    let found = evm::estimate_gas(spec, settings, view, &header, request, overrides);
    let made = match &found {
        // What the node itself estimates is told of when it is mined.
        Ok(_) if !is_told => None,
        Ok(estimate) => Some(Made { may_have_logged: estimate.may_have_logged, failure: None }),
        Err(CallError::Reverted { output }) => {
            Some(Made { may_have_logged: true, failure: Some(CallFailure::Reverted(output)) })
        }
        Err(CallError::Halted { reason }) => {
            Some(Made { may_have_logged: true, failure: Some(CallFailure::Halted(reason)) })
        }
        Err(_not_made) => None,
    };
    if let (Some(call), Some(made)) = (told, made) {
        call.tell(node, made);
    }
    found.map(|estimate| estimate.gas).map_err(|error| match error {
        CallError::Reverted { output } => reverted(node, block, transfer, output),
        error => error.into(),
    })
}

/// Who receives wei without any data.
fn plain_transfer(request: &CallRequest) -> Option<Address> {
    let data = request.input.input().is_none_or(|data| data.is_empty());
    request.to.and_then(|to| to.to().copied()).filter(|_to| data)
}

/// Why a call reverted. Where the receiver of a transfer only delegates, its owner may not know that
/// there is code at all: the error says so.
fn reverted(
    node: &RpcContext,
    block: BlockId,
    transfer: Option<Address>,
    output: Bytes,
) -> RpcError {
    let Some(account) = transfer.filter(|_to| output.is_empty()) else {
        return RpcError::Reverted(output);
    };
    match resolve::state(&node.chain, block).and_then(|(_, view)| Ok(code_of(&view, account)?)) {
        Ok(code) => match evm::delegate_of(&code) {
            Some(target) => RpcError::DelegateRejects { account, target },
            None => RpcError::Reverted(output),
        },
        Err(_unreadable) => RpcError::Reverted(output),
    }
}

fn code_of(view: &StateView, address: Address) -> Result<Bytes, StateError> {
    let account = view.account(address)?.unwrap_or_default();
    if account.has_code() { view.code(account.code_hash) } else { Ok(Bytes::new()) }
}

fn access_list(
    node: &RpcContext,
    request: CallRequest,
    block: BlockId,
    overrides: Overrides,
) -> Answer<AccessListResult> {
    let (header, view, overrides) = setting(node, block, overrides)?;
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let found = evm::create_access_list(spec, settings, view, &header, request, overrides)?;
    Ok(AccessListResult {
        access_list: found.access_list,
        gas_used: U256::from(found.gas_used),
        error: found.error,
    })
}

/// Why a call failed, in words; nothing if it did not.
pub(super) fn failure_text(result: CallResult) -> Option<String> {
    match result {
        CallResult::Success { .. } => None,
        CallResult::Revert { output } => Some(evm::revert_message(&output)),
        CallResult::Halt { reason } => Some(reason),
    }
}

/// Where a call happens: the state of a block, and that block around it. For `pending` it is the
/// block that would be made now.
pub(in crate::rpc) fn setting(
    node: &RpcContext,
    block: BlockId,
    mut overrides: Overrides,
) -> Answer<(Arc<SealedHeader>, StateView, Overrides)> {
    let (header, view) = resolve::state(&node.chain, block)?;
    if block == PENDING {
        let (next, made) =
            (overrides.block.get_or_insert_default(), node.sealer.next_block(&header));
        next.number.get_or_insert(U256::from(made.number));
        next.time.get_or_insert(made.timestamp);
        next.gas_limit.get_or_insert(made.gas_limit);
        next.coinbase.get_or_insert(made.beneficiary);
        next.random.get_or_insert(made.prev_randao);
        next.base_fee = next.base_fee.or(made.base_fee.map(U256::from));
    }
    Ok((header, view, overrides))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
