//! What a block says has changed: accounts that begin, end, or come back.

use super::*;
use alloy_consensus::constants::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use alloy_primitives::hex;

/// Sends its balance to the caller and ends: CALLER SELFDESTRUCT.
const ENDS: [u8; 2] = hex!("33ff");

#[test]
fn a_creation_brings_code_and_nonce_one() {
    let (applied, executed) = Scene::new().run(&by_alice(deploy(&[0x60, 0x01], 0)));
    let address = ALICE.create(0);
    assert_eq!(applied.contract_address, Some(address));
    let change = &executed.changes.accounts[&address];
    let account = change.account.unwrap();
    assert_eq!((account.nonce, account.storage_id), (1, 0));
    assert_eq!(account.storage_root, EMPTY_ROOT_HASH);
    assert_eq!(executed.changes.codes[&account.code_hash].as_ref(), [0x60, 0x01]);
    assert!(!change.wiped);
}

#[test]
fn the_create2_deployer_deploys_at_the_promised_address() {
    use crate::spec::contracts::CREATE2_DEPLOYER_ADDRESS;
    let salt = B256::repeat_byte(5);
    let init = init_code(&[0x5f]);
    let input = [salt.as_slice(), &init].concat().into();
    let tx = TxEip1559 { input, ..send(CREATE2_DEPLOYER_ADDRESS, 0, 0) };
    let (applied, executed) = Scene::new().run(&by_alice(tx));
    let address = CREATE2_DEPLOYER_ADDRESS.create2_from_code(salt, &init);
    assert_eq!(applied.output.as_ref(), address.as_slice());
    assert_eq!(executed.changes.accounts[&address].account.unwrap().nonce, 1);
}

#[test]
fn a_contract_that_ends_in_its_own_transaction_was_never_there() {
    // Init code that ends itself.
    let input = hex!("33ff").into();
    let tx = TxEip1559 { input, to: TxKind::Create, value: U256::from(9), ..send(BOB, 0, 0) };
    let (applied, executed) = Scene::new().run(&by_alice(tx));
    assert!(applied.success);
    assert!(!executed.changes.accounts.contains_key(&ALICE.create(0)));
    let price = U256::from(1_875_000_000_u64) * U256::from(applied.gas_used);
    assert_eq!(balance(&executed.changes, ALICE), ether(10_000) - price);
}

#[test]
fn since_cancun_an_older_contract_only_loses_its_balance() {
    let scene = Scene::new().with(CONTRACT, ENDS, 9).with_slot(CONTRACT, 1, 1);
    let (_, executed) = scene.run(&by_alice(send(CONTRACT, 0, 0)));
    let change = &executed.changes.accounts[&CONTRACT];
    let account = change.account.unwrap();
    assert!(account.balance.is_zero() && account.has_code() && !change.wiped);
    assert_eq!(account.storage_id, 7);
    assert!(change.storage.is_empty());
}

#[test]
fn before_cancun_it_ends_and_a_new_life_has_new_storage() {
    let scene = Scene::at(Fork::Shanghai).with(CONTRACT, ENDS, 9).with_slot(CONTRACT, 1, 1);
    let mut executor = scene.begin();
    executor.apply(&by_alice(send(CONTRACT, 0, 0))).unwrap();
    executor.apply(&by_alice(send(CONTRACT, 3, 1))).unwrap();
    let changes = executor.finish().unwrap().changes;
    let change = &changes.accounts[&CONTRACT];
    assert!(change.wiped && change.storage.is_empty());
    let account = change.account.unwrap();
    assert_eq!((account.balance, account.nonce), (U256::from(3), 0));
    assert_eq!((account.code_hash, account.storage_id), (KECCAK_EMPTY, 0));

    let (_, executed) = scene.run(&by_alice(send(CONTRACT, 0, 0)));
    let change = &executed.changes.accounts[&CONTRACT];
    assert!(change.wiped && change.account.is_none());
}

#[test]
fn a_touched_empty_account_does_not_begin() {
    let (applied, executed) = Scene::new().run(&by_alice(send(BOB, 0, 0)));
    assert_eq!(applied.gas_used, 21_000);
    assert!(!executed.changes.accounts.contains_key(&BOB));
}

#[test]
fn a_touched_empty_account_ends() {
    let mut scene = Scene::new();
    let empty = AccountChange { account: Some(Account::default()), ..Default::default() };
    scene.state.accounts.insert(BOB, empty);
    let (_, executed) = scene.run(&by_alice(send(BOB, 0, 0)));
    assert_eq!(executed.changes.accounts[&BOB].account, None);
}

#[test]
fn a_slot_that_ends_as_it_began_is_no_change() {
    // Stores CALLDATALOAD(0) in slot 1.
    let scene = Scene::new().with(CONTRACT, hex!("5f3560015500"), 0).with_slot(CONTRACT, 1, 5);
    let store = |value: u64, nonce| {
        let input = B256::from(U256::from(value)).into();
        by_alice(TxEip1559 { input, ..send(CONTRACT, 0, nonce) })
    };
    let mut executor = scene.begin();
    executor.apply(&store(6, 0)).unwrap();
    executor.apply(&store(5, 1)).unwrap();
    assert!(!executor.finish().unwrap().changes.accounts.contains_key(&CONTRACT));

    let (_, executed) = scene.run(&store(0, 0));
    assert_eq!(executed.changes.accounts[&CONTRACT].storage[&U256::from(1)], U256::ZERO);
}

#[test]
fn a_revert_changes_the_sender_only() {
    // Stores 1 in slot 0, then reverts.
    let scene = Scene::new().with(CONTRACT, hex!("60015f555f5ffd"), 0);
    let (applied, executed) = scene.run(&by_alice(send(CONTRACT, 4, 0)));
    assert!(!applied.success);
    assert_eq!(applied.gas_used, 21_000 + 3 + 2 + 22_100 + 2 + 2);
    assert!(!executed.changes.accounts.contains_key(&CONTRACT));
    assert_eq!(executed.changes.accounts[&ALICE].account.unwrap().nonce, 1);
}

#[test]
fn code_longer_than_the_limit_is_refused_unless_the_limit_is_raised() {
    let long = vec![0_u8; 24_577];
    let tx = by_alice(TxEip1559 { gas_limit: 10_000_000, ..deploy(&long, 0) });
    let mut scene = Scene::new();
    let (applied, executed) = scene.run(&tx);
    assert!(!applied.success);
    assert!(!executed.changes.accounts.contains_key(&ALICE.create(0)));
    scene.settings.code_size_limit = Some(30_000);
    assert!(scene.run(&tx).0.success);
    let longer = by_alice(TxEip1559 { gas_limit: 10_000_000, ..deploy(&[0; 60_000], 0) });
    assert_eq!(scene.refused(&longer), "max initcode size exceeded: code size 60012 limit 60000");
}
