//! `mainspring db`: figures, verification, copies, also of a chain that is served or interrupted.

use crate::{
    harness::{BINARY, Launch, Node},
    wallet::{Wallet, fresh},
};
use reth_libmdbx::{DatabaseFlags, Environment, WriteFlags};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
};

/// Runs `mainspring db` on a directory.
fn db(what: &str, dir: &Path, more: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["db", what, "--datadir"]).arg(dir).args(more).envs(env.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{what}: {said}");
    output
}

#[track_caller]
fn works(what: &str, dir: &Path, more: &[&str]) -> Value {
    let output = db(what, dir, &[more, &["--json"]].concat(), &[]);
    assert!(output.status.success(), "{what}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn fails(what: &str, dir: &Path, more: &[&str], words: &[&str]) {
    let output = db(what, dir, more, &[]);
    assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    for word in words {
        assert!(said.contains(word), "{what}: nothing says {word:?}: {said}");
    }
}

/// Ends in the middle, as after `kill -9`.
#[track_caller]
fn is_killed(what: &str, dir: &Path, more: &[&str], place: &str) {
    let output = db(what, dir, more, &[("MAINSPRING_ABORT_AT", place)]);
    assert_eq!(output.status.code(), None, "{what} at {place}: {output:?}");
}

fn in_words(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A chain with transfers, a contract with slots, events, and many empty blocks.
fn with_a_chain(empty: u64) -> Launch {
    let node = Node::start(&[]);
    let mut wallet = Wallet::dev(0);
    let mut client = node.client();
    client.mined(&wallet.deploy_token(1_000));
    client.mined(&wallet.deposit(5));
    for number in 0..20 {
        client.mined(&wallet.transfer(fresh(number), 1));
    }
    client.get("anvil_mine", json!([format!("{empty:#x}")]));
    drop(client);
    node.stop("TERM")
}

/// The hash of the head that a node on this directory has.
fn head(launch: &Launch) -> (u64, Value) {
    let node = launch.start();
    let block = node.client().get("eth_getBlockByNumber", json!(["latest", false]));
    let number = node.client().block_number();
    node.stop("TERM");
    (number, block["hash"].clone())
}

#[test]
fn a_chain_that_is_served_is_backed_up_while_it_grows_and_the_backup_is_a_chain() {
    let node = Node::start(&[]);
    let dir = node.launch.data_dir();
    let mut client = node.new_client();
    client.get("anvil_mine", json!(["0x7d0"]));
    let growing = AtomicBool::new(true);
    let to = node.launch.home().join("backup");
    let told = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut wallet = Wallet::dev(0);
            while growing.load(Ordering::Relaxed) {
                client.mined(&wallet.transfer(fresh(wallet.nonce), 1));
            }
        });
        let told = works("backup", &dir, &[in_words(&to)]);
        let stats = works("stats", &dir, &[]);
        growing.store(false, Ordering::Relaxed);
        assert_eq!(stats["inUse"], true);
        told
    });
    let backed_up = told["head"]["number"].as_u64().unwrap();
    assert!(backed_up >= 2_000, "{told}");
    let stats = works("stats", &to, &[]);
    assert_eq!((&stats["head"], &stats["inUse"]), (&told["head"], &json!(false)));
    assert_eq!(works("verify", &to, &[])["faults"]["count"], 0);
    fails("verify", &dir, &[], &["in use"]);
    fails("compact", &dir, &[], &["in use"]);
    fails("backup", &dir, &[in_words(&to)], &["not empty"]);

    let restored = Launch::new(&[]);
    works("restore", &restored.data_dir(), &[in_words(&to)]);
    fails("restore", &restored.data_dir(), &[in_words(&to)], &["not empty", "--force"]);
    fails("restore", &dir, &["--force", in_words(&to)], &["in use"]);
    let copy = restored.start();
    assert_eq!(copy.client().block_number(), backed_up);
    for number in [0, 1_000, backed_up] {
        let block = |node: &Node| {
            node.client().get("eth_getBlockByNumber", json!([format!("{number:#x}"), true]))
        };
        assert_eq!(block(&copy), block(&node), "{number}");
    }
    copy.client().get("anvil_mine", json!([]));
}

