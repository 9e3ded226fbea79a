//! Does the node name what it runs? Real projects of forge and Hardhat, compiled here and watched.

use crate::{
    harness::{Launch, Node},
    tools::{Foundry, Workshop, root},
    wallet::Wallet,
    wire::address,
};
use alloy_primitives::{Address, hex, keccak256};
use alloy_sol_types::SolValue;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A project that forge has compiled.
struct Project {
    dir: TempDir,
}

impl Project {
    /// With these settings in its profile.
    fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let solc = root().join("scripts/solc.js");
        let toml = format!(
            "[profile.default]\nsrc = 'src'\nout = 'out'\nlibs = []\nsolc = '{}'\n\
             auto_detect_solc = false\noffline = true\nevm_version = 'osaka'\n{settings}\n",
            solc.display()
        );
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("foundry.toml"), toml).unwrap();
        let project = Self { dir };
        project.copy(&root().join("tests/e2e/artifacts/Vault.sol"));
        project
    }

    fn path(&self, part: &str) -> PathBuf {
        self.dir.path().join(part)
    }

    fn copy(&self, source: &Path) {
        fs::copy(source, self.path("src").join(source.file_name().unwrap())).unwrap();
    }

    fn build(&self) {
        let dir = self.dir.path().display().to_string();
        Foundry::at("http://127.0.0.1:1").forge(&["build", "--root", &dir], &[]);
    }

    /// A node that reads what is compiled, when it has read it.
    fn node(&self, flags: &[&str]) -> Node {
        let out = self.path("out").display().to_string();
        let node = Launch::new(&[&["--artifacts", &out], flags].concat()).start();
        node.says("contracts are known by their artifacts");
        node
    }

    /// Sends the code of a contract with these arguments; its receipt.
    fn create(&self, node: &Node, contract: &str, file: &str, arguments: &[u8]) -> Value {
        let artifact = self.path(&format!("out/{file}.sol/{contract}.json"));
        let artifact: Value = serde_json::from_slice(&fs::read(artifact).unwrap()).unwrap();
        let code = artifact["bytecode"]["object"].as_str().unwrap();
        send(node, json!({ "data": format!("{code}{}", hex::encode(arguments)) }))
    }

    fn deploy(&self, node: &Node, contract: &str, file: &str, arguments: &[u8]) -> Address {
        let receipt = self.create(node, contract, file, arguments);
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        address(&receipt["contractAddress"])
    }

    /// The number of the line of a source that holds this text.
    fn line(&self, file: &str, text: &str) -> u64 {
        let source = fs::read_to_string(self.path("src").join(file)).unwrap();
        let line = source.lines().position(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("no {text:?} in {file}")) as u64 + 1
    }
}

/// Sends a transaction of the first account with much gas; its receipt.
fn send(node: &Node, mut request: Value) -> Value {
    request["from"] = json!(Wallet::dev(0).address());
    request["gas"] = json!("0x4c4b40");
    let hash = node.client().get("eth_sendTransaction", json!([request]));
    node.client().get("eth_getTransactionReceipt", json!([hash]))
}

fn data(signature: &str, arguments: &[u8]) -> String {
    hex::encode_prefixed([&keccak256(signature)[..4], arguments].concat())
}

fn decoded(node: &Node, receipt: &Value) -> Value {
    node.client().get("chain_traceDecoded", json!([receipt["transactionHash"]]))
}

/// `Contract.function file:line` of every frame.
fn frames(decoded: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let frame = |it: &Value| {
        let (contract, function) = (text(&it["contract"]), text(&it["function"]));
        format!("{contract}.{function} {}:{}", text(&it["file"]), it["line"])
    };
    decoded["stackTrace"].as_array().unwrap().iter().map(frame).collect()
}

