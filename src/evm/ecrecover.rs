//! Whose signature is this? On a development chain a developer may say so.
//!
//! What the developer says is state, kept as storage of the precompile's own account: it is edited,
//! taken back, journaled and proven like any other. That account has a nonce nowhere else.

use super::block_state::BlockState;
use crate::primitives::Edit;
use alloy_evm::precompiles::{DynPrecompile, Precompile, PrecompilesMap};
use alloy_primitives::{Address, Bytes, U256, address, keccak256};
use revm::{Database, precompile::PrecompileStatus};

/// The precompile.
const ECRECOVER: Address = address!("0000000000000000000000000000000000000001");
/// What it is called with: a hash, then `v`, `r` and `s`, 32 bytes each.
const INPUT: usize = 128;

/// The edits that make `signer` the signer of whatever `signature` is found under: `r`, `s` and the
/// parity of `y` or 27 more. `None` if that is no signature.
pub fn impersonate_signature(signature: &[u8], signer: Address) -> Option<Vec<Edit>> {
    let (&v, rs) = signature.split_last()?;
    let v = match v {
        0 | 1 => v + 27,
        27 | 28 => v,
        _ => return None,
    };
    (rs.len() == 64).then(|| {
        let mut input = [0; INPUT];
        input[63] = v;
        input[64..].copy_from_slice(rs);
        let says = Edit::Storage(ECRECOVER, slot(&input), signer.into_word().into());
        vec![Edit::Nonce(ECRECOVER, 1), says]
    })
}

/// Where it says whose signature an input has.
fn slot(input: &[u8; INPUT]) -> U256 {
    keccak256(&input[32..]).into()
}

/// Has a developer said anything about signatures?
pub(super) fn is_told(state: &mut BlockState) -> bool {
    // A state that cannot be read is an error to whatever comes next.
    state.basic(ECRECOVER).is_ok_and(|account| account.is_some_and(|account| account.nonce > 0))
}

/// Lets the precompile answer what the developer said.
pub(super) fn tell(precompiles: &mut PrecompilesMap) {
    precompiles.apply_precompile(&ECRECOVER, |original| {
        let original = original?;
        let id = original.precompile_id().clone();
        Some(DynPrecompile::new_stateful(id, move |mut input| {
            let mut padded = [0; INPUT];
            let given = input.data.len().min(INPUT);
            padded[..given].copy_from_slice(&input.data[..given]);
            let said = input.internals.db_mut().storage(ECRECOVER, slot(&padded));
            let mut output = original.call(input)?;
            match said {
                Ok(signer) if !signer.is_zero() && output.status == PrecompileStatus::Success => {
                    output.bytes = Bytes::from(signer.to_be_bytes_vec());
                }
                // Nothing was said, or the gas was too little.
                _ => {}
            }
            Ok(output)
        }))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_the_parity_mean_the_same_signature() {
        let signer = Address::repeat_byte(7);
        let edits = |v: u8| impersonate_signature(&[vec![5; 64], vec![v]].concat(), signer);
        assert_eq!(edits(0), edits(27));
        assert_eq!(edits(1), edits(28));
        assert_ne!(edits(0), edits(1));
        assert_eq!(edits(2), None);
        assert_eq!(impersonate_signature(&[5; 64], signer), None);
        assert_eq!(impersonate_signature(&[], signer), None);
    }
}
