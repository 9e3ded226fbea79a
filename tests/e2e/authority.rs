//! A chain of proof of authority with one signer: it makes blocks, survives `kill -9`, and refuses what
//! cannot sign.

use crate::{
    harness::{BINARY, Launch, Node},
    wallet::{ETHER, Wallet, fresh},
};
use alloy_primitives::{Address, hex};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

const PASSPHRASE: &str = "open-sesame";

/// A key file, the file of its passphrase, and whose key it is.
pub(crate) struct Key {
    pub(crate) file: PathBuf,
    pub(crate) password: PathBuf,
    pub(crate) address: Address,
    /// Keeps the files.
    _home: Launch,
}

impl Key {
    /// Of one of the accounts that everyone knows.
    pub(crate) fn of(account: u32) -> Self {
        let wallet = Wallet::dev(account);
        let home = Launch::new(&["dev", "--accounts", "1"]);
        let secret = wallet.private_key();
        Self::of_secret(&home.start(), &home, &secret)
    }

    /// How a node is started that signs with it.
    pub(crate) fn launch(&self) -> Launch {
        self.launch_with(&[])
    }

    /// The same with more flags.
    pub(crate) fn launch_with(&self, more: &[&str]) -> Launch {
        let flags = signing(self);
        let flags = flags.iter().map(String::as_str).chain(more.iter().copied());
        Launch::new(&flags.collect::<Vec<_>>())
    }

    /// Made by a node of its own; `node` keeps its directory.
    pub(crate) fn stored_by(node: &Node, launch: &Launch, key: u8) -> Self {
        Self::of_secret(node, launch, &hex::encode_prefixed([key; 32]))
    }

    fn of_secret(node: &Node, launch: &Launch, secret: &str) -> Self {
        let address = node.client().get("personal_importRawKey", json!([secret, PASSPHRASE]));
        let address: Address = serde_json::from_value(address).unwrap();
        let name = format!("{}.json", hex::encode(address));
        let password = launch.home().join("password.txt");
        fs::write(&password, format!("{PASSPHRASE}\n")).unwrap();
        Self {
            file: launch.data_dir().join("keystore").join(name),
            password,
            address,
            _home: launch.clone(),
        }
    }
}

/// The flags of a node that signs with this key.
fn signing(key: &Key) -> Vec<String> {
    let text = |path: &PathBuf| path.display().to_string();
    ["node", "--signer", &text(&key.file), "--password-file", &text(&key.password)]
        .map(str::to_owned)
        .to_vec()
}

pub(crate) fn launch(key: &Key) -> Launch {
    key.launch()
}

/// Makes the chain of a signer in the directory of a launch.
pub(crate) fn init(launch: &Launch, signer: Address, period: u64) {
    network(launch, signer, json!({ "clique": { "period": period, "epoch": 10 } }));
}

/// Makes a chain with these parts of a genesis' config in the directory of a launch.
pub(crate) fn network(launch: &Launch, signer: Address, consensus: Value) {
    network_of(launch, &[signer], consensus);
}

