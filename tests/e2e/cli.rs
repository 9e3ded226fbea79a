//! The command line: what it says, what it leaves behind, how it ends.

use crate::{
    harness::{BINARY, Launch, Node},
    wallet::{MNEMONIC, Wallet, fresh},
};
use alloy_primitives::U256;
use mainspring::spec::main_contract::{MAIN_ADDRESS, Main};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_shows_examples_and_every_flag() {
    for command in [&["--help"][..], &["dev", "--help"], &["completions", "--help"]] {
        assert!(printed(command).contains("Example"), "{command:?}");
    }
    let help = printed(&["--help"]);
    for flag in ["--port", "--datadir", "--ephemeral", "--fresh", "--block-time", "--hardfork"] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn help_says_where_a_node_listens_if_nobody_says_it() {
    for command in ["dev", "node"] {
        let help = printed(&[command, "--help"]);
        for default in ["[default: 8545", "[default: 127.0.0.1]"] {
            assert!(help.contains(default), "{command}: {default}");
        }
    }
}

/// Runs a command whose reader goes away before it writes.
fn unread(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(BINARY);
    let output = command.args(words).current_dir(folder).stdout(writer).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_reader_that_has_had_enough_is_told_nothing() {
    let launch = Launch::new(&[]);
    launch.start().stop("TERM");
    let data = launch.data_dir().display().to_string();
    let genesis = ["genesis", "--consensus", "pow", "--chain-id", "5", "--fund-dev-accounts"];
    fs::write(launch.home().join("p"), "secret").unwrap();
    for words in [
        &["db", "stats", "--datadir", &data][..],
        &["db", "stats", "--json", "--datadir", &data],
        &["db", "verify", "--datadir", &data],
        &["export", "--datadir", &data, "--from", "0", "-"],
        &["completions", "bash"],
        &["account", "new", "--password-file", "p"],
        &["account", "list"],
        &genesis,
    ] {
        let (code, said) = unread(launch.home(), words);
        assert!(!said.contains("Error") && !said.contains("panicked"), "{words:?}: {said}");
        assert_eq!(code, Some(141), "{words:?}, as a shell says of SIGPIPE");
    }
}

#[test]
fn completions_know_our_flags() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(printed(&["completions", shell]).contains("block-time"), "{shell}");
    }
}

#[test]
fn a_wrong_flag_ends_with_an_explanation() {
    let output = Command::new(BINARY).arg("--blok-time").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--block-time"), "it names the one that was meant: {said}");
    Launch::new(&["--block-time", "0"]).is_refused(&["block-time"]);
    Launch::new(&["--hardfork", "berln"]).is_refused(&["berln", "frontier"]);
    Launch::new(&["--mixed-mining"]).is_refused(&["mixed-mining", "block-time"]);
    Launch::new(&["--ephemeral"]).is_refused(&["ephemeral", "datadir"]);
}

#[test]
fn the_banner_has_anvils_shape() {
    let node = Node::start(&["--accounts", "3"]);
    let banner = &node.banner;
    let parts = [
        "Available Accounts\n==================\n\n(0) 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 \
         (10000.000000000000000000 ETH)\n(1) 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "Private Keys\n==================\n\n(0) \
         0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "Wallet\n==================\nMnemonic:          test test test test test test test test \
         test test test junk\nDerivation path:   m/44'/60'/0'/0/",
        "Chain ID\n==================\n\n31337",
        "Base Fee\n==================\n\n1000000000",
        "Gas Limit\n==================\n\n30000000",
        "Genesis Timestamp\n==================",
        "Genesis Number\n==================\n\n0",
        &format!("Main:              {MAIN_ADDRESS}"),
    ];
    let mut rest = banner.as_str();
    for part in parts {
        let found = rest.find(part);
        rest = &rest
            [found.unwrap_or_else(|| panic!("{part:?} is missing or out of order: {banner}"))..];
    }
    assert!(banner.trim_end().ends_with(&format!("Listening on {}", node.address)), "{banner}");
    assert!(!banner.contains("(3)"), "three accounts: {banner}");
}

#[test]
fn a_second_start_says_at_which_block_it_resumed() {
    let node = Node::start(&[]);
    assert!(node.banner.contains("Starts at block:   0"), "{}", node.banner);
    let mut wallet = Wallet::dev(0);
    for number in 0..3 {
        node.client().mined(&wallet.transfer(fresh(number), 1));
    }
    let node = node.restart();
    assert!(node.banner.contains("Resumed at block:  3"), "{}", node.banner);
    let dir = node.launch.data_dir().display().to_string();
    assert!(node.banner.contains(&dir), "{}", node.banner);
}

