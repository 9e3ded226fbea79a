//! Which contracts are known without artifacts? Those that every development chain starts with.

use super::{
    contract::Contract,
    json::{self, Content},
};
use std::sync::{Arc, OnceLock};

/// Their artifacts, and the files they come from.
const FILES: [(&str, &[u8]); 2] = [
    ("contracts/Main.sol", include_bytes!("../../contracts/artifacts/Main.json")),
    ("contracts/Multicall3.sol", include_bytes!("../../contracts/artifacts/Multicall3.json")),
];

/// How many they are.
pub const BUILT_IN: usize = FILES.len();

/// Main and Multicall3.
pub(super) fn contracts() -> impl Iterator<Item = Arc<Contract>> {
    static CONTRACTS: OnceLock<Vec<Arc<Contract>>> = OnceLock::new();
    let contracts = CONTRACTS.get_or_init(|| FILES.iter().filter_map(read).collect());
    contracts.iter().cloned()
}

fn read((file, text): &(&str, &[u8])) -> Option<Arc<Contract>> {
    let Ok(Content::Contract(draft)) = json::read(text) else { return None };
    Some(Arc::new(Contract {
        name: draft.name.clone(),
        file: (*file).to_owned(),
        abi: draft.abi.clone(),
        creation: draft.creation.clone(),
        runtime: draft.runtime.clone(),
        files: Arc::default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::main_contract::Main;

    #[test]
    fn main_is_known_by_its_code() {
        let library = super::super::Library::new(contracts().collect());
        assert_eq!(library.len(), 2);
        let code = &Main::DEPLOYED_BYTECODE;
        let found = library.running(alloy_primitives::keccak256(code), code).unwrap();
        assert_eq!(found.contract.full_name(), "contracts/Main.sol:Main");
        assert!(library.creating(&Main::BYTECODE).unwrap().is_creation);
    }
}