#[test]
fn every_damage_is_found_and_named() {
    let damages = [
        ("blocks", "headers", "block"),
        ("blocks", "bodies", "block"),
        ("blocks", "receipts", "block"),
        ("blocks", "numbers", "not found by its hash"),
        ("state", "accounts", "state"),
        ("state", "slots", "state"),
        ("state", "codes", "codes"),
        ("state", "preimages", "preimages"),
        ("state", "trie", "trie"),
        ("state", "changes", "state"),
        ("state", "transactions", "not found by its hash"),
        ("state", "log keys", "log index"),
        ("state", "address index", "address index"),
        ("state", "address creations", "who created a contract"),
    ];
    let launch = with_a_chain(3);
    let dir = launch.data_dir();
    let sound = works("verify", &dir, &[]);
    assert_eq!(sound["faults"]["count"], 0, "{sound}");
    assert_eq!(sound["blocks"], 26);
    for (environment, table, word) in damages {
        let undo = damage(&dir.join(environment), table, false);
        fails("verify", &dir, &[], &[word, "faults in"]);
        undo();
        eprintln!("without a row of {table}");
        let undo = damage(&dir.join(environment), table, true);
        fails("verify", &dir, &[], &["faults in"]);
        undo();
    }
    assert_eq!(works("verify", &dir, &[])["faults"]["count"], 0);
}

/// Changes the last byte of a row of the table, or removes the row, and answers how to undo that. An
/// index whose rows say nothing loses the row in both cases.
fn damage(dir: &Path, table: &'static str, remove: bool) -> impl FnOnce() + use<> {
    let open = |dir: &Path| Environment::builder().set_max_dbs(64).open(dir).unwrap();
    let write = move |dir: &Path, key: &[u8], value: Option<&[u8]>| {
        let environment = open(dir);
        let tx = environment.begin_rw_unsync().unwrap();
        let table = tx.create_db(Some(table), DatabaseFlags::empty()).unwrap();
        match value {
            Some(value) => tx.put(table, key, value, WriteFlags::UPSERT).unwrap(),
            None => assert!(tx.del(table, key, None).unwrap()),
        }
        tx.commit().unwrap();
    };
    let environment = open(dir);
    let tx = environment.begin_ro_unsync().unwrap();
    let handle = tx.open_db(Some(table)).unwrap();
    let mut cursor = tx.cursor(handle).unwrap();
    // The row is not the first: that one may be of genesis.
    let _first: Option<(Vec<u8>, Vec<u8>)> = cursor.first().unwrap();
    let row: Option<(Vec<u8>, Vec<u8>)> = cursor.next().unwrap();
    let (key, value) = row.or(_first).unwrap();
    drop(cursor);
    drop(tx);
    drop(environment);
    let changed =
        value.split_last().filter(|_| !remove).map(|(last, rest)| [rest, &[!last]].concat());
    write(dir, &key, changed.as_deref());
    let dir = dir.to_owned();
    move || write(&dir, &key, Some(&value))
}

#[test]
fn compacting_may_end_anywhere_and_the_chain_is_whole() {
    let launch = with_a_chain(3_000);
    let dir = launch.data_dir();
    let before = head(&launch);
    for place in [
        "copy-middle:1",
        "staged-before-swap:1",
        "staged-after-swap:1",
        "staged-before-swap:2",
        "staged-after-swap:2",
    ] {
        is_killed("compact", &dir, &[], place);
        assert_eq!(head(&launch), before, "{place}");
    }
    works("compact", &dir, &[]);
    assert_eq!(works("verify", &dir, &[])["faults"]["count"], 0);
    assert_eq!(head(&launch), before);
}

