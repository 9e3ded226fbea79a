//! Which contracts are traced? Assembled here, so that each step is known.

use alloy_primitives::{Address, B256, Bytes, U256, address, bytes, hex};
use mainspring::primitives::Edit;

pub(super) const CREATOR: Address = address!("00000000000000000000000000000000000c0001");
pub(super) const PROXY: Address = address!("00000000000000000000000000000000000c0002");
const STORE: Address = address!("00000000000000000000000000000000000c0003");
pub(super) const FAILER: Address = address!("00000000000000000000000000000000000c0004");
pub(super) const MORTAL: Address = address!("00000000000000000000000000000000000c0005");
pub(super) const SPINNER: Address = address!("00000000000000000000000000000000000c0006");
pub(super) const HEIR: Address = address!("00000000000000000000000000000000000000ee");
/// Contracts that fail, each in its own way.
const FAILURES: [(Address, Bytes); 6] = [
    // revert Error("no")
    (
        address!("00000000000000000000000000000000000f0001"),
        bytes!(
            "7f08c379a0000000000000000000000000000000000000000000000000000000005f52"
            "6020600452"
            "6002602452"
            "7f6e6f000000000000000000000000000000000000000000000000000000000000604452"
            "60645ffd"
        ),
    ),
    // ADD on a stack of one
    (address!("00000000000000000000000000000000000f0002"), bytes!("5f01")),
    // no instruction
    (address!("00000000000000000000000000000000000f0003"), bytes!("1f")),
    // a jump to no destination
    (address!("00000000000000000000000000000000000f0004"), bytes!("5f56")),
    // more memory than gas
    (address!("00000000000000000000000000000000000f0005"), bytes!("63ffffffff51")),
    // more return data than there is
    (address!("00000000000000000000000000000000000f0006"), bytes!("60015f5f3e")),
];

/// Returns 1.
pub(super) const ONE: Bytes = bytes!("60015f5260205ff3");
/// Adds one to slot 0, emits an empty event with topic 7.
const COUNT: Bytes = bytes!("5f546001015f5560075f5fa100");

pub(super) struct Edits;

impl Edits {
    pub(super) const fn code(address: Address, code: Bytes) -> Edit {
        Edit::Code(address, code)
    }
}

/// All contracts.
pub(super) fn installed() -> Vec<Edit> {
    let mut edits = vec![
        Edits::code(CREATOR, creator()),
        Edits::code(PROXY, proxy()),
        Edits::code(STORE, COUNT),
        Edit::Storage(STORE, U256::ZERO, U256::from(41)),
        Edits::code(FAILER, failer()),
        Edits::code(MORTAL, [&[0x73], HEIR.as_slice(), &[0xff]].concat().into()),
        // jumpdest push0 jump
        Edits::code(SPINNER, bytes!("5b5f56")),
    ];
    edits.extend(FAILURES.into_iter().map(|(address, code)| Edits::code(address, code)));
    edits
}

/// Writes a word to memory at 0.
fn keep(code: &mut Vec<u8>, bytes: &[u8]) {
    code.push(0x7f);
    code.extend(B256::right_padding_from(bytes));
    code.extend(hex!("5f52"));
}

/// CREATE or CREATE2 (salt 3) of the first bytes in memory, with wei.
fn create(code: &mut Vec<u8>, opcode: u8, length: u8, value: u8) {
    if opcode == 0xf5 {
        code.extend([0x60, 3]);
    }
    code.extend([0x60, length, 0x5f, 0x60, value, opcode, 0x50]);
}

/// CALL (or another kind) with the first bytes of memory and at most this much gas.
fn call(code: &mut Vec<u8>, opcode: u8, to: Address, value: u64, length: u8, gas: u32) {
    code.extend(hex!("5f5f"));
    code.extend([0x60, length, 0x5f]);
    if opcode == 0xf1 || opcode == 0xf2 {
        code.push(0x67);
        code.extend(value.to_be_bytes());
    }
    code.push(0x73);
    code.extend(to);
    code.push(0x63);
    code.extend(gas.to_be_bytes());
    code.extend([opcode, 0x50]);
}

/// Creates a contract with CREATE and 2 wei, one with CREATE2, and one whose constructor reverts.
fn creator() -> Bytes {
    let mut code = Vec::new();
    // sstore(1, 2); return one byte 00
    keep(&mut code, &hex!("600260015560015ff3"));
    create(&mut code, 0xf0, 9, 2);
    create(&mut code, 0xf5, 9, 0);
    // revert(0, 0)
    keep(&mut code, &hex!("5f5ffd"));
    create(&mut code, 0xf0, 3, 0);
    code.push(0);
    code.into()
}

/// Calls [`STORE`] in four ways (the static one fails), and two precompiles.
fn proxy() -> Bytes {
    let mut code = Vec::new();
    keep(&mut code, &hex!("aabbccdd0011"));
    call(&mut code, 0xf1, STORE, 4, 6, 100_000);
    // An event between the calls: log1(0, 2, 9)
    code.extend(hex!("600960025fa1"));
    call(&mut code, 0xf4, STORE, 0, 4, 100_000);
    call(&mut code, 0xf2, STORE, 1, 0, 100_000);
    call(&mut code, 0xfa, STORE, 0, 0, 100_000);
    call(&mut code, 0xfa, Address::with_last_byte(4), 0, 6, 100_000);
    call(&mut code, 0xf1, Address::with_last_byte(4), 1, 6, 100_000);
    code.push(0);
    code.into()
}

/// Calls every failure, a precompile with wrong input, and one with more wei than there is.
fn failer() -> Bytes {
    let mut code = Vec::new();
    for (address, _) in FAILURES {
        call(&mut code, 0xf1, address, 0, 0, 50_000);
    }
    // blake2f wants 213 bytes.
    call(&mut code, 0xf1, Address::with_last_byte(9), 0, 6, 50_000);
    call(&mut code, 0xf1, HEIR, u64::MAX, 0, 50_000);
    code.push(0);
    code.into()
}
