//! `mainspring db backup`: a copy of the chain, also while a node runs on it.

use super::{CliError, Database, copying, tell};
use crate::node::database;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// What `mainspring db backup` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct BackupArgs {
    #[command(flatten)]
    database: Database,
    /// Directory to make
    #[arg(value_name = "TO")]
    to: PathBuf,
}

pub(super) fn run(args: &BackupArgs) -> Result<(), CliError> {
    database::backup(&args.database.datadir, &args.to, copying("backup"))?;
    let stats = database::stats(&args.to)?;
    let words = format!(
        "Backed up blocks {} to {} to {}",
        stats.first,
        stats.head.number,
        args.to.display()
    );
    let told = json!({ "to": args.to, "first": stats.first, "head": stats.head });
    tell(&args.database, &told, words)
}
