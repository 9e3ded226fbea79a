//! init, import, export, node: a chain goes from one directory into another and is the same there.

use crate::{
    harness::{BINARY, Launch, Node, fixtures},
    wallet::{Wallet, fresh},
};
use alloy_primitives::U256;
use mainspring::spec::{Fork, dev::DevGenesis};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
};

/// A place for files and chains.
struct Place(tempfile::TempDir);

/// How a command ended and what it said on both channels.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Said {
    #[track_caller]
    fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.error);
        self.out
    }

    #[track_caller]
    fn failed(self, words: &[&str]) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.error);
        for word in words {
            assert!(self.error.contains(word), "nothing says {word:?}: {}", self.error);
        }
        self.out
    }
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, line: &str) -> Said {
        self.run_with(line, Stdio::null(), &[])
    }

    fn run_with(&self, line: &str, input: Stdio, env: &[(&str, &str)]) -> Said {
        let mut command = Command::new(BINARY);
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(input);
        let output = command.envs(env.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
        Said { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
    }

    /// A development chain's genesis as a file.
    fn genesis(&self, name: &str, chain_id: u64) {
        let genesis = DevGenesis {
            chain_id,
            timestamp: 1_700_000_000,
            number: 0,
            gas_limit: 30_000_000,
            base_fee: 1_000_000_000,
            fork: Fork::LATEST,
            accounts: vec![(Wallet::dev(0).address(), U256::from(10).pow(U256::from(21)))],
            create2_deployer: true,
        };
        fs::write(self.path(name), serde_json::to_vec(&genesis.genesis()).unwrap()).unwrap();
    }
}

fn tell(node: &Node, blocks: u64) -> Value {
    let mut wallet = Wallet::dev(0);
    for number in 0..blocks {
        node.client().mined(&wallet.transfer(fresh(number), 1));
    }
    node.client().get("eth_getBlockByNumber", json!(["latest", false]))
}

/// A chain of five blocks in `one`, exported to `chain.rlp`; its head.
fn exported(place: &Place) -> Value {
    place.genesis("genesis.json", 31_337);
    let genesis = place.path("genesis.json").display().to_string();
    let node = Launch::new(&["--init", &genesis]).start();
    let head = tell(&node, 5);
    let launch = node.stop("TERM");
    let data = launch.data_dir().display().to_string();
    let told = place.run(&format!("export --datadir {data} chain.rlp")).succeeded();
    assert!(told.contains("Exported 5 blocks, 1 to 5"), "{told}");
    head
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

#[test]
fn an_exported_chain_is_the_same_in_an_empty_directory() {
    let place = Place::new();
    let head = exported(&place);
    let made = place.run("init --datadir two --genesis genesis.json").succeeded();
    assert!(made.starts_with("Created"), "{made}");
    let again = place.run("init --datadir two --genesis genesis.json").succeeded();
    assert!(again.starts_with("Already there"), "{again}");
    assert_eq!(made.split_once('\n').unwrap().1, again.split_once('\n').unwrap().1);

    let told = place.run("import --datadir two chain.rlp").succeeded();
    assert!(told.contains("Imported 5 blocks with 5 transactions"), "{told}");
    assert!(told.contains(text(&head, "hash")), "{told}");
    assert!(told.contains(text(&head, "stateRoot")), "{told}");
    let told = place.run("import --datadir two chain.rlp chain.rlp").succeeded();
    assert!(told.contains("Imported 0 blocks") && told.contains("10 known"), "{told}");

    place.run("export --datadir two --from 0 again.rlp").succeeded();
    let (first, second) = (fs::read(place.path("chain.rlp")), fs::read(place.path("again.rlp")));
    assert!(second.unwrap().ends_with(&first.unwrap()), "the same bytes after genesis");
    let told = place.run("import --datadir two again.rlp").succeeded();
    assert!(told.contains("6 known"), "{told}");
}

#[test]
fn blocks_come_through_standard_input_and_standard_output() {
    let place = Place::new();
    let head = exported(&place);
    place.run("init --datadir two --genesis genesis.json").succeeded();
    let input = File::open(place.path("chain.rlp")).unwrap();
    let told = place.run_with("import --datadir two -", input.into(), &[]).succeeded();
    assert!(told.contains(text(&head, "hash")), "{told}");
    let output = Command::new(BINARY)
        .args(["export", "--datadir", "two", "-"])
        .current_dir(place.0.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, fs::read(place.path("chain.rlp")).unwrap());
}

#[test]
fn a_damaged_file_is_refused_where_the_damage_is_and_what_came_before_stays() {
    let place = Place::new();
    let head = exported(&place);
    place.run("init --datadir two --genesis genesis.json").succeeded();
    let whole = fs::read(place.path("chain.rlp")).unwrap();
    fs::write(place.path("cut.rlp"), &whole[..whole.len() - 10]).unwrap();
    let told = place.run("import --datadir two cut.rlp").failed(&[
        "cut.rlp",
        "the file ends inside the block at byte",
        "10 of its bytes",
    ]);
    assert!(told.contains("Imported 4 blocks"), "{told}");

    fs::write(place.path("garbage.rlp"), b"{\"no\": \"blocks\"}").unwrap();
    place.run("import --datadir two garbage.rlp").failed(&["no block begins at byte 0"]);
    fs::write(place.path("empty.rlp"), b"").unwrap();
    place.run("import --datadir two empty.rlp").succeeded();
    place.run("import --datadir two nowhere.rlp").failed(&["nowhere.rlp"]);

    // One bit of the last block's state root: the rule, the block, and both values are named.
    let root = text(&head, "stateRoot").trim_start_matches("0x");
    let root: Vec<u8> = alloy_primitives::hex::decode(root).unwrap();
    let at = whole.windows(32).position(|window| window == root).unwrap();
    let mut bad = whole;
    bad[at] ^= 1;
    fs::write(place.path("bad.rlp"), bad).unwrap();
    place.run("import --datadir two bad.rlp").failed(&[
        "block 5 (0x",
        "InvalidStateRoot",
        text(&head, "stateRoot"),
    ]);
    let told = place.run("import --datadir two chain.rlp").succeeded();
    assert!(told.contains("Imported 1 blocks") && told.contains("4 known"), "{told}");
    assert!(told.contains(text(&head, "hash")), "{told}");
}

#[test]
fn an_export_stops_at_the_first_block_that_nobody_else_could_execute() {
    let place = Place::new();
    let node = Node::start(&[]);
    tell(&node, 2);
    node.client().get("anvil_setBalance", json!([fresh(9), "0x5"]));
    node.client().get("evm_mine", json!([]));
    let launch = node.stop("TERM");
    let data = launch.data_dir().display().to_string();
    place.run(&format!("export --datadir {data} part.rlp")).failed(&[
        "stopped before block 3",
        "1 edits of the state",
        "blocks 1 to 2 were written",
    ]);
    assert!(fs::metadata(place.path("part.rlp")).unwrap().len() > 0);
    place.run(&format!("export --datadir {data} --to 2 part.rlp")).succeeded();
    place.run(&format!("export --datadir {data} --to 9 part.rlp")).failed(&["9", "blocks 0 to 3"]);

    let node = Node::start(&[]);
    let sender = fresh(77);
    node.client().get("anvil_setBalance", json!([sender, "0xde0b6b3a7640000"]));
    node.client().get("evm_mine", json!([]));
    node.client().get("anvil_impersonateAccount", json!([sender]));
    node.client().get("eth_sendTransaction", json!([{"from": sender, "to": fresh(1)}]));
    let launch = node.stop("TERM");
    let data = launch.data_dir().display().to_string();
    place.run(&format!("export --datadir {data} --from 2 part.rlp")).failed(&[
        "stopped before block 2",
        "without a signature",
        &format!("{sender}"),
    ]);

    let node = Node::start(&["--allow-equal-timestamps"]);
    node.client().get("anvil_setBlockTimestampInterval", json!([0]));
    node.client().get("anvil_mine", json!([2]));
    let [first, second] = ["0x1", "0x2"].map(|number| {
        let block = node.client().get("eth_getBlockByNumber", json!([number, false]));
        block["timestamp"].clone()
    });
    assert_eq!(first, second, "equal, because it is allowed");
    let launch = node.stop("TERM");
    let data = launch.data_dir().display().to_string();
    let equal = ["stopped before block 1", "the timestamp of the block before"];
    place.run(&format!("export --datadir {data} part.rlp")).failed(&equal);

    let node = Node::start(&[]);
    node.client().get("evm_mine", json!([]));
    node.client().get("anvil_setChainId", json!([5]));
    node.client().get("evm_mine", json!([]));
    let launch = node.stop("TERM");
    let data = launch.data_dir().display().to_string();
    let other = ["stopped before block 2", "its chain id was set to 5"];
    place.run(&format!("export --datadir {data} part.rlp")).failed(&other);
}

#[test]
fn a_directory_has_one_genesis() {
    let place = Place::new();
    place.genesis("one.json", 31_337);
    place.genesis("other.json", 31_338);
    place.run("import --datadir chain one.json").failed(&["no chain in chain", "mainspring init"]);
    place.run("export --datadir chain out.rlp").failed(&["no chain in chain"]);
    place.run("node --datadir chain --no-seal").failed(&["no chain in chain"]);
    assert!(!place.path("chain").exists(), "nothing was made");
    place.run("init --datadir chain --genesis one.json").succeeded();
    // The same block 0, other rules after it.
    place.run("init --datadir chain --genesis other.json").failed(&["chain", "another config"]);
    let mut poor: Value =
        serde_json::from_slice(&fs::read(place.path("one.json")).unwrap()).unwrap();
    poor["gasLimit"] = json!("0x1000000");
    fs::write(place.path("poor.json"), poor.to_string()).unwrap();
    place.run("init --datadir chain --genesis poor.json").failed(&["genesis", "another"]);
    fs::write(place.path("none.json"), "[1]").unwrap();
    place.run("init --datadir new --genesis none.json").failed(&["none.json", "genesis file"]);
}

#[test]
fn a_node_serves_an_old_chain_with_the_namespaces_that_are_named() {
    let place = Place::new();
    let head = exported(&place);
    let serve = |flags: &[&str]| {
        let launch = Launch::new(flags);
        let data = launch.data_dir().display().to_string();
        place.run(&format!("init --datadir {data} --genesis genesis.json")).succeeded();
        place.run(&format!("import --datadir {data} chain.rlp")).succeeded();
        launch
    };
    let node = serve(&["node", "--no-seal", "--http.api", "eth,net"]).start();
    let mut client = node.client();
    let latest = client.get("eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(latest["hash"], head["hash"]);
    assert_eq!(client.get("eth_syncing", json!([])), false);
    assert_eq!(client.get("eth_accounts", json!([])), json!([]));
    let spaces = client.get("rpc_modules", json!([]));
    assert_eq!(spaces, json!({"eth": "1.0", "net": "1.0", "rpc": "1.0"}));
    let mut wallet = Wallet::dev(0);
    for number in 0..5 {
        wallet.transfer(fresh(number), 1);
    }
    client.send_raw(&wallet.transfer(fresh(50), 1));
    assert_eq!(client.nonce(wallet.address(), "pending"), 6);
    assert_eq!(client.block_number(), 5, "nobody makes blocks");
    for method in ["evm_mine", "anvil_setBalance", "hardhat_reset", "tenderly_addBalance"] {
        let refused = client.refused(method, json!([]));
        assert_eq!(refused.code, -32601, "{method}");
        assert!(refused.message.contains("only a development chain"), "{refused:?}");
    }
    assert_eq!(client.refused("web3_clientVersion", json!([])).code, -32601);
    drop(client);
    drop(node);
    serve(&["node", "--no-seal", "--http.api", "eth,anvil"]).is_refused(&[
        "\"anvil\"",
        "debug, erigon, eth",
        "web3",
    ]);
}

#[test]
fn a_merged_chain_is_served_with_no_seal_only() {
    let Some(fixtures) = fixtures("rpc-compat") else { return };
    let place = Place::new();
    let launch = Launch::new(&["node"]);
    let data = launch.data_dir().display().to_string();
    let genesis = fixtures.join("genesis.json").display().to_string();
    let chain = fixtures.join("chain.rlp").display().to_string();
    place.run(&format!("init --datadir {data} --genesis {genesis}")).succeeded();
    let told = place.run(&format!("import --datadir {data} {chain}")).succeeded();
    assert!(told.contains("Head: block 54 0xd226"), "{told}");
    assert!(told.contains("Seals not verified: 35"), "{told}");
    place.run(&format!("import --datadir {data} --verify-seal {chain}")).succeeded();
    launch.is_refused(&["--no-seal", "Merged"]);
    let node = launch.with_flags(&["node", "--no-seal"]).start();
    assert_eq!(node.client().block_number(), 54);
    assert_eq!(node.client().get("eth_syncing", json!([])), false);
}

#[test]
fn a_file_that_is_no_genesis_makes_no_chain() {
    let place = Place::new();
    fs::write(place.path("empty.json"), "{}").unwrap();
    let said = place.run("init --datadir one --genesis empty.json");
    assert_eq!(said.code, Some(1));
    assert!(said.error.contains("it has no config"), "{}", said.error);
    assert!(!place.path("one").exists());
}

#[cfg(feature = "failpoints")]
#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    let place = Place::new();
    let head = exported(&place);
    place.run("init --datadir two --genesis genesis.json").succeeded();
    let points = ["blocks-commit-before:1", "blocks-commit-after:1", "state-flush-middle:1"];
    for point in points {
        let env = [("MAINSPRING_ABORT_AT", point)];
        let said = place.run_with("import --datadir two chain.rlp", Stdio::null(), &env);
        assert_eq!(said.code, None, "{point}: {}{}", said.out, said.error);
    }
    let told = place.run("import --datadir two chain.rlp").succeeded();
    assert!(told.contains("5 known") && told.contains(text(&head, "hash")), "{told}");
}

#[test]
fn a_development_chain_does_not_go_on_from_a_chain_of_others() {
    let launch = Launch::new(&["dev"]);
    let data = launch.data_dir();
    for (mode, config) in [
        ("Merged", json!({ "terminalTotalDifficulty": 1000 })),
        ("Poa", json!({ "clique": { "period": 1, "epoch": 30000 } })),
        ("Pow", json!({ "ethash": {} })),
    ] {
        let mut all = json!({ "chainId": 1337, "homesteadBlock": 0 });
        let extra = match mode {
            "Poa" => format!("0x{}{}{}", "00".repeat(32), "11".repeat(20), "00".repeat(65)),
            _ => "0x".to_owned(),
        };
        all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let genesis = json!({
            "config": all, "gasLimit": "0x1c9c380", "difficulty": "0x20000", "alloc": {},
            // Of a signer, whom only proof of authority looks for.
            "extraData": extra,
        });
        let file = launch.home().join("genesis.json");
        std::fs::write(&file, genesis.to_string()).unwrap();
        let made = std::process::Command::new(BINARY)
            .args(["init", "--genesis"])
            .arg(&file)
            .arg("--datadir")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        launch.is_refused(&[mode, "mainspring node", &data.display().to_string()]);
        std::fs::remove_dir_all(&data).unwrap();
    }
}

#[test]
fn a_genesis_without_end_is_refused() {
    let place = Place::new();
    let said = place.run("init --datadir one --genesis /dev/zero");
    said.failed(&["/dev/zero", "longer than 268435456 bytes"]);
}
