//! The list of methods and the methods.

use super::*;
use crate::{
    rpc::{Kind, Namespaces},
    spec::Mode,
};
use std::collections::BTreeSet;

fn listed(answer: &Value) -> BTreeSet<String> {
    let methods = answer["methods"].as_array().unwrap();
    methods.iter().map(|method| method["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_listed_is_registered_and_what_is_registered_is_listed() {
    let node = TestNode::start();
    let stored = [Mode::Dev, Mode::Poa, Mode::Pow, Mode::Merged].map(Kind::Stored);
    for kind in [Kind::Development].into_iter().chain(stored) {
        let namespaces = Namespaces { kind, admin: true, named: None };
        let all = namespaces.select(&node.api.all_methods());
        let mut served = all.clone();
        served.merge(crate::rpc::discover::method(&all)).unwrap();
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
        let (answer, _news) = served.raw_json_request(request, 1).await.unwrap();
        let answer: Value = serde_json::from_str(answer.get()).unwrap();
        let registered: BTreeSet<String> = served.method_names().map(str::to_owned).collect();
        assert_eq!(listed(&answer["result"]), registered, "{kind:?}");
    }
}

#[tokio::test]
async fn nothing_is_in_the_list_that_no_node_serves() {
    let node = TestNode::start();
    let every = node.api.all_methods();
    let own = ["rpc.discover", "rpc_modules"];
    let dead: Vec<String> = crate::rpc::discover::names()
        .filter(|name| every.method(name).is_none() && !own.contains(&name.as_str()))
        .collect();
    assert!(dead.is_empty(), "{dead:?}");
}
