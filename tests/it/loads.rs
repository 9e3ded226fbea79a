//! A chain goes into a dump and comes out of it as it was, and a load is whole or has not happened.

use crate::{
    code::{STORE, emit, emitter, store},
    node::{Setup, TestChain, check_rows},
    wallet::{key, sign, transfer},
};
use alloy_consensus::TxLegacy;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mainspring::{
    chain::{BaseKind, ChainError, Loaded},
    dev::{
        Restart,
        dump::{self, DumpError},
    },
    primitives::{Edit, Transaction},
    storage::TxLocation,
};
use serde_json::{Value, json};

const BOB: Address = Address::repeat_byte(0xb0);
const KEPT: Address = Address::repeat_byte(0x4e);
const CONTRACT: Address = Address::repeat_byte(0xcc);

fn dumped(node: &TestChain) -> Vec<u8> {
    let mut out = Vec::new();
    dump::write(node.chain.whole().unwrap(), false, &mut out).unwrap();
    out
}

fn load(node: &TestChain, dump: &[u8]) -> Result<Loaded, DumpError> {
    node.dev.load_dump(dump, u64::MAX)
}

/// Transfers, contracts, events, a sender who did not sign, edits, also over the head.
fn lived(setup: Setup) -> TestChain {
    let node = TestChain::start(setup);
    node.send(transfer(&key(0), 0, BOB, 7)).unwrap();
    node.mine().unwrap();
    node.chain
        .edit(vec![
            Edit::Code(CONTRACT, STORE),
            Edit::Storage(CONTRACT, U256::from(9), U256::from(90)),
            Edit::Balance(BOB, U256::from(10).pow(U256::from(18))),
        ])
        .unwrap();
    let slots: Vec<_> = (1..40u64).map(|slot| (U256::from(slot), U256::from(slot * 3))).collect();
    node.send(sign(&key(1), 0, CONTRACT.into(), U256::ZERO, store(&slots))).unwrap();
    node.send(sign(&key(0), 1, TxKind::Create, U256::ZERO, deploy(&emitter()))).unwrap();
    node.mine().unwrap();
    let emits = key(0).address().create(1);
    let events = emit(&[vec![B256::repeat_byte(5), B256::repeat_byte(6)]]);
    node.send(sign(&key(0), 2, emits.into(), U256::ZERO, events)).unwrap();
    let unsigned = TxLegacy {
        chain_id: Some(31_337),
        gas_limit: 21_000,
        gas_price: 10_000_000_000,
        to: key(2).address().into(),
        value: U256::from(3),
        ..Default::default()
    };
    node.dev.impersonate(BOB).unwrap();
    node.send(Transaction::impersonate(unsigned.into(), BOB)).unwrap();
    node.mine().unwrap();
    node.chain.edit(vec![Edit::Storage(CONTRACT, U256::from(1), U256::from(111))]).unwrap();
    node
}

/// Init code that deploys this code.
fn deploy(code: &Bytes) -> Bytes {
    let length = u16::try_from(code.len()).unwrap().to_be_bytes();
    let prefix =
        [0x61, length[0], length[1], 0x60, 12, 0x5f, 0x39, 0x61, length[0], length[1], 0x5f, 0xf3];
    [prefix.as_slice(), code].concat().into()
}

/// Everything that a dump brings along, except for the state's root.
fn seen(node: &TestChain) -> Vec<String> {
    let whole = node.chain.whole().unwrap();
    let mut seen = Vec::new();
    for number in whole.earliest..=whole.head.number {
        let (block, receipts) = whole.block(number).unwrap().unwrap();
        for (index, transaction) in (0..).zip(&block.body.transactions) {
            let place = node.chain.locate(transaction.hash()).unwrap();
            assert_eq!(place, Some(TxLocation { block: number, index }));
        }
        seen.push(format!("{block:?} {receipts:?}"));
    }
    for entry in whole.view.accounts_from(B256::ZERO, 10_000).unwrap() {
        let slots = whole.view.slots_from(entry.key, &entry.value, B256::ZERO, 10_000).unwrap();
        let code = whole.view.code(entry.value.code_hash).unwrap();
        let (nonce, balance) = (entry.value.nonce, entry.value.balance);
        seen.push(format!("{:?} {nonce} {balance} {code} {slots:?}", entry.key));
    }
    seen
}

