//! `mainspring db restore`: the chain of a backup.

use super::{CliError, Database, copying, tell};
use crate::node::database;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// What `mainspring db restore` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct RestoreArgs {
    #[command(flatten)]
    database: Database,
    /// Replace the chain that is there
    #[arg(long)]
    force: bool,
    /// Directory of the backup; it stays
    #[arg(value_name = "FROM")]
    from: PathBuf,
}

pub(super) fn run(args: &RestoreArgs) -> Result<(), CliError> {
    let dir = &args.database.datadir;
    database::restore(&args.from, dir, args.force, copying("restore"))?;
    let stats = database::stats(dir)?;
    let words =
        format!("Restored blocks {} to {} into {}", stats.first, stats.head.number, dir.display());
    let told = json!({ "from": args.from, "first": stats.first, "head": stats.head });
    tell(&args.database, &told, words)
}
