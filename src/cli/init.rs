//! `mainspring init`: a new chain from a genesis file.

use super::CliError;
use crate::node::StoredChain;
use clap::Args;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// What `mainspring init` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct InitArgs {
    /// Directory of the new chain's database
    #[arg(long, env = "MAINSPRING_DATADIR", value_name = "DIR")]
    datadir: PathBuf,
    /// Genesis file in geth's format
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
}

/// Makes the chain, or finds it made already.
pub(super) fn run(args: &InitArgs) -> Result<(), CliError> {
    let stored = StoredChain::init(&args.datadir, &args.genesis)?;
    let (chain, created) = (stored.chain(), stored.opened().created);
    let spec = &chain.spec();
    let first = chain.header(chain.first()).map_err(CliError::chain)?;
    let mut out = io::stdout().lock();
    let verb = if created { "Created" } else { "Already there" };
    let changed = |change| writeln!(out, "Adopted:      {change}");
    stored.adopted().iter().try_for_each(changed).map_err(CliError::Output)?;
    for name in spec.unread_names() {
        writeln!(out, "Not read:     config.{name} means nothing here: is it spelled right?")
            .map_err(CliError::Output)?;
    }
    let told = writeln!(out, "{verb} in {}", args.datadir.display())
        .and_then(|()| writeln!(out, "Chain id:     {}", spec.chain_id()))
        .and_then(|()| match &first {
            Some(first) => {
                writeln!(out, "Genesis hash: {}\nState root:   {}", first.seal(), first.state_root)
            }
            None => Ok(()),
        });
    stored.close()?;
    told.and_then(|()| out.flush()).map_err(CliError::Output)
}
