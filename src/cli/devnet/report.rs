//! What is told of the network: the table, the file for other programs, what to do next.

use super::{DevnetError, Layout, ask, layout::write_whole};
use crate::cli::CliError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// A node as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) role: String,
    /// URL of its JSON-RPC.
    pub(super) rpc: String,
    /// Where other nodes reach it.
    pub(super) p2p: Option<String>,
    /// `None` if it does not run.
    pub(super) pid: Option<u32>,
    pub(super) datadir: PathBuf,
    /// Number of its part, while the network is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<u64>,
}

/// Prints lines; nobody reads them any more if that fails.
pub(super) fn tell(lines: impl IntoIterator<Item = String>) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let told = lines.into_iter().try_for_each(|line| writeln!(out, "{line}"));
    told.and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Writes which nodes there are, for other programs.
pub(super) fn write(layout: &Layout, rows: &[Row]) -> Result<(), DevnetError> {
    let text = serde_json::to_vec_pretty(&json!({ "nodes": rows }));
    let path = layout.nodes();
    let text = text.map_err(|source| DevnetError::Format { path: path.clone(), source })?;
    write_whole(&path, &text)
}

/// The table of a network that has started, and what to do with it.
pub(super) fn welcome(layout: &Layout, rows: &[Row]) -> Vec<String> {
    let mut lines = table(rows, &[]);
    let (dir, rpc) = (layout.dir.display(), rows.first().map_or("", |main| main.rpc.as_str()));
    lines.extend([
        String::new(),
        format!("Blocks:   cast block --rpc-url {rpc}"),
        format!("Nodes:    mainspring devnet status --datadir {dir}"),
        format!("Faults:   mainspring devnet kill worker-1 --datadir {dir}"),
        format!("Accounts: those of `mainspring dev`, 10000 ether each; logs: {dir}/NODE/log"),
        "End:      ctrl-c".to_owned(),
    ]);
    lines
}

/// The table with what each node says of itself now.
pub(super) fn with_heads(layout: &Layout, rows: &[Row]) -> Vec<String> {
    let said: Vec<[String; 2]> = rows.iter().map(|row| head_and_peers(layout, row)).collect();
    table(rows, &said)
}

fn head_and_peers(layout: &Layout, row: &Row) -> [String; 2] {
    if row.pid.is_none() {
        return ["-".to_owned(), "-".to_owned()];
    }
    let socket = layout.socket(&row.name);
    let asked = |method, params: Value| match ask::call(&socket, method, &params) {
        Ok(Ok(value)) => Some(value),
        _ => None,
    };
    let head = asked("eth_getBlockByNumber", json!(["latest", false]));
    let head = head.and_then(|block| {
        let number = quantity(&block["number"])?;
        let hash = block["hash"].as_str()?.get(..10)?;
        Some(format!("{number} {hash}"))
    });
    let peers = asked("net_peerCount", json!([]));
    let peers = peers.and_then(|count| quantity(&count)).map(|count| count.to_string());
    let silent = || "no answer".to_owned();
    [head.unwrap_or_else(silent), peers.unwrap_or_else(silent)]
}

/// A number as JSON-RPC writes it.
pub(super) fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// A line a node, in columns; head and peers where somebody asked.
fn table(rows: &[Row], said: &[[String; 2]]) -> Vec<String> {
    let is_cut = rows.iter().any(|row| row.part.is_some());
    let mut cells = vec![vec!["NODE", "ROLE", "RPC", "PROCESS"]];
    if !said.is_empty() {
        cells[0].extend(["HEAD", "PEERS"]);
    }
    if is_cut {
        cells[0].push("PART");
    }
    let pids: Vec<String> = rows
        .iter()
        .map(|row| row.pid.map_or("stopped".to_owned(), |pid| pid.to_string()))
        .collect();
    let parts: Vec<String> =
        rows.iter().map(|row| row.part.map_or(String::new(), |part| part.to_string())).collect();
    for (place, row) in rows.iter().enumerate() {
        let mut line = vec![row.name.as_str(), &row.role, &row.rpc, &pids[place]];
        line.extend(said.get(place).into_iter().flatten().map(String::as_str));
        if is_cut {
            line.push(&parts[place]);
        }
        cells.push(line);
    }
    let width = |column: usize| cells.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells[0].len()).map(width).collect();
    let line = |cells: &Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, pid: Option<u32>, part: Option<u64>) -> Row {
        let (name, role, rpc) = (name.to_owned(), "worker".to_owned(), "http://x".to_owned());
        Row { name, role, rpc, p2p: None, pid, datadir: "d".into(), part }
    }

    #[test]
    fn a_table_has_a_line_a_node() {
        let rows = [row("main", Some(7), None), row("worker-1", None, None)];
        let lines = table(&rows, &[]);
        assert_eq!(
            lines,
            [
                "NODE      ROLE    RPC       PROCESS",
                "main      worker  http://x  7",
                "worker-1  worker  http://x  stopped",
            ]
        );
    }

    #[test]
    fn a_cut_shows_who_is_in_which_part() {
        let rows = [row("main", Some(7), Some(0)), row("worker-1", Some(8), Some(1))];
        let said = [["3 0xab".to_owned(), "0".to_owned()], ["4 0xcd".to_owned(), "1".to_owned()]];
        let lines = table(&rows, &said);
        assert!(lines[0].ends_with("HEAD    PEERS  PART"), "{}", lines[0]);
        assert!(lines[2].ends_with("4 0xcd  1      1"), "{}", lines[2]);
    }
}
