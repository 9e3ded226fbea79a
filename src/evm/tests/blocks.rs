//! What surrounds a block's transactions: edits, system calls, withdrawals, requests, the header.

use super::super::{assemble, check, execute};
use super::*;
use crate::primitives::{Block, Body};
use crate::spec::contracts::{
    BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_eips::{eip4895::Withdrawal, eip7685::EMPTY_REQUESTS_HASH};

fn edits(address: Address, account: Account, slots: &[(u64, u64)]) -> StateChanges {
    let storage = slots.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value)));
    let change = AccountChange { account: Some(account), wiped: false, storage: storage.collect() };
    let mut changes = StateChanges::default();
    changes.accounts.insert(address, change);
    changes
}

#[test]
fn an_edit_is_part_of_the_block_without_any_transaction() {
    let scene = Scene::new();
    let account = Account { balance: U256::from(77), ..Default::default() };
    let executor = scene.begin_with(edits(BOB, account, &[(1, 2)]), &scene.template());
    let changes = executor.finish().unwrap().changes;
    assert_eq!(changes.accounts[&BOB].account, Some(account));
    assert_eq!(changes.accounts[&BOB].storage[&U256::from(1)], U256::from(2));
}

#[test]
fn transactions_see_edits_and_an_edit_of_what_is_there_is_none() {
    let scene = Scene::new().with(CONTRACT, [0_u8], 3).with_slot(CONTRACT, 1, 5);
    let same = scene.state.accounts[&CONTRACT].account.unwrap();
    let executor = scene.begin_with(edits(CONTRACT, same, &[(1, 5)]), &scene.template());
    assert!(!executor.finish().unwrap().changes.accounts.contains_key(&CONTRACT));

    let rich = Account { balance: ether(1), ..Default::default() };
    let mut executor = scene.begin_with(edits(BOB, rich, &[]), &scene.template());
    executor.apply(&signed(send(ALICE, 1, 0), BOB)).unwrap();
    assert_eq!(executor.finish().unwrap().changes.accounts[&BOB].account.unwrap().nonce, 1);
}

#[test]
fn system_calls_write_parent_hash_and_beacon_root() {
    let scene = Scene::new();
    let template = scene.template();
    let changes = scene.begin().finish().unwrap().changes;
    let history = &changes.accounts[&HISTORY_STORAGE_ADDRESS];
    assert_eq!(history.storage[&U256::ZERO], U256::from_be_bytes(template.parent_hash.0));
    assert_eq!(history.account.unwrap().nonce, 1);
    let ring = template.timestamp % 8191;
    let beacon = &changes.accounts[&BEACON_ROOTS_ADDRESS].storage;
    assert_eq!(beacon[&U256::from(ring)], U256::from(template.timestamp));
    assert_eq!(beacon[&U256::from(ring + 8191)], U256::from_be_bytes([0xbe; 32]));
    let system = crate::spec::contracts::SYSTEM_ADDRESS;
    assert!(!changes.accounts.contains_key(&system));
    assert_eq!(changes.accounts.len(), 2);
}

#[test]
fn older_forks_make_no_system_calls() {
    let executed = Scene::at(Fork::Shanghai).begin().finish().unwrap();
    assert!(executed.changes.is_empty());
    assert_eq!(executed.requests, None);
}

#[test]
fn withdrawals_are_paid_in_gwei() {
    let scene = Scene::new();
    let withdrawal = |amount| Withdrawal { address: BOB, amount, ..Default::default() };
    let list = vec![withdrawal(3), withdrawal(4)];
    let template = BlockTemplate { withdrawals: Some(list.into()), ..scene.template() };
    let executor = scene.begin_with(StateChanges::default(), &template);
    let changes = executor.finish().unwrap().changes;
    assert_eq!(balance(&changes, BOB), U256::from(7 * GWEI));
}

