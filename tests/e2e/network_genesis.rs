//! `mainspring genesis` writes networks, `init` makes them, and their forks move while they run.

use crate::{
    authority::Key,
    harness::{BINARY, Launch, Node},
    wallet::{ETHER, Wallet, fresh, legacy},
    wire::{Client, number, quantity},
};
use alloy_consensus::TxLegacy;
use alloy_primitives::{Address, U256, hex};
use alloy_sol_types::SolCall;
use mainspring::spec::main_contract::{MAIN_ADDRESS, Main};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs a command in a folder.
fn run(folder: &Path, env: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    let output =
        command.args(words).envs(env.iter().copied()).current_dir(folder).output().unwrap();
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[track_caller]
fn succeeds(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, &[], words);
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    said(&output)
}

#[track_caller]
fn fails(folder: &Path, words: &[&str], with: &[&str]) {
    let output = run(folder, &[], words);
    assert!(!output.status.success(), "{words:?}: {}", said(&output));
    for word in with {
        assert!(said(&output).contains(word), "{words:?} does not say {word:?}: {}", said(&output));
    }
}

/// Writes a genesis into the folder of a launch and makes its chain.
#[track_caller]
fn made(launch: &Launch, words: &[&str]) -> String {
    let network = ["genesis", "--chain-id", "31337", "--out", "genesis.json"];
    let told = succeeds(launch.home(), &[&network[..], words].concat());
    succeeds(launch.home(), &["init", "--datadir", "data", "--genesis", "genesis.json"]);
    told
}

fn file(launch: &Launch) -> Value {
    serde_json::from_slice(&fs::read(launch.home().join("genesis.json")).unwrap()).unwrap()
}

fn block(client: &mut Client, tag: &str) -> Value {
    client.get("eth_getBlockByNumber", json!([tag, false]))
}

fn code(client: &mut Client, address: Address) -> Value {
    client.get("eth_getCode", json!([address, "latest"]))
}

/// A node that signs alone, on a chain that these words shape, and its key.
fn alone(signer: u32, words: &[&str]) -> (Key, Node) {
    let key = Key::of(signer);
    let launch = key.launch();
    let own = ["--consensus", "poa", "--signer", &key.address.to_string()];
    made(&launch, &[&own[..], words].concat());
    let node = launch.start();
    (key, node)
}

#[test]
fn a_network_of_signers_is_written_made_and_served() {
    let launch = Launch::new(&["node", "--no-seal"]);
    let signers: Vec<String> =
        (0..4).map(|index| Wallet::dev(index).address().to_string()).collect();
    let fund = format!("{}:0.5", fresh(1));
    let told = made(
        &launch,
        &[
            &["--consensus", "poa", "--period", "3", "--epoch", "100", "--fund", &fund][..],
            &["--fund-dev-accounts", "2", "--extra", "shop", "--signer"],
            &signers.iter().map(String::as_str).collect::<Vec<_>>(),
        ]
        .concat(),
    );
    for word in
        ["a block every 3 s", "4 signers", "even number", "mainspring init --datadir", "--signer"]
    {
        assert!(told.contains(word), "nothing says {word:?}: {told}");
    }
    let node = launch.start();
    let mut client = node.client();
    let mut wanted: Vec<Address> = signers.iter().map(|it| it.parse().unwrap()).collect();
    wanted.sort_unstable();
    assert_eq!(client.get("clique_getSigners", json!([])), json!(wanted));
    assert_eq!(client.balance(fresh(1), "latest"), U256::from(ETHER / 2));
    assert_eq!(client.balance(Wallet::dev(1).address(), "latest"), U256::from(ETHER * 10_000));
    assert_eq!(client.balance(Wallet::dev(2).address(), "latest"), U256::ZERO);
    assert_ne!(code(&mut client, MAIN_ADDRESS), "0x");
    let genesis = block(&mut client, "0x0");
    assert!(genesis["extraData"].as_str().unwrap().starts_with(&hex::encode_prefixed("shop")));
    assert_eq!(file(&launch)["config"]["clique"], json!({ "period": 3, "epoch": 100 }));
    node.says("even number");
}

#[test]
fn a_network_of_miners_is_written_made_and_served() {
    let launch = Launch::new(&["node", "--no-seal"]);
    let words =
        ["--consensus", "pow", "--difficulty", "0x1000", "--minimum-difficulty", "7", "--bare"];
    made(&launch, &words);
    assert_eq!(file(&launch)["config"]["mainspring"]["minimumDifficulty"], "0x7");
    let node = launch.start();
    let mut client = node.client();
    let genesis = block(&mut client, "0x0");
    assert_eq!((&genesis["difficulty"], &genesis["timestamp"]), (&json!("0x1000"), &json!("0x0")));
    assert_eq!(code(&mut client, MAIN_ADDRESS), "0x");
}

