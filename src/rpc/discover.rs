//! `rpc.discover`: which methods are there, what do they take, and what do they answer?
//!
//! The list is ours, one file a namespace in `openrpc/`, with an example for each method that a test
//! runs against a node. It is answered in the form of [OpenRPC](https://spec.open-rpc.org), as far as
//! the methods are served. A type is a name of `types.json`, with `[]` for a list of it and `|null`
//! where there may be nothing.

use super::Answer;
use jsonrpsee::{Methods, proc_macros::rpc};
use serde::Deserialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

/// The list, a file a namespace.
const LISTS: [&str; 18] = [
    include_str!("openrpc/admin.json"),
    include_str!("openrpc/anvil.json"),
    include_str!("openrpc/chain.json"),
    include_str!("openrpc/clique.json"),
    include_str!("openrpc/debug.json"),
    include_str!("openrpc/erigon.json"),
    include_str!("openrpc/eth.json"),
    include_str!("openrpc/evm.json"),
    include_str!("openrpc/hardhat.json"),
    include_str!("openrpc/miner.json"),
    include_str!("openrpc/net.json"),
    include_str!("openrpc/ots.json"),
    include_str!("openrpc/personal.json"),
    include_str!("openrpc/rpc.json"),
    include_str!("openrpc/testing.json"),
    include_str!("openrpc/trace.json"),
    include_str!("openrpc/txpool.json"),
    include_str!("openrpc/web3.json"),
];
/// The types that the list names.
const TYPES: &str = include_str!("openrpc/types.json");
/// The calls that make the chain on which the examples hold.
const SCENARIO: &str = include_str!("openrpc/scenario.json");

/// The list of methods.
#[rpc(server)]
pub trait Discover {
    /// Every method that is served, in OpenRPC's form.
    #[method(name = "rpc.discover")]
    fn discover(&self) -> Answer<Box<RawValue>>;
}

/// One method of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    /// Other names of the same method.
    #[serde(default)]
    aliases: Vec<String>,
    summary: String,
    /// Each as `name: type`, or `name?: type` if it may be left out.
    params: Vec<String>,
    result: String,
    example: Example,
}

/// A call and its answer on the chain of the scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// Flags of a node of its own, without the scenario, for what needs another chain.
    #[serde(default)]
    flags: Vec<String>,
    /// On a node of a chain of this kind, without the scenario: `work`, or `authority` with one signer and
    /// one block.
    #[serde(default)]
    chain: Option<String>,
    /// On a fork of the chain of the scenario, whose upstream has the address in the call.
    #[serde(default)]
    fork: bool,
    /// On a node of a network of its own, without the scenario.
    #[serde(default)]
    network: bool,
    /// Calls that come first: method, parameters, and, where a later call names it, the answer.
    #[serde(default)]
    before: Vec<Value>,
    params: Vec<Value>,
    /// The answer, or the fields of it that matter.
    result: Value,
    /// What the answer looks like where it is not always the same.
    #[serde(default)]
    pattern: Option<String>,
    /// Calls that come after, and what they answer then.
    #[serde(default)]
    then: Vec<Value>,
}

struct Served {
    names: BTreeSet<String>,
    document: OnceLock<Box<RawValue>>,
}

impl DiscoverServer for Served {
    fn discover(&self) -> Answer<Box<RawValue>> {
        let made = || to_raw_value(&document(&self.names)).expect("a document of JSON is JSON");
        Ok(self.document.get_or_init(made).clone())
    }
}

/// `rpc.discover` of a node that serves these methods and itself.
pub(super) fn method(served: &Methods) -> Methods {
    let own = std::iter::once("rpc.discover");
    let names = served.method_names().chain(own).map(str::to_owned).collect();
    Served { names, document: OnceLock::new() }.into_rpc().into()
}

fn document(names: &BTreeSet<String>) -> Value {
    let listed = list();
    let methods = listed.iter().flat_map(|method| {
        let all = std::iter::once(&method.name).chain(&method.aliases);
        all.filter(|name| names.contains(*name)).map(|name| method.described_as(name))
    });
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "mainspring",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC of this node. The examples hold on a new development chain that \
                was made with --timestamp 1700000000, after the calls in x-scenario.",
        },
        "x-scenario": parsed(SCENARIO),
        "methods": methods.collect::<Vec<_>>(),
        "components": { "schemas": parsed(TYPES) },
    })
}

fn list() -> Vec<Listed> {
    LISTS.iter().flat_map(|file| parse::<Vec<Listed>>(file)).collect()
}

/// What a method takes, each as `name: type`, under any of its names; `None` if it is not listed.
pub(super) fn params_of(method: &str) -> Option<&'static [String]> {
    static PARAMS: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    let by_name = || {
        let each = list().into_iter().flat_map(|listed| {
            let names = std::iter::once(listed.name).chain(listed.aliases);
            names.map(move |name| (name, listed.params.clone())).collect::<Vec<_>>()
        });
        each.collect()
    };
    PARAMS.get_or_init(by_name).get(method).map(Vec::as_slice)
}

