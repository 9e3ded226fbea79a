//! A chain goes from anvil to here and from here to anvil, through a file and over the wire, and what
//! is no dump is refused with nothing lost.

use crate::{
    harness::{Launch, Node, heavy},
    tools::{Foundry, programs},
    wallet::{ETHER, Wallet, fresh},
    wire::{Client, quantity},
};
use alloy_primitives::{Address, U256, hex};
use alloy_sol_types::SolCall;
use flate2::{Compression, write::GzEncoder};
use mainspring::spec::main_contract::{MAIN_ADDRESS, Main};
use serde_json::{Value, json};
use std::{fs, io::Write, path::Path};

const PRICE: U256 = U256::from_limbs([3_000_000, 0, 0, 0]);

/// A real anvil 1.7.1.
pub(crate) fn anvil(flags: &[&str]) -> Node {
    Launch::new(flags).program(programs().join("anvil")).without_directory().start()
}

/// The fields of a value that every node shows in the same way.
fn only(value: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), value[*field].clone())).collect()
}

/// Blocks, transactions, receipts. Of what nobody signed the hash only if `all`: anvil binds the sender
/// in another way.
fn history(client: &mut Client, all: bool) -> Vec<Value> {
    let mut seen = Vec::new();
    for height in 0..=client.block_number() {
        let block = client.get("eth_getBlockByNumber", json!([format!("{height:#x}"), true]));
        assert!(!block.is_null(), "block {height} is not there");
        let fields = [
            "number",
            "hash",
            "parentHash",
            "timestamp",
            "gasUsed",
            "gasLimit",
            "baseFeePerGas",
            "miner",
            "mixHash",
            "transactionsRoot",
            "logsBloom",
        ];
        seen.push(only(&block, &fields));
        for transaction in block["transactions"].as_array().unwrap() {
            let fields = [
                "hash",
                "from",
                "to",
                "nonce",
                "value",
                "input",
                "gas",
                "type",
                "blockHash",
                "transactionIndex",
                "accessList",
                "authorizationList",
                "blobVersionedHashes",
            ];
            let unsigned = !all && transaction["from"] == json!(fresh(4));
            let shown =
                |value: &Value, fields: &[&str]| only(value, &fields[usize::from(unsigned)..]);
            seen.push(shown(transaction, &fields));
            let receipt = client.get("eth_getTransactionReceipt", json!([transaction["hash"]]));
            let fields = [
                "transactionHash",
                "status",
                "gasUsed",
                "cumulativeGasUsed",
                "contractAddress",
                "from",
                "to",
                "type",
                "blockNumber",
                "effectiveGasPrice",
            ];
            seen.push(shown(&receipt, &fields));
            for log in receipt["logs"].as_array().unwrap() {
                seen.push(only(log, &["address", "topics", "data", "logIndex", "blockNumber"]));
            }
        }
    }
    seen
}

/// Balance, nonce, code and storage of the accounts that a dump names.
fn accounts(client: &mut Client, dump: &Value) -> Vec<Value> {
    let mut seen = Vec::new();
    for (address, account) in dump["accounts"].as_object().unwrap() {
        for method in ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"] {
            seen.push(json!([address, method, client.get(method, json!([address, "latest"]))]));
        }
        for slot in account["storage"].as_object().unwrap().keys() {
            let value = client.get("eth_getStorageAt", json!([address, slot, "latest"]));
            seen.push(json!([address, slot, value]));
        }
    }
    seen
}