/// The same, of several signers in the order of their addresses.
pub(crate) fn network_of(launch: &Launch, signers: &[Address], consensus: Value) {
    let signers = signers.iter().map(hex::encode).collect::<String>();
    let extra = format!("0x{}{signers}{}", "00".repeat(32), "00".repeat(65));
    let funded = Wallet::dev(0).address();
    let mut config = json!({
        "chainId": 31337, "homesteadBlock": 0, "byzantiumBlock": 0, "constantinopleBlock": 0,
        "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0,
        "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "osakaTime": 0
    });
    let consensus = consensus.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(consensus);
    let genesis = json!({
        "config": config,
        "difficulty": "0x1", "gasLimit": "0x1c9c380", "extraData": extra, "timestamp": "0x0",
        "baseFeePerGas": "0x3b9aca00",
        "alloc": system_contracts(json!({
            format!("{funded:x}"): { "balance": format!("{:#x}", ETHER * 1000) }
        }))
    });
    let file = launch.home().join("genesis.json");
    fs::write(&file, genesis.to_string()).unwrap();
    let mut command = Command::new(BINARY);
    command.arg("init").arg("--datadir").arg(launch.data_dir()).arg("--genesis").arg(&file);
    let said = command.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// With the contracts that the newest forks call in every block, as a development chain has them.
fn system_contracts(mut alloc: Value) -> Value {
    let genesis = mainspring::spec::dev::DevGenesis {
        chain_id: 1,
        timestamp: 0,
        number: 0,
        gas_limit: 30_000_000,
        base_fee: 1,
        fork: mainspring::spec::Fork::LATEST,
        accounts: Vec::new(),
        create2_deployer: false,
    };
    let contracts = serde_json::to_value(genesis.genesis().alloc).unwrap();
    let contracts = contracts.as_object().unwrap().clone();
    alloc.as_object_mut().unwrap().extend(contracts);
    alloc
}

/// Sends a transaction and waits for its block.
pub(crate) fn mined(node: &Node, raw: &str) -> Value {
    let transaction = node.client().send_raw(raw);
    node.client().wait_for_receipt(transaction)
}

#[test]
fn a_single_signer_makes_blocks_before_and_after_kill_9() {
    let keys = Launch::new(&["dev"]);
    let keeper = keys.start();
    let key = Key::stored_by(&keeper, &keys, 0xb1);
    let launch = launch(&key);
    init(&launch, key.address, 1);
    let node = launch.start();
    let mut wallet = Wallet::dev(0);
    let receipt = mined(&node, &wallet.transfer(fresh(1), 5));
    assert_eq!(receipt["status"], "0x1");
    let node = node.kill9().start();
    let receipt = mined(&node, &wallet.transfer(fresh(1), 6));
    let block = json!([receipt["blockNumber"], false]);
    let block = node.client().get("eth_getBlockByNumber", block);
    assert_eq!(
        (&block["difficulty"], &block["nonce"]),
        (&json!("0x2"), &json!("0x0000000000000000"))
    );
    assert_eq!(block["miner"], json!(Address::ZERO), "the field is a vote");
    let earned = node.client().get("eth_getBalance", json!([key.address, "latest"]));
    assert_ne!(earned, "0x0", "the signer gets the tips");
    let safe = node.client().get("eth_getBlockByNumber", json!(["safe", false]));
    assert_ne!(safe["hash"], block["hash"]);
}

#[test]
fn without_a_period_a_block_comes_with_a_transaction() {
    let keys = Launch::new(&["dev"]);
    let keeper = keys.start();
    let key = Key::stored_by(&keeper, &keys, 0xb2);
    let launch = launch(&key);
    init(&launch, key.address, 0);
    let node = launch.start();
    let mut wallet = Wallet::dev(0);
    for number in 1..4 {
        let receipt = mined(&node, &wallet.transfer(fresh(1), number));
        assert_eq!(receipt["blockNumber"], format!("{number:#x}"));
    }
}

#[test]
fn a_key_that_cannot_sign_is_told_so() {
    let keys = Launch::new(&["dev"]);
    let keeper = keys.start();
    let (key, other) = (Key::stored_by(&keeper, &keys, 0xb3), Key::stored_by(&keeper, &keys, 0xb4));
    let right = launch(&key);
    init(&right, key.address, 1);
    right.with_flags(&["node"]).is_refused(&["--signer", "--no-seal"]);
    let flags = |key: &str, password: &str| {
        let words = ["node", "--signer", key, "--password-file", password];
        right.with_flags(&words)
    };
    let (file, password) = (key.file.display().to_string(), key.password.display().to_string());
    flags("nowhere.json", &password).is_refused(&["nowhere.json"]);
    flags(&file, "nowhere.txt").is_refused(&["nowhere.txt"]);
    flags(&password, &password).is_refused(&["password.txt", "no key file"]);
    fs::write(right.home().join("wrong.txt"), "wrong").unwrap();
    flags(&file, "wrong.txt").is_refused(&["--signer", "--password-file wrong.txt"]);
    // A key outside of the set follows the chain.
    let follower = flags(&other.file.display().to_string(), &password).start();
    let is_told = |_: &mut _| follower.output().contains("none of the signers").then_some(());
    follower.client().wait(is_told);
    assert_eq!(follower.client().block_number(), 0);
}