#[test]
fn a_file_is_not_replaced_unless_it_is_asked_for_and_the_same_words_write_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["genesis", "--consensus", "pow", "--chain-id", "5"];
    let to_file = [&words[..], &["--out", "g.json"]].concat();
    succeeds(folder.path(), &to_file);
    let first = fs::read(folder.path().join("g.json")).unwrap();
    fails(folder.path(), &to_file, &["g.json", "--force"]);
    succeeds(folder.path(), &[&to_file[..], &["--force"]].concat());
    assert_eq!(fs::read(folder.path().join("g.json")).unwrap(), first);
    assert_eq!(run(folder.path(), &[], &words).stdout, first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    let genesis = folder.path().join("g.json").display().to_string();
    Launch::new(&["dev", "--init", &genesis]).is_refused(&["Pow", "mainspring init"]);
}

#[test]
fn what_makes_no_network_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, bob) = (Wallet::dev(0).address().to_string(), Wallet::dev(1).address().to_string());
    let zero = Address::ZERO.to_string();
    let refused = |words: &str, with: &[&str]| {
        let all: Vec<&str> = ["genesis"].into_iter().chain(words.split_whitespace()).collect();
        fails(folder.path(), &all, with);
    };
    let poa = format!("--consensus poa --chain-id 5 --signer {alice}");
    refused("--consensus bft --chain-id 5", &["not there yet"]);
    refused("--consensus poa --chain-id 5", &["no signer"]);
    refused("--consensus poa --chain-id 0 --signer x", &["0"]);
    refused(&format!("{poa} {bob} {alice}"), &[&alice, "twice"]);
    refused(&format!("{poa},{zero}"), &["zero address"]);
    refused(&format!("{poa} --difficulty 5"), &["--difficulty", "pow"]);
    refused(&format!("--consensus pow --chain-id 5 --signer {alice}"), &["--signer", "poa"]);
    refused("--consensus pow --chain-id 5 --difficulty 3", &["3", "500"]);
    refused("--consensus pow --chain-id 5 --minimum-difficulty 0", &["minimumDifficulty"]);
    refused(&format!("{poa} --fund {bob}:1 --fund {bob}:2"), &[&bob, "twice"]);
    refused(&format!("{poa} --fund {alice}:1 --fund-dev-accounts"), &[&alice, "twice"]);
    refused(&format!("{poa} --fund {bob}"), &["ADDRESS:ETHER"]);
    refused(&format!("{poa} --fund {}:1", bob.replace('C', "c")), &["checksum"]);
    refused(&format!("{poa} --fork osaka --fork-time prague=5"), &["prague", "5", "osaka"]);
    refused(
        &format!("{poa} --fork-time prague=50 --fork-time osaka=40"),
        &["osaka", "40", "prague"],
    );
    refused(&format!("{poa} --fork-time london=5"), &["london", "shanghai"]);
    refused(&format!("{poa} --fork paris"), &["paris", "shanghai"]);
    refused(&format!("{poa} --gas-limit 4999"), &["4999"]);
    refused(&format!("{poa} --extra 123456789012345678901234567890123"), &["33", "32"]);
    refused(&format!("{poa} --fee-market cheap"), &["eip1559, zero"]);
    refused(&format!("{poa} --timestamp 18446744073709551615"), &["timestamp"]);
    refused(&format!("{poa} --from nowhere"), &["no chain in nowhere"]);
    refused(&format!("{poa} --alloc nowhere.json"), &["nowhere.json"]);
    fs::write(folder.path().join("bad.json"), "{\"alloc\": 5}").unwrap();
    refused(&format!("{poa} --alloc bad.json"), &["bad.json"]);
    let whole = U256::MAX.to_string();
    let rich = format!("{poa} --fund {alice}:{whole}wei {bob}:1wei");
    refused(&rich, &["sum of all balances"]);
    refused(&format!("{poa} --out no/such/folder.json"), &["no/such"]);
}

