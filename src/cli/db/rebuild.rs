//! `mainspring db rebuild`: what follows from the blocks, made anew.

use super::{CliError, Database, tell};
use crate::{
    cli::Progress,
    node::database::{self, Index, Rebuilding},
};
use clap::Args;
use serde_json::json;

/// What `mainspring db rebuild` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct RebuildArgs {
    #[command(flatten)]
    database: Database,
    /// The index of events
    #[arg(long)]
    logs: bool,
    /// The index of addresses
    #[arg(long)]
    addresses: bool,
    /// The index of transactions
    #[arg(long)]
    transactions: bool,
    /// The whole state with its indexes, by executing every block again; what is rebuilt if nothing is
    /// named
    #[arg(long, conflicts_with_all = ["logs", "addresses", "transactions"])]
    state: bool,
}

pub(super) fn run(args: &RebuildArgs) -> Result<(), CliError> {
    let dir = &args.database.datadir;
    let indexes = [
        (args.logs, "logs", Index::Logs),
        (args.addresses, "addresses", Index::Addresses),
        (args.transactions, "transactions", Index::Transactions),
    ];
    let mut done = Vec::new();
    for (_, name, index) in indexes.into_iter().filter(|(wanted, ..)| *wanted) {
        database::rebuild_index(dir, index, showing(name))?;
        done.push(name);
    }
    if done.is_empty() {
        database::rebuild_state(dir, showing("state"))?;
        done.push("state");
    }
    let words = format!("Rebuilt: {}", done.join(", "));
    tell(&args.database, &json!({ "rebuilt": done }), words)
}

/// Shows how far it is.
fn showing(name: &'static str) -> impl FnMut(Rebuilding) {
    let mut progress = None;
    move |at: Rebuilding| {
        let shown = progress.get_or_insert_with(|| Progress::blocks(name, at.of));
        shown.at(at.block, at.block);
        if at.block >= at.of {
            shown.finish();
        }
    }
}