#[test]
fn derived_data_is_made_anew_and_may_be_interrupted() {
    let launch = with_a_chain(3_000);
    let dir = launch.data_dir();
    let before = head(&launch);
    let undo: [fn(&Path); 3] = [
        |dir| drop(damage(&dir.join("state"), "log index", true)),
        |dir| drop(damage(&dir.join("state"), "address index", true)),
        |dir| drop(damage(&dir.join("state"), "transactions", true)),
    ];
    for (part, damage) in ["--logs", "--addresses", "--transactions"].into_iter().zip(undo) {
        damage(&dir);
        fails("verify", &dir, &[], &["faults in"]);
        works("rebuild", &dir, &[part]);
        assert_eq!(works("verify", &dir, &[])["faults"]["count"], 0, "{part}");
    }
    for table in ["accounts", "slots", "trie", "preimages", "codes"] {
        drop(damage(&dir.join("state"), table, true));
    }
    fails("verify", &dir, &[], &["faults in"]);
    for place in ["state-flush-before:20", "staged-before-swap:1"] {
        is_killed("rebuild", &dir, &["--state"], place);
        fails("verify", &dir, &[], &["faults in"]);
    }
    works("rebuild", &dir, &[]);
    let verified = works("verify", &dir, &[]);
    assert_eq!((&verified["faults"]["count"], &verified["head"]), (&json!(0), &json!(before.0)));
    assert_eq!(head(&launch), before);
}

#[test]
fn pruned_states_are_gone_for_good_and_the_rest_is_whole() {
    let launch = with_a_chain(3_000);
    let dir = launch.data_dir();
    let (number, hash) = head(&launch);
    is_killed("prune", &dir, &["--keep", "100"], "prune-middle:1");
    assert_eq!(head(&launch), (number, hash));
    let told = works("prune", &dir, &["--keep", "100"]);
    assert_eq!(told["first"], number - 100, "{told}");
    let stats = works("stats", &dir, &[]);
    assert_eq!((&stats["firstState"], &stats["first"]), (&json!(number - 100), &json!(0)));
    assert_eq!(works("verify", &dir, &[])["faults"]["count"], 0);
    let again = works("prune", &dir, &["--keep", "2000"]);
    assert_eq!((&again["first"], &again["rows"]), (&json!(number - 100), &json!(0)));

    let node = launch.start();
    let mut client = node.client();
    let at = |number: u64| json!([fresh(3), format!("{number:#x}")]);
    assert_eq!(client.get("eth_getBalance", at(number - 100)), "0x1");
    for (method, params) in [
        ("eth_getBalance", at(number - 101)),
        ("eth_getCode", at(0)),
        ("eth_getProof", json!([fresh(3), [], "0x5"])),
        ("eth_call", json!([{ "to": fresh(3) }, "0x5"])),
        ("debug_setHead", json!(["0x5"])),
        ("debug_traceBlockByNumber", json!(["0x5"])),
    ] {
        let refused = client.refused(method, params);
        assert_eq!(refused.code, 4444, "{method}: {refused:?}");
        assert!(refused.message.contains("pruned"), "{method}: {refused:?}");
    }
    assert_eq!(client.get("eth_getBlockByNumber", json!(["0x5", false]))["number"], "0x5");
    let able = client.get("eth_capabilities", json!([]));
    assert_eq!(able["state"]["oldestBlock"], format!("{:#x}", number - 100));
    client.mined(&{
        let mut wallet = Wallet::dev(1);
        wallet.transfer(fresh(3), 1)
    });
    drop(client);
    node.stop("TERM");
    works("rebuild", &dir, &["--state"]);
    assert_eq!(works("stats", &dir, &[])["firstState"], 0, "execution brings them back");
}

#[test]
fn a_chain_prunes_while_it_grows() {
    let node = Node::start(&["--prune-history", "50"]);
    let mut client = node.client();
    client.get("anvil_mine", json!(["0x7d0"]));
    let kept = client.wait(|client| {
        client.get("anvil_mine", json!([]));
        let able = client.get("eth_capabilities", json!([]));
        let oldest = crate::wire::number(&able["state"]["oldestBlock"]);
        (oldest > 1_500).then_some(oldest)
    });
    assert!(kept + 50 <= client.block_number());
    assert_eq!(client.refused("eth_getBalance", json!([fresh(1), "0x5"])).code, 4444);
    drop(client);
    let launch = node.stop("TERM");
    assert_eq!(works("verify", &launch.data_dir(), &[])["faults"]["count"], 0);
}