#[test]
fn a_genesis_file_that_says_what_nobody_hears_makes_no_chain() {
    let launch = Launch::new(&[]);
    let signer = fresh(1).to_string();
    let genesis = ["genesis", "--chain-id", "5", "--consensus", "poa", "--signer", &signer];
    succeeds(launch.home(), &[&genesis[..], &["--out", "whole.json"]].concat());
    let whole: Value =
        serde_json::from_slice(&fs::read(launch.home().join("whole.json")).unwrap()).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut genesis = whole.clone();
        change(&mut genesis["config"]);
        fs::write(launch.home().join("genesis.json"), genesis.to_string()).unwrap();
    };
    type Change = fn(&mut Value);
    let changes: [(Change, &[&str]); 6] = [
        (|it| it["clique"]["perod"] = json!(1), &["config.clique.perod", "config.clique.period"]),
        (
            |it| it["mainspring"]["feMarket"] = json!("zero"),
            &["config.mainspring.feMarket", "config.mainspring.feeMarket"],
        ),
        (|it| it["oskaTime"] = json!(9), &["config.oskaTime", "config.osakaTime"]),
        (|it| it["clique"] = Value::Null, &["mode is poa", "no config.clique", "period"]),
        (|it| it["ethash"] = json!({}), &["mode is poa", "config.ethash"]),
        (
            |it| {
                it["clique"] = Value::Null;
                it["mainspring"] = json!({});
            },
            &["how blocks come about", "clique", "ethash", "dev"],
        ),
    ];
    for (change, words) in changes {
        changed(&change);
        fails(launch.home(), &INIT, words);
        assert!(!launch.data_dir().exists(), "{words:?}: nothing is written");
    }
    changed(&|config| config["contractSizeLimit"] = json!(5));
    let told = succeeds(launch.home(), &INIT);
    assert!(told.contains("config.contractSizeLimit means nothing here"), "{told}");
}

#[test]
fn accounts_of_a_file_are_there_too() {
    let launch = Launch::new(&["node", "--no-seal"]);
    let (contract, owner) = (fresh(1).to_string(), fresh(2).to_string());
    let alloc = json!({
        &contract: { "balance": "0x1", "code": "0x6001", "storage": { "0x01": "0x02" } },
        &owner: { "balance": "0x7" }
    });
    fs::write(launch.home().join("alloc.json"), alloc.to_string()).unwrap();
    let signer = fresh(3).to_string();
    made(&launch, &["--consensus", "poa", "--signer", &signer, "--alloc", "alloc.json"]);
    let node = launch.start();
    let mut client = node.client();
    assert_eq!(code(&mut client, fresh(1)), "0x6001");
    assert_eq!(client.balance(fresh(2), "latest"), U256::from(7));
    let slot = client.get("eth_getStorageAt", json!([contract, "0x1", "latest"]));
    assert_eq!(quantity(&slot), U256::from(2));
}

#[test]
fn where_gas_is_free_all_agree_on_it_and_the_poor_can_send() {
    let (_key, node) = alone(8, &["--period", "1", "--fee-market", "zero"]);
    let mut client = node.client();
    assert_eq!(client.get("eth_gasPrice", json!([])), "0x0");
    assert_eq!(client.get("eth_maxPriorityFeePerGas", json!([])), "0x0");
    let poor = Wallet::dev(5);
    let free = TxLegacy { gas_price: 0, value: U256::ZERO, ..legacy(Some(31337), 0, fresh(1)) };
    let raw = poor.sign(free);
    let sent = client.send_raw(&raw);
    let receipt = client.wait_for_receipt(sent);
    assert_eq!((&receipt["status"], &receipt["effectiveGasPrice"]), (&json!("0x1"), &json!("0x0")));
    let history = client.get("eth_feeHistory", json!(["0x2", receipt["blockNumber"], [50]]));
    let fees = history["baseFeePerGas"].as_array().unwrap();
    assert!(fees.iter().all(|fee| fee == "0x0"), "{history}");
}

#[test]
fn a_fixed_base_fee_never_moves() {
    let words = ["--period", "1", "--fee-market", "fixed:7000", "--fund-dev-accounts"];
    let (_key, node) = alone(8, &words);
    let mut client = node.client();
    assert_eq!(client.get("eth_gasPrice", json!([])), "0x1b58");
    let sent = client.send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
    let receipt = client.wait_for_receipt(sent);
    let history = client.get("eth_feeHistory", json!(["0x5", receipt["blockNumber"], []]));
    let fees = history["baseFeePerGas"].as_array().unwrap();
    assert!(fees.len() > 1 && fees.iter().all(|fee| fee == "0x1b58"), "{history}");
}

