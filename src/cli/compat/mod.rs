//! `mainspring compat`: what of Ethereum's surface does this very binary serve? It starts a node, asks it,
//! starts it again, and reports; nothing is said that was not seen just now.

mod checks;
mod client;
mod contracts;
mod errors;
mod history;

use super::CliError;
use crate::{
    config::{Config, DataConfig, IpcConfig, ServerConfig},
    node,
    rpc::Verbosity,
};
use checks::{Area, Check};
use clap::Args;
use client::{Client, Wrong};
use serde_json::json;
use std::{
    io::{self, Write},
    path::Path,
};

/// What `mainspring compat` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct CompatArgs {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What was seen.
struct Seen {
    check: &'static Check,
    result: Result<(), Wrong>,
}

/// Runs every check and prints the report.
///
/// # Errors
/// [`CliError::Incompatible`] if a check fails.
pub(super) async fn run(args: &CompatArgs) -> Result<(), CliError> {
    let dir = tempfile::tempdir().map_err(node::NodeError::Temporary)?;
    let before = checks::all().filter(|check| check.area != Area::Durability);
    let mut seen = on_a_node(dir.path(), before.collect()).await?;
    // The same directory again: what was there has to be there.
    let after = checks::all().filter(|check| check.area == Area::Durability);
    seen.extend(on_a_node(dir.path(), after.collect()).await?);
    let mut out = io::stdout().lock();
    let told = if args.json { tell_json(&mut out, &seen) } else { tell(&mut out, &seen) };
    told.and_then(|()| out.flush()).map_err(CliError::Output)?;
    match seen.iter().filter(|seen| seen.result.is_err()).count() {
        0 => Ok(()),
        failed => Err(CliError::Incompatible { failed, all: seen.len() }),
    }
}

/// Starts a node on the directory, makes the checks, and stops it.
async fn on_a_node(dir: &Path, checks: Vec<&'static Check>) -> Result<Vec<Seen>, CliError> {
    let config = Config {
        data: DataConfig { dir: dir.join("data"), ..DataConfig::default() },
        server: ServerConfig {
            port: 0,
            ipc: IpcConfig::At("compat.ipc".into()),
            ..ServerConfig::default()
        },
        ..Config::default()
    };
    let node = node::start(config, Verbosity::default()).await?;
    let mut client = Client::new(node.addresses(), node.ipc_path());
    let asked = tokio::task::spawn_blocking(move || {
        let each = |check: &'static Check| Seen { check, result: (check.run)(&mut client) };
        checks.into_iter().map(each).collect()
    });
    let seen = asked.await.map_err(|_panicked| CliError::CheckPanicked);
    node.shutdown().await?;
    seen
}

fn tell(out: &mut impl Write, seen: &[Seen]) -> io::Result<()> {
    writeln!(out, "| area | what | result |\n|---|---|---|")?;
    for Seen { check, result } in seen {
        let result = match result {
            Ok(()) => "yes".to_owned(),
            Err(wrong) => format!("no: {}", wrong.to_string().replace(['|', '\n'], " ")),
        };
        writeln!(out, "| {} | {} | {result} |", check.area.name(), check.what)?;
    }
    let passed = seen.iter().filter(|seen| seen.result.is_ok()).count();
    writeln!(out, "\n{passed} of {} checks passed.", seen.len())
}

fn tell_json(out: &mut impl Write, seen: &[Seen]) -> io::Result<()> {
    let each = |Seen { check, result }: &Seen| {
        let reason = result.as_ref().err().map(ToString::to_string);
        json!({
            "area": check.area.name(),
            "what": check.what,
            "passed": result.is_ok(),
            "reason": reason,
        })
    };
    let checks: Vec<_> = seen.iter().map(each).collect();
    let passed = seen.iter().filter(|seen| seen.result.is_ok()).count();
    let report = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "passed": passed,
        "failed": seen.len() - passed,
        "checks": checks,
    });
    writeln!(out, "{report:#}")
}
