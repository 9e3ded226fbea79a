//! Does every flag do what its help says, seen over RPC? A table: flags that do not clash share a node.

mod chain;
mod limits;
mod memory;
mod server;

use crate::{
    harness::{BINARY, Launch, Node},
    wallet::{Wallet, fresh},
};
use regex::Regex;
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Command};

/// What shows that a flag works.
type Check = fn(&Node);

/// A node with flags, and the flags that are seen to work on it.
struct Group {
    flags: &'static [&'static str],
    rows: &'static [(&'static str, Check)],
}

/// Flags that say how the process is started: each has a test of its own.
const ALONE: &[&str] = &[
    "config",      // cli::settings_come_from_flags_environment_and_file_in_that_order
    "datadir",     // data_directory
    "rpc-clients", // src/rpc/clients.rs: one machine has too few addresses
    "ephemeral",   // cli::an_ephemeral_chain_leaves_nothing_behind
    "fresh",       // server::a_fresh_chain_begins_again
    "help",        // cli::help_shows_examples_and_every_flag
    "metrics",     // metrics
    "port",        // server::the_port_is_the_one_that_was_asked_for
    "quiet",       // server::a_quiet_node_prints_nothing_and_answers
    // Folders of artifacts: artifacts, and src/artifacts/tests.rs for the limits
    "artifacts",
    "artifacts-max-bytes",
    "artifacts-max-file-bytes",
    "artifacts-max-files",
    // An upstream: forks, and src/upstream/tests.rs for how it is asked
    "cache-path",
    "compute-units-per-second",
    "fork-block-number",
    "fork-chain-id",
    "fork-header",
    "fork-retry-backoff",
    "fork-transaction-hash",
    "fork-url",
    "no-rate-limit",
    "no-storage-caching",
    "retries",
    "timeout",
    "print-traces", // artifacts::printed_traces_show_the_calls_of_transactions_and_of_calls
    "steps-tracing", // the same node: steps can always be traced
    // Files of a state: dumps
    "dump-state",
    "load-state",
    "preserve-historical-states",
    "rpc-load-state-bytes",
    "state",
    "state-interval",
    "prune-history", // db::a_chain_prunes_while_it_grows
];

fn groups() -> impl Iterator<Item = &'static Group> {
    server::GROUPS.iter().chain(chain::GROUPS).chain(limits::GROUPS).chain(memory::GROUPS)
}

/// Runs a table: a node for each group.
fn run(groups: &[Group]) {
    for group in groups {
        let node = Node::start(group.flags);
        for (flag, check) in group.rows {
            eprintln!("--{flag} of {:?}", group.flags);
            check(&node);
        }
    }
}