#[track_caller]
fn agree(one: &mut Client, other: &mut Client, dump: &Value, all: bool) {
    let (history, expected) = (history(other, all), history(one, all));
    for (found, expected) in history.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(history.len(), expected.len());
    let (found, expected) = (accounts(other, dump), accounts(one, dump));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

pub(crate) fn file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Height of the head of a dump.
fn best(dump: &Value) -> u64 {
    dump["best_block_number"].as_u64().unwrap()
}

/// Sends and waits: anvil answers before the block is there.
fn mined(client: &mut Client, raw: &str) -> Value {
    let sent = client.send_raw(raw);
    let receipt = client.wait_for_receipt(sent);
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    receipt
}

/// Sends transactions of every type, deploys contracts, edits, and lets somebody send who did not sign.
pub(crate) fn live(node: &Node) {
    let (foundry, mut client) = (Foundry::at(&node.url()), node.new_client());
    let key = Wallet::dev(4).private_key();
    let to = fresh(1).to_string();
    let plain = [to.as_str(), "--value", "7"];
    foundry.send(&key, &[&plain[..], &["--legacy"]].concat());
    foundry.send(&key, &[&plain[..], &["--access-list"]].concat());
    foundry.send(&key, &plain);
    let blob = foundry.file("blob", b"carried beside the block");
    foundry.send(&key, &[&plain[..], &["--blob", "--path", &blob]].concat());
    foundry.send(&key, &[&plain[..], &["--auth", &fresh(2).to_string()]].concat());
    let mut wallet = Wallet::dev(5);
    let token = mined(&mut client, &wallet.deploy_token(1_000));
    let token: Address = token["contractAddress"].as_str().unwrap().parse().unwrap();
    let give = crate::wallet::Token::transferCall { to: fresh(3), value: U256::from(5) };
    mined(&mut client, &wallet.call(token, &give, 0));
    client.get("anvil_setBalance", json!([fresh(4), "0xde0b6b3a7640000"]));
    client.get("anvil_impersonateAccount", json!([fresh(4)]));
    let unsigned = json!({"from": fresh(4), "to": fresh(5), "value": "0x9"});
    let sent = client.get("eth_sendTransaction", json!([unsigned]));
    client.wait_for_receipt(sent.as_str().unwrap().parse().unwrap());
    client.get("anvil_setStorageAt", json!([fresh(6), "0x1", format!("{:#066x}", 5)]));
    client.get("anvil_mine", json!([]));
}

#[test]
fn what_anvil_dumps_is_loaded_here() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let theirs = anvil(&["--dump-state", path.to_str().unwrap()]);
    live(&theirs);
    let packed = theirs.client().get("anvil_dumpState", json!([]));
    let unpacked = hex::decode(packed.as_str().unwrap()).unwrap();
    let mut json = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&unpacked[..]), &mut json)
        .unwrap();
    let dump: Value = serde_json::from_str(&json).unwrap();

    let over_the_wire = Node::start(&[]);
    over_the_wire.client().mined(&Wallet::dev(0).transfer(fresh(9), 1));
    let answer = over_the_wire.client().get("hardhat_loadState", json!([packed]));
    assert_eq!(answer, json!(true));
    agree(&mut theirs.client(), &mut over_the_wire.client(), &dump, true);
    theirs.stop("INT");
    let from_file = Launch::new(&["--load-state", path.to_str().unwrap()]).start();
    agree(&mut over_the_wire.client(), &mut from_file.client(), &dump, true);
    // Both go on.
    for node in [over_the_wire, from_file] {
        let node = node.kill9().with_flags(&[]).start();
        let mut client = node.client();
        let head = client.block_number();
        client.mined(&Wallet::dev(0).transfer(fresh(8), 5));
        assert_eq!(client.block_number(), head + 1);
        assert_eq!(client.balance(fresh(8), "latest"), U256::from(5));
        let old = client.refused("eth_getBalance", json!([fresh(8), "0x1"]));
        assert_eq!(old.code, 4444, "{old:?}");
        assert!(old.message.contains("the chain was loaded at block"), "{old:?}");
    }
}

