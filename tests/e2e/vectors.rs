//! `mainspring test vectors`: the published vectors pass, and a damaged copy of each kind fails.

use crate::harness::{BINARY, fixtures};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// Exit code, all lines, and the last one.
fn run(arguments: &[&str], path: &Path) -> (Option<i32>, Vec<String>, String) {
    let output =
        Command::new(BINARY).args(["test", "vectors"]).args(arguments).arg(path).output().unwrap();
    let lines: Vec<_> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let last = lines.last().cloned().unwrap_or_default();
    (output.status.code(), lines, last)
}

#[test]
fn all_published_vectors_pass() {
    let Some(folder) = fixtures("vectors") else { return };
    let (code, lines, last) = run(&[], &folder);
    let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(last, format!("PASS {0}/{0}", lines.len() - 1));
    assert!(lines.len() > 4_000, "most difficulties are missing: {}", lines.len());
    assert_eq!(code, Some(0));
}

#[test]
fn a_damaged_copy_of_each_kind_fails() {
    let Some(folder) = fixtures("vectors") else { return };
    let damages: [(&str, &str, Value); 9] = [
        ("RLPTests/rlptest.json", "/shortstring/out", json!("0x83646f68")),
        ("RLPTests/RandomRLPTests/example.json", "/listsoflists2/in", json!("INVALID")),
        ("TrieTests/trietest.json", "/jeff/in/0/1", json!("0x00")),
        ("TrieTests/hex_encoded_securetrie_test.json", "/test1/root", json!(hash())),
        ("GenesisTests/basic_genesis_tests.json", "/test1/timestamp", json!("0x53a")),
        ("PoWTests/ethash_tests.json", "/first/result", json!(hash()[2..])),
        ("PoWTests/ethash_tests.json", "/second/cache_size", json!(16_776_897)),
        (
            "TransactionTests/ttGasPrice/TransactionWithHighGasPrice.json",
            "/TransactionWithHighGasPrice/result/London/sender",
            json!("0x0000000000000000000000000000000000000001"),
        ),
        (
            "TransactionTests/ttGasLimit/NotEnoughGasLimit.json",
            "/NotEnoughGasLimit/result/Berlin",
            json!({"hash": hash(), "sender": "0x0000000000000000000000000000000000000001",
                "intrinsicGas": "0x5208"}),
        ),
    ];
    for (file, at, value) in damages {
        let (copy, mut content) = copy(&folder.join(file));
        let good = content.pointer(at).cloned();
        assert!(good.is_some_and(|good| good != value), "{file} {at}: nothing to damage");
        *content.pointer_mut(at).unwrap() = value;
        let path = copy.path().join(Path::new(file).file_name().unwrap());
        fs::write(&path, content.to_string()).unwrap();
        let (code, lines, last) = run(&[], &path);
        let failed = lines.iter().filter(|line| line.starts_with("FAIL")).count();
        assert_eq!((code, failed), (Some(1), 1), "{file} {at}: {last}");
    }
}

#[test]
fn what_nobody_knows_fails_and_nothing_is_not_a_success() {
    let folder = TempDir::new().unwrap();
    let (code, _lines, last) = run(&[], folder.path());
    assert_eq!((code, last.as_str()), (Some(2), "PASS 0/0"));
    for (content, failures) in [("{", 1), ("[]", 1), (r#"{"a": {"b": 1}, "c": 3}"#, 2)] {
        let file = folder.path().join("unknown.json");
        fs::write(&file, content).unwrap();
        let (code, lines, last) = run(&[], &file);
        assert_eq!((code, last), (Some(1), format!("PASS 0/{failures}")), "{lines:?}");
    }
    let (code, lines, _last) = run(&[], &folder.path().join("nowhere"));
    assert_eq!((code, lines.len()), (Some(1), 0));
}

#[test]
fn only_picks_cases_and_json_reports_them() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rlp.json");
    let content = json!({
        "zero": {"in": 0, "out": "0x80"}, "one": {"in": 1, "out": "0x02"},
        "bad": {"in": "INVALID", "out": "0x8100"}
    });
    fs::write(&file, content.to_string()).unwrap();
    let report = folder.path().join("report");
    let only = ["--only", "zero|bad", "--json", report.to_str().unwrap()];
    let (code, _lines, last) = run(&only, &file);
    assert_eq!((code, last.as_str()), (Some(0), "PASS 2/2"));
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!((&report["passed"], &report["total"]), (&json!(2), &json!(2)));
    assert_eq!(run(&[], &file).2, "PASS 2/3");
}

/// A folder for the copy, and what the file holds.
fn copy(file: &Path) -> (TempDir, Value) {
    (TempDir::new().unwrap(), serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
}

/// A hash that nothing has.
fn hash() -> String {
    format!("0x{}", "17".repeat(32))
}