/// A new flag without a row is a flag that nobody has seen to work.
#[test]
fn every_flag_of_the_help_has_a_row() {
    let output = Command::new(BINARY).args(["dev", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let flag = Regex::new(r"(?m)^ +(?:-\w, )?--([a-z0-9.-]+)").unwrap();
    let known: BTreeSet<&str> =
        flag.captures_iter(&help).map(|found| found.get(1).unwrap().as_str()).collect();
    let rows = groups().flat_map(|group| group.rows.iter().map(|(flag, _)| *flag));
    let checked: BTreeSet<&str> = rows.chain(ALONE.iter().copied()).collect();
    let unchecked: Vec<_> = known.difference(&checked).collect();
    let unknown: Vec<_> = checked.difference(&known).collect();
    assert!(unchecked.is_empty(), "no row shows {unchecked:?}");
    assert!(unknown.is_empty(), "there is no flag {unknown:?}");
    for group in groups() {
        for (flag, _) in group.rows {
            let named = format!("--{flag}");
            assert!(group.flags.contains(&named.as_str()), "{flag} is not in {:?}", group.flags);
        }
    }
}

/// A request of a node's own account.
fn send(node: &Node, request: Value) -> Value {
    let mut request = request;
    request["from"] = json!(Wallet::dev(0).address());
    node.client().get("eth_sendTransaction", json!([request]))
}

fn get(node: &Node, method: &str, params: Value) -> Value {
    node.client().get(method, params)
}

fn refused(node: &Node, method: &str, params: Value) -> String {
    node.client().refused(method, params).message
}

/// The first block.
fn first_block(node: &Node) -> Value {
    get(node, "eth_getBlockByNumber", json!(["earliest", false]))
}

/// Code at an address that answers what it leaves in memory.
fn run_code(node: &Node, code: &str) -> Result<Value, String> {
    let there = json!({ fresh(77).to_string(): { "code": code } });
    let call = json!([{ "to": fresh(77) }, "latest", there]);
    node.client().rpc("eth_call", call).map_err(|failure| failure.message)
}

#[test]
fn flags_of_the_server_do_what_they_say() {
    run(server::GROUPS);
}

#[test]
fn flags_of_the_chain_do_what_they_say() {
    run(chain::GROUPS);
}

#[test]
fn limits_do_what_they_say() {
    run(limits::GROUPS);
}

/// Scripts that start other programs start this one.
#[test]
fn flags_of_other_programs_have_their_effect() {
    let geth =
        ["--dev", "--http", "--http.api", "eth,net,admin", "--http.vhosts", "*", "--nodiscover"];
    let more = ["--networkid", "1337", "--dev.gaslimit", "11500000", "--dev.period", "0"];
    let node = Node::start(
        &[&geth[..], &more[..], &["--allow-insecure-unlock", "--gcmode=archive"]].concat(),
    );
    assert_eq!(get(&node, "net_version", json!([])), "1337");
    assert_eq!(first_block(&node)["gasLimit"], "0xaf79e0");
    assert!(node.output().contains("--nodiscover changes nothing: "), "{}", node.output());
    assert_eq!(node.output().matches("--gcmode changes nothing: ").count(), 1);

    let ganache =
        ["--wallet.totalAccounts", "2", "--wallet.defaultBalance=7", "--chain.chainId", "1337"];
    let node = Launch::new(&ganache).env("MAINSPRING_GAS_LIMIT", "9000000").start();
    assert_eq!(get(&node, "eth_accounts", json!([])).as_array().unwrap().len(), 2);
    assert_eq!(get(&node, "eth_chainId", json!([])), "0x539");
    assert_eq!(first_block(&node)["gasLimit"], "0x895440");

    let anvil = ["--max-persisted-states", "5", "--transaction-block-keeper", "9", "-vvv"];
    let node = Node::start(&anvil);
    assert!(node.output().contains("--max-persisted-states changes nothing: "));

    let hardhat = Node::start(&["--hostname", "127.0.0.1", "--chain-type", "l1"]);
    assert_eq!(get(&hardhat, "eth_chainId", json!([])), "0x7a69");
}

#[test]
fn contradictions_and_strangers_are_refused_with_what_to_use() {
    for (flags, words) in [
        (&["--optimism"][..], &["--optimism", "no other chain family"][..]),
        (&["--wallet.seed", "5"], &["--wallet.seed", "--mnemonic-seed-unsafe"]),
        (&["--unlock", "0x0"], &["--unlock", "personal_unlockAccount"]),
        (&["--blok-time", "5"], &["--blok-time", "--block-time"]),
        (&["--block-time", "1", "--no-mining"], &["--block-time", "--no-mining"]),
        (&["--no-cors", "--allow-origin", "x"], &["--no-cors", "--allow-origin"]),
        (&["--quiet", "--verbosity", "3"], &["--quiet", "--verbosity"]),
        (&["--init", "g.json", "--chain-id", "5"], &["--init", "--chain-id"]),
        (
            &["--code-size-limit", "5", "--disable-code-size-limit"],
            &["--code-size-limit", "--disable-code-size-limit"],
        ),
        (&["--mnemonic", "a b", "--mnemonic-random"], &["--mnemonic", "--mnemonic-random"]),
        (
            &["--no-request-size-limit", "--rpc-max-body-bytes", "5"],
            &["--no-request-size-limit", "--rpc-max-body-bytes"],
        ),
        (&["--port", "66000"], &["--port", "66000"]),
        (&["--accounts", "many"], &["--accounts", "many"]),
        (&["--http.api", "ethh"], &["--http.api", "ethh"]),
    ] {
        Launch::new(flags).is_refused(words);
    }
}
