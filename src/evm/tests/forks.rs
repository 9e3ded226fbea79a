//! What only some forks do: rewards, the DAO's move, net metering, state clearing, collisions.

use super::super::execute;
use super::*;
use crate::{
    primitives::{Block, Body},
    spec::Mode,
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_evm::eth::dao_fork::{DAO_HARDFORK_ACCOUNTS, DAO_HARDFORK_BENEFICIARY};
use serde_json::json;

/// A chain of proof of work with this config, and these balances in wei.
fn worked(config: serde_json::Value, balances: &[(Address, u64)]) -> Scene {
    let mut all = json!({"chainId": 31337, "ethash": {}});
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let mut genesis: alloy_genesis::Genesis = serde_json::from_value(json!({
        "config": all, "gasLimit": "0x1c9c380", "difficulty": "0x20000", "alloc": {}
    }))
    .unwrap();
    for (address, wei) in balances {
        let account = alloy_genesis::GenesisAccount::default().with_balance(U256::from(*wei));
        genesis.alloc.insert(*address, account);
    }
    Scene::of(ChainSpec::from_genesis(genesis).unwrap())
}

/// The changes of an empty block of COINBASE at `number`, with these ommers.
fn worked_block(scene: &Scene, number: u64, ommers: Vec<Header>) -> StateChanges {
    let header = Header {
        number,
        beneficiary: COINBASE,
        difficulty: U256::from(131_072),
        gas_limit: 30_000_000,
        ..Default::default()
    };
    let block = Block::new(header, Body { ommers, ..Default::default() });
    let (settings, edits) = (EvmSettings::consensus(), StateChanges::default());
    execute(&scene.spec, &settings, scene.view(), edits, &block, None).unwrap().changes
}

#[test]
fn a_worked_block_pays_its_miner_and_the_miners_of_its_ommers() {
    let ommer = |number| Header { number, beneficiary: BOB, ..Default::default() };
    for (config, reward) in [
        (json!({}), ether(5)),
        (json!({"byzantiumBlock": 0}), ether(3)),
        (json!({"byzantiumBlock": 0, "constantinopleBlock": 0}), ether(2)),
    ] {
        let scene = worked(config, &[(BOB, 1)]);
        let changes = worked_block(&scene, 9, vec![ommer(8), ommer(7)]);
        let sixteenth = reward / U256::from(16);
        assert_eq!(balance(&changes, COINBASE), reward + sixteenth);
        assert_eq!(balance(&changes, BOB), U256::from(1) + sixteenth * U256::from(14 + 12));
    }
}

#[test]
fn paying_nothing_begins_an_account_before_eip_161_and_ends_an_empty_one_since() {
    let pay_nothing = |scene: &Scene| {
        let executor = scene.begin();
        executor.run(&[], &[(BOB, U256::ZERO), (CONTRACT, U256::ZERO)]).unwrap().changes
    };
    let empty = |changes: &StateChanges, address| changes.accounts[&address].account;
    let old = worked(json!({"homesteadBlock": 0}), &[(CONTRACT, 0)]);
    let changes = pay_nothing(&old);
    assert_eq!(empty(&changes, BOB), Some(Account::default()));
    assert!(!changes.accounts.contains_key(&CONTRACT));

    let cleared = worked(json!({"homesteadBlock": 0, "eip158Block": 0}), &[(CONTRACT, 0)]);
    let changes = pay_nothing(&cleared);
    assert_eq!(empty(&changes, CONTRACT), None);
    assert!(!changes.accounts.contains_key(&BOB));
}

#[test]
fn the_daos_wei_move_in_the_block_where_the_fork_begins() {
    let [first, last] = [DAO_HARDFORK_ACCOUNTS[0], DAO_HARDFORK_ACCOUNTS[115]];
    let balances = [(first, 5), (last, 6), (BOB, 7)];
    let config = json!({"homesteadBlock": 0, "daoForkBlock": 3, "daoForkSupport": true});
    let scene = worked(config, &balances);
    let changes = worked_block(&scene, 3, Vec::new());
    assert_eq!(balance(&changes, DAO_HARDFORK_BENEFICIARY), U256::from(11));
    assert_eq!(balance(&changes, first), U256::ZERO);
    assert_eq!(balance(&changes, last), U256::ZERO);
    assert!(!changes.accounts.contains_key(&BOB));
    // The miner, and accounts of the list that come into being, as everything touched did then.
    assert_eq!(changes.accounts.len(), DAO_HARDFORK_ACCOUNTS.len() + 2);

    let only_miner = |scene: &Scene, number| {
        let changes = worked_block(scene, number, Vec::new());
        changes.accounts.keys().copied().collect::<Vec<_>>() == [COINBASE]
    };
    assert!(only_miner(&scene, 2) && only_miner(&scene, 4));
    let against = json!({"homesteadBlock": 0, "daoForkBlock": 3, "daoForkSupport": false});
    assert!(only_miner(&worked(against, &balances), 3));
    assert!(only_miner(&worked(json!({"homesteadBlock": 0}), &balances), 3));
}

/// Gas of a call of code that writes slot 0, which was `original`, after its refund.
fn spent(fork: Fork, code: &[u8], original: u64) -> u64 {
    let scene = Scene::at(fork).with(CONTRACT, code.to_vec(), 0).with_slot(CONTRACT, 0, original);
    let tx = TxLegacy { gas_price: GWEI * 2, gas_limit: 100_000, ..TxLegacy::default() };
    let tx = TxLegacy { to: CONTRACT.into(), chain_id: Some(31337), ..tx };
    let (applied, _) = scene.run(&signed(tx, ALICE));
    assert!(applied.success);
    applied.gas_used
}

/// Code that writes these values to slot 0 in turn.
fn writes(values: &[u8]) -> Vec<u8> {
    values.iter().flat_map(|value| [0x60, *value, 0x60, 0x00, 0x55]).collect()
}

#[test]
fn constantinople_meters_storage_net_as_the_cases_of_eip_1283_say() {
    // Values written, value before, gas, refund.
    for (values, original, gas, refund) in [
        (&[0, 0][..], 0, 412, 0),
        (&[0, 1], 0, 20_212, 0),
        (&[1, 0], 0, 20_212, 19_800),
        (&[1, 2], 0, 20_212, 0),
        (&[1, 1], 0, 20_212, 0),
        (&[0, 0], 1, 5_212, 15_000),
        (&[0, 1], 1, 5_212, 4_800),
        (&[0, 2], 1, 5_212, 0),
        (&[2, 0], 1, 5_212, 15_000),
        (&[2, 3], 1, 5_212, 0),
        (&[2, 1], 1, 5_212, 4_800),
        (&[2, 2], 1, 5_212, 0),
        (&[1, 0], 1, 5_212, 15_000),
        (&[1, 2], 1, 5_212, 0),
        (&[1, 1], 1, 412, 0),
        (&[1, 0, 1], 0, 40_218, 19_800),
        (&[0, 1, 0], 1, 10_218, 19_800),
    ] {
        let all = 21_000 + gas;
        let found = spent(Fork::Constantinople, &writes(values), original);
        assert_eq!(found, all - refund.min(all / 2), "{values:?} over {original}");
    }
}

#[test]
fn the_forks_around_constantinople_meter_storage_otherwise() {
    // Two writes over zero: both are paid in full, the second as a change.
    assert_eq!(spent(Fork::Byzantium, &writes(&[1, 2]), 0), 46_012);
    assert_eq!(spent(Fork::Petersburg, &writes(&[1, 2]), 0), 46_012);
    assert_eq!(spent(Fork::Istanbul, &writes(&[1, 2]), 0), 41_812);
    assert_eq!(spent(Fork::Constantinople, &writes(&[1, 2]), 0), 41_212);
}

#[test]
fn constantinople_lets_a_callee_write_with_the_stipend_alone() {
    // The reason why Petersburg took EIP-1283 back: 2,300 gas pay a write of what is there already.
    let callee = Address::repeat_byte(0xca);
    // PUSH1 0 (5 times: out, in), value 1, callee, gas 0, CALL, then its result as the output.
    let mut code = vec![0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, 1, 0x73];
    code.extend_from_slice(callee.as_slice());
    code.extend([0x60, 0, 0xf1, 0x60, 0, 0x52, 0x60, 32, 0x60, 0, 0xf3]);
    let succeeds = |fork| {
        let scene = Scene::at(fork).with(CONTRACT, code.clone(), 5).with(callee, writes(&[1]), 0);
        let scene = scene.with_slot(callee, 0, 1);
        let tx = TxLegacy { gas_price: GWEI * 2, gas_limit: 100_000, ..TxLegacy::default() };
        let tx = TxLegacy { to: CONTRACT.into(), chain_id: Some(31337), ..tx };
        scene.run(&signed(tx, ALICE)).0.output.last() == Some(&1)
    };
    assert!(succeeds(Fork::Constantinople));
    assert!(!succeeds(Fork::Petersburg));
    assert!(!succeeds(Fork::Istanbul));
}

/// An account at `address` that has storage and wei, but neither code nor nonce.
fn with_storage_only(scene: Scene, address: Address, wei: u64) -> Scene {
    let mut scene = scene;
    let account = Account { balance: U256::from(wei), ..Default::default() };
    let storage = [(U256::from(1), U256::from(2))].into_iter().collect();
    let change = AccountChange { account: Some(account), wiped: false, storage };
    scene.state.accounts.insert(address, change);
    scene.trie();
    scene
}

fn creation() -> Transaction {
    let tx = TxLegacy { gas_price: GWEI * 2, gas_limit: 200_000, ..TxLegacy::default() };
    signed(TxLegacy { to: TxKind::Create, input: init_code(&[0x5b]), ..tx }, ALICE)
}

#[test]
fn a_creation_over_storage_is_a_collision_on_every_fork() {
    for fork in Fork::ALL {
        let target = ALICE.create(0);
        let scene = with_storage_only(Scene::at(fork), target, 5);
        let mut executor = scene.begin().without_receipts();
        let applied = executor.apply(&creation()).unwrap();
        assert_eq!((applied.success, applied.gas_used), (false, 200_000), "{fork}");
        let changes = executor.finish().unwrap().changes;
        assert!(!changes.accounts.contains_key(&target), "{fork}");
        // Wei alone are no obstacle, and stay.
        let mut scene = Scene::at(fork);
        let rich = Account { balance: U256::from(5), ..Default::default() };
        let change = AccountChange { account: Some(rich), ..Default::default() };
        scene.state.accounts.insert(target, change);
        let mut executor = scene.begin().without_receipts();
        assert!(executor.apply(&creation()).unwrap().success, "{fork}");
        let created = executor.finish().unwrap().changes.accounts[&target].account.unwrap();
        assert_eq!((created.balance, created.has_code()), (U256::from(5), true), "{fork}");
    }
}

#[test]
fn a_contract_that_creates_over_storage_gets_zero() {
    // CREATE of empty init code, its answer as the output.
    let code = [0x5f, 0x5f, 0x5f, 0xf0, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3];
    let target = CONTRACT.create(1);
    let call = by_alice(send(CONTRACT, 0, 0));
    let free = Scene::new().with(CONTRACT, code, 0);
    let created = free.run(&call).0.output;
    assert_eq!(Address::from_slice(&created[12..]), target);
    let (applied, executed) = with_storage_only(free, target, 0).run(&call);
    assert_eq!(applied.output.as_ref(), [0; 32]);
    // The creator's nonce goes up all the same.
    assert_eq!(executed.changes.accounts[&CONTRACT].account.unwrap().nonce, 2);
    assert!(!executed.changes.accounts.contains_key(&target));
}

#[test]
fn an_account_with_storage_alone_has_the_code_hash_it_always_had() {
    // EXTCODEHASH of BOB as the output.
    let mut code = vec![0x73];
    code.extend_from_slice(BOB.as_slice());
    code.extend([0x3f, 0x60, 0, 0x52, 0x60, 32, 0x60, 0, 0xf3]);
    let hash_of = |scene: Scene, fork: Fork| {
        let scene = scene.with(CONTRACT, code.clone(), 0);
        let tx = TxLegacy { gas_price: GWEI * 2, gas_limit: 100_000, ..TxLegacy::default() };
        let (applied, executed) = scene.run(&signed(TxLegacy { to: CONTRACT.into(), ..tx }, ALICE));
        assert!(!executed.changes.accounts.contains_key(&BOB), "{fork}");
        B256::from_slice(&applied.output)
    };
    for fork in [Fork::Constantinople, Fork::Istanbul, Fork::Osaka] {
        let scene = || Scene::at(fork);
        assert_eq!(hash_of(with_storage_only(scene(), BOB, 5), fork), KECCAK_EMPTY);
        assert_eq!(hash_of(with_storage_only(scene(), BOB, 0), fork), B256::ZERO);
        assert_eq!(hash_of(scene(), fork), B256::ZERO);
    }
}

#[test]
fn wei_sent_to_storage_alone_leave_the_storage_and_the_code_hash() {
    let mut scene = with_storage_only(Scene::new(), BOB, 0);
    let before = scene.state.accounts[&BOB].account.unwrap();
    let (_, executed) = scene.run(&by_alice(send(BOB, 9, 0)));
    let change = &executed.changes.accounts[&BOB];
    assert_eq!(change.account, Some(Account { balance: U256::from(9), ..before }));
    assert!(!change.wiped);
    // Nothing sent: an empty account ends, and its storage with it (EIP-161).
    scene.head.number += 1;
    let (_, executed) = scene.run(&by_alice(send(BOB, 0, 0)));
    assert_eq!(executed.changes.accounts[&BOB].account, None);
    assert!(executed.changes.accounts[&BOB].wiped);
}

#[test]
fn blocks_of_others_run_under_the_protocols_limits() {
    let mut scene = Scene::at(Fork::Osaka);
    let big = by_alice(TxEip1559 { gas_limit: (1 << 24) + 1, ..send(BOB, 0, 0) });
    assert!(scene.begin().apply(&big).is_ok());
    scene.settings = EvmSettings::consensus();
    let refused = scene.refused(&big);
    assert!(refused.contains("16777216"), "{refused}");

    // 160 MiB of memory cost 54 billion gas: no public chain has such a block, but a chain may.
    let grow = [0x60, 1, 0x63, 0x0a, 0, 0, 0, 0x52];
    let mut scene = Scene::at(Fork::London).with(CONTRACT, grow, 0);
    let call = by_alice(TxEip1559 { gas_limit: 60_000_000_000, ..send(CONTRACT, 0, 0) });
    let runs = |scene: &Scene| {
        let template = BlockTemplate { gas_limit: 60_000_000_000, ..scene.template() };
        let mut executor = scene.begin_with(StateChanges::default(), &template);
        executor.apply(&call).unwrap().success
    };
    assert!(!runs(&scene));
    scene.settings = EvmSettings::consensus();
    assert!(runs(&scene));
}

#[test]
fn only_a_chain_whose_blocks_are_made_here_may_have_its_own_limits() {
    let own = EvmSettings { code_size_limit: Some(100), call_gas_cap: 7, ..Default::default() };
    for mode in [Mode::Dev, Mode::Poa, Mode::Bft] {
        assert_eq!(own.clone().on(mode), own);
    }
    for mode in [Mode::Pow, Mode::Merged] {
        let expected = EvmSettings { call_gas_cap: 7, ..EvmSettings::consensus() };
        assert_eq!(own.clone().on(mode), expected);
    }
}

#[test]
fn code_that_looks_like_a_delegation_is_one_only_since_prague() {
    let delegation = [&[0xef, 0x01, 0x00][..], BOB.as_slice()].concat();
    let runs = |fork| {
        let scene = Scene::at(fork).with(CONTRACT, delegation.clone(), 0);
        let scene = scene.with(BOB, [0x00], 0);
        let tx = TxLegacy { gas_price: GWEI * 2, gas_limit: 100_000, ..TxLegacy::default() };
        scene.run(&signed(TxLegacy { to: CONTRACT.into(), ..tx }, ALICE)).0.success
    };
    assert!(!runs(Fork::Berlin));
    assert!(!runs(Fork::Cancun));
    assert!(runs(Fork::Prague));
}
