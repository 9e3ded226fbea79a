//! Calls: outcomes, words, overrides, access lists.

use super::super::{
    CallError, CallOutcome, CallRequest, CallResult, Overrides, create_access_list, may_be_leaf,
    revert_message, run, run_leaf,
};
use super::*;
use alloy_primitives::{bytes, hex, map::AddressMap};
use alloy_rpc_types::{BlockOverrides, state::AccountOverride};
use alloy_sol_types::{Revert, SolError};

fn call(scene: &Scene, request: CallRequest) -> Result<CallOutcome, CallError> {
    call_with(scene, request, Overrides::default())
}

fn call_with(
    scene: &Scene,
    request: CallRequest,
    overrides: Overrides,
) -> Result<CallOutcome, CallError> {
    run(&scene.spec, &scene.settings, scene.view(), &scene.head, request, overrides)
}

fn to(address: Address) -> CallRequest {
    CallRequest::default().to(address)
}

fn output(outcome: CallOutcome) -> U256 {
    match outcome.result {
        CallResult::Success { output } => U256::from_be_slice(&output),
        other => panic!("{other:?}"),
    }
}

/// Returns the word that `code` leaves on the stack.
fn returning(code: &[u8]) -> Vec<u8> {
    [code, &hex!("5f5260205ff3")].concat()
}

#[test]
fn a_call_returns_and_changes_nothing() {
    let scene = Scene::new().with(CONTRACT, returning(&hex!("602a")), 0);
    let outcome = call(&scene, to(CONTRACT)).unwrap();
    assert_eq!(outcome.gas_used, 21_000 + 3 + 2 + 3 + 3 + 3 + 2);
    assert_eq!(output(outcome), U256::from(42));
}

#[test]
fn without_a_price_the_base_fee_is_zero_and_nobody_needs_funds() {
    let scene = Scene::new().with(CONTRACT, returning(&hex!("48")), 0);
    assert_eq!(output(call(&scene, to(CONTRACT).from(BOB)).unwrap()), U256::ZERO);
    let priced = to(CONTRACT).from(ALICE).max_fee_per_gas(2 * GWEI);
    assert_eq!(output(call(&scene, priced).unwrap()), U256::from(GWEI));
}

#[test]
fn the_blob_base_fee_is_the_blocks_unless_a_blob_call_names_no_price() {
    let mut scene = Scene::new().with(CONTRACT, returning(&hex!("4a")), 0);
    scene.head.excess_blob_gas = Some(50_000_000);
    let fee = U256::from(scene.spec.blob_base_fee(&scene.head).unwrap());
    assert_eq!(fee, U256::from(72));
    assert_eq!(output(call(&scene, to(CONTRACT)).unwrap()), fee);
    let hash = B256::with_last_byte(1) | B256::left_padding_from(&[1; 32]);
    let blobs = CallRequest { blob_versioned_hashes: Some(vec![hash]), ..to(CONTRACT) };
    assert_eq!(output(call(&scene, blobs).unwrap()), U256::ZERO);
}

#[test]
fn a_revert_keeps_its_data() {
    let reason = Revert::from("no").abi_encode();
    let size = u8::try_from(reason.len()).unwrap();
    // Copies the code after the program to memory and reverts with it.
    let program = [0x60, size, 0x60, 10, 0x5f, 0x39, 0x60, size, 0x5f, 0xfd];
    let scene = Scene::new().with(CONTRACT, [&program[..], &reason].concat(), 0);
    let CallResult::Revert { output } = call(&scene, to(CONTRACT)).unwrap().result else {
        panic!("it does not revert")
    };
    assert_eq!(revert_message(&output), "execution reverted: no");
}

