//! `mainspring test blockchain`: the published cases pass, and a damaged copy of each kind fails.

use crate::harness::{BINARY, fixtures, heavy};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn run(path: &Path) -> Output {
    Command::new(BINARY).args(["test", "blockchain"]).arg(path).output().unwrap()
}

fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

fn failures(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| line.starts_with("FAIL")).collect::<Vec<_>>().join("\n")
}

fn json_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn cases(file: &Path) -> serde_json::Map<String, Value> {
    match serde_json::from_slice(&fs::read(file).unwrap()).unwrap() {
        Value::Object(cases) => cases,
        other => panic!("{} holds {other}", file.display()),
    }
}

#[test]
fn every_published_blockchain_case_passes() {
    let Some(dir) = fixtures("blockchain") else { return };
    let _turn = heavy();
    let count: usize = json_files(&dir).iter().map(|file| cases(file).len()).sum();
    assert!(count > 1_000, "{count} cases");
    let output = run(&dir);
    assert_eq!(last_line(&output), format!("PASS {count}/{count}"), "{}", failures(&output));
    assert!(output.status.success());
}

#[test]
fn nothing_to_run_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path());
    assert_eq!(last_line(&output), "PASS 0/0");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_file_that_is_no_json_and_a_network_nobody_knows_fail() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broken.json"), "{").unwrap();
    fs::write(dir.path().join("other.json"), json!({"a": {"network": "Atlantis"}}).to_string())
        .unwrap();
    let output = run(dir.path());
    assert_eq!(last_line(&output), "PASS 0/2");
    assert_eq!(output.status.code(), Some(1));
}

/// A way to make a case wrong: `None` where it does not apply.
type Damage = fn(&mut Value) -> Option<()>;

const ZERO_HASH: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";

/// The ways, each with its name.
const DAMAGES: [(&str, Damage); 12] = [
    ("the hash of the head", |case| {
        case["lastblockhash"] = ZERO_HASH.into();
        Some(())
    }),
    ("the hash of a block", |case| {
        let block = valid_block(case)?;
        block["blockHeader"]["hash"] = ZERO_HASH.into();
        Some(())
    }),
    ("a balance at the end", |case| replace(account(case)?, "balance", "0x1234567")),
    ("a nonce at the end", |case| replace(account(case)?, "nonce", "0x77")),
    ("code at the end", |case| replace(account(case)?, "code", "0x6001600155fe")),
    ("a slot at the end", |case| {
        let slots = with_storage(case)?;
        let value = slots.values_mut().next()?;
        *value = "0x0badc0de".into();
        Some(())
    }),
    ("a slot too many at the end", |case| {
        let slots = with_storage(case)?;
        slots.insert("0x0badc0de".into(), "0x01".into());
        Some(())
    }),
    ("an account too few at the end", |case| {
        let accounts = case["postState"].as_object_mut()?;
        let address = accounts.keys().next()?.clone();
        accounts.remove(&address).map(|_| ())
    }),
    ("an account too many at the end", |case| {
        let accounts = case["postState"].as_object_mut()?;
        let empty = json!({"balance": "0x1", "nonce": "0x0", "code": "0x", "storage": {}});
        accounts.insert("0x00000000000000000000000000000000deadbeef".into(), empty);
        Some(())
    }),
    ("the state root of genesis", |case| {
        replace(&mut case["genesisBlockHeader"], "stateRoot", ZERO_HASH)
    }),
    ("an invalid block called valid", |case| {
        let blocks = case["blocks"].as_array_mut()?;
        let block = blocks.iter_mut().find(|block| block.get("blockHeader").is_none())?;
        block["blockHeader"] = json!({ "hash": ZERO_HASH });
        Some(())
    }),
    ("a valid block called invalid", |case| {
        let block = valid_block(case)?;
        block.as_object_mut()?.remove("blockHeader").map(|_| ())
    }),
];

fn valid_block(case: &mut Value) -> Option<&mut Value> {
    let blocks = case["blocks"].as_array_mut()?;
    blocks.iter_mut().find(|block| block.get("blockHeader").is_some())
}

fn account(case: &mut Value) -> Option<&mut Value> {
    case["postState"].as_object_mut()?.values_mut().next()
}

fn with_storage(case: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    let accounts = case["postState"].as_object_mut()?.values_mut();
    let mut slots = accounts.filter_map(|account| account["storage"].as_object_mut());
    slots.find(|slots| !slots.is_empty())
}

fn replace(object: &mut Value, key: &str, value: &str) -> Option<()> {
    let old = object.get_mut(key)?;
    assert_ne!(*old, value, "the damage changes nothing");
    *old = value.into();
    Some(())
}

#[test]
fn every_damaged_copy_of_a_passing_case_fails() {
    let Some(dir) = fixtures("blockchain") else { return };
    let files = json_files(&dir);
    for (name, damage) in DAMAGES {
        let dir = tempfile::tempdir().unwrap();
        let damaged = files.iter().flat_map(|file| cases(file)).find_map(|(title, mut case)| {
            let whole = case.clone();
            damage(&mut case).map(|()| (title, whole, case))
        });
        let (title, whole, case) = damaged.expect(name);
        let (good, bad) = (dir.path().join("good.json"), dir.path().join("bad.json"));
        fs::write(&good, json!({ (title.clone()): whole }).to_string()).unwrap();
        fs::write(&bad, json!({ (title): case }).to_string()).unwrap();
        let output = run(&good);
        assert_eq!(last_line(&output), "PASS 1/1", "{name}: {}", failures(&output));
        let output = run(&bad);
        assert_eq!(last_line(&output), "PASS 0/1", "{name}");
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
}