#[test]
fn a_withdrawal_request_leaves_with_its_block() {
    let scene = Scene::new();
    let empty = scene.begin().finish().unwrap().requests.unwrap();
    assert_eq!(empty.requests_hash(), EMPTY_REQUESTS_HASH);

    let input = [[7_u8; 48].as_slice(), &[0, 0, 0, 0, 0, 0, 0, 9]].concat();
    let tx = TxEip1559 {
        input: input.clone().into(),
        ..send(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, 1, 0)
    };
    let (applied, executed) = scene.run(&by_alice(tx));
    assert!(applied.success);
    let requests = executed.requests.unwrap();
    // Type, source address, public key, amount in little-endian.
    let mut expected = [&[1][..], ALICE.as_slice(), &input].concat();
    expected[69..].reverse();
    assert_eq!(requests.first().unwrap().as_ref(), expected);
}

#[test]
fn a_missing_system_contract_is_named() {
    let mut scene = Scene::new();
    scene.state.accounts.remove(&WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS);
    let error = scene.begin().finish().unwrap_err().to_string();
    assert_eq!(
        error,
        "no code at 0x00000961Ef480Eb55e80D19ad83579A64c007002, where osaka requires the contract \
         for withdrawal requests"
    );
}

#[test]
fn a_template_without_a_beacon_root_is_refused() {
    let scene = Scene::new();
    let template = BlockTemplate { parent_beacon_block_root: None, ..scene.template() };
    let error = BlockExecutor::begin(
        &scene.spec,
        &scene.settings,
        scene.view(),
        StateChanges::default(),
        &template,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "the header has no parentBeaconBlockRoot, which osaka requires"
    );
}

fn built(scene: &Scene) -> (Block, Executed) {
    let txs = vec![by_alice(send(BOB, 1, 0)), by_alice(deploy(&[0x5f], 1))];
    let mut executor = scene.begin().with_participants();
    for tx in &txs {
        executor.apply(tx).unwrap();
    }
    let executed = executor.finish().unwrap();
    let template = scene.template();
    let withdrawals = template.withdrawals.clone();
    let body = Body { transactions: txs, ommers: Vec::new(), withdrawals };
    let header = assemble(&template, &body, &executed, B256::repeat_byte(9));
    (Block::new(header, body), executed)
}

#[test]
fn a_built_block_executes_again_to_the_same() {
    for fork in [Fork::London, Fork::Paris, Fork::Shanghai, Fork::Cancun, Fork::Osaka] {
        let scene = Scene::at(fork);
        let (block, executed) = built(&scene);
        let again = execute(
            &scene.spec,
            &scene.settings,
            scene.view(),
            StateChanges::default(),
            &block,
            None,
        )
        .unwrap();
        assert_eq!(again, executed, "{fork}");
        check(&block.header, &again).unwrap();
        assert_eq!(block.header.withdrawals_root.is_some(), fork >= Fork::Shanghai);
        assert_eq!(block.header.blob_gas_used.is_some(), fork >= Fork::Cancun);
        assert_eq!(block.header.requests_hash.is_some(), fork >= Fork::Prague);
    }
}

#[test]
fn a_header_that_lies_is_told_which_field() {
    let (block, executed) = built(&Scene::new());
    let lie = |change: fn(&mut Header)| {
        let mut header = block.header.inner().clone();
        change(&mut header);
        check(&header, &executed).unwrap_err().to_string()
    };
    let gas_used = executed.gas_used;
    assert_eq!(
        lie(|header| header.gas_used = 1),
        format!("gasUsed: header says 1, execution gives {gas_used}")
    );
    assert!(lie(|header| header.receipts_root = B256::ZERO).starts_with("receiptsRoot: header"));
    assert!(
        lie(|header| header.requests_hash = None).starts_with("requestsHash: header says none")
    );
    assert!(lie(|header| header.blob_gas_used = Some(5)).starts_with("blobGasUsed: header says 5"));
    assert!(lie(|header| header.logs_bloom.0[0] = 1).starts_with("logsBloom: header says 0x01"));
}

#[test]
fn an_invalid_transaction_in_a_block_is_named() {
    let scene = Scene::new();
    let (block, _) = built(&scene);
    let mut body = Body::clone(&block.body);
    body.transactions.swap(0, 1);
    let hash = body.transactions[0].hash();
    let block = Block::new(block.header.inner().clone(), body);
    let error =
        execute(&scene.spec, &scene.settings, scene.view(), StateChanges::default(), &block, None);
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("transaction 0 ({hash}): nonce too high: address {ALICE}, tx: 1 state: 0")
    );
}