#[test]
fn a_custom_error_in_a_nested_call_is_told_with_its_line_and_the_way_to_it() {
    for settings in ["optimizer = false", "optimizer = true\noptimizer_runs = 200"] {
        let project = Project::new(settings);
        project.build();
        let node = project.node(&[]);
        let vault = project.deploy(&node, "Vault", "Vault", &5_u64.abi_encode());
        let teller = project.deploy(&node, "Teller", "Vault", &vault.abi_encode());
        let serve = data("serve(uint256)", &40_u64.abi_encode());
        let receipt = send(&node, json!({ "to": teller, "data": serve }));
        assert_eq!(receipt["status"], "0x0");
        let decoded = decoded(&node, &receipt);
        let error = format!("InsufficientBalance({teller}, 0, 45)");
        assert_eq!(decoded["message"], format!("reverted with custom error '{error}'"));
        let at = |name: &str, text: &str| {
            format!("{name} src/Vault.sol:{}", project.line("Vault.sol", text))
        };
        let way = [
            at("Ledger.take", "revert InsufficientBalance"),
            at("Vault._take", "balances.take(amount)"),
            at("Vault.take", "_take(amount + FEE)"),
            at("Teller.inner", "return VAULT.take(amount)"),
            at("Teller.serve", "return inner(amount)"),
        ];
        assert_eq!(frames(&decoded), way, "{settings}");
        assert_eq!(decoded["function"], "serve(uint256)");
        let call = &decoded["children"][0];
        assert_eq!(
            (&call["contract"], &call["function"]),
            (&json!("Vault"), &json!("take(uint256)"))
        );
        assert_eq!(call["args"], json!([{ "name": "amount", "type": "uint256", "value": "40" }]));
        assert_eq!(call["source"]["line"], project.line("Vault.sol", "return VAULT.take(amount)"));
        node.says("Call: Teller.serve(40)");
        let line = project.line("Vault.sol", "revert InsufficientBalance");
        node.says(&format!(
            "Error: reverted with custom error '{error}' at src/Vault.sol:{line} in Ledger.take"
        ));
        // The wire says what geth says.
        let call =
            json!([{ "from": Wallet::dev(0).address(), "to": teller, "data": serve }, "latest"]);
        let refused = node.client().refused("eth_call", call);
        assert_eq!((refused.code, refused.message.as_str()), (3, "execution reverted"));
    }
}

#[test]
fn every_way_to_fail_names_its_line() {
    let project = Project::new("optimizer = false");
    project.build();
    let node = project.node(&[]);
    let refused = decoded(&node, &project.create(&node, "Vault", "Vault", &500_u64.abi_encode()));
    assert_eq!(refused["message"], "reverted with reason string 'The fee is too high.'");
    let line = |text: &str| project.line("Vault.sol", text);
    let first = |decoded: &Value| frames(decoded).first().cloned().unwrap();
    let place = format!("Vault.constructor src/Vault.sol:{}", line("require(fee < 100"));
    assert_eq!(first(&refused), place);
    assert_eq!(refused["args"][0]["value"], "500");

    let vault = project.deploy(&node, "Vault", "Vault", &5_u64.abi_encode());
    let teller = project.deploy(&node, "Teller", "Vault", &vault.abi_encode());
    let panic = |code: &str, meaning: &str| format!("reverted with panic code {code} ({meaning})");
    let cases = [
        (
            vault,
            data("subtract(uint256,uint256)", &(1_u64, 2_u64).abi_encode()),
            panic("0x11", "arithmetic underflow or overflow"),
            format!("Vault.subtract src/Vault.sol:{}", line("return one - other")),
        ),
        (
            vault,
            data("third()", &[]),
            panic("0x32", "out-of-bounds access of an array or bytesN"),
            format!("Vault.third src/Vault.sol:{}", line("return list[2]")),
        ),
        (
            teller,
            data("tryToServe(uint256)", &1_u64.abi_encode()),
            "reverted with reason string 'The vault refuses.'".to_owned(),
            format!("Teller.tryToServe src/Vault.sol:{}", line("revert(\"The vault refuses.\")")),
        ),
        (
            teller,
            data("callNobody()", &[]),
            "reverted without a reason".to_owned(),
            format!("Teller.callNobody src/Vault.sol:{}", line("return Vault(address(0xBEEF))")),
        ),
        (
            vault,
            data("nothing()", &[]),
            "function selector was not recognized and there is no fallback function".to_owned(),
            format!("Vault.? src/Vault.sol:{}", line("contract Vault")),
        ),
    ];
    for (to, data, message, place) in cases {
        let decoded = decoded(&node, &send(&node, json!({ "to": to, "data": data })));
        assert_eq!(decoded["message"], message, "{decoded:#}");
        assert_eq!(first(&decoded), place, "{decoded:#}");
    }
    let paid = json!({ "to": vault, "data": data("third()", &[]), "value": "0x7" });
    let decoded = decoded(&node, &send(&node, paid));
    assert_eq!(decoded["message"], "non-payable function was called with value 7 wei");
}