#[test]
fn what_was_dumped_is_loaded_as_it_was() {
    let before = lived(Setup::default());
    let dump = dumped(&before);
    let mut node = TestChain::start(Setup::default());
    let loaded = load(&node, &dump).unwrap();
    assert_eq!((loaded.head, loaded.earliest), (3, 0));
    assert_eq!(seen(&node), seen(&before));
    check_base(&node);

    assert_eq!(node.reopen_after_crash().executed, 0);
    assert_eq!(seen(&node), seen(&before));
    assert_eq!(node.chain.base().kind, BaseKind::Loaded);
    node.send(transfer(&key(0), 3, BOB, 1)).unwrap();
    node.mine().unwrap();
    check_rows(&node);
    let again = TestChain::start(Setup::default());
    load(&again, &dumped(&node)).unwrap();
    assert_eq!(seen(&again), seen(&node));
}

/// The rows of a loaded state give the root that the base has.
fn check_base(node: &TestChain) {
    let base = node.chain.base();
    let reader = node.storage.state.reader().unwrap();
    assert_eq!(mainspring::state::full_root(&reader, base.number).unwrap(), base.trie_root);
}

#[test]
fn a_dump_lies_over_what_is_there_and_replaces_whole_accounts() {
    let dump = dumped(&lived(Setup::default()));
    let node = TestChain::start(Setup::default());
    for nonce in 0..6 {
        node.send(transfer(&key(3), nonce, KEPT, 100)).unwrap();
        node.mine().unwrap();
    }
    let stale = U256::from(77);
    let edits = vec![Edit::Code(CONTRACT, STORE), Edit::Storage(CONTRACT, stale, stale)];
    node.chain.edit(edits).unwrap();
    node.mine().unwrap();
    node.chain.edit(vec![Edit::Balance(KEPT, U256::from(601))]).unwrap();
    let id = node.dev.snapshot().unwrap();
    node.send(transfer(&key(3), 6, KEPT, 1)).unwrap();
    let mut cursor = node.chain.follow();

    load(&node, &dump).unwrap();
    assert_eq!((node.chain.head().number, node.account(KEPT).1), (3, U256::from(601)));
    assert_eq!(node.account(key(3).address()).0, 0, "the dump has this account, with nonce 0");
    let (_, view) = node.chain.latest().unwrap();
    let slot = |slot| view.storage(CONTRACT, slot).unwrap();
    assert_eq!([slot(stale), slot(U256::from(1))], [U256::ZERO, U256::from(111)]);
    assert_eq!((node.pool.len(), node.dev.kept_snapshots().len()), (0, 0));
    assert!(!node.dev.revert(id).unwrap());
    let missed = node.chain.next_event(&mut cursor).unwrap_err();
    assert!(matches!(missed, ChainError::Forgotten { .. }));
    assert!(node.chain.block(7).unwrap().is_none());
    node.mine().unwrap();
    check_rows(&node);
}

#[test]
fn older_blocks_are_history_without_a_state() {
    let dump = dumped(&lived(Setup::default()));
    let node = TestChain::start(Setup::default());
    load(&node, &dump).unwrap();
    let block = node.chain.block(1).unwrap().unwrap();
    assert_eq!(node.chain.receipts(1).unwrap().unwrap().len(), 1);
    let refused = node.chain.state_at(1).unwrap_err().to_string();
    assert!(refused.contains("block 1 is not here: the chain was loaded at block 3"), "{refused}");
    assert!(matches!(node.chain.replay_of(block), Err(ChainError::NotExecuted { .. })));
    let filter = alloy_rpc_types::Filter::new().event_signature(B256::repeat_byte(5));
    let mut search = node.chain.search_logs(&filter, 0, 3).unwrap();
    assert_eq!(search.unindexed(), 0);
    assert_eq!(search.next(1_000).unwrap().unwrap().header.number, 3);
    assert!(node.chain.unwind(2, 0).is_err());
}

#[test]
fn a_load_of_the_same_dump_twice_and_between_two_blocks_is_one_chain() {
    let dump = dumped(&lived(Setup::default()));
    let node = TestChain::start(Setup::default());
    load(&node, &dump).unwrap();
    let first = seen(&node);
    node.mine().unwrap();
    load(&node, &dump).unwrap();
    assert_eq!(seen(&node), first);
    node.mine().unwrap();
    check_rows(&node);
}

