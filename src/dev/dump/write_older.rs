//! How are the states of older blocks written? As anvil 1.7 reads them: each whole, with accounts and
//! storage apart, and code as its EVM has it.

use super::{
    DumpError,
    write::{PAGE, put, separate, write_slots},
};
use crate::{
    chain::Whole,
    evm::delegate_of,
    primitives::Account,
    state::{StateView, next_key},
};
use alloy_primitives::{Address, B256, Bytes};
use serde_json::{Value, json};
use std::io::Write;

/// Writes the list of states of all blocks below the head that have one. The view of `whole` is of an
/// older block afterwards.
pub(super) fn write(whole: &mut Whole, out: &mut impl Write) -> Result<(), DumpError> {
    out.write_all(b"[")?;
    let mut first = true;
    for number in (whole.earliest..whole.head.number).rev() {
        if !whole.go_to(number)? {
            continue;
        }
        let (block, _) = whole.block(number)?.ok_or(DumpError::MissingBlock(number))?;
        separate(&mut first, out)?;
        write!(out, "[\"{}\",{{\"accounts\":{{", block.hash())?;
        let mut is_first = true;
        each_account(&whole.view, |address, account| {
            separate(&mut is_first, out)?;
            let code = whole.view.code(account.code_hash)?;
            write!(out, "\"{address:?}\":")?;
            put(&info(account, &code), out)
        })?;
        out.write_all(b"},\"storage\":{")?;
        let mut is_first = true;
        each_account(&whole.view, |address, account| {
            separate(&mut is_first, out)?;
            write!(out, "\"{address:?}\":{{")?;
            write_slots(&whole.view, address, account, out)?;
            Ok(out.write_all(b"}")?)
        })?;
        out.write_all(b"},\"block_hashes\":{}}]")?;
    }
    Ok(out.write_all(b"]")?)
}

fn each_account(
    view: &StateView,
    mut each: impl FnMut(Address, &Account) -> Result<(), DumpError>,
) -> Result<(), DumpError> {
    let mut from = Some(B256::ZERO);
    while let Some(start) = from {
        let page = view.accounts_from(start, PAGE)?;
        from = page.last().and_then(|last| next_key(last.hash));
        for entry in page {
            each(entry.key.ok_or(DumpError::UnknownAccount(entry.hash))?, &entry.value)?;
        }
    }
    Ok(())
}

/// An account as the EVM of anvil has it.
fn info(account: &Account, code: &Bytes) -> Value {
    let code = match delegate_of(code) {
        Some(delegate) => json!({"Eip7702": {"delegated_address": delegate}}),
        None => analyzed(code),
    };
    json!({
        "balance": account.balance,
        "nonce": account.nonce,
        "code_hash": account.code_hash,
        "code": code,
    })
}

const JUMPDEST: u8 = 0x5b;
const PUSH1: u8 = 0x60;
const PUSH32: u8 = 0x7f;

/// Code with the places that jumps may go to, one bit a byte, the lowest bit first. It is followed by as
/// many zeros as its last push lacks, and one to stop at.
fn analyzed(code: &Bytes) -> Value {
    let mut jumps = vec![0_u8; code.len().div_ceil(8)];
    let mut place = 0;
    while let Some(&operation) = code.get(place) {
        if operation == JUMPDEST {
            jumps[place / 8] |= 1 << (place % 8);
        }
        place += 1;
        if (PUSH1..=PUSH32).contains(&operation) {
            place += usize::from(operation - PUSH1) + 1;
        }
    }
    let mut padded = code.to_vec();
    padded.resize(place + 1, 0);
    json!({"LegacyAnalyzed": {
        "bytecode": Bytes::from(padded),
        "original_len": code.len(),
        "jump_table": {
            "order": "bitvec::order::Lsb0",
            "head": {"width": 8, "index": 0},
            "bits": code.len(),
            "data": jumps,
        },
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_jumps_are_those_that_no_push_covers() {
        // PUSH2 of two JUMPDESTs, JUMPDEST, seven times ADD, JUMPDEST, and a PUSH3 that is cut short.
        let code = [0x61, 0x5b, 0x5b, 0x5b, 1, 1, 1, 1, 1, 1, 1, 0x5b, 0x62, 0x5b];
        let value = &analyzed(&Bytes::copy_from_slice(&code))["LegacyAnalyzed"];
        assert_eq!(value["jump_table"]["data"], json!([1 << 3, 1 << 3]));
        assert_eq!(
            (&value["jump_table"]["bits"], &value["original_len"]),
            (&json!(14), &json!(14))
        );
        let padded = [&code[..], &[0, 0, 0]].concat();
        assert_eq!(value["bytecode"], json!(Bytes::from(padded)));
        let empty = &analyzed(&Bytes::new())["LegacyAnalyzed"];
        assert_eq!((&empty["bytecode"], &empty["original_len"]), (&json!("0x00"), &json!(0)));
    }
}