#[test]
fn a_restore_that_ends_in_the_middle_leaves_the_old_chain() {
    let (launch, other) = (with_a_chain(3_000), with_a_chain(0));
    let (dir, backup) = (launch.data_dir(), other.home().join("backup"));
    works("backup", &dir, &[in_words(&backup)]);
    let (old, new) = (head(&other), head(&launch));
    let force = ["--force", in_words(&backup)];
    for place in ["copy-middle:1", "restore-before-swap:1"] {
        is_killed("restore", &other.data_dir(), &force, place);
        assert_eq!(head(&other), old, "{place}");
    }
    std::fs::write(other.data_dir().join("notes"), "mine").unwrap();
    works("restore", &other.data_dir(), &force);
    assert_eq!(head(&other), new);
    assert_eq!(std::fs::read(other.data_dir().join("notes")).unwrap(), b"mine");
    let inside = other.data_dir().join("inside");
    fails("backup", &other.data_dir(), &[in_words(&inside)], &["is inside of"]);
    fails("restore", &inside, &[in_words(&other.data_dir())], &["is inside of"]);
    std::fs::create_dir(&inside).unwrap();
    fails("restore", &other.data_dir(), &["--force", in_words(&inside)], &["is inside of"]);
    assert_eq!(head(&other), new);
    std::fs::remove_dir(&inside).unwrap();
    let left = other.home().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["backup", "data"]);
}

#[test]
fn what_is_no_chain_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for what in ["stats", "verify", "compact"] {
        fails(what, dir.path(), &[], &["no chain in", in_words(dir.path())]);
    }
    let beside = tempfile::tempdir().unwrap();
    let to = beside.path().join("to");
    fails("backup", dir.path(), &[in_words(&to)], &["no chain in"]);
    fails("restore", &to, &[in_words(dir.path())], &["no chain in"]);
    assert!(!to.exists());
}

#[test]
fn without_an_address_index_explorers_are_told_and_it_is_made_at_the_next_start() {
    let node = Node::start(&["--no-address-index"]);
    let mut wallet = Wallet::dev(0);
    let mut client = node.client();
    for number in 0..5 {
        client.mined(&wallet.transfer(fresh(number), 1));
    }
    let search = json!([fresh(3), 0, 25]);
    let refused = client.refused("ots_searchTransactionsBefore", search.clone());
    assert!(refused.message.contains("--no-address-index"), "{refused:?}");
    let by_nonce = json!([wallet.address(), "0x3"]);
    let sent = client.get("eth_getTransactionBySenderAndNonce", by_nonce.clone());
    assert_eq!(sent["nonce"], "0x3");
    drop(client);
    let node = node.stop("TERM").with_flags(&[]).start();
    let mut client = node.client();
    let found =
        client.wait(|client| client.rpc("ots_searchTransactionsBefore", search.clone()).ok());
    assert_eq!(found["txs"][0]["hash"], sent["hash"]);
    assert_eq!(client.get("eth_getTransactionBySenderAndNonce", by_nonce), sent);
}

#[test]
fn a_chain_that_was_loaded_or_forked_is_verified_and_its_first_state_is_not_made_anew() {
    let first = Node::start(&[]);
    first.client().mined(&Wallet::dev(0).transfer(fresh(1), 1));
    let dump = first.launch.home().join("dump.json");
    let first = first.stop("TERM").with_flags(&["--dump-state", in_words(&dump)]).start();
    let _keeps_the_dump = first.stop("TERM");
    let loaded = Node::start(&["--load-state", in_words(&dump)]);
    let forked = Node::start(&["--fork-url", &loaded.url()]);
    let chains = [loaded, forked].map(|node| {
        let request = json!([{ "from": Wallet::dev(0).address(), "to": fresh(2), "value": "0x1" }]);
        node.client().get("eth_sendTransaction", request);
        node
    });
    for launch in chains.map(|node| node.stop("TERM")) {
        let dir = launch.data_dir();
        assert_eq!(works("verify", &dir, &[])["faults"]["count"], 0);
        fails("rebuild", &dir, &["--state"], &["the chain stands", "backup"]);
        let copy = launch.home().join("copy");
        works("backup", &dir, &[in_words(&copy)]);
        assert_eq!(works("verify", &copy, &[])["faults"]["count"], 0);
    }
}