#[test]
fn with_via_ir_the_error_is_named_and_the_source_as_far_as_the_compiler_tells_it() {
    let project = Project::new("optimizer = true\nvia_ir = true");
    project.build();
    let node = project.node(&[]);
    let vault = project.deploy(&node, "Vault", "Vault", &5_u64.abi_encode());
    let take = data("take(uint256)", &40_u64.abi_encode());
    let decoded = decoded(&node, &send(&node, json!({ "to": vault, "data": take })));
    let message = decoded["message"].as_str().unwrap();
    assert!(message.starts_with("reverted with custom error 'InsufficientBalance("), "{message}");
    assert_eq!(decoded["stackTrace"][0]["file"], "src/Vault.sol", "{decoded:#}");
}

#[test]
fn everything_that_contracts_say_to_the_console_is_printed_and_is_data() {
    let project = Project::new("optimizer = true");
    project.copy(&root().join("tests/e2e/artifacts/Speaker.sol"));
    let hardhat = Workshop::with("hardhat3/node_modules", "");
    project.copy(&hardhat.path().join("node_modules/hardhat/console.sol"));
    project.build();
    let node = Node::start(&[]);
    let speaker = project.deploy(&node, "Speaker", "Speaker", &[]);
    let receipt = send(&node, json!({ "to": speaker, "data": data("speak()", &[]) }));
    let logs = node.client().get("chain_getConsoleLogs", json!([receipt["transactionHash"]]));
    let texts: Vec<_> =
        logs.as_array().unwrap().iter().map(|log| log["text"].as_str().unwrap()).collect();
    let (one, two) =
        (Address::with_last_byte(1).to_string(), Address::with_last_byte(2).to_string());
    let speaker_text = speaker.to_string();
    let four = format!("{one} false three 4");
    let word = format!("0x{:064x}", 32);
    let twenty = format!("0x{}", "20".repeat(20));
    let expected = [
        "",
        "plain",
        "7",
        "true",
        &speaker_text,
        "sold 3 of ten",
        &four,
        "x is 255",
        "-1",
        "1",
        "text",
        "false",
        &two,
        "0x0102",
        "0x11",
        &twenty,
        &word,
        "old 5",
        "-5",
    ];
    assert_eq!(texts, expected);
    assert_eq!(logs[5]["signature"], "log(string,uint256,string)");
    assert_eq!(logs[5]["args"], json!(["sold %d of %s", "3", "ten"]));
    node.says("    console.log: sold 3 of ten");
    node.says(&format!("    console.log: {four}"));

    // A call that nobody mines, and one that fails.
    node.client()
        .get("eth_call", json!([{ "to": speaker, "data": data("whisper()", &[]) }, "latest"]));
    node.says("    console.log: from inside");
    let fail = |number: u64| json!({ "to": speaker, "data": data("speakAndFail(uint256)", &number.abi_encode()) });
    let refused = node.client().refused("eth_estimateGas", json!([fail(77)]));
    assert_eq!(refused.message, "execution reverted: The end.");
    node.says("    console.log: before the end 77");
    let receipt = send(&node, fail(78));
    assert_eq!(receipt["status"], "0x0");
    node.says("    console.log: before the end 78");
    let whispered = send(&node, json!({ "to": speaker, "data": data("whisper()", &[]) }));
    let logs = node.client().get("chain_getConsoleLogs", json!([whispered["transactionHash"]]));
    assert_eq!((&logs[0]["depth"], &logs[0]["text"]), (&json!(1), &json!("from inside")));

    let silent = node.kill9().with_flags(&["--no-console-log"]).start();
    let again = send(&silent, fail(79));
    let logs = silent.client().get("chain_getConsoleLogs", json!([again["transactionHash"]]));
    assert_eq!(logs[0]["text"], "before the end 79");
    silent.says("Error: reverted with reason string 'The end.'");
    assert!(!silent.output().contains("console.log:"), "{}", silent.output());
}

#[test]
fn artifacts_that_come_change_and_break_while_the_node_runs_are_followed() {
    let project = Project::new("optimizer = false");
    let node = project.node(&[]);
    node.says("out cannot be read");
    project.build();
    node.says("3 contracts are known");
    let vault = project.deploy(&node, "Vault", "Vault", &5_u64.abi_encode());
    let take = json!({ "to": vault, "data": data("take(uint256)", &40_u64.abi_encode()) });
    let receipt = send(&node, take);
    let name = |node: &Node| decoded(node, &receipt)["contract"].clone();
    assert_eq!(name(&node), "Vault");

    // Half written: what it said before still counts.
    let artifact = project.path("out/Vault.sol/Vault.json");
    let whole = fs::read_to_string(&artifact).unwrap();
    fs::write(&artifact, &whole[..whole.len() / 2]).unwrap();
    node.says("Vault.json is no artifact that can be read");
    assert_eq!(name(&node), "Vault");

    // Another name for the same code.
    let renamed = whole.replace(":\"Vault\"", ":\"Safe\"");
    fs::write(&artifact, renamed).unwrap();
    node.new_client().wait(|_| (name(&node) == "Safe").then_some(()));

    // Garbage beside it changes nothing.
    fs::write(project.path("out/garbage.json"), [0xFF; 4096]).unwrap();
    node.says("garbage.json is no artifact");
    assert_eq!(name(&node), "Safe");
    fs::remove_dir_all(project.path("out")).unwrap();
    // What a library says of its own affairs is not for the reader of the log.
    assert!(!node.output().contains("inotify"), "{}", node.output());
    node.new_client().wait(|_| (name(&node) == Value::Null).then_some(()));
    project.build();
    let built_again = |_: &mut _| (name(&node) == "Vault").then_some(());
    node.new_client().wait(built_again);
}