#[test]
fn many_accounts_and_a_large_contract_are_written_in_many_batches() {
    let accounts = 30_000u64;
    let slots = 120_000u64;
    let mut dump = b"{\"accounts\":{".to_vec();
    for index in 1..=accounts {
        let line = format!("\"{:#042x}\":{{\"nonce\":{index},\"balance\":\"{index}\"}},", index);
        dump.extend(line.into_bytes());
    }
    dump.extend(format!("\"{CONTRACT}\":{{\"balance\":1,\"storage\":{{").into_bytes());
    for slot in 1..=slots {
        let comma = if slot == slots { "" } else { "," };
        dump.extend(format!("\"{slot:#x}\":\"{:#x}\"{comma}", slot * 7).into_bytes());
    }
    dump.extend(b"}}},\"best_block_number\":\"0x9\",\"block\":{\"timestamp\":1900000000}}");
    let node = TestChain::start(Setup { trie_nodes: 20_000, ..Setup::default() });
    let loaded = load(&node, &dump).unwrap();
    assert_eq!((loaded.head, loaded.earliest, loaded.accounts), (9, 9, accounts + 1));
    check_base(&node);
    let head = node.chain.head();
    assert_eq!((head.timestamp, head.state_root), (1_900_000_000, node.chain.base().trie_root));
    let last = Address::left_padding_from(&accounts.to_be_bytes());
    assert_eq!(node.account(last), (accounts, U256::from(accounts)));
    let (_, view) = node.chain.latest().unwrap();
    let value = view.storage(CONTRACT, U256::from(slots)).unwrap();
    assert_eq!(value, U256::from(slots * 7));
    node.chain.prove(9, CONTRACT, &[U256::from(5)]).unwrap();
    node.mine().unwrap();
    check_rows(&node);
}

/// The dump as versions of anvil before 1.2 wrote it.
fn as_of_old(dump: &[u8]) -> Vec<u8> {
    let mut dump: Value = serde_json::from_slice(dump).unwrap();
    let rename = |object: &mut Value, from: &str, to: &str| {
        let object = object.as_object_mut().unwrap();
        let value = object.remove(from).unwrap();
        object.insert(to.to_owned(), value);
    };
    let head = dump["best_block_number"].as_u64().unwrap();
    dump["best_block_number"] = json!(format!("{head:#x}"));
    rename(&mut dump["block"], "beneficiary", "coinbase");
    dump.as_object_mut().unwrap().remove("historical_states");
    for account in dump["accounts"].as_object_mut().unwrap().values_mut() {
        let slots = account["storage"].as_object().unwrap();
        let short = |text: &str| format!("{:#x}", text.parse::<U256>().unwrap());
        let slots = slots.iter();
        let slots = slots.map(|(slot, value)| (short(slot), json!(short(value.as_str().unwrap()))));
        account["storage"] = slots.collect();
    }
    for block in dump["blocks"].as_array_mut().unwrap() {
        rename(&mut block["header"], "miner", "beneficiary");
        rename(&mut block["header"], "sha3Uncles", "ommersHash");
        block.as_object_mut().unwrap().remove("withdrawals");
        for transaction in block["transactions"].as_array_mut().unwrap() {
            let mut inner = transaction["transaction"].take();
            let inner = inner.as_object_mut().unwrap();
            let name = match inner.remove("type").unwrap().as_str().unwrap() {
                "0x0" => "Legacy",
                _ => "EIP1559",
            };
            transaction["transaction"] = json!({name: inner});
        }
    }
    dump["blocks"].as_array_mut().unwrap().reverse();
    dump["transactions"].as_array_mut().unwrap().reverse();
    serde_json::to_vec(&dump).unwrap()
}

#[test]
fn a_dump_of_an_old_version_of_anvil_is_loaded_as_well() {
    let before = lived(Setup::default());
    let dump = as_of_old(&dumped(&before));
    let node = TestChain::start(Setup::default());
    load(&node, &dump).unwrap();
    assert_eq!(seen(&node), seen(&before));
}

