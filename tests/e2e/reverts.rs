//! What does a caller read when the called code fails? Code 3, geth's words, the data in hex.

use crate::{
    harness::Node,
    wallet::{Probe, Wallet},
    wire::{Client, RpcFailure, address},
};
use alloy_primitives::{Address, U256, hex};
use alloy_sol_types::{SolCall, SolError};
use serde_json::json;

struct Fixture {
    node: Node,
    probe: Address,
}

fn probed() -> Fixture {
    let node = Node::start(&[]);
    let receipt = node.client().mined(&Wallet::dev(0).deploy_probe());
    Fixture { probe: address(&receipt["contractAddress"]), node }
}

fn failure(client: &mut Client, probe: Address, call: &impl SolCall) -> RpcFailure {
    let input = hex::encode_prefixed(call.abi_encode());
    let from = Wallet::dev(0).address();
    client.refused("eth_call", json!([{ "from": from, "to": probe, "input": input }, "latest"]))
}

#[test]
fn a_revert_carries_its_reason_and_a_panic_its_meaning() {
    let Fixture { node, probe } = probed();
    let mut client = node.client();
    let says = |failure: RpcFailure, words: &str| {
        assert_eq!((failure.code, failure.message.as_str()), (3, words));
        failure.data
    };
    let reason = failure(&mut client, probe, &Probe::revertWithReasonCall {});
    says(reason, "execution reverted: Probe says no.");
    let nothing = failure(&mut client, probe, &Probe::revertWithNothingCall {});
    assert_eq!(says(nothing, "execution reverted"), Some(json!("0x")));
    let assertion = failure(&mut client, probe, &Probe::failAssertionCall {});
    says(assertion, "execution reverted: assert(false)");
    let overflow = Probe::overflowCall { value: U256::from(1) };
    let overflow = failure(&mut client, probe, &overflow);
    says(overflow, "execution reverted: arithmetic underflow or overflow");
    let divide = Probe::divideCall { value: U256::from(1), by: U256::ZERO };
    let divide = failure(&mut client, probe, &divide);
    says(divide, "execution reverted: division or modulo by zero");
}

#[test]
fn a_custom_error_keeps_its_data() {
    let Fixture { node, probe } = probed();
    let code = U256::from(7);
    let failed = failure(&mut node.client(), probe, &Probe::revertWithErrorCall { code });
    assert_eq!((failed.code, failed.message.as_str()), (3, "execution reverted"));
    let data = hex::decode(failed.data.unwrap().as_str().unwrap()).unwrap();
    let refused = Probe::Refused::abi_decode(&data).unwrap();
    assert_eq!((refused.caller, refused.code), (Wallet::dev(0).address(), code));
}

#[test]
fn an_invalid_opcode_and_an_endless_loop_are_plain_errors() {
    let Fixture { node, probe } = probed();
    let mut client = node.client();
    let invalid = failure(&mut client, probe, &Probe::invalidCall {});
    assert_eq!((invalid.code, invalid.data), (-32000, None));
    assert!(invalid.message.contains("invalid opcode"), "{}", invalid.message);
    let endless = failure(&mut client, probe, &Probe::loopForeverCall {});
    assert_eq!((endless.code, endless.message.as_str()), (-32000, "out of gas"));
}
