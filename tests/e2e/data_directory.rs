//! Directories that cannot be used: each is named with what to do, and left as it was found.

use crate::{
    harness::{Launch, Node},
    wallet::{Wallet, fresh},
};
use reth_libmdbx::{DatabaseFlags, Environment, WriteFlags};
use std::{
    fs::{self, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A directory with a chain of 100 transfers in it.
fn with_a_chain() -> Launch {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    for number in 0..100 {
        node.client().mined(&wallet.transfer(fresh(number), 1));
    }
    node.stop("TERM")
}

fn file(launch: &Launch, environment: &str) -> PathBuf {
    launch.data_dir().join(environment).join("mdbx.dat")
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_directory_in_use_is_refused_and_its_owner_goes_on() {
    let node = Node::start(&[]);
    let dir = node.launch.data_dir().display().to_string();
    node.launch.is_refused(&["in use", &dir, "--datadir"]);
    node.launch.with_flags(&["--fresh"]).is_refused(&["in use", &dir]);
    node.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
}

#[test]
fn other_genesis_flags_are_refused_by_name_and_the_same_ones_are_not() {
    let launch = with_a_chain();
    for (flag, value, stored) in [
        ("--chain-id", "5", "31337"),
        ("--gas-limit", "20000000", "30000000"),
        ("--base-fee", "7", "1000000000"),
        ("--hardfork", "london", "osaka"),
        ("--number", "3", "0"),
    ] {
        let words = [flag, value, stored, "--fresh", "--datadir"];
        // The flag has two names; either may be the one in the message.
        let words = words.map(|word| if word == "--base-fee" { "base-fee" } else { word });
        launch.with_flags(&[flag, value]).is_refused(&words);
    }
    launch
        .with_flags(&[
            "--mnemonic",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
        ])
        .is_refused(&["--fresh", "--datadir"]);
    let node = launch.with_flags(&["--chain-id", "31337", "--hardfork", "osaka"]).start();
    assert_eq!(node.client().block_number(), 100);
}

#[test]
fn fresh_starts_over_at_block_zero() {
    let launch = with_a_chain();
    let node = launch.with_flags(&["--fresh", "--chain-id", "5"]).start();
    assert_eq!(node.client().block_number(), 0);
    assert_eq!(node.client().get("eth_chainId", serde_json::json!([])), "0x5");
}

#[test]
fn a_truncated_file_is_named_and_not_touched() {
    for environment in ["blocks", "state"] {
        let launch = with_a_chain();
        let file = file(&launch, environment);
        let dir = file.parent().unwrap().display().to_string();
        for length in [64 << 10, 8_192, 4_096, 1] {
            assert!(fs::metadata(&file).unwrap().len() > length);
            OpenOptions::new().write(true).open(&file).unwrap().set_len(length).unwrap();
            let before = bytes(&file);
            launch.is_refused(&["damaged", &dir, "--fresh"]);
            assert!(before == bytes(&file), "{environment}: the file was changed");
        }
    }
}

#[test]
fn a_file_of_something_else_is_named_and_not_touched() {
    for environment in ["blocks", "state"] {
        let launch = with_a_chain();
        let file = file(&launch, environment);
        fs::write(&file, vec![0x5a; 256 << 10]).unwrap();
        let before = bytes(&file);
        launch.is_refused(&["damaged", &file.parent().unwrap().display().to_string(), "--fresh"]);
        assert!(before == bytes(&file), "{environment}: the file was changed");
    }
}

/// Damage in the middle of a file is found when the row is read, at the latest: the node may start,
/// but no answer is wrong and nothing panics.
#[test]
fn a_damaged_page_is_an_error_and_never_a_wrong_answer() {
    let launch = with_a_chain();
    let file = file(&launch, "blocks");
    let mut damaged = OpenOptions::new().read(true).write(true).open(&file).unwrap();
    let length = damaged.metadata().unwrap().len().min(1 << 20);
    for page in (8..length / 4096).step_by(3) {
        let mut old = [0; 4096];
        damaged.seek(SeekFrom::Start(page * 4096)).unwrap();
        damaged.read_exact(&mut old).unwrap();
        damaged.seek(SeekFrom::Start(page * 4096)).unwrap();
        damaged.write_all(&old.map(|byte| !byte)).unwrap();
    }
    drop(damaged);
    match launch.try_start() {
        Err(refused) => {
            assert!(!refused.contains("panicked"), "{refused}");
            assert!(refused.contains("damaged") && refused.contains("--fresh"), "{refused}");
        }
        Ok(node) => {
            let mut client = node.client();
            for number in 0..=100 {
                let tag = serde_json::json!([format!("{number:#x}"), true]);
                // An error is an answer here.
                let _ = client.rpc("eth_getBlockByNumber", tag);
            }
            assert!(!node.output().contains("panicked"), "{}", node.output());
        }
    }
}

#[test]
fn a_damaged_head_of_the_state_is_named_and_nothing_waits_for_it() {
    let launch = with_a_chain();
    let dir = launch.data_dir().join("state");
    let environment = Environment::builder().set_max_dbs(32).open(&dir).unwrap();
    let tx = environment.begin_rw_unsync().unwrap();
    let meta = tx.create_db(Some("meta"), DatabaseFlags::empty()).unwrap();
    let mut head: Vec<u8> = tx.get(meta.dbi(), b"head").unwrap().unwrap();
    head[20] ^= 1;
    tx.put(meta, b"head", &head, WriteFlags::UPSERT).unwrap();
    tx.commit().unwrap();
    drop(environment);
    launch.is_refused(&["meta", "damaged", "--fresh"]);
}

#[test]
fn keys_out_of_order_are_a_fault_and_no_end_of_the_verification() {
    let launch = with_a_chain();
    let file = file(&launch, "state");
    let hash = alloy_primitives::keccak256(fresh(7));
    let mut all = bytes(&file);
    let places: Vec<usize> =
        (0..all.len() - 32).filter(|place| all[*place..].starts_with(hash.as_slice())).collect();
    assert!(!places.is_empty());
    for place in places {
        all[place] ^= 0x80;
    }
    fs::write(&file, all).unwrap();
    let mut command = std::process::Command::new(crate::harness::BINARY);
    let verified =
        command.args(["db", "verify", "--datadir"]).arg(launch.data_dir()).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked") && said.contains("faults"), "{said}");
}

#[test]
fn a_newer_schema_is_refused_with_both_versions() {
    let launch = with_a_chain();
    let dir = launch.data_dir().join("blocks");
    let environment = Environment::builder().set_max_dbs(16).open(&dir).unwrap();
    let tx = environment.begin_rw_unsync().unwrap();
    let meta = tx.create_db(Some("meta"), DatabaseFlags::empty()).unwrap();
    tx.put(meta, b"schema", 1_000u64.to_be_bytes(), WriteFlags::UPSERT).unwrap();
    tx.commit().unwrap();
    drop(environment);
    let before = bytes(&file(&launch, "blocks"));
    launch.is_refused(&["schema", "1000", "--fresh", &dir.display().to_string()]);
    assert!(before == bytes(&file(&launch, "blocks")), "the file was changed");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let launch = Launch::new(&[]);
    fs::write(launch.data_dir(), b"a file, not a directory").unwrap();
    launch.is_refused(&[&launch.data_dir().display().to_string()]);
}

#[test]
fn a_port_in_use_is_named() {
    let node = Node::start(&[]);
    let port = node.address.port().to_string();
    Launch::new(&[]).on_port(&port).is_refused(&[&port]);
}