#[test]
fn halts_read_as_in_geth() {
    let halts = [
        (&hex!("0c")[..], "invalid opcode: opcode 0xc not defined"),
        (&hex!("fe"), "invalid opcode: INVALID"),
        (&hex!("600101"), "stack underflow (1 <=> 2)"),
        (&hex!("5b5f600056"), "stack limit reached 1024 (1023)"),
        (&hex!("600056"), "invalid jump destination"),
        (&hex!("5b600056"), "out of gas"),
        (&hex!("60015f5f3e"), "return data out of bounds"),
    ];
    for (code, expected) in halts {
        let scene = Scene::new().with(CONTRACT, code.to_vec(), 0);
        let outcome = call(&scene, to(CONTRACT).gas_limit(100_000)).unwrap();
        assert_eq!(outcome.gas_used, 100_000);
        let CallResult::Halt { reason } = outcome.result else { panic!("{code:?} does not halt") };
        assert_eq!(reason, expected);
    }
}

#[test]
fn refused_calls_read_as_in_geth() {
    let scene = Scene::new();
    let refused = |request| call(&scene, request).unwrap_err().to_string();
    assert_eq!(
        refused(to(ALICE).from(BOB).value(U256::from(1))),
        format!("insufficient funds for gas * price + value: address {BOB} have 0 want 1")
    );
    assert_eq!(
        refused(to(BOB).from(ALICE).max_fee_per_gas(7)),
        format!(
            "max fee per gas less than block base fee: address {ALICE}, maxFeePerGas: 7, \
             baseFee: 1000000000"
        )
    );
    assert_eq!(
        refused(CallRequest { chain_id: Some(1), ..to(BOB) }),
        "chainId does not match node's (have=1, want=31337)"
    );
    let both = CallRequest { gas_price: Some(1), max_fee_per_gas: Some(1), ..to(BOB) };
    assert_eq!(refused(both), "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    assert_eq!(refused(to(BOB).gas_limit(20_000)), "intrinsic gas too low: have 20000, want 21000");
}

#[test]
fn gas_is_capped_and_the_block_limit_is_not() {
    let mut scene = Scene::new().with(CONTRACT, returning(&hex!("5a")), 0);
    scene.settings.call_gas_cap = 60_000_000;
    let left = |request| output(call(&scene, request).unwrap());
    assert_eq!(left(to(CONTRACT)), U256::from(60_000_000 - 21_000 - 2));
    assert_eq!(left(to(CONTRACT).gas_limit(u64::MAX)), U256::from(60_000_000 - 21_000 - 2));
    assert_eq!(left(to(CONTRACT).gas_limit(50_000)), U256::from(50_000 - 21_000 - 2));
}

fn overriding(address: Address, account: AccountOverride) -> Overrides {
    let mut state = AddressMap::default();
    state.insert(address, account);
    Overrides { state: Some(state), block: None }
}

#[test]
fn accounts_can_be_overridden() {
    let scene = Scene::new().with(CONTRACT, hex!("00"), 0).with_slot(CONTRACT, 1, 5);
    let read_slot = |slot: u8| Bytes::from(returning(&[0x60, slot, 0x54]));
    let read = |slot, account| {
        let account = AccountOverride { code: Some(read_slot(slot)), ..account };
        output(call_with(&scene, to(CONTRACT), overriding(CONTRACT, account)).unwrap())
    };
    let slots = || Some([(B256::with_last_byte(2), B256::with_last_byte(9))].into_iter().collect());
    let none = AccountOverride::default;
    assert_eq!(read(1, none()), U256::from(5));
    assert_eq!(read(1, AccountOverride { state_diff: slots(), ..none() }), U256::from(5));
    assert_eq!(read(2, AccountOverride { state_diff: slots(), ..none() }), U256::from(9));
    assert_eq!(read(2, AccountOverride { state: slots(), ..none() }), U256::from(9));
    assert_eq!(read(1, AccountOverride { state: slots(), ..none() }), U256::ZERO);
    let both = AccountOverride { state: slots(), state_diff: slots(), ..none() };
    let error = call_with(&scene, to(CONTRACT), overriding(CONTRACT, both)).unwrap_err();
    assert_eq!(error.to_string(), format!("account {CONTRACT} has both 'state' and 'stateDiff'"));

    let rich = AccountOverride { balance: Some(U256::from(3)), ..none() };
    let request = to(ALICE).from(BOB).value(U256::from(3));
    call_with(&scene, request, overriding(BOB, rich)).unwrap();
}

#[test]
fn a_precompile_can_be_moved() {
    let scene = Scene::new();
    let identity = Address::with_last_byte(4);
    let account = AccountOverride {
        code: Some(bytes!("602a5f5260205ff3")),
        move_precompile_to: Some(BOB),
        ..Default::default()
    };
    let input = B256::with_last_byte(7);
    let ask = |address| {
        let request = to(address).input(Bytes::from(input).into());
        output(call_with(&scene, request, overriding(identity, account.clone())).unwrap())
    };
    assert_eq!(ask(BOB), U256::from(7));
    assert_eq!(ask(identity), U256::from(42));
    let error = call_with(
        &scene,
        to(BOB),
        overriding(BOB, AccountOverride { move_precompile_to: Some(ALICE), ..Default::default() }),
    );
    assert_eq!(error.unwrap_err().to_string(), format!("account {BOB} is not a precompile"));
}

#[test]
fn the_block_can_be_overridden() {
    let ask = |code: &[u8], block: BlockOverrides| {
        let scene = Scene::new().with(CONTRACT, returning(code), 0);
        let overrides = Overrides { state: None, block: Some(Box::new(block)) };
        output(call_with(&scene, to(CONTRACT), overrides).unwrap())
    };
    let none = BlockOverrides::default;
    let number = Some(U256::from(77));
    assert_eq!(ask(&hex!("43"), BlockOverrides { number, ..none() }), U256::from(77));
    assert_eq!(ask(&hex!("42"), BlockOverrides { time: Some(5), ..none() }), U256::from(5));
    let random = Some(B256::with_last_byte(6));
    assert_eq!(ask(&hex!("44"), BlockOverrides { random, ..none() }), U256::from(6));
    let hash = [(76, B256::with_last_byte(8))].into_iter().collect();
    let block = BlockOverrides { number, block_hash: Some(hash), ..none() };
    assert_eq!(ask(&hex!("604c40"), block), U256::from(8));
}

#[test]
fn code_that_only_looks_like_a_delegation_is_plain_code() {
    let account = AccountOverride { code: Some(bytes!("ef0100aa")), ..Default::default() };
    let scene = Scene::new();
    let outcome = call_with(&scene, to(BOB), overriding(BOB, account)).unwrap();
    assert!(matches!(outcome.result, CallResult::Halt { .. }));
}

#[test]
fn an_access_list_holds_what_the_call_touches() {
    // SLOAD(CALLDATALOAD(0)), then BALANCE(BOB).
    let mut code = hex!("5f355473").to_vec();
    code.extend_from_slice(BOB.as_slice());
    code.push(0x31);
    let scene = Scene::new().with(CONTRACT, code, 0);
    let request = to(CONTRACT).from(ALICE).input(Bytes::from(B256::with_last_byte(3)).into());
    let outcome = create_access_list(
        &scene.spec,
        &scene.settings,
        scene.view(),
        &scene.head,
        request,
        Overrides::default(),
    )
    .unwrap();
    let mut items = outcome.access_list.0;
    items.sort_by_key(|item| item.address);
    assert_eq!(items.len(), 2);
    assert_eq!((items[0].address, items[0].storage_keys.len()), (BOB, 0));
    assert_eq!(items[1].address, CONTRACT);
    assert_eq!(items[1].storage_keys, vec![B256::with_last_byte(3)]);
    // Base, 31 zero bytes and one other, two addresses and a slot, the code with all of it warm.
    let data = 31 * 4 + 16;
    let warm = 2 + 3 + 100 + 3 + 100;
    assert_eq!(outcome.gas_used, 21_000 + data + 2 * 2_400 + 1_900 + warm);
    assert_eq!(outcome.error, None);
}

#[test]
fn an_access_list_of_a_failing_call_says_why() {
    let scene = Scene::new().with(CONTRACT, hex!("5f5ffd"), 0);
    let list = |request| {
        let (spec, settings) = (&scene.spec, &scene.settings);
        let overrides = Overrides::default();
        create_access_list(spec, settings, scene.view(), &scene.head, request, overrides).unwrap()
    };
    assert_eq!(list(to(CONTRACT)).error.as_deref(), Some("execution reverted"));
    assert!(list(to(CONTRACT)).access_list.0.is_empty());
}

#[test]
fn the_list_of_precompiles_is_the_machines() {
    use crate::{evm::call::built_in, spec::precompiles::PRECOMPILES};
    for fork in Fork::ALL {
        let mut machine: Vec<Address> = built_in(fork).addresses().copied().collect();
        machine.sort_unstable();
        let listed = PRECOMPILES.iter().filter(|each| each.since <= fork);
        let listed: Vec<Address> = listed.map(|each| each.address()).collect();
        assert_eq!(machine, listed, "{fork}");
    }
}

/// What a leaf answers, and what the full run answers.
fn both(scene: &Scene, request: CallRequest) -> (Option<CallResult>, CallResult) {
    let leaf = run_leaf(&scene.spec, &scene.settings, scene.view(), &scene.head, &request);
    (leaf.unwrap(), call(scene, request).unwrap().result)
}

#[test]
fn a_leaf_answers_what_the_full_run_answers() {
    // Storage, a loop over calldata, keccak, events, the environment, a revert, a precompile.
    for code in [
        returning(&hex!("5f54")),
        returning(&hex!("60205f20")),
        returning(&hex!("43")),
        returning(&hex!("60075f5fa15f35")),
        returning(&hex!("3446016001")),
        hex!("602a5f5260205ffd").to_vec(),
    ] {
        let scene = Scene::new().with(CONTRACT, code.clone(), 5);
        let (leaf, full) = both(&scene, to(CONTRACT).input(bytes!("0102").into()));
        assert_eq!(leaf, Some(full), "{}", hex::encode(code));
    }
    let scene = Scene::new();
    let (leaf, full) = both(&scene, to(Address::with_last_byte(2)).input(bytes!("01").into()));
    assert_eq!(leaf, Some(full), "SHA-256");
    let (leaf, full) = both(&scene, to(Address::repeat_byte(0xee)));
    assert_eq!(leaf, Some(full), "no code");
}

#[test]
fn what_could_see_how_much_gas_it_has_is_no_leaf() {
    let call_other = |opcode: u8, values: usize| {
        let mut code = vec![0x5f; 4 + values];
        code.extend([0x60, 2, 0x61, 0xff, 0xff, opcode]);
        returning(&code)
    };
    for code in [
        returning(&hex!("5a")),
        call_other(0xf1, 1),
        call_other(0xf2, 1),
        call_other(0xf4, 0),
        call_other(0xfa, 0),
        returning(&hex!("5f5f5ff0")),
        returning(&hex!("5f5f5f5ff5")),
        // An endless loop, memory without end, an invalid instruction.
        hex!("5b5f56").to_vec(),
        hex!("62ffffff51").to_vec(),
        hex!("fe").to_vec(),
    ] {
        let scene = Scene::new().with(CONTRACT, code.clone(), 5);
        let request = to(CONTRACT);
        let leaf = run_leaf(&scene.spec, &scene.settings, scene.view(), &scene.head, &request);
        assert_eq!(leaf.unwrap(), None, "{}", hex::encode(code));
    }
    let scene = Scene::new();
    let poor = to(CONTRACT).from(BOB).value(U256::MAX);
    let leaf = run_leaf(&scene.spec, &scene.settings, scene.view(), &scene.head, &poor);
    assert_eq!(leaf.unwrap(), None, "the full run says what is wrong");
    for request in
        [to(CONTRACT).gas_price(1), to(CONTRACT).max_fee_per_gas(1), CallRequest::default()]
    {
        assert!(!may_be_leaf(&request, &Overrides::default()), "{request:?}");
    }
    assert!(may_be_leaf(&to(CONTRACT), &Overrides::default()));
}
