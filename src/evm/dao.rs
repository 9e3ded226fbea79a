//! What happens where the DAO fork begins ([EIP-779](https://eips.ethereum.org/EIPS/eip-779))?

use super::{EvmError, block_state::BlockState};
use alloy_evm::eth::dao_fork::{DAO_HARDFORK_ACCOUNTS, DAO_HARDFORK_BENEFICIARY};
use alloy_primitives::U256;

/// Moves all wei of the DAO and its children to the contract that pays it back.
pub(super) fn refund(state: &mut BlockState) -> Result<(), EvmError> {
    for address in DAO_HARDFORK_ACCOUNTS {
        let balance = state.account(address)?.map_or(U256::ZERO, |account| account.balance);
        state.credit(DAO_HARDFORK_BENEFICIARY, balance)?;
        state.set_balance(address, U256::ZERO)?;
    }
    Ok(())
}