#[test]
fn a_dump_without_receipts_has_blocks_and_one_of_accounts_alone_keeps_the_height() {
    let before = lived(Setup::default());
    let mut dump: Value = serde_json::from_slice(&dumped(&before)).unwrap();
    dump.as_object_mut().unwrap().remove("transactions");
    let node = TestChain::start(Setup::default());
    load(&node, &serde_json::to_vec(&dump).unwrap()).unwrap();
    assert_eq!(node.chain.block(3).unwrap().unwrap().body.transactions.len(), 2);
    assert!(node.chain.receipts(3).unwrap().unwrap().is_empty());
    node.mine().unwrap();
    let accounts = json!({"accounts": {"0x00000000000000000000000000000000000000aa": {
        "nonce": 3, "balance": "12", "code": "0x00", "storage": {"5": 6}
    }}});
    load(&node, &serde_json::to_vec(&accounts).unwrap()).unwrap();
    assert_eq!(node.chain.head().number, 4);
    assert_eq!(node.account(Address::with_last_byte(0xaa)), (3, U256::from(12)));
    assert_eq!(node.account(BOB).1, before.account(BOB).1);
    node.mine().unwrap();
    check_rows(&node);
}

#[test]
fn blocks_of_another_branch_are_left_out() {
    let before = lived(Setup::default());
    let mut dump: Value = serde_json::from_slice(&dumped(&before)).unwrap();
    let blocks = dump["blocks"].as_array_mut().unwrap();
    let mut other = blocks[0].clone();
    other["header"]["timestamp"] = json!("0x1");
    other["transactions"] = json!([]);
    blocks.push(other);
    let node = TestChain::start(Setup::default());
    load(&node, &serde_json::to_vec(&dump).unwrap()).unwrap();
    assert_eq!(seen(&node), seen(&before));
    // Without its parent a block is the lowest.
    dump["blocks"].as_array_mut().unwrap().remove(1);
    load(&node, &serde_json::to_vec(&dump).unwrap()).unwrap();
    assert_eq!((node.chain.earliest(), node.chain.head().number), (2, 3));
    assert!(node.chain.block(1).unwrap().is_none());
}