/// What a view of Main answers.
fn ask<C: SolCall>(client: &mut Client, call: &C) -> C::Return {
    let request = json!({ "to": MAIN_ADDRESS, "input": hex::encode_prefixed(call.abi_encode()) });
    let answer = client.get("eth_call", json!([request, "latest"]));
    C::abi_decode_returns(&hex::decode(answer.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn an_order_goes_from_here_to_anvil_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let (mut buyer, mut seller) = (Wallet::dev(0), Wallet::dev(1));
    let ours = Node::start(&["--dump-state", path.to_str().unwrap()]);
    live(&ours);
    let mut client = ours.new_client();
    client.mined(&buyer.deposit(10 * ETHER));
    client.mined(&seller.deposit(5 * ETHER));
    let authorize = Main::authorizeCall { spender: seller.address(), amount: PRICE };
    client.mined(&buyer.call(MAIN_ADDRESS, &authorize, 0));
    let packed = client.get("anvil_dumpState", json!([]));
    let ours = ours.stop("TERM");

    let theirs = anvil(&["--load-state", path.to_str().unwrap()]);
    let dump = file(&path);
    let ours = ours.with_flags(&[]).start();
    agree(&mut ours.client(), &mut theirs.client(), &dump, false);
    let over_the_wire = anvil(&[]);
    assert_eq!(over_the_wire.client().get("anvil_loadState", json!([packed])), json!(true));
    agree(&mut ours.client(), &mut over_the_wire.client(), &dump, false);

    let mut client = theirs.new_client();
    let submit = Main::submitOrderCall { sender: buyer.address(), amount: PRICE };
    mined(&mut client, &seller.call(MAIN_ADDRESS, &submit, 0));
    let packed = client.get("anvil_dumpState", json!([]));
    let mut client = ours.new_client();
    client.get("anvil_loadState", json!([packed]));
    assert_eq!(ask(&mut client, &Main::ordersCall { party: buyer.address() }), U256::from(1));
    let (sender, spender) = (buyer.address(), seller.address());
    let confirm = Main::confirmOrderCall { sender, spender, amount: PRICE };
    client.mined(&buyer.call(MAIN_ADDRESS, &confirm, 0));
    let paid = ask(&mut client, &Main::balancesCall { party: spender });
    assert_eq!(paid, U256::from(5 * ETHER) + PRICE);
}

#[test]
fn a_state_file_is_written_at_the_end_and_now_and_then_and_read_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.json");
    let named = path.to_str().unwrap();
    let node = Node::start(&["--state", named, "--state-interval", "1"]);
    node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    node.new_client().wait(|_| {
        let dump: Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        (best(&dump) == 1).then_some(())
    });
    node.client().mined(&Wallet { nonce: 1, ..Wallet::dev(0) }.transfer(fresh(1), 1));
    let launch = node.stop("INT");
    assert_eq!(best(&file(&path)), 2);
    // The stored chain went on from this file, and wins.
    let node = launch.with_flags(&["--state", named]).start();
    assert_eq!(node.client().block_number(), 2);
    let launch = node.kill9();
    // Another directory: it is loaded.
    let node = Launch::new(&["--state", named]).start();
    assert_eq!(node.client().balance(fresh(1), "latest"), U256::from(2));
    node.client().mined(&Wallet { nonce: 2, ..Wallet::dev(0) }.transfer(fresh(1), 1));
    let other = node.stop("TERM");
    assert_eq!(best(&file(&path)), 3);
    let node = other.start();
    assert_eq!(node.client().block_number(), 3);
    drop(node);
    // A chain of its own is not overwritten, and does not overwrite the file.
    let own = Node::start(&[]);
    own.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    let own = own.stop("TERM");
    for flag in ["--state", "--load-state"] {
        own.with_flags(&[flag, named]).is_refused(&[flag, "at block 1", "--fresh", "--datadir"]);
    }
    let node = own.with_flags(&["--load-state", named, "--fresh"]).start();
    assert_eq!(node.client().block_number(), 3);
    // A folder stands for the file in it.
    let node = launch.with_flags(&["--dump-state", folder.path().to_str().unwrap()]).start();
    node.stop("TERM");
    assert_eq!(best(&file(&folder.path().join("state.json"))), 2);
}

#[test]
fn flags_that_contradict_each_other_are_refused_by_name() {
    for (flags, words) in [
        (&["--state", "a", "--load-state", "b"][..], ["--state", "--load-state"]),
        (&["--state", "a", "--dump-state", "b"], ["--state", "--dump-state"]),
        (&["--init", "g.json", "--load-state", "a"], ["--init", "--load-state"]),
        (&["--init", "g.json", "--state", "a"], ["--init", "--state"]),
        (&["--state-interval", "5"], ["--state-interval", "--dump-state"]),
        (&["--load-state", "nowhere.json"], ["nowhere.json", "No such file"]),
        (&["--dump-state", "nowhere/a.json"], ["nowhere/a.json", "--dump-state"]),
    ] {
        Launch::new(flags).is_refused(&words);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_file_that_is_no_dump_is_refused_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    let launch = Launch::new(&["--load-state", path.to_str().unwrap()]);
    let whole = br#"{"accounts":{"0x0000000000000000000000000000000000000007":{"nonce":1,"balance":"0x5","code":"0x","storage":{}}},"best_block_number":4,"block":null}"#;
    let packed = gzip(whole);
    let cases: [(&[u8], &str); 8] = [
        (b"", "the dump is empty"),
        (&whole[..60], "line 1 column"),
        (br#"{"config":{},"alloc":{}}"#, "--init"),
        (b"not json", "line 1 column"),
        (br#"{"accounts":[]}"#, "accounts by address"),
        (br#"{"accounts":{"0x12":{}}}"#, "line 1 column"),
        (
            br#"{"accounts":{"0x0000000000000000000000000000000000000007":{"balance":-5}}}"#,
            "hex or decimal",
        ),
        (&packed[..packed.len() - 12], "cut short or damaged"),
    ];
    for (bytes, words) in cases {
        fs::write(&path, bytes).unwrap();
        launch.is_refused(&[path.to_str().unwrap(), words]);
    }
    fs::write(&path, &packed).unwrap();
    let node = launch.start();
    assert_eq!(node.client().block_number(), 4);
    let seven = Address::with_last_byte(7);
    assert_eq!(node.client().balance(seven, "latest"), U256::from(5));
    // Over the wire as well; the chain stays.
    let before = node.client().get("eth_getBlockByNumber", json!(["latest", false]));
    for bytes in cases.map(|(bytes, _)| bytes) {
        let refused =
            node.client().refused("anvil_loadState", json!([hex::encode_prefixed(bytes)]));
        assert_eq!(refused.code, -32602, "{refused:?}");
    }
    assert_eq!(node.client().get("eth_getBlockByNumber", json!(["latest", false])), before);
    let plain = hex::encode_prefixed(whole);
    assert_eq!(node.client().get("anvil_loadState", json!([plain])), json!(true));
}

#[test]
fn a_dump_that_unpacks_to_more_than_allowed_is_refused() {
    let node = Node::start(&["--rpc-load-state-bytes", "1000000"]);
    let bomb = [b"{\"accounts\":{},\"padding\":\"".to_vec(), vec![b'x'; 50 << 20]].concat();
    let packed = hex::encode_prefixed(gzip(&bomb));
    let refused = node.client().refused("anvil_loadState", json!([packed]));
    assert!(refused.message.contains("--rpc-load-state-bytes"), "{refused:?}");
    assert_eq!(node.client().block_number(), 0);
}

#[test]
fn a_dump_that_is_longer_than_an_answer_names_the_flag() {
    let node = Node::start(&["--rpc-max-response-bytes", "3000"]);
    let refused = node.client().refused("anvil_dumpState", json!([]));
    assert!(refused.message.contains("--dump-state"), "{refused:?}");
}

/// Accounts with two slots each.
fn large(path: &Path, accounts: u64) {
    let mut out = std::io::BufWriter::new(fs::File::create(path).unwrap());
    out.write_all(b"{\"block\":{\"number\":\"0x5\",\"timestamp\":1900000000},\"accounts\":{")
        .unwrap();
    for index in 0..accounts {
        let comma = if index == 0 { "" } else { "," };
        let address = fresh(index);
        let (one, two) = (U256::from(index), U256::from(index + 1));
        write!(
            out,
            "{comma}\"{address:?}\":{{\"nonce\":{index},\"balance\":\"{two:#x}\",\"code\":\"0x\",\
             \"storage\":{{\"{one:#066x}\":\"{two:#066x}\",\"{two:#066x}\":\"{one:#066x}\"}}}}"
        )
        .unwrap();
    }
    out.write_all(b"},\"best_block_number\":5}").unwrap();
    out.flush().unwrap();
}

#[test]
fn a_dump_larger_than_the_memory_allowed_is_loaded_and_dumped() {
    let _turn = heavy();
    let folder = tempfile::tempdir().unwrap();
    let (path, back) = (folder.path().join("large.json"), folder.path().join("back.json"));
    large(&path, 200_000);
    // Anonymous memory in KiB; the database's map does not count.
    let flags = ["--load-state", path.to_str().unwrap(), "--dump-state", back.to_str().unwrap()];
    let node = Launch::new(&flags).after("ulimit -d 300000").start();
    let last = fresh(199_999);
    assert_eq!(node.client().balance(last, "latest"), U256::from(200_000));
    let slot = node.client().get("eth_getStorageAt", json!([last, "0x30d40", "latest"]));
    assert_eq!(quantity(&slot), U256::from(199_999));
    node.stop("TERM");
    let (read, written) = (file(&path), file(&back));
    for (address, account) in read["accounts"].as_object().unwrap() {
        let found = &written["accounts"][address];
        assert_eq!(found["nonce"], account["nonce"], "{address}");
        let zero = json!(format!("{:#066x}", 0));
        let slots = account["storage"].as_object().unwrap().iter();
        let slots = slots.filter(|(_, value)| **value != zero).collect::<Vec<_>>();
        let found = found["storage"].as_object().unwrap();
        assert_eq!(found.len(), slots.len(), "{address}");
        assert!(slots.iter().all(|(slot, value)| found.get(*slot) == Some(*value)), "{address}");
    }
}

#[test]
fn a_node_that_is_killed_while_it_loads_begins_with_nothing_or_with_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    large(&path, 5_000);
    let flags = ["--load-state", path.to_str().unwrap()];
    for point in ["load-after-batch", "renew-middle", "renew-after", "renew-between-folders"] {
        let launch = Launch::new(&flags).env("MAINSPRING_ABORT_AT", &format!("{point}:1"));
        assert!(launch.try_start().is_err(), "{point}");
        let launch = launch.without_env();
        let node = match launch.try_start() {
            Ok(node) => node,
            Err(said) => {
                assert!(said.contains("at block 5"), "{point}: {said}");
                launch.with_flags(&[]).start()
            }
        };
        assert_eq!(node.client().block_number(), 5, "{point}");
        assert_eq!(node.client().balance(fresh(4_999), "latest"), U256::from(5_000), "{point}");
        node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    }
}

#[test]
fn a_dump_that_is_cut_short_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let flags = ["--dump-state", path.to_str().unwrap()];
    let launch = Node::start(&flags).stop("TERM");
    let before = fs::read(&path).unwrap();
    let launch = launch.env("MAINSPRING_ABORT_AT", "dump-before-rename:1");
    let node = launch.start();
    node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    node.signal("TERM");
    let (status, launch) = node.ended();
    assert!(!status.success());
    assert_eq!(fs::read(&path).unwrap(), before);
    launch.without_env().start().stop("TERM");
    assert_eq!(best(&file(&path)), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}
