//! Recorded conversations with other clients: does the node answer as they do, word for word?
//!
//! They are found through `MAINSPRING_FIXTURES` (by default `../shared/fixtures` beside the project).

use crate::harness::{BINARY, Launch, Node, fixtures};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// One conversation: requests, and the answers that they must get.
struct Conversation {
    name: String,
    /// Only the shape of the answer counts.
    shape_only: bool,
    turns: Vec<(Value, Value)>,
}

/// All conversations below a folder, in the order of their names.
fn conversations(root: &Path) -> Vec<Conversation> {
    let mut found = BTreeMap::new();
    for method in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&method).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "io") {
                let name = file.strip_prefix(root).unwrap().with_extension("");
                let name = name.display().to_string();
                let text = fs::read_to_string(&file).unwrap();
                found.insert(name.clone(), conversation(name, &text));
            }
        }
    }
    found.into_values().collect()
}

fn conversation(name: String, text: &str) -> Conversation {
    let lines = |mark: &'static str| {
        let lines = text.lines().filter_map(move |line| line.trim().strip_prefix(mark));
        lines.map(|json| serde_json::from_str(json.trim()).unwrap())
    };
    let turns: Vec<(Value, Value)> = lines(">>").zip(lines("<<")).collect();
    assert!(!turns.is_empty(), "{name} has no turns");
    let shape_only = text.lines().any(|line| line.trim().starts_with("// speconly:"));
    Conversation { name, shape_only, turns }
}

/// Drops what an error says in words where both sides say it: only codes and data are compared.
fn without_words(got: &mut Value, want: &mut Value) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            if let (Some(Value::Object(got)), Some(Value::Object(want))) =
                (got.get_mut("error"), want.get_mut("error"))
                && got.contains_key("message")
                && want.contains_key("message")
            {
                got.remove("message");
                want.remove("message");
            }
            for (key, want) in want.iter_mut() {
                if let Some(got) = got.get_mut(key) {
                    without_words(got, want);
                }
            }
        }
        (Value::Array(got), Value::Array(want)) => {
            got.iter_mut().zip(want).for_each(|(got, want)| without_words(got, want));
        }
        _ => {}
    }
}

/// Is the answer of a method of the recorded kind, with every field that the specification requires?
fn has_shape(openrpc: &Value, method: &str, got: &Value, want: &Value) -> Result<(), String> {
    if std::mem::discriminant(got) != std::mem::discriminant(want) {
        return Err(format!("of another kind: {got}"));
    }
    let methods = openrpc["methods"].as_array().unwrap();
    let found = methods.iter().find(|each| each["name"] == method).unwrap();
    let required = found["result"]["schema"]["required"].as_array();
    let missing =
        required.into_iter().flatten().find(|key| got.get(key.as_str().unwrap()).is_none());
    missing.map_or(Ok(()), |key| Err(format!("no {key} in {got}")))
}

fn check(node: &Node, conversation: &Conversation, openrpc: &Value) -> Result<(), String> {
    for (request, want) in &conversation.turns {
        let body = request.to_string();
        let (_status, answer) =
            node.client().post(body.as_bytes()).map_err(|error| error.to_string())?;
        let mut got: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if conversation.shape_only && got.get("error").is_none() {
            let method = request["method"].as_str().unwrap();
            has_shape(openrpc, method, &got["result"], &want["result"])?;
            continue;
        }
        let mut want = want.clone();
        without_words(&mut got, &mut want);
        if got != want {
            return Err(format!("got  {got}\nwant {want}"));
        }
    }
    Ok(())
}

fn run(home: &Path, arguments: &[&str]) {
    let output = Command::new(BINARY).args(arguments).current_dir(home).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn recorded_conversations_are_answered_as_other_clients_answer_them() {
    let Some(root) = fixtures("rpc-compat") else { return };
    let path = |name: &str| root.join(name).canonicalize().unwrap().display().to_string();
    let api = "eth,net,web3,debug,txpool,testing";
    let launch = Launch::new(&["node", "--http.api", api, "--no-seal"]);
    let data = launch.data_dir().display().to_string();
    run(launch.home(), &["init", "--datadir", &data, "--genesis", &path("genesis.json")]);
    run(launch.home(), &["import", "--datadir", &data, &path("chain.rlp")]);
    let node = launch.start();
    let openrpc = serde_json::from_str(&fs::read_to_string(path("openrpc.json")).unwrap()).unwrap();
    let all = conversations(&root.join("tests"));
    let failed: Vec<String> = all
        .iter()
        .filter_map(|each| Some(format!("{}: {}", each.name, check(&node, each, &openrpc).err()?)))
        .collect();
    let passed = all.len() - failed.len();
    assert!(failed.is_empty(), "PASS {passed}/{}\n{}", all.len(), failed.join("\n"));
    assert!(!all.is_empty(), "there are no conversations at {}", root.display());
}

#[test]
fn an_answer_that_differs_in_one_value_is_noticed() {
    let text = ">> {\"id\":1}\n<< {\"id\":1,\"error\":{\"code\":-32000,\"message\":\"a\"}}";
    let recorded = conversation("made/up".into(), text);
    let differs = |got: &str| {
        let mut got = serde_json::from_str(got).unwrap();
        let mut want = recorded.turns[0].1.clone();
        without_words(&mut got, &mut want);
        got != want
    };
    assert!(!differs("{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"b\"}}"));
    assert!(differs("{\"id\":1,\"error\":{\"code\":-32001,\"message\":\"a\"}}"));
    assert!(differs("{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"a\",\"data\":\"0x\"}}"));
    assert!(differs("{\"id\":1,\"result\":null}"));
}
