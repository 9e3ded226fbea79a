//! Contracts that a chain starts with: the protocol's own, and tools that scripts expect.

use super::Fork;
use alloy_eips::{eip2935, eip4788, eip7002, eip7251};
use alloy_primitives::{Address, Bytes, address, bytes};

pub use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};

/// The caller of system contracts (EIP-4788 and those after it).
pub const SYSTEM_ADDRESS: Address = eip4788::SYSTEM_ADDRESS;

/// The deterministic deployment proxy: deploys what follows a 32 byte salt with CREATE2.
/// See <https://github.com/Arachnid/deterministic-deployment-proxy>.
pub const CREATE2_DEPLOYER_ADDRESS: Address =
    address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// Runtime code of the deterministic deployment proxy.
pub const CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0\
     3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// Where calls to print something go: Hardhat's and forge-std's `console.log`. There is no code there.
pub const CONSOLE_ADDRESS: Address = address!("0x000000000000000000636F6e736F6c652e6c6f67");

/// Multicall3 at the address where it is on public chains.
pub const MULTICALL3_ADDRESS: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

/// A contract of the protocol itself.
#[derive(Clone, Debug)]
pub struct SystemContract {
    /// What its specification calls it.
    pub name: &'static str,
    /// Where it is on every chain.
    pub address: Address,
    /// The fork that first calls it.
    pub since: Fork,
    /// Runtime code.
    pub code: Bytes,
}

/// The system contracts in the order of their forks.
pub fn system_contracts() -> [SystemContract; 4] {
    [
        SystemContract {
            name: "beacon roots (EIP-4788)",
            address: BEACON_ROOTS_ADDRESS,
            since: Fork::Cancun,
            code: eip4788::BEACON_ROOTS_CODE.clone(),
        },
        SystemContract {
            name: "block hash history (EIP-2935)",
            address: HISTORY_STORAGE_ADDRESS,
            since: Fork::Prague,
            code: eip2935::HISTORY_STORAGE_CODE.clone(),
        },
        SystemContract {
            name: "withdrawal requests (EIP-7002)",
            address: WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            since: Fork::Prague,
            code: eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE.clone(),
        },
        SystemContract {
            name: "consolidation requests (EIP-7251)",
            address: CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            since: Fork::Prague,
            code: eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE.clone(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, keccak256};

    #[test]
    fn the_create2_deployer_is_the_public_one() {
        assert_eq!(CREATE2_DEPLOYER_CODE.len(), 69);
        assert_eq!(
            keccak256(&CREATE2_DEPLOYER_CODE),
            b256!("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989")
        );
    }
}
