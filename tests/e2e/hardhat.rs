//! Does Hardhat work in a fresh project, with nothing but the node's address in its settings?

use crate::{
    harness::Node,
    tools::{Workshop, root},
};
use std::path::Path;

/// Runs Hardhat in a copy of `tests/e2e/<name>` against a new node; every test of the project must
/// pass, this many at least.
#[track_caller]
fn passes(name: &str, command: &str, at_least: usize) {
    let node = Node::start(&[]);
    let workshop = Workshop::with(&format!("{name}/node_modules"), &node.url());
    let tests = root().join("tests/e2e");
    copy(&tests.join(name), workshop.path());
    let contracts = workshop.path().join("contracts");
    copy(&tests.join("hardhat3/contracts"), &contracts);
    std::fs::copy(root().join("contracts/Main.sol"), contracts.join("Main.sol")).unwrap();
    let said = workshop.shell(command);
    let passed = said.lines().find_map(|line| line.trim().split_once(" passing"));
    let passed: usize = passed.and_then(|(count, _)| count.parse().ok()).unwrap_or(0);
    assert!(passed >= at_least, "{passed} of {at_least} tests passed:\n{said}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn hardhat_3_with_ethers_trades_on_main_and_loads_a_fixture_two_hundred_times() {
    passes("hardhat3", "npx hardhat test mocha", 213);
}

#[test]
fn hardhat_3_with_viem_trades_on_main() {
    passes("hardhat3", "npx hardhat --config hardhat.viem.config.ts test nodejs", 6);
}

#[test]
fn hardhat_2_trades_on_main() {
    passes("hardhat2", "npx hardhat test", 55);
}
