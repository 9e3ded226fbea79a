//! Does Hardhat work in a fresh project, with nothing but the node's address in its settings?

use crate::{
    harness::Node,
    tools::{hardhat_project, root},
};
use std::path::Path;

/// A copy of `tests/e2e/<name>` that is thrown away, with the contracts beside it.
struct Project(tempfile::TempDir);

impl Project {
    fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tests = root().join("tests/e2e");
        copy(&tests.join(name), dir.path());
        copy(&tests.join("hardhat3/contracts"), &dir.path().join("contracts"));
        std::fs::copy(root().join("contracts/Main.sol"), dir.path().join("contracts/Main.sol"))
            .unwrap();
        Self(dir)
    }

    /// Runs Hardhat against a new node; every test of the project must pass, this many at least.
    #[track_caller]
    fn passes(&self, name: &str, arguments: &[&str], at_least: usize) {
        let node = Node::start(&[]);
        let said = hardhat_project(name, self.0.path(), &node.url(), arguments);
        let passed = said.lines().find_map(|line| line.trim().split_once(" passing"));
        let passed: usize = passed.and_then(|(count, _)| count.parse().ok()).unwrap_or(0);
        assert!(passed >= at_least, "{passed} of {at_least} tests passed:\n{said}");
    }
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
    Project::new("hardhat3").passes("hardhat3", &["test", "mocha"], 213);
}

#[test]
fn hardhat_3_with_viem_trades_on_main() {
    let arguments = ["--config", "hardhat.viem.config.ts", "test", "nodejs"];
    Project::new("hardhat3").passes("hardhat3", &arguments, 6);
}

#[test]
fn hardhat_2_trades_on_main() {
    Project::new("hardhat2").passes("hardhat2", &["test"], 55);
}
