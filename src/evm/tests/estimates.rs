//! Gas estimates: exact, enough, or refused with the reason.

use super::super::{CallError, CallRequest, Overrides, estimate_gas};
use super::*;
use alloy_primitives::hex;

fn estimate(scene: &Scene, request: CallRequest) -> Result<u64, CallError> {
    let overrides = Overrides::default();
    let (spec, settings) = (&scene.spec, &scene.settings);
    let found = estimate_gas(spec, settings, scene.view(), &scene.head, request, overrides);
    found.map(|estimate| estimate.gas)
}

fn to(address: Address) -> CallRequest {
    CallRequest::default().from(ALICE).to(address)
}

/// Does the transaction succeed with this gas limit?
fn succeeds(scene: &Scene, gas_limit: u64) -> bool {
    scene.run(&by_alice(TxEip1559 { gas_limit, ..send(CONTRACT, 0, 0) })).0.success
}

#[test]
fn a_transfer_takes_exactly_21000() {
    let scene = Scene::new();
    assert_eq!(estimate(&scene, to(BOB).value(U256::from(1))).unwrap(), 21_000);
    assert_eq!(estimate(&scene, to(BOB).from(BOB)).unwrap(), 21_000);
}

#[test]
fn a_contract_takes_what_it_spends() {
    // Stores 1 in slot 0.
    let scene = Scene::new().with(CONTRACT, hex!("60015f5500"), 0);
    assert_eq!(estimate(&scene, to(CONTRACT)).unwrap(), 21_000 + 3 + 2 + 22_100);
    let create = CallRequest::default().from(ALICE).input(init_code(&[0]).into());
    let gas = estimate(&scene, create).unwrap();
    let deployed = by_alice(TxEip1559 { gas_limit: gas, ..deploy(&[0], 0) });
    assert!(scene.run(&deployed).0.success);
}

#[test]
fn a_refund_does_not_lower_the_limit() {
    // Clears slot 0.
    let scene = Scene::new().with(CONTRACT, hex!("5f5f5500"), 0).with_slot(CONTRACT, 0, 1);
    let gas = estimate(&scene, to(CONTRACT)).unwrap();
    assert_eq!(gas, 21_000 + 2 + 2 + 5_000);
    assert!(succeeds(&scene, gas) && !succeeds(&scene, gas - 1));
}

#[test]
fn the_64th_that_calls_keep_back_is_in_the_estimate() {
    // Needs 100,000 gas in a call to itself: at depth 0 (no data) CALLs itself with one byte and
    // reverts if that fails; at depth 1 stores to five new slots.
    let inner: Vec<u8> = (1..6).flat_map(|slot| [0x60, 1, 0x60, slot, 0x55]).collect();
    let mut code = hex!("36601557").to_vec(); // CALLDATASIZE, PUSH1 21, JUMPI
    code.extend(hex!("5f5f60015f5f305af1")); // CALL(gas, self, 0, 0, 1, 0, 0)
    code.extend(hex!("601357")); // PUSH1 19, JUMPI
    code.extend(hex!("5f5ffd")); // REVERT
    code.extend(hex!("5b00")); // 19: STOP
    code.push(0x5b); // 21: the five slots
    code.extend(inner);
    let scene = Scene::new().with(CONTRACT, code, 0);
    let gas = estimate(&scene, to(CONTRACT)).unwrap();
    assert!(succeeds(&scene, gas));
    assert!(!succeeds(&scene, gas - gas * 2 / 100), "{gas} is more than 2 % too high");
}

#[test]
fn a_reverting_call_has_no_estimate() {
    let scene = Scene::new().with(CONTRACT, hex!("602a5f5260205ffd"), 0);
    let error = estimate(&scene, to(CONTRACT)).unwrap_err();
    assert_eq!(error.to_string(), "execution reverted");
    assert!(matches!(error, CallError::Reverted { output } if output[31] == 42));
    let scene = Scene::new().with(CONTRACT, hex!("fe"), 0);
    let error = estimate(&scene, to(CONTRACT)).unwrap_err();
    assert_eq!(error.to_string(), "invalid opcode: INVALID");
}

#[test]
fn gas_without_end_exceeds_the_allowance() {
    let scene = Scene::new().with(CONTRACT, hex!("5b5f56"), 0);
    let error = |request| estimate(&scene, request).unwrap_err().to_string();
    assert_eq!(error(to(CONTRACT)), "gas required exceeds allowance (30000000)");
    assert_eq!(error(to(CONTRACT).gas_limit(50_000)), "gas required exceeds allowance (50000)");
}

#[test]
fn the_balance_bounds_the_estimate() {
    let mut scene = Scene::new().with(CONTRACT, hex!("60015f5500"), 0);
    let poor = Account { balance: U256::from(30_000 * GWEI), ..Default::default() };
    scene.state.accounts.insert(BOB, AccountChange { account: Some(poor), ..Default::default() });
    let priced = to(CONTRACT).from(BOB).max_fee_per_gas(GWEI);
    let error = |request| estimate(&scene, request).unwrap_err().to_string();
    assert_eq!(error(priced.clone()), "gas required exceeds allowance (30000)");
    assert_eq!(
        error(priced.value(ether(1))),
        format!(
            "insufficient funds for transfer: address {BOB} have 30000000000000 want \
             1000000000000000000"
        )
    );
}
