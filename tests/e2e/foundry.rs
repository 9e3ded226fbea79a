//! Real forge and cast against the real binary: deploying, sending, testing.

use crate::{
    foundry_reads::{Reader, reads},
    harness::{Launch, Node, heavy},
    tools::Foundry,
    wallet::{ETHER, Token, Wallet, fresh},
    wire::{address, hash, number},
};
use alloy_primitives::{Address, B256, U256, address, hex};
use mainspring::spec::main_contract::{MAIN_ADDRESS, Main};
use serde_json::{Value, json};

const TOKEN: &str = "contracts/test/fixtures/Token.sol:Token";
const RECIPIENT: Address = address!("0x00000000000000000000000000000000DeaDBeef");

/// Deploys a token with a supply of a million to the development account.
fn forge_create(forge: &Foundry, owner: &Wallet) -> (Address, String) {
    let key = owner.private_key();
    let printed = forge.forge(
        &[
            "create",
            TOKEN,
            "--broadcast",
            "--json",
            "--private-key",
            &key,
            "--constructor-args",
            "1000000",
        ],
        &[],
    );
    let deployed: Value =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert_eq!(address(&deployed["deployer"]), owner.address());
    (address(&deployed["deployedTo"]), hash(&deployed["transactionHash"]).to_string())
}

#[test]
fn forge_creates_cast_sends_and_every_read_is_the_same_after_kill_9() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let foundry = Foundry::at(&node.url());
    let owner = Wallet::dev(0);
    let (token, created) = forge_create(&foundry, &owner);
    let key = owner.private_key();
    let to = token.to_string();
    let send = ["send", &to, "transfer(address,uint256)", &RECIPIENT.to_string(), "250"];
    let sent = foundry.send(&key, &send[1..]);
    foundry.send(&key, &[&RECIPIENT.to_string(), "--value", "1ether"]);

    let reader = Reader {
        token,
        owner: owner.address(),
        recipient: RECIPIENT,
        created,
        sent: hash(&sent["transactionHash"]).to_string(),
        sent_in: number(&sent["blockNumber"]),
    };
    let before = reads(&foundry, &reader);
    reader.expect(&before);
    let node = node.restart();
    let after = reads(&Foundry::at(&node.url()), &reader);
    for ((command, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!(before, after, "`cast {command}` after kill -9 and a restart");
    }
}

#[test]
fn forge_script_broadcasts_a_second_main() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let foundry = Foundry::at(&node.url());
    let key = Wallet::dev(1).private_key();
    let script = "contracts/script/Deploy.s.sol";
    foundry.forge(
        &["script", script, "--rpc-url", &node.url(), "--private-key", &key, "--broadcast"],
        &[],
    );
    let record = foundry.broadcast("Deploy.s.sol", 31337);
    let deployed = address(&record["transactions"][0]["contractAddress"]);
    assert_eq!(record["receipts"][0]["status"], "0x1");
    let mut client = node.client();
    let code = client.get("eth_getCode", json!([deployed, "latest"]));
    assert_eq!(code, json!(Main::DEPLOYED_BYTECODE), "the same code as the predeployed one");
    let party = Wallet::dev(2);
    foundry.send(&party.private_key(), &[&deployed.to_string(), "deposit()", "--value", "2ether"]);
    let ask = ["call", &deployed.to_string(), "balances(address)(uint256)"];
    let answer = foundry.cast(&[&ask[..], &[&party.address().to_string()]].concat());
    assert!(answer.starts_with(&(2 * ETHER).to_string()), "{answer}");
}

#[test]
fn cast_runs_a_mined_transaction_again_and_traces_a_call() {
    let node = Node::start(&[]);
    let foundry = Foundry::at(&node.url());
    let mut wallet = Wallet::dev(0);
    node.client().mined(&wallet.transfer(fresh(1), 1));
    let sent = node.client().mined(&wallet.deposit(5));
    let hash = sent["transactionHash"].as_str().unwrap();
    let ran = foundry.cast(&["run", hash]);
    assert!(ran.contains("Transaction successfully executed"), "{ran}");
    let gas = number(&sent["gasUsed"]);
    assert!(ran.contains(&format!("Gas used: {gas}")), "{gas}: {ran}");
    let main = MAIN_ADDRESS.to_string();
    let from = wallet.address().to_string();
    let traced =
        foundry.cast(&["call", &main, "deposit()", "--value", "1", "--from", &from, "--trace"]);
    assert!(traced.contains("Traces:") && traced.contains("Gas used"), "{traced}");
    assert_eq!(node.client().block_number(), 2, "both change nothing");
}

