//! What a call may pretend about accounts and about the block.

use super::{BlockTemplate, CallError, block_state::BlockState};
use alloy_evm::{MovePrecompileError, precompiles::PrecompilesMap};
use alloy_primitives::Address;
use alloy_rpc_types::{
    BlockOverrides,
    state::{AccountOverride, StateOverride},
};
use revm::context::BlockEnv;

/// Overrides of `eth_call` and its kind.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Of accounts, by address.
    pub state: Option<StateOverride>,
    /// Of the block around the call.
    pub block: Option<Box<BlockOverrides>>,
}

/// The block with what the overrides say of it. Its fork follows the new number and time.
pub(super) fn template(mut template: BlockTemplate, overrides: &BlockOverrides) -> BlockTemplate {
    if let Some(number) = overrides.number {
        template.number = number.saturating_to();
    }
    if let Some(time) = overrides.time {
        template.timestamp = time;
    }
    if let Some(gas_limit) = overrides.gas_limit {
        template.gas_limit = gas_limit;
    }
    if let Some(coinbase) = overrides.coinbase {
        template.beneficiary = coinbase;
    }
    if let Some(base_fee) = overrides.base_fee {
        template.base_fee = Some(base_fee.saturating_to());
    }
    template.difficulty = overrides.difficulty.unwrap_or(template.difficulty);
    template.prev_randao = overrides.random.unwrap_or(template.prev_randao);
    template
}

/// The parts of the block that a template cannot say: blob base fee and older hashes.
pub(super) fn block(overrides: &BlockOverrides, env: &mut BlockEnv, state: &mut BlockState) {
    if let (Some(fee), Some(blobs)) =
        (overrides.blob_base_fee, env.blob_excess_gas_and_price.as_mut())
    {
        blobs.blob_gasprice = fee.saturating_to();
    }
    for (number, hash) in overrides.block_hash.iter().flatten() {
        state.override_hash(*number, *hash);
    }
}

/// Applies account overrides.
pub(super) fn accounts(
    overrides: StateOverride,
    state: &mut BlockState,
    map: &mut PrecompilesMap,
) -> Result<(), CallError> {
    precompiles(&overrides, map)?;
    for (address, account) in overrides {
        apply(address, account, state)?;
    }
    Ok(())
}

/// Moves precompiles, all at once. An account with overrides is no precompile any more, as in geth.
pub(super) fn precompiles(
    overrides: &StateOverride,
    precompiles: &mut PrecompilesMap,
) -> Result<(), CallError> {
    let moves: Vec<_> = overrides
        .iter()
        .filter_map(|(from, account)| Some((*from, account.move_precompile_to?)))
        .collect();
    for (source, target) in &moves {
        if precompiles.get(source).is_none() {
            return Err(CallError::NotAPrecompile(*source));
        }
        if overrides.contains_key(target) {
            return Err(CallError::PrecompileTargetOverridden(*target));
        }
    }
    precompiles.move_precompiles(moves).map_err(|error| match error {
        MovePrecompileError::NotAPrecompile(address) => CallError::NotAPrecompile(address),
    })?;
    let overridden: Vec<_> =
        overrides.keys().filter(|address| precompiles.get(address).is_some()).copied().collect();
    for address in overridden {
        precompiles.apply_precompile(&address, |_built_in| None);
    }
    Ok(())
}

fn apply(
    address: Address,
    account: AccountOverride,
    state: &mut BlockState,
) -> Result<(), CallError> {
    let AccountOverride { balance, nonce, code, state: whole, state_diff, .. } = account;
    if whole.is_some() && state_diff.is_some() {
        return Err(CallError::StateAndStateDiff(address));
    }
    if let Some(slots) = whole {
        state.override_slots(address, slots, true)?;
    }
    if let Some(slots) = state_diff {
        state.override_slots(address, slots, false)?;
    }
    if balance.is_some() || nonce.is_some() || code.is_some() {
        state.override_account(address, balance, nonce, code)?;
    }
    Ok(())
}