#[test]
fn a_head_that_no_block_can_follow_is_refused_by_its_field() {
    let dump: Value = serde_json::from_slice(&dumped(&lived(Setup::default()))).unwrap();
    let node = TestChain::start(Setup::default());
    let with = |field: &str, value: u64| {
        let mut dump = dump.clone();
        let blocks = dump["blocks"].as_array_mut().unwrap();
        blocks.last_mut().unwrap()["header"][field] = json!(format!("{value:#x}"));
        serde_json::to_vec(&dump).unwrap()
    };
    let before = node.chain.head().seal();
    for (field, value, named) in [
        ("timestamp", u64::MAX, "timestamp"),
        ("gasLimit", 0, "gas limit"),
        ("gasUsed", u64::MAX, "gas used"),
        ("baseFeePerGas", u64::MAX, "base fee"),
        ("excessBlobGas", u64::MAX, "excess blob gas"),
        ("blobGasUsed", u64::MAX, "blob gas used"),
    ] {
        let refused = load(&node, &with(field, value)).unwrap_err().to_string();
        assert!(refused.contains(named) && refused.contains("block 3"), "{refused}");
    }
    for best in [json!(u64::MAX), json!(format!("{:#x}", u64::MAX))] {
        let far = json!({"accounts": {}, "best_block_number": best});
        let refused = load(&node, &serde_json::to_vec(&far).unwrap()).unwrap_err().to_string();
        assert!(refused.contains("number"), "{refused}");
    }
    assert_eq!(node.chain.head().seal(), before);
    for (field, value) in [
        ("gasLimit", u64::MAX),
        ("baseFeePerGas", u64::MAX >> 2),
        ("excessBlobGas", 200_000_000),
        ("timestamp", 4_000_000_000),
    ] {
        load(&node, &with(field, value)).unwrap_or_else(|error| panic!("{field}: {error}"));
        node.mine().unwrap_or_else(|error| panic!("{field}: {error}"));
        check_rows(&node);
    }
    for field in
        ["baseFeePerGas", "excessBlobGas", "blobGasUsed", "withdrawalsRoot", "requestsHash"]
    {
        let mut dump = dump.clone();
        let head = dump["blocks"].as_array_mut().unwrap().last_mut().unwrap();
        head["header"].as_object_mut().unwrap().remove(field).unwrap();
        load(&node, &serde_json::to_vec(&dump).unwrap()).unwrap();
        node.mine().unwrap_or_else(|error| panic!("{field}: {error}"));
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn a_load_that_is_cut_short_anywhere_leaves_the_old_chain_or_the_new() {
    let dump = {
        let before = lived(Setup::default());
        dumped(&before)
    };
    for (point, is_new) in [
        ("load-after-batch", false),
        ("renew-before", false),
        ("renew-middle", false),
        ("renew-after", true),
        ("renew-between-folders", true),
    ] {
        let mut node = TestChain::start_alone(Setup::default());
        node.send(transfer(&key(3), 0, KEPT, 5)).unwrap();
        node.mine().unwrap();
        let old = seen(&node);
        fail::cfg(point, "return").unwrap();
        let failed = load(&node, &dump);
        fail::remove(point);
        assert!(failed.is_err(), "{point}");
        if !is_new {
            assert_eq!(seen(&node), old, "{point}: the chain goes on");
            node.mine().unwrap();
        }
        node.crash();
        node.open().unwrap_or_else(|error| panic!("{point}: {error}"));
        assert_eq!(node.chain.base().kind == BaseKind::Loaded, is_new, "{point}");
        assert_eq!(node.chain.head().number, if is_new { 3 } else { 2 }, "{point}");
        assert_eq!(node.account(KEPT).1, U256::from(5), "{point}");
        node.mine().unwrap();
        check_rows(&node);
        load(&node, &dump).unwrap();
        let left = std::fs::read_dir(node.dir.path()).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["blocks", "state"], "{point}");
    }
}

#[test]
fn a_reset_after_a_load_begins_with_the_genesis_again() {
    let dump = dumped(&lived(Setup::default()));
    let mut node = TestChain::start(Setup::default());
    let genesis = (node.chain.head().seal(), seen(&node));
    load(&node, &dump).unwrap();
    node.dev.snapshot().unwrap();
    node.mine().unwrap();
    node.dev.reset(Restart::Own).unwrap();
    assert_eq!((node.chain.head().seal(), seen(&node)), genesis);
    assert_eq!(node.chain.base().kind, BaseKind::Genesis);
    assert_eq!((node.dev.kept_snapshots().len(), node.chain.earliest()), (0, 0));
    node.reopen_after_crash();
    assert_eq!((node.chain.head().seal(), seen(&node)), genesis);
    node.send(transfer(&key(3), 0, KEPT, 5)).unwrap();
    node.mine().unwrap();
    check_rows(&node);
    // A reset without a load before it goes back to the same block, and a load comes again.
    node.dev.reset(Restart::Own).unwrap();
    assert_eq!((node.chain.head().seal(), seen(&node)), genesis);
    load(&node, &dump).unwrap();
    assert_eq!(node.chain.head().number, 3);
}

#[cfg(feature = "failpoints")]
#[test]
fn a_reset_after_a_load_that_is_cut_short_leaves_what_was_loaded_or_the_genesis() {
    let dump = dumped(&lived(Setup::default()));
    for (point, is_reset) in [
        ("state-flush-middle", false),
        ("renew-before", false),
        ("renew-middle", false),
        ("renew-after", true),
        ("renew-between-folders", true),
    ] {
        let mut node = TestChain::start_alone(Setup::default());
        load(&node, &dump).unwrap();
        let loaded = seen(&node);
        fail::cfg(point, "return").unwrap();
        let failed = node.dev.reset(Restart::Own);
        fail::remove(point);
        assert!(failed.is_err(), "{point}");
        if !is_reset {
            assert_eq!(seen(&node), loaded, "{point}: the chain goes on");
        }
        node.crash();
        node.open().unwrap_or_else(|error| panic!("{point}: {error}"));
        assert_eq!(node.chain.head().number, if is_reset { 0 } else { 3 }, "{point}");
        node.mine().unwrap();
        check_rows(&node);
        node.dev.reset(Restart::Own).unwrap();
        assert_eq!(node.chain.head().number, 0, "{point}");
    }
}
