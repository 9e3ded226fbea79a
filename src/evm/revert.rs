//! What did a revert say?

use alloy_eips::eip7702::constants::EIP7702_DELEGATION_DESIGNATOR;
use alloy_primitives::{Address, U256};
use alloy_sol_types::{Panic, Revert, SolError};

/// The reason inside a revert's output as geth words it: the text of `Error(string)`, or the meaning
/// of a `Panic(uint256)`. `None` for custom errors and for no data.
pub fn revert_reason(output: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(output) {
        return Some(revert.reason);
    }
    Panic::abi_decode(output).ok().map(|panic| panic_reason(panic.code))
}

/// The message of the JSON-RPC error: `execution reverted`, with the reason where there is one.
pub fn revert_message(output: &[u8]) -> String {
    match revert_reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

/// Whose code an account with this code runs, if it only delegates
/// ([EIP-7702](https://eips.ethereum.org/EIPS/eip-7702)).
pub fn delegate_of(code: &[u8]) -> Option<Address> {
    let target = code.strip_prefix(EIP7702_DELEGATION_DESIGNATOR.as_slice())?;
    <[u8; 20]>::try_from(target).ok().map(Address::from)
}

/// The codes of <https://docs.soliditylang.org/en/latest/control-structures.html#panic-via-assert-and-error-via-require>.
fn panic_reason(code: U256) -> String {
    let known = match u64::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_as_in_geth() {
        let error = Revert::from("too poor").abi_encode();
        assert_eq!(revert_message(&error), "execution reverted: too poor");
        let panic = |code: u64| Panic { code: U256::from(code) }.abi_encode();
        assert_eq!(
            revert_message(&panic(0x11)),
            "execution reverted: arithmetic underflow or overflow"
        );
        assert_eq!(revert_message(&panic(0x99)), "execution reverted: unknown panic code: 0x99");
    }

    #[test]
    fn a_delegation_names_its_target() {
        let target = Address::repeat_byte(7);
        let code = [&EIP7702_DELEGATION_DESIGNATOR, target.as_slice()].concat();
        assert_eq!(delegate_of(&code), Some(target));
        assert_eq!(delegate_of(&code[..22]), None);
        assert_eq!(delegate_of(&[]), None);
    }

    #[test]
    fn other_data_has_no_reason() {
        assert_eq!(revert_message(&[]), "execution reverted");
        assert_eq!(revert_message(&[1, 2, 3, 4, 5]), "execution reverted");
        assert_eq!(revert_reason(&Revert::from("cut").abi_encode()[..40]), None);
    }
}
