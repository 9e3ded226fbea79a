//! `mainspring db prune`: states of old blocks are thrown away.

use super::{CliError, Database, tell};
use crate::{cli::Progress, node::database};
use clap::Args;
use serde_json::json;

/// What `mainspring db prune` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct PruneArgs {
    #[command(flatten)]
    database: Database,
    /// How many blocks below the head keep their state
    #[arg(long, value_name = "BLOCKS")]
    keep: u64,
}

pub(super) fn run(args: &PruneArgs) -> Result<(), CliError> {
    let mut progress: Option<Progress> = None;
    let pruned = database::prune(&args.database.datadir, args.keep, |at, to| {
        progress.get_or_insert_with(|| Progress::blocks("prune", to)).at(at.first, at.first);
    })?;
    progress.iter().for_each(Progress::finish);
    let words = format!(
        "Threw {} rows away; block {} is the first with state. `mainspring db compact` gives the room \
         back to the disk",
        pruned.rows, pruned.first
    );
    tell(&args.database, &json!({ "first": pruned.first, "rows": pruned.rows }), words)
}
