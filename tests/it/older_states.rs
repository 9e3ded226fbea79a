//! A dump brings the states of older blocks along, where it has them: what was there then is answered
//! and proven, and nothing more.

use crate::{
    code::{STORE, store},
    node::{Setup, TestChain, check_rows},
    wallet::{key, sign, transfer},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use mainspring::{
    chain::{ChainError, Direction},
    dev::dump,
    primitives::Edit,
    state::full_root,
};
use serde_json::{Value, json};

const BOB: Address = Address::repeat_byte(0xb0);
const CONTRACT: Address = Address::repeat_byte(0xcc);

fn dumped(node: &TestChain, older: bool) -> Value {
    let mut out = Vec::new();
    dump::write(node.chain.whole().unwrap(), older, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn load(node: &TestChain, dump: &Value) {
    node.dev.load_dump(serde_json::to_vec(dump).unwrap().as_slice(), u64::MAX).unwrap();
}

/// Accounts that come, change and go, and slots as well.
fn lived() -> TestChain {
    let node = TestChain::start(Setup::default());
    node.send(transfer(&key(0), 0, BOB, 7)).unwrap();
    node.mine().unwrap();
    let edits = [Edit::Code(CONTRACT, STORE), Edit::Balance(CONTRACT, U256::from(5))];
    node.chain.edit(edits.to_vec()).unwrap();
    node.mine().unwrap();
    let slots: Vec<_> = (1..20u64).map(|slot| (U256::from(slot), U256::from(slot * 3))).collect();
    node.send(sign(&key(1), 0, CONTRACT.into(), U256::ZERO, store(&slots))).unwrap();
    node.mine().unwrap();
    let slots: Vec<_> = (1..15u64).map(|slot| (U256::from(slot), U256::from(slot % 2))).collect();
    node.send(sign(&key(1), 1, CONTRACT.into(), U256::ZERO, store(&slots))).unwrap();
    node.mine().unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::ZERO)]).unwrap();
    node.mine().unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(99))]).unwrap();
    node.mine().unwrap();
    node
}

/// Accounts, code and slots after a block.
fn seen(node: &TestChain, number: u64) -> Vec<String> {
    let view = node.chain.state_at(number).unwrap();
    let mut seen = Vec::new();
    for entry in view.accounts_from(B256::ZERO, 10_000).unwrap() {
        let slots = view.slots_from(entry.key, &entry.value, B256::ZERO, 10_000).unwrap();
        let code = view.code(entry.value.code_hash).unwrap();
        let (nonce, balance) = (entry.value.nonce, entry.value.balance);
        seen.push(format!("{:?} {nonce} {balance} {code} {slots:?}", entry.key));
    }
    seen
}

fn proof(node: &TestChain, number: u64) -> String {
    let slots = [U256::from(2), U256::from(17), U256::from(77)];
    let proof = node.chain.prove(number, CONTRACT, &slots).unwrap();
    let account = proof.account.map(|it| (it.nonce, it.balance, it.code_hash, it.storage_root));
    format!("{account:?} {:?} {:?}", proof.proof, proof.storage)
}

#[test]
fn the_state_of_every_older_block_comes_along() {
    let before = lived();
    let head = before.chain.head().number;
    let dump = dumped(&before, true);
    let mut node = TestChain::start(Setup::default());
    node.send(transfer(&key(3), 0, Address::repeat_byte(0x4e), 5)).unwrap();
    node.mine().unwrap();
    load(&node, &dump);
    for restarted in [false, true] {
        for number in 0..head {
            assert_eq!(seen(&node, number), seen(&before, number), "block {number}");
            assert_eq!(proof(&node, number), proof(&before, number), "block {number}");
            let root = node.chain.header(number).unwrap().unwrap().state_root;
            assert_eq!(full_root(&node.storage.state.reader().unwrap(), number).unwrap(), root);
        }
        if !restarted {
            node.reopen_after_crash();
        }
    }
    // Of the head, what the dump does not have stays.
    assert_eq!(node.account(Address::repeat_byte(0x4e)).1, U256::from(5));
    assert!(node.chain.unwind(head - 1, 0).is_err());
    let refused = node.chain.foundation(head - 1).unwrap_err();
    assert!(matches!(refused, ChainError::OnlyLoaded { .. }), "{refused}");
    node.mine().unwrap();
    check_rows(&node);

    let again = TestChain::start(Setup::default());
    load(&again, &dumped(&node, true));
    for number in 0..head {
        assert_eq!(seen(&again, number), seen(&before, number), "block {number}, twice");
    }
    assert_eq!(seen(&again, head), seen(&node, head));
}

