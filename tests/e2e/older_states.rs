//! The states of older blocks go from anvil to here and from here to anvil, through a file and over the
//! wire.

use crate::{
    dumps::{anvil, file, live},
    harness::{Launch, Node},
    wallet::{Token, Wallet, fresh},
    wire::Client,
};
use alloy_primitives::hex;
use alloy_sol_types::SolCall;
use serde_json::{Value, json};

/// What the accounts that a dump names have at each block below its head, and what a contract with jumps
/// answers there.
fn older(client: &mut Client, dump: &Value) -> Vec<Value> {
    let mut seen = Vec::new();
    // `live` deploys it.
    let token = Wallet::dev(5).address().create(0);
    let head = dump["best_block_number"].as_u64().unwrap();
    let call = hex::encode_prefixed(Token::balanceOfCall { owner: fresh(3) }.abi_encode());
    for number in (0..head).map(|number| format!("{number:#x}")) {
        let mut ask = |method: &str, mut params: Value| {
            params.as_array_mut().unwrap().push(json!(number));
            let answer = client.get(method, params.clone());
            seen.push(json!([method, params, answer]));
        };
        for (address, account) in dump["accounts"].as_object().unwrap() {
            ask("eth_getBalance", json!([address]));
            ask("eth_getTransactionCount", json!([address]));
            ask("eth_getCode", json!([address]));
            for slot in account["storage"].as_object().unwrap().keys() {
                ask("eth_getStorageAt", json!([address, slot]));
            }
        }
        ask("eth_call", json!([{"to": token, "input": call}]));
    }
    seen
}

#[track_caller]
fn agree(one: &mut Client, other: &mut Client, dump: &Value) {
    let (expected, found) = (older(one, dump), older(other, dump));
    assert!(expected.len() > 200, "{}", expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    let five = format!("{:#066x}", 5);
    assert!(
        found.iter().any(|it| it[0] == "eth_call" && it[2] == json!(five)),
        "no jump was taken"
    );
}

#[test]
fn older_states_of_anvil_are_answered_here() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let flags = ["--preserve-historical-states", "--dump-state", path.to_str().unwrap()];
    let theirs = anvil(&flags);
    live(&theirs);
    let packed = theirs.client().get("anvil_dumpState", json!([true]));
    let over_the_wire = Node::start(&[]);
    over_the_wire.client().mined(&Wallet::dev(0).transfer(fresh(9), 1));
    over_the_wire.client().get("anvil_loadState", json!([packed]));
    let dump = over_the_wire.client().get("anvil_dumpState", json!([]));
    let mut json = String::new();
    let dump = hex::decode(dump.as_str().unwrap()).unwrap();
    let mut unpacked = flate2::read::GzDecoder::new(&dump[..]);
    std::io::Read::read_to_string(&mut unpacked, &mut json).unwrap();
    let dump: Value = serde_json::from_str(&json).unwrap();
    agree(&mut theirs.client(), &mut over_the_wire.client(), &dump);
    theirs.stop("INT");

    let from_file = Launch::new(&["--load-state", path.to_str().unwrap()]).start();
    agree(&mut over_the_wire.client(), &mut from_file.client(), &dump);
    let proof = from_file.client().get("eth_getProof", json!([fresh(1), [], "0x2"]));
    let balance = from_file.client().get("eth_getBalance", json!([fresh(1), "0x2"]));
    assert_eq!(proof["balance"], balance);
    assert_ne!(balance, json!("0x0"));
    let again = from_file.kill9().with_flags(&[]).start();
    agree(&mut over_the_wire.client(), &mut again.client(), &dump);
    again.client().mined(&Wallet::dev(0).transfer(fresh(9), 1));
    agree(&mut over_the_wire.client(), &mut again.client(), &dump);
}

#[test]
fn older_states_from_here_are_answered_by_anvil() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let ours = Node::start(&["--preserve-historical-states", "--state", path.to_str().unwrap()]);
    live(&ours);
    let packed = ours.client().get("anvil_dumpState", json!([true]));
    let ours = ours.stop("TERM").with_flags(&[]).start();
    let dump = file(&path);
    let head = dump["best_block_number"].as_u64().unwrap();
    assert_eq!(dump["historical_states"].as_array().unwrap().len() as u64, head);
    let theirs = anvil(&["--load-state", path.to_str().unwrap()]);
    agree(&mut ours.client(), &mut theirs.client(), &dump);
    let theirs = anvil(&[]);
    theirs.client().get("anvil_loadState", json!([packed]));
    agree(&mut ours.client(), &mut theirs.client(), &dump);
}