#[test]
fn printed_traces_show_the_calls_of_transactions_and_of_calls() {
    let project = Project::new("optimizer = false");
    project.build();
    let node = project.node(&["--print-traces", "--steps-tracing"]);
    let vault = project.deploy(&node, "Vault", "Vault", &5_u64.abi_encode());
    node.says("new Vault(5)");
    let teller = project.deploy(&node, "Teller", "Vault", &vault.abi_encode());
    send(&node, json!({ "to": vault, "data": data("deposit()", &[]), "value": "0x64" }));
    send(&node, json!({ "to": vault, "data": data("take(uint256)", &40_u64.abi_encode()) }));
    node.says(&format!("├─ emit Taken(owner: {}, amount: 40)", Wallet::dev(0).address()));
    node.says("├─ ← 55");
    let serve = data("serve(uint256)", &1_u64.abi_encode());
    node.client().refused("eth_call", json!([{ "to": teller, "data": serve }, "latest"]));
    node.says("Teller.serve(1)");
    node.says("│  ├─ ← reverted with custom error 'InsufficientBalance(");
    node.client().get("anvil_setLoggingEnabled", json!([false]));
    node.client().get("eth_call", json!([{ "to": vault, "data": data("FEE()", &[]) }, "latest"]));
    node.client().get("hardhat_setLoggingEnabled", json!([true]));
    node.client().get(
        "eth_call",
        json!([{ "to": vault, "data": data("balances(address)", &vault.abi_encode()) }, "latest"]),
    );
    node.says("Vault.balances(");
    assert!(!node.output().contains("Vault.FEE("), "{}", node.output());
}

#[test]
fn a_project_of_hardhat_3_gives_names_and_lines() {
    let node_url = "http://127.0.0.1:1";
    let workshop = Workshop::with("hardhat3/node_modules", node_url);
    let from = root().join("tests/e2e/hardhat3");
    for file in ["hardhat.config.ts", "hardhat.shared.ts", "package.json", "tsconfig.json"] {
        fs::copy(from.join(file), workshop.path().join(file)).unwrap();
    }
    fs::create_dir(workshop.path().join("contracts")).unwrap();
    let vault = root().join("tests/e2e/artifacts/Vault.sol");
    fs::copy(&vault, workshop.path().join("contracts/Vault.sol")).unwrap();
    workshop.shell("npx hardhat build");
    let artifacts = workshop.path().join("artifacts");
    let node = Node::start(&["--artifacts", &artifacts.display().to_string()]);
    node.says("contracts are known by their artifacts");
    let artifact = fs::read(artifacts.join("contracts/Vault.sol/Vault.json")).unwrap();
    let artifact: Value = serde_json::from_slice(&artifact).unwrap();
    let code = artifact["bytecode"].as_str().unwrap();
    let created =
        send(&node, json!({ "data": format!("{code}{}", hex::encode(5_u64.abi_encode())) }));
    let take = data("take(uint256)", &40_u64.abi_encode());
    let to = &created["contractAddress"];
    let decoded = decoded(&node, &send(&node, json!({ "to": to, "data": take })));
    let source = fs::read_to_string(&vault).unwrap();
    let line = |text: &str| source.lines().position(|line| line.contains(text)).unwrap() + 1;
    let expected = [
        format!("Ledger.take contracts/Vault.sol:{}", line("revert InsufficientBalance")),
        format!("Vault._take contracts/Vault.sol:{}", line("balances.take(amount)")),
        format!("Vault.take contracts/Vault.sol:{}", line("_take(amount + FEE)")),
    ];
    assert_eq!(frames(&decoded), expected, "{decoded:#}");
}
