//! `mainspring db`: what can be done with a data directory as a whole.

mod backup;
mod compact;
mod prune;
mod rebuild;
mod restore;
mod stats;
mod verify;

use super::CliError;
use crate::storage::Copied;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// What `mainspring db` can do.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum Db {
    /// Show what the database holds, also while a node runs on it
    #[command(after_help = "Example: mainspring db stats --datadir ./chain --json")]
    Stats(stats::StatsArgs),
    /// Read everything and tell what is damaged; the exit code is 1 if something is
    #[command(after_help = "Example: mainspring db verify --datadir ./chain

Looked at: that blocks follow each other and have the hashes that are stored, the roots of
transactions, receipts, ommers and withdrawals, who signed each transaction, the state root from all
accounts and slots, every stored branch of the tries, codes, and the indexes beside the blocks.")]
    Verify(verify::VerifyArgs),
    /// Copy the chain into a new directory, also while a node runs on it
    #[command(after_help = "Examples:
  mainspring db backup --datadir ./chain ./backups/monday
  mainspring db restore --datadir ./chain ./backups/monday

Stored keys are copied too.")]
    Backup(backup::BackupArgs),
    /// Make a copy of a backup the chain of a directory
    #[command(after_help = "Examples:
  mainspring db restore --datadir ./chain ./backups/monday
  mainspring db restore --datadir ./chain --force ./backups/monday     replaces what is there")]
    Restore(restore::RestoreArgs),
    /// Throw the states of old blocks away; blocks, receipts and indexes stay
    #[command(after_help = "Example: mainspring db prune --datadir ./chain --keep 1000

What needs such a state (calls, traces and proofs at old blocks, going back to them) is refused then.
mainspring db rebuild --state brings them back.")]
    Prune(prune::PruneArgs),
    /// Make anew what follows from the blocks
    #[command(after_help = "Examples:
  mainspring db rebuild --datadir ./chain --logs --addresses     indexes
  mainspring db rebuild --datadir ./chain --state                everything, by executing all blocks")]
    Rebuild(rebuild::RebuildArgs),
    /// Give free pages back to the disk
    #[command(after_help = "Example: mainspring db compact --datadir ./chain

Needs room for a second copy meanwhile. Whenever it is interrupted, the chain is whole.")]
    Compact(compact::CompactArgs),
}

/// Which database, and how to tell what was done.
#[derive(Args, Clone, Debug)]
pub(super) struct Database {
    /// Directory of the chain's database
    #[arg(long, env = "MAINSPRING_DATADIR", value_name = "DIR", default_value = "./.mainspring")]
    datadir: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(db: &Db) -> Result<(), CliError> {
    match db {
        Db::Stats(args) => stats::run(args),
        Db::Verify(args) => verify::run(args),
        Db::Backup(args) => backup::run(args),
        Db::Restore(args) => restore::run(args),
        Db::Prune(args) => prune::run(args),
        Db::Rebuild(args) => rebuild::run(args),
        Db::Compact(args) => compact::run(args),
    }
}

/// Prints a result: as JSON, or in words.
fn tell(database: &Database, result: &impl Serialize, words: String) -> Result<(), CliError> {
    let text = match database.json {
        true => serde_json::to_string_pretty(result).map_err(io::Error::other),
        false => Ok(words),
    };
    let mut out = io::stdout().lock();
    text.and_then(|text| writeln!(out, "{text}"))
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

/// Shows how far a copy is.
fn copying(name: &'static str) -> impl FnMut(Copied) {
    let mut progress = None;
    move |copied: Copied| {
        let shown = progress.get_or_insert_with(|| super::Progress::rows(name, copied.of));
        shown.at_row(copied.done);
        if copied.done >= copied.of {
            shown.finish();
        }
    }
}

/// Bytes in the largest unit that keeps three digits.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..units.len()).rev().find(|unit| bytes >> (10 * unit) >= 10).unwrap_or(0);
    format!("{} {}", bytes >> (10 * unit), units[unit])
}
