//! The Main contract and Multicall3: their typed bindings and where a development chain has them.

use alloy_primitives::{Address, address};
use alloy_sol_types::sol;

/// Where Main is on the built-in genesis: the letters `Main` in ASCII, padded on the left.
pub const MAIN_ADDRESS: Address = address!("0x000000000000000000000000000000004d61696e");

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Main,
    "contracts/artifacts/Main.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Multicall3,
    "contracts/artifacts/Multicall3.json"
);