/// The schema of a type that the list names; null if it names none such.
pub(super) fn type_of(kind: &str) -> &'static Value {
    static KINDS: OnceLock<Value> = OnceLock::new();
    &KINDS.get_or_init(|| parsed(TYPES))[kind]
}

/// Every name of every method of the list.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = String> {
    list().into_iter().flat_map(|method| std::iter::once(method.name).chain(method.aliases))
}

fn parsed(file: &str) -> Value {
    parse(file)
}

fn parse<T: for<'a> Deserialize<'a>>(file: &str) -> T {
    serde_json::from_str(file).expect("a test reads every file of the list")
}

impl Listed {
    fn described_as(&self, name: &str) -> Value {
        let mut described = json!({
            "name": name,
            "summary": self.summary,
            "paramStructure": "by-position",
            "params": self.params.iter().map(|param| descriptor(param)).collect::<Vec<_>>(),
            "result": { "name": "result", "schema": schema(&self.result) },
            "examples": [self.pairing()],
        });
        if name != self.name {
            described["x-alias-of"] = json!(self.name);
        }
        described
    }

    fn pairing(&self) -> Value {
        let names = self.params.iter().map(|param| named(param).0);
        let params = names.zip(&self.example.params);
        let mut pairing = json!({
            "name": self.name,
            "params": params.map(|(name, value)| json!({ "name": name, "value": value }))
                .collect::<Vec<_>>(),
            "result": { "name": "result", "value": self.example.result },
        });
        for (key, calls) in [("x-before", &self.example.before), ("x-then", &self.example.then)] {
            if !calls.is_empty() {
                pairing[key] = json!(calls);
            }
        }
        if !self.example.flags.is_empty() {
            pairing["x-flags"] = json!(self.example.flags);
        }
        if let Some(chain) = &self.example.chain {
            pairing["x-chain"] = json!(chain);
        }
        if self.example.fork {
            pairing["x-fork"] = json!(true);
        }
        if self.example.network {
            pairing["x-network"] = json!(true);
        }
        if let Some(pattern) = &self.example.pattern {
            pairing["x-pattern"] = json!(pattern);
        }
        pairing
    }
}

fn descriptor(param: &str) -> Value {
    let (name, required, kind) = named(param);
    json!({ "name": name, "required": required, "schema": schema(kind) })
}

/// Name, whether it has to be there, and type.
fn named(param: &str) -> (&str, bool, &str) {
    let (name, kind) = param.split_once(": ").unwrap_or((param, "json"));
    (name.trim_end_matches('?'), !name.ends_with('?'), kind)
}

fn schema(kind: &str) -> Value {
    if let Some(inner) = kind.strip_suffix("|null") {
        json!({ "oneOf": [schema(inner), { "type": "null" }] })
    } else if let Some(inner) = kind.strip_suffix("[]") {
        json!({ "type": "array", "items": schema(inner) })
    } else {
        json!({ "$ref": format!("#/components/schemas/{kind}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(kind: &str) -> &str {
        kind.trim_end_matches("|null").trim_end_matches("[]")
    }

    #[test]
    fn every_type_of_the_list_is_known_and_every_known_type_is_used() {
        let (list, types) = (list(), parsed(TYPES));
        let named = |method: &Listed| {
            let params = method.params.iter().map(|param| {
                assert!(param.contains(": "), "{}: {param}", method.name);
                base(named(param).2).to_owned()
            });
            params.chain([base(&method.result).to_owned()]).collect::<Vec<_>>()
        };
        let used: BTreeSet<String> = list.iter().flat_map(named).collect();
        let unknown: Vec<_> =
            used.iter().filter(|kind| types.get(kind.as_str()).is_none()).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for kind in types.as_object().unwrap().keys() {
            let referred = TYPES.contains(&format!("schemas/{kind}\""));
            assert!(used.contains(kind) || referred, "nothing is a {kind}");
        }
    }

    #[test]
    fn a_method_says_what_it_takes_and_answers() {
        let names = ["eth_getBalance", "anvil_setBalance", "tenderly_setBalance"];
        let served = names.iter().map(|&name| name.to_owned()).collect();
        let document = document(&served);
        let methods = document["methods"].as_array().unwrap();
        assert_eq!(methods.len(), 3, "nothing that is not served");
        let balance = methods.iter().find(|method| method["name"] == names[0]).unwrap();
        let params = json!([
            { "name": "address", "required": true, "schema": { "$ref": "#/components/schemas/address" } },
            { "name": "block", "required": false, "schema": { "$ref": "#/components/schemas/block" } },
        ]);
        assert_eq!(balance["params"], params);
        assert_eq!(balance["result"]["schema"]["$ref"], "#/components/schemas/quantity");
        let alias = methods.iter().find(|method| method["name"] == names[2]).unwrap();
        assert_eq!(alias["x-alias-of"], names[1]);
    }

    #[test]
    fn nothing_is_listed_twice() {
        let mut seen = BTreeSet::new();
        for method in list() {
            for name in std::iter::once(method.name).chain(method.aliases) {
                assert!(seen.insert(name.clone()), "{name}");
            }
        }
    }
}
