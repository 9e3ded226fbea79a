//! The dashboard: is what it asks for on the page of a running node?

use super::{page::scrape, signer};
use crate::wallet::{Wallet, fresh};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

const DASHBOARD: &str = include_str!("../../../scripts/grafana.json");

/// Every query of a panel, or of a panel inside of it.
fn queries(panels: &Value) -> Vec<&str> {
    let panels = panels.as_array().into_iter().flatten();
    let of_panel = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        let own = targets.map(|target| target["expr"].as_str().unwrap());
        own.chain(queries(&panel["panels"])).collect::<Vec<_>>()
    });
    of_panel.collect()
}

#[test]
fn every_number_that_it_asks_for_is_there() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let (node, at) = signer(0xc2, 0);
    crate::authority::mined(&node, &Wallet::dev(0).transfer(fresh(1), 5));
    let page = scrape(at);
    let there = page.names();
    let name = Regex::new(r"\b(?:mainspring|process)_[a-z_]+").unwrap();
    let queries = queries(&dashboard["panels"]);
    let asked: BTreeSet<_> =
        queries.iter().flat_map(|query| name.find_iter(query)).map(|it| it.as_str()).collect();
    let missing: Vec<_> = asked.difference(&there).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    assert!(asked.len() > 30, "{} names in {} queries", asked.len(), queries.len());
}

#[test]
fn it_has_a_row_for_every_part_and_no_panel_twice() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let rows = panels.iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<_> = rows.map(|row| row["title"].as_str().unwrap()).collect();
    let wanted = ["Chain", "Sealing", "Network", "Pool", "RPC", "Database", "Process"];
    assert_eq!(rows, wanted);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "an id stands twice");
}