#[test]
fn cast_sends_transactions_of_every_type() {
    let node = Node::start(&[]);
    let foundry = Foundry::at(&node.url());
    let sender = Wallet::dev(3);
    let key = sender.private_key();
    let to = RECIPIENT.to_string();
    let list = json!([{ "address": MAIN_ADDRESS, "storageKeys": [B256::ZERO] }]).to_string();
    let blob = foundry.file("blob", b"carried beside the block");
    let plain = [to.as_str(), "--value", "1"];

    let legacy = foundry.send(&key, &[&plain[..], &["--legacy"]].concat());
    assert_eq!(legacy["type"], "0x0");
    let listed = foundry.send(&key, &[&plain[..], &["--access-list", &list]].concat());
    let dynamic = foundry.send(&key, &plain);
    assert_eq!(dynamic["type"], "0x2");
    let carried = foundry.send(&key, &[&plain[..], &["--blob", "--path", &blob]].concat());
    assert_eq!((&carried["type"], number(&carried["blobGasUsed"])), (&json!("0x3"), 1 << 17));
    let main = MAIN_ADDRESS.to_string();
    let delegated = foundry.send(&key, &[&plain[..], &["--auth", &main]].concat());
    assert_eq!(delegated["type"], "0x4");

    let mut client = node.client();
    let found = client.get("eth_getTransactionByHash", json!([listed["transactionHash"]]));
    assert_eq!(address(&found["accessList"][0]["address"]), MAIN_ADDRESS);
    let code = client.get("eth_getCode", json!([sender.address(), "latest"]));
    assert_eq!(
        code,
        json!(hex::encode_prefixed([&hex!("ef0100"), MAIN_ADDRESS.as_slice()].concat()))
    );
    assert_eq!(client.balance(RECIPIENT, "latest"), U256::from(5));
    assert_eq!(client.nonce(sender.address(), "latest"), 6, "five sends and one authorization");
}

/// The access list type itself: cast's `--access-list` puts the list into a type 2 transaction.
#[test]
fn an_access_list_transaction_of_type_one_is_mined() {
    let node = Node::start(&[]);
    let request = alloy_consensus::TxEip2930 {
        chain_id: 31337,
        gas_price: crate::wallet::FEE_CAP,
        gas_limit: 30_000,
        to: RECIPIENT.into(),
        value: U256::from(3),
        ..Default::default()
    };
    let receipt = node.client().mined(&Wallet::dev(0).sign(request));
    assert_eq!(receipt["type"], "0x1");
}

#[test]
fn cast_deploys_raw_code_and_sends_from_an_unlocked_account() {
    let node = Node::start(&[]);
    let foundry = Foundry::at(&node.url());
    let owner = Wallet::dev(4);
    let from = owner.address().to_string();
    let supply = format!("{:064x}", 77);
    let code = format!("{}{supply}", hex::encode_prefixed(&Token::BYTECODE));
    let receipt = foundry.cast_json(&["send", "--unlocked", "--from", &from, "--create", &code]);
    let token = receipt["contractAddress"].as_str().unwrap();
    let held = foundry.cast(&["call", token, "balanceOf(address)(uint256)", &from]);
    assert_eq!(held, "77");
    let refused = foundry.cast_fails(&[
        "call",
        token,
        "transfer(address,uint256)",
        &from,
        "78",
        "--from",
        &fresh(1).to_string(),
    ]);
    assert!(refused.contains("execution reverted"), "{refused}");
}

/// Forks are how Foundry users test against a chain that is there.
#[test]
fn forge_tests_run_on_a_fork_of_the_node_and_leave_it_alone() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let mut client = node.client();
    let (mut buyer, mut seller) = (Wallet::dev(0), Wallet::dev(1));
    client.mined(&buyer.deposit(3 * ETHER));
    client.mined(&seller.deposit(5 * ETHER));
    let head = client.get("eth_getBlockByNumber", json!(["latest", true]));
    let foundry = Foundry::at(&node.url());
    let printed = foundry.forge(
        &["test", "--fork-url", &node.url(), "--match-path", "contracts/test/fork/*"],
        &[("FOUNDRY_NO_STORAGE_CACHING", "true")],
    );
    assert!(printed.contains("3 passed; 0 failed; 0 skipped"), "{printed}");
    assert_eq!(client.get("eth_getBlockByNumber", json!(["latest", true])), head);
}

#[test]
fn cast_works_on_a_chain_set_back_to_london() {
    let node = Launch::new(&["--hardfork", "london", "--chain-id", "1337"]).start();
    let foundry = Foundry::at(&node.url());
    let key = Wallet::dev(0).private_key();
    foundry.send(&key, &[&RECIPIENT.to_string(), "--value", "1"]);
    foundry.send(&key, &[&MAIN_ADDRESS.to_string(), "deposit()", "--value", "1ether"]);
    assert_eq!(foundry.cast(&["chain-id"]), "1337");
    let block = foundry.cast_json(&["block", "latest"]);
    assert!(block["withdrawalsRoot"].is_null() && block["blobGasUsed"].is_null(), "{block}");
}