#[test]
fn config_out_has_anvils_keys() {
    let launch = Launch::new(&["--config-out", "config.json", "--accounts", "2"]);
    let node = launch.start();
    let text = fs::read(node.launch.home().join("config.json")).unwrap();
    let config: Value = serde_json::from_slice(&text).unwrap();
    let mut keys: Vec<&String> = config.as_object().unwrap().keys().collect();
    keys.sort();
    let anvils = [
        "available_accounts",
        "base_fee",
        "gas_limit",
        "gas_price",
        "genesis_timestamp",
        "private_keys",
        "wallet",
    ];
    assert_eq!(keys, anvils);
    assert_eq!(config["wallet"]["mnemonic"], MNEMONIC);
    assert_eq!(config["available_accounts"].as_array().unwrap().len(), 2);
    assert_eq!(config["private_keys"][1], Wallet::dev(1).private_key());
}

#[test]
fn ctrl_c_and_sigterm_end_cleanly_and_keep_everything() {
    let mut launch = Launch::new(&[]);
    let mut wallet = Wallet::dev(0);
    for (round, signal) in ["INT", "TERM", "INT"].iter().enumerate() {
        let node = launch.start();
        assert_eq!(node.client().block_number(), round as u64);
        node.client().mined(&wallet.transfer(fresh(round as u64), 1));
        launch = node.stop(signal);
    }
}

/// A signal in the middle of a flood: what was answered is there afterwards.
#[test]
fn a_clean_end_under_load_loses_no_answer() {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    let mut client = node.new_client();
    let answered = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let mut answered = 0;
            loop {
                let raw = wallet.transfer(fresh(answered), 1);
                match client.try_rpc("eth_sendRawTransaction", json!([raw])) {
                    Ok(Ok(_)) => answered += 1,
                    _ => return answered,
                }
            }
        });
        node.new_client().wait(|client| (client.block_number() > 50).then_some(()));
        node.signal("TERM");
        sender.join().unwrap()
    });
    let (status, launch) = node.ended();
    assert_eq!(status.code(), Some(0));
    let node = launch.start();
    for number in 0..answered {
        assert_eq!(node.client().balance(fresh(number), "latest"), 1, "transfer {number}");
    }
}

#[test]
fn an_ephemeral_chain_leaves_nothing_behind() {
    let launch = Launch::new(&["--ephemeral"]).without_directory();
    let temporary = launch.home().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let launch = launch.env("TMPDIR", &temporary.display().to_string());
    let node = launch.start();
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1, "its folder");
    node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    let launch = node.stop("TERM");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!launch.home().join(".mainspring").exists());
    assert_eq!(launch.start().client().block_number(), 0);
}

#[test]
fn without_flags_the_chain_lives_in_the_working_directory() {
    let node = Launch::new(&[]).without_directory().start();
    assert!(node.launch.home().join(".mainspring/blocks/mdbx.dat").exists());
}

#[test]
fn called_as_anvil_it_keeps_nothing_and_says_so_once() {
    let launch = Launch::new(&[]).without_directory();
    let link = launch.home().join("anvil");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    let node = launch.program(link).start();
    assert_eq!(node.banner.matches("anvil").count(), 1, "{}", node.banner);
    assert!(node.banner.contains("ephemeral"), "{}", node.banner);
    assert!(!node.launch.home().join(".mainspring").exists());
    node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
}

#[test]
fn settings_come_from_flags_environment_and_file_in_that_order() {
    let launch = Launch::new(&["--chain-id", "1"]).env("MAINSPRING_CHAIN_ID", "2");
    fs::write(launch.home().join("mainspring.toml"), "chain-id = 3\naccounts = 4\n").unwrap();
    let node = launch.env("MAINSPRING_BALANCE", "5").start();
    let mut client = node.client();
    assert_eq!(client.get("eth_chainId", json!([])), "0x1");
    assert_eq!(client.get("eth_accounts", json!([])).as_array().unwrap().len(), 4);
    assert!(node.banner.contains("(5.000000000000000000 ETH)"), "{}", node.banner);
}

#[test]
fn health_and_readiness_answer_beside_the_methods() {
    let node = Node::start(&[]);
    for path in ["/health", "/ready"] {
        let (status, body) = node.client().get_page(path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
    }
}

#[test]
fn the_log_has_a_line_a_request_a_transaction_and_a_revert_with_its_reason() {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    node.client().mined(&wallet.transfer(fresh(1), 1));
    let withdraw = Main::withdrawCall { amount: U256::from(1) };
    let failed = node.client().send_raw(&wallet.call(MAIN_ADDRESS, &withdraw, 0));
    let wanted = [
        "eth_sendRawTransaction".to_owned(),
        format!("Transaction: {failed}"),
        "Gas used: 21000".into(),
        "Block Number: 2".into(),
        "Call: Main.withdraw(1)".into(),
        "Error: reverted with reason string 'Sender does not have enough balance.' in Main.withdraw"
            .into(),
    ];
    for line in wanted {
        node.client().wait(|client| {
            client.block_number();
            node.output().contains(&line).then_some(())
        });
    }
}
