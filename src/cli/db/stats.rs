//! `mainspring db stats`: what does the database hold?

use super::{CliError, Database, size, tell};
use crate::node::database::{self, DatabaseStats};
use clap::Args;
use std::fmt::Write;

/// What `mainspring db stats` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct StatsArgs {
    #[command(flatten)]
    database: Database,
}

pub(super) fn run(args: &StatsArgs) -> Result<(), CliError> {
    let stats = database::stats(&args.database.datadir)?;
    tell(&args.database, &stats, words(&stats))
}

fn words(stats: &DatabaseStats) -> String {
    let block = |number: Option<u64>| match number {
        Some(number) => format!("block {number}"),
        None => "none".to_owned(),
    };
    let mut text = format!(
        "Blocks:         {} to {} ({})\nState:          {} to {}\nLog index:      to {}\n\
         Address index:  to {}\n",
        stats.first,
        stats.head.number,
        stats.head.hash,
        block(stats.first_state),
        block(stats.state_head),
        block(stats.logs_indexed),
        block(stats.addresses_indexed),
    );
    if stats.in_use {
        text.push_str("A node is running on it.\n");
    }
    for environment in &stats.environments {
        let free = environment.free_pages * environment.page_bytes;
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "\n{}: {}, {} of it free\n",
            environment.name,
            size(environment.bytes),
            size(free)
        );
        for table in &environment.tables {
            let (name, rows, bytes) = (table.name, table.rows, size(table.bytes));
            let _ = writeln!(text, "  {name:<20} {rows:>14} rows {bytes:>12}");
        }
    }
    text.trim_end().to_owned()
}