#[test]
fn states_come_in_any_order_and_blocks_without_one_say_so() {
    let before = lived();
    let mut dump = dumped(&before, true);
    let states = dump["historical_states"].as_array_mut().unwrap();
    assert_eq!(states.len(), 6);
    states.swap(0, 4);
    states.remove(2);
    states.remove(1);
    // A state of a block that is not there, and one of the head, are left out.
    let stray = json!([B256::repeat_byte(1), {"accounts": {}, "storage": {}}]);
    states.insert(0, stray);
    states.insert(0, json!([before.chain.head().seal(), {"accounts": {}}]));
    let known: Vec<_> = states.iter().map(|state| state[0].clone()).collect();
    let node = TestChain::start(Setup::default());
    load(&node, &dump);
    let mut missing = 0;
    for number in 0..6 {
        let hash = json!(node.chain.header(number).unwrap().unwrap().seal());
        if known.contains(&hash) {
            assert_eq!(seen(&node, number), seen(&before, number), "block {number}");
            continue;
        }
        missing += 1;
        let refused = node.chain.state_at(number).unwrap_err();
        assert!(matches!(refused, ChainError::BelowBase { .. }), "{refused}");
        assert!(refused.to_string().contains("--preserve-historical-states"), "{refused}");
        assert!(node.chain.prove(number, BOB, &[]).is_err());
    }
    assert_eq!(missing, 2);
    assert_eq!(seen(&node, 6), seen(&before, 6));
}

#[test]
fn a_state_that_is_not_what_its_block_says_is_answered_and_not_proven() {
    let before = lived();
    let mut dump = dumped(&before, true);
    for state in dump["historical_states"].as_array_mut().unwrap() {
        let account = &mut state[1]["accounts"][format!("{:?}", key(0).address())];
        account["balance"] = json!("0x11");
    }
    let node = TestChain::start(Setup::default());
    load(&node, &dump);
    let view = node.chain.state_at(2).unwrap();
    assert_eq!(view.account(key(0).address()).unwrap().unwrap().balance, U256::from(17));
    let refused = node.chain.prove(2, BOB, &[]).unwrap_err();
    assert!(matches!(refused, ChainError::NoProof { number: 2, .. }), "{refused}");
    assert!(node.chain.prove(6, BOB, &[]).is_ok());
}

#[test]
fn large_states_are_written_in_many_batches_and_hold_what_differs() {
    let (accounts, slots) = (40_000u64, 60_000u64);
    let address = |index: u64| Address::left_padding_from(&index.to_be_bytes());
    let balance = |index: u64| json!({"balance": format!("{:#x}", index), "nonce": 0});
    let older: serde_json::Map<_, _> =
        (1..=accounts).map(|index| (address(index).to_string(), balance(index))).collect();
    let mut older = Value::Object(older);
    older[CONTRACT.to_string()] = balance(3);
    let filled: serde_json::Map<_, _> =
        (1..=slots).map(|slot| (format!("{slot:#x}"), json!(format!("{:#x}", slot * 7)))).collect();
    let mut dump = dumped(&lived(), false);
    let hashes: Vec<_> =
        dump["blocks"].as_array().unwrap().iter().map(|block| hash_of(&block["header"])).collect();
    let mut half = older.clone();
    for index in (2..=accounts).step_by(2) {
        half.as_object_mut().unwrap().remove(&address(index).to_string());
    }
    dump["historical_states"] = json!([
        [hashes[1], {"accounts": older, "storage": {CONTRACT.to_string(): filled}}],
        [hashes[3], {"accounts": half, "storage": {}}],
    ]);
    let node = TestChain::start(Setup { trie_nodes: 20_000, ..Setup::default() });
    load(&node, &dump);
    let (full, half) = (node.chain.state_at(1).unwrap(), node.chain.state_at(3).unwrap());
    let at = |view: &mainspring::state::StateView, index| {
        view.account(address(index)).unwrap().map(|account| account.balance)
    };
    for index in [1, 2, 39_999, 40_000] {
        assert_eq!(at(&full, index), Some(U256::from(index)));
        assert_eq!(at(&half, index), (index % 2 == 1).then(|| U256::from(index)));
    }
    for slot in [1, 2, 59_999, 60_000u64] {
        assert_eq!(full.storage(CONTRACT, U256::from(slot)).unwrap(), U256::from(slot * 7));
        assert_eq!(half.storage(CONTRACT, U256::from(slot)).unwrap(), U256::ZERO);
    }
    let (_, head) = node.chain.latest().unwrap();
    assert_eq!(at(&head, 1), None);
    assert_eq!(head.storage(CONTRACT, U256::from(17)).unwrap(), U256::from(51));
    node.mine().unwrap();
    check_rows(&node);
}

