//! Does each error read as it should?

use super::*;
use alloy_sol_types::{Revert, SolError};

#[track_caller]
fn reads(error: RpcError, code: i32, text: &str) {
    let object = ErrorObjectOwned::from(error);
    assert_eq!((object.code(), object.message()), (code, text));
    assert_eq!(object.data().is_some(), code == REVERTED, "only a revert carries data");
}

#[test]
fn blocks_that_are_not_there() {
    reads(RpcError::HeaderNotFound, -32000, "header not found");
    reads(RpcError::HeaderForHashNotFound, -32000, "header for hash not found");
    reads(RpcError::NotCanonical, -32000, "hash is not currently canonical");
    reads(RpcError::UnknownBlock, -32000, "unknown block");
    let beyond = RpcError::BeyondHead { requested: 9, head: 4 };
    reads(beyond, -32000, "request beyond head block: requested 9, head 4");
}

#[test]
fn blocks_are_named_as_geth_names_them() {
    reads(RpcError::BlockNotFound(9.into()), -32000, "block #9 not found");
    let hash = B256::repeat_byte(7);
    reads(RpcError::BlockNotFound(hash.into()), -32000, &format!("block {hash} not found"));
    let order = RpcError::BlockOrder { start: 4, end: 4 };
    reads(order, -32000, "start block height (4) must be less than end block height (4)");
    let index = RpcError::TransactionIndex { index: 3, block: hash };
    reads(index, -32000, &format!("transaction index 3 out of range for block {hash}"));
}

#[test]
fn limits_say_what_to_do() {
    reads(RpcError::InvalidBlockRange, -32602, "invalid block range params");
    reads(
        RpcError::LogRange { asked: 11, limit: 10 },
        -32602,
        "exceed maximum block range: 11 blocks asked for, 10 allowed; ask for 10 blocks or fewer at a time",
    );
    reads(
        RpcError::TraceRange { asked: 11, limit: 10 },
        -32602,
        "trace_filter of 11 blocks, 10 allowed; ask for fewer blocks at a time",
    );
    reads(
        RpcError::TooManyTraces { limit: 5 },
        -32602,
        r#"trace_filter finds more than 5 traces; narrow it, or page with "after" and "count""#,
    );
    let calls = RpcError::TooManyCalls { asked: 9, limit: 8 };
    reads(calls, -32602, "9 calls in one request, 8 allowed");
    let steps = ParityError::Steps { limit: 7 };
    reads(
        steps.into(),
        -32602,
        "vmTrace has more than 7 instructions; trace fewer transactions or leave it out",
    );
    reads(
        RpcError::DumpTooLarge(7),
        -32602,
        "the accounts have more than 7 slots together; ask for fewer accounts, leave the storage out, or use debug_storageRangeAt",
    );
    reads(RpcError::TooManySlots(8), -32602, "too many slots (max 8)");
    let blocks = RpcError::TooManyBlocks { asked: 9, limit: 8 };
    reads(blocks, -32602, "too many blocks to mine at once: 9 (max 8)");
    reads(RpcError::TooLarge("nonce"), -32602, "nonce is too large");
}

#[test]
fn percentiles_are_refused_in_geths_words() {
    reads(RpcError::Percentile(100.5), -32000, "invalid reward percentile: 100.500000");
    let order = RpcError::PercentileOrder { index: 0, low: 50.0, high: 25.0 };
    reads(order, -32000, "invalid reward percentile: #0:50.000000 >= #1:25.000000");
    let many = RpcError::TooManyPercentiles(100);
    reads(many, -32000, "invalid reward percentile: over the query limit 100");
}

#[test]
fn requests_that_contradict_themselves() {
    reads(
        RpcError::DataAndInput,
        -32000,
        r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#,
    );
    reads(
        RpcError::BothFeeModels,
        -32000,
        "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
    );
    reads(RpcError::EmptyCreation, -32000, "contract creation without any data provided");
    let tip = RpcError::TipAboveCap { cap: 1, tip: 2 };
    reads(tip, -32000, "maxFeePerGas (1) < maxPriorityFeePerGas (2)");
    let chain = RpcError::ChainId { have: 1, want: 31337 };
    reads(chain, -32000, "chainId does not match node's (have=1, want=31337)");
    reads(
        RpcError::Incomplete(vec!["to", "maxFeePerBlobGas"]),
        -32602,
        "transaction request is incomplete or contradicts itself: to, maxFeePerBlobGas",
    );
    reads(
        RpcError::UnknownAccount(Address::ZERO),
        -32000,
        "unknown account 0x0000000000000000000000000000000000000000: not one of eth_accounts, and not impersonated",
    );
}

#[test]
fn a_revert_has_code_three_its_reason_and_its_data() {
    let output = Revert::from("no stock").abi_encode();
    let object = ErrorObjectOwned::from(RpcError::Reverted(output.clone().into()));
    assert_eq!((object.code(), object.message()), (3, "execution reverted: no stock"));
    let data = object.data().map(|data| data.get().to_owned());
    assert_eq!(data, Some(format!("\"{}\"", hex::encode_prefixed(output))));
}

#[test]
fn a_revert_without_words_is_just_that() {
    reads(RpcError::Reverted(Bytes::new()), 3, "execution reverted");
    reads(RpcError::Reverted(Bytes::from_static(&[1, 2, 3, 4])), 3, "execution reverted");
}

#[test]
fn a_halt_and_an_impossible_estimate_are_plain_errors() {
    reads(RpcError::Halted("out of gas".to_owned()), -32000, "out of gas");
    let estimate = CallError::GasRequiredExceedsAllowance { allowance: 7 };
    reads(estimate.into(), -32000, "gas required exceeds allowance (7)");
    let reverted = CallError::Reverted { output: Bytes::new() };
    reads(reverted.into(), 3, "execution reverted");
}

#[test]
fn an_unknown_method_is_named() {
    let object = unknown_method("eth_nothing");
    assert_eq!(object.code(), -32601);
    assert_eq!(object.message(), "the method eth_nothing does not exist/is not available");
}