fn ask<C: SolCall>(client: &mut Client, call: &C) -> C::Return {
    let request = json!({ "to": MAIN_ADDRESS, "input": hex::encode_prefixed(call.abi_encode()) });
    let answer = client.get("eth_call", json!([request, "latest"]));
    C::abi_decode_returns(&hex::decode(answer.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn the_state_of_a_laptop_begins_a_network_without_its_history() {
    let laptop = Launch::new(&["dev"]);
    let node = laptop.start();
    let (mut buyer, mut seller) = (Wallet::dev(0), Wallet::dev(1));
    let (from, to) = (buyer.address(), seller.address());
    let wei = U256::from(ETHER);
    let mut client = node.client();
    client.mined(&buyer.call(MAIN_ADDRESS, &Main::depositCall {}, 5 * ETHER));
    client.mined(&buyer.call(MAIN_ADDRESS, &Main::approveCall { spender: to, amount: wei }, 0));
    client.mined(&seller.call(
        MAIN_ADDRESS,
        &Main::submitOrderCall { sender: from, amount: wei },
        0,
    ));
    let deployed = client.mined(&buyer.deploy_token(1_000))["contractAddress"].clone();
    let token: Address = serde_json::from_value(deployed).unwrap();
    client.get("anvil_setBalance", json!([fresh(7), "0x2a"]));
    let before =
        (client.balance(from, "latest"), client.nonce(from, "latest"), code(&mut client, token));
    let head = block(&mut client, "latest");
    drop(client);
    let data = laptop.data_dir().display().to_string();
    let key = Key::of(8);
    let launch = key.launch();
    let poa = ["--consensus", "poa", "--period", "0", "--signer", &key.address.to_string()];
    let words = [&["genesis", "--chain-id", "31337", "--from", &data], &poa[..]].concat();
    fails(launch.home(), &words, &["in use"]);
    node.stop("TERM");
    let richer = format!("{from}:1");
    let funded = [&words[..], &["--fund", &richer]].concat();
    fails(launch.home(), &funded, &[&from.to_string(), "--from"]);
    made(&launch, &[&poa[..], &["--from", &data, "--fund", &format!("{}:1", fresh(9))]].concat());
    let node = launch.start();
    let mut client = node.client();
    assert_eq!(client.block_number(), 0, "no history");
    let after =
        (client.balance(from, "latest"), client.nonce(from, "latest"), code(&mut client, token));
    assert_eq!(after, before);
    assert_eq!(client.balance(fresh(7), "latest"), U256::from(42), "an edit that no block has yet");
    assert_eq!(client.balance(fresh(9), "latest"), wei);
    assert_eq!(ask(&mut client, &Main::balancesCall { party: from }), wei * U256::from(5));
    assert_eq!(ask(&mut client, &Main::ordersCall { party: to }), U256::ONE);
    let genesis = block(&mut client, "0x0");
    assert!(number(&genesis["timestamp"]) >= number(&head["timestamp"]), "time goes on");
    let confirm = Main::confirmOrderCall { sender: from, spender: to, amount: wei };
    let sent = client.send_raw(&buyer.call(MAIN_ADDRESS, &confirm, 0));
    assert_eq!(client.wait_for_receipt(sent)["status"], "0x1", "the order goes on there");
}

#[test]
fn a_fork_of_another_chain_begins_no_network() {
    let upstream = Node::start(&[]);
    let fork = Launch::new(&["dev", "--fork-url", &upstream.url()]);
    fork.start().stop("TERM");
    let data = fork.data_dir().display().to_string();
    let words = ["genesis", "--consensus", "pow", "--chain-id", "5", "--from", &data];
    fails(fork.home(), &words, &["fork of another chain"]);
}

/// Changes a field of the config in the genesis file of a launch.
fn change(launch: &Launch, field: &str, value: Value) {
    let mut genesis = file(launch);
    genesis["config"][field] = value;
    fs::write(launch.home().join("genesis.json"), genesis.to_string()).unwrap();
}

const INIT: [&str; 5] = ["init", "--datadir", "data", "--genesis", "genesis.json"];

#[test]
fn a_fork_is_added_to_a_chain_that_runs_unless_it_lies_in_the_past() {
    let (_key, node) = alone(8, &["--period", "1", "--fork", "cancun"]);
    let mut client = node.client();
    let genesis = block(&mut client, "0x0")["hash"].clone();
    client.wait(|client| (client.block_number() >= 2).then_some(()));
    drop(client);
    let launch = node.launch.clone();
    fails(launch.home(), &INIT, &["in use"]);
    node.stop("TERM");
    let node = launch.start();
    let head = number(&block(&mut node.client(), "latest")["timestamp"]);
    node.stop("TERM");
    change(&launch, "pragueTime", json!(head - 1));
    fails(launch.home(), &INIT, &["pragueTime", &(head - 1).to_string(), "the head, block"]);
    change(&launch, "pragueTime", json!(head + 8));
    let killed = run(launch.home(), &[("MAINSPRING_ABORT_AT", "blocks-commit-middle:1")], &INIT);
    assert_eq!(killed.status.code(), None, "{}", said(&killed));
    let told = succeeds(launch.home(), &INIT);
    assert!(
        told.contains("pragueTime") && told.contains(&genesis.as_str().unwrap()[2..]),
        "{told}"
    );
    assert!(!succeeds(launch.home(), &INIT).contains("pragueTime"), "it is so already");
    change(&launch, "chainId", json!(5));
    fails(launch.home(), &INIT, &["config.chainId"]);
    let node = launch.start();
    let mut client = node.client();
    assert_eq!(block(&mut client, "0x0")["hash"], genesis);
    let first = client.wait(|client| {
        let newest = block(client, "latest");
        newest.get("requestsHash").filter(|hash| !hash.is_null()).map(|_| newest.clone())
    });
    assert!(number(&first["timestamp"]) >= head + 8, "{first}");
    let above = number(&first["number"]) - 1;
    let before = block(&mut client, &format!("{above:#x}"));
    let is_old = before["requestsHash"].is_null();
    assert!(is_old == (number(&before["timestamp"]) < head + 8), "{before}");
}

#[test]
fn a_signer_is_proposed_over_rpc_and_the_last_one_stays() {
    let (_key, node) = alone(8, &["--period", "0", "--fund-dev-accounts", "2"]);
    let mut client = node.client();
    let (own, newcomer) = (Wallet::dev(8).address(), fresh(3));
    let nothing = client.refused("clique_propose", json!([]));
    assert!(nothing.message.contains("argument 0 (address: address)"), "{nothing:?}");
    let half = client.refused("clique_propose", json!([own, "yes"]));
    assert!(half.message.starts_with("invalid argument 1 (authorize: bool): "), "{half:?}");
    let last = client.refused("clique_propose", json!([own, false]));
    assert!(last.message.contains("last signer"), "{last:?}");
    let nobody = client.refused("clique_propose", json!([Address::ZERO, true]));
    assert!(nobody.message.contains("zero address"), "{nobody:?}");
    client.get("clique_propose", json!([fresh(4), true]));
    client.get("clique_discard", json!([fresh(4)]));
    client.get("clique_propose", json!([newcomer, true]));
    assert_eq!(
        client.get("clique_proposals", json!([])),
        json!({ newcomer.to_string().to_lowercase(): true })
    );
    let sent = client.send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
    let mined = client.wait_for_receipt(sent);
    let mut both = [own, newcomer];
    both.sort_unstable();
    assert_eq!(client.get("clique_getSigners", json!([])), json!(both));
    assert_eq!(client.get("clique_getSigners", json!(["0x0"])), json!([own]));
    node.says(&format!("{newcomer} is a signer now"));
    node.says("2 signers are an even number");
    let snapshot = client.get("clique_getSnapshot", json!([]));
    assert_eq!(snapshot["recents"], json!({ "1": own }));
    let header = client.get("debug_getRawHeader", json!(["0x1"]));
    let raw = client.get("debug_getRawBlock", json!(["0x1"]));
    for one in [json!("0x1"), json!("latest"), mined["blockHash"].clone(), header, raw] {
        assert_eq!(client.get("clique_getSigner", json!([one])), json!(own));
    }
    let garbage = client.refused("clique_getSigner", json!([format!("0x{}", "c0".repeat(40))]));
    assert_eq!(garbage.code, -32602, "{garbage:?}");
    assert!(client.refused("clique_getSigner", json!(["0x0"])).message.contains("seal"));
    assert_eq!(client.refused("clique_getSnapshot", json!(["0x99"])).message, "unknown block");
}

#[test]
fn a_node_without_a_key_has_no_vote_and_says_which_flag_gives_one() {
    let launch = Launch::new(&["node", "--no-seal"]);
    made(&launch, &["--consensus", "poa", "--signer", &fresh(1).to_string()]);
    let node = launch.start();
    let mut client = node.client();
    for (method, params) in
        [("clique_propose", json!([fresh(2), true])), ("clique_discard", json!([fresh(2)]))]
    {
        let refused = client.refused(method, params);
        assert!(refused.message.contains("--signer"), "{refused:?}");
    }
    assert_eq!(client.get("clique_proposals", json!([])), json!({}));
}
