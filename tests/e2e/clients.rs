//! Do the libraries that people write their programs with work as they are published? Each suite is a
//! script in `clients/`, in the client's own language, against a node of its own.

use crate::{
    harness::{BINARY, Node},
    tools::{node_script, python_script},
};

/// Runs a suite against a new node.
#[track_caller]
fn suite(run: impl FnOnce(&str, &[(&str, &str)]), name: &str) {
    let node = Node::start(&[]);
    let data_dir = node.launch.data_dir().display().to_string();
    run(name, &[("MAINSPRING_HTTP", &node.url()), ("MAINSPRING_DATADIR", &data_dir)]);
}

#[test]
fn ethers_6_works_as_published() {
    suite(node_script, "ethers.mjs");
}

#[test]
fn viem_2_works_as_published() {
    suite(node_script, "viem.mjs");
}

#[test]
fn the_test_client_of_viem_works_in_its_three_modes() {
    suite(node_script, "viem_actions.mjs");
}

#[test]
fn web3_js_4_works_as_published() {
    suite(node_script, "web3.mjs");
}

#[test]
fn web3_py_8_works_as_published() {
    suite(python_script, "web3_py.py");
}

#[test]
fn typed_data_is_hashed_as_wallets_hash_it() {
    suite(node_script, "typed_data.mjs");
}

/// The suite stops and starts the node itself.
#[test]
fn the_controllers_of_metamask_work_as_published() {
    let home = tempfile::tempdir().unwrap();
    let data_dir = home.path().join("data").display().to_string();
    let env = [("MAINSPRING_BINARY", BINARY), ("MAINSPRING_DATADIR", &data_dir)];
    node_script("metamask.mjs", &[&env[..], &[("MAINSPRING_HTTP", "http://127.0.0.1")]].concat());
}
