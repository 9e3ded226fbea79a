//! `mainspring db compact`: free pages go back to the disk.

use super::{CliError, Database, copying, size, tell};
use crate::node::database;
use clap::Args;
use serde_json::json;

/// What `mainspring db compact` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct CompactArgs {
    #[command(flatten)]
    database: Database,
}

pub(super) fn run(args: &CompactArgs) -> Result<(), CliError> {
    let (before, after) = database::compact(&args.database.datadir, copying("compact"))?;
    let words = format!("Compacted {} to {}", size(before), size(after));
    tell(&args.database, &json!({ "bytesBefore": before, "bytesAfter": after }), words)
}
