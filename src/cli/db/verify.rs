//! `mainspring db verify`: is everything what it should be?

use super::{CliError, Database, tell};
use crate::{chain::Verified, cli::Progress, node::database};
use clap::Args;
use std::fmt::Write;

/// What `mainspring db verify` takes.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    database: Database,
}

pub(super) fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let mut progress: Option<Progress> = None;
    let verified = database::verify(&args.database.datadir, |at| {
        progress.get_or_insert_with(|| Progress::blocks("verify", at.of)).at(at.done, at.block);
    })?;
    progress.iter().for_each(Progress::finish);
    tell(&args.database, &verified, words(&verified))?;
    match verified.faults.count() {
        0 => Ok(()),
        count => Err(CliError::Damaged { count, dir: args.database.datadir.clone() }),
    }
}

fn words(verified: &Verified) -> String {
    let indexed = |to: Option<u64>| to.map_or("none".to_owned(), |to| format!("to block {to}"));
    let mut text = format!(
        "Blocks:         {} to {}, {} transactions\nState:          {} accounts, {} slots, {} \
         branches at block {}\nLog index:      {}\nAddress index:  {}\n",
        verified.first,
        verified.head,
        verified.transactions,
        verified.accounts,
        verified.slots,
        verified.branches,
        verified.state_head,
        indexed(verified.logs_indexed),
        indexed(verified.addresses_indexed),
    );
    let faults = &verified.faults;
    if faults.count() == 0 {
        text.push_str("Everything is what it should be.");
        return text;
    }
    // Writing into a string does not fail.
    let _ = writeln!(text, "{} faults:", faults.count());
    for fault in faults.listed() {
        let _ = writeln!(text, "  {fault}");
    }
    if faults.count() > faults.listed().len() as u64 {
        text.push_str("  ...");
    }
    text.trim_end().to_owned()
}