/// keccak256 of a header in a dump.
fn hash_of(header: &Value) -> B256 {
    let header: alloy_consensus::Header = serde_json::from_value(header.clone()).unwrap();
    keccak256(alloy_rlp::encode(header))
}

#[test]
fn what_is_no_state_is_refused_with_nothing_lost() {
    let before = lived();
    let dump = dumped(&before, true);
    let node = TestChain::start(Setup::default());
    let account = json!({"balance": "0x1", "nonce": 0});
    let with = |code: Value| {
        let mut account = account.clone();
        account["code"] = code;
        json!([[B256::ZERO, {"accounts": {BOB.to_string(): account}}]])
    };
    for states in [
        json!({}),
        json!([[B256::ZERO]]),
        json!([[B256::ZERO, {}]]),
        json!([[B256::ZERO, {"accounts": {}}, 3]]),
        json!([["0x12", {"accounts": {}}]]),
        json!([[B256::ZERO, {"accounts": {BOB.to_string(): {"nonce": 0}}}]]),
        json!([[B256::ZERO, {"accounts": {}, "storage": {BOB.to_string(): 3}}]]),
        with(json!({"LegacyAnalyzed": {"bytecode": "0x00", "original_len": 2}})),
        with(json!({"Eof": "0x00"})),
        with(json!("0x00")),
    ] {
        let mut dump = dump.clone();
        dump["historical_states"] = states.clone();
        let bytes = serde_json::to_vec(&dump).unwrap();
        let refused = node.dev.load_dump(bytes.as_slice(), u64::MAX).unwrap_err();
        assert!(matches!(refused, dump::DumpError::Format(_)), "{states}: {refused}");
        assert_eq!(node.chain.head().number, 0);
    }
    let mut dump = dump;
    let delegate = Address::repeat_byte(0xde);
    let states = with(json!({"Eip7702": {"delegated_address": delegate}}));
    dump["historical_states"] = states;
    dump["historical_states"][0][0] = json!(before.chain.header(2).unwrap().unwrap().seal());
    load(&node, &dump);
    let view = node.chain.state_at(2).unwrap();
    let code = view.code(view.account(BOB).unwrap().unwrap().code_hash).unwrap();
    assert_eq!(code, [&[0xef, 1, 0][..], delegate.as_slice()].concat());
}

#[test]
fn older_states_go_when_they_are_pruned() {
    let node = TestChain::start(Setup::default());
    load(&node, &dumped(&lived(), true));
    node.mine().unwrap();
    node.mine().unwrap();
    node.chain.flush_state().unwrap();
    assert_eq!(node.chain.prune(4, 1_000_000).unwrap().first, 4);
    assert!(node.chain.state_at(3).is_err());
    assert!(node.chain.state_at(4).is_ok());
    assert_eq!(node.chain.prune(7, 1_000_000).unwrap().first, 7);
    assert!(node.chain.state_at(5).is_err() && node.chain.state_at(6).is_err());
    assert_eq!(node.account(BOB).1, U256::from(99));
    check_rows(&node);
}

#[test]
fn indexes_that_are_built_again_have_what_was_loaded() {
    let before = lived();
    let node = TestChain::start(Setup::default());
    load(&node, &dumped(&before, false));
    node.mine().unwrap();
    node.chain.flush_state().unwrap();
    let found = |node: &TestChain| {
        let page = node.chain.transactions_of(key(1).address(), 0, Direction::Up, 100).unwrap();
        let places = page.places.iter().map(|(number, at)| (*number, at.len()));
        places.collect::<Vec<_>>()
    };
    assert_eq!(found(&node), [(3, 1), (4, 1)]);
    node.chain.forget_address_index().unwrap();
    while node.chain.extend_address_index().unwrap().is_some() {}
    assert_eq!(found(&node), [(3, 1), (4, 1)]);

    let hash = node.chain.block(3).unwrap().unwrap().body.transactions[0].hash();
    node.chain.rebuild_transactions(|_block, _of| ()).unwrap();
    assert_eq!(node.chain.locate(hash).unwrap().unwrap().block, 3);
}
